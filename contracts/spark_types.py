"""The Spark schema that a contract promises."""

from __future__ import annotations

from contracts.model import Contract
from contracts.types import ColumnType

_TYPES: dict[str, str] = {
    "smallint": "smallint",
    "integer": "int",
    "bigint": "bigint",
    "double precision": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp_ntz",
    "varchar": "string",
}


def spark_type(type_: ColumnType) -> str:
    """The Spark type of one column; a timestamp is a UTC instant without a zone, as in the lake's files."""
    return str(type_) if type_.kind == "decimal" else _TYPES[type_.kind]


def spark_schema(contract: Contract) -> dict[str, str]:
    """Column name to Spark type, in the contract's order."""
    return {column.name: spark_type(column.type) for column in contract.columns}
