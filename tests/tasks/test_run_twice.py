"""Redshift may run the work of a transaction again: the second run of it must do what the first one would have done."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import pytest
from hand_made import DAY
from house_of_things import COLOUR, COLOURS, SIZE, House
from small_shop import Shop, differences, load, load_day, tables

from tasks.report import RunReport
from tasks.settings import Settings
from tasks.warehouse import Warehouse
from tasks.warehouse.duckdb import DuckDBWarehouse

T = TypeVar("T")
# Who did something, and how long it took; instants of the run are told by their type.
_OF_A_RUN = ("run_id", "seconds", "actor")
_OF_RUNS = ("audit.", "mart.data_")


class TwiceWarehouse(DuckDBWarehouse):
    """Runs the work of each transaction, rolls it back, and runs it again."""

    works = 0

    def transaction(self, work: Callable[[], T]) -> T:
        TwiceWarehouse.works += 1
        self._begin()
        try:
            work()
        finally:
            self._end(commit=False)
        return super().transaction(work)


@pytest.fixture
def twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, every workspace runs its transactions twice."""

    def opened(settings: Settings) -> Warehouse:
        binds = {"reporting_currency": settings.reporting_currency}
        return TwiceWarehouse(settings.warehouse_file, binds=binds, threads=1)

    monkeypatch.setattr("tasks.workspace.open_warehouse", opened)
    monkeypatch.setattr(TwiceWarehouse, "works", 0)


def lasting(home: Path) -> dict[str, pl.DataFrame]:
    """Every table; those about runs without ids, instants and durations. Rows that stand twice count."""
    found = tables(home)
    return {name: _counted(_without_runs(rows) if name.startswith(_OF_RUNS) else rows) for name, rows in found.items()}


def _without_runs(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.drop(n for n, t in rows.schema.items() if n in _OF_A_RUN or isinstance(t, pl.Datetime))


def _counted(rows: pl.DataFrame) -> pl.DataFrame:
    counted = rows.group_by(rows.columns).agg(times=pl.len())
    return counted.sort(counted.columns)


def told(report: RunReport) -> dict[str, Any]:
    """What the report says, without the run's id, instant and durations."""
    entries = [replace(entry, run_id="", loaded_at=datetime.min) for entry in report.entries]
    gates = [(str(gate.table), gate.rows, [r.success for r in gate.results]) for gate in report.gates]
    return {
        "entries": entries,
        "builds": report.builds,
        "gates": gates,
        "altered": report.altered,
        "already_loaded": report.already_loaded,
        "warnings": report.warnings,
        "failures": report.failures,
    }


def test_a_shop_is_the_same_if_every_transaction_runs_twice(shop: Shop, tmp_path: Path, twice: None) -> None:
    home = tmp_path / "home"
    shutil.copytree(shop.delivery.root, home / "inbox")
    reports = load(home)
    assert TwiceWarehouse.works > 100
    assert [told(report) for report in reports] == [told(report) for report in shop.reports]
    assert differences(lasting(home), lasting(shop.home)) == {}


def live(house: House) -> list[Any]:
    """Deliveries with duplicates and rejected files, a changed contract, a re-drive, a discard, and what they told."""
    at = "2026-01-05T10:00:00Z"
    house.run(0, f"a,red,1,{at}", f"b,green,2,{at}", f"c,red,-3,{at}", f"a,red,1,{at}")
    house.run(1, "a,blue,1,2026-01-06T10:00:00Z", f"e,black,5,{at}")
    house.deliver(2, "nothing,of,a,thing", header="what,is,this,here\n")
    space = house.open()
    try:
        rejected = told(load_day(space, DAY + timedelta(days=2)))
    finally:
        space.close()
    weight = {"name": "weight", "type": "integer", "since": "1.0.0"}
    house.allow((*COLOURS, "green"), 0, weight)
    redriven = house.redrive(rule=COLOUR)
    discarded = house.discard(rule=SIZE)
    outcomes = [(o.batch.batch_id, o.tried, o.loaded, o.left, o.discarded, o.rules, o.error) for o in redriven]
    outcomes += [(o.batch.batch_id, o.tried, o.loaded, o.left, o.discarded, o.rules, o.error) for o in discarded]
    return [rejected, outcomes, house.ledger(), house.quarantine(), house.things(), house.counted()]


def test_so_is_a_house_with_rejections_redrives_and_altered_tables(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    once = House(tmp_path / "once")
    expected = live(once)
    request.getfixturevalue("twice")
    again = House(tmp_path / "twice")
    assert live(again) == expected
    assert TwiceWarehouse.works > 15
    assert differences(lasting(again.home), lasting(once.home)) == {}
