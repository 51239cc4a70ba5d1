"""Runs in aws mode that die by signal 9, one after the other, each on another machine; the last one ends well."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cloud_house import LOOKED_AT_AGAIN, STEPS, CloudHouse, Repositories, account, unequal
from local_aws import age
from moto.s3.responses import S3Response
from redshift_standin import Standin

from contracts.registry import REPOSITORY
from tasks.lock import LEASE
from tasks.warehouse.base import WarehouseBusy


@dataclass(frozen=True)
class Statement:
    """Dies at a statement of this form behind one of another form: `before` it is run, or `after`, unanswered."""

    when: str
    matching: str
    behind: str = ""


@dataclass(frozen=True)
class Put:
    """Dies when an object whose key ends so has been put (`after`), or is about to be (`before`)."""

    when: str
    key: str


LEDGER, BUILD, SCORES = 'INTO "audit"."load_ledger"', 'INTO "audit"."table_build"', 'INTO "audit"."trend"'
ACTION, COMMIT = 'INTO "audit"."quarantine_action"', "^COMMIT"
OBJECT = r"\.[0-9a-f]{16}\.parquet"
# In the order in which a history comes to them; each run begins with the step in which the one before has died.
DEATHS: Mapping[str, tuple[Statement | Put, ...]] = {
    "first day": (
        Statement("before", COMMIT, "CREATE TABLE IF NOT EXISTS core.colour"),
        Statement("after", COMMIT, "CREATE TABLE IF NOT EXISTS core.colour"),
        Put("after", r"lake/raw/things/.*things\.csv"),
        Put("after", rf"lake/clean/things/.*/rows{OBJECT}"),
        Put("after", r"lake/clean/things/.*/rows\.manifest"),
        Put("after", rf"lake/quarantine/.*/rows{OBJECT}"),
        Statement("after", "^COPY"),
        Statement("before", COMMIT, "^COPY"),
        Statement("after", COMMIT, "^COPY"),
        Statement("after", "MERGE INTO clean.things"),
        Statement("before", COMMIT, LEDGER),
        Statement("after", COMMIT, LEDGER),
        Statement("before", COMMIT, BUILD),
        Statement("after", COMMIT, BUILD),
        Statement("before", COMMIT, SCORES),
        Statement("after", COMMIT, SCORES),
    ),
    "second day": (Statement("after", COMMIT, LEDGER),),
    "redrive": (
        Put("before", r"/redrive-2\.manifest"),
        Statement("after", "^COPY"),
        Statement("before", COMMIT, ACTION),
        Statement("after", COMMIT, ACTION),
    ),
    "discard": (
        Put("after", rf"/discarded-\d{OBJECT}"),
        Statement("before", COMMIT, ACTION),
        Statement("after", COMMIT, ACTION),
    ),
}


class Driver:
    """A process that forks a run per request; a context manager that ends it."""

    def __init__(self, scratch: Path) -> None:
        path = os.pathsep.join(str(REPOSITORY / part) for part in ("", "tests", "tests/aws"))
        self._log = (scratch / "driver.log").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("cloud_driver.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "DW_HOME": str(scratch)},
        )

    def run(self, house: CloudHouse, steps: Sequence[str], pid: Future[int]) -> int:
        """Some steps in a child, whose number `pid` is told; how it ended."""
        folders = house.repositories
        request = {
            "steps": steps,
            "settings": house.settings.model_dump(mode="json"),
            "repositories": [str(p) for p in (folders.strict, folders.lenient, folders.inbox)],
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        pid.set_result(self._answer())
        return self._answer()

    def said(self) -> str:
        """What the children said on standard error."""
        self._log.seek(0)
        return self._log.read()[-3000:]

    def _answer(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.said()
        return int(line)

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()


@pytest.fixture
def when_put(monkeypatch: pytest.MonkeyPatch) -> Callable[[Put, Callable[[], None]], None]:
    """Have S3 call something, once, when an object is put."""
    put_object = S3Response.put_object
    armed: list[tuple[Put, Callable[[], None]]] = []

    def put(self: S3Response) -> Any:
        key = self.parse_key_name()
        due = [(point, act) for point, act in armed if re.search(point.key + "$", key)]
        for point, act in due:
            armed.remove((point, act))
            if point.when == "before":
                act()
        answer = put_object(self)
        for point, act in due:
            if point.when == "after":
                act()
        return answer

    monkeypatch.setattr(S3Response, "put_object", put)
    return lambda point, act: armed.append((point, act))


@pytest.fixture
def driver(tmp_path: Path, local_aws: str) -> Iterator[Driver]:
    with Driver(tmp_path) as opened:
        yield opened


def test_runs_that_are_killed_leave_the_tables_of_a_calm_day(
    driver: Driver,
    tmp_path: Path,
    standin: Standin,
    when_put: Callable[[Put, Callable[[], None]], None],
) -> None:
    repositories = Repositories.write(tmp_path / "repositories")
    calm = CloudHouse.build(tmp_path / "calm", repositories, standin)
    calm.take_all()
    expected = calm.state()

    house = CloudHouse.build(tmp_path / "first", repositories, standin)
    died_in = STEPS[0]
    for number, (step, point) in enumerate((step, point) for step, points in DEATHS.items() for point in points):
        pid: Future[int] = Future()

        def kill(pid: Future[int] = pid) -> None:
            os.kill(pid.result(10), signal.SIGKILL)

        if isinstance(point, Put):
            when_put(point, kill)
        else:
            standin.faults.drop_connection(
                matching=point.matching,
                behind=point.behind,
                when=point.when,
                then=kill,  # type: ignore[arg-type]
            )
        code = driver.run(house.at(tmp_path / f"machine {number}"), STEPS[STEPS.index(died_in) :], pid)
        assert code == -signal.SIGKILL, (step, point, code, driver.said())
        died_in = step
        standin.faults.clear()
        if number == 0:
            with pytest.raises(WarehouseBusy, match="what was killed lets go after 120 s"):
                house.at(tmp_path / "too early").take_all()
        age(house.store, LEASE, 500)
    last = house.at(tmp_path / "last")
    for step in STEPS[STEPS.index(died_in) :]:
        last.take(step)
    state = house.state()
    assert unequal(state, expected | {name: state[name] for name in LOOKED_AT_AGAIN}) == {}
    account(state)
