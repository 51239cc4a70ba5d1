"""`dw backfill`: days of a range, cleaned ahead and built once, leave what a run per day leaves."""

from __future__ import annotations

import shutil
import threading
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hand_made import DAY
from house_of_things import House
from hypothesis import given, settings
from hypothesis import strategies as st
from small_shop import Shop, differences, load_day, open_home, tables

from tasks import backfill as work
from tasks import delivery
from tasks.backfill import Plan
from tasks.batches import Batch
from tasks.clean import Cleaned
from tasks.inbox import FolderInbox
from tasks.report import RunReport
from tasks.status import Status, status
from tasks.warehouse.base import WarehouseError

DAYS = 8
LAST = DAY + timedelta(days=DAYS - 1)
# Who did something and when, and what tells how often a table was looked at or built.
_RUN = ("run_id", "seconds")
_HISTORY = ("audit.quality_score", "audit.table_build", "audit.quality_result")


def lines(day: int, colour: str = "red") -> list[str]:
    """A thing of its own, one that changes each day, and one that breaks a rule."""
    return [f"t{day},{colour},{day},", f"all,blue,{day},2026-01-{day + 1:02} 10:00:00", f"bad{day},pink,1,"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    for day in range(DAYS):
        made.deliver(day, *lines(day))
    return made


def told(house: House, table: str | None = None) -> Status:
    space = house.open()
    try:
        space.begin()
        found = status(space.deliveries, space.warehouse, space.registry, space.graph)
        return found.of_table(table) if table else found
    finally:
        space.close()


def fill(house: House, parallel: int = 1, first: date = DAY, last: date = LAST) -> RunReport:
    space = house.open()
    try:
        space.begin()
        known = status(space.deliveries, space.warehouse, space.registry, space.graph, first, last)
        return work.backfill(space, work.plan(space.deliveries, known, first, last), None, parallel)
    finally:
        space.close()


def day_by_day(house: House) -> list[RunReport]:
    space = house.open()
    try:
        return [load_day(space, DAY + timedelta(days=day)) for day in range(DAYS)]
    finally:
        space.close()


def state(house: House) -> dict[str, pl.DataFrame]:
    found = {name: rows for name, rows in tables(house.home).items() if name not in _HISTORY}
    return {name: lasting(rows) if name.startswith("audit.") else rows for name, rows in found.items()}


def lasting(rows: pl.DataFrame) -> pl.DataFrame:
    kept = [name for name, type_ in rows.schema.items() if name not in _RUN and not isinstance(type_, pl.Datetime)]
    return rows.select(kept).sort(kept)


def test_a_plan_takes_what_waits_was_rejected_or_was_never_scored(tmp_path: Path) -> None:
    days = [date(2026, 1, day) for day in range(1, 6)]
    files = pl.DataFrame(
        {"delivery_date": days[:4], "table_name": ["raw.a", "raw.b", "raw.a", "raw.a"],
         "state": ["waiting", "rejected", "loaded", "loaded"]}
    )  # fmt: skip
    known = Status(files, tuple(days), (days[4],), {"core.x": 3}, unscored=(days[3],))
    inbox = FolderInbox(tmp_path)
    assert work.plan(inbox, known, days[0], days[-1]) == Plan((), (days[4],), ("core.x",))
    for day in days[:4]:
        (tmp_path / day.isoformat()).mkdir()
    assert work.plan(inbox, known, days[0], days[-1]).days == (days[0], days[1], days[3])
    assert work.plan(inbox, known, days[1], days[1]).days == (days[1],)
    assert work.plan(inbox, known, days[0], days[-1], "raw.a").days == (days[0], days[3])
    assert work.plan(inbox, None, days[1], days[2]).days == (days[1], days[2])


@pytest.mark.parametrize("parallel", [1, 2, 4])
def test_a_backfill_leaves_what_a_run_per_day_leaves(tmp_path: Path, house: House, parallel: int) -> None:
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other")
    for day in range(DAYS):
        other.deliver(day, *lines(day))
    day_by_day(other)
    report = fill(house, parallel)
    assert report.failures == []
    assert differences(state(other), state(house)) == {}
    assert house.rows("audit.table_build", "table_name", "inserted_rows") == [("core.colour", 2)]
    assert [day for day, _ in house.rows("audit.quality_score", "DISTINCT delivery_date", "1")] == [
        DAY + timedelta(days=day) for day in range(DAYS)
    ]
    again = fill(house, parallel)
    assert (again.entries, again.builds, again.failures) == ([], {}, [])


@pytest.mark.parametrize("parallel", [1, 3])
def test_a_broken_file_and_a_day_that_stops_stop_no_other(
    house: House, parallel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (house.home / "inbox" / "2026-01-07" / "things.csv").write_bytes(b"thing_id\n\xff\n")
    load, bad = delivery.ingest, date(2026, 1, 10)

    def ingest(space: Any, file: str, *args: Any) -> Any:
        if space.inbox.batches[0].delivery == bad:
            raise WarehouseError("the disk is full")
        return load(space, file, *args)

    monkeypatch.setattr(delivery, "ingest", ingest)
    report = fill(house, parallel)
    assert [failure.split(":")[0] for failure in report.failures] == ["2026-01-07/things.csv", "2026-01-10"]
    assert sorted(house.things()) == ["all", "t0", "t1", "t3", "t4", "t6", "t7"]
    assert told(house).days_in("rejected", "waiting") == [date(2026, 1, 7), bad]
    monkeypatch.undo()
    house.deliver(2, *lines(2))
    assert fill(house, parallel).failures == []
    assert len(house.things()) == DAYS + 1
    assert told(house).days_in("rejected", "waiting") == []


def test_files_are_cleaned_at_once_ahead_of_what_is_loaded_and_never_more_than_asked_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean, lock = delivery.clean, threading.Lock()
    at_work, most, threads, together = 0, 0, set(), threading.Barrier(3)

    def watched(space: Any, batch: Batch) -> Cleaned:
        nonlocal at_work, most
        with lock:
            at_work, most = at_work + 1, max(most, at_work + 1)
            threads.add(threading.current_thread().name)
        if batch.delivery < date(2026, 1, 8):
            together.wait(timeout=30)
        try:
            return clean(space, batch)
        finally:
            with lock:
                at_work -= 1

    monkeypatch.setattr(delivery, "clean", watched)
    assert fill(house, parallel=3).failures == []
    assert most == 3
    assert not any(name == "MainThread" for name in threads)


def test_the_same_content_under_two_names_is_cleaned_and_loaded_once(house: House) -> None:
    folder = house.home / "inbox" / "2026-01-05"
    (folder / "things.2.csv").write_bytes((folder / "things.csv").read_bytes())
    report = fill(house, parallel=2)
    assert report.failures == []
    assert len(report.entries) == DAYS
    assert len(report.already_loaded) == 1


def test_what_a_killed_backfill_loaded_is_built_and_scored_by_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "curate_and_build", killed)
        with pytest.raises(KeyboardInterrupt):
            fill(house, parallel=2)
    left = told(house)
    assert left.days_in("waiting") == []
    assert len(left.unscored) == DAYS
    assert left.waiting_tables == {"core.colour": 1}
    report = fill(house)
    assert (report.failures, report.entries) == ([], [])
    assert house.counted() == {"blue": 1, "red": DAYS}
    assert told(house).unscored == ()


def test_the_whole_shop_is_what_a_run_per_day_makes(shop: Shop, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(shop.delivery.root, home / "inbox")
    space = open_home(home)
    try:
        space.begin()
        report = work.backfill(space, Plan(shop.delivery.days), None, parallel=2)
    finally:
        space.close()
    assert report.failures == []
    layers = ("clean", "curated", "core")
    assert differences(tables(shop.home, layers), tables(home, layers)) == {}


@settings(max_examples=12)
@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4), min_size=1, max_size=5), st.integers(2, 4))
def test_batches_come_in_order_whatever_days_stop(days: list[list[int]], parallel: int) -> None:
    """The cleaner alone: what is asked for is what is given, though some days ask for nothing."""
    asked: list[int] = []

    def clean(space: Any, batch: Any) -> int:
        return batch.number

    class Made:
        def __init__(self, number: int, day: int) -> None:
            self.number, self.delivery, self.batch_id = number, DAY + timedelta(days=day), str(number)

    numbers = iter(range(1000))
    made = [[Made(next(numbers), place) for _ in files] for place, files in enumerate(days)]
    with pytest.MonkeyPatch.context() as patch, work.ThreadPoolExecutor(parallel) as pool:
        patch.setattr(delivery, "clean", clean)
        patch.setattr(work._Ahead, "_batches", lambda *_: (batch for day in made for batch in day))
        ahead = work._Ahead(None, [], None, parallel, pool)  # type: ignore[arg-type]
        for day, stops in zip(made, days, strict=True):
            for batch, stop in zip(day, stops, strict=True):
                if stop == 0:
                    break
                asked.append(ahead(None, batch) == batch.number)  # type: ignore[arg-type]
                assert len(ahead._under_way) <= parallel
    assert all(asked)
