"""What a SELECT says, apart from how it is written: two texts of one meaning give the same marks.

Comments, layout, aliases, names of CTEs, brackets, the order of conditions joined by AND and of the output columns are
no meaning. What is left is compared as it stands: a rewrite that gives the same rows by other means counts as a change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, build_scope, traverse_scope

from contracts.ids import ColumnId
from sql.graph import node_of


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a SELECT: its mark, and the columns of tables that it names."""

    mark: str
    of: frozenset[ColumnId] = frozenset()


@dataclass(frozen=True)
class Meaning:
    """What a SELECT gives: its columns by name, and which rows (FROM, joins, conditions, groups, limits)."""

    columns: dict[str, Part]
    rows: Part


def meaning(tree: exp.Query) -> Meaning:
    """The meaning of a SELECT whose columns are qualified (`sql.qualified`)."""
    scope = build_scope(tree)
    assert scope is not None
    reader = _Reader(tree)
    columns = {name: reader.column(scope, place) for place, name in enumerate(tree.named_selects)}
    return Meaning(columns, reader.rows(scope))


def is_same_expression(one: str, other: str) -> bool:
    """Whether two expressions differ in nothing but layout; of texts that do not parse, whether they are equal."""
    try:
        trees: list[exp.Expr] = [exp.maybe_parse(text, dialect="redshift") for text in (one, other)]
    except SqlglotError:
        return " ".join(one.split()) == " ".join(other.split())
    reader = _Reader(exp.select("1"))
    first, second = (reader.part(tree, None).mark for tree in trees)
    return first == second


class _Reader:
    """Marks of the scopes of one tree; each is made once."""

    def __init__(self, tree: exp.Query) -> None:
        self._scopes = {id(scope.expression): scope for scope in traverse_scope(tree)}
        self._columns: dict[tuple[int, int], Part] = {}
        self._rows: dict[int, Part] = {}

    def column(self, scope: Scope, place: int) -> Part:
        """The output column at `place`."""
        key = (id(scope.expression), place)
        if key not in self._columns:
            self._columns[key] = Part("itself")  # what a recursive CTE reads of itself
            query = _query(scope)
            if isinstance(query, exp.SetOperation):
                branches = (self.column(branch, place) for branch in scope.set_operation_scopes)
                self._columns[key] = _joined(type(query).__name__, branches)
            elif place < len(query.selects):  # else a branch of a union that is short of a column
                self._columns[key] = self.part(query.selects[place], scope)
        return self._columns[key]

    def rows(self, scope: Scope) -> Part:
        """Which rows a scope gives, and how many of each."""
        key = id(scope.expression)
        if key not in self._rows:
            self._rows[key] = Part("itself")
            self._rows[key] = _joined("rows", self._row_parts(scope))
        return self._rows[key]

    def _row_parts(self, scope: Scope) -> Iterable[Part]:
        query = _query(scope)
        if isinstance(query, exp.SetOperation):
            yield Part(f"{type(query).__name__} distinct={bool(query.args.get('distinct'))}")
            yield from (self.rows(branch) for branch in scope.set_operation_scopes)
            if query.args.get("distinct"):
                yield from (self.column(scope, place) for place in range(len(query.named_selects)))
        else:
            sources = scope.selected_sources
            for _, source in sources.values():
                yield self.rows(source) if isinstance(source, Scope) else Part(f"{source.db}.{source.name}")
            for join in query.args.get("joins") or ():
                words = " ".join(str(join.args.get(word) or "") for word in ("method", "side", "kind"))
                yield _joined(f"join {words}", [self.part(join.args.get(a), scope) for a in ("on", "using")])
            for clause in ("where", "having", "qualify"):
                yield _joined(clause, [self.part(query.args.get(clause), scope)])
            group = query.args.get("group")
            yield _joined("group", _sorted(self.part(e, scope) for e in (group.expressions if group else ())))
            alone = not group and any(a.find_ancestor(exp.Select) is query for a in query.find_all(exp.AggFunc))
            yield Part(f"one row={alone}")
            if query.args.get("distinct"):
                yield _joined("distinct", _sorted(self.column(scope, n) for n in range(len(query.selects))))
        limits = [query.args.get(clause) for clause in ("limit", "offset")]
        if any(limits):
            # Without a limit an order says nothing of the rows.
            yield _joined("limit", [self.part(node, scope) for node in (*limits, query.args.get("order"))])

    def part(self, node: Any, scope: Scope | None) -> Part:
        """Any piece of an expression: a node, a list of them, or a plain value."""
        if isinstance(node, list):
            return _joined("", [self.part(item, scope) for item in node])
        if not isinstance(node, exp.Expr):
            return Part(repr(node))
        if isinstance(node, exp.Column) and scope is not None:
            return self._reference(node, scope)
        if isinstance(node, exp.Alias | exp.Paren):
            return self.part(node.this, scope)
        if isinstance(node, exp.Query) and (inner := self._scopes.get(id(node.unnest()))):
            places = range(len(_query(inner).named_selects))
            return _joined("query", [self.rows(inner), *(self.column(inner, place) for place in places)])
        if isinstance(node, exp.And | exp.Or):
            return _joined(node.key, _sorted(self.part(item, scope) for item in node.flatten()))
        if isinstance(node, exp.EQ | exp.NEQ):
            return _joined(node.key, _sorted([self.part(node.left, scope), self.part(node.right, scope)]))
        if isinstance(node, exp.Identifier):
            return Part(node.name.lower())
        told = ((name, value) for name, value in sorted(node.args.items()) if value not in (None, False, []))
        return _joined(node.key, [_joined(name, [self.part(value, scope)]) for name, value in told])

    def _reference(self, column: exp.Column, scope: Scope) -> Part:
        """A column by the place of its table in the FROM, since a table may be read twice."""
        at: Scope | None = scope
        outwards = 0
        while at is not None and column.table not in at.selected_sources:
            at, outwards = at.parent, outwards + 1
        if at is None:
            return Part(f"column {column.table}.{column.name}")
        place = f"{'^' * outwards}{list(at.selected_sources).index(column.table)}"
        _, source = at.selected_sources[column.table]
        if isinstance(source, Scope):
            names = _query(source).named_selects
            if column.name not in names:
                return Part(f"column {place}.{column.name}")
            return _joined(place, [self.column(source, names.index(column.name))])
        of = [ColumnId(node_of(source), column.name)] if source.db else []
        return Part(f"column {place}.{source.db}.{source.name}.{column.name}", frozenset(of))


def _query(scope: Scope) -> exp.Query:
    assert isinstance(scope.expression, exp.Query)
    return scope.expression


def _joined(name: str, parts: Iterable[Part]) -> Part:
    parts = list(parts)
    text = f"{name}({'|'.join(part.mark for part in parts)})"
    # A mark stays short, however deep the CTEs lie.
    mark = text if len(text) < 200 else f"{name}#{md5(text.encode(), usedforsecurity=False).hexdigest()}"
    return Part(mark, frozenset().union(*(part.of for part in parts)))


def _sorted(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: part.mark)
