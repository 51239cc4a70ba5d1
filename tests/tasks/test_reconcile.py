"""Reconciliation: what should be against what is, told when it differs, and recorded when it is news."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from contracts.registry import Registry
from sql import ddl
from tasks import reconcile
from tasks.warehouse.duckdb import DuckDBWarehouse

AT = datetime(2026, 1, 6, 3)
CHECK = """
SELECT figure_date AS reconciliation_date, currency_code, expected_amount, actual_amount, expected_rows, actual_rows
FROM core.figure
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    (tmp_path / "sql" / "reconciliation").mkdir(parents=True)
    (tmp_path / "sql" / "reconciliation" / "sales.sql").write_text(CHECK)
    contracts = [c for c in Registry.read().values() if str(c.table) == reconcile.TABLE]
    with DuckDBWarehouse(None) as opened:
        for statement in ddl.create_all(contracts):
            opened.execute(statement)
        opened.execute(
            "CREATE TABLE core.figure (figure_date DATE, currency_code VARCHAR(3), expected_amount DECIMAL(18,2), "
            "actual_amount DECIMAL(18,2), expected_rows BIGINT, actual_rows BIGINT)"
        )
        yield opened


def figure(warehouse: DuckDBWarehouse, day: int, expected: str, actual: str, rows: tuple[int, int] = (1, 1)) -> None:
    warehouse.execute("DELETE FROM core.figure WHERE figure_date = CAST(:day AS DATE)", day=f"2026-01-0{day}")
    values = {"figure_date": f"2026-01-0{day}", "currency_code": "INR", "expected_amount": expected}
    counts = {"actual_amount": actual, "expected_rows": rows[0], "actual_rows": rows[1]}
    warehouse.insert_rows("core.figure", [*values, *counts], [{**values, **counts}])


def recorded(warehouse: DuckDBWarehouse, run_id: str) -> list[tuple[object, ...]]:
    return warehouse.query(
        "SELECT EXTRACT(day FROM reconciliation_date) AS day_number, CAST(difference_amount AS VARCHAR(32)) AS off, "
        f"is_balanced FROM {reconcile.TABLE} WHERE run_id = :run_id ORDER BY reconciliation_date",
        run_id=run_id,
    ).rows()


def test_days_that_balance_are_recorded_and_not_told(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    figure(warehouse, 5, "10.00", "10.00")
    assert reconcile.record(warehouse, tmp_path, "r1", AT) == []
    assert recorded(warehouse, "r1") == [(5, "0.00", True)]


@pytest.mark.parametrize(("actual", "rows"), [("9.99", (1, 1)), ("10.00", (2, 1))], ids=["a cent", "a row"])
def test_a_day_that_differs_is_told_with_both_figures_and_the_check(
    warehouse: DuckDBWarehouse, tmp_path: Path, actual: str, rows: tuple[int, int]
) -> None:
    figure(warehouse, 4, "7.00", "7.00")
    figure(warehouse, 5, "10.00", actual, rows)
    (told,) = reconcile.record(warehouse, tmp_path, "r1", AT)
    assert told.startswith("reconciliation sales: 1 days do not balance, the first 2026-01-05 INR: ")
    assert f"expected 10.00 in {rows[0]} rows, found {actual} in {rows[1]}" in told
    assert "sql/reconciliation/sales.sql" in told
    assert [(day, balanced) for day, _, balanced in recorded(warehouse, "r1")] == [(4, True), (5, False)]


def test_only_news_are_recorded_and_what_differs_is_told_again(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    figure(warehouse, 4, "7.00", "7.00")
    figure(warehouse, 5, "10.00", "9.00")
    first = reconcile.record(warehouse, tmp_path, "r1", AT)
    assert reconcile.record(warehouse, tmp_path, "r2", AT.replace(hour=4)) == first
    assert recorded(warehouse, "r2") == []
    figure(warehouse, 5, "10.00", "10.00")
    figure(warehouse, 6, "1.00", "3.50")
    assert len(reconcile.record(warehouse, tmp_path, "r3", AT.replace(hour=5))) == 1
    assert recorded(warehouse, "r3") == [(5, "0.00", True), (6, "2.50", False)]


def test_an_empty_warehouse_has_nothing_to_reconcile(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    assert reconcile.record(warehouse, tmp_path, "r1", AT) == []
    assert reconcile.record(warehouse, tmp_path / "nothing", "r1", AT) == []
