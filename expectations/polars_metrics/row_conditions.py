"""Great Expectations' row conditions, and its ways to leave rows out for NULL, as Polars expressions.

A condition means what it means on its pandas engine: NULL equals nothing, so `!=` and `is_not_in` take such rows in.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import polars as pl
from great_expectations.expectations.expectation import _convert_string_to_condition
from great_expectations.expectations.row_conditions import (
    AndCondition,
    ComparisonCondition,
    Condition,
    NullityCondition,
    OrCondition,
    deserialize_row_condition,
)

from expectations.expressions import Unsupported, typed, values_of
from expectations.polars_metrics.registry import Column

_PARSERS = ("great_expectations", "great_expectations__experimental__")
_COMPARE: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def in_question(condition: Any, parser: str | None, column_of: Callable[[str], Column]) -> pl.Expr | None:
    """True in the rows that meet a condition, never NULL; None where there is none.

    Raises Unsupported for what only pandas or Spark can read, such as a query string.
    """
    if not condition:
        return None
    if isinstance(condition, str) and parser in _PARSERS:
        condition = _convert_string_to_condition(condition)
    read = deserialize_row_condition(condition)
    if not isinstance(read, Condition):
        raise Unsupported(f"row condition {condition!r} is text for another engine; write it with Column(...)")
    return _expression(read, column_of)


def _expression(condition: Condition, column_of: Callable[[str], Column]) -> pl.Expr:
    if isinstance(condition, AndCondition | OrCondition):
        together = operator.and_ if isinstance(condition, AndCondition) else operator.or_
        return reduce(together, (_expression(part, column_of) for part in condition.conditions))
    if isinstance(condition, NullityCondition):
        value = column_of(condition.column.name).value
        return value.is_null() if condition.is_null else value.is_not_null()
    if isinstance(condition, ComparisonCondition):
        return _comparison(condition, column_of(condition.column.name))
    raise Unsupported(f"row condition {condition!r} is text for another engine; write it with Column(...)")


def _comparison(condition: ComparisonCondition, column: Column) -> pl.Expr:
    name, what = str(condition.operator), f"row condition {condition!r}"
    if name in ("IN", "NOT_IN"):
        values = pl.lit(values_of(condition.parameter, column.dtype, what).implode(), dtype=pl.List(column.dtype))
        found = column.value.is_in(values).fill_null(False)
        return found if name == "IN" else ~found
    compared = _COMPARE[name](column.value, pl.lit(typed(condition.parameter, column.dtype, what)))
    return compared.fill_null(name == "!=")


_IGNORED: Mapping[str, Callable[[Sequence[pl.Expr]], pl.Expr] | None] = {
    "both_values_are_missing": pl.any_horizontal,
    "either_value_is_missing": pl.all_horizontal,
    "neither": None,
    "all_values_are_missing": pl.any_horizontal,
    "any_value_is_missing": pl.all_horizontal,
    "never": None,
}


def not_ignored(mode: str | None, columns: Sequence[Column]) -> pl.Expr | None:
    """True in the rows that `ignore_row_if` leaves in; None where it leaves all in."""
    if mode is None or mode not in _IGNORED:
        raise Unsupported(f"unknown ignore_row_if={mode!r}; one of {', '.join(_IGNORED)}")
    together = _IGNORED[mode]
    return None if together is None else together([column.value.is_not_null() for column in columns])
