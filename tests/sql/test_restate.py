"""Which keys a restatement queues, and what a history that loses its keys is refused for."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sql_harness import Bench, Refused, contract, counts

from contracts.ids import TableId
from sql import merge, restate
from sql.restate import NoWindow, day_column

START = date(2024, 1, 1)
CUSTOMERS = contract(
    "clean.customers",
    "customer_id varchar(8) key\nupdated_at timestamp key\ncity varchar(9)\nis_deleted boolean\ndelivery_date date",
    {"strategy": "append"},
)
DIM = contract(
    "core.dim_customer",
    """
    customer_key bigint key
    customer_id varchar(8) required
    city varchar(9)
    effective_from timestamp required
    effective_to timestamp required
    is_current boolean required
    """,
    {
        "strategy": "scd2",
        "effective": "updated_at",
        "tracked": ["city"],
        "deletes": {"column": "is_deleted", "then": "close"},
        "increment": {"key": "customer_id", "from": {"clean.customers": "customer_id"}},
    },
)
SALES = contract(
    "core.fact_sales",
    "sale_id varchar(8) key\nsale_date date required\ncustomer_id varchar(8)\ncity varchar(9)",
    {
        "strategy": "upsert",
        "date": "sale_date",
        "increment": {
            "key": "sale_id",
            "from": {"clean.sales": "sale_id", "core.dim_customer": {"on": {"customer_id": "customer_id"}}},
        },
    },
)
LINES = contract(
    "clean.sales", "sale_id varchar(8) key\nsale_date date\ncustomer_id varchar(8)", {"strategy": "append"}
)
TOTAL = contract(
    "mart.total",
    "city varchar(9) key\nsale_count bigint",
    {"strategy": "upsert", "increment": {"key": "city", "from": {"core.fact_sales": "city"}}},
)
PLAIN = contract("mart.plain", "sale_count bigint key", {"strategy": "replace"})
TEXTS = {
    "core.dim_customer": "SELECT customer_id, updated_at, is_deleted, city FROM clean.customers",
    "core.fact_sales": "SELECT s.sale_id, s.sale_date, s.customer_id, d.city FROM clean.sales AS s "
    "LEFT JOIN core.dim_customer AS d ON d.customer_id = s.customer_id AND d.is_current",
    "mart.total": "SELECT city, COUNT(sale_id) AS sale_count FROM core.fact_sales GROUP BY city",
    "mart.plain": "SELECT COUNT(sale_id) AS sale_count FROM core.fact_sales",
}


def bench() -> Bench:
    return Bench([CUSTOMERS, DIM, LINES, SALES, TOTAL, PLAIN], TEXTS)


def queued(made: Bench, table: str, statements: list[str]) -> set[str]:
    for statement in statements:
        made.run(statement)
    return {key for (key,) in made.rows(f"stage.pending__{table.replace('.', '__')}")}


def test_the_day_of_a_row_is_that_of_the_load_the_opening_or_the_delivery() -> None:
    assert [day_column(c) for c in (SALES, DIM, CUSTOMERS, TOTAL)] == [
        "sale_date", "effective_from", "delivery_date", None
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=8), st.integers(0, 6))
def test_the_keys_of_a_window_are_those_with_a_row_from_its_day_on(rows: list[tuple[int, int]], since: int) -> None:
    made = bench()
    day = [date(2024, 1, 1 + number) for number in range(8)]
    made.insert("core.fact_sales", [(f"s{i}", day[at], f"c{key}", "Pune") for i, (key, at) in enumerate(rows)])
    made.insert("clean.sales", [("only-delivered", day[0], "c9")])
    found = queued(made, "core.fact_sales", restate.keys_since(SALES, made.registry, day[since]))
    assert found == {f"s{i}" for i, (_, at) in enumerate(rows) if at >= since}


@given(st.lists(st.integers(0, 5), max_size=6), st.none() | st.integers(0, 6))
def test_what_looks_up_here_does_so_again_in_the_window_and_other_readers_do_not(
    days: list[int], since: int | None
) -> None:
    made = bench()
    day = [date(2024, 1, 1 + number) for number in range(8)]
    made.insert("core.fact_sales", [(f"s{i}", day[at], "c", "Pune") for i, at in enumerate(days)])
    window = None if since is None else day[since]
    statements = restate.readers_since(DIM, made.registry, made.graph, window)
    assert queued(made, "core.fact_sales", statements) == {
        f"s{i}" for i, at in enumerate(days) if since is None or at >= since
    }
    assert restate.readers_since(SALES, made.registry, made.graph, window) == [], "read by key, or whole"


def test_every_key_is_queued_once_and_a_missing_one_never() -> None:
    made = bench()
    sales = [("s1", "Pune"), ("s2", "Pune"), ("s3", "Goa"), ("s4", None)]
    made.insert("core.fact_sales", [(sale, START, "c", city) for sale, city in sales])
    assert queued(made, "mart.total", restate.every_key(TOTAL)) == {"Pune", "Goa"}
    assert len(made.rows("stage.pending__mart__total")) == 2
    assert restate.every_key(PLAIN) == []


def test_without_a_day_anywhere_there_is_no_window() -> None:
    made = bench()
    with pytest.raises(NoWindow, match=r"mart\.plain has no day to restate it from; leave out --from"):
        restate.keys_since(PLAIN, made.registry, START)
    # It has no day itself, but what it reads has one.
    assert len(restate.keys_since(TOTAL, made.registry, START)) == 1


@pytest.mark.parametrize(("ended", "refused"), [(20, False), (21, True)])
def test_deletions_of_more_than_a_fifth_of_the_keys_are_refused_with_the_figures(ended: int, refused: bool) -> None:
    made = bench()
    keys = [f"k{i:03}" for i in range(merge.MIN_KEYS_FOR_SHARE)]
    made.load("clean.customers", [(k, datetime(2024, 1, 1), "Pune", False, START) for k in keys])
    made.build("core.dim_customer")
    made.load("clean.customers", [(k, datetime(2024, 1, 2), "Pune", True, START) for k in keys[:ended]])
    made.stage("core.dim_customer")
    if not refused:
        assert made.publish("core.dim_customer") == counts(updated=20)
        return
    table = TableId.parse("core.dim_customer")
    plan = merge.publish(made.registry[table], made.registry, made.graph, full=False)
    (check,) = [s for s in plan if "standing_count" in s.sql]
    for statement in plan[: plan.index(check)]:
        made.run(statement.sql)
    assert made.run(check.sql) == [(21, 100)]
    told = check.note.format(row_count=21, standing_count=100)
    assert told.startswith(
        "core.dim_customer: this run would close the current version of 21 of 100 keys, more than 20%"
    )
    assert "`dw rebuild core.dim_customer --max-closed-share 1`" in told
    with pytest.raises(Refused):
        made.publish("core.dim_customer")
