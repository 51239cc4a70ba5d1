"""What Redshift's driver answers, as ours: rows as a frame in the columns' types, errors by what is to be done."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import redshift_connector
from redshift_connector.error import DatabaseError, InterfaceError, OperationalError

from tasks.warehouse.base import WarehouseError, distinct

# What the driver raises where an answer is an error, or none comes.
ERRORS = (DatabaseError, InterfaceError, OSError, struct.error)
LOST = "the connection to Redshift was lost: "
_LOST_WORDS = ("connection is closed", "communication error", "BrokenPipe", "connection time out")
_TYPES: dict[int, pl.DataType] = {
    16: pl.Boolean(),
    20: pl.Int64(),
    21: pl.Int16(),
    23: pl.Int32(),
    25: pl.String(),
    700: pl.Float32(),
    701: pl.Float64(),
    1042: pl.String(),
    1043: pl.String(),
    1082: pl.Date(),
    1114: pl.Datetime("us"),
}
_NUMERIC = 1700


class Interrupted(WarehouseError):
    """A statement that failed through no fault of its own; `lost`: the connection went with it."""

    is_transient = True

    def __init__(self, message: str, statement: str = "", *, lost: bool) -> None:
        super().__init__(message, statement)
        self.lost = lost


class Unreachable(WarehouseError):
    """No connection came about, however often it was tried."""

    is_transient = True


def frame(cursor: redshift_connector.Cursor, text: str) -> pl.DataFrame:
    """The rows of a statement; an empty frame where it has none to give."""
    described = cursor.ps["row_desc"] if cursor.ps else []
    if not described:
        return pl.DataFrame()
    try:
        rows = cursor.fetchall()
    except ERRORS as error:
        raise told(error, text) from error
    names = distinct([_plain(field["label"]) for field in described])
    schema = {name: _type(field, n, rows) for n, (name, field) in enumerate(zip(names, described, strict=True))}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def told(error: Exception, text: str) -> WarehouseError:
    """The driver's error as ours: what the server said, and Interrupted where the statement is worth another try."""
    answer = error.args[0] if error.args else ""
    if isinstance(answer, dict):
        code, message = str(answer.get("C", "")), " ".join(str(answer.get("M", "")).split())
        detail = " ".join(str(answer.get("D", "")).split())
        shown = f"{message}{f' ({detail})' if detail else ''} [SQLSTATE {code}]"[:600]
        if code.startswith("08") or code in ("57P01", "57P02", "57P03"):
            return Interrupted(shown, text, lost=True)
        if code in ("40001", "40P01") or re.match(r"(ERROR:\s*)?1023\b", message):
            return Interrupted(shown, text, lost=False)
        return WarehouseError(shown, text)
    shown = " ".join(str(part) for part in error.args)[:600]
    if isinstance(error, OSError | struct.error | OperationalError) or any(word in shown for word in _LOST_WORDS):
        return Interrupted(LOST + shown, text, lost=True)
    return WarehouseError(shown, text)


def _type(field: Mapping[str, Any], place: int, rows: Sequence[Sequence[Any]]) -> pl.DataType:
    if field["type_oid"] != _NUMERIC:
        return _TYPES.get(field["type_oid"], pl.String())
    modifier = field["type_modifier"]
    if modifier >= 4:
        return pl.Decimal((modifier - 4) >> 16, (modifier - 4) & 0xFFFF)
    scales = [-row[place].as_tuple().exponent for row in rows if row[place] is not None]
    return pl.Decimal(38, max([0, *scales]))


def _plain(label: bytes | str) -> str:
    return label.decode() if isinstance(label, bytes) else label
