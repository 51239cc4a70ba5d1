"""`dw rebuild`: a table that somebody spoiled comes out as it was, whole or from a day on, and what reads it too."""

from __future__ import annotations

import gzip
import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from command_line import Dw, words
from small_shop import Shop, built, differences, load, open_home, query, read_repository

from contracts.ids import TableId
from sql.restate import NoWindow
from tasks.rebuild import rebuild
from tasks.report import RunReport
from tasks.settings import Settings
from tasks.warehouse import open_warehouse

CUSTOMERS = TableId("core", "dim_customer")


@pytest.fixture
def home(shop: Shop, tmp_path: Path) -> Path:
    return shop.copy(shop.home, tmp_path / "home")


def spoil(home: Path, *statements: str) -> None:
    with open_warehouse(Settings(home=home)) as warehouse:
        for statement in statements:
            warehouse.native(statement)


def restate(home: Path, table: TableId, since: date | None = None) -> RunReport:
    space = open_home(home)
    try:
        return rebuild(space, table, since)
    finally:
        space.close()


def test_a_spoilt_table_comes_out_as_it_was_and_so_does_what_was_computed_from_it(shop: Shop, home: Path) -> None:
    before = built(home)
    spoil(home, "UPDATE core.dim_customer SET city = 'Nowhere'", "DELETE FROM core.dim_customer WHERE NOT is_current")
    report = restate(home, CUSTOMERS)
    assert not report.failures
    assert differences(before, built(home)) == {}
    assert report.builds["core.dim_customer"].updated > 0
    again = restate(home, CUSTOMERS)
    assert not any((c.inserted, c.updated, c.deleted) != (0, 0, 0) for t, c in again.builds.items() if "core" in t)


def test_from_a_day_on_only_the_keys_of_the_window_are_computed_anew(shop: Shop, home: Path) -> None:
    middle = query(
        home,
        "SELECT quantile_disc(effective_from, 0.6)::DATE FROM core.dim_customer WHERE effective_from > '1950-01-01'",
    ).item()
    touched = query(
        home,
        f"SELECT DISTINCT customer_id FROM core.dim_customer WHERE effective_from >= '{middle}' UNION "
        f"SELECT customer_id FROM clean.customers WHERE delivery_date >= '{middle}' UNION "
        f"SELECT customer_id FROM clean.orders WHERE delivery_date >= '{middle}'",
    ).get_column("customer_id")
    spoil(home, "UPDATE core.dim_customer SET city = 'Nowhere'")
    report = restate(home, CUSTOMERS, middle)
    assert not report.failures
    left = query(home, "SELECT DISTINCT customer_id FROM core.dim_customer WHERE city = 'Nowhere'").get_column(
        "customer_id"
    )
    assert set(left).isdisjoint(set(touched))
    assert len(left) > 0
    assert report.builds["core.dim_customer"].staged < query(home, "SELECT COUNT(*) FROM core.dim_customer").item()


FACTS = {"core.fact_sales": "order_date", "core.fact_payments": "payment_date", "core.fact_web_events": "event_date"}


def test_from_a_day_on_facts_look_their_keys_up_again_and_earlier_ones_are_not_touched(shop: Shop, home: Path) -> None:
    day = shop.last_day
    spoil(home, *(f"UPDATE {fact} SET customer_key = 0" for fact in FACTS))
    report = restate(home, CUSTOMERS, day)
    assert report.failures == []
    counts = report.builds["core.dim_customer"]
    assert (counts.inserted, counts.updated, counts.deleted) == (0, 0, 0), "the dimension came out as it was"
    before, after = built(shop.home), built(home)
    for fact, column in FACTS.items():
        increment = read_repository()[0][TableId.parse(fact)].load.increment
        assert increment is not None
        # What is computed anew is a key with all its rows: of a visitor, also the events of the days before.
        keys = before[fact].filter(pl.col(column) >= day).get_column(increment.key).unique()
        inside = pl.col(increment.key).is_in(keys.implode())
        assert after[fact].filter(inside).equals(before[fact].filter(inside))
        assert report.builds[fact].updated == before[fact].filter(inside).height
        left = after[fact].filter(~inside)
        assert left.height > 0
        assert left.get_column("customer_key").unique().to_list() == [0]
    assert restate(home, CUSTOMERS).failures == []
    assert differences(before, built(home)) == {}


def test_a_rebuild_by_command_says_how_many_facts_of_the_window_it_keyed_anew(
    shop: Shop, home: Path, dw: Dw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DW_HOME", str(home))
    spoil(home, "UPDATE core.fact_sales SET customer_key = 0")
    said = dw("rebuild", "core.dim_customer", "--from", str(shop.last_day))
    assert said.code == 0
    keyed = query(home, f"SELECT COUNT(*) FROM core.fact_sales WHERE order_date >= '{shop.last_day}'").item()
    assert f"core.fact_sales 0 {keyed} 0" in words(said.out)
    assert query(home, "SELECT COUNT(*) FROM core.fact_sales WHERE customer_key <> 0").item() == keyed > 0


def test_a_delivery_that_closes_too_many_keys_stops_and_a_command_lets_it_pass(
    shop: Shop, tmp_path: Path, dw: Dw, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = shop.copy(shop.after_one_day, tmp_path / "home")
    standing = query(home, "SELECT COUNT(DISTINCT customer_id) FROM core.dim_customer WHERE is_current").item()
    first, last = (home / "inbox" / str(day) / "customers.csv.gz" for day in shop.delivery.days)
    header, *rows = gzip.decompress(first.read_bytes()).decode().splitlines()
    place = header.split(",").index("updated_at")
    moved = [",".join([*(cells := row.split(","))[:place], f"{shop.last_day}T05:00:00Z"]) for row in rows[:60]]
    moved = [
        row.replace(cells, "Elsewhere") for row in moved if (cells := row.split(",")[header.split(",").index("city")])
    ]
    last.write_bytes(gzip.compress("\n".join([header, *moved, ""]).encode()))
    (report,) = load(home, [shop.last_day])
    (told, *blocked) = [failure for failure in report.failures if "dim_customer" in failure]
    closed = re.search(r"core.dim_customer: this run would close .* of (\d+) of (\d+) keys, more than 20%", told)
    assert closed, told
    assert 30 < int(closed[1]) <= 60
    assert int(closed[2]) == standing
    assert "`dw rebuild core.dim_customer --max-closed-share 1`" in told
    assert "contracts/core/dim_customer.yaml" in told
    assert any("core.fact_sales: not built, because core.dim_customer is blocked" in text for text in blocked)
    assert "Elsewhere" not in query(home, "SELECT DISTINCT city FROM core.dim_customer").get_column("city")
    monkeypatch.setenv("DW_HOME", str(home))
    again = dw("rebuild", "core.dim_customer")
    assert again.code == 1
    assert "more than 20%" in again.out
    assert dw("rebuild", "core.dim_customer", "--max-closed-share", "1").code == 0
    assert "Elsewhere" in query(home, "SELECT DISTINCT city FROM core.dim_customer WHERE is_current").get_column("city")
    assert query(home, "SELECT MAX(order_date) FROM core.fact_sales").item() == shop.last_day


@pytest.mark.parametrize(
    ("table", "since", "error", "told"),
    [
        ("clean.orders", None, ValueError, "not computed but loaded"),
        ("core.dim_channel", date(2026, 1, 5), NoWindow, "leave out --from"),
    ],
)
def test_what_cannot_be_rebuilt_is_said(
    shop: Shop, home: Path, table: str, since: date | None, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        restate(home, TableId.parse(table), since)
