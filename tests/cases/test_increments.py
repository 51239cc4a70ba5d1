"""Whatever is delivered in whatever order: after each batch every table is what a full build would make of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import md5
from typing import Any

import polars as pl
from case_warehouse import CaseWarehouse, graph, in_order, registry

from expectations.predicates_sql import suite_select
from expectations.rules import rules_of

Row = dict[str, Any]
BATCHES = 4
ORDERS = 12
# Two days before the end of a month: the calendar grows while batches come.
START = datetime(2026, 1, 29, 12, 0)


class Shop:
    """A few of everything, small enough that rows meet: batches of clean rows by table, drawn from one seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.batches: list[dict[str, list[Row]]] = [{} for _ in range(BATCHES)]
        for table, rows in (
            ("clean.customers", self.customers()),
            ("clean.products", self.products()),
            ("clean.postal_codes", self.postal_codes()),
            ("clean.fx_rates", self.fx_rates()),
            ("clean.orders", self.orders()),
            ("clean.order_items", self.order_items()),
            ("clean.payments", self.payments()),
            ("clean.refunds", self.refunds()),
            ("clean.inventory_movements", self.movements()),
            ("clean.web_events", self.events()),
        ):
            for row in rows:
                batch = self.draw.randrange(BATCHES)
                same = [r for r in self.batches[batch].get(table, []) if r.get("order_id") == row.get("order_id")]
                if table == "clean.orders" and same:
                    continue  # cleaning leaves one version of an order per batch
                row["row_hash"] = md5(repr(row).encode(), usedforsecurity=False).hexdigest()
                row["delivery_date"] = (START + timedelta(days=batch)).date()
                self.batches[batch].setdefault(table, []).append(row)

    def at(self, *, hours: float = 120) -> datetime:
        return START + timedelta(minutes=self.draw.randrange(int(hours * 60)))

    def some(self, prefix: str, count: int) -> str:
        return f"{prefix}{self.draw.randrange(count)}"

    def cents(self, most: int = 3_000) -> Decimal:
        return Decimal(self.draw.randrange(most)) / 100

    def customers(self) -> Iterator[Row]:
        for _ in range(24):
            tier = self.draw.choice(["bronze", "silver", "gold"])
            yield {"customer_id": self.some("C", 4), "loyalty_tier": tier, "updated_at": self.at(), "last_name": tier}

    def products(self) -> Iterator[Row]:
        for _ in range(28):
            yield {
                "product_id": self.some("P", 4),
                "category": self.draw.choice(["beauty", "sports"]),
                "list_price": self.cents(),
                "cost_price": self.draw.choice([None, self.cents(500)]),
                "currency_code": self.draw.choice(["INR", "USD"]),
                "updated_at": self.at(),
            }

    def postal_codes(self) -> Iterator[Row]:
        for code in ("1", "2"):
            yield {"country_code": "IN", "postal_code": code, "city": "Pune"}

    def fx_rates(self) -> Iterator[Row]:
        for day in self.draw.sample(range(-1, 6), 4):
            yield {
                "rate_date": (START + timedelta(days=day)).date(),
                "from_currency_code": "USD",
                "to_currency_code": "INR",
                "rate": 80 + day,
            }

    def orders(self) -> Iterator[Row]:
        for place in range(ORDERS):
            at, customer = self.at(), self.some("C", 5)
            for change in range(self.draw.choice([1, 2, 3])):
                moved = timedelta(hours=self.draw.choice([0, 0, 30])) if change else timedelta()
                yield {
                    "order_id": f"O{place}",
                    "customer_id": customer,
                    "ordered_at": at + moved,
                    "order_date": (at + moved + timedelta(hours=5.5)).date(),
                    "status": self.draw.choice(["placed", "paid", "cancelled"]),
                    "channel": self.draw.choice(["web", "store"]),
                    "promotion_code": self.draw.choice([None, "APP5"]),
                    "currency_code": "USD" if place % 2 == 0 else "INR",
                    "discount_amount": self.cents(200),
                    "shipping_amount": self.cents(500),
                    "tax_amount": self.cents(500),
                    "ship_country_code": self.draw.choice(["IN", None]),
                    "ship_postal_code": self.some("", 4),
                    "updated_at": at + timedelta(hours=change),
                }

    def order_items(self) -> Iterator[Row]:
        for place in range(2 * ORDERS):
            yield {
                "order_item_id": f"OI{place}",
                "order_id": f"O{place % (ORDERS + 1)}",
                "product_id": self.some("P", 5),
                "quantity": self.draw.randrange(1, 4),
                "unit_price": self.draw.choice([Decimal(0), Decimal("3.33"), self.cents()]),
                "updated_at": self.at(),
            }

    def payments(self) -> Iterator[Row]:
        for place in range(2 * ORDERS):
            order = self.draw.randrange(ORDERS + 1)
            at = self.at()
            yield {
                "payment_id": f"PY{place}",
                "order_id": f"O{order}",
                "kind": self.draw.choice(["authorisation", "capture", "void"]),
                "amount": self.cents(),
                "currency_code": "USD" if order % 2 == 0 else "INR",
                "paid_at": at,
                "payment_date": (at + timedelta(hours=5.5)).date(),
            }

    def refunds(self) -> Iterator[Row]:
        for place in range(2 * ORDERS):
            order = self.draw.randrange(ORDERS + 1)
            at = self.at()
            yield {
                "refund_id": f"R{place}",
                "order_id": f"O{order}",
                "order_item_id": self.draw.choice([None, f"OI{order}", self.some("OI", 2 * ORDERS)]),
                "amount": self.cents() + Decimal("0.01"),
                "currency_code": "USD" if order % 2 == 0 else "INR",
                "refunded_at": at,
                "refund_date": (at + timedelta(hours=5.5)).date(),
            }

    def movements(self) -> Iterator[Row]:
        for place in range(24):
            kind, at = self.draw.choice(["receipt", "sale", "return", "adjustment"]), self.at()
            yield {
                "movement_id": f"M{place}",
                "product_id": self.some("P", 4),
                "warehouse_code": self.some("W", 2),
                "movement_type": kind,
                "quantity": self.draw.randrange(1, 9) * (-1 if kind == "sale" else 1),
                "moved_at": at,
                "movement_date": (at + timedelta(hours=5.5)).date(),
            }

    def events(self) -> Iterator[Row]:
        at = self.at(hours=24)
        for place in range(60):
            at += timedelta(minutes=self.draw.choice([1, 1, 20, 29, 31, 200]))
            visitor = self.some("V", 15)
            kind = self.draw.choice(["page_view", "product_view", "purchase"])
            yield {
                "event_id": f"E{place}",
                "visitor_id": visitor,
                "customer_id": self.draw.choice([None, self.some("C", 5)]),
                "event_type": kind,
                "event_at": at,
                "event_date": (at + timedelta(hours=5.5)).date(),
                "product_id": self.some("P", 5) if kind == "product_view" else None,
                "order_id": self.some("O", ORDERS) if kind == "purchase" else None,
                "utm_source": self.draw.choice([None, "google"]),
                "utm_medium": self.draw.choice(["cpc", "email"]),
                "device": "bot" if visitor == "V0" else self.draw.choice(["mobile", None]),
            }


def rebuilt(warehouse: CaseWarehouse) -> CaseWarehouse:
    """A second warehouse, built in full from the clean rows of the first."""
    other = CaseWarehouse()
    for contract in registry().layer("clean"):
        rows = warehouse.rows(str(contract.table), contract.names)
        other.insert(str(contract.table), contract, [dict(zip(contract.names, row, strict=True)) for row in rows])
    other.build_all(full=True)
    return other


def test_increments_make_what_a_full_build_makes() -> None:
    warehouse = CaseWarehouse()
    for number, batch in enumerate(Shop(0).batches):
        for name, rows in batch.items():
            warehouse.deliver(name, rows)
        warehouse.build_all()
        if number % 2 == 0:
            continue  # a full build costs more than all increments
        whole = rebuilt(warehouse)
        for table in graph().tables:
            names = registry()[table].names
            found, expected = (in_order(w.rows(str(table), names)) for w in (warehouse, whole))
            assert found == expected, f"batch {number}: {table}"
    again = warehouse.build_all()
    assert {t: c for t, c in again.items() if any(c.values())} == {}, "a second run without new data changed a table"


def test_every_stage_keeps_the_promises_of_its_contract() -> None:
    warehouse, broken = CaseWarehouse(), []
    for number, batch in enumerate(Shop(7).batches):
        for name, rows in batch.items():
            warehouse.deliver(name, rows)
        for table in graph().order():
            warehouse.stage(table)
            rules = [r for r in rules_of(registry()[table]) if r.verdict == "block"]
            suite = suite_select(rules, table.stage)
            _, measured, _ = suite.read(pl.DataFrame(warehouse.frame(suite.text)))
            broken += [f"batch {number}: {m.rule.id}: {m.failed}, {m.observed}" for m in measured if not m.success]
            warehouse.publish(table)
    assert broken == []
