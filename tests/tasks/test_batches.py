"""What lies in the inbox: files by the contracts' names, and a batch id that only content, table and day decide."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hand_made import DAY, contract, deliver, raw_things

from tasks.batches import control_file, read_inbox
from tasks.inbox import FolderInbox

NEXT_DAY = DAY + timedelta(days=1)


def put(inbox: Path, *names: str) -> None:
    for name in names:
        path = inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("id,name\n1,a\n")


def test_deliveries_are_the_folders_named_by_a_day_oldest_first(tmp_path: Path) -> None:
    put(tmp_path, "2026-01-06/things.csv", "2026-01-05/things.csv", "2025-12-31/things.csv")
    put(tmp_path, "archive/things.csv", "2026-1-7/things.csv", "2026-01-08", "defects.parquet")
    assert FolderInbox(tmp_path).days() == [date(2025, 12, 31), DAY, NEXT_DAY]


def test_no_inbox_holds_no_delivery(tmp_path: Path) -> None:
    assert FolderInbox(tmp_path / "inbox").days() == []


def test_a_folder_for_a_day_that_no_calendar_has_is_told_by_its_name(tmp_path: Path) -> None:
    put(tmp_path, "2026-02-30/things.csv")
    with pytest.raises(ValueError, match=r"2026-02-30 is no day of the calendar"):
        FolderInbox(tmp_path).days()


def test_files_are_found_by_the_contracts_name_and_may_come_in_parts(tmp_path: Path) -> None:
    things = raw_things(tmp_path, file="things.csv.gz", compression="gzip")
    folder = tmp_path / "inbox"
    found = ["things.csv.gz", "things.2.csv.gz", "things.part-03.csv.gz"]
    strange = ["things.csv", "things_old.csv.gz", "more.things.csv.gz", "things.2.3.csv.gz", "readme.txt"]
    put(folder, *(f"{DAY}/{name}" for name in [*found, *strange, ".things.csv.gz.part"]), f"{DAY}/nested/things.csv.gz")
    inbox = read_inbox(FolderInbox(folder), DAY, [things])
    assert sorted(b.path.name for b in inbox.batches) == sorted(found)
    assert sorted(p.name for p in inbox.unexpected) == sorted(strange)
    assert inbox.missing == ()


def test_the_control_file_of_a_delivered_file_is_expected_and_one_without_its_file_is_not(tmp_path: Path) -> None:
    things = raw_things(tmp_path)
    own, lost = control_file(Path("things.csv")).name, control_file(Path("things.2.csv")).name
    put(tmp_path / "inbox", f"{DAY}/things.csv", f"{DAY}/{own}", f"{DAY}/{lost}")
    inbox = read_inbox(FolderInbox(tmp_path / "inbox"), DAY, [things])
    assert [p.name for p in inbox.unexpected] == [lost]


def test_a_table_without_a_file_is_missing_and_one_that_is_not_delivered_is_not(tmp_path: Path) -> None:
    things = raw_things(tmp_path)
    others = contract(tmp_path, "raw.others", ["id"], delivery={"file": "others.csv", "format": "csv"})
    put(tmp_path / "inbox", f"{DAY}/things.csv")
    inbox = read_inbox(
        FolderInbox(tmp_path / "inbox"), DAY, [others, contract(tmp_path, "clean.things", ["id"]), things]
    )
    assert inbox.missing == ("others.csv",)
    assert [b.contract.table.name for b in inbox.batches] == ["things"]


def test_batches_come_in_the_order_of_the_contracts(tmp_path: Path) -> None:
    first = contract(tmp_path, "raw.zebras", ["id"], delivery={"file": "zebras.csv", "format": "csv"})
    put(tmp_path / "inbox", f"{DAY}/things.csv", f"{DAY}/things.2.csv", f"{DAY}/zebras.csv")
    batches = read_inbox(FolderInbox(tmp_path / "inbox"), DAY, [first, raw_things(tmp_path)]).batches
    assert [b.path.name for b in batches] == ["zebras.csv", "things.2.csv", "things.csv"]


def test_the_batch_id_follows_from_table_day_and_content_alone(tmp_path: Path) -> None:
    things = raw_things(tmp_path)
    others = contract(tmp_path, "raw.others", ["id", "name"], delivery={"file": "others.csv", "format": "csv"})
    batch = deliver(tmp_path / "a", things, "id,name\n1,a\n")
    assert batch.batch_id == "2803c703269193b1a35105c0671f59ed"
    assert batch.bytes == len("id,name\n1,a\n")
    elsewhere = deliver(tmp_path / "b", raw_things(tmp_path, file="things.txt"), "id,name\n1,a\n")
    assert elsewhere.batch_id == batch.batch_id
    assert deliver(tmp_path / "c", things, "id,name\n1,b\n").batch_id != batch.batch_id
    assert deliver(tmp_path / "d", things, "id,name\n1,a\n", NEXT_DAY).batch_id != batch.batch_id
    assert deliver(tmp_path / "e", others, "id,name\n1,a\n").batch_id != batch.batch_id
