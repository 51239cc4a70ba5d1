"""`make torture N=200`: kills before each step, after commits, that many at random, and one of a whole `dw run`.

The random ones are seeded. After each kill, or two or three in a row, a run goes to the end and is compared.

Exit code 1 if any home differs from one that nobody killed; the seed and the number of its trial repeat it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from harness import (
    SLICE,
    Driver,
    Expected,
    Point,
    Trial,
    commit_points,
    deliver,
    deliver_late,
    random_points,
    slice_of,
    step_points,
    try_command,
    try_kills,
    uninterrupted,
)

from contracts.registry import REPOSITORY

Planned = tuple[Expected, list[Point]]


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill the pipeline at random points and hold what stands.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", type=int, help="repeat the one trial of this number")
    parser.add_argument("--whole", action="store_true", help="all tables, not the slice of them that is quick")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder, ExitStack() as stack:
        root = Path(folder)
        repository = REPOSITORY if asked.whole else slice_of(REPOSITORY, SLICE, root / "repository")
        drivers: SimpleQueue[Driver] = SimpleQueue()
        for number in range(asked.jobs):
            drivers.put(stack.enter_context(Driver(root / f"driver-{number}")))
        first, late = _ways(drivers, repository, root)
        plan = list(enumerate(_plan(asked.seed, asked.kills, first, late)))

        def tried(each: tuple[int, Planned]) -> tuple[int, Trial]:
            number, (expected, points) = each
            driver = drivers.get()
            try:
                return number, try_kills(driver, expected, root / f"home-{number}", points)
            finally:
                drivers.put(driver)

        with ThreadPoolExecutor(asked.jobs) as pool:
            wanted = [each for each in plan if asked.only in (None, each[0])]
            again = f"make torture N={asked.kills} SEED={asked.seed}{' WHOLE=1' if asked.whole else ''}"
            trials = _told(pool.map(tried, wanted), len(wanted), again)
        if asked.only is None:
            trials.append(try_command(first, root / "home-command"))
            _say(f"`dw run`, killed and run again: {'; '.join(trials[-1].faults) or 'equal'}")
    return _summary(trials, time.monotonic() - started)


def _ways(drivers: SimpleQueue[Driver], repository: Path, root: Path) -> tuple[Expected, Expected]:
    """Two ways to come to a kill: nothing is loaded yet, or all is, and a further file of the last day has come."""
    driver = drivers.get()
    first = uninterrupted(driver, repository, deliver(root / "delivered", repository), root / "loaded")
    late = uninterrupted(driver, repository, deliver_late(first, root / "late"), root / "loaded-late")
    drivers.put(driver)
    _say(f"a run that nobody killed: {len(first.events)} events; with a late file: {len(late.events)}")
    return first, late


def _plan(seed: int, kills: int, first: Expected, late: Expected) -> Iterator[Planned]:
    for expected in (first, late):
        yield from ((expected, [point]) for point in step_points(expected.events))
    yield first, commit_points(first.events)
    number = 0
    while kills > 0:
        expected = (first, late)[number % 2]
        points = random_points(f"{seed}/{number}", len(expected.events))[:kills]
        yield expected, points
        kills, number = kills - len(points), number + 1


def _told(found: Iterator[tuple[int, Trial]], count: int, again: str) -> list[Trial]:
    """Say on the way how far it is, and each fault at once."""
    trials = []
    for number, trial in found:
        trials.append(trial)
        if trial.faults:
            _say(f"\nFAULT (again: {again} ONLY={number}): {trial}")
        sys.stdout.write(f"\r{len(trials)} of {count} homes, {sum(len(t.died) for t in trials)} kills")
        sys.stdout.flush()
    _say("")
    return trials


def _summary(trials: list[Trial], seconds: float) -> int:
    died = Counter(kind for trial in trials for kind, _ in trial.died)
    failed = sum(bool(trial.faults) for trial in trials)
    short = sum(len(trial.points) > len(trial.died) for trial in trials)
    _say(f"{sum(died.values())} kills in {len(trials)} homes, {seconds:.0f} s, at or just after:")
    for kind, count in died.most_common():
        _say(f"  {kind:<20} {count}")
    if short:
        _say(f"{short} homes were done before their last point was reached")
    _say(f"{failed} homes differ" if failed else "all equal to a run that nobody killed")
    return int(failed > 0)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
