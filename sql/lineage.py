"""Which column is made from which, through CTEs, subqueries and unions, over one table or the whole graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, build_scope, traverse_scope

from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from sql.graph import Graph
from sql.qualified import qualified
from sql.scd2 import INTERVAL


@dataclass(frozen=True, order=True, slots=True)
class ColumnId:
    """One column of one table."""

    table: TableId
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


class Lineage:
    """Column lineage of a graph; every SELECT is traced once. SqlError on a table or column that the SQL misnames."""

    def __init__(self, graph: Graph, registry: Registry) -> None:
        self._graph, self._registry = graph, registry
        self._of: dict[TableId, dict[str, frozenset[ColumnId]]] = {}

    def sources(self, table: TableId, column: str) -> frozenset[ColumnId]:
        """The columns that a column's value is made from, one table up; none for a constant or a delivered table."""
        return self._traced(table).get(column, frozenset())

    def upstream(self, table: TableId, column: str) -> list[ColumnId]:
        """All columns, up to the delivered ones, that a column's value is made from; by table and name."""
        return _reach(ColumnId(table, column), lambda at: self.sources(at.table, at.column))

    def downstream(self, table: TableId, column: str) -> list[ColumnId]:
        """All columns, down to the marts, whose value is made from a column; by table and name."""
        return _reach(ColumnId(table, column), lambda at: self._made_from.get(at, frozenset()))

    def readers(self, table: TableId, column: str) -> list[TableId]:
        """The tables whose SELECT names a column, be it in a filter or a join only: what breaks when it goes."""
        return [
            other for other in sorted(self._graph.downstream(table)) if ColumnId(table, column) in self._read[other]
        ]

    @cached_property
    def _made_from(self) -> dict[ColumnId, frozenset[ColumnId]]:
        turned: dict[ColumnId, set[ColumnId]] = {}
        for table in self._graph.tables:
            for column, sources in self._traced(table).items():
                for source in sources:
                    turned.setdefault(source, set()).add(ColumnId(table, column))
        return {source: frozenset(columns) for source, columns in turned.items()}

    @cached_property
    def _read(self) -> dict[TableId, frozenset[ColumnId]]:
        return {t: frozenset(_scanned(qualified(self._graph, self._registry, t))) for t in self._graph.tables}

    def _traced(self, table: TableId) -> dict[str, frozenset[ColumnId]]:
        if table not in self._of:
            self._of[table] = self._trace(table) if table in self._graph else {}
        return self._of[table]

    def _trace(self, table: TableId) -> dict[str, frozenset[ColumnId]]:
        tree = qualified(self._graph, self._registry, table)
        scope = build_scope(tree)
        assert scope is not None
        tracer = _Tracer()
        made = {name: tracer.columns(scope, i) for i, name in enumerate(tree.named_selects)}
        contract = self._registry[table]
        return _of_history(made, contract) if contract.load.strategy == "scd2" else made


def upstream_columns(graph: Graph, registry: Registry, table: TableId, column: str) -> list[ColumnId]:
    """All columns that a column's value is made from. For more than one question keep a `Lineage`."""
    return Lineage(graph, registry).upstream(table, column)


def downstream_columns(graph: Graph, registry: Registry, table: TableId, column: str) -> list[ColumnId]:
    """All columns whose value is made from a column. For more than one question keep a `Lineage`."""
    return Lineage(graph, registry).downstream(table, column)


def _of_history(log: dict[str, frozenset[ColumnId]], contract: Contract) -> dict[str, frozenset[ColumnId]]:
    """From the change log's columns to the history's: what `scd2.versions` wraps around it."""
    load = contract.load
    assert load.increment is not None
    durable, effective = log[load.increment.key], log[load.effective or ""]
    # Where a version begins depends on what is tracked, and on which of several rows at one instant counts.
    opening = effective.union(*(log[n] for n in (*load.tracked, *load.sequence)))
    out = {name: log[name] for name in (load.increment.key, *load.tracked, *load.overwrite)}
    out |= dict.fromkeys(INTERVAL, opening)
    return out | dict.fromkeys(contract.key, durable | opening)


class _Tracer:
    """Follows output columns of scopes to the columns of tables; each is followed once."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], frozenset[ColumnId]] = {}

    def columns(self, scope: Scope, position: int) -> frozenset[ColumnId]:
        """The table columns behind the output column at `position` of a scope."""
        at = (id(scope), position)
        if at not in self._made:
            self._made[at] = frozenset()  # what a recursive CTE adds to itself
            self._made[at] = frozenset(self._follow(scope, position))
        return self._made[at]

    def _follow(self, scope: Scope, position: int) -> Iterator[ColumnId]:
        query = scope.expression
        if isinstance(query, exp.SetOperation):
            for branch in scope.set_operation_scopes:
                yield from self.columns(branch, position)
        elif isinstance(query, exp.Query) and position < len(query.selects):  # a union's branch may be short of one
            for column in query.selects[position].find_all(exp.Column):
                # A subquery inside the expression has a scope of its own, which knows the names that its columns use.
                yield from self._behind(column, _scope_of(column, scope))

    def _behind(self, column: exp.Column, scope: Scope) -> Iterable[ColumnId]:
        source = scope.sources.get(column.table)
        if isinstance(source, exp.Table):
            return [ColumnId(TableId.parse(f"{source.db}.{source.name}"), column.name)] if source.db else []
        if source is not None and isinstance(source.expression, exp.Query):
            names = source.expression.named_selects
            if column.name in names:
                return self.columns(source, names.index(column.name))
        return []


def _scope_of(column: exp.Column, scope: Scope) -> Scope:
    query = column.find_ancestor(exp.Select)
    if query is scope.expression:
        return scope
    inner = (nested for subquery in scope.subquery_scopes for nested in subquery.traverse())
    return next((nested for nested in inner if nested.expression is query), scope)


def _scanned(tree: exp.Query) -> Iterator[ColumnId]:
    """Every column of a table that a SELECT names anywhere."""
    for scope in traverse_scope(tree):
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table) and source.db:
                yield ColumnId(TableId.parse(f"{source.db}.{source.name}"), column.name)


def _reach(start: ColumnId, step: Callable[[ColumnId], Iterable[ColumnId]]) -> list[ColumnId]:
    seen: set[ColumnId] = set()
    ahead = [start]
    while ahead:
        for column in step(ahead.pop()):
            if column not in seen:
                seen.add(column)
                ahead.append(column)
    return sorted(seen)
