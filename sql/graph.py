"""Which table is made from which: read from the SQL itself, registered nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from sqlglot import exp

from contracts.ids import BI_SCHEMA, ConsumerId, Node, TableId
from contracts.registry import Registry
from sql.dialect import SqlError, line_of, parse_select
from sql.memo import memoised

SQL_LAYERS = ("curated", "core", "mart")


class Graph:
    """The SELECT of each table, and what it reads. Tables that no SELECT makes (clean, audit) are only read."""

    def __init__(self, texts: Mapping[TableId, str]) -> None:
        """Read what every text reads; raise SqlError with the faults of all of them."""
        self._texts = dict(sorted(texts.items()))
        self._selects: dict[TableId, exp.Query] = {}
        self._upstream: dict[TableId, frozenset[TableId]] = {}
        faults: list[str] = []
        for table, text in self._texts.items():
            try:
                read = memoised("reads", text, make=partial(self._reads, table))
            except SqlError as error:
                faults += error.faults
            else:
                self._upstream[table] = frozenset(map(TableId.parse, read.split()))
        if faults:
            raise SqlError(faults)

    @classmethod
    def read(cls, root: Path, registry: Registry) -> Graph:
        """Read `root/sql/{curated,core,mart}/*.sql`; SqlError on a file without contract and on the reverse."""
        texts: dict[TableId, str] = {}
        faults: list[str] = []
        for layer in SQL_LAYERS:
            for path in sorted((root / "sql" / layer).glob("*.sql")):
                file = path.relative_to(root).as_posix()
                try:
                    table = TableId(layer, path.stem)
                except ValueError as error:
                    faults.append(f"{file}:1: {error}")
                    continue
                if table not in registry:
                    faults.append(f"{file}:1: {table} has no contract; it should stand in {table.contract_file}")
                texts[table] = path.read_text(encoding="utf-8")
        for table in registry:
            if table.layer in SQL_LAYERS and table not in texts:
                faults.append(f"{table.contract_file}:1: {table} has no SELECT; it should stand in {table.sql_file}")
        if faults:
            raise SqlError(faults)
        graph = cls(texts)
        graph.order()
        return graph

    def __contains__(self, table: TableId) -> bool:
        return table in self._texts

    @property
    def tables(self) -> tuple[TableId, ...]:
        """The tables that a SELECT makes, by name."""
        return tuple(self._texts)

    def text(self, table: TableId) -> str:
        """The file's text, as written."""
        self._known(table)
        return self._texts[table]

    def select(self, table: TableId) -> exp.Query:
        """The file's SELECT; a copy, free to be changed."""
        return self._parsed(table).copy()

    def upstream(self, table: TableId) -> frozenset[TableId]:
        """The tables that this one's SELECT reads; none for a table that no SELECT makes."""
        return self._upstream.get(table, frozenset())

    def downstream(self, table: TableId) -> frozenset[TableId]:
        """The tables whose SELECT reads this one."""
        return frozenset(t for t, read in self._upstream.items() if table in read)

    def order(self, tables: Iterable[TableId] | None = None) -> list[TableId]:
        """Tables that a SELECT makes (all, or those given), each after what it reads; SqlError names a circle."""
        sorter: TopologicalSorter[TableId] = TopologicalSorter()
        for table, read in self._upstream.items():
            sorter.add(table, *sorted(t for t in read if t in self._texts))
        try:
            ordered = list(sorter.static_order())
        except CycleError as error:
            circle = list(reversed(error.args[1]))
            names = " -> ".join(str(t) for t in circle)
            raise SqlError([f"{circle[0].sql_file}:1: tables are made from each other: {names}"]) from error
        wanted = None if tables is None else set(tables)
        return [t for t in ordered if wanted is None or t in wanted]

    def reach(self, tables: Iterable[TableId], *, down: bool) -> set[TableId]:
        """The given tables and all that lie downstream (or upstream) of them, however far."""
        seen: set[TableId] = set()
        ahead = list(tables)
        while ahead:
            table = ahead.pop()
            if table not in seen:
                seen.add(table)
                ahead += self.downstream(table) if down else self.upstream(table)
        return seen

    def _parsed(self, table: TableId) -> exp.Query:
        self._known(table)
        if table not in self._selects:
            self._selects[table] = parse_select(self._texts[table], str(table.sql_file))
        return self._selects[table]

    def _reads(self, table: TableId) -> str:
        return " ".join(sorted(map(str, read_by(self._parsed(table), str(table.sql_file)))))

    def _known(self, table: TableId) -> None:
        if table not in self._texts:
            raise SqlError([f"{table.sql_file}:1: no such file; {table} is not made by a SELECT"])


def node_of(table: exp.Table) -> Node:
    """What a scan reads: a table, or a view for BI tools; ValueError where it names another schema or none."""
    if table.db == BI_SCHEMA:
        return ConsumerId("bi", table.name)
    return TableId.parse(f"{table.db}.{table.name}" if table.db else table.name)


def read_by(select: exp.Query, file: str = "<sql>") -> set[TableId]:
    """The tables that a SELECT scans; SqlError for one without schema that is no CTE, or of an unknown layer."""
    found: set[TableId] = set()
    faults: list[str] = []
    ctes = {cte.alias for cte in select.find_all(exp.CTE)}
    for node in select.find_all(exp.Table):
        if not node.db and node.name in ctes:
            continue
        try:
            found.add(TableId.parse(f"{node.db}.{node.name}" if node.db else node.name))
        except ValueError as error:
            faults.append(f"{file}:{line_of(node)}: {error}")
    if faults:
        raise SqlError(faults)
    return found
