"""Reconciliation: what should be against what is, told with its keys when it differs, recorded when it is news."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hand_made import contract
from hypothesis import given, settings
from hypothesis import strategies as st
from small_shop import Shop, load, query, tables

from contracts.ids import TableId
from contracts.registry import REPOSITORY, Registry
from sql import ddl
from sql.reconcile import Check, read_checks
from tasks import reconcile
from tasks.reconcile import Window
from tasks.settings import Settings
from tasks.warehouse import open_warehouse
from tasks.warehouse.duckdb import DuckDBWarehouse

AT = datetime(2026, 1, 6, 3)
_SIDE = (
    "SELECT {0} AS is_expected, figure_date AS reconciliation_date, currency_code, figure_name AS record_id, "
    "{1}_amount AS amount, {1}_rows AS row_count FROM core.figure"
)
TEXT = f"{_SIDE.format('TRUE', 'expected')} UNION ALL {_SIDE.format('FALSE', 'actual')}"
SALES = Check("sales", TEXT, "sql/reconciliation/sales.sql")
REGISTRY = Registry({t: c for t, c in Registry.read().items() if t.layer == "audit"})


def prepared() -> DuckDBWarehouse:
    warehouse = DuckDBWarehouse(None)
    for statement in ddl.create_all(REGISTRY.values()):
        warehouse.execute(statement)
    return warehouse


@pytest.fixture
def warehouse() -> Iterator[DuckDBWarehouse]:
    with prepared() as opened:
        opened.execute(
            "CREATE TABLE core.figure (figure_date DATE, currency_code VARCHAR(3), figure_name VARCHAR(8), "
            "expected_amount DECIMAL(18,2), actual_amount DECIMAL(18,2), expected_rows BIGINT, actual_rows BIGINT)"
        )
        yield opened


def figure(
    warehouse: DuckDBWarehouse, day: int, expected: str, actual: str, rows: tuple[int, int] = (1, 1), name: str = "k"
) -> None:
    """Set the figures of a day's key, and queue the day as a publish would."""
    key = {"figure_date": f"2026-01-0{day}", "figure_name": name}
    warehouse.execute(
        "DELETE FROM core.figure WHERE figure_date = CAST(:figure_date AS DATE) AND figure_name = :figure_name", **key
    )
    values = {**key, "currency_code": "INR", "expected_amount": expected, "actual_amount": actual}
    counts = {"expected_rows": rows[0], "actual_rows": rows[1]}
    warehouse.insert_rows("core.figure", [*values, *counts], [{**values, **counts}])
    touch(warehouse, day)


def touch(warehouse: DuckDBWarehouse, day: int) -> None:
    reconcile.enqueue_days(warehouse, ["sales"], [date(2026, 1, day)])


def record(warehouse: DuckDBWarehouse, run_id: str, hour: int = 3, check: Check = SALES) -> list[str]:
    return reconcile.record(warehouse, [check], REGISTRY, run_id, AT.replace(hour=hour))


def recorded(warehouse: DuckDBWarehouse, run_id: str) -> list[tuple[object, ...]]:
    return warehouse.query(
        "SELECT EXTRACT(day FROM reconciliation_date) AS day_number, CAST(difference_amount AS VARCHAR(32)) AS off, "
        f"is_balanced FROM {reconcile.TABLE} WHERE run_id = :run_id ORDER BY reconciliation_date",
        run_id=run_id,
    ).rows()


def keys(warehouse: DuckDBWarehouse, run_id: str) -> list[Any]:
    names = "key_number, record_id, expected_rows, actual_rows"
    return warehouse.query(f"SELECT {names} FROM {reconcile.KEYS} WHERE run_id = :r ORDER BY 1", r=run_id).rows()


def test_days_that_balance_are_recorded_and_not_told(warehouse: DuckDBWarehouse) -> None:
    figure(warehouse, 5, "10.00", "10.00")
    assert record(warehouse, "r1") == []
    assert recorded(warehouse, "r1") == [(5, "0.00", True)]
    assert not reconcile.is_waiting(warehouse)


@pytest.mark.parametrize(
    ("actual", "rows", "key"),
    [
        ("9.99", (1, 1), "k (2026-01-05 INR) expected 10.00, found 9.99 "),
        ("20.00", (1, 2), "k (2026-01-05 INR) expected 10.00, found 20.00 in 1 row and in 2 "),
        ("0.00", (1, 0), "k (2026-01-05 INR) is missing: 10.00 "),
    ],
    ids=["a cent", "a row", "missing"],
)
def test_a_day_that_differs_is_told_with_both_figures_and_the_key(
    warehouse: DuckDBWarehouse, actual: str, rows: tuple[int, int], key: str
) -> None:
    figure(warehouse, 4, "7.00", "7.00")
    figure(warehouse, 5, "10.00", actual, rows)
    (told,) = record(warehouse, "r1")
    assert told.startswith("reconciliation sales: 1 day does not balance, the first 2026-01-05 INR: ")
    assert f"expected 10.00 in 1 row, found {actual} in {rows[1]}. 1 key differs: {key}" in told
    assert told.endswith("(sql/reconciliation/sales.sql; `dw reconcile --check sales` lists all)")
    assert [(day, balanced) for day, _, balanced in recorded(warehouse, "r1")] == [(4, True), (5, False)]
    assert keys(warehouse, "r1") == [(1, "k", *rows)]


def test_keys_that_make_up_for_each_other_are_a_difference(warehouse: DuckDBWarehouse) -> None:
    figure(warehouse, 5, "10.00", "10.01", name="a")
    figure(warehouse, 5, "10.00", "9.99", name="b")
    (told,) = record(warehouse, "r1")
    assert "expected 20.00 in 2 rows, found 20.00 in 2. 2 keys differ: a (2026-01-05 INR) expected 10.00" in told
    assert recorded(warehouse, "r1") == [(5, "0.00", False)]


def test_only_news_are_recorded_and_what_differs_is_told_again(warehouse: DuckDBWarehouse) -> None:
    figure(warehouse, 4, "7.00", "7.00")
    figure(warehouse, 5, "10.00", "9.00")
    first = record(warehouse, "r1")
    # Nothing was touched since: the day that differs is compared again, the other is not.
    assert record(warehouse, "r2", 4) == first
    assert (recorded(warehouse, "r2"), keys(warehouse, "r2")) == ([], [])
    figure(warehouse, 5, "10.00", "10.00")
    figure(warehouse, 6, "1.00", "3.50")
    assert len(record(warehouse, "r3", 5)) == 1
    assert recorded(warehouse, "r3") == [(5, "0.00", True), (6, "2.50", False)]
    warehouse.execute("DELETE FROM core.figure WHERE figure_date = CAST('2026-01-06' AS DATE)")
    assert record(warehouse, "r4", 6) == [], "a day without rows on either side balances"
    assert recorded(warehouse, "r4") == [(6, "0.00", True)]
    assert record(warehouse, "r5", 7) == []
    assert recorded(warehouse, "r5") == []


def test_only_the_days_that_were_touched_are_compared(warehouse: DuckDBWarehouse) -> None:
    figure(warehouse, 4, "7.00", "7.00")
    record(warehouse, "r1")
    warehouse.execute("UPDATE core.figure SET actual_amount = 6")
    assert record(warehouse, "r2", 4) == [], "nothing tells that a change went round the publish"
    touch(warehouse, 4)
    assert len(record(warehouse, "r3", 5)) == 1


def test_a_check_that_is_new_or_says_otherwise_is_compared_for_all_days(warehouse: DuckDBWarehouse) -> None:
    figure(warehouse, 4, "7.00", "7.00")
    record(warehouse, "r1")
    warehouse.execute("UPDATE core.figure SET actual_amount = 6")
    other = Check("sales", TEXT.replace("actual_amount AS", "actual_amount + 0 AS"), SALES.file)
    assert len(record(warehouse, "r2", 4, other)) == 1
    assert record(warehouse, "r3", 5, other) != []


def test_no_more_than_twenty_keys_are_told_and_kept(warehouse: DuckDBWarehouse) -> None:
    for number in range(25):
        figure(warehouse, 5, "1.00", "0.00", (1, 0), name=f"k{number:02}")
    (told,) = record(warehouse, "r1")
    assert "25 keys differ: k00 " in told
    assert "k19 (2026-01-05 INR) is missing: 1.00; and 5 more (" in told
    assert len(keys(warehouse, "r1")) == reconcile.TOLD == 20
    whole = reconcile.compare(warehouse, SALES, REGISTRY)
    assert whole.keys.height == 25


def test_a_personal_key_is_masked(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    personal = contract(tmp_path, "core.figure", [{"name": "figure_name", "key": 1, "mask": "partial"}])
    figure(warehouse, 5, "10.00", "9.00", name="secret")
    told = reconcile.record(warehouse, [SALES], Registry({personal.table: personal}), "r1", AT)
    assert "secret" not in told[0]
    assert "secret" not in str(keys(warehouse, "r1"))


def test_an_empty_warehouse_has_nothing_to_reconcile(warehouse: DuckDBWarehouse) -> None:
    assert record(warehouse, "r1") == []
    assert reconcile.record(warehouse, [], REGISTRY, "r1", AT) == []


# Whatever is planted, and whatever changes: orders, their lines, and the fact that is made of them

NAMES = ("sales_lines", "header_amounts")
CHECKS = [check for check in read_checks(REPOSITORY, Registry.read()) if check.name in NAMES]
AMOUNTS = "discount_amount DECIMAL(18, 2), shipping_amount DECIMAL(18, 2), tax_amount DECIMAL(18, 2)"
DDL = {
    "clean.orders": f"order_id VARCHAR(8), order_date DATE, currency_code VARCHAR(3), {AMOUNTS}",
    "clean.order_items": "order_item_id VARCHAR(8), order_id VARCHAR(8), quantity INTEGER, unit_price DECIMAL(18, 2)",
    "core.fact_sales": (
        "order_item_id VARCHAR(8), order_id VARCHAR(8), order_date DATE, currency_code VARCHAR(3), "
        f"gross_amount DECIMAL(18, 2), {AMOUNTS}"
    ),
}
DAYS = st.integers(1, 4).map(lambda n: date(2026, 1, n))
State = dict[str, dict[str, tuple[Any, ...]]]
ORDERS = st.fixed_dictionaries(
    {order: st.tuples(DAYS, st.sampled_from(["INR", "EUR"]), st.integers(0, 2)) for order in ("O1", "O2")}
)
ITEMS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]), st.tuples(st.sampled_from(["O1", "O2", "O3"]), st.integers(1, 2)), min_size=1
)
FACTS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.tuples(
        st.sampled_from(["O1", "O2"]), DAYS, st.sampled_from(["INR", "EUR"]), st.integers(1, 2), st.integers(0, 2)
    ),
)
STATES = st.fixed_dictionaries({"clean.orders": ORDERS, "clean.order_items": ITEMS, "core.fact_sales": FACTS})


def as_rows(table: str, state: dict[str, tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    if table == "clean.orders":
        return {(key, day, currency, tax, 0, 0) for key, (day, currency, tax) in state.items()}
    if table == "clean.order_items":
        return {(key, order, quantity, 5) for key, (order, quantity) in state.items()}
    return {
        (key, order, day, currency, 5 * quantity, tax, 0, 0)
        for key, (order, day, currency, quantity, tax) in state.items()
    }


def put(warehouse: DuckDBWarehouse, name: str, table: str, rows: set[tuple[Any, ...]], **more: Any) -> None:
    columns = [c.split()[0] for c in DDL[table].replace("(18, 2)", "").split(", ")]
    values = [{**dict(zip(columns, row, strict=True)), **more} for row in sorted(rows)]
    warehouse.insert_rows(name, [*columns, *more], values)


def change(warehouse: DuckDBWarehouse, table: str, old: State, new: State) -> None:
    """What a publish does: images, the queue, then the table."""
    before, after = as_rows(table, old[table]), as_rows(table, new[table])
    changes = TableId.parse(table).changes
    warehouse.execute(f"DROP TABLE IF EXISTS {changes}")
    warehouse.execute(f"CREATE TABLE {changes} ({DDL[table]}, change_image VARCHAR(8))")
    put(warehouse, changes, table, before - after, change_image="before")
    put(warehouse, changes, table, after - before, change_image="after")
    reconcile.enqueue(warehouse, CHECKS, TableId.parse(table))
    warehouse.execute(f"DELETE FROM {table}")
    put(warehouse, table, table, after)


@pytest.fixture(scope="module")
def counter() -> Iterator[DuckDBWarehouse]:
    """A warehouse with the three tables; each example takes it `emptied`."""
    with prepared() as opened:
        for table, columns in DDL.items():
            opened.execute(f"CREATE TABLE {table} ({columns})")
        yield opened


def emptied(warehouse: DuckDBWarehouse) -> DuckDBWarehouse:
    for table in (*DDL, *REGISTRY, reconcile.QUEUE):
        warehouse.execute(f"DELETE FROM {table}")
    return warehouse


def figures(warehouse: DuckDBWarehouse, check: Check, window: Window | None = None) -> dict[Any, Any]:
    rows = reconcile.compare(warehouse, check, REGISTRY, window).days.iter_rows()
    return {(day, currency): rest for day, currency, *rest in rows}


@settings(max_examples=80)
@given(STATES, STATES, st.lists(st.sampled_from(list(DDL)), min_size=1, max_size=3, unique=True))
def test_a_day_that_no_change_touched_has_the_figures_that_it_had(
    counter: DuckDBWarehouse, old: State, new: State, order: list[str]
) -> None:
    """So comparing the touched days alone is as good as comparing all of them."""
    warehouse = emptied(counter)
    for table in DDL:
        put(warehouse, table, table, as_rows(table, old[table]))
    reconcile.record(warehouse, CHECKS, REGISTRY, "r1", AT)
    before = {check.name: figures(warehouse, check) for check in CHECKS}
    for table in order:  # the others stay as they are: no change of theirs may cover for a day that was missed
        change(warehouse, table, old, new)
    waiting = set(warehouse.query(f"SELECT check_name, reconciliation_date FROM {reconcile.QUEUE}").rows())
    after = {check.name: figures(warehouse, check) for check in CHECKS}
    for name in NAMES:
        for key in before[name].keys() | after[name].keys():
            if before[name].get(key) != after[name].get(key):
                assert (name, key[0]) in waiting
    told = reconcile.record(warehouse, CHECKS, REGISTRY, "r2", AT.replace(hour=4))
    off = {name for name in NAMES if any(not rest[-1] for rest in after[name].values())}
    assert {message.split()[1].rstrip(":") for message in told} == off
    latest = warehouse.query(
        "SELECT check_name, reconciliation_date, currency_code, is_balanced FROM (SELECT check_name, "
        "reconciliation_date, currency_code, is_balanced, ROW_NUMBER() OVER (PARTITION BY check_name, "
        "reconciliation_date, currency_code ORDER BY checked_at DESC) AS age FROM audit.reconciliation) AS r "
        "WHERE age = 1"
    )
    recorded_off = {(n, d, c) for n, d, c, balanced in latest.iter_rows() if not balanced}
    assert recorded_off == {(n, *k) for n in NAMES for k, rest in after[n].items() if not rest[-1]}


@settings(max_examples=60)
@given(ORDERS, ITEMS, st.data())
def test_exactly_the_planted_keys_are_told(
    counter: DuckDBWarehouse, orders: Any, items: Any, data: st.DataObject
) -> None:
    facts = {
        (key, order, *orders[order][:2], 5 * quantity, 0, 0, 0)
        for key, (order, quantity) in items.items()
        if order in orders
    }
    planted: set[tuple[date, str]] = set()
    rows = []
    for fact in sorted(facts):
        key, order, day, currency, gross, *rest = fact
        what = data.draw(st.sampled_from(["right", "dropped", "cent", "moved", "doubled"]))
        moved = date(2026, 1, 9)
        planted |= {(day, key)} if what != "right" else set()
        planted |= {(moved, key)} if what == "moved" else set()
        amount = Decimal(gross) - (Decimal("0.01") if what == "cent" else 0)
        row = (key, order, moved if what == "moved" else day, currency, amount, *rest)
        rows += {"dropped": [], "doubled": [row, row]}.get(what, [row])
    warehouse = emptied(counter)
    put(warehouse, "clean.orders", "clean.orders", as_rows("clean.orders", orders))
    put(warehouse, "clean.order_items", "clean.order_items", as_rows("clean.order_items", items))
    names = [c.split()[0] for c in DDL["core.fact_sales"].replace("(18, 2)", "").split(", ")]
    warehouse.insert_rows("core.fact_sales", names, [dict(zip(names, row, strict=True)) for row in rows])
    (check,) = (c for c in CHECKS if c.name == "sales_lines")
    found = reconcile.compare(warehouse, check, REGISTRY)
    assert set(found.keys.select("reconciliation_date", "record_id").rows()) == planted
    days = {day for day, _ in planted}
    assert set(found.off["reconciliation_date"]) == days
    for day in [date(2026, 1, n) for n in (1, 2, 3, 4, 9)]:
        part = reconcile.compare(warehouse, check, REGISTRY, Window(day, day))
        assert part.days.equals(found.days.filter(pl.col("reconciliation_date") == day))
        assert part.keys.equals(found.keys.filter(pl.col("reconciliation_date") == day))


# The shop


def test_the_shop_balances_in_every_check_and_nothing_waits(shop: Shop) -> None:
    checks = read_checks(REPOSITORY, Registry.read())
    known = query(shop.home, "SELECT check_name FROM audit.reconciliation_check")
    assert set(known["check_name"]) == {check.name for check in checks}
    with open_warehouse(Settings(home=shop.home), read_only=True) as warehouse:
        for check in checks:
            compared = reconcile.compare(warehouse, check, Registry.read())
            assert compared.off.is_empty(), check.name
            assert compared.days.height > 0, f"{check.name} compares nothing"
    assert query(shop.home, "SELECT * FROM stage.pending__reconciliation").is_empty()


def test_a_fact_that_was_spoilt_is_told_when_its_day_is_touched_until_it_is_mended(shop: Shop, tmp_path: Path) -> None:
    home = shop.copy(shop.after_one_day, tmp_path)
    with open_warehouse(Settings(home=home)) as warehouse:
        late = "order_item_id IN (SELECT MIN(order_item_id) FROM core.fact_sales)"
        warehouse.execute(f"UPDATE core.fact_sales SET gross_amount = gross_amount - 0.01 WHERE {late}")
        reconcile.enqueue_days(warehouse, ["sales_lines"], [shop.delivery.days[0]])
    (report,) = load(home, [shop.last_day])
    (told,) = [failure for failure in report.failures if failure.startswith("reconciliation")]
    assert told.startswith("reconciliation sales_lines: 1 day does not balance, the first 2026-01-05 ")
    assert "1 key differs: OI" in told
    off = query(home, "SELECT record_id FROM audit.reconciliation_key")
    assert off.height == 1
    again = tables(home)["audit.reconciliation"]
    assert load(home, [shop.last_day])[0].failures == [], "a run that brings nothing compares nothing"
    assert tables(home)["audit.reconciliation"].equals(again)


def test_days_that_a_killed_run_left_are_compared_by_the_next_though_it_brings_nothing(
    shop: Shop, tmp_path: Path
) -> None:
    home = shop.copy(shop.home, tmp_path)
    with open_warehouse(Settings(home=home)) as warehouse:
        warehouse.execute("DELETE FROM core.fact_refunds WHERE refund_date = CAST('2026-01-06' AS DATE)")
        reconcile.enqueue_days(warehouse, ["refunds"], [date(2026, 1, 6)])
    (report,) = load(home, [shop.last_day])
    (told,) = report.failures
    assert told.startswith("reconciliation refunds: 1 day does not balance")
    assert query(home, "SELECT * FROM stage.pending__reconciliation").is_empty()
