"""A change log of a whole shop in a domain so small that its rows meet, and its delivery in any order and batching."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import md5
from typing import Any

import polars as pl
from case_warehouse import CaseWarehouse, filled, registry
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from contracts.ids import TableId
from contracts.model import Contract
from contracts.polars_types import polars_schema
from tasks.clean import duplicate_lines

Row = dict[str, Any]
# Table and row: what one delivered record says.
Change = tuple[str, Row]

BATCHES = 3
# Where and when a record came; it is no part of what the record says.
PROVENANCE = ("delivery_date", "batch_id", "source_line")

# The second is the last evening of a month in UTC and the first of the next one in the shop. Facts happen at the very
# instants at which dimensions change.
_INSTANTS = (datetime(2026, 1, 30, 12), datetime(2026, 1, 31, 19), datetime(2026, 2, 2, 12))
_VERSIONS = (datetime(2026, 2, 3, 12), datetime(2026, 2, 4, 12))
_DELIVERIES = (datetime(2026, 2, 5).date(), datetime(2026, 2, 6).date())
# Pauses of 20, 10, 30 and 31 minutes between neighbours: the last is one too long for a session.
_MINUTES = (0, 20, 30, 60, 91)

_at = st.sampled_from(_INSTANTS)
_version = st.sampled_from(_VERSIONS)
_order = st.sampled_from(["O1", "O2", "O3"])
_customer = st.sampled_from(["C1", "C2", "C3"])
_product = st.sampled_from(["P1", "P2", "P3"])
_currency = st.sampled_from(["INR", "USD"])
_amount = st.sampled_from([Decimal("0.01"), Decimal("3.33"), Decimal("10.00")])


def _rows(table: str, **columns: SearchStrategy[Any]) -> SearchStrategy[list[Change]]:
    row = st.fixed_dictionaries(
        {**columns, "delivery_date": st.sampled_from(_DELIVERIES), "source_line": st.integers(1, 2)}
    )
    return st.lists(row.map(lambda r: (table, r)), min_size=2, max_size=6)


# C3 and P3 are delivered by nobody: whoever refers to them refers to an inferred member.
_TABLES: dict[str, SearchStrategy[list[Change]]] = {
    "customers": _rows(
        "clean.customers",
        customer_id=st.sampled_from(["C1", "C2"]),
        updated_at=_at,
        loyalty_tier=st.sampled_from(["silver", "gold"]),
        last_name=st.sampled_from(["Rao", "Sen"]),
        country_code=st.just("IN"),
        postal_code=st.sampled_from(["1", None]),
    ),
    "products": _rows(
        "clean.products",
        product_id=st.sampled_from(["P1", "P2"]),
        updated_at=_at,
        category=st.sampled_from(["beauty", "sports"]),
        cost_price=st.sampled_from([None, Decimal("1.50")]),
        currency_code=_currency,
    ),
    "postal_codes": _rows(
        "clean.postal_codes", country_code=st.just("IN"), postal_code=st.just("1"), city=st.sampled_from("PA")
    ),
    "fx_rates": _rows(
        "clean.fx_rates",
        rate_date=st.sampled_from([at.date() for at in _INSTANTS]),
        from_currency_code=st.just("USD"),
        to_currency_code=st.just("INR"),
        rate=st.sampled_from([80, 90]),
    ),
    "orders": _rows(
        "clean.orders",
        order_id=_order,
        customer_id=_customer,
        ordered_at=_at,
        status=st.sampled_from(["placed", "cancelled"]),
        channel=st.sampled_from(["web", "store"]),
        promotion_code=st.sampled_from([None, "APP5"]),
        currency_code=_currency,
        discount_amount=st.sampled_from([Decimal(0), Decimal("1.01")]),
        shipping_amount=st.sampled_from([Decimal(0), Decimal("0.05")]),
        tax_amount=st.just(Decimal(0)),
        ship_country_code=st.just("IN"),
        ship_postal_code=st.sampled_from(["1", "2", None]),
        updated_at=_version,
    ),
    "order_items": _rows(
        "clean.order_items",
        order_item_id=st.sampled_from(["I1", "I2", "I3", "I4"]),
        order_id=_order,
        product_id=_product,
        quantity=st.integers(1, 2),
        unit_price=_amount,
        updated_at=_version,
    ),
    "payments": _rows(
        "clean.payments",
        payment_id=st.sampled_from(["Y1", "Y2"]),
        order_id=_order,
        kind=st.sampled_from(["authorisation", "capture"]),
        amount=_amount,
        currency_code=_currency,
        paid_at=_at,
    ),
    "refunds": _rows(
        "clean.refunds",
        refund_id=st.sampled_from(["R1", "R2"]),
        order_id=_order,
        order_item_id=st.sampled_from([None, "I1", "I2"]),
        amount=_amount,
        currency_code=_currency,
        refunded_at=_at,
    ),
    "inventory_movements": _rows(
        "clean.inventory_movements",
        movement_id=st.sampled_from(["M1", "M2", "M3"]),
        product_id=_product,
        warehouse_code=st.sampled_from(["W1", "W2"]),
        movement_type=st.sampled_from(["receipt", "adjustment", "sale"]),
        quantity=st.sampled_from([1, -2]),
        moved_at=_at,
    ),
    "web_events": _rows(
        "clean.web_events",
        event_id=st.sampled_from([f"E{n}" for n in range(5)]),
        visitor_id=st.sampled_from(["V1", "V2"]),
        customer_id=st.sampled_from([None, "C1"]),
        event_type=st.sampled_from(["page_view", "product_view", "purchase"]),
        event_at=st.builds(lambda at, m: at + timedelta(minutes=m), _at, st.sampled_from(_MINUTES)),
        product_id=st.sampled_from([None, "P1"]),
        order_id=st.sampled_from([None, "O1"]),
        utm_source=st.sampled_from([None, "google"]),
        utm_medium=st.sampled_from([None, "cpc"]),
        device=st.sampled_from(["mobile", "bot", None]),
    ),
}

# What meets in a fact: a log of few tables has the more to say about how they meet, and costs less to build.
_SUBJECTS = (
    ("customers", "products", "orders", "order_items"),
    ("customers", "products", "fx_rates", "orders", "order_items", "refunds"),
    ("customers", "fx_rates", "orders", "payments"),
    ("orders", "order_items", "payments", "refunds"),
    ("customers", "web_events"),
    ("products", "web_events", "inventory_movements"),
    ("orders", "order_items", "web_events"),
    ("postal_codes", "customers", "orders", "order_items"),
)


@st.composite
def logs(draw: st.DrawFn) -> list[Change]:
    """The change log of one subject."""
    return [change for table in draw(st.sampled_from(_SUBJECTS)) for change in draw(_TABLES[table])]


def batches(log: list[Change]) -> SearchStrategy[list[list[Change]]]:
    """Any order and any batching: each change comes in some batch, and the batches one after the other."""
    places = st.lists(st.integers(0, BATCHES - 1), min_size=len(log), max_size=len(log))
    return places.map(lambda of: [[c for c, at in zip(log, of, strict=True) if at == n] for n in range(BATCHES)])


def deliver(warehouse: CaseWarehouse, changes: Iterable[Change]) -> dict[str, int]:
    """One batch per table: cleaned of the rows that lose within it, then loaded; the duplicates of each table."""
    by_table: dict[str, list[Row]] = {}
    for table, row in changes:
        by_table.setdefault(table, []).append(row)
    duplicates: dict[str, int] = {}
    for table, rows in by_table.items():
        cleaned = _cleaned(registry()[TableId.parse(table)], rows)
        duplicates[table] = len(rows) - len(cleaned) + warehouse.deliver(table, cleaned)
    return duplicates


def _cleaned(contract: Contract, rows: list[Row]) -> list[Row]:
    whole = [filled(contract, _hashed(row), place) for place, row in enumerate(rows)]
    whole.sort(key=lambda row: (row["delivery_date"], row["source_line"]))
    lines = [{**row, "source_line": line} for line, row in enumerate(whole)]
    frame = pl.LazyFrame(lines, schema=polars_schema(contract), strict=False)
    lost = set(duplicate_lines(frame, contract))
    return [row for line, row in enumerate(whole) if line not in lost]


def _hashed(row: Row) -> Row:
    """The row with the MD5 of what it says, unless it has a hash."""
    said = {name: value for name, value in row.items() if name not in PROVENANCE}
    return {"row_hash": md5(repr(said).encode(), usedforsecurity=False).hexdigest(), **row}
