"""Conditions: boolean SQL of one row, in the subset that Redshift, DuckDB and Polars mean the same by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import polars as pl
import sqlglot
from sqlglot import exp

# Functions that give the same answer on all three engines, NULL included. POSITION is not one: on NULL Polars says 0.
_FUNCTIONS = (
    exp.And,
    exp.Or,
    exp.Xor,
    exp.Case,
    exp.If,
    exp.Coalesce,
    exp.Nullif,
    exp.Cast,
    exp.Abs,
    exp.Round,
    exp.Floor,
    exp.Ceil,
    exp.Length,
    exp.Lower,
    exp.Upper,
    exp.Trim,
    exp.Substring,
    exp.Left,
    exp.Right,
    exp.Extract,
    exp.Greatest,
    exp.Least,
    exp.RegexpLike,
)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In, exp.NullSafeEQ, exp.NullSafeNEQ)
_REFUSED = (exp.Query, exp.AggFunc, exp.Window, exp.Anonymous, exp.Command, exp.Placeholder, exp.Parameter)


def parse_condition(sql: str) -> exp.Expr:
    """The condition as a syntax tree; raise ValueError if it is not in the portable subset."""
    return _parsed(sql).copy()


@lru_cache(maxsize=1024)
def _parsed(sql: str) -> exp.Expr:
    try:
        tree = sqlglot.parse_one(sql, read="redshift")
    except sqlglot.errors.ParseError as error:
        raise ValueError(f"condition {sql!r} is not SQL: {error}") from error
    for node in tree.walk():
        if isinstance(node, _REFUSED) or (isinstance(node, exp.Func) and not isinstance(node, _FUNCTIONS)):
            raise ValueError(f"condition {sql!r}: {node.sql('redshift')} is not in the portable subset")
        if isinstance(node, exp.Div) and not node.find(exp.Cast):
            raise ValueError(f"condition {sql!r}: cast one side of the division; integers divide differently by engine")
    if not tree.find(exp.Column):
        raise ValueError(f"condition {sql!r} reads no column")
    return tree


def columns_read(sql: str) -> tuple[str, ...]:
    """The columns that a condition reads, in order of first use."""
    return tuple(dict.fromkeys(column.name for column in _parsed(sql).find_all(exp.Column)))


def polars_condition(sql: str, schema: Mapping[str, Any], replaced: Mapping[str, str] | None = None) -> pl.Expr:
    """The condition as a Polars expression over a frame of this schema; columns in `replaced` are read as that SQL."""
    tree = parse_condition(sql)
    for node in list(tree.find_all(*_COMPARISONS)):
        _read_literals(node, schema)
    if replaced:
        tree = tree.transform(lambda node: _replacement(node, replaced))
    return pl.sql_expr(tree.sql("postgres"))


def _replacement(node: exp.Expr, replaced: Mapping[str, str]) -> exp.Expr:
    if isinstance(node, exp.Column) and node.name in replaced:
        return sqlglot.parse_one(replaced[node.name], read="postgres")
    return node


def _read_literals(node: exp.Expr, schema: Mapping[str, Any]) -> None:
    """Text that is compared with a date or an instant is one, as in SQL; Polars refuses to compare them."""
    operands = [value for value in node.args.values() if isinstance(value, exp.Expr)]
    operands += node.args.get("expressions") or []
    kinds = {schema.get(o.name) for o in operands if isinstance(o, exp.Column)}
    if pl.Date() in kinds:
        kind = "DATE"
    elif any(isinstance(k, pl.Datetime) for k in kinds):
        kind = "TIMESTAMP"
    else:
        return
    for literal in [o for o in operands if isinstance(o, exp.Literal) and o.is_string]:
        text = str(date.fromisoformat(literal.name) if kind == "DATE" else datetime.fromisoformat(literal.name))
        literal.replace(exp.cast(exp.Literal.string(text), kind))
