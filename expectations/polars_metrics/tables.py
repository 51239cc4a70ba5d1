"""Metrics about the table: its rows, and what follows from its schema."""

from __future__ import annotations

from typing import Any

import polars as pl

from expectations.polars_metrics.hiding import told
from expectations.polars_metrics.registry import Table, aggregate, frame, schema


@aggregate("table.row_count", personal=False)
def row_count() -> pl.Expr:
    """Of the batch, or of the table of `references` that the metric names."""
    return pl.len()


@schema("table.columns")
def columns(schema: pl.Schema) -> list[str]:
    return schema.names()


@schema("table.column_count")
def column_count(schema: pl.Schema) -> int:
    return len(schema)


@schema("table.column_types")
def column_types(schema: pl.Schema, *, include_nested: bool = True) -> list[dict[str, Any]]:
    return [{"name": name, "type": dtype} for name, dtype in schema.items()]


@frame("table.head", read=lambda rows, given: _pandas(rows))
def head(table: Table, *, n_rows: int = 5, fetch_all: bool = False) -> pl.LazyFrame:
    return table.frame if fetch_all else table.frame.head(n_rows)


def _pandas(rows: list[dict[str, Any]]) -> Any:
    return pl.DataFrame([{name: told(value) for name, value in row.items()} for row in rows]).to_pandas()
