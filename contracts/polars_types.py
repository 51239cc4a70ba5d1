"""The Polars schema that a contract promises."""

from __future__ import annotations

import polars as pl

from contracts.model import Contract
from contracts.types import ColumnType

_TYPES: dict[str, pl.DataType] = {
    "smallint": pl.Int16(),
    "integer": pl.Int32(),
    "bigint": pl.Int64(),
    "double precision": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
    "varchar": pl.String(),
}


def polars_type(type_: ColumnType) -> pl.DataType:
    """The Polars type of one column; a timestamp is a UTC instant without a zone, as in the warehouse."""
    if type_.kind == "decimal":
        return pl.Decimal(type_.precision, type_.scale or 0)
    return _TYPES[type_.kind]


def polars_schema(contract: Contract) -> pl.Schema:
    """Column name to Polars type, in the contract's order."""
    return pl.Schema({column.name: polars_type(column.type) for column in contract.columns})
