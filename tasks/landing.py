"""One delivered file against its raw contract, before anything is loaded: what the gate would say of it.

Runs the rules by the same predicates as the gate and reads the file as the daily run does, but needs neither Great
Expectations nor Prefect nor a warehouse, so that a small function can run it where files land. Writes nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from contracts.model import Contract
from expectations.masking import shown
from expectations.measured import Measured, masked_extreme
from expectations.predicates import measure, samples, split
from expectations.rules import Rule, rules_of
from expectations.scorecard import scores_of
from expectations.verdicts import GateResult, RuleResult, blocked_message
from tasks.batches import is_delivered_as
from tasks.reading import LINE, Delivered, UnreadableFile, read_delivered

Verdict = Literal["accept", "accept with quarantine", "reject"]
MAX_SAMPLES = 20


@dataclass(frozen=True)
class FileVerdict:
    """What would become of a file: `rows` that can be read, `malformed` records that cannot (line, reason), `aside`
    rows that break a quarantine rule; `gate` is None, and `fault` says why, where the file cannot be read at all.

    `unchecked`: rules that need another table or Great Expectations itself. `ignored`: columns that the contract lacks.
    """

    path: Path
    contract: Contract
    gate: GateResult | None = None
    malformed: tuple[tuple[int, str], ...] = ()
    aside: int = 0
    ignored: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    fault: str = ""

    @property
    def verdict(self) -> Verdict:
        """`reject`: the daily run would load nothing of the file."""
        if self.gate is None or self.gate.blocking or self.gate.blocking_scores:
            return "reject"
        return "accept with quarantine" if self.aside or self.malformed else "accept"

    @property
    def reason(self) -> str:
        """Why the file would be rejected."""
        return blocked_message(self.gate) if self.gate and self.verdict == "reject" else self.fault

    @property
    def rows(self) -> int:
        return self.gate.rows if self.gate else 0

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON has it; personal data are masked."""
        results = self.gate.results if self.gate else ()
        return {
            "file": str(self.path),
            "table": str(self.contract.table),
            "contract_version": self.contract.version,
            "verdict": self.verdict,
            "reason": self.reason,
            "rows": self.rows,
            "rows_quarantined": self.aside,
            "records_malformed": len(self.malformed),
            "malformed": [{"line": line, "reason": reason} for line, reason in self.malformed[:MAX_SAMPLES]],
            "columns_ignored": list(self.ignored),
            "rules_not_checked": list(self.unchecked),
            "rules": [_as_dict(result) for result in results],
        }


def contract_of(name: str, contracts: Iterable[Contract]) -> Contract | None:
    """The raw contract that expects a file of this name."""
    return next((c for c in contracts if c.delivery and is_delivered_as(name, c.delivery)), None)


def check_file(path: Path, contract: Contract) -> FileVerdict:
    """Say what the daily run would do with a file at its first gate; memory stays bounded, scratch files are removed.

    What comes after that gate is not looked at: rows that do not fit the clean table, duplicates, other tables.
    """
    with tempfile.TemporaryDirectory(prefix="landing-") as scratch:
        try:
            delivered = read_delivered(path, contract, Path(scratch))
        except UnreadableFile as error:
            return FileVerdict(path, contract, fault=str(error))
        return _checked(path, contract, delivered)


def _checked(path: Path, contract: Contract, delivered: Delivered) -> FileVerdict:
    rules = rules_of(contract)
    unchecked = [rule for rule in rules if rule.needs_warehouse or rule.kind == "expectation"]
    checked = [rule for rule in rules if rule not in unchecked]
    rows = delivered.rows.select(contract.names)
    counted, *measured = measure(rows, [Rule("", "row_count", ()), *checked])
    results = _results(rows, measured, contract)
    # Only a row's own values move it aside; copies of it are told, and found by key when it is loaded.
    judged = [rule for rule in checked if rule.kind != "unique"]
    aside = split(rows, judged).broken.select(pl.len()).collect(engine="streaming").item()
    bad = delivered.malformed.select(LINE, "reason")
    return FileVerdict(
        path,
        contract,
        GateResult(contract.table, "landing", "", int(counted.observed), results, scores_of(contract, results)),
        malformed=tuple(bad.iter_rows()),
        aside=int(aside),
        ignored=delivered.ignored,
        unchecked=tuple(rule.id for rule in unchecked),
    )


def _results(rows: pl.LazyFrame, measured: list[Measured], contract: Contract) -> tuple[RuleResult, ...]:
    failed = [found.rule for found in measured if found.failed and found.rule.of_row]
    broken = samples(rows, failed, most=MAX_SAMPLES)
    examples = {
        rule.id: tuple(shown(row, contract.masks) for row in some) for rule, some in zip(failed, broken, strict=True)
    }
    return tuple(
        RuleResult(m.rule, m.evaluated, m.failed, m.success, m.observed, examples.get(m.rule.id, ()))
        for m in (masked_extreme(found, contract.masks) for found in measured)
    )


def _as_dict(result: RuleResult) -> dict[str, Any]:
    rule = result.rule
    return {
        "id": rule.id,
        "description": rule.description,
        "verdict": rule.verdict,
        "dimension": rule.dimension,
        "evaluated": result.evaluated,
        "failed": result.failed,
        "success": result.success,
        "observed": result.observed,
        "samples": list(result.samples),
    }
