"""Exactly once in aws mode: every statement of a history fails in every way, and the tables are those of a calm day."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from cloud_house import LOOKED_AT_AGAIN, STEPS, CloudHouse, Repositories, State, account, unequal
from local_aws import age
from redshift_standin import Standin

import tasks.lock
from sql.dialect import to_redshift
from tasks.lock import LEASE, Both, Lease, LeaseLost, RunLock
from tasks.settings import Settings
from tasks.warehouse.redshift import TOKENS, RedshiftWarehouse
from tasks.warehouse.redshift_answers import Interrupted
from tasks.warehouse.redshift_login import connect

T = TypeVar("T")
Kind = Literal["before", "after", "late", "1023"]
KINDS: tuple[Kind, ...] = ("before", "1023", "after")
# A statement meets each kind of fault whose number and its own add up to a multiple of this: one of the three kinds.
# 1 is all of them, for the patient. BEGIN, COMMIT and what stands alone always meet all.
STRIDE = int(os.environ.get("FAULT_STRIDE", "3"))
TRIES = 30
# What is sent outside of a transaction and not asked again: a run fails there, and the next one does it.
_BUCKET = re.compile(r"s3://[^/]+")
ALONE = ("DROP TABLE IF EXISTS", "CREATE TABLE IF NOT EXISTS stage.pending__reconciliation")
# What is sent only where something has failed.
AFTER_FAULTS = ("ROLLBACK", "LOCK", "SELECT token FROM")


# Step, transaction (0: none), text, which of equal texts.
Place = tuple[str, int, str, int]


class Weather:
    """What happens to statements: here nothing, but that it is noted where they stand."""

    def __init__(self) -> None:
        self.step = ""
        self.places: dict[Place, int] = {}

    def sent(self, place: Place) -> Kind | None:
        """The fault that a statement meets."""
        self.places.setdefault(place, len(self.places))
        return None


class Disturbed(RedshiftWarehouse):
    """The adapter as it is, with less patience between its tries; the weather arms the stand-in for each statement.

    `works`: how often the work of each transaction was run.
    """

    def __init__(self, settings: Settings, standin: Standin, weather: Weather) -> None:
        super().__init__(partial(connect, settings), tries=TRIES, sleep=lambda seconds: None)
        self._standin, self._weather = standin, weather
        self._unit, self._seen, self._asked = 0, Counter[str](), Counter[str]()
        self.works: Counter[int] = Counter()

    def query(self, statement: str, **binds: Any) -> Any:
        if not self._in_transaction:
            self._asked[to_redshift(statement, "")] += 1
        return super().query(statement, **binds)

    def transaction(self, work: Callable[[], T]) -> T:
        self._unit = number = max(self.works, default=0) + 1
        self.works[number] = 0

        def counted() -> T:
            self.works[number] += 1
            return work()

        try:
            return super().transaction(counted)
        finally:
            self._unit = 0

    def _ensure_tokens(self) -> None:
        # A try begins.
        self._seen.clear()
        super()._ensure_tokens()

    def _send(self, text: str, values: Any, *, style: Any) -> Any:
        if self._unit:
            self._seen[text] += 1
        place = (
            self._weather.step,
            self._unit,
            _BUCKET.sub("", text),
            (self._seen if self._unit else self._asked)[text],
        )
        kind = self._weather.sent(place)
        # A new connection may have to be made first.
        arm: dict[str, Any] = {"matching": r"^\s*(?!SET )"}
        if kind == "1023":
            self._standin.faults.serializable_violation(**arm)
        elif kind:
            self._standin.faults.drop_connection(when=kind, **arm)
        return super()._send(text, values, style=style)


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Repositories:
    return Repositories.write(tmp_path_factory.mktemp("house"))


@dataclass(frozen=True)
class Calm:
    """What a history leads to that nothing disturbs, and the statements that it sends."""

    state: State
    places: Mapping[Place, int]


@pytest.fixture(scope="module")
def calm(
    tmp_path_factory: pytest.TempPathFactory, repositories: Repositories, running_standin: Standin, local_aws: str
) -> Calm:
    weather = Weather()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.workspace.open_warehouse", lambda settings: Disturbed(settings, running_standin, weather))
        house = CloudHouse.build(tmp_path_factory.mktemp("calm"), repositories, running_standin)
        for weather.step in STEPS:
            house.take(weather.step)
    state = house.state()
    account(state)
    # A correction and a late row came, one row was redriven of two, one discarded.
    assert state["clean.things"].select("thing_id", "colour").rows() == [
        ("a", "blue"), ("b", "green"), ("c", "blue"), ("d", "blue"), ("e", "green"),
    ]  # fmt: skip
    assert state["audit.quarantine"].is_empty()
    assert state["audit.load_ledger"]["discarded_rows"].sum() == 1
    return Calm(state, weather.places)


Build = Callable[[Weather], CloudHouse]


@pytest.fixture
def opened() -> list[Disturbed]:
    """The warehouses of the runs, in their order."""
    return []


@pytest.fixture
def build(
    tmp_path: Path,
    repositories: Repositories,
    standin: Standin,
    opened: list[Disturbed],
    monkeypatch: pytest.MonkeyPatch,
    local_aws: str,
) -> Build:
    """Make a new house whose warehouse stands in this weather."""

    def make(weather: Weather) -> CloudHouse:
        def open_warehouse(settings: Settings) -> Disturbed:
            opened.append(Disturbed(settings, standin, weather))
            return opened[-1]

        monkeypatch.setattr("tasks.workspace.open_warehouse", open_warehouse)
        return CloudHouse.build(tmp_path / str(len(opened)), repositories, standin)

    return make


# A fault at every statement


class Storm(Weather):
    """Every statement fails in turn in every way that is due; `met` outlasts a history: the next one goes on."""

    def __init__(self, calm: Mapping[Place, int]) -> None:
        super().__init__()
        self.calm, self.places = calm, dict(calm)
        self.met: set[tuple[Place, Kind]] = set()
        self._tries: Counter[object] = Counter()

    def begin(self) -> None:
        """A new history begins."""
        self._tries.clear()

    def left(self) -> set[tuple[Place, Kind]]:
        """What is to be met yet by the statements of a calm history."""
        return {(p, k) for p in self.calm for k in KINDS if self._is_due(p, k)} - self.met

    def sent(self, place: Place) -> Kind | None:
        super().sent(place)
        step, transaction, text, _ = place
        if place not in self.calm and not text.startswith(AFTER_FAULTS):
            # A history of which a run has failed goes its own way.
            return None
        unit = (step, transaction) if transaction else place
        for kind in KINDS:
            wanted = self._is_due(place, kind) and (place, kind) not in self.met
            if wanted and self._tries[unit] < TRIES - 1:
                self._tries[unit] += 1
                self.met.add((place, kind))
                return kind
        return None

    def _is_due(self, place: Place, kind: Kind) -> bool:
        always = place[2] in ("BEGIN", "COMMIT") or (not place[1] and place[2].startswith(ALONE))
        return always or (self.places[place] + KINDS.index(kind)) % STRIDE == 0


def test_a_fault_at_every_statement_changes_no_table(build: Build, calm: Calm, opened: list[Disturbed]) -> None:
    storm, histories, failed = Storm(calm.places), 0, Counter[str]()
    while not histories or storm.left():
        house = build(storm)
        storm.begin()
        for storm.step in STEPS:
            while True:
                try:
                    house.take(storm.step)
                    break
                except Interrupted as error:
                    # Raised by what stands alone and by nothing else.
                    if not error.statement.startswith(ALONE):
                        raise
                    failed[error.statement] += 1
        state = house.state()
        assert unequal(state, calm.state) == {}
        account(state)
        histories += 1
        assert histories < 20, storm.left()
    alone = [place for place, _ in storm.met if not place[1] and place[2].startswith(ALONE)]
    assert failed.total() == len(alone) > 0
    again = sum(runs - 1 for warehouse in opened for runs in warehouse.works.values())
    print(  # noqa: T201
        f"\n{len(calm.places)} statements, {len(storm.met)} faults in {histories} histories, stride {STRIDE}: "
        f"work of transactions run again {again} times, {failed.total()} runs failed at a statement of their own"
    )
    assert len(calm.places) > 250


# COMMIT in doubt


class Doubt(Weather):
    """Each transaction meets these faults in turn, at statements of these texts."""

    def __init__(self, faults: Sequence[tuple[str, Kind]]) -> None:
        super().__init__()
        self._faults = faults
        self._next: Counter[object] = Counter()

    def sent(self, place: Place) -> Kind | None:
        step, transaction, text, _ = place
        at = self._next[step, transaction]
        if not transaction or at == len(self._faults) or not text.startswith(self._faults[at][0]):
            return None
        self._next[step, transaction] += 1
        return self._faults[at][1]

    @property
    def met(self) -> list[int]:
        return list(self._next.values())


LOOKS = "SELECT token FROM"
DOUBTS: Mapping[str, tuple[Sequence[tuple[str, Kind]], int]] = {
    "it took place": ([("COMMIT", "after")], 1),
    "it did not, then late": ([("COMMIT", "before"), ("COMMIT", "late"), ("LOCK", "after"), (LOOKS, "before")], 2),
    "it did not twice, then it did": (
        [("COMMIT", "before"), ("LOCK", "1023"), (LOOKS, "1023"), ("COMMIT", "before"), ("COMMIT", "after")],
        3,
    ),
}


@pytest.mark.parametrize("case", DOUBTS)
def test_every_commit_in_doubt_takes_place_once(
    build: Build, calm: Calm, opened: list[Disturbed], standin: Standin, case: str
) -> None:
    faults, works = DOUBTS[case]
    doubt = Doubt(faults)
    house = build(doubt)
    for doubt.step in STEPS:
        house.take(doubt.step)
    runs = [count for warehouse in opened for count in warehouse.works.values()]
    assert set(runs) == {works}
    assert set(doubt.met) == {len(faults)}
    print(f"\n{len(runs)} transactions, each with {len(faults)} faults")  # noqa: T201
    with RedshiftWarehouse(partial(connect, house.settings)) as warehouse:
        assert warehouse.scalar(f"SELECT COUNT(token) AS tokens FROM {TOKENS}") == len(runs) > 15
    state = house.state()
    assert unequal(state, calm.state) == {}
    account(state)


# The lease

# The statement of each run's step; each run begins with the step in which the one before has ended.
THEFTS = [
    *(("first day", number) for number in (3, 9, 21, 50, 3, 65, 3, 30, 3, 24)),
    *(("second day", number) for number in (30, 60, 40)),
    *(("redrive", number) for number in (30, 60)),
    *(("discard", number) for number in (9,)),
]


class Forecast(Weather):
    """The weather changes from run to run."""

    weather = Weather()

    def sent(self, place: Place) -> Kind | None:
        return self.weather.sent(place)


class Theft(Weather):
    """Another machine takes the lease over at a step's statement of this number, or at the next that is no COMMIT.

    What was asked of the lease just before COMMIT is good for the COMMIT: 30 seconds lie between.
    """

    def __init__(self, house: CloudHouse, standin: Standin, at: tuple[str, int], locks: Sequence[RunLock]) -> None:
        super().__init__()
        self._house, self._standin, self._locks = house, standin, locks
        self._step, self._number = at
        self.thief = Lease(house.store)
        self.since: int | None = None
        self.published: dict[str, str] = {}
        self.alone: list[str] = []

    def sent(self, place: Place) -> Kind | None:
        _, transaction, text, _ = place
        if self.since is not None:
            self.alone += [text] if not transaction and text.startswith(ALONE) else []
            return None
        self._number -= self.step == self._step
        if self._number <= 0 and text != "COMMIT":
            age(self._house.store, LEASE, 500)
            self.thief.acquire("another")
            # Its holder slept for as long.
            held = self._locks[-1]
            assert isinstance(held, Both)
            assert isinstance(held._second, Lease)
            held._second._until = 0.0
            self.published, self.since = visible(self._house), len(self._standin.statements)
        return None


def visible(house: CloudHouse) -> dict[str, str]:
    """What readers of the lake see: manifests and plain objects, with their ETags."""
    return {key: head.etag for key, head in house.store.listed() if not key.endswith(".parquet") and key != LEASE}


def take_from(house: CloudHouse, step: str, weather: Weather) -> None:
    """The steps from one on, as the weather is told."""
    for weather.step in STEPS[STEPS.index(step) :]:
        house.take(weather.step)


def test_a_run_that_lost_its_lease_publishes_nothing_more(
    build: Build, calm: Calm, standin: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks: list[RunLock] = []

    def open_lock(settings: Settings) -> RunLock:
        locks.append(tasks.lock.open_lock(settings))
        return locks[-1]

    monkeypatch.setattr("tasks.workspace.open_lock", open_lock)
    forecast = Forecast()
    house = build(forecast)
    ended_in = STEPS[0]
    for number, at in enumerate(THEFTS):
        forecast.weather = theft = Theft(house, standin, at, locks)
        machine = house.at(tmp_path / f"machine {number}")
        with pytest.raises(LeaseLost):
            take_from(machine, ended_in, theft)
        assert theft.step == at[0]
        ended_in = theft.step
        assert theft.since is not None
        after = [said.text for said in standin.statements[theft.since :]]
        assert [text for text in after if text.startswith("COMMIT")] == []
        assert theft.alone == []
        assert visible(house) == theft.published
        theft.thief.release()
    forecast.weather = Weather()
    take_from(house.at(tmp_path / "last"), ended_in, Weather())
    state = house.state()
    assert unequal(state, calm.state | {name: state[name] for name in LOOKED_AT_AGAIN}) == {}
    account(state)
