"""The gate: a table's contract against a batch of it, on the lake or in the warehouse."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from contracts.ids import TableId
from contracts.model import Contract
from expectations import audits
from expectations.compiler import expectation_json, load_suite, suite_json
from expectations.expressions import References, Unsupported
from expectations.flat_engine import BatchData, FlatEngine
from expectations.measured import of_missing_column
from expectations.polars_engine import PolarsBatch, PolarsExecutionEngine
from expectations.predicates import absent
from expectations.rules import Rule, rules_of
from expectations.scorecard import scores_of
from expectations.validation import PreparedSuite, samples_of, stored_result, uncheckable
from expectations.verdicts import GateBlocked, GateResult, RuleNotRun, RuleResult
from expectations.warehouse_engine import Query, RelationBatch, WarehouseExecutionEngine

__all__ = ["Gate", "GateBlocked", "GateResult", "RuleResult"]

# Great Expectations sends every warning of the process to its log when it is imported.
logging.captureWarnings(False)
logging.getLogger("great_expectations").setLevel(logging.ERROR)

Only = Callable[[Rule], bool]


class Gate:
    """Checks tables against their contracts; keeps audits in `directory` for Data Docs (`expectations.audits`)."""

    def __init__(self, registry: Mapping[TableId, Contract], directory: Path) -> None:
        self.registry, self.directory = registry, directory
        self._lock = threading.Lock()
        self._rules: dict[TableId, tuple[Contract, tuple[Rule, ...]]] = {}
        self._suites: dict[tuple[str, ...], PreparedSuite] = {}

    def check_frame(
        self,
        contract: Contract,
        frame: pl.LazyFrame | pl.DataFrame,
        *,
        run_id: str,
        batch_id: str,
        references: References | None = None,
        only: Only | None = None,
        blank_is_null: bool | None = None,
    ) -> GateResult:
        """Check a frame; a foreign key needs its table in `references`, or must be left out by `only`.

        Blank text of a raw table counts as NULL; `blank_is_null=False` says that it is NULL already.
        """
        blank = contract.table.layer == "raw" if blank_is_null is None else blank_is_null
        data = PolarsBatch(frame.lazy(), references=references, masks=contract.masks, blank_is_null=blank)
        return self._check(contract, data, PolarsExecutionEngine, "lake", run_id, batch_id, only)

    def check_relation(
        self,
        contract: Contract,
        relation: str,
        query: Query,
        *,
        run_id: str,
        batch_id: str,
        only: Only | None = None,
        name_of: Callable[[str], str] = str,
    ) -> GateResult:
        """Check a relation of the warehouse; `query` takes Redshift SQL, `name_of` names the tables of foreign keys."""
        raw = contract.table.layer == "raw"
        data = RelationBatch(relation, query, masks=contract.masks, blank_is_null=raw, name_of=name_of)
        return self._check(contract, data, WarehouseExecutionEngine, "warehouse", run_id, batch_id, only)

    def _check(
        self,
        contract: Contract,
        data: BatchData,
        engine: type[FlatEngine],
        place: str,
        run_id: str,
        batch_id: str,
        only: Only | None,
    ) -> GateResult:
        started = time.perf_counter()
        with self._lock:
            rules = [rule for rule in self._rules_of(contract) if only is None or only(rule)]
        if not rules:
            raise Unsupported(f"{contract.table}: no rule is left to check; a gate that checks nothing is an error")
        present = set(data.known_columns(contract.names))
        # A query may read any column; with one of them gone, `columns` fails and says so.
        whole = present.issuperset(contract.names)
        checkable = [r for r in rules if not absent(r, present) and (whole or r.kind != "sql")]
        with self._lock:
            suite = self._suite(contract, checkable, engine)
        try:
            results = suite.run(data)
        except Unsupported as error:
            raise RuleNotRun(contract.table, self._faults(contract, checkable, engine, data) or [str(error)]) from error
        rows = data.rows
        found = {rule.id: _read(rule, result) for rule, result in zip(checkable, results, strict=True)}
        for rule in rules:
            if rule.id not in found:
                gone = absent(rule, present) or [c for c in contract.names if c not in present]
                missing = of_missing_column(rule, rows, gone)
                found[rule.id] = RuleResult(rule, missing.evaluated, missing.failed, False, missing.observed)
                results.append(uncheckable(expectation_json(rule, contract), missing.observed))
        self._keep(contract, place, suite.name, results, run_id=run_id, batch_id=batch_id)
        ordered = tuple(found[rule.id] for rule in rules)
        scores = scores_of(contract, ordered)
        return GateResult(contract.table, run_id, batch_id, rows, ordered, scores, time.perf_counter() - started)

    def _faults(
        self, contract: Contract, rules: Iterable[Rule], engine: type[FlatEngine], data: BatchData
    ) -> list[str]:
        """Which rules cannot be checked, each tried alone."""
        faults = []
        for rule in rules:
            try:
                self._suite(contract, [rule], engine).run(data)
            except Unsupported as error:
                faults.append(f"{rule.where}: {rule.id}: {error}")
        return faults

    def _rules_of(self, contract: Contract) -> tuple[Rule, ...]:
        known = self._rules.get(contract.table)
        if known is None or known[0] is not contract:
            known = self._rules[contract.table] = (contract, rules_of(contract))
            self._suites = {key: suite for key, suite in self._suites.items() if key[0] != str(contract.table)}
        return known[1]

    def _suite(self, contract: Contract, rules: Iterable[Rule], engine: type[FlatEngine]) -> PreparedSuite:
        wanted = [rule.id for rule in rules]
        key = (str(contract.table), engine.__name__, *wanted)
        if key not in self._suites:
            whole = suite_json(contract)
            by_id = {e["meta"]["rule_id"]: e for e in whole["expectations"]}
            part = {**whole, "expectations": [by_id[rule_id] for rule_id in wanted]}
            self._suites[key] = PreparedSuite(load_suite(part), engine)
        return self._suites[key]

    def _keep(self, contract: Contract, place: str, name: str, results: list[Any], **ids: str) -> None:
        body = stored_result(name, results, source=place, **ids)
        with self._lock:  # two files of a table may be checked at once
            audits.keep(self.directory, contract.table, place, body)


def _read(rule: Rule, result: Any) -> RuleResult:
    """One of Great Expectations' results as ours."""
    body = result.result
    # An expectation of Great Expectations' own may be about rows, too.
    if not rule.of_row and "unexpected_count" not in body:
        observed = body.get("observed_value")
        if rule.kind == "columns":
            observed = _difference(rule, observed)
        said = 0 if observed is None and result.success else 1
        return RuleResult(rule, said, int(not result.success), bool(result.success), observed)
    evaluated = body["element_count"] - (body.get("missing_count") or 0)
    return RuleResult(rule, evaluated, body["unexpected_count"], bool(result.success), None, samples_of(result))


def _difference(rule: Rule, found: list[str]) -> str:
    promised = rule.args["names"]
    parts = {"missing": set(promised) - set(found), "not promised": set(found) - set(promised)}
    return "; ".join(f"{what}: {', '.join(sorted(names))}" for what, names in parts.items() if names) or "as promised"
