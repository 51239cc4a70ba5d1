"""The house of things in aws mode: S3, the Redshift stand-in, a history of four steps, and the state it leads to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import polars as pl
from cloud import cloud_settings, cloud_tables
from hand_made import DAY
from house_of_things import COLOUR, COLOURS, SIZE, House
from redshift_standin import Standin
from small_shop import _gate, differences, load_day, read_repository

from tasks import redrive
from tasks.lake.s3 import S3Lake
from tasks.lock import LEASE
from tasks.quarantine import Selection
from tasks.s3 import Store
from tasks.settings import Settings
from tasks.workspace import Workspace

STEPS = ("first day", "second day", "redrive", "discard")
# How often something was looked at or built, in which run and for which day: a run that ended early adds to it.
LOOKED_AT_AGAIN = ("audit.quality_result", "audit.quality_score", "audit.table_build")
_MORNING, _EVENING = "2026-01-05T08:00:00Z", "2026-01-05T20:00:00Z"
_FIRST = (f"a,red,1,{_EVENING}", f"b,green,2,{_EVENING}", f"c,red,-3,{_EVENING}", f"a,red,1,{_EVENING}")
# A correction, a version that is older than the one that stands, and a row to be set aside.
_SECOND = ("a,blue,1,2026-01-06T09:00:00Z", f"d,blue,4,{_MORNING}", f"e,green,5,{_MORNING}", f"c,blue,3,{_MORNING}")
# Who did something, and how long it took; instants of the run are told by their type.
_OF_A_RUN = ("run_id", "seconds", "actor")

State = dict[str, pl.DataFrame]


@dataclass(frozen=True)
class Repositories:
    """Contracts that know no green, those that do, and the files of two days."""

    strict: Path
    lenient: Path
    inbox: Path

    @classmethod
    def write(cls, folder: Path) -> Repositories:
        strict, lenient = House(folder / "strict"), House(folder / "lenient")
        lenient.allow((*COLOURS, "green"))
        strict.deliver(0, *_FIRST)
        strict.deliver(1, *_SECOND)
        return cls(strict.root, lenient.root, strict.home / "inbox")


@dataclass(frozen=True)
class CloudHouse:
    """A bucket and an empty Redshift, and what is done in them, from any home folder."""

    repositories: Repositories
    settings: Settings

    @classmethod
    def build(cls, folder: Path, repositories: Repositories, standin: Standin) -> CloudHouse:
        """Empty the stand-in, upload the deliveries to a new bucket."""
        standin.reset()
        house = cls(repositories, cloud_settings(folder / "home", standin))
        house.open("first day").deliveries.take_over(repositories.inbox)
        return house

    @cached_property
    def store(self) -> Store:
        return Store(self.settings.lake_url)

    def at(self, home: Path) -> CloudHouse:
        """The same from another machine."""
        return CloudHouse(self.repositories, self.settings.model_copy(update={"home": home}))

    def open(self, step: str) -> Workspace:
        root = self.repositories.strict if step.endswith("day") else self.repositories.lenient
        space = Workspace(self.settings.model_copy(update={"repository": root}), *read_repository(root))
        space.gate = _gate(root)
        return space

    def take(self, step: str) -> None:
        """One step, in a workspace of its own; nothing of it may be told as a failure."""
        space = self.open(step)
        try:
            if step.endswith("day"):
                told = load_day(space, DAY + timedelta(days=STEPS.index(step))).failures
            else:
                space.begin()
                outcomes = (
                    redrive.redrive(space, Selection(rule=COLOUR))
                    if step == "redrive"
                    else redrive.discard(space, Selection(rule=SIZE), "not ours")
                )
                told = [*space.report.failures, *(o.error for o in outcomes if o.error)]
        finally:
            space.close()
        assert told == []

    def take_all(self) -> None:
        for step in STEPS:
            self.take(step)

    def state(self) -> State:
        """Every table without run ids, instants and durations of runs, and the files of the lake by key and content."""
        settings = self.settings.model_copy(update={"repository": self.repositories.strict})
        found = {name: _lasting(name, rows) for name, rows in cloud_tables(settings).items()}
        return found | {"lake": self._files()}

    def _files(self) -> pl.DataFrame:
        lake = S3Lake(self.store, self.settings.home / "look")
        found = []
        for key, _ in self.store.listed():
            if key.endswith(".manifest"):
                rows = (
                    lake.file(f"{key.removesuffix('.manifest')}.parquet").scan().collect().drop("run_id", strict=False)
                )
                content = "\n".join(sorted(rows.write_ndjson().splitlines())).encode()
            # Rows count by their manifest alone.
            elif key.endswith(".parquet") or key == LEASE:
                continue
            else:
                content = self.store.get(key)[0]
            found.append((key, hashlib.md5(content, usedforsecurity=False).hexdigest()))
        return pl.DataFrame(found, schema=["key", "content"], orient="row")


def _lasting(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    if name.startswith("audit."):
        of_a_run = [n for n, type_ in rows.schema.items() if n in _OF_A_RUN or isinstance(type_, pl.Datetime)]
        rows = rows.drop(of_a_run)
    return rows.sort(rows.columns)


def unequal(state: State, expected: State) -> dict[str, str]:
    """Tables that differ, with the first rows that only one side has; rows that stand twice count."""
    return differences(*({name: _numbered(rows) for name, rows in each.items()} for each in (state, expected)))


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    if rows.is_empty():
        return rows
    counted = rows.group_by(rows.columns).agg(times=pl.len())
    return counted.sort(counted.columns)


def account(state: State) -> None:
    """The ledger balances, and what builds say they wrote is what stands."""
    ledger = state["audit.load_ledger"]
    parts = [n for n in ledger.columns if n.endswith("_rows") and n != "delivered_rows"]
    assert ledger.select(pl.sum_horizontal(parts)).to_series().to_list() == ledger["delivered_rows"].to_list()
    builds = state["audit.table_build"]
    assert builds["inserted_rows"].sum() - builds["deleted_rows"].sum() == state["core.colour"].height
    assert state["core.colour"]["thing_count"].sum() == state["clean.things"].height
