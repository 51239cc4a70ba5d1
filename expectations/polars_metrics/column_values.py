"""Metrics about the values of one column: true where a value is unexpected."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl

from expectations.expressions import Unsupported, readable_pattern
from expectations.polars_metrics.registry import Column, row


@row("column_values.nonnull", sees_null=True)
def nonnull(column: Column) -> pl.Expr:
    return column.broken("not_null")


@row("column_values.null", sees_null=True)
def null(column: Column) -> pl.Expr:
    return column.value.is_not_null()


@row("column_values.unique", apart=True, sees_null=True)
def unique(column: Column) -> pl.Expr:
    return column.broken("unique")


@row("column_values.in_set")
def in_set(column: Column, *, value_set: Any = None) -> pl.Expr:
    return pl.lit(False) if value_set is None else column.broken("in_set", values=list(value_set))


@row("column_values.not_in_set")
def not_in_set(column: Column, *, value_set: Any = None) -> pl.Expr:
    return pl.lit(False) if value_set is None else ~column.broken("in_set", values=list(value_set))


@row("column_values.between")
def between(
    column: Column,
    *,
    min_value: Any = None,
    max_value: Any = None,
    strict_min: bool = False,
    strict_max: bool = False,
) -> pl.Expr:
    if min_value is not None and max_value is not None and min_value > max_value:
        raise Unsupported("min_value is greater than max_value")
    bounds = {"min": min_value, "max": max_value, "min_exclusive": strict_min, "max_exclusive": strict_max}
    if isinstance(column.dtype, pl.String):
        column.needs("a number", holds=all(isinstance(v, str | None) for v in (min_value, max_value)))
    return column.broken("between", **bounds)


@row("column_values.value_length.between")
def length_between(
    column: Column,
    *,
    min_value: int | None = None,
    max_value: int | None = None,
    strict_min: bool = False,
    strict_max: bool = False,
) -> pl.Expr:
    if isinstance(column.dtype, pl.String):
        bounds = {"min": min_value, "max": max_value, "min_exclusive": strict_min, "max_exclusive": strict_max}
        return column.broken("length", **bounds)
    length, sides = text(column).str.len_chars(), []
    if min_value is not None:
        sides.append(length <= min_value if strict_min else length < min_value)
    if max_value is not None:
        sides.append(length >= max_value if strict_max else length > max_value)
    return reduce(or_, sides)


@row("column_values.value_length.equals")
def length_equals(column: Column, *, value: int) -> pl.Expr:
    return text(column).str.len_chars() != value


@row("column_values.match_regex")
def match_regex(column: Column, *, regex: str) -> pl.Expr:
    return column.broken("matches", pattern=regex) if isinstance(column.dtype, pl.String) else ~_matches(column, regex)


@row("column_values.not_match_regex")
def not_match_regex(column: Column, *, regex: str) -> pl.Expr:
    return _matches(column, regex)


@row("column_values.match_regex_list")
def match_regex_list(column: Column, *, regex_list: Sequence[str], match_on: str = "any") -> pl.Expr:
    return ~_any_or_all(column, regex_list, match_on)


@row("column_values.not_match_regex_list")
def not_match_regex_list(column: Column, *, regex_list: Sequence[str]) -> pl.Expr:
    return _any_or_all(column, regex_list, "any")


@row("column_values.match_like_pattern")
def match_like(column: Column, *, like_pattern: str, escape: str | None = None) -> pl.Expr:
    return ~_matches(column, like_regex(like_pattern, escape))


@row("column_values.not_match_like_pattern")
def not_match_like(column: Column, *, like_pattern: str, escape: str | None = None) -> pl.Expr:
    return _matches(column, like_regex(like_pattern, escape))


@row("column_values.match_like_pattern_list")
def match_like_list(
    column: Column, *, like_pattern_list: Sequence[str], match_on: str = "any", escape: str | None = None
) -> pl.Expr:
    return ~_any_or_all(column, [like_regex(p, escape) for p in like_pattern_list], match_on)


@row("column_values.not_match_like_pattern_list")
def not_match_like_list(column: Column, *, like_pattern_list: Sequence[str], escape: str | None = None) -> pl.Expr:
    return _any_or_all(column, [like_regex(p, escape) for p in like_pattern_list], "any")


@row("column_values.match_strftime_format")
def match_strftime(column: Column, *, strftime_format: str) -> pl.Expr:
    column.needs("text", holds=isinstance(column.dtype, pl.String))
    # Raises for a format that nothing can be read by; else every value would be unexpected without a word.
    datetime.strptime(datetime(2024, 1, 2).strftime(strftime_format), strftime_format)
    return ~_judged(column.value, _reads(lambda value: datetime.strptime(value, strftime_format)))


@row("column_values.dateutil_parseable")
def dateutil_parseable(column: Column) -> pl.Expr:
    from dateutil.parser import parse  # type: ignore[import-untyped]

    column.needs("text", holds=isinstance(column.dtype, pl.String))
    return ~_judged(column.value, _reads(parse))


@row("column_values.json_parseable")
def json_parseable(column: Column) -> pl.Expr:
    if not isinstance(column.dtype, pl.String | pl.Binary):
        return pl.lit(True)
    return ~_judged(column.value, _reads(json.loads))


@row("column_values.match_json_schema")
def match_json_schema(column: Column, *, json_schema: dict[str, Any]) -> pl.Expr:
    """A value that is no JSON does not match, either."""
    from jsonschema.validators import validator_for

    column.needs("text", holds=isinstance(column.dtype, pl.String | pl.Binary))
    validator = validator_for(json_schema)
    validator.check_schema(json_schema)
    valid = validator(json_schema).is_valid
    read = _reads(json.loads)
    return ~_judged(column.value, lambda value: read(value) and valid(json.loads(value)))


@row("column_values.increasing", apart=True)
def increasing(column: Column, *, strictly: bool = False) -> pl.Expr:
    value, before = _in_order(column)
    return value <= before if strictly else value < before


@row("column_values.decreasing", apart=True)
def decreasing(column: Column, *, strictly: bool = False) -> pl.Expr:
    value, before = _in_order(column)
    return value >= before if strictly else value > before


@row("column_values.z_score.under_threshold", apart=True)
def z_score(column: Column, *, threshold: float, double_sided: bool = True) -> pl.Expr:
    """A column without spread has no score; NaN and infinities are scored, and always too high or too low."""
    value, finite = _finite(column)
    spread = finite.std()
    score = pl.when(spread > 0).then((value - finite.mean()) / spread)
    return score.abs() >= abs(threshold) if double_sided else score >= threshold


@row("column_values.not_outliers", apart=True)
def not_outliers(column: Column, *, method: str = "iqr", multiplier: float = 1.5) -> pl.Expr:
    """NaN and infinities always are."""
    value, finite = _finite(column)
    if method == "iqr":
        low, high = finite.quantile(0.25, "linear"), finite.quantile(0.75, "linear")
        room = multiplier * (high - low)
        return (value < low - room) | (value > high + room)
    if method != "std":
        raise Unsupported(f"unknown method {method!r}; one of iqr, std")
    room = multiplier * finite.std()
    distance = (value - finite.mean()).abs()
    return pl.when(room > 0).then(distance >= room).otherwise(value != finite.mean()) & room.is_not_null()


def _finite(column: Column) -> tuple[pl.Expr, pl.Expr]:
    """The values; and those that a mean can be made of, because one NaN would make it, and every verdict, NaN."""
    column.needs("a number", holds=column.dtype.is_numeric())
    value = column.value.cast(pl.Float64)
    return value, value.filter(value.is_finite())


def text(column: Column) -> pl.Expr:
    """The column as Python writes its values: what Great Expectations' pandas engine matches."""
    dtype = column.dtype
    if isinstance(dtype, pl.String):
        return column.value
    if isinstance(dtype, pl.Boolean):
        return pl.when(column.value).then(pl.lit("True")).when(~column.value).then(pl.lit("False"))
    column.needs("text or a number", holds=dtype.is_numeric() or isinstance(dtype, pl.Date | pl.Enum | pl.Categorical))
    return column.value.cast(pl.String)


def like_regex(pattern: str, escape: str | None = None) -> str:
    """SQL's LIKE pattern as a regular expression."""
    import re

    parts, escaped = [], False
    for character in pattern:
        if not escaped and character == escape:
            escaped = True
            continue
        wild = {} if escaped else {"%": ".*", "_": "."}
        parts.append(wild.get(character, re.escape(character)))
        escaped = False
    if escaped:
        raise Unsupported(f"LIKE pattern {pattern!r} ends in its escape character")
    return rf"(?s)\A{''.join(parts)}\z"


def _matches(column: Column, regex: str) -> pl.Expr:
    return text(column).str.contains(readable_pattern(regex))


def _any_or_all(column: Column, patterns: Sequence[str], match_on: str) -> pl.Expr:
    if match_on not in ("any", "all") or not patterns:
        raise Unsupported("needs patterns, and match_on any or all")
    return reduce(or_ if match_on == "any" else and_, (_matches(column, pattern) for pattern in patterns))


def _in_order(column: Column) -> tuple[pl.Expr, pl.Expr]:
    column.needs("a number, date or instant", holds=column.dtype.is_numeric() or column.dtype.is_temporal())
    return column.value, column.value.shift(1)


def _reads(read: Callable[[Any], Any]) -> Callable[[Any], bool]:
    def reads(value: Any) -> bool:
        try:
            read(value)
        except (ValueError, OverflowError, RecursionError):
            return False
        return True

    return reads


def _judged(value: pl.Expr, test: Callable[[Any], bool]) -> pl.Expr:
    """Where a Python function says yes; asked once for each distinct value of a morsel, NULL where there is none."""

    def judged(values: pl.Series) -> pl.Series:
        distinct = values.drop_nulls().unique()
        answers = pl.Series([test(one) for one in distinct], dtype=pl.Boolean)
        return values.replace_strict(distinct, answers, default=None, return_dtype=pl.Boolean)

    return value.map_batches(judged, return_dtype=pl.Boolean, is_elementwise=True)
