"""`dw status`: which files are loaded, which days have gaps, what waits."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hand_made import DAY, contract
from small_shop import Shop, open_home, read_repository

from contracts.model import Contract
from tasks import delivery as work
from tasks.inbox import FolderInbox
from tasks.settings import Settings
from tasks.status import Status, file_states, in_inbox, status
from tasks.warehouse import open_warehouse

NEXT = DAY + timedelta(days=1)
LEDGER = {
    "delivery_date": pl.Date(),
    "table_name": pl.String(),
    "file_name": pl.String(),
    "bytes": pl.Int64(),
    "status": pl.String(),
    "delivered_rows": pl.Int64(),
    "quarantined_rows": pl.Int64(),
    "error": pl.String(),
    "loaded_at": pl.Datetime("us"),
}


@pytest.fixture
def contracts(tmp_path: Path) -> list[Contract]:
    made = []
    for name, required in (("things", True), ("extras", False)):
        delivery = {"file": f"{name}.csv", "format": "csv", "required": required}
        made.append(contract(tmp_path, f"raw.{name}", ["thing_id"], delivery=delivery))
    return made


def ledger(*rows: tuple[date, str, int, str, int]) -> pl.DataFrame:
    """Rows of (day, file, bytes, status, hour of the entry)."""
    return pl.DataFrame(
        [
            (
                day,
                f"raw.{file.partition('.')[0]}",
                file,
                size,
                state,
                10,
                1,
                "" if state == "loaded" else "why",
                at(hour),
            )
            for day, file, size, state, hour in rows
        ],
        LEDGER,
        orient="row",
    )


def at(hour: int) -> datetime:
    return datetime(2026, 1, 6, hour)


def inbox(tmp_path: Path, contracts: list[Contract], *files: tuple[date, str, int]) -> pl.DataFrame:
    for day, name, size in files:
        folder = tmp_path / "inbox" / day.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * size)
    return in_inbox(FolderInbox(tmp_path / "inbox"), sorted({day for day, *_ in files}), contracts)


def states(found: pl.DataFrame) -> list[tuple[date, str, str]]:
    return found.select("delivery_date", "file_name", "state").rows()


def test_a_file_is_loaded_waits_or_was_rejected(tmp_path: Path, contracts: list[Contract]) -> None:
    there = inbox(
        tmp_path,
        contracts,
        (DAY, "things.csv", 5),
        (DAY, "things.2.csv", 6),
        (DAY, "extras.csv", 7),
        (DAY, "unexpected.csv", 1),
    )
    known = ledger((DAY, "things.csv", 5, "loaded", 1), (DAY, "extras.csv", 7, "rejected", 1))
    assert states(file_states(there, known, contracts)) == [
        (DAY, "extras.csv", "rejected"),
        (DAY, "things.2.csv", "waiting"),
        (DAY, "things.csv", "loaded"),
    ]


def test_a_file_that_was_mended_is_what_the_last_word_says(tmp_path: Path, contracts: list[Contract]) -> None:
    there = inbox(tmp_path, contracts, (DAY, "things.csv", 5), (NEXT, "things.csv", 9))
    known = ledger(
        (DAY, "things.csv", 5, "loaded", 1),
        (DAY, "things.csv", 4, "rejected", 2),
        (NEXT, "things.csv", 8, "loaded", 1),
    )
    assert states(file_states(there, known, contracts)) == [
        (DAY, "things.csv", "loaded"),
        (NEXT, "things.csv", "waiting"),
    ]


def test_what_left_the_inbox_stays_loaded_and_what_is_required_is_missed(
    tmp_path: Path, contracts: list[Contract]
) -> None:
    there = inbox(tmp_path, contracts, (NEXT, "extras.csv", 1))
    known = ledger((DAY, "things.csv", 5, "loaded", 1))
    assert states(file_states(there, known, contracts)) == [
        (DAY, "things.csv", "loaded"),
        (NEXT, "extras.csv", "waiting"),
        (NEXT, "things.csv", "missing"),
    ]


def state_of(home: Path, first: date | None = None, last: date | None = None) -> Status:
    registry, graph = read_repository()
    with open_warehouse(Settings(home=home), read_only=True) as warehouse:
        return status(FolderInbox(home / "inbox"), warehouse, registry, graph, first, last)


def test_a_day_without_delivery_is_a_gap_and_a_late_one_fills_it(shop: Shop, tmp_path: Path) -> None:
    home = shop.copy(shop.after_one_day, tmp_path / "home")
    later = shop.last_day + timedelta(days=2)
    (home / "inbox" / shop.last_day.isoformat()).rename(home / "inbox" / later.isoformat())
    found = state_of(home)
    assert found.gaps == (shop.last_day, shop.last_day + timedelta(days=1))
    assert found.days_in("waiting") == [later]
    assert found.days_in("loaded") == [shop.delivery.days[0]]
    assert found.waiting_tables == {}
    assert state_of(home, last=shop.delivery.days[0]).gaps == ()


def test_changes_that_no_build_has_carried_on_are_told(shop: Shop, tmp_path: Path) -> None:
    home = shop.copy(shop.after_one_day, tmp_path / "home")
    space = open_home(home)
    try:
        space.begin()
        for file in work.find(space, shop.last_day):
            work.ingest(space, file)
    finally:
        space.close()
    waiting = state_of(home).waiting_tables
    assert waiting["core.fact_sales"] > 0
    assert set(waiting) <= {str(t) for t in read_repository()[1].tables}
