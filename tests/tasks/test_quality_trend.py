"""The trend: what each delivery measured, from the ledger and the clean files, and what is told of an unusual one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hand_made import DAY, SHARED_COLUMNS, contract, raw_things

from contracts.ids import TableId
from contracts.model import Contract, Latency
from contracts.registry import Registry
from sql import ddl
from tasks import trend
from tasks.batches import Batch
from tasks.lake import LakeFile
from tasks.settings import Settings
from tasks.warehouse.duckdb import DuckDBWarehouse

SETTINGS = Settings(shop_timezone="Asia/Kolkata")
MONDAY = date(2026, 3, 16)
FIRST = date(2026, 1, 5)
AUDIT = ("load_ledger", "column_profile", "trend")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.read()


@pytest.fixture
def warehouse(registry: Registry) -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(None) as opened:
        for statement in ddl.create_all([registry[TableId("audit", name)] for name in AUDIT]):
            opened.execute(statement)
        yield opened


Deliver = Callable[..., None]


@pytest.fixture
def deliver(warehouse: DuckDBWarehouse, registry: Registry) -> Deliver:
    """Enter a batch into the ledger, and its profile if a column is given: (rows, gaps, newest instant)."""
    columns = [c.name for c in registry[TableId("audit", "load_ledger")].columns]

    def enter(table: str, day: date, rows: int, **profile: tuple[int, int, datetime | None]) -> None:
        batch = f"{table}|{day}"
        row = {
            "batch_id": batch,
            "table_name": f"raw.{table}",
            "delivery_date": day,
            "delivered_rows": rows,
            "loaded_rows": rows,
            "status": "loaded",
            "loaded_at": datetime(2026, 6, 1),
        }
        rest = {name: 0 if name.endswith(("_rows", "bytes")) else "" for name in columns if name not in row}
        warehouse.insert_rows("audit.load_ledger", columns, [{**rest, **row}])
        for name, (count, nulls, newest) in profile.items():
            entry = {"batch_id": batch, "delivery_date": day, "table_name": f"clean.{table}", "column_name": name}
            counted = {"row_count": count, "null_count": nulls, "newest_at": newest}
            warehouse.insert_rows("audit.column_profile", [*entry, *counted], [{**entry, **counted}])

    return enter


def days(first: date = FIRST, last: date = MONDAY) -> list[date]:
    """Every day from the first to the last, the last left out."""
    return [first + timedelta(days=n) for n in range((last - first).days)]


def record(warehouse: DuckDBWarehouse, registry: Registry, day: date = MONDAY) -> list[str]:
    return trend.record(warehouse, registry, SETTINGS, "r1", day)


def recorded(warehouse: DuckDBWarehouse, **where: Any) -> list[dict[str, Any]]:
    return trend.recorded(warehouse, 100).filter(**where).to_dicts()


# Rows


def test_a_thin_delivery_is_told_in_one_sentence(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    for n, day in enumerate(days()):
        # Mondays bring 380 to 420, other days ten times as much: they are no measure for a Monday.
        deliver("orders", day, 380 + n % 5 * 10 if day.weekday() == 0 else 4000)
    deliver("orders", MONDAY, 12)
    assert record(warehouse, registry) == [
        "raw.orders: 12 rows delivered on Monday 2026-03-16, usual 405 ± 22 over 8 Mondays"
    ]
    (row,) = recorded(warehouse, measure="delivered_rows")
    assert (row["value"], row["median"], row["points"], row["status"]) == (12.0, 405.0, 8, "anomaly")
    assert row["spread"] == pytest.approx(1.4826 * 15)
    assert row["z"] == pytest.approx((12 - 405) / (1.4826 * 15))


def test_more_than_usual_is_told_too_and_the_usual_is_not(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    for day in days():
        deliver("orders", day, 100)
        deliver("refunds", day, 100)
        deliver("payments", day, 10_000)
        deliver("web_events", day, 10_000)
    # Chance alone moves a count of 100 by 10: 134 is within 3.5 of that, 65 is not. A twentieth of 10,000 is 500.
    for table, rows in (("orders", 65), ("refunds", 134), ("payments", 11_749), ("web_events", 11_750)):
        deliver(table, MONDAY, rows)
    assert record(warehouse, registry) == [
        "raw.orders: 65 rows delivered on Monday 2026-03-16, usual 100 ± 10 over 8 Mondays",
        "raw.web_events: 11,750 rows delivered on Monday 2026-03-16, usual 10,000 ± 500 over 8 Mondays",
    ]


def test_a_file_that_is_missing_counts_as_no_rows(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    for day in days():
        deliver("orders", day, 400)
        deliver("payments", day, 500)
    deliver("payments", MONDAY, 500)
    assert record(warehouse, registry) == [
        "raw.orders: 0 rows delivered on Monday 2026-03-16, usual 400 ± 20 over 8 Mondays"
    ]


def test_a_file_that_is_still_to_be_loaded_is_not_missed(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    for day in days():
        deliver("orders", day, 400, updated_at=(400, 0, end_of(day)))
        deliver("payments", day, 500)
    deliver("payments", MONDAY, 500)
    assert trend.record(warehouse, registry, SETTINGS, "r1", MONDAY, {"raw.orders", "raw.payments"}) == []
    assert {row["table_name"] for row in recorded(warehouse)} == {"raw.payments"}


def test_a_delivery_without_any_file_is_measured(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    for day in days():
        deliver("orders", day, 400)
    assert not trend.is_recorded(warehouse, MONDAY)
    assert len(record(warehouse, registry)) == 1
    assert trend.is_recorded(warehouse, MONDAY)


def test_a_table_that_comes_on_mondays_only_is_not_missed_on_tuesdays(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    for day in days(last=MONDAY + timedelta(days=1)):
        deliver("orders", day, 400)
        if day.weekday() == 0:
            deliver("postal_codes", day, 1000)
    tuesday = MONDAY + timedelta(days=1)
    deliver("orders", tuesday, 400)
    assert record(warehouse, registry, tuesday) == []
    assert {(r["table_name"], r["value"], r["status"]) for r in recorded(warehouse, measure="loaded_rows")} == {
        ("raw.orders", 400.0, "usual"),
        ("raw.postal_codes", 0.0, "usual"),
    }


def test_days_on_which_nothing_was_delivered_at_all_are_no_history(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    for day in days()[::14]:  # every second Monday; the run stood still in between
        deliver("orders", day, 400)
    deliver("orders", MONDAY, 12)
    record(warehouse, registry)
    (row,) = recorded(warehouse, measure="delivered_rows")
    assert (row["points"], row["status"]) == (4, "anomaly")


def test_the_days_before_a_tables_first_delivery_are_no_history(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    for day in days():
        deliver("orders", day, 400)
    deliver("refunds", MONDAY, 400)
    assert record(warehouse, registry) == [
        "raw.orders: 0 rows delivered on Monday 2026-03-16, usual 400 ± 20 over 8 Mondays"
    ]
    (row,) = recorded(warehouse, measure="delivered_rows", table_name="raw.refunds")
    assert (row["points"], row["median"], row["spread"], row["status"]) == (0, None, None, "learning")


def test_with_three_mondays_nothing_is_said_yet(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    for day in days(MONDAY - timedelta(days=21)):
        deliver("orders", day, 400)
    deliver("orders", MONDAY, 12)
    assert record(warehouse, registry) == []
    (row,) = recorded(warehouse, measure="delivered_rows")
    assert (row["points"], row["status"], row["z"]) == (3, "learning", None)


def test_repeated_news_is_told_though_as_many_rows_came(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    for day in [*days(), MONDAY]:
        deliver("orders", day, 400)
    warehouse.execute(
        "UPDATE audit.load_ledger SET loaded_rows = 0, duplicate_rows = 400 WHERE delivery_date = :day", day=MONDAY
    )
    assert record(warehouse, registry) == [
        "raw.orders: 0 rows loaded on Monday 2026-03-16, usual 400 ± 20 over 8 Mondays"
    ]


def test_several_files_of_a_day_add_up_and_other_tables_of_the_ledger_are_left_out(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    deliver("orders", MONDAY, 400)
    warehouse.execute("INSERT INTO audit.load_ledger SELECT * FROM audit.load_ledger")
    deliver("online_retail_lines", MONDAY, 7)
    record(warehouse, registry)
    assert [(r["table_name"], r["value"]) for r in recorded(warehouse, measure="delivered_rows")] == [
        ("raw.orders", 800.0)
    ]


def test_measuring_a_day_again_replaces_it(warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver) -> None:
    deliver("orders", MONDAY, 400)
    record(warehouse, registry)
    first = recorded(warehouse)
    record(warehouse, registry)
    assert recorded(warehouse) == first != []


# Gaps and age


def end_of(day: date) -> datetime:
    return SETTINGS.day_end(day)


def test_a_column_that_runs_dry_is_told(warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver) -> None:
    for day in days():
        deliver("orders", day, 400, promotion_code=(400, 320, None), ship_country_code=(400, 0, None))
    deliver("orders", MONDAY, 400, promotion_code=(400, 400, None), ship_country_code=(400, 10, None))
    # Chance alone moves a share of 80 % of 400 by two points. None of 400 missing until now, and 2.5 % today: 2.5 z.
    assert record(warehouse, registry) == [
        "clean.orders: promotion_code is missing in 100.0% of 400 rows on Monday 2026-03-16, "
        "usual 80.0% ± 2.0% over 8 Mondays"
    ]


def test_fewer_gaps_than_usual_are_no_anomaly(warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver) -> None:
    for day in days():
        deliver("orders", day, 400, promotion_code=(400, 320, None))
    deliver("orders", MONDAY, 400, promotion_code=(400, 0, None))
    assert record(warehouse, registry) == []


def test_one_gap_among_a_few_rows_is_chance(warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver) -> None:
    for day in days():
        deliver("refunds", day, 5, reason=(5, 0, None))
    deliver("refunds", MONDAY, 5, reason=(5, 1, None))
    assert record(warehouse, registry) == []
    assert {r["status"] for r in recorded(warehouse, measure="loaded_rows")} == {"usual"}


def test_a_column_that_has_become_required_is_measured_no_more(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    deliver("orders", MONDAY, 400, order_id=(400, 100, None), promotion_code=(400, 100, None))
    record(warehouse, registry)
    assert [r["column_name"] for r in recorded(warehouse, measure="null_share")] == ["promotion_code"]


def test_old_news_are_told(warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver) -> None:
    for day in days():
        deliver("orders", day, 400, updated_at=(400, 0, end_of(day) - timedelta(minutes=30)))
    # As many rows as ever, but the newest was changed on Saturday night.
    deliver("orders", MONDAY, 400, updated_at=(400, 0, end_of(MONDAY) - timedelta(hours=40)))
    assert record(warehouse, registry) == [
        "clean.orders: the newest updated_at is 24.5 hours old at the end of Monday 2026-03-16, "
        "usual 0.5 ± 1.0 over 8 Mondays"
    ]


def test_news_of_an_earlier_delivery_keep_a_table_fresh_and_age(
    warehouse: DuckDBWarehouse, registry: Registry, deliver: Deliver
) -> None:
    deliver("orders", MONDAY - timedelta(days=1), 400, updated_at=(400, 0, end_of(MONDAY - timedelta(days=1))))
    deliver("payments", MONDAY, 1)
    record(warehouse, registry)
    (row,) = recorded(warehouse, measure="age_hours")
    assert (row["table_name"], row["value"], row["status"]) == ("clean.orders", 24.0, "learning")


# The profile of a batch


def clean_things(folder: Path, *columns: str | dict[str, Any], latency: str | None = None) -> Contract:
    made = contract(folder, "clean.things", [{"name": "id", "key": 1, "required": True}, *columns, *SHARED_COLUMNS])
    object.__setattr__(made, "latency", Latency(timedelta(days=1), latency) if latency else None)
    return made


def profiled(
    warehouse: DuckDBWarehouse, folder: Path, clean: Contract, frame: dict[str, Any]
) -> list[tuple[str, int, int, datetime | None]]:
    file = folder / "rows.parquet"
    rows = len(next(iter(frame.values())))
    shared = {
        "row_hash": ["h"] * rows,
        "delivery_date": [DAY] * rows,
        "batch_id": ["b"] * rows,
        "source_line": [1] * rows,
    }
    pl.DataFrame({"id": [str(n) for n in range(rows)], **frame, **shared}).write_parquet(file)
    batch = Batch(raw_things(folder), DAY, folder / "things.csv", "hash", 1)
    for _ in range(2):
        trend.record_profile(warehouse, SETTINGS, clean, batch, LakeFile.local(file))
    found = warehouse.query(
        "SELECT column_name, row_count, null_count, newest_at FROM audit.column_profile WHERE row_count >= 0 "
        "AND column_name NOT IN ('row_hash', 'delivery_date', 'batch_id', 'source_line') ORDER BY column_name"
    )
    return found.rows()


def test_a_profile_counts_the_gaps_of_optional_columns_once(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    clean = clean_things(tmp_path, "colour", "size")
    frame = {"colour": ["red", None, None], "size": ["1", "2", "3"]}
    assert profiled(warehouse, tmp_path, clean, frame) == [("colour", 3, 2, None), ("size", 3, 0, None)]


def test_the_newest_instant_is_the_last_before_the_days_end(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    clean = clean_things(tmp_path, {"name": "seen_at", "type": "timestamp", "required": True}, latency="seen_at")
    last = datetime(2026, 1, 5, 18, 29, 59)
    frame = {"seen_at": [datetime(2026, 1, 4), last, datetime(2099, 1, 1)]}
    assert profiled(warehouse, tmp_path, clean, frame) == [("seen_at", 3, 0, last)]


def test_a_date_is_as_new_as_its_end(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    clean = clean_things(tmp_path, {"name": "seen_on", "type": "date"}, latency="seen_on")
    frame = {"seen_on": [date(2026, 1, 3), date(2026, 1, 4), date(2026, 1, 6), None]}
    assert profiled(warehouse, tmp_path, clean, frame) == [("seen_on", 4, 1, end_of(date(2026, 1, 4)))]


def test_a_batch_without_rows_has_no_news(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    clean = clean_things(tmp_path, {"name": "seen_on", "type": "date"}, latency="seen_on")
    assert profiled(warehouse, tmp_path, clean, {"seen_on": pl.Series([], dtype=pl.Date)}) == [("seen_on", 0, 0, None)]
