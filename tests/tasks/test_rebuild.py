"""`dw rebuild`: a table that somebody spoiled comes out as it was, whole or from a day on, and what reads it too."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from small_shop import Shop, built, differences, open_home, query

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
