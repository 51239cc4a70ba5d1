"""One file by itself: what it brings is what the day's load would have brought, and what is gone is said plainly."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from house_of_things import House
from local_aws import new_bucket
from small_shop import Shop, built, differences, load, open_home, tables

from tasks import arrival, aws
from tasks import delivery as work
from tasks.inbox import FolderInbox, OtherVersion, S3Inbox
from tasks.report import RunReport
from tasks.s3 import Store
from tasks.workspace import Workspace


def ingest(space: Workspace, key: str, version: str = "") -> RunReport:
    """What the ingest flow does, without Prefect."""
    day, _ = arrival.parse(key)
    space.begin()
    if name := arrival.find(space, key, version):
        work.ingest(space, name)
        work.curate_and_build(space, day)
        arrival.finish(space, day)
    return space.report


def test_children_that_come_before_their_parents_make_what_the_days_load_makes(shop: Shop, tmp_path: Path) -> None:
    home = shop.copy(shop.after_one_day, tmp_path / "home")
    space = open_home(home)
    try:
        for stem in ("orders", "order_items", "customers"):
            (path,) = (p for (d, t), p in shop.delivery.files.items() if (d, t) == (shop.last_day, stem))
            report = ingest(space, f"{shop.last_day}/{path.name}")
            assert report.failures == []
            assert [entry.file_name for entry in report.entries] == [path.name]
    finally:
        space.close()
    load(home, [shop.last_day])
    assert differences(built(shop.home), built(home)) == {}


def test_a_file_that_is_loaded_already_changes_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.deliver(0, "a,red,1,2026-01-05T08:00:00", "b,blue,2,2026-01-05T08:00:00")
    space = house.open()
    try:
        (day,) = space.deliveries.days()
        assert [e.loaded_rows for e in ingest(space, f"{day}/things.csv").entries] == [2]
    finally:
        space.close()
    before, space = tables(house.home), house.open()
    try:
        again = ingest(space, f"{day}/things.csv")
    finally:
        space.close()
    assert (again.entries, again.already_loaded, again.failures) == ([], [f"{day}/things.csv"], [])
    assert differences(before, tables(house.home)) == {}


def test_of_a_day_only_the_file_that_is_named_is_loaded(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.deliver(0, "a,red,1,2026-01-05T08:00:00")
    space = house.open()
    try:
        (day,) = space.deliveries.days()
        folder = space.deliveries.folder(day)
        (folder / "things.2.csv").write_text((folder / "things.csv").read_text().replace("a,red", "b,blue"))
        assert [e.file_name for e in ingest(space, f"{day}/things.2.csv").entries] == ["things.2.csv"]
        assert [e.file_name for e in ingest(space, f"{day}/things.csv").entries] == ["things.csv"]
    finally:
        space.close()


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("2026-01-09/things.csv", "there is no such file; nothing was loaded"),
        ("2026-01-09/photos.zip", "no raw contract expects this file; it was left alone"),
    ],
)
def test_what_is_gone_or_unexpected_is_a_failure_and_nothing_else(tmp_path: Path, key: str, told: str) -> None:
    space = House(tmp_path).open()
    try:
        report = ingest(space, key)
    finally:
        space.close()
    assert [told in line for line in report.failures] == [True]
    assert report.entries == []


@pytest.mark.parametrize("key", ["things.csv", "2026-01-05/a/things.csv", "shop/2026-01-05/things.csv", "x/../y"])
def test_a_key_that_is_no_delivered_file_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="is no delivered file"):
        arrival.parse(key)


def test_a_day_that_no_calendar_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"day"):
        arrival.parse("2026-02-30/things.csv")


def test_on_s3_the_version_that_was_announced_is_the_one_that_is_read(local_aws: str, tmp_path: Path) -> None:
    bucket, day = new_bucket(), date(2026, 1, 5)
    s3 = aws.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def put(name: str, body: bytes) -> str:
        return str(s3.put_object(Bucket=bucket, Key=f"inbox/2026-01-05/{name}", Body=body)["VersionId"])

    first, other = put("things.csv", b"one"), put("others.csv", b"other")
    put("things.control.json", b"{}")
    inbox = S3Inbox(Store(f"s3://{bucket}/inbox"), tmp_path)
    folder = inbox.file(day, "things.csv", first)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "things.csv": b"one",
        "things.control.json": b"{}",
    }
    second = put("things.csv", b"two")
    with pytest.raises(OtherVersion, match=f"version {first} was announced, version {second} stands there"):
        inbox.file(day, "things.csv", first)
    assert (inbox.file(day, "things.csv", second) / "things.csv").read_bytes() == b"two"
    assert (inbox.file(day, "others.csv", other) / "others.csv").exists()
    s3.delete_object(Bucket=bucket, Key="inbox/2026-01-05/things.csv")
    with pytest.raises(FileNotFoundError, match=r"inbox/2026-01-05/things\.csv: there is no such object"):
        inbox.file(day, "things.csv", second)


def test_a_file_that_was_replaced_is_a_warning_as_it_is_announced_by_itself(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.deliver(0, "a,red,1,2026-01-05T08:00:00")
    space = house.open()
    try:
        (day,) = space.deliveries.days()
        report = ingest(space, f"{day}/things.csv", "v1")
    finally:
        space.close()
    assert (report.failures, report.entries) == ([], [])
    assert "announced by itself" in report.warnings[0]
    assert isinstance(space.deliveries, FolderInbox)
