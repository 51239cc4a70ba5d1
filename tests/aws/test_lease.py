"""The lease: of all machines one run at a time, taken over when it has run out by S3's clock."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from local_aws import age
from moto.s3.responses import S3Response

from contracts.registry import Registry
from sql.graph import Graph
from tasks import aws
from tasks.lock import LEASE, Both, FileLock, Lease, LeaseLost, _age, open_lock
from tasks.s3 import Store
from tasks.settings import Settings
from tasks.warehouse.base import WarehouseBusy
from tasks.workspace import Workspace


@pytest.fixture
def store(bucket: str) -> Store:
    return Store(f"s3://{bucket}/some/lake")


@pytest.fixture(autouse=True)
def _one_write_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 checks a condition and writes in one step; moto's server does so between other requests, without a lock."""
    lock, put = threading.Lock(), S3Response.put_object

    def alone(self: S3Response) -> Any:
        with lock:
            return put(self)

    monkeypatch.setattr(S3Response, "put_object", alone)


@pytest.fixture
def lease(store: Store) -> Iterator[Callable[..., Lease]]:
    made: list[Lease] = []

    def make(**times: float) -> Lease:
        made.append(Lease(store, **times))
        return made[-1]

    yield make
    for each in made:
        each.release()


def holder(store: Store) -> str:
    return str(json.loads(store.get(LEASE)[0])["run_id"])


def test_the_second_is_told_who_holds_it_and_comes_in_afterwards(store: Store, lease: Callable[..., Lease]) -> None:
    first, second = lease(), lease()
    first.acquire("run-1")
    for _ in range(2):
        with pytest.raises(WarehouseBusy, match=r"some/lake/_lock\.json \(run run-1, process \d+ on"):
            second.acquire("run-2")
    first.check()
    first.release()
    assert store.head(LEASE) is None
    second.acquire("run-2")
    assert holder(store) == "run-2"
    first.release()
    assert holder(store) == "run-2"


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_stops(store: Store, lease: Callable[..., Lease]) -> None:
    first, second = lease(), lease()
    first.acquire("run-1")
    age(store, LEASE, 119)
    with pytest.raises(WarehouseBusy):
        second.acquire("run-2")
    age(store, LEASE, 2)
    second.acquire("run-2")
    first._renew()
    with pytest.raises(LeaseLost, match=r"lost its lease .*_lock\.json to another one \(run run-2, .*; nothing was"):
        first.check()
    first.release()
    assert holder(store) == "run-2"
    second.check()


def test_both_instants_of_an_age_are_s3s_own() -> None:
    written = datetime(2020, 1, 1, 10, 0, tzinfo=UTC)
    headers = {"date": "Wed, 01 Jan 2020 10:01:05 GMT"}
    assert _age({"LastModified": written, "ResponseMetadata": {"HTTPHeaders": headers}}) == 65


def test_a_thread_renews_it_while_the_run_works(store: Store, lease: Callable[..., Lease]) -> None:
    mine = lease(seconds=120, every=0.05)
    mine.acquire("run-1")
    before = store.head(LEASE)
    age(store, LEASE, 300)
    deadline = time.monotonic() + 10
    while store.head(LEASE) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert store.head(LEASE) != before
    with pytest.raises(WarehouseBusy):
        lease().acquire("run-2")
    mine.check()


def test_a_renewal_is_never_the_same_object(store: Store, lease: Callable[..., Lease]) -> None:
    """A taker that read the lease before it was renewed must not be able to write over it."""
    mine = lease()
    mine.acquire("run-1")
    read = store.head(LEASE)
    mine._renew()
    assert store.head(LEASE) != read


def test_a_run_that_was_held_up_renews_before_it_publishes_if_nobody_came(
    store: Store, lease: Callable[..., Lease]
) -> None:
    mine = lease()
    mine.acquire("run-1")
    mine._until = 0.0
    mine.check()
    # It counts as late half a minute before another run may take it.
    assert time.monotonic() < mine._until <= time.monotonic() + 90
    mine._until = 0.0
    store.delete([LEASE])
    with pytest.raises(LeaseLost):
        mine.check()


def test_s3_that_cannot_be_reached_is_borne_until_the_lease_has_run_out(
    lease: Callable[..., Lease], unreachable: None
) -> None:
    mine = lease()
    mine._etag, mine._until = "x", time.monotonic() + 60
    mine._renew()
    mine.check()
    mine._until = time.monotonic() - 1
    with pytest.raises(LeaseLost, match=r"could not renew its lease s3://.*_lock\.json.*ReadTimeoutError"):
        mine.check()


@pytest.fixture
def unreachable(lease: Callable[..., Lease]) -> Iterator[None]:
    def refuse(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="http://s3")

    events = aws.client("s3").meta.events
    events.register("before-call.s3", refuse)
    yield
    events.unregister("before-call.s3", refuse)


def test_a_write_whose_answer_was_lost_is_ours(
    store: Store, lease: Callable[..., Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, send = lease(), Store.send

    def asked_twice(self: Store, key: str, body: bytes, **conditions: str) -> Any:
        send(self, key, body, **conditions)
        return send(self, key, body, **conditions)

    monkeypatch.setattr(Store, "send", asked_twice)
    mine.acquire("run-1")
    mine._renew()
    mine.check()
    monkeypatch.undo()
    with pytest.raises(WarehouseBusy):
        lease().acquire("run-2")


def all_at_once(takers: list[Lease]) -> list[int]:
    """The numbers of those that got it."""
    start, won = threading.Barrier(len(takers)), []

    def take(number: int) -> None:
        start.wait()
        with suppress(WarehouseBusy):
            takers[number].acquire(f"run-{number}")
            won.append(number)

    with ThreadPoolExecutor(len(takers)) as pool:
        list(pool.map(take, range(len(takers))))
    return won


@pytest.mark.parametrize("stale", [False, True])
def test_of_many_takers_exactly_one_wins(store: Store, lease: Callable[..., Lease], stale: bool) -> None:
    for round_ in range(20):
        store.delete([LEASE])
        if stale:
            store.send(LEASE, b'{"run_id": "dead"}')
            age(store, LEASE, 500)
        takers = [lease() for _ in range(6)]
        won = all_at_once(takers)
        assert len(won) == 1, round_
        assert holder(store) == f"run-{won[0]}"
        for taker in takers:
            taker.release()


def test_the_mode_chooses_the_lock(bucket: str, tmp_path: Path) -> None:
    assert isinstance(open_lock(Settings(home=tmp_path)), FileLock)
    lock = open_lock(on_s3(bucket, tmp_path))
    lock.acquire("run-1")
    for home, lake in ((tmp_path, bucket), (tmp_path, f"{bucket}/other"), (tmp_path / "other", bucket)):
        with pytest.raises(WarehouseBusy):
            open_lock(on_s3(lake, home)).acquire("run-2")
    lock.release()
    for home, lake in ((tmp_path, bucket), (tmp_path, f"{bucket}/other"), (tmp_path / "other", bucket)):
        after = open_lock(on_s3(lake, home))
        after.acquire("run-2")
        after.check()
        after.release()


def on_s3(bucket: str, home: Path) -> Settings:
    return Settings(
        mode="aws", home=home, inbox_url=f"s3://{bucket}/inbox", lake_url=f"s3://{bucket}/lake", glue_job="j",
        redshift_secret="s",
    )  # fmt: skip


def test_a_workspace_that_lost_its_lease_commits_nothing_and_changes_no_file(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from tasks.warehouse.duckdb import DuckDBWarehouse

    monkeypatch.setattr("tasks.workspace.open_warehouse", lambda settings: DuckDBWarehouse(None))
    settings = on_s3(bucket, tmp_path / "one")
    space = Workspace(settings, Registry({}), Graph({}))
    with caplog.at_level(logging.DEBUG):
        space.lock()
        other = Workspace(on_s3(bucket, tmp_path / "two"), Registry({}), Graph({}))
        with pytest.raises(WarehouseBusy, match=f"run {space.run_id}"):
            _ = other.warehouse
        space.warehouse.execute("CREATE SCHEMA core")
        space.warehouse.execute("CREATE TABLE core.things (id BIGINT)")
        insert = "INSERT INTO core.things (id) VALUES (:number)"
        space.warehouse.transaction(lambda: space.warehouse.execute(insert, number=1))
        space.lake.put_text("a.txt", "a")
        age(Store(settings.lake_url), LEASE, 500)
        other.lock()
        assert isinstance(space._lock, Both)
        assert isinstance(space._lock._second, Lease)
        space._lock._second._renew()
        with pytest.raises(LeaseLost):
            space.warehouse.transaction(lambda: space.warehouse.execute(insert, number=2))
        with pytest.raises(LeaseLost):
            space.lake.put_text("a.txt", "b")
        assert space.warehouse.query("SELECT id FROM core.things").rows() == [(1,)]
        assert other.lake.file("a.txt").path().read_text() == "a"
        space.close()
        other.close()
    assert Store(settings.lake_url).head(LEASE) is None
    ours = [r.getMessage() for r in caplog.records if r.name.startswith(("tasks", "flows"))]
    assert not any("testing" in line or "Signature" in line for line in ours)
