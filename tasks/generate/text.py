"""Delivered spellings of ids, money and instants, as Polars columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.generate.plan import Flags, Ints


def ids(prefix: str, width: int, number: Ints, *, missing: Flags | None = None) -> pl.Series:
    """Ids such as C0000001; null where `missing`."""
    digits = pl.Series("id", number).cast(pl.String).str.zfill(width)
    spelled = (pl.select(id=pl.lit(prefix) + digits))["id"]
    return spelled if missing is None else nulled(spelled, missing)


def nulled(column: pl.Series, missing: Flags) -> pl.Series:
    """The column with nulls where `missing`."""
    return pl.select(pl.when(pl.Series("missing", missing)).then(None).otherwise(column).alias(column.name)).to_series()


def words(vocabulary: Sequence[str | None], index: Ints) -> pl.Series:
    """Vocabulary entries by index."""
    return pl.Series("word", list(vocabulary), dtype=pl.String).gather(index)


def money(cents: Ints) -> pl.Series:
    """Text with two decimal places, from whole cents."""
    size = np.abs(cents)
    whole = pl.Series("money", size // 100).cast(pl.String)
    rest = pl.Series("rest", size % 100).cast(pl.String).str.zfill(2)
    sign = pl.when(pl.Series("negative", cents < 0)).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.select(money=pl.concat_str(sign, whole, pl.lit("."), rest))["money"]


def decimal(cents: Ints) -> pl.Series:
    """DECIMAL(18,2), from whole cents."""
    return money(cents).cast(pl.Decimal(18, 2))


def datetimes(at: Ints) -> pl.Series:
    """datetime[us, UTC], from epoch seconds."""
    return pl.Series("at", at * 1_000_000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def instants(at: Ints) -> pl.Series:
    """ISO 8601 UTC text, from epoch seconds."""
    return pl.Series("at", at * 1_000_000).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def dates(day: Ints) -> pl.Series:
    """ISO dates as text, from days since 1970-01-01."""
    return pl.Series("date", day.astype(np.int32)).cast(pl.Date).dt.strftime("%Y-%m-%d")
