"""The inbox on S3: the days and files of a folder, copied to this machine as they are now."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hand_made import DAY, raw_things
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.registry import Registry
from tasks import aws
from tasks.batches import read_inbox
from tasks.inbox import Deliveries, FolderInbox, S3Inbox, open_inbox
from tasks.s3 import Head, ObjectChanged, Store
from tasks.settings import Settings
from tasks.sources.account import accounts_in
from tasks.sources.online_retail import deliver as map_files
from tasks.status import in_inbox

EXPORT = """Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
489434,85048,GLASS BALL 20 LIGHTS,12,2009-12-01 07:45:00,6.95,13085.0,United Kingdom
489434,85048,GLASS BALL 20 LIGHTS,12,2009-12-01 07:45:00,6.95,13085.0,United Kingdom
C489449,85048,GLASS BALL 20 LIGHTS,-2,2009-12-02 10:00:00,6.95,13085.0,United Kingdom
489455,POST,POSTAGE,1,2009-12-03 13:00:00,18,13085.0,United Kingdom
"""


@pytest.fixture
def store(bucket: str) -> Store:
    return Store(f"s3://{bucket}/some/inbox")


@pytest.fixture
def inbox(store: Store, tmp_path: Path) -> S3Inbox:
    return S3Inbox(store, tmp_path / "cache")


@pytest.fixture(params=["folder", "s3"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Deliveries:
    if request.param == "folder":
        return FolderInbox(tmp_path / "inbox")
    made: S3Inbox = request.getfixturevalue("inbox")
    return made


def deliver(inbox: Deliveries, day: date, **files: str) -> None:
    """Add files `things_csv="…"` as things.csv."""
    work = inbox.workplace("test")
    names = [name.replace("_", ".") for name in files]
    for name, text in zip(names, files.values(), strict=True):
        (work / name).write_text(text)
    inbox.add(day, work, names)
    assert not work.exists()


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_what_was_added_is_found_under_its_day(either: Deliveries) -> None:
    assert either.days() == []
    deliver(either, date(2026, 1, 6), things_csv="id\n1\n")
    deliver(either, DAY, things_csv="id\n2\n", others_csv="id\n")
    deliver(either, DAY, others_csv="id\n3\n")
    assert either.days() == [DAY, date(2026, 1, 6)]
    assert contents(either.folder(DAY)) == {"things.csv": "id\n2\n", "others.csv": "id\n3\n"}
    assert either.sizes(DAY) == {"things.csv": 5, "others.csv": 5}
    with pytest.raises(FileNotFoundError, match="2026-02-01"):
        either.sizes(date(2026, 2, 1))


def test_batches_are_the_same_wherever_they_lie(either: Deliveries, tmp_path: Path) -> None:
    things = raw_things(tmp_path)
    deliver(either, DAY, things_csv="id,name\n1,a\n", readme_txt="?")
    found = read_inbox(either, DAY, [things])
    assert [b.batch_id for b in found.batches] == ["2803c703269193b1a35105c0671f59ed"]
    assert [p.name for p in found.unexpected] == ["readme.txt"]
    assert in_inbox(either, [DAY], [things]).rows() == [(DAY, "raw.things", "things.csv", 12)]


def test_the_days_of_a_folder_are_taken_over(either: Deliveries, tmp_path: Path) -> None:
    made = FolderInbox(tmp_path / "made")
    deliver(made, DAY, a_csv="1")
    deliver(made, date(2026, 1, 6), b_csv="2")
    (tmp_path / "made" / "delivery.json").write_text("{}")
    either.take_over(tmp_path / "made")
    assert either.days() == [DAY, date(2026, 1, 6)]
    assert contents(either.folder(DAY)) == {"a.csv": "1"}
    made.take_over(tmp_path / "made")
    assert contents(made.folder(DAY)) == {"a.csv": "1"}


def test_names_that_are_no_day_are_left_alone(store: Store, inbox: S3Inbox) -> None:
    for key in ("archive/x.csv", "2026-1-7/x.csv", "2026-01-08", "delivery.json", f"{DAY}/x.csv"):
        store.send(key, b"x")
    assert inbox.days() == [DAY]
    store.send("2026-02-30/x.csv", b"x")
    with pytest.raises(ValueError, match=r"s3://.*/2026-02-30: 2026-02-30 is no day of the calendar"):
        inbox.days()


def test_only_the_files_of_the_day_itself_are_copied(store: Store, inbox: S3Inbox, tmp_path: Path) -> None:
    for key in ("x.csv", "deeper/y.csv", "", "..", "."):
        aws.client("s3").put_object(Bucket=store.bucket_of(), Key=f"{store.prefix}{DAY}/{key}", Body=b"x")
    assert contents(inbox.folder(DAY)) == {"x.csv": "x"}
    store.send("2026-01-06/deeper/y.csv", b"y")
    with pytest.raises(FileNotFoundError, match=r"some/inbox/2026-01-06/: nothing was delivered"):
        inbox.folder(date(2026, 1, 6))


def test_only_what_is_new_or_changed_is_downloaded_and_what_has_gone_goes(
    store: Store, inbox: S3Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    fetch = Store.fetch

    def watched(self: Store, key: str, target: Path, etag: str) -> None:
        fetched.append(target.name)
        fetch(self, key, target, etag)

    monkeypatch.setattr(Store, "fetch", watched)

    def read() -> tuple[dict[str, str], list[str]]:
        fetched.clear()
        return contents(inbox.folder(DAY)), sorted(fetched)

    deliver(inbox, DAY, a_csv="1", b_csv="2", c_csv="3")
    assert read() == ({"a.csv": "1", "b.csv": "2", "c.csv": "3"}, ["a.csv", "b.csv", "c.csv"])
    assert read()[1] == []
    store.send(f"{DAY}/b.csv", b"9")
    store.delete([f"{DAY}/c.csv"])
    deliver(inbox, DAY, d_csv="4")
    assert read() == ({"a.csv": "1", "b.csv": "9", "d.csv": "4"}, ["b.csv", "d.csv"])
    # A copy that is not whole is not trusted.
    (inbox.folder(DAY) / "a.csv").write_text("")
    assert read() == ({"a.csv": "1", "b.csv": "9", "d.csv": "4"}, ["a.csv"])


def test_a_file_that_changes_while_it_is_read_is_told_and_read_by_the_next_run(
    store: Store, inbox: S3Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(inbox, DAY, a_csv="1")
    heads = S3Inbox._heads

    def changed_after(self: S3Inbox, day: date) -> dict[str, Head]:
        found = heads(self, day)
        store.send(f"{DAY}/a.csv", b"2")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(S3Inbox, "_heads", changed_after)
        with pytest.raises(ObjectChanged, match=r"a\.csv was changed while the delivery was read"):
            inbox.folder(DAY)
    assert contents(inbox.folder(DAY)) == {"a.csv": "2"}


def test_a_file_that_was_handed_out_stays_as_it_is_when_the_day_is_read_again(store: Store, inbox: S3Inbox) -> None:
    deliver(inbox, DAY, a_csv="1", b_csv="b")
    before = inbox.folder(DAY)
    store.send(f"{DAY}/a.csv", b"2")
    store.delete([f"{DAY}/b.csv"])
    assert contents(inbox.folder(DAY)) == {"a.csv": "2"}
    assert contents(before) == {"a.csv": "1", "b.csv": "b"}
    # Another run has no use for it.
    later = S3Inbox(store, inbox._cache.parent)
    assert contents(later.folder(DAY)) == {"a.csv": "2"}
    assert not before.exists()
    assert len(list((inbox._cache / DAY.isoformat() / "objects").iterdir())) == 1


def test_a_copy_that_was_broken_off_is_made_again(
    store: Store, inbox: S3Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(inbox, DAY, a_csv="1", b_csv="2")
    linked: list[Path] = []

    def killed(source: Path, target: Path) -> None:
        linked.append(target)
        if len(linked) == 2:
            raise KeyboardInterrupt
        target.hardlink_to(source)

    with monkeypatch.context() as patch:
        patch.setattr("tasks.inbox.os.link", killed)
        with pytest.raises(KeyboardInterrupt):
            inbox.folder(DAY)
    assert contents(inbox.folder(DAY)) == {"a.csv": "1", "b.csv": "2"}


def test_a_day_of_more_files_than_one_answer_holds(store: Store, inbox: S3Inbox) -> None:
    for n in range(1005):
        store.send(f"{DAY}/things.{n}.csv", b"x")
    assert len(inbox.sizes(DAY)) == 1005
    for day in ("2026-01-01", "2026-01-09"):
        store.send(f"{day}/x.csv", b"x")
    assert inbox.days() == [date(2026, 1, 1), DAY, date(2026, 1, 9)]


STATES = st.lists(st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", "22"]), min_size=1), max_size=5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=STATES)
def test_the_copy_is_what_lies_there_after_any_changes(
    store: Store, inbox: S3Inbox, states: list[dict[str, str]]
) -> None:
    for state in states:
        store.delete([key for key, _ in store.listed(f"{DAY}/")])
        for name, text in state.items():
            store.send(f"{DAY}/{name}", text.encode())
        assert contents(inbox.folder(DAY)) == state


def test_a_source_is_mapped_into_the_inbox_on_s3(bucket: str, tmp_path: Path) -> None:
    export = tmp_path / "retail.csv"
    export.write_text(EXPORT)

    def mapped(mode: str) -> Deliveries:
        base = Settings(
            mode=mode, home=tmp_path / mode, inbox_url=f"s3://{bucket}/inbox", lake_url=f"s3://{bucket}/lake",
            glue_job="j", redshift_secret="s",
        )  # fmt: skip
        own = base.for_source("online-retail", shop_timezone="Europe/London", reporting_currency="GBP")
        account = map_files(own, [export])
        inbox = open_inbox(own)
        (file,) = account.files
        assert list(accounts_in(inbox.folder(file.delivery))) == [file]
        return inbox

    local, on_s3 = mapped("local"), mapped("aws")
    assert str(on_s3) == f"s3://{bucket}/inbox/online-retail"
    assert on_s3.days() == local.days()
    order = list(Registry.read().layer("raw"))
    for day in local.days():
        assert {p.name: p.read_bytes() for p in on_s3.folder(day).iterdir()} == {
            p.name: p.read_bytes() for p in local.folder(day).iterdir()
        }
        assert [b.batch_id for b in read_inbox(on_s3, day, order).batches] == [
            b.batch_id for b in read_inbox(local, day, order).batches
        ]
