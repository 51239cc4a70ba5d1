"""Planted defects, each with a label that says what must become of its row.

A row carries at most one planted defect. Defects of customers and products stand only on entities nobody refers to or,
where a day brings many changes, on later versions; those of orders only on orders delivered once. So the loss of a row
changes nothing that is labelled elsewhere. Two consequences carry no label: the lines, payments, refunds and purchase
events of a quarantined order refer to an order that was never loaded, and a quarantined payment leaves its order's
captures short of the total. A quarantined line does leave a label on its order (`incomplete_lines`): the header then no
longer matches the loaded lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.generate.entities import Built
from tasks.generate.plan import Flags, Ints, Plan

QUARANTINED, DUPLICATE, INFERRED, WARN, LOADED = "quarantined", "duplicate", "inferred", "warn", "loaded"

KEYS = {
    "customers": "customer_id",
    "products": "product_id",
    "orders": "order_id",
    "order_items": "order_item_id",
    "payments": "payment_id",
    "refunds": "refund_id",
    "inventory_movements": "movement_id",
    "web_events": "event_id",
}

Spoil = Callable[[pl.Series, np.random.Generator], pl.Series]


def _constant(*values: str | None) -> Spoil:
    """Replaces each value by one of the given ones, in turn."""
    return lambda was, _: pl.Series([values[i % len(values)] for i in range(len(was))], dtype=pl.String)


def _grown(was: pl.Series, rng: np.random.Generator) -> pl.Series:
    """An amount larger by 1.00 to 50.00."""
    cents = (was.cast(pl.Decimal(18, 2)) * 100).cast(pl.Int64).to_numpy() + rng.integers(100, 5_000, len(was))
    return pl.Series([f"{cent // 100}.{cent % 100:02d}" for cent in cents.tolist()], dtype=pl.String)


def _above_any_price(was: pl.Series, rng: np.random.Generator) -> pl.Series:
    """A cost far above any price."""
    return pl.Series([f"{900_000 + n}.00" for n in rng.integers(1, 90_000, len(was)).tolist()], dtype=pl.String)


def _no_quantity(was: pl.Series, _: np.random.Generator) -> pl.Series:
    """Zero and minus the quantity, in turn."""
    turn = pl.Series(np.arange(len(was)) % 2)
    return pl.select((-was * turn).cast(was.dtype)).to_series()


def _without_at(was: pl.Series, _: np.random.Generator) -> pl.Series:
    return was.str.replace("@", " at ", literal=True)


def _negative(was: pl.Series, _: np.random.Generator) -> pl.Series:
    return pl.select(pl.lit("-") + was).to_series()


def _misread(was: pl.Series, _: np.random.Generator) -> pl.Series:
    """The letter O for the decimal zeros, as scanned text has it."""
    return pl.select(was.str.slice(0, was.str.len_chars() - 2) + pl.lit("OO")).to_series()


def _untidy(was: pl.Series, _: np.random.Generator) -> pl.Series:
    return pl.select(pl.lit(" ") + was.str.to_lowercase() + pl.lit(" ")).to_series()


@dataclass(frozen=True)
class Defect:
    """A kind of dirt in one column: what it must become, by which rule, and how often (rows, and per million rows)."""

    kind: str
    table: str
    column: str
    rule: str | None
    expected: str
    at_least: int
    per_million: int
    spoil: Spoil


LONG_CITY = _constant("तिरुवनन्तपुरम" * 12)
LONG_NAME = _constant("बहुत लंबा नाम " * 60)

DEFECTS: tuple[Defect, ...] = (
    # First, while most orders are free: the order of a spoiled line is labelled too.
    Defect("out_of_range", "order_items", "quantity", "between", QUARANTINED, 6, 300, _no_quantity),
    Defect("missing_key", "orders", "customer_id", "not_null", QUARANTINED, 6, 500, _constant("")),
    Defect("missing_key", "payments", "order_id", "not_null", QUARANTINED, 4, 200, _constant("")),
    Defect("missing_key", "web_events", "visitor_id", "not_null", QUARANTINED, 10, 200, _constant(None)),
    Defect("bad_format", "customers", "email", "matches", QUARANTINED, 3, 500, _without_at),
    Defect("unknown_code", "customers", "loyalty_tier", "in_set", QUARANTINED, 2, 200, _constant("diamond", "GOLD+")),
    Defect("unknown_code", "products", "category", "in_set", QUARANTINED, 2, 200, _constant("electronix", "misc")),
    Defect("unknown_code", "orders", "status", "in_set", QUARANTINED, 6, 300, _constant("lost", "on_hold", "???")),
    Defect("unknown_code", "payments", "tender", "in_set", QUARANTINED, 4, 200, _constant("barter", "crypto")),
    Defect("unknown_code", "refunds", "reason", "in_set", QUARANTINED, 1, 500, _constant("unknown", "n/a")),
    Defect(
        "unknown_code", "inventory_movements", "movement_type", "in_set", QUARANTINED, 4, 200, _constant("teleport")
    ),
    Defect(
        "unknown_code", "web_events", "event_type", "in_set", QUARANTINED, 10, 200, _constant("hover", "rage_click")
    ),
    Defect("out_of_range", "refunds", "amount", "between", QUARANTINED, 2, 1_000, _negative),
    Defect(
        "unparsable", "customers", "birth_date", "parses_as", QUARANTINED, 2, 200, _constant("31/02/1990", "1990-13-01")
    ),
    Defect("unparsable", "products", "list_price", "parses_as", QUARANTINED, 2, 200, _constant("call us", "1.299,00")),
    Defect(
        "unparsable",
        "orders",
        "ordered_at",
        "parses_as",
        QUARANTINED,
        4,
        200,
        _constant("2026-13-45T99:00:00Z", "soon"),
    ),
    Defect("unparsable", "orders", "total_amount", "parses_as", QUARANTINED, 4, 200, _misread),
    Defect("unparsable", "payments", "amount", "parses_as", QUARANTINED, 4, 200, _misread),
    Defect(
        "unparsable",
        "refunds",
        "refunded_at",
        "parses_as",
        QUARANTINED,
        1,
        500,
        _constant("yesterday", "2026-02-30T00:00:00Z"),
    ),
    Defect(
        "unparsable", "web_events", "event_at", "parses_as", QUARANTINED, 10, 200, _constant("1767590000", "0000-00-00")
    ),
    Defect("inverted_pair", "products", "cost_price", "compare", QUARANTINED, 2, 200, _above_any_price),
    Defect("too_long", "customers", "city", "byte_length", QUARANTINED, 2, 200, LONG_CITY),
    Defect("too_long", "products", "product_name", "byte_length", QUARANTINED, 2, 200, LONG_NAME),
    Defect("total_mismatch", "orders", "total_amount", "condition", WARN, 6, 500, _grown),
    Defect("untidy_code", "orders", "currency_code", None, LOADED, 6, 500, _untidy),
    Defect("untidy_code", "payments", "currency_code", None, LOADED, 4, 300, _untidy),
)

# table: rows at least, and per million rows, that stand twice in one file
REPEATED = {
    "customers": (3, 200),
    "products": (2, 200),
    "orders": (8, 500),
    "order_items": (8, 500),
    "payments": (8, 500),
    "refunds": (2, 500),
    "inventory_movements": (6, 300),
    "web_events": (40, 1_000),
}
# likewise, rows that come again, unchanged, the day after
REDELIVERED = {"payments": (10, 800), "web_events": (50, 1_500)}


@dataclass
class Soiled:
    """The tables with their defects: `extra` rows are further deliveries, `labels` are one row per planted defect."""

    frames: dict[str, pl.DataFrame]
    extra: dict[str, pl.DataFrame]
    labels: pl.DataFrame


def soil(plan: Plan, built: dict[str, Built]) -> Soiled:
    """Plants every kind of defect that the size has room for."""
    frames = {table: one.frame.drop("_free") for table, one in built.items()}
    free = {table: one.frame["_free"].to_numpy().copy() for table, one in built.items()}
    extra: dict[str, list[pl.DataFrame]] = {table: [] for table in frames}
    labels: list[pl.DataFrame] = []

    def label(kind: str, table: str, rows: pl.DataFrame, column: str, expected: str, rule: str | None) -> None:
        key = KEYS[table]
        labels.append(
            rows.select(
                kind=pl.lit(kind),
                table=pl.lit(table),
                _day="_day",
                key=key,
                column=pl.lit(column),
                value=pl.col(column).cast(pl.String),
                expected=pl.lit(expected),
                rule=pl.lit(rule, dtype=pl.String),
            )
        )

    for kind, table, column, expected, rule in (
        ("out_of_order_change", "customers", "updated_at", LOADED, None),
        ("late_event", "web_events", "event_at", LOADED, None),
        ("late_customer", "orders", "customer_id", INFERRED, "foreign_key"),
        ("unknown_customer", "orders", "customer_id", INFERRED, "foreign_key"),
    ):
        label(kind, table, frames[table][built[table].flagged[kind]], column, expected, rule)

    for defect in DEFECTS:
        rng = plan.stream(f"dirt {defect.kind} {defect.table} {defect.column}")
        frame = frames[defect.table]
        wanted = max(defect.at_least, round(defect.per_million * frame.height / 1_000_000))
        if defect.table == "order_items":
            rows = _first_lines(rng, frames, free, wanted)
            touched = frame["order_id"].gather(rows).implode()
            orders = np.flatnonzero(frames["orders"]["order_id"].is_in(touched).to_numpy())
            free["orders"][orders] = False
            label("incomplete_lines", "orders", frames["orders"][orders], "total_amount", WARN, "condition")
        else:
            rows = _draw(rng, free[defect.table], wanted)
        free[defect.table][rows] = False
        spoiled = defect.spoil(frame[defect.column].gather(rows), rng)
        frames[defect.table] = frame.with_columns(frame[defect.column].scatter(rows, spoiled))
        label(defect.kind, defect.table, frames[defect.table][rows], defect.column, defect.expected, defect.rule)

    for kind, shift, counts in (("duplicate_in_file", 0, REPEATED), ("redelivered", 1, REDELIVERED)):
        for table, (at_least, per_million) in counts.items():
            rng = plan.stream(f"dirt {kind} {table}")
            wanted = max(at_least, round(per_million * frames[table].height / 1_000_000))
            in_time = frames[table]["_day"].to_numpy() + shift < plan.size.days
            rows = _draw(rng, free[table] & in_time, wanted)
            free[table][rows] = False
            again = frames[table][rows].with_columns(pl.col("_day") + shift)
            extra[table].append(again)
            label(kind, table, again, KEYS[table], DUPLICATE, "unique")

    return Soiled(frames, {table: pl.concat(more) for table, more in extra.items() if more}, pl.concat(labels))


def _draw(rng: np.random.Generator, free: Flags, wanted: int) -> Ints:
    """Rows for a defect, in order; never more than a tenth of those that are still free (but one, if there is one)."""
    rows = np.flatnonzero(free)
    count = min(wanted, -(-len(rows) // 10))
    return np.sort(rng.choice(rows, count, replace=False)).astype(np.int64)


def _first_lines(
    rng: np.random.Generator, frames: dict[str, pl.DataFrame], free: dict[str, Flags], wanted: int
) -> Ints:
    """The first lines of some orders without a defect."""
    orders = frames["orders"]["order_id"].gather(_draw(rng, free["orders"], wanted))
    items = frames["order_items"]
    chosen = items["order_id"].is_in(orders.implode()) & (items["line_number"] == 1)
    return np.flatnonzero(chosen.to_numpy()).astype(np.int64)
