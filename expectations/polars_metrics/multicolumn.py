"""Metrics about several columns of a row: true where the row is unexpected. NULL equals NULL here, as in pandas."""

from __future__ import annotations

from functools import reduce
from itertools import combinations
from operator import or_
from typing import Any

import polars as pl

from expectations.expressions import duplicated
from expectations.polars_metrics.registry import Column, row


@row("compound_columns.unique", apart=True)
def unique(column_list: list[Column]) -> pl.Expr:
    """Rows with NULL that `ignore_row_if` leaves in are equal to their like."""
    return duplicated([column.value for column in column_list], nulls_equal=True)


@row("multicolumn_sum.equal")
def sum_equal(column_list: list[Column], *, sum_total: Any) -> pl.Expr:
    for column in column_list:
        column.needs("a number", holds=column.dtype.is_numeric())
    total = pl.sum_horizontal([column.value for column in column_list], ignore_nulls=False)
    kept: pl.Expr = total == sum_total
    return ~kept.fill_null(False)


@row("multicolumn_values.equal")
def equal(column_list: list[Column]) -> pl.Expr:
    first, *others = column_list
    return ~pl.all_horizontal(_same(first, other) for other in others)


@row("select_column_values.unique.within_record")
def unique_within_record(column_list: list[Column]) -> pl.Expr:
    return reduce(or_, (_same(left, right) for left, right in combinations(column_list, 2)))


def _same(left: Column, right: Column) -> pl.Expr:
    if left.dtype == right.dtype or (left.dtype.is_numeric() and right.dtype.is_numeric()):
        return left.value.eq_missing(right.value)
    # Values of two types are never the same one; Polars refuses to compare them.
    return left.value.is_null() & right.value.is_null()
