"""`dw import`: a draft is made, held against the data that it was made from, and written where no contract lies."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from contracts.ids import TableId
from contracts.model import Contract
from contracts.reader import read_contract
from expectations.measured import Measured
from expectations.predicates import measure
from expectations.predicates_sql import suite_select
from expectations.rules import Rule, rules_of
from tasks.draft.document import Draft, text_of
from tasks.draft.file import draft_file
from tasks.draft.relation import draft_table
from tasks.landing import FileVerdict, check_file
from tasks.warehouse.base import Warehouse

# The columns that cleaning adds: a file has them not yet.
_ADDED = ("row_hash", "delivery_date", "batch_id", "source_line")


@dataclass(frozen=True)
class Drafted:
    """A draft as text, and what its own data say to it. `broken`: rules that they break; `unchecked`: and why not."""

    draft: Draft
    contract: Contract
    text: str
    checked: int
    broken: tuple[Measured, ...]
    unchecked: str = ""
    verdict: FileVerdict | None = None

    @property
    def passes(self) -> bool:
        """Whether the data that it was drafted from keep every rule of it."""
        return not self.broken and (self.verdict is None or self.verdict.verdict == "accept")


def from_file(path: Path, table: TableId) -> Drafted:
    """Draft a contract for a file; of a raw table the file is then validated as `dw validate` does it."""
    with tempfile.TemporaryDirectory(prefix="draft-") as folder:
        draft, rows = draft_file(path, table, Path(folder))
        text = text_of(draft)
        contract = read(text, table)
        if table.layer == "raw":
            verdict = check_file(path, contract)
            results = verdict.gate.results if verdict.gate else ()
            broken = tuple(Measured(r.rule, r.evaluated, r.failed) for r in results if not r.success)
            return Drafted(draft, contract, text, len(rules_of(contract)), broken, verdict=verdict)
        return _judged(draft, contract, text, rows)


def from_table(warehouse: Warehouse, name: str, table: TableId) -> Drafted:
    """Draft a contract for a table of the warehouse, and audit the table by it as a gate would."""
    draft = draft_table(warehouse, name, table)
    text = text_of(draft)
    contract = read(text, table)
    # What was left out or is declared otherwise cannot be equal; values are what counts here.
    rules = [rule for rule in rules_of(contract) if rule.kind not in ("columns", "types") and not _is_added(rule)]
    if not rules:
        return Drafted(draft, contract, text, 0, (), "columns and types")
    select = suite_select(rules, name)
    _, measured, _ = select.read(warehouse.query(select.text))
    broken = tuple(m for m in measured if not m.success)
    return Drafted(draft, contract, text, len(rules), broken, "the declared columns and types")


def read(text: str, table: TableId, *, validate: bool = True) -> Contract:
    """The contract that a text makes, validated against the standard unless that was done; raises ContractError."""
    with tempfile.TemporaryDirectory(prefix="draft-") as folder:
        path = Path(folder) / "draft.yaml"
        path.write_text(text, encoding="utf-8")
        return read_contract(path, file=str(table.contract_file), validate=validate)


def write(root: Path, table: TableId, text: str) -> Path:
    """Write a contract where it belongs; raises ValueError where one lies already, and leaves that as it is."""
    path = root / table.contract_file
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as handle:
            handle.write(text)
    except FileExistsError as error:
        raise ValueError(f"{table.contract_file} is there already and was left as it is; --to names another") from error
    return path


def _judged(draft: Draft, contract: Contract, text: str, rows: pl.LazyFrame) -> Drafted:
    rules = [rule for rule in rules_of(contract) if rule.kind != "columns" and not _is_added(rule)]
    measured = measure(rows, [_without_added(rule) for rule in rules])
    broken = tuple(m for m in measured if not m.success)
    return Drafted(draft, contract, text, len(rules), broken)


def _is_added(rule: Rule) -> bool:
    return bool(rule.columns) and set(rule.columns) <= set(_ADDED)


def _without_added(rule: Rule) -> Rule:
    if rule.kind != "types":
        return rule
    types = {name: type_ for name, type_ in rule.args["types"].items() if name not in _ADDED}
    return replace(rule, args={"types": types})
