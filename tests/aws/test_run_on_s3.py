"""Runs with inbox and lake on S3: the same tables, ledger and files of the lake as runs with folders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hand_made import DAY
from house_of_things import COLOUR, COLOURS, House
from house_on_s3 import HouseOnS3
from local_aws import new_buckets_by_layer

from tasks import aws
from tasks.backfill import backfill, plan
from tasks.inbox import FolderInbox
from tasks.s3 import Store
from tasks.settings import Settings
from tasks.status import status
from tasks.warehouse import Warehouse
from tasks.warehouse.duckdb import DuckDBWarehouse

AT = "2026-01-05T10:00:00Z"


@pytest.fixture(params=["one bucket", "a bucket for each layer"])
def houses(
    request: pytest.FixtureRequest, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[House, HouseOnS3]]:
    def opened(settings: Settings) -> Warehouse:
        binds = {"reporting_currency": settings.reporting_currency}
        return DuckDBWarehouse(settings.warehouse_file, binds=binds, threads=1)

    monkeypatch.setattr("tasks.workspace.open_warehouse", opened)
    lake = f"s3://{bucket}/lake" if request.param == "one bucket" else f"{new_buckets_by_layer()}/lake"
    yield House(tmp_path / "local"), HouseOnS3(tmp_path / "aws", bucket, lake)
    # No run leaves its lease behind.
    assert Store(lake).head("_lock.json") is None


def test_loads_quarantine_redrive_and_discard_are_the_same(houses: tuple[House, HouseOnS3]) -> None:
    told = []
    for house in houses:
        house.run(0, f"a,red,1,{AT}", f"b,green,2,{AT}", f"c,black,3,{AT}", f"a,red,1,{AT}")
        house.run(1, f"d,blue,4,{AT}", f"e,black,5,{AT}")
        house.allow((*COLOURS, "green"))
        redriven = house.redrive(rule=COLOUR)
        house.discard(batch=redriven[0].batch.batch_id)
        lake = house.open().lake
        told.append(
            {
                "redriven": [(o.batch.batch_id, o.tried, o.loaded, o.left, o.error) for o in redriven],
                "things": house.things(),
                "counted": house.counted(),
                "ledger": house.ledger(),
                "quarantine": house.quarantine(),
                "files": {key: lake.exists(key) for key in sorted(house_files(houses[0]))},
            }
        )
    local, on_s3 = told
    assert local["things"].keys() == {"a", "b", "d"}
    assert set(local["files"].values()) == {True}
    assert on_s3 == local
    assert not (houses[1].home / "lake").exists()


def house_files(house: House) -> set[str]:
    lake = house.home / "lake"
    return {path.relative_to(lake).as_posix() for path in lake.rglob("*") if path.is_file()}


def test_a_backfill_cleans_several_files_at_once(houses: tuple[House, HouseOnS3]) -> None:
    found = []
    for house in houses:
        for number in range(4):
            house.deliver(number, f"t{number},red,{number},{AT}", f"u{number},pink,1,{AT}")
        space = house.open()
        try:
            space.begin()
            known = status(space.deliveries, space.warehouse, space.registry, space.graph)
            first, last = DAY, DAY + timedelta(days=3)
            report = backfill(space, plan(space.deliveries, known, first, last), None, 3)
        finally:
            space.close()
        assert report.failures == []
        found.append((house.things(), house.counted(), house.ledger(), sorted(known.files["file_name"])))
    assert found[0] == found[1]
    assert len(found[0][0]) == 4


def test_a_file_that_cannot_be_fetched_stops_its_day_and_no_other(houses: tuple[House, HouseOnS3], bucket: str) -> None:
    house = houses[1]
    for number in range(3):
        house.deliver(number, f"t{number},red,{number},{AT}")
    space = house.open()

    def refuse(params: dict[str, str], **_: object) -> None:
        if params["Key"] == "inbox/2026-01-06/things.csv":
            raise ConnectionError("cut off")

    events = aws.client("s3").meta.events
    events.register("provide-client-params.s3.GetObject", refuse)
    try:
        space.begin()
        to_do = plan(space.deliveries, None, DAY, DAY + timedelta(days=2))
        report = backfill(space, to_do, None, 2)
    finally:
        events.unregister("provide-client-params.s3.GetObject", refuse)
        space.close()
    (failure,) = report.failures
    assert failure.startswith(f"2026-01-06: stopped. s3://{bucket}/inbox/2026-01-06/things.csv: cannot read it: ")
    assert house.things().keys() == {"t0", "t2"}
    assert FolderInbox(house.home / "inbox").days() == space.deliveries.days()
