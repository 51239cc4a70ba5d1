"""Metrics about two columns of a row: true where the pair is unexpected.

NULL is what `ignore_row_if` leaves in: as on Great Expectations' pandas engine it equals nothing and exceeds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl

from expectations.expressions import typed
from expectations.polars_metrics.registry import Column, row


@row("column_pair_values.equal")
def equal(column_A: Column, column_B: Column) -> pl.Expr:
    return ~(column_A.value == column_B.value).fill_null(False)


@row("column_pair_values.a_greater_than_b")
def a_greater_than_b(column_A: Column, column_B: Column, *, or_equal: bool = False) -> pl.Expr:
    kept = column_A.value >= column_B.value if or_equal else column_A.value > column_B.value
    return ~kept.fill_null(False)


@row("column_pair_values.in_set")
def in_set(column_A: Column, column_B: Column, *, value_pairs_set: Sequence[Sequence[Any]] | None = None) -> pl.Expr:
    """A NULL is the pair's None."""
    if value_pairs_set is None:
        return pl.lit(False)
    pairs = [
        reduce(and_, (_is(column, value) for column, value in zip((column_A, column_B), pair, strict=True)))
        for pair in value_pairs_set
    ]
    return ~reduce(or_, pairs, pl.lit(False))


def _is(column: Column, value: Any) -> pl.Expr:
    if value is None:
        return column.value.is_null()
    return (column.value == pl.lit(typed(value, column.dtype, "argument"))).fill_null(False)
