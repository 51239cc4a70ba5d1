"""Mutants of a SELECT: one small change each, made in its tree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import sqlglot
from python_mutants import Mutant
from sqlglot import exp

Change = tuple[str, Callable[[exp.Expression], exp.Expression | None]]

_SWAPPED: dict[type[exp.Expression], type[exp.Expression]] = {
    exp.EQ: exp.NEQ, exp.NEQ: exp.EQ, exp.LT: exp.LTE, exp.LTE: exp.LT, exp.GT: exp.GTE, exp.GTE: exp.GT,
    exp.Add: exp.Sub, exp.Sub: exp.Add, exp.Mul: exp.Add, exp.And: exp.Or, exp.Or: exp.And, exp.Max: exp.Min,
    exp.Min: exp.Max, exp.Sum: exp.Max, exp.Lag: exp.Lead, exp.Lead: exp.Lag, exp.FirstValue: exp.LastValue,
    exp.LastValue: exp.FirstValue, exp.Greatest: exp.Least, exp.Least: exp.Greatest,
}  # fmt: skip


def as_written(text: str) -> str:
    """The SELECT as its mutants are written."""
    return _text(sqlglot.parse_one(text, read="redshift"))


def mutants(text: str) -> Iterator[Mutant]:
    """Every mutant of a file with one SELECT, as Redshift text."""
    tree, whole = sqlglot.parse_one(text, read="redshift"), as_written(text)
    seen = {whole}
    for place, node in enumerate(tree.walk()):
        for what, change in _changes(node):
            other = tree.copy()
            target = next(n for i, n in enumerate(other.walk()) if i == place)
            old = target.sql("redshift")
            new = change(target)
            if new is not None and new is not target:
                target.replace(new)
            changed = _text(other)
            if changed not in seen:
                seen.add(changed)
                shown = (new if new is not None else target).sql("redshift")
                yield Mutant(_line(whole, changed), f"{what}: {_short(old)} → {_short(shown)}", changed + "\n")


def _changes(node: exp.Expression) -> Iterator[Change]:
    if (other := _SWAPPED.get(type(node))) is not None:
        yield type(node).__name__.lower(), lambda n: _as(n, other)
    match node:
        case exp.Connector():
            yield "half", lambda n: n.left.copy()
            yield "half", lambda n: n.right.copy()
        case exp.Not():
            yield "not", lambda n: n.this.copy()
        case exp.Is():
            yield "is", lambda n: exp.Not(this=n.copy())
        case exp.Coalesce():
            yield "coalesce", lambda n: n.this.copy()
        case exp.Nullif():
            yield "nullif", lambda n: n.this.copy()
        case exp.Ordered():
            yield "order", lambda n: _set(n, desc=not n.args.get("desc"))
        case exp.Join():
            if node.side.upper() == "LEFT":
                yield "join", lambda n: _set(n, side="")
            elif not node.side and node.kind.upper() != "CROSS":
                yield "join", lambda n: _set(n, side="LEFT", kind="")
        case exp.Literal() if not isinstance(node.parent, exp.DataTypeParam):
            if not node.is_string:
                yield "number", lambda n: exp.Literal.number(f"{int(n.name) + 1}" if n.name.isdigit() else f"1{n.name}")
            elif not isinstance(node.parent, exp.Cast):
                yield "text", lambda n: exp.Literal.string(f"{n.name}~")
        case exp.Boolean():
            yield "boolean", lambda n: exp.Boolean(this=not n.this)
        case exp.Case():
            if node.args.get("default") is not None:
                yield "no else", lambda n: _set(n, default=None)
            if len(node.args["ifs"]) > 1:
                yield "first when", lambda n: _set(n, ifs=n.args["ifs"][1:])
        case exp.Select():
            if node.args.get("distinct"):
                yield "distinct", lambda n: _set(n, distinct=None)
            for clause in ("where", "having"):
                if node.args.get(clause):
                    yield clause, lambda n, clause=clause: _set(n, **{clause: None})
        case exp.Count(this=exp.Distinct()):
            yield "distinct", lambda n: exp.Count(this=n.this.expressions[0].copy())
        # A row of constants is no other row's double: there the two kinds of UNION give the same.
        case exp.Union() if node.right.find(exp.Table):
            yield "union", lambda n: _set(n, distinct=not n.args.get("distinct"))
        case exp.Window():
            if node.args.get("partition_by"):
                yield "partition", lambda n: _set(n, partition_by=None)


def _as(node: exp.Expression, other: type[exp.Expression]) -> exp.Expression:
    return other(**{name: value for name, value in node.copy().args.items() if name in other.arg_types})


def _set(node: exp.Expression, **args: object) -> exp.Expression:
    for name, value in args.items():
        node.set(name, value)
    return node


def _text(tree: exp.Expression) -> str:
    # sqlglot writes the binds of another driver.
    return re.sub(r"%\((\w+)\)s", r":\1", tree.sql("redshift", pretty=True))


def _line(old: str, new: str) -> int:
    lines = zip(old.splitlines(), new.splitlines(), strict=False)
    return next((number for number, (a, b) in enumerate(lines, 1) if a != b), old.count("\n") + 1)


def _short(text: str) -> str:
    return text if len(text) <= 90 else f"{text[:60]} … {text[-25:]}"
