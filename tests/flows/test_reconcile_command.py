"""`dw reconcile`: what it prints of a warehouse that balances and of one that does not, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Dw, words
from small_shop import Shop, query, tables

from tasks.settings import Settings
from tasks.warehouse import open_warehouse


@pytest.fixture
def at_home(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DW_HOME", str(shop.home))
    return shop.home


@pytest.fixture
def spoilt(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose fact_payments lacks the payments of the second day."""
    home = shop.copy(shop.home, tmp_path / "home")
    monkeypatch.setenv("DW_HOME", str(home))
    with open_warehouse(Settings(home=home)) as warehouse:
        warehouse.execute("DELETE FROM core.fact_payments WHERE payment_date = CAST('2026-01-06' AS DATE)")
    return home


def test_what_balances_is_told_and_ends_well(dw: Dw, at_home: Path) -> None:
    said = dw("reconcile", "--check", "sales_lines", "--check", "source_orders_total_amount")
    assert (said.code, said.err) == (0, "")
    assert "Everything balances." in said.out
    assert "sales_lines 2026-01-05 2026-01-06 2 " in words(said.out)


def test_every_key_that_differs_is_listed_and_nothing_is_written(dw: Dw, spoilt: Path) -> None:
    missing = query(spoilt, "SELECT payment_id FROM clean.payments WHERE payment_date = DATE '2026-01-06'")
    assert missing.height > 20
    before = tables(spoilt)
    said = dw("reconcile", "--check", "payments")
    assert said.code == 1
    assert all(key in said.out for key in missing["payment_id"])
    assert "payments (sql/reconciliation/payments.sql)" in said.out
    after = tables(spoilt)
    assert all(before[name].equals(after[name]) for name in before)


def test_a_window_keeps_its_days(dw: Dw, spoilt: Path) -> None:
    assert dw("reconcile", "--check", "payments", "--day", "2026-01-05").code == 0
    assert dw("reconcile", "--check", "payments", "--to", "2026-01-05").code == 0
    assert dw("reconcile", "--check", "payments", "--from", "2026-01-06").code == 1


def test_as_json(dw: Dw, spoilt: Path) -> None:
    said = dw("reconcile", "--check", "payments", "--check", "refunds", "--json")
    assert said.code == 1
    payments, refunds = json.loads(said.out)
    assert (payments["check"], payments["is_balanced"], refunds["is_balanced"]) == ("payments", False, True)
    assert refunds["keys_that_differ"] == []
    assert {day["reconciliation_date"] for day in payments["days_that_differ"]} == {"2026-01-06"}
    assert payments["keys_that_differ"][0]["actual_rows"] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--check", "sale_lines"], "--check: no check is called 'sale_lines'; did you mean sales_lines?"),
        (["--from", "2026-01-06", "--to", "2026-01-05"], "--to 2026-01-05 lies before --from 2026-01-06"),
        (["--day", "2026-01-06", "--to", "2026-01-07"], "--day stands alone"),
    ],
)
def test_a_wrong_use_is_told(dw: Dw, at_home: Path, arguments: list[str], told: str) -> None:
    said = dw("reconcile", *arguments)
    assert said.code == 2
    assert said.err.startswith(f"dw: reconcile: {told}")
