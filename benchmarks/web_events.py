"""The benchmark's data: web events of 12 columns, the 25 checks they should pass, and a known number of faults.

`python web_events.py FOLDER ROWS` writes the files, unless they are there.
"""

from __future__ import annotations

import hashlib
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

SEED = 20260105
LEAST_ROWS = 1_000
START = datetime(2026, 1, 5)
DAY = timedelta(days=1)
PRODUCTS = 2_000
MOST_PRICE = 10_000.0
MOST_SESSIONS = 50
EVENT_TYPES = ["page_view", "product_view", "add_to_cart", "checkout", "purchase"]
DEVICE_TYPES = ["desktop", "mobile", "tablet", "app"]
PAGES = ["", "cart", "checkout", "search?q=shoes&sort=price", "account/orders", "help/returns"]

Kind = Literal["not_null", "unique", "in_set", "matches", "between", "at_least", "foreign_key"]


class Check(NamedTuple):
    """One check; NULL breaks `not_null` only. A record of its own, so that the limit's process holds Polars alone."""

    kind: Kind
    columns: tuple[str, ...]
    args: dict[str, Any]

    @property
    def name(self) -> str:
        """The check's name in every result."""
        return f"{'+'.join(self.columns)}.{self.kind}"


def _check(kind: Kind, *columns: str, **args: Any) -> Check:
    return Check(kind, columns, args)


REQUIRED = (
    "event_id",
    "visitor_id",
    "session_number",
    "event_type",
    "device_type",
    "page_url",
    "event_at",
    "received_at",
)
CHECKS = (
    *(_check("not_null", column) for column in REQUIRED),
    _check("unique", "event_id"),
    _check("in_set", "event_type", values=EVENT_TYPES),
    _check("in_set", "device_type", values=DEVICE_TYPES),
    _check("matches", "event_id", pattern="^E[0-9]{13}$"),
    _check("matches", "visitor_id", pattern="^V[0-9]{7}$"),
    _check("matches", "customer_id", pattern="^C[0-9]{7}$"),
    _check("matches", "product_id", pattern="^P[0-9]{5}$"),
    _check("matches", "event_type", pattern="^[a-z_]+$"),
    _check("matches", "page_url", pattern=r"^https://[a-z.]+/\S*$"),
    _check("between", "session_number", min=1, max=MOST_SESSIONS),
    _check("between", "event_at", min=START, max=START + DAY),
    _check("between", "received_at", min=START - DAY, max=START + 3 * DAY),
    _check("between", "list_price_amount", min=0.0, max=MOST_PRICE),
    _check("between", "paid_price_amount", min=0.0, max=MOST_PRICE),
    _check("at_least", "received_at", "event_at"),
    _check("at_least", "list_price_amount", "paid_price_amount"),
    _check("foreign_key", "product_id"),
)
# One check of each kind is broken, by about so many rows in 100,000. Different numbers, so that a mix-up shows.
_FAULTS = {
    "visitor_id.not_null": 10,
    "event_id.unique": 20,
    "event_type.in_set": 30,
    "page_url.matches": 40,
    "list_price_amount.between": 50,
    "received_at+event_at.at_least": 60,
    "product_id.foreign_key": 70,
}


def planted(rows: int) -> dict[str, int]:
    """How many rows break each check."""
    return {check.name: _planted(check.name, rows) for check in CHECKS}


def _planted(name: str, rows: int) -> int:
    share = _FAULTS.get(name, 0)
    # Even, as duplicates come in pairs; never 0, however few the rows.
    return share and 2 * (share // 10 + rows * share // 200_000)


def events_file(folder: Path, rows: int) -> Path:
    """Where the events lie; the name changes with this module, so that data of an older version are never measured."""
    version = hashlib.md5(Path(__file__).read_bytes()).hexdigest()[:8]
    return folder / f"web_events-{rows}-{version}.parquet"


def products_file(folder: Path) -> Path:
    """Where the products lie that `product_id` refers to."""
    return folder / "products.parquet"


def write(folder: Path, rows: int) -> None:
    """Write both files, unless they are there. The same rows give the same values."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = pl.int_range(PRODUCTS, eager=True)
    _write(pl.select(product_id=_padded("P", numbers, 5)), products_file(folder))
    if not events_file(folder, rows).exists():
        _write(events(rows), events_file(folder, rows))


def _write(frame: pl.DataFrame, path: Path) -> None:
    unfinished = path.with_suffix(f".{os.getpid()}")
    frame.write_parquet(unfinished)
    unfinished.replace(path)


def events(rows: int) -> pl.DataFrame:
    """Web events in the order of their time, faults planted."""
    if rows < LEAST_ROWS:
        raise ValueError(f"{rows} rows do not hold all faults; at least {LEAST_ROWS} are needed")
    random = np.random.default_rng(SEED)
    happened = np.sort(random.integers(0, DAY // timedelta(microseconds=1), rows))
    delay = random.integers(0, 3_600_000_000, rows)
    price = np.round(random.uniform(1, MOST_PRICE, rows), 2)
    # Some values stand on a bound, and half of the prices are without discount: an edge judged otherwise shows.
    paid = np.where(random.random(rows) < 0.5, price, np.round(price * random.uniform(0.5, 1, rows), 2))
    page = pl.Series(PAGES).gather(random.integers(0, len(PAGES), rows))
    product = _padded("P", pl.Series(random.integers(0, PRODUCTS, rows)), 5)
    about_product = pl.Series(random.random(rows) < 0.6)
    priced = pl.when(about_product)
    frame = pl.select(
        # Multiplied by a number that shares no factor with 10: unique, and in no order that could help.
        event_id=_padded("E", pl.int_range(rows, eager=True) * 7_368_787 % 10**13, 13),
        visitor_id=_padded("V", pl.Series(random.integers(0, max(rows // 20, 1), rows)), 7),
        session_number=pl.Series(random.integers(1, MOST_SESSIONS + 1, rows)),
        customer_id=pl.when(pl.Series(random.random(rows) < 0.4)).then(
            _padded("C", pl.Series(random.integers(0, max(rows // 50, 1), rows)), 7)
        ),
        product_id=priced.then(product),
        event_type=pl.Series(EVENT_TYPES).gather(random.choice(5, rows, p=[0.5, 0.3, 0.1, 0.06, 0.04])),
        device_type=pl.Series(DEVICE_TYPES).gather(random.integers(0, len(DEVICE_TYPES), rows)),
        page_url=pl.lit("https://shop.example/") + pl.when(about_product).then("product/" + product).otherwise(page),
        event_at=pl.lit(START) + pl.Series(happened).cast(pl.Duration("us")),
        received_at=pl.lit(START) + pl.Series(happened + delay).cast(pl.Duration("us")),
        list_price_amount=priced.then(pl.Series(price)),
        paid_price_amount=priced.then(pl.Series(paid)),
    )
    return _with_faults(frame, random)


def _with_faults(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """Each fault in rows of its own, anywhere in the file."""
    shuffled = random.permutation(frame.height)
    ends = np.cumsum([_planted(name, frame.height) for name in _FAULTS])
    place = dict(zip(_FAULTS, np.split(shuffled, ends), strict=False))
    originals, copies = np.split(place["event_id.unique"], 2)
    copied = frame["event_id"].scatter(copies, frame["event_id"].gather(originals))
    rows = pl.int_range(pl.len())

    def at(name: str) -> Any:
        return pl.when(rows.is_in(pl.Series(place[name]).implode()))

    return frame.with_columns(
        copied,
        visitor_id=at("visitor_id.not_null").then(None).otherwise("visitor_id"),
        event_type=at("event_type.in_set").then(pl.lit("teleport")).otherwise("event_type"),
        page_url=at("page_url.matches").then(pl.lit("ftp://shop.example/")).otherwise("page_url"),
        list_price_amount=at("list_price_amount.between").then(2 * MOST_PRICE).otherwise("list_price_amount"),
        received_at=at("received_at+event_at.at_least")
        .then(pl.col("event_at") - pl.duration(minutes=1))
        .otherwise("received_at"),
        product_id=at("product_id.foreign_key").then(pl.lit("P99999")).otherwise("product_id"),
    )


def _padded(letter: str, numbers: pl.Series, width: int) -> pl.Expr:
    return pl.lit(letter) + numbers.cast(pl.String).str.zfill(width)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
