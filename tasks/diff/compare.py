"""Two revisions held against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contracts.ids import ColumnId, ConsumerId, TableId
from contracts.model import Contract
from sql import ddl
from sql.dialect import parse_select
from sql.lineage import Lineage, Reached, merged_reach
from sql.restate import definition_hash
from tasks.diff.contract_changes import contract_changes, statements
from tasks.diff.model import Change, Diff, Fault, Level, Named, SqlChange, TableDiff
from tasks.diff.revision import Revision
from tasks.diff.rule_changes import rule_changes
from tasks.diff.sql_changes import sql_change
from tasks.diff.version import advice, farewell


def compare(base: Revision, head: Revision) -> Diff:
    """Everything that differs, by table; tables that one side cannot read are left out and told."""
    tables = tuple(sorted(_tables(base, head), key=lambda diff: (-diff.level, diff.table)))
    reach, narrow = _reach(base, head, tables)
    touched = {diff.table for diff in tables} | {r.table for r in reach if isinstance(r.table, TableId)}
    checks = {name: check for name, check in head.checks.items() if check.tables & touched}
    return Diff(
        base.name,
        head.name,
        tables,
        reach,
        (*_checks(base, head), *_deployments(base, head)),
        tuple(checks),
        tuple(file for table in sorted(touched) if (file := table.case_file.as_posix()) in head.tests),
        narrow,
        (*(Fault("base", text) for text in base.faults), *(Fault("head", text) for text in head.faults)),
    )


def _tables(base: Revision, head: Revision) -> Iterator[TableDiff]:
    for table in sorted({*base.registry, *head.registry}):
        if table in base.unread or table in head.unread:
            continue
        if table not in base.registry:
            yield _added(table, head)
        elif table not in head.registry:
            yield _dropped(table, base)
        elif (diff := _changed(table, base, head)) is not None:
            yield diff


def _added(table: TableId, head: Revision) -> TableDiff:
    contract = head.registry[table]
    columns = f"{len(contract.columns)} columns, {len(head.rules.get(table, ()))} rules, load {contract.load.strategy}"
    is_raw = table.layer == "raw"
    change = Change(Level.ADDITIVE, "table", str(table), f"added: {columns}", None if is_raw else "in place")
    made = () if is_raw else (ddl.create_table(contract),)
    return TableDiff(table, "added", (change,), statements=made, is_restated=table in head.graph)


def _dropped(table: TableId, base: Revision) -> TableDiff:
    note = "files of it are expected no longer" if table.layer == "raw" else "the table that stands is left alone"
    old = base.registry[table]
    text = f"contract removed ({len(old.columns)} columns, status {old.status})"
    return TableDiff(
        table,
        "dropped",
        (Change(Level.BREAKING, "table", str(table), text, note=note),),
        advice=farewell(old.version, old.status),
    )


def _changed(table: TableId, base: Revision, head: Revision) -> TableDiff | None:
    old, new = base.registry[table], head.registry[table]
    changes = contract_changes(old, new)
    if table in base.rules and table in head.rules:
        changes += rule_changes(old, new, base.rules[table], head.rules[table])
    sql = sql_change(table, base.graph, head.graph, base.meanings.get(table), head.meanings.get(table))
    found = TableDiff(table, "changed", tuple(sorted(changes, key=lambda c: -c.level)), sql)
    told = advice(old.version, new.version, found.level)
    if not changes and sql is None and not told.fault and old.version == new.version:
        return None
    return TableDiff(
        table,
        "changed",
        found.changes,
        sql,
        told,
        tuple(statements(old, new)),
        _is_restated(table, base, head),
    )


def _is_restated(table: TableId, base: Revision, head: Revision) -> bool:
    if table not in base.graph or table not in head.graph:
        return table in head.graph
    hashes = {definition_hash(side.registry[table], side.graph.text(table)) for side in (base, head)}
    return len(hashes) > 1


def _reach(base: Revision, head: Revision, tables: Iterable[TableDiff]) -> tuple[tuple[Reached, ...], tuple[str, ...]]:
    """What is gone is looked for where it was read, what is other where it is read; and the columns too narrow now."""
    gone: set[ColumnId] = set()
    typed: set[ColumnId] = set()
    valued: set[ColumnId] = set()
    rows: set[TableId] = set()
    for diff in tables:
        table = diff.table
        before, after = base.contract(table), head.contract(table)
        if before is not None:
            gone |= {ColumnId(table, name) for name in before.names if after is None or name not in after.by_name}
        if before is None or after is None:
            continue
        for change in diff.changes:
            if change.effect == "rows":
                rows.add(table)
            elif change.effect is not None:
                (typed if change.effect == "type" else valued).add(ColumnId(table, change.name))
        if diff.sql and diff.sql.is_of_meaning:
            valued |= _of_sql(diff.sql, after)
            rows |= {table} if diff.sql.is_of_rows else set()
    if not (gone or typed or valued or rows):
        return (), ()
    now = head.lineage
    found = [now.reached(valued, rows), now.reached(typed, values_only=True)]
    if gone:
        found.append(base.lineage.reached(gone))
    return tuple(merged_reach(*found)), tuple(_narrow(base, head, now, typed))


def _narrow(base: Revision, head: Revision, now: Lineage, typed: Iterable[ColumnId]) -> Iterator[str]:
    for column in sorted(typed):
        assert isinstance(column.table, TableId)
        before, after = (side.registry[column.table].by_name[column.column].type for side in (base, head))
        for reader in sorted(now.made_from(column)):
            if isinstance(reader.table, ConsumerId):
                continue
            here = head.registry[reader.table].by_name[reader.column].type
            if here.holds(before) and not here.holds(after):
                yield f"{reader} is {here}, and is made from {column}, which is {after} now"


def _of_sql(change: SqlChange, contract: Contract) -> set[ColumnId]:
    """The columns of the table that the changed columns of its SELECT make; a history's SELECT gives a log."""
    named = {name for name in change.columns if name in contract.by_name}
    load = contract.load
    if load.strategy == "scd2" and set(change.columns) & {load.effective, *load.sequence, *load.tracked}:
        named |= {*contract.key, "effective_from", "effective_to", "is_current"} & set(contract.names)
    return {ColumnId(contract.table, name) for name in named}


def _checks(base: Revision, head: Revision) -> Iterator[Named]:
    for name in sorted({*base.checks, *head.checks}):
        if name not in base.checks:
            yield Named("check", name, "added")
        elif name not in head.checks:
            yield Named("check", name, "dropped")
        else:
            old, new = base.checks[name], head.checks[name]
            if old.text != new.text:
                same = parse_select(old.text, old.file) == parse_select(new.text, new.file)
                told = "its text only; all days are compared once" if same else "all days are compared once"
                yield Named("check", name, "changed", told)


def _deployments(base: Revision, head: Revision) -> Iterator[Named]:
    for name in sorted({*base.deployments, *head.deployments}):
        old, new = base.deployments.get(name), head.deployments.get(name)
        if old is None or new is None:
            yield Named("deployment", name, "added" if old is None else "dropped")
        elif old != new:
            keys = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
            yield Named("deployment", name, "changed", ", ".join(keys))
