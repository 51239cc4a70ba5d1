"""The kinds of dirt that a delivery carries: where each stands, which rule must catch it, and what must become of it.

Rules are named by their full id. Besides those of the contracts there are `<raw table>.malformed` (a record that is no
row) and `<clean table>.<column>.types` (text that reads well but does not fit the clean type).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

# What must become of a row. Quarantined: moved aside. Duplicate: counted, not loaded again. Warned: loaded, and told by
# the rule. Inferred: loaded and told, and the member it refers to is inferred. Loaded: loaded, and nothing is told.
QUARANTINED, DUPLICATE, INFERRED, WARNED, LOADED = "quarantined", "duplicate", "inferred", "warned", "loaded"
MALFORMED = "malformed_record"

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


def _with_minus(was: pl.Series, _: np.random.Generator) -> pl.Series:
    return pl.select(pl.lit("-") + was).to_series()


def _other_sign(was: pl.Series, _: np.random.Generator) -> pl.Series:
    return -was


def _misread(was: pl.Series, _: np.random.Generator) -> pl.Series:
    """The letter O for the decimal zeros, as scanned text has it."""
    return pl.select(was.str.slice(0, was.str.len_chars() - 2) + pl.lit("OO")).to_series()


def _too_precise(was: pl.Series, _: np.random.Generator) -> pl.Series:
    """A tenth of a cent more, as a rate that nobody rounded leaves it."""
    return pl.select(was + pl.lit("1")).to_series()


def _untidy(was: pl.Series, _: np.random.Generator) -> pl.Series:
    return pl.select(pl.lit(" ") + was.str.to_lowercase() + pl.lit(" ")).to_series()


@dataclass(frozen=True)
class Defect:
    """A kind of dirt in one column: what it must become, by which rule, and how often (rows, and per million rows).

    Without `spoil`, the column is exchanged with `swapped_with`, or (`malformed_record`) the written record is broken.
    """

    kind: str
    table: str
    column: str
    rule: str | None
    expected: str
    at_least: int
    per_million: int
    spoil: Spoil | None = None
    swapped_with: str | None = None
    among: pl.Expr | None = None  # the rows that it can be planted in


LONG_CITY = _constant("तिरुवनन्तपुरम" * 12)
LONG_NAME = _constant("बहुत लंबा नाम " * 60)
LONG_CODE = _constant("FESTIVE-SEASON-WELCOME-BACK-2026-EXTRA")
Q, W = QUARANTINED, WARNED

# The order counts: a defect of a line takes its order, and an order set aside takes its lines, payments and refunds.
# fmt: off
DEFECTS: tuple[Defect, ...] = (
    Defect("out_of_range", "order_items", "quantity", "clean.order_items.quantity.between", Q, 6, 300, _no_quantity),
    Defect("unknown_product", "order_items", "product_id", "clean.order_items.product_id.foreign_key", INFERRED, 3, 100,
           _constant("P9000001", "P9000002")),

    Defect("missing_key", "orders", "customer_id", "raw.orders.customer_id.not_null", Q, 6, 500, _constant("")),
    Defect("unknown_code", "orders", "status", "clean.orders.status.in_set", Q, 6, 300,
           _constant("lost", "on_hold", "???")),
    Defect("unparsable", "orders", "ordered_at", "raw.orders.ordered_at.parses_as", Q, 4, 200,
           _constant("2026-13-45T99:00:00Z", "soon")),
    Defect("unparsable", "orders", "total_amount", "raw.orders.total_amount.parses_as", Q, 4, 200, _misread),
    Defect("too_long", "orders", "promotion_code", "clean.orders.promotion_code.byte_length", Q, 3, 200, LONG_CODE),
    Defect(MALFORMED, "orders", "order_id", "raw.orders.malformed", Q, 3, 200),
    Defect("total_mismatch", "orders", "total_amount", "core.fact_sales.lines_sum_to_total", W, 6, 500, _grown),
    Defect("untidy_code", "orders", "currency_code", None, LOADED, 6, 500, _untidy),

    Defect("missing_key", "payments", "order_id", "raw.payments.order_id.not_null", Q, 4, 200, _constant("")),
    Defect("unknown_code", "payments", "tender", "clean.payments.tender.in_set", Q, 4, 200,
           _constant("barter", "crypto")),
    Defect("unparsable", "payments", "amount", "raw.payments.amount.parses_as", Q, 4, 200, _misread),
    Defect("too_precise", "payments", "amount", "clean.payments.amount.types", Q, 4, 200, _too_precise),
    Defect("bad_format", "payments", "currency_code", "clean.payments.currency_code.matches", Q, 3, 200,
           _constant("R5.", "12A")),
    Defect("unknown_order", "payments", "order_id", "clean.payments.order_id.foreign_key", W, 3, 200,
           _constant("O90000001", "O90000002")),
    Defect("untidy_code", "payments", "currency_code", None, LOADED, 4, 300, _untidy),

    Defect("unknown_code", "refunds", "reason", "clean.refunds.reason.in_set", Q, 1, 500, _constant("unknown", "n/a")),
    Defect("out_of_range", "refunds", "amount", "clean.refunds.amount.between", Q, 2, 1_000, _with_minus),
    Defect("unparsable", "refunds", "refunded_at", "raw.refunds.refunded_at.parses_as", Q, 1, 500,
           _constant("yesterday", "2026-02-30T00:00:00Z")),

    Defect("bad_format", "customers", "email", "clean.customers.email.matches", Q, 3, 500, _without_at),
    Defect("bad_format", "customers", "phone", "clean.customers.phone.matches", W, 2, 200,
           _constant("ask for me", "n/a")),
    Defect("unknown_code", "customers", "loyalty_tier", "clean.customers.loyalty_tier.in_set", Q, 2, 200,
           _constant("diamond", "GOLD+")),
    Defect("unparsable", "customers", "birth_date", "raw.customers.birth_date.parses_as", Q, 2, 200,
           _constant("31/02/1990", "1990-13-01")),
    Defect("swapped_columns", "customers", "birth_date", "raw.customers.birth_date.parses_as", Q, 2, 200,
           swapped_with="gender", among=pl.col("gender") != ""),
    Defect("future_date", "customers", "birth_date", "clean.customers.born_before_delivered", Q, 2, 200,
           _constant("2987-06-05", "2978-05-06")),
    Defect("inverted_pair", "customers", "registered_at", "clean.customers.registered_before_updated", W, 2, 200,
           swapped_with="updated_at", among=pl.col("registered_at") < pl.col("updated_at")),
    Defect("too_long", "customers", "city", "raw.customers.city.byte_length", Q, 2, 200, LONG_CITY),
    # UTF-8 read as Latin-1 is text like any other: no rule can tell.
    Defect("encoding_damage", "customers", "city", None, LOADED, 2, 200, _constant("MÃ¼nchen", "DÃ¼sseldorf")),

    Defect("unknown_code", "products", "category", "clean.products.category.in_set", Q, 2, 200,
           _constant("electronix", "misc")),
    Defect("unparsable", "products", "list_price", "raw.products.list_price.parses_as", Q, 2, 200,
           _constant("call us", "1.299,00")),
    Defect("inverted_pair", "products", "cost_price", "clean.products.cost_not_above_list", Q, 2, 200,
           _above_any_price),
    Defect("too_long", "products", "product_name", "raw.products.product_name.byte_length", Q, 2, 200, LONG_NAME),

    Defect("unknown_code", "inventory_movements", "movement_type", "clean.inventory_movements.movement_type.in_set",
           Q, 4, 200, _constant("teleport")),
    Defect("wrong_sign", "inventory_movements", "quantity", "clean.inventory_movements.sign_fits_type", Q, 3, 200,
           _other_sign, among=pl.col("movement_type") == "sale"),

    Defect("missing_key", "web_events", "visitor_id", "raw.web_events.visitor_id.not_null", Q, 10, 200,
           _constant(None)),
    Defect("unknown_code", "web_events", "event_type", "clean.web_events.event_type.in_set", Q, 10, 200,
           _constant("hover", "rage_click")),
    Defect("unparsable", "web_events", "event_at", "raw.web_events.event_at.parses_as", Q, 10, 200,
           _constant("1767590000", "0000-00-00")),
    # The clock of a device that was never set.
    Defect("out_of_range", "web_events", "event_at", "clean.web_events.event_at.between", Q, 5, 100,
           _constant("1970-01-01T00:00:07Z")),
    Defect(MALFORMED, "web_events", "event_id", "raw.web_events.malformed", Q, 5, 100),
    Defect("missing_product", "web_events", "product_id", "clean.web_events.product_event_has_product", W, 5, 100,
           _constant(None), among=pl.col("event_type") == "product_view"),
)
# fmt: on


@dataclass(frozen=True)
class Repetition:
    """Rows that stand twice: how often per table (rows at least, and per million), how much later, and what differs."""

    kind: str
    days_later: int
    counts: dict[str, tuple[int, int]]
    differs: tuple[pl.Expr, ...] = ()


REPETITIONS: tuple[Repetition, ...] = (
    Repetition(
        "duplicate_in_file",
        0,
        {
            "customers": (3, 200),
            "products": (2, 200),
            "orders": (8, 500),
            "order_items": (8, 500),
            "payments": (8, 500),
            "refunds": (2, 500),
            "inventory_movements": (6, 300),
            "web_events": (40, 1_000),
        },
    ),
    Repetition("redelivered", 1, {"payments": (10, 800), "web_events": (50, 1_500)}),
    # The older of two versions, behind the newer one: by its version it must lose.
    Repetition(
        "conflicting_duplicate",
        0,
        {"order_items": (4, 200)},
        (pl.col("quantity") + 1, pl.col("updated_at") - pl.duration(seconds=1)),
    ),
)
