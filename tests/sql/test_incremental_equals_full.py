"""Whatever is delivered in whatever order: the increments leave the tables that a full build would make."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sql_harness import Bench, contract, counts

ORDERS = contract(
    "clean.orders",
    """
    order_id varchar(8) key
    customer_id varchar(8) required
    order_date date required
    sold_at timestamp required
    amount decimal(10,2)
    updated_at timestamp required
    row_hash varchar(32) required
    """,
    {"strategy": "upsert", "versionedBy": "updated_at"},
)
CUSTOMERS = contract(
    "clean.customers",
    "customer_id varchar(8) key\nupdated_at timestamp key\nrow_hash varchar(32) key\ncity varchar(9)\nemail varchar(9)",
    {"strategy": "append"},
)
DIM = contract(
    "core.dim_customer",
    """
    customer_key bigint key
    customer_id varchar(8) required
    city varchar(9)
    email varchar(9)
    effective_from timestamp required
    effective_to timestamp required
    is_current boolean required
    """,
    {
        "strategy": "scd2",
        "effective": "changed_at",
        "sequence": ["row_hash"],
        "tracked": ["city"],
        "overwrite": ["email"],
        "increment": {
            "key": "customer_id",
            "from": {"clean.customers": "customer_id", "clean.orders": "customer_id"},
        },
    },
)
SALES = contract(
    "core.fact_sales",
    """
    order_id varchar(8) key
    order_date date required
    customer_id varchar(8) required
    sold_at timestamp required
    customer_key bigint
    city varchar(9)
    amount decimal(10,2)
    """,
    {
        "strategy": "upsert",
        "date": "order_date",
        "increment": {
            "key": "order_id",
            "from": {
                "clean.orders": "order_id",
                "core.dim_customer": {"on": {"customer_id": "customer_id"}, "at": "sold_at"},
            },
        },
    },
)
# It reads what a change of the history gives to versions that stand: their latest values, and whether they are closed.
NOTES = contract(
    "core.fact_notes",
    "order_id varchar(8) key\ncustomer_id varchar(8)\nsold_at timestamp\nemail varchar(9)\nis_current boolean",
    {
        "strategy": "upsert",
        "increment": {
            "key": "order_id",
            "from": {
                "clean.orders": "order_id",
                "core.dim_customer": {"on": {"customer_id": "customer_id"}, "at": "sold_at"},
            },
        },
    },
)
DAILY = contract(
    "mart.daily",
    "order_date date key\ncity_count bigint\namount decimal(18,2)",
    {
        "strategy": "upsert",
        "date": "order_date",
        "increment": {"key": "order_date", "from": {"core.fact_sales": "order_date"}},
    },
)
CITIES = contract("mart.cities", "city varchar(9)\namount decimal(18,2)", {"strategy": "replace", "window": "all"})
TEXTS = {
    "core.dim_customer": """
        SELECT customer_id, updated_at AS changed_at, row_hash, city, email FROM clean.customers
        UNION ALL
        SELECT DISTINCT
            customer_id, CAST('1900-01-01' AS TIMESTAMP), '', CAST(NULL AS VARCHAR(9)), CAST(NULL AS VARCHAR(9))
        FROM clean.orders
    """,
    "core.fact_sales": """
        SELECT o.order_id, o.order_date, o.customer_id, o.sold_at, c.customer_key, c.city, o.amount
        FROM clean.orders AS o
        LEFT JOIN core.dim_customer AS c
          ON c.customer_id = o.customer_id AND o.sold_at >= c.effective_from AND o.sold_at < c.effective_to
        WHERE o.amount > 0
    """,
    "core.fact_notes": """
        SELECT o.order_id, o.customer_id, o.sold_at, c.email, c.is_current
        FROM clean.orders AS o
        LEFT JOIN core.dim_customer AS c
          ON c.customer_id = o.customer_id AND o.sold_at >= c.effective_from AND o.sold_at < c.effective_to
    """,
    "mart.daily": """
        SELECT order_date, COUNT(DISTINCT city) AS city_count, SUM(amount) AS amount
        FROM core.fact_sales GROUP BY order_date
    """,
    "mart.cities": "SELECT city, SUM(amount) AS amount FROM core.fact_sales GROUP BY city",
}
BUILT = ["core.dim_customer", "core.fact_sales", "core.fact_notes", "mart.daily", "mart.cities"]
INSTANTS = [datetime(2024, 1, day, 12) for day in (1, 2, 3)]

order = st.builds(
    lambda id_, customer, sold, amount, updated, hash_: (
        "clean.orders",
        (id_, customer, date(sold.year, sold.month, sold.day), sold, amount, updated, hash_),
    ),
    st.sampled_from(["1", "2"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from(INSTANTS),
    st.sampled_from([None, 0, 1, 5]),
    st.sampled_from(INSTANTS[:2]),
    st.sampled_from(["g", "h"]),
)
customer = st.builds(
    lambda *row: ("clean.customers", row),
    st.sampled_from(["a", "b"]),
    st.sampled_from(INSTANTS),
    st.sampled_from(["g", "h"]),
    st.sampled_from(["x", "y", None]),
    st.sampled_from(["e", "f"]),
)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench([ORDERS, CUSTOMERS, DIM, SALES, NOTES, DAILY, CITIES], TEXTS)


@pytest.fixture(scope="module")
def on_redshift(redshift_bench: Callable[..., Bench]) -> Bench:
    return redshift_bench([ORDERS, CUSTOMERS, DIM, SALES, NOTES, DAILY, CITIES], TEXTS)


def emptied(bench: Bench) -> None:
    for c in bench.registry.values():
        names = [str(c.table), *((c.table.pending, c.table.taken) if str(c.table) in BUILT else ())]
        for name in names:
            bench.run(f"DELETE FROM {name}")


def build_if_waiting(bench: Bench, table: str) -> None:
    if bench.waiting(table):
        bench.build(table)


DELIVERIES = st.lists(st.one_of(order, customer), min_size=1, max_size=7)
BUILDS = st.lists(st.sampled_from([*BUILT, None]), min_size=7, max_size=7)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(deliveries=DELIVERIES, builds=BUILDS)
def test_increments_leave_what_a_full_build_makes(
    bench: Bench, deliveries: list[tuple[str, tuple[object, ...]]], builds: list[str | None]
) -> None:
    check(bench, deliveries, builds)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(deliveries=DELIVERIES, builds=BUILDS)
def test_increments_on_redshift_leave_what_a_full_build_makes(
    on_redshift: Bench, deliveries: list[tuple[str, tuple[object, ...]]], builds: list[str | None]
) -> None:
    check(on_redshift, deliveries, builds)


def check(bench: Bench, deliveries: list[tuple[str, tuple[object, ...]]], builds: list[str | None]) -> None:
    emptied(bench)
    for (table, row), built in zip(deliveries, builds, strict=False):
        bench.load(table, [row])
        if built is not None:  # some tables lag behind others: the queues must bridge that
            build_if_waiting(bench, built)
    for table in BUILT:
        build_if_waiting(bench, table)
    incremental = {table: bench.rows(table) for table in BUILT}
    assert all(bench.waiting(table) == 0 for table in BUILT)
    for table in BUILT:
        assert bench.build(table, full=True) == counts(), table
    assert {table: bench.rows(table) for table in BUILT} == incremental
