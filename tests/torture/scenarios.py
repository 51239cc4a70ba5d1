"""What the tests of this folder look at: runs that are killed, held or repeated, each on a home of its own."""

from __future__ import annotations

import gzip
import shutil
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from harness import (
    SLICE,
    Driver,
    Ended,
    Expected,
    Point,
    Trial,
    commit_points,
    deliver,
    deliver_late,
    one_step_further,
    random_points,
    slice_of,
    try_kills,
    uninterrupted,
)

from contracts.registry import REPOSITORY

SEEDS = ("a", "b")


def prepare(driver: Driver, repository: Path, root: Path) -> Expected:
    """The run that nobody kills."""
    slice_of(REPOSITORY, SLICE, repository)
    return uninterrupted(driver, repository, deliver(root / "delivered", repository), root / "loaded")


@dataclass(frozen=True)
class Scenarios:
    """One driver, one slice of the repository, one run that nobody killed, and what is held against it."""

    driver: Driver
    repository: Path
    root: Path
    prepared: Future[Expected]

    @property
    def expected(self) -> Expected:
        return self.prepared.result()

    def loaded(self) -> Path:
        """A home after a run that nobody killed."""
        return self.expected.after

    def at_steps(self) -> Trial:
        return try_kills(self.driver, self.expected, self.root / "steps", one_step_further(self.expected.events))

    def at_commits(self) -> Trial:
        return try_kills(self.driver, self.expected, self.root / "commits", commit_points(self.expected.events))

    def at_random(self, seed: str) -> Trial:
        points = random_points(seed, len(self.expected.events))
        return try_kills(self.driver, self.expected, self.root / f"random-{seed}", points)

    def backfill(self) -> Trial:
        """One backfill that cleans three files at once: killed while files are cleaned ahead, and while it builds."""
        whole = uninterrupted(self.driver, self.repository, self.expected.before, self.root / "backfilled", 3)
        steps = [number for number, (kind, _) in enumerate(whole.events, 1) if kind == "step"]
        points = [Point(number, delay=0.005) for number in (steps[2], steps[5], steps[len(steps) // 2], steps[-2])]
        return try_kills(self.driver, whole, self.root / "backfill-killed", points)

    def late_file(self) -> Trial:
        """A further file comes for a day that is loaded; the run dies when it is loaded too, and not yet scored."""
        home = deliver_late(self.expected, self.root / "late")
        late = uninterrupted(self.driver, self.repository, home, self.root / "late-loaded")
        score = next(what for what in late.events if what[0] == "step" and what[1].startswith("score"))
        return try_kills(self.driver, late, self.root / "late-killed", [Point(at=score)])

    def two_at_once(self) -> tuple[Ended, Ended, list[str]]:
        """The second run, while the first is held in its middle; the first, let go; what is wrong afterwards."""
        home = self.expected.copy(self.root / "two")
        first = self.driver.run(home, self.repository, Point(len(self.expected.events) // 2), hold=True)
        second = self.driver.run(home, self.repository)
        return second, self.driver.resume(first), self.expected.differences(home)

    def rows_again(self) -> tuple[Ended, Path]:
        """A run after a file has come again under another name, and its rows in another order in another file."""
        home = Path(shutil.copytree(self.expected.after, self.root / "again"))
        day = sorted((home / "inbox").iterdir())[-1]
        content = gzip.decompress((day / "orders.csv.gz").read_bytes())
        header, *rows = content.splitlines(keepends=True)
        (day / "orders.2.csv.gz").write_bytes((day / "orders.csv.gz").read_bytes())
        (day / "orders.3.csv.gz").write_bytes(gzip.compress(header + b"".join(reversed(rows)), mtime=0))
        return self.driver.run(home, self.repository), home
