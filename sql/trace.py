"""One SELECT, column by column: through CTEs, subqueries and unions to the columns of tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from contracts.ids import ColumnId
from sql.graph import node_of


class Tracer:
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
            return [ColumnId(node_of(source), column.name)] if source.db else []
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


def scanned(tree: exp.Query) -> Iterator[ColumnId]:
    """Every column of a table that a SELECT names anywhere."""
    for scope in traverse_scope(tree):
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table) and source.db:
                yield ColumnId(node_of(source), column.name)
