"""The warehouse's tables and views follow their contracts: what lacks is added, what grew is widened, else refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import polars as pl

from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from sql import ddl, migration
from sql.migration import Alteration, Breaking, Change, Recorded, Relation, Standing
from sql.views import View
from tasks import bi
from tasks.bi import ViewPlan
from tasks.warehouse import Warehouse

HISTORY = TableId("audit", "schema_change")
_LONGEST = 60_000


class SchemaMismatch(RuntimeError):
    """Tables differ from their contracts in what no statement can mend without a loss; nothing was written."""


class CopyLostRows(RuntimeError):
    """A copy of a table has not all of its rows; the table stays as it was."""


@dataclass(frozen=True)
class Plan:
    """What must happen so that the warehouse has the contracts' tables, and the views of them.

    `missing` are to be made, `alterations` to be altered, `refusals` stand against all of it. `unrecorded` tables
    stand, but `audit.schema_change` does not know them yet. `standing`: the tables and columns that are there.
    """

    missing: tuple[Relation, ...]
    alterations: tuple[Alteration, ...]
    refusals: tuple[Breaking, ...]
    unrecorded: tuple[Contract, ...]
    standing: Mapping[str, Mapping[str, Standing]]
    views: ViewPlan = field(default_factory=ViewPlan)

    @property
    def changes(self) -> list[Change]:
        return [change for alteration in self.alterations for change in alteration.changes]

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is refused."""
        return not (self.missing or self.alterations or self.refusals or self.views)


def plan(warehouse: Warehouse, registry: Registry) -> Plan:
    """Compare every table with its contract; reads only."""
    standing = warehouse.columns()
    history, made = _history(warehouse, standing)
    missing: list[Relation] = []
    alterations: list[Alteration] = []
    refusals: list[Breaking] = []
    for contract in registry.values():
        for relation in migration.relations(contract):
            if relation.name not in standing:
                missing.append(relation)
                continue
            stands, name = standing[relation.name], relation.name
            changes, refused = migration.compare(
                relation, stands, history.get(name, {}), is_loaded=lambda name=name: _has_rows(warehouse, name)
            )
            refusals += refused
            if changes:
                alterations.append(Alteration(relation, stands, tuple(changes)))
    # The history is altered first, since it records the others.
    alterations.sort(key=lambda alteration: alteration.relation.name != str(HISTORY))
    unrecorded = [c for c in registry.values() if str(c.table) in standing and str(c.table) not in history]
    known = unrecorded if HISTORY in registry else []
    touched = [relation.name for relation in (*missing, *(a.relation for a in alterations))]
    shown = bi.plan(warehouse, registry, made, touched)
    return Plan(tuple(missing), tuple(alterations), tuple(refusals), tuple(known), standing, shown)


def apply(warehouse: Warehouse, registry: Registry, plan: Plan, *, run_id: str, at: datetime) -> list[str]:
    """Carry a plan out, each table by itself; returns what was altered in tables that stood, a line each.

    Raises SchemaMismatch before anything is written. After a kill, what is left is planned anew.
    """
    if plan.refusals:
        raise SchemaMismatch("\n".join(str(refusal) for refusal in plan.refusals))
    history = _Recorder(warehouse, HISTORY in registry, run_id, at)
    own = [a for a in plan.alterations if a.relation.name == str(HISTORY)]
    # A run that is killed before they stand again leaves the next one to make them: they are missing then.
    if in_the_way := plan.views.in_the_way({a.relation.name for a in plan.alterations}):
        warehouse.transaction(partial(_run, warehouse, in_the_way))
    for alteration in own:
        _alter(warehouse, alteration, history)
    if plan.missing or plan.unrecorded:
        warehouse.transaction(partial(_create, warehouse, plan, history))
    for alteration in plan.alterations:
        if alteration not in own:
            _alter(warehouse, alteration, history)
    if plan.views:
        warehouse.transaction(partial(_show, warehouse, plan.views, history))
    return [f"{change}{f' ({change.note})' if change.note else ''}" for change in plan.changes]


def _create(warehouse: Warehouse, plan: Plan, history: _Recorder) -> None:
    rows: list[dict[str, object]] = []
    for statement in ddl.create_schemas() if plan.missing else ():
        warehouse.execute(statement)
    for relation in plan.missing:
        warehouse.execute(relation.create())
    for relation in plan.missing:
        if relation.is_queue:
            continue
        rows.append(history.row(relation.contract, "created", [relation.create()]))
        # Somebody dropped the table, maybe: it is computed whole again, though its definition is what it was.
        if ddl.is_queued(relation.contract) and "definition_hash" in plan.standing.get("audit.table_build", {}):
            statement = "UPDATE audit.table_build SET definition_hash = '' WHERE table_name = :table_name"
            warehouse.execute(statement, table_name=relation.name)
    altered = {alteration.relation.name for alteration in plan.alterations}
    for contract in plan.unrecorded:
        if str(contract.table) not in altered:
            rows.append(history.row(contract, "found as the contract has it", []))
    history.write(rows)


def _run(warehouse: Warehouse, statements: list[str]) -> None:
    for statement in statements:
        warehouse.execute(statement)


def _show(warehouse: Warehouse, plan: ViewPlan, history: _Recorder) -> None:
    _run(warehouse, plan.statements())
    history.write([history.view_row(view) for view in plan.make])


def _alter(warehouse: Warehouse, alteration: Alteration, history: _Recorder) -> None:
    """What cannot stand in a transaction comes first: a kill after it leaves less to do, and the record comes last."""
    steps = alteration.steps(warehouse.engine)
    for step in steps:
        if step.alone:
            warehouse.execute(step.sql)

    def alter() -> None:
        for step in steps:
            if step.check and (lost := warehouse.scalar(step.sql)):
                raise CopyLostRows(f"{alteration.relation.name}: its copy has {lost} rows less; it stays as it was")
            if not (step.alone or step.check):
                warehouse.execute(step.sql)
        if not alteration.relation.is_queue:
            told = "; ".join(str(change).partition(": ")[2] for change in alteration.changes)
            history.write([history.row(alteration.relation.contract, told, [step.sql for step in steps])])

    warehouse.transaction(alter)


@dataclass(frozen=True)
class _Recorder:
    """Makes and writes rows of `audit.schema_change`: one per table and run, written with what they tell."""

    warehouse: Warehouse
    is_kept: bool
    run_id: str
    at: datetime

    def row(self, contract: Contract, change: str, statements: list[str]) -> dict[str, object]:
        return {
            "run_id": self.run_id,
            "table_name": str(contract.table),
            "change": change[:_LONGEST],
            "statements": ";\n".join(statements)[:_LONGEST] or None,
            "column_list": migration.definition(contract),
            "contract_version": contract.version,
            "applied_at": self.at,
        }

    def view_row(self, view: View) -> dict[str, object]:
        shown = replace(view.contract, columns=view.columns)
        row = self.row(shown, f"view of {view.table} made", [bi.recorded_statements(view)])
        return {**row, "table_name": view.name}

    def write(self, rows: list[dict[str, object]]) -> None:
        if self.is_kept and rows:
            self.warehouse.insert_rows(str(HISTORY), list(rows[0]), rows)


def _history(
    warehouse: Warehouse, standing: Mapping[str, object]
) -> tuple[dict[str, dict[str, Recorded]], dict[str, str]]:
    """The columns of each table as they were last declared, and MD5 of the statements that made each view."""
    if str(HISTORY) not in standing:
        return {}, {}
    rows: pl.DataFrame = warehouse.query(
        f"SELECT table_name, column_list, MD5(statements) AS statements_hash FROM {HISTORY} ORDER BY applied_at, run_id"
    )
    declared = {name: columns for name, columns, _ in rows.iter_rows() if not bi.is_view(name)}
    made = {name: hash_ for name, _, hash_ in rows.iter_rows() if bi.is_view(name)}
    return {name: migration.read_definition(columns) for name, columns in declared.items()}, made


def _has_rows(warehouse: Warehouse, table: str) -> bool:
    return warehouse.query(f"SELECT 1 AS present FROM {table} LIMIT 1").height > 0
