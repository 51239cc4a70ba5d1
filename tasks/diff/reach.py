"""Whom a change reaches: columns made from what changed, and tables whose rows may be others for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from contracts.ids import TableId
from sql.dialect import SqlError
from sql.lineage import ColumnId, Lineage
from tasks.diff.model import Reached
from tasks.diff.revision import Revision

# By table: the columns, whether its rows, and through what.
Found = dict[TableId, tuple[set[str], bool, set[ColumnId | TableId]]]


class Currents:
    """Which column and which table's rows each column flows into, at one revision."""

    def __init__(self, revision: Revision) -> None:
        registry, graph = revision.registry, revision.graph
        self.into: dict[ColumnId, set[ColumnId]] = defaultdict(set)
        self.rows_of: dict[ColumnId, set[TableId]] = defaultdict(set)
        self.readers: dict[TableId, set[TableId]] = defaultdict(set)
        lineage = Lineage(graph, registry)
        for table, meaning in revision.meanings.items():
            if table not in registry:
                continue
            contract = registry[table]
            for read in graph.upstream(table):
                self.readers[read].add(table)
            try:
                for name in contract.names:
                    for source in lineage.sources(table, name):
                        self.into[source].add(ColumnId(table, name))
            except (SqlError, KeyError):
                continue  # a history whose log lacks a column: told by `dw check`
            for source in meaning.rows.of:
                self.rows_of[source].add(table)
            if contract.load.strategy == "scd2":
                # Where a version begins and ends decides which rows there are.
                for name in contract.key:
                    for source in lineage.sources(table, name):
                        self.rows_of[source].add(table)
        for contract in registry.layer("clean"):
            delivered = TableId("raw", contract.table.name)
            self.readers[delivered].add(contract.table)
            for column in contract.columns:
                source = column.source or column.business_date_of or column.name
                if delivered in registry and source in registry[delivered].by_name:
                    self.into[ColumnId(delivered, source)].add(ColumnId(contract.table, column.name))


def reached(
    currents: Currents, columns: Iterable[ColumnId], rows: Iterable[TableId], *, values_only: bool = False
) -> Found:
    """Every table that changed columns and rows reach, however far: columns made of them, whether its rows, by what.

    Where a table's rows change, so may those of all that read it. `values_only`: what joins and filters by a column
    stays, since its values do.
    """
    start: set[ColumnId | TableId] = {*columns, *rows}
    found: Found = {}
    seen, ahead = set(start), list(start)

    def reach(at: ColumnId | TableId, by: ColumnId | TableId) -> None:
        table, name = (at.table, at.column) if isinstance(at, ColumnId) else (at, None)
        names, is_of_rows, through = found.get(table, (set(), False, set()))
        names |= {name} if name else set()
        found[table] = names, is_of_rows or name is None, through | {by}
        if at not in seen:
            seen.add(at)
            ahead.append(at)

    while ahead:
        at = ahead.pop()
        if isinstance(at, TableId):
            for table in currents.readers[at]:
                reach(table, at)
        else:
            for column in currents.into[at]:
                reach(column, at)
            for table in () if values_only else currents.rows_of[at]:
                reach(table, at)
    return found


def merged(*found: Found) -> tuple[Reached, ...]:
    """What several revisions say, as one list by table."""
    tables: Found = {}
    for one in found:
        for table, (names, is_of_rows, through) in one.items():
            old = tables.get(table, (set(), False, set()))
            tables[table] = old[0] | names, old[1] or is_of_rows, old[2] | through
    return tuple(
        Reached(table, tuple(sorted(names)), is_of_rows, tuple(sorted(through, key=str)))
        for table, (names, is_of_rows, through) in sorted(tables.items())
    )
