"""Metrics about one column as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from great_expectations.constants import MAX_DISTINCT_VALUES
from great_expectations.expectations.metrics.column_aggregate_metrics.column_partition import (
    _get_column_partition_using_metrics,
)

from expectations.expressions import Unsupported, summable, typed, values_of
from expectations.polars_metrics.registry import Column, aggregate

Arguments = Mapping[str, Any]


@aggregate("column.max")
def maximum(column: Column) -> pl.Expr:
    return column.value.max()


@aggregate("column.min")
def minimum(column: Column) -> pl.Expr:
    return column.value.min()


@aggregate("column.sum", personal=False)
def total(column: Column) -> pl.Expr:
    """0 where there is no value, as on Great Expectations' pandas engine."""
    return _number(column).sum()


@aggregate("column.mean", personal=False)
def mean(column: Column) -> pl.Expr:
    return column.value.mean() if column.dtype.is_temporal() else _number(column).cast(pl.Float64).mean()


@aggregate("column.standard_deviation", personal=False)
def standard_deviation(column: Column) -> pl.Expr:
    return _number(column).cast(pl.Float64).std()


@aggregate("column.median", apart=True)
def median(column: Column) -> pl.Expr:
    return column.value.median() if column.dtype.is_temporal() else _number(column).cast(pl.Float64).median()


def _quantiles(column: Column, quantiles: Sequence[float], interpolation: str) -> pl.Expr:
    """The quantiles in their order; one that is a value of the column keeps its type."""
    ordered = column.value.drop_nulls().sort()
    places = pl.lit(pl.Series(list(quantiles), dtype=pl.Float64)) * (ordered.len().cast(pl.Int64) - 1)
    whole = {"nearest": places.round(mode="half_to_even"), "lower": places.floor(), "higher": places.ceil()}
    if interpolation in whole:
        # Out of bounds only where there is no value at all.
        return ordered.gather(whole[interpolation].cast(pl.Int64), null_on_oob=True)
    if interpolation not in ("linear", "midpoint"):
        raise Unsupported(f"allow_relative_error={interpolation!r}; one of {', '.join(whole)}, linear, midpoint")
    low, high = (ordered.gather(p.cast(pl.Int64), null_on_oob=True) for p in (places.floor(), places.ceil()))
    return low + (high - low) * (0.5 if interpolation == "midpoint" else places - places.floor())


@aggregate("column.quantile_values", apart=True, whole=True, read=lambda found, _: found)
def quantile_values(column: Column, *, quantiles: Sequence[float], allow_relative_error: Any = False) -> pl.Expr:
    column.needs("a number, date or instant", holds=column.dtype.is_numeric() or column.dtype.is_temporal())
    return _quantiles(column, quantiles, allow_relative_error or "nearest")


@aggregate("column.most_common_value", apart=True, read=lambda found, _: sorted(found))
def most_common_value(column: Column) -> pl.Expr:
    return column.value.drop_nulls().mode()


@aggregate("column.non_null_count", personal=False)
def non_null_count(column: Column) -> pl.Expr:
    return column.value.count()


# Of numpy: Great Expectations divides by it, and only numpy's zero gives "no number" instead of an error.
@aggregate("column_values.nonnull.count", personal=False, read=lambda count, _: np.int64(count))
def nonnull_count(column: Column) -> pl.Expr:
    return column.value.count()


@aggregate("column_values.null.count", personal=False)
def null_count(column: Column) -> pl.Expr:
    return column.rows - column.value.count()


@aggregate("column.non_null_proportion", personal=False)
def non_null_proportion(column: Column) -> pl.Expr:
    return pl.when(column.rows > 0).then(column.value.count() / column.rows).otherwise(0)


@aggregate("column.distinct_values.count", apart=True, personal=False)
def distinct_count(column: Column) -> pl.Expr:
    return column.value.drop_nulls().n_unique()


@aggregate("column.distinct_values.count.under_threshold", apart=True, personal=False)
def distinct_count_under_threshold(column: Column, *, threshold: int) -> pl.Expr:
    return column.value.drop_nulls().n_unique() < threshold


@aggregate("column.unique_proportion", apart=True, personal=False)
def unique_proportion(column: Column) -> pl.Expr:
    count = column.value.count()
    return pl.when(count > 0).then(column.value.drop_nulls().n_unique() / count).otherwise(0)


@aggregate("column.distinct_values", apart=True, read=lambda found, _: set(found))
def distinct_values(column: Column) -> pl.Expr:
    return column.value.unique()


@aggregate("column.distinct_values.not_in_set.count", apart=True, personal=False)
def not_in_set_count(column: Column, *, value_set: Sequence[Any] | None = None) -> pl.Expr:
    return _not_in(column, value_set).n_unique()


@aggregate("column.distinct_values.not_in_set", apart=True, read=lambda found, _: found)
def not_in_set(column: Column, *, value_set: Sequence[Any] | None = None, limit: int = MAX_DISTINCT_VALUES) -> pl.Expr:
    return _not_in(column, value_set).unique().sort().head(limit)


@aggregate(
    "column.distinct_values.missing_from_column.count",
    apart=True,
    personal=False,
    read=lambda found, given: len(_missing(found, given)),
)
def missing_count(column: Column, *, value_set: Sequence[Any] | None = None) -> pl.Expr:
    return _of_set(column, value_set)


@aggregate(
    "column.distinct_values.missing_from_column",
    apart=True,
    personal=False,
    read=lambda found, given: _missing(found, given)[: given["limit"]],
)
def missing(column: Column, *, value_set: Sequence[Any] | None = None, limit: int = MAX_DISTINCT_VALUES) -> pl.Expr:
    return _of_set(column, value_set)


@aggregate("column.value_counts", apart=True, whole=True, read=lambda found, given: _counts(found, given))
def value_counts(column: Column, *, sort: str = "value", collate: str | None = None) -> pl.Expr:
    if sort not in ("value", "count", "none") or collate is not None:
        raise Unsupported(f"sort={sort!r}, collate={collate!r}: sort is one of value, count, none; no collation")
    return column.value.drop_nulls().value_counts(name="count").struct.rename_fields(["value", "count"])


@aggregate("column.histogram", personal=False)
def histogram(column: Column, *, bins: Sequence[float]) -> pl.Expr:
    """Values per bin; a bin holds its lower edge, the last one both."""
    value, edges = _number(column), list(bins)
    inside = [value.is_between(low, high, closed="left") for low, high in pairwise(edges[:-1])]
    inside.append(value.is_between(edges[-2], edges[-1]))
    return pl.concat_list([one.sum() for one in inside])


@aggregate("column.partition", apart=True, whole=True, read=lambda found, given: _bins(found[0], given))
def partition(column: Column, *, bins: str = "uniform", n_bins: int = 10, allow_relative_error: Any = False) -> pl.Expr:
    shares = [0.0, 0.25, 0.75, 1.0] if bins in ("auto", "uniform") else [n / n_bins for n in range(n_bins + 1)]
    found = _quantiles(column, shares, allow_relative_error or "nearest")
    return pl.struct(found.implode().alias("quantiles"), column.value.count().alias("count"))


@aggregate("column_values.between.count", personal=False)
def between_count(
    column: Column,
    *,
    min_value: Any = None,
    max_value: Any = None,
    strict_min: bool = False,
    strict_max: bool = False,
) -> pl.Expr:
    value, sides = column.value, [column.value.is_not_null()]
    if min_value is not None:
        low = pl.lit(typed(min_value, column.dtype, "argument"))
        sides.append(value > low if strict_min else value >= low)
    if max_value is not None:
        high = pl.lit(typed(max_value, column.dtype, "argument"))
        sides.append(value < high if strict_max else value <= high)
    return pl.all_horizontal(sides).sum()


def _number(column: Column) -> pl.Expr:
    column.needs("a number", holds=column.dtype.is_numeric() or isinstance(column.dtype, pl.Boolean | pl.Duration))
    return summable(column.value, column.dtype)


def _not_in(column: Column, value_set: Sequence[Any] | None) -> pl.Expr:
    value = column.value.drop_nulls()
    known = values_of(value_set or (), column.dtype, "argument").implode()
    return value.filter(~value.is_in(pl.lit(known, dtype=pl.List(column.dtype))))


def _of_set(column: Column, value_set: Sequence[Any] | None) -> pl.Expr:
    """Which values of the set stand in the column: never more than the set has."""
    known = values_of(value_set or (), column.dtype, "argument")
    return pl.lit(known).filter(pl.lit(known).is_in(column.value.unique().implode()))


def _missing(found: list[Any], given: Arguments) -> list[Any]:
    dtype, there = given["dtype"], set(found)
    return [v for v in dict.fromkeys(given["value_set"] or ()) if v is not None and typed(v, dtype, "") not in there]


def _counts(found: list[dict[str, Any]], given: Arguments) -> Any:
    """As the pandas series that Great Expectations computes with."""
    counts = pl.DataFrame(found, schema={"value": given["dtype"], "count": pl.Int64})
    ordered = counts if given["sort"] == "none" else counts.sort(given["sort"])
    return ordered.to_pandas().set_index("value")["count"]


def _bins(found: Mapping[str, Any], given: Arguments) -> Any:
    quantiles, bins = found["quantiles"], given["bins"]
    metrics = {
        "column.min": quantiles[0],
        "column.max": quantiles[-1],
        "column.quantile_values": quantiles,
        "column_values.nonnull.count": found["count"],
    }
    return _get_column_partition_using_metrics(bins=bins, n_bins=given["n_bins"], _metrics=metrics)
