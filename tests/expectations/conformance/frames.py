"""The frames on which both engines are asked: each made for pandas and for Polars, from the same Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl

ZONE = "Asia/Kolkata"
MILLION = 1_000_000


@dataclass(frozen=True)
class Column:
    """The type of a column: in Polars, in pandas, and in pandas with a NULL, which integers and booleans lack."""

    polars: Any
    pandas: str
    pandas_with_null: str


NUMBER = Column(pl.Int64, "int64", "float64")
FLOAT = Column(pl.Float64, "float64", "float64")
TEXT = Column(pl.String, "str", "str")
FLAG = Column(pl.Boolean, "bool", "object")
MONEY = Column(pl.Decimal(18, 2), "object", "object")
DAY = Column(pl.Date, "object", "object")
INSTANT = Column(pl.Datetime("us"), "datetime64[us]", "datetime64[us]")
ZONED = Column(pl.Datetime("us", ZONE), f"datetime64[us, {ZONE}]", f"datetime64[us, {ZONE}]")

COLUMNS: Mapping[str, Column] = {
    "id": NUMBER,
    "down": NUMBER,
    "a": NUMBER,
    "b": NUMBER,
    "c": NUMBER,
    "constant": NUMBER,
    "price": FLOAT,
    "name": TEXT,
    "code": TEXT,
    "document": TEXT,
    "settings": TEXT,
    "written_day": TEXT,
    "is_paid": FLAG,
    "amount": MONEY,
    "day": DAY,
    "at": INSTANT,
    "closed_at": INSTANT,
    "seen_at": ZONED,
    "left_at": ZONED,
}


# The columns that SQLite can hold as they are: the reference of expectations that are SQL.
SQL_COLUMNS = ("id", "a", "b", "c", "price", "name", "code")


def money(*texts: str | None) -> list[Decimal | None]:
    """Exact amounts."""
    return [None if text is None else Decimal(text) for text in texts]


def days(*numbers: int | None) -> list[date | None]:
    """Days of January 2024."""
    return [None if number is None else date(2024, 1, number) for number in numbers]


def instants(*numbers: int | None, zone: str | None = None) -> list[datetime | None]:
    """Noon and a microsecond of days of January 2024."""
    at = [None if n is None else datetime(2024, 1, n, 12, 0, 0, 1) for n in numbers]
    return at if zone is None else [a and a.replace(tzinfo=ZoneInfo(zone)) for a in at]


PLAIN: dict[str, list[Any]] = {
    "id": [1, 2, 3, 4, 5, 6, 7, 8],
    "down": [9, 8, 8, 7, 5, 5, 2, 1],
    "a": [1, 2, 2, 3, 5, 8, 13, 2],
    "b": [1, 1, 3, 3, 4, 9, 2, 2],
    "c": [4, 3, 1, 0, 9, 8, 2, 2],
    "constant": [7, 7, 7, 7, 7, 7, 7, 7],
    "price": [1.5, 2.25, 0.1, -3.0, 100.0, 2.25, 7.75, 0.0],
    "name": ["ann", "bob", "cy", "dee", "Zed", "ann", "flo", ""],
    "code": ["A-1", "A-2", "B-3", "A_4", "a-5", "A-10", "100%", "A 7"],
    "document": ['{"n": 1}', '{"n": "x"}', "[]", "3", '"text"', "null", '{"n": 2, "m": {}}', "{}"],
    "settings": ['{"n": 1}', '{"n": "x"}', "[]", '{"n": 3}', '{"n": 1}', "{}", '{"n": 2, "m": {}}', '{"m": 1}'],
    "written_day": [
        *("2024-01-02", "2024-01-31", "2024-02-29", "2023-12-01"),
        *("2024-01-02", "1999-01-01", "2024-06-30", "2024-10-10"),
    ],
    "is_paid": [True, False, True, True, False, True, True, True],
    "amount": money("10.00", "0.01", "-2.50", "99.99", "10.00", "0.00", "123456789012.34", "7.10"),
    "day": days(1, 2, 2, 5, 3, 31, 8, 9),
    "at": instants(1, 2, 2, 5, 3, 31, 8, 9),
    "closed_at": instants(1, 3, 1, 5, 4, 31, 7, 9),
    "seen_at": instants(1, 2, 2, 5, 3, 31, 8, 9, zone=ZONE),
    "left_at": instants(1, 3, 1, 5, 4, 31, 7, 9, zone=ZONE),
}
NULLS: dict[str, list[Any]] = {
    "id": [1, 2, 3, 4, 5, 6],
    "down": [9, None, 8, 7, None, 1],
    "a": [1, None, 2, 3, None, 2],
    "b": [1, 1, None, 2, None, 3],
    "c": [None, 2, 1, 0, None, 3],
    "constant": [7, None, 7, 7, 7, None],
    "price": [1.5, None, -0.0, 0.0, None, 1e15],
    "name": ["ann", None, "", " ", None, "ann"],
    "code": ["A-1", None, "B-3", "None", "nan", "A-1"],
    "document": ['{"n": 1}', None, "{", "NaN", "", None],
    "settings": ['{"n": 1}', None, "[]", '{"n": null}', None, '{"n": 7}'],
    "written_day": ["2024-01-02", None, "2024-13-01", "soon", "", "02/01/2024"],
    "is_paid": [True, None, False, True, None, True],
    "amount": money("10.00", None, "0.10", "-0.10", None, "10.00"),
    "day": days(1, None, 2, 5, None, 2),
    "at": instants(1, None, 2, 5, None, 2),
    "closed_at": instants(2, 3, None, 4, None, 2),
    "seen_at": instants(1, None, 2, 5, None, 2, zone=ZONE),
    "left_at": instants(2, 3, None, 4, None, 2, zone=ZONE),
}
UNICODE: dict[str, list[Any]] = {column: values[:6] for column, values in PLAIN.items()} | {
    # One letter of two code points, one code point beyond 16 bits, the letters whose case has another length.
    "name": ["é", "e\u0301", "नमस्ते", "🛒", "straße", "İ"],
    "code": ["Ａ-1", "Ä-2", "漢字", "A\u00a07", "ß", "\u200b"],
    "document": ['{"n": "é"}', '{"नाम": 1}', '"\\ud83d\\uded2"', "🛒", "{}", '{"n": 1}'],
    "settings": ['{"n": "é"}', '{"नाम": 1}', '"\\ud83d\\uded2"', "[]", "{}", '{"n": 1}'],
    "written_day": ["2024-01-02", "２０２４-01-02", "2024-01-02\u00a0", "jeudi", "१ जनवरी", "2024-01-02"],
}
# NaN is a value of Polars and a missing one of pandas; there it is made with NaN, as whoever has it has it.
NAN: dict[str, list[Any]] = {column: values[:4] for column, values in PLAIN.items()} | {
    "price": [1.5, float("nan"), 2.25, 7.75],
}
INFINITE: dict[str, list[Any]] = {column: values[:5] for column, values in PLAIN.items()} | {
    "price": [1.5, float("inf"), 2.25, float("-inf"), 2.25],
}


@dataclass(frozen=True)
class Frames:
    """One frame twice."""

    pandas: pd.DataFrame
    polars: pl.DataFrame


def _both(rows: Mapping[str, list[Any]]) -> Frames:
    def typed(name: str, values: list[Any]) -> pd.Series[Any]:
        column = COLUMNS[name]
        return pd.Series(values, dtype=column.pandas_with_null if None in values else column.pandas)

    ours = {name: pl.Series(name, values, dtype=COLUMNS[name].polars) for name, values in rows.items()}
    return Frames(pd.DataFrame({name: typed(name, values) for name, values in rows.items()}), pl.DataFrame(ours))


def _million() -> Frames:
    """A key, the key backwards, a permutation of it, a thousand groups, and a price that every tenth row lacks."""
    number = np.arange(MILLION, dtype=np.int64)
    whole = {"id": number, "down": number[::-1].copy(), "a": number * 7919 % MILLION, "b": number % 1000}
    price, missing = (number % 997) / 8, number % 10 == 3
    theirs = pd.DataFrame({**whole, "price": np.where(missing, np.nan, price)})
    ours = pl.DataFrame({**whole, "price": price, "is_missing": missing})
    return Frames(theirs, ours.select(*whole, pl.when(~pl.col("is_missing")).then("price").alias("price")))


_FRAMES: Mapping[str, Callable[[], Frames]] = {
    "plain": lambda: _both(PLAIN),
    "nulls": lambda: _both(NULLS),
    "empty": lambda: _both({column: [] for column in PLAIN}),
    "one_row": lambda: _both({column: values[:1] for column, values in PLAIN.items()}),
    "all_null": lambda: _both({column: [None] * 3 for column in PLAIN} | {"id": [1, 2, 3]}),
    "unicode": lambda: _both(UNICODE),
    "nan": lambda: _both(NAN),
    "infinite": lambda: _both(INFINITE),
    "million": _million,
}
NAMES = tuple(_FRAMES)


@cache
def frames(name: str) -> Frames:
    """The frame of that name; made once, and never written to."""
    return _FRAMES[name]()
