"""A tree that was read as Redshift, as PostgreSQL text: what sqlglot would say otherwise than Redshift means it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlglot import exp

_T = exp.DataType.Type
_TEXT = {_T.VARCHAR, _T.NVARCHAR, _T.TEXT, _T.CHAR, _T.NCHAR, _T.BPCHAR}
# What sqlglot finds odd on PostgreSQL is changed or refused here.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def to_postgres(tree: exp.Expr) -> str:
    """PostgreSQL's text of one statement; names are folded to lower case, also quoted ones, and quoted."""
    # From the leaves up: what has been changed may stand in what is to be changed.
    for node in reversed(list(tree.walk())):
        change = _CHANGES.get(type(node))
        if change is None or (changed := change(node)) is node:
            continue
        if node is tree:
            tree = changed
        else:
            node.replace(changed)
    if isinstance(tree, exp.Create | exp.Alter):
        _tables(tree)
    for name in tree.find_all(exp.Identifier):
        name.set("this", name.name.lower())
        name.set("quoted", True)
    return tree.sql(dialect="postgres")


def _call(name: str, *arguments: exp.Expr | None) -> exp.Anonymous:
    return exp.Anonymous(this=f"redshift.{name}", expressions=[a for a in arguments if a is not None])


def _unit(node: exp.Expr) -> exp.Literal:
    name = node.text("unit").lower().rstrip("s") or "day"
    return exp.Literal.string(_UNITS.get(name, name))


_UNITS = {
    **{"y": "year", "yr": "year", "yy": "year", "qtr": "quarter", "mon": "month", "mm": "month", "w": "week"},
    **{
        "d": "day",
        "dd": "day",
        "h": "hour",
        "hr": "hour",
        "hh": "hour",
        "m": "minute",
        "min": "minute",
        "mi": "minute",
    },
    **{"s": "second", "sec": "second", "ss": "second", "ms": "millisecond", "us": "microsecond"},
}


def _bind(node: exp.Expr) -> exp.Expr:
    return exp.Var(this=f"${node.name[1:]}") if node.name[1:].isdigit() else node


def _try_cast(node: exp.Expr) -> exp.Expr:
    to = _type(node.args["to"].copy())
    if to.this in _TEXT:
        return exp.Cast(this=node.this, to=to)
    # PostgreSQL's own reader tells whether it would read the text; the value is only read if so.
    # A constant would be read while the statement is planned, whatever the condition says.
    of = _call("held", node.this) if isinstance(node.this, exp.Literal) else node.this.copy()
    value = exp.Cast(this=of, to=exp.DataType(this=_T.TEXT))
    valid = exp.Anonymous(this="pg_input_is_valid", expressions=[value, exp.Literal.string(to.sql("postgres").lower())])
    return exp.Case(ifs=[exp.If(this=valid, true=exp.Cast(this=value.copy(), to=to))])


def _extract(node: exp.Expr) -> exp.Expr:
    if isinstance(node.parent, exp.Trunc):
        return node
    whole = exp.Trunc(this=exp.Extract(this=node.this, expression=node.expression))
    return exp.Cast(this=whole, to=exp.DataType(this=_T.BIGINT if node.name.lower() == "epoch" else _T.INT))


def _concat(node: exp.Expr) -> exp.Expr:
    first, *rest = node.expressions
    for other in rest:
        first = exp.DPipe(this=first, expression=other, safe=False)
    return exp.Paren(this=first)


def _listagg(node: exp.Expr) -> exp.Expr:
    if isinstance(node.parent, exp.WithinGroup):
        return node
    value = node.this if isinstance(node.this, exp.Distinct) else exp.cast(node.this, "text")
    separator = node.args.get("separator") or exp.Literal.string("")
    return exp.Anonymous(this="STRING_AGG", expressions=[value, separator])


def _within(node: exp.Expr) -> exp.Expr:
    """LISTAGG(x, sep) WITHIN GROUP (ORDER BY y) is STRING_AGG(x, sep ORDER BY y)."""
    of = node.this
    if not isinstance(of, exp.GroupConcat | exp.Anonymous) or "agg" not in of.sql("redshift").lower()[:8]:
        return node
    value, separator = of.this, of.args.get("separator") or exp.Literal.string("")
    distinct = ""
    if isinstance(value, exp.Distinct):
        distinct, value = "DISTINCT ", value.expressions[0]
    if distinct:
        # PostgreSQL orders distinct values by themselves only.
        for ordered in node.expression.find_all(exp.Ordered):
            if ordered.this == value:
                ordered.set("this", exp.cast(value.copy(), "text"))
    parts = (value.sql("postgres"), separator.sql("postgres"), node.expression.sql("postgres").strip())
    return exp.Var(this=f"STRING_AGG({distinct}CAST({parts[0]} AS TEXT), {parts[1]} {parts[2]})")


def _type(node: exp.Expr) -> exp.Expr:
    if node.this == _T.DECIMAL and not node.expressions:
        return exp.DataType.build("decimal(18,0)")
    if node.this in (_T.VARCHAR, _T.NVARCHAR) and [p.name.upper() for p in node.expressions] == ["MAX"]:
        return exp.DataType.build("varchar(65535)")
    return node


def _anonymous(node: exp.Expr) -> exp.Expr:
    if node.name.upper() == "ISNULL":
        first, *rest = node.expressions
        return exp.Coalesce(this=first, expressions=rest)
    return node


def _replace(node: exp.Expr) -> exp.Expr:
    arguments = [node.this, node.expression, node.args.get("replacement") or exp.Literal.string("")]
    return exp.Anonymous(this="REGEXP_REPLACE", expressions=[*arguments, exp.Literal.string("g")])


_CHANGES: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Placeholder: _bind,
    exp.TsOrDsDiff: lambda n: _call("datediff", _unit(n), n.expression, n.this),
    exp.TsOrDsAdd: lambda n: _call("dateadd", _unit(n), n.expression, n.this),
    exp.LastDay: lambda n: _call("last_day", n.this),
    exp.Round: lambda n: exp.Anonymous(this="ROUND", expressions=[n.this, *filter(None, [n.args.get("decimals")])]),
    exp.ConvertTimezone: lambda n: _call(
        "convert_timezone",
        n.args.get("source_tz") or exp.Literal.string("UTC"),
        n.args["target_tz"],
        n.args["timestamp"],
    ),
    exp.FromBase: lambda n: _call("strtol", n.this, n.expression),
    exp.RegexpExtract: lambda n: _call("regexp_substr", n.this, n.expression),
    exp.RegexpReplace: _replace,
    exp.CurrentTimestamp: lambda n: _call("getdate"),
    exp.TryCast: _try_cast,
    exp.Extract: _extract,
    exp.Concat: _concat,
    exp.GroupConcat: _listagg,
    exp.WithinGroup: _within,
    exp.ApproxDistinct: lambda n: exp.Count(this=exp.Distinct(expressions=[n.this])),
    exp.DataType: _type,
    exp.Anonymous: _anonymous,
}


def _tables(tree: exp.Expr) -> None:
    """Keys are noted by Redshift and never enforced; a text without length has 256 bytes, a CHAR one."""
    schema = tree.this if isinstance(tree.this, exp.Schema) else None
    keyed: set[str] = set()
    for key in list(tree.find_all(exp.PrimaryKey)):
        keyed |= {part.name.lower() for part in key.expressions}
        _drop(key)
    for key in list(tree.find_all(exp.ForeignKey, exp.UniqueColumnConstraint, exp.Reference)):
        _drop(key)
    for constraint in list(tree.find_all(exp.PrimaryKeyColumnConstraint)):
        constraint.replace(exp.NotNullColumnConstraint())
    for column in tree.find_all(exp.ColumnDef):
        if column.name.lower() in keyed and schema is not None and not _has_not_null(column):
            column.append("constraints", exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
        kind = column.kind
        if kind is not None and kind.this in _TEXT and not kind.expressions:
            short = kind.this in (_T.CHAR, _T.NCHAR)
            kind.replace(exp.DataType.build("char(1)" if short else "varchar(256)"))


def _has_not_null(column: exp.ColumnDef) -> bool:
    return any(isinstance(c.kind, exp.NotNullColumnConstraint) for c in column.constraints)


def _drop(node: exp.Expr) -> None:
    while isinstance(node.parent, exp.ColumnConstraint | exp.Constraint):
        node = node.parent
    node.pop()
