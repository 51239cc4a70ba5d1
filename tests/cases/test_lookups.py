"""Every fact finds the version of its dimensions that held at its instant, and the rate of its day and currencies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from case_warehouse import REPORTING_CURRENCY, CaseWarehouse, Row, graph, registry

from contracts.ids import TableId

MOVED, AGAIN = datetime(2026, 1, 6), datetime(2026, 1, 8)
# The last moment of a version, the first of the next one, the first of the one after it; the version that holds then.
INSTANTS = ((MOVED - timedelta(seconds=1), 1), (MOVED, 2), (AGAIN - timedelta(seconds=1), 2), (AGAIN, 3))
UNKNOWN = 5
OPENINGS = (datetime(1900, 1, 1), MOVED, AGAIN, datetime(9999, 12, 31))
RATES = {date(2026, 1, 6): 84, date(2026, 1, 8): 86}

Given = dict[str, Row]


def order(number: int, **more: object) -> Row:
    return {"order_id": f"O{number}", "customer_id": "C1", "channel": "web", "currency_code": "USD", **more}


def line(number: int) -> Row:
    ids = {"order_item_id": f"I{number}", "order_id": f"O{number}", "product_id": "P1"}
    return {**ids, "quantity": 1, "unit_price": 2}


def money(number: int, **more: object) -> Row:
    return {"order_id": f"O{number}", "amount": 2, "currency_code": "USD", **more}


# A fact, its key, and the rows that make one of it at an instant.
FACTS: dict[str, tuple[str, Callable[[int, datetime], Given]]] = {
    "core.fact_sales": (
        "order_item_id",
        lambda n, at: {"clean.orders": order(n, ordered_at=at), "clean.order_items": line(n)},
    ),
    "core.fact_payments": (
        "payment_id",
        lambda n, at: {
            "clean.payments": money(n, payment_id=f"I{n}", kind="capture", paid_at=at),
            "clean.orders": order(n),
        },
    ),
    "core.fact_refunds": (
        "refund_id",
        lambda n, at: {
            "clean.refunds": money(n, refund_id=f"I{n}", order_item_id=f"I{n}", refunded_at=at),
            "clean.orders": order(n),
            "clean.order_items": line(n),
        },
    ),
    "core.fact_sessions": (
        "session_id",
        lambda n, at: {
            "curated.web_sessions": {
                "session_id": f"I{n}",
                "customer_id": "C1",
                "started_at": at,
                "channel_code": "web",
            }
        },
    ),
    "core.fact_web_events": (
        "event_id",
        lambda n, at: {
            "clean.web_events": {"event_id": f"I{n}", "customer_id": "C1", "product_id": "P1", "event_at": at}
        },
    ),
    "core.fact_inventory_movements": (
        "movement_id",
        lambda n, at: {"clean.inventory_movements": {"movement_id": f"I{n}", "product_id": "P1", "moved_at": at}},
    ),
}


def dimensions() -> dict[str, list[Row]]:
    """Three versions of the member that is meant, one of another, the unknown one; rates that nearly fit."""
    out: dict[str, list[Row]] = {}
    for name, member in (("customer", "C1"), ("product", "P1")):
        spans = [(member, *span) for span in pairwise(OPENINGS)]
        spans += [(other, OPENINGS[0], OPENINGS[-1]) for other in ("another", "(unknown)")]
        out[f"core.dim_{name}"] = [
            {f"{name}_key": key, f"{name}_id": id_, "effective_from": opens, "effective_to": ends}
            for key, (id_, opens, ends) in enumerate(spans, 1)
        ]
    out["core.dim_channel"] = [{"channel_key": 7, "channel_code": "web"}, {"channel_key": 8, "channel_code": "store"}]
    out["core.dim_exchange_rate"] = [
        {"rate_date": day, "from_currency_code": source, "to_currency_code": target, "fx_rate": rate + more}
        for day, rate in RATES.items()
        for source, target, more in (
            ("USD", REPORTING_CURRENCY, 0), ("EUR", REPORTING_CURRENCY, 11), ("USD", "EUR", 33), ("EUR", "USD", 55)
        )
    ]  # fmt: skip
    return out


def check(fact: str) -> None:
    table, (key, given) = TableId.parse(fact), FACTS[fact]
    read, names = graph().upstream(table), registry()[table].names
    warehouse = CaseWarehouse(read)
    for name, rows in dimensions().items():
        if TableId.parse(name) in read:
            warehouse.insert(name, registry()[TableId.parse(name)], rows)
    for number, (at, _) in enumerate([*INSTANTS, (AGAIN, 0)]):
        for name, row in given(number, at).items():
            unknown = {k: f"{v}?" for k, v in row.items() if k in ("customer_id", "product_id")}
            row = row if number < len(INSTANTS) else {**row, **unknown}
            warehouse.insert(name, registry()[TableId.parse(name)], [row])
    wanted = [c for c in ("customer_key", "product_key", "channel_key", "fx_rate") if c in names]
    found = warehouse.select(table, [key, *wanted])
    assert sorted(found) == [
        (f"I{number}", *(_expected(column, at, version) for column in wanted))
        for number, (at, version) in enumerate([*INSTANTS, (AGAIN, UNKNOWN)])
    ]


def _expected(column: str, at: datetime, version: int) -> int:
    # In India the last second of a day of UTC is the next day already.
    rate = RATES[(at + timedelta(hours=5.5)).date()]
    return {"channel_key": 7, "fx_rate": rate}.get(column, version)


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_finds_the_version_of_its_instant_and_the_rate_of_its_day(fact: str) -> None:
    check(fact)
