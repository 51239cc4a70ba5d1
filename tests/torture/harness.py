"""The crash harness: kill the pipeline at an event, run it again, and hold what stands against a run nobody killed."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from pathlib import Path

import polars as pl
from remains import residue, state
from small_shop import differences, read_repository

from contracts.ids import TableId
from contracts.registry import REPOSITORY
from sql.reconcile import read_checks
from tasks.generate import Size, generate_delivery

SIZE = Size(customers=30, products=20, orders=60, web_events=200, days=2)
# What these tables are made of has every kind of step: files, a lake transform, tables that are replaced, merged and
# kept as history, and marts about the runs themselves.
SLICE = ("mart.web_funnel", "mart.data_freshness", "mart.data_quality_scorecard")

Happened = tuple[str, str]

# Taken once: a test may change the environment while a run is started in the background.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("DW_", "PREFECT_"))}


@dataclass(frozen=True)
class Point:
    """Where a run dies: `delay` seconds after the event of this number; where `at` is given, only such events count."""

    number: int = 1
    at: Happened | None = None
    delay: float = 0.0

    def __str__(self) -> str:
        where = f"{' '.join(self.at or ('event',))} {self.number}"
        return where + (f" + {self.delay * 1000:.1f} ms" if self.delay else "")


@dataclass(frozen=True)
class Ended:
    """How a run ended (code None: it is held, and waits to be resumed), and what happened in it, as (kind, what)."""

    pid: int
    code: int | None
    events: tuple[Happened, ...]

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def error(self) -> str:
        return "\n".join(json.loads(what) for kind, what in self.events if kind == "error")


class Driver:
    """A process of `crash_driver.py`, which forks a run of the pipeline per request; a context manager that ends it."""

    def __init__(self, scratch: Path) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self._scratch = scratch
        path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "tests")))
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("crash_driver.py")), str(scratch / "asked")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**_ENVIRONMENT, "PYTHONPATH": path, "DW_HOME": str(scratch)},
        )

    def run(
        self,
        home: Path,
        repository: Path,
        point: Point | None = None,
        *,
        hold: bool = False,
        parallel: int | None = None,
    ) -> Ended:
        """Load every delivery of the home's inbox, to the end or to the point; there the run is killed, or held.

        With `parallel` as one backfill that cleans so many files at once.
        """
        log = self._scratch / f"{home.name}.{time.monotonic_ns()}.log"
        request: dict[str, object] = {
            "home": str(home),
            "repository": str(repository),
            "log": str(log),
            "parallel": parallel,
        }
        if point is not None:
            request |= {"signal": int(signal.SIGSTOP if hold else signal.SIGKILL), **asdict(point)}
        return self._ask(request, log)

    def resume(self, held: Ended) -> Ended:
        """Let a run that is held go on to its end."""
        return self._ask({"resume": held.pid}, None)

    def _ask(self, request: dict[str, object], log: Path | None) -> Ended:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the crash driver ended with {self._process.wait()}")
        said = json.loads(answer)
        lines = log.read_text(encoding="utf-8").splitlines() if log else []
        parts = (line.partition("\t") for line in lines)
        return Ended(said["pid"], said["code"], tuple((kind, what) for kind, _, what in parts))

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


# What is run


def slice_of(repository: Path, targets: Iterable[str], root: Path) -> Path:
    """A repository of these tables and all that they are made of, so that a run of it takes seconds."""
    registry, graph = read_repository(repository)
    wanted = {table for table in registry if table.layer == "audit"}
    todo = [TableId.parse(target) for target in targets]
    while todo:
        table = todo.pop()
        if table in wanted:
            continue
        wanted.add(table)
        todo += [reference.to for reference in registry[table].references]
        todo += graph.upstream(table) if table in graph.tables else []
        todo += [TableId("raw", table.name)] if table.layer == "clean" else []
    for table in wanted:
        for file in (table.contract_file, Path("sql") / table.layer / f"{table.name}.sql"):
            if (repository / file).exists():
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(repository / file, root / file)
    for check in read_checks(repository, registry):
        if check.file.endswith(".sql") and check.tables <= wanted:
            (root / check.file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(repository / check.file, root / check.file)
    return root


def deliver(home: Path, repository: Path) -> Path:
    """A home with the deliveries of two days, of the tables that the repository has, and nothing loaded."""
    registry, _ = read_repository(repository)
    files = {contract.delivery.file for contract in registry.layer("raw") if contract.delivery}
    inbox = home / "inbox"
    for path in (p for p in generate_delivery(inbox, size=SIZE).root.rglob("*") if p.is_file()):
        if path.name not in files:
            path.unlink()
    return home


@dataclass(frozen=True)
class Expected:
    """A repository and a home as it stands before a run, and what a run that nobody killed did to it and left."""

    repository: Path
    before: Path
    after: Path
    events: tuple[Happened, ...]
    state: dict[str, pl.DataFrame]
    parallel: int | None = None

    def copy(self, home: Path) -> Path:
        """The home before the run, for a run that may be killed."""
        return Path(shutil.copytree(self.before, home))

    def differences(self, home: Path) -> list[str]:
        """What a home holds that it should not, and the other way round; empty where all is well."""
        return [f"{what}: {said}" for what, said in differences(self.state, state(home)).items()] + residue(home)


def uninterrupted(driver: Driver, repository: Path, before: Path, after: Path, parallel: int | None = None) -> Expected:
    """Run once to the end, in a copy; raise RuntimeError if that fails or leaves something behind."""
    shutil.copytree(before, after)
    ended = driver.run(after, repository, parallel=parallel)
    left = residue(after) if ended.code == 0 else []
    if ended.code != 0 or left:
        raise RuntimeError(f"the run that nobody killed ended with {ended.code}; left: {left}; {ended.error}")
    return Expected(repository, before, after, ended.events, state(after), parallel)


def deliver_late(expected: Expected, home: Path) -> Path:
    """A home in which all is loaded, and a file more has come for its last day: rows of orders that nobody had."""
    shutil.copytree(expected.after, home)
    first, *_, last = sorted((home / "inbox").iterdir())
    header, *rows = gzip.decompress((first / "orders.csv.gz").read_bytes()).splitlines(keepends=True)
    renamed = [row.replace(b"O0", b"O5", 1) for row in rows]
    (last / "orders.late.csv.gz").write_bytes(gzip.compress(header + b"".join(renamed), mtime=0))
    return home


# Kills


@dataclass
class Trial:
    """One home: where its runs were to die, where they died, and what was wrong afterwards."""

    points: list[Point]
    died: list[Happened] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        where = "; ".join(f"{point} ({' '.join(what)})" for point, what in zip(self.points, self.died, strict=False))
        return f"killed at {where or 'no point'}: {'; '.join(self.faults) or 'equal'}"


def try_kills(driver: Driver, expected: Expected, home: Path, points: Iterable[Point]) -> Trial:
    """Kill a run of a new home at the first point, the run after it at the second…; then run to the end and compare.

    A run that ends before its point is reached ends the kills: nothing is left to be interrupted.
    """
    trial = Trial(list(points))
    expected.copy(home)
    for point in trial.points:
        ended = driver.run(home, expected.repository, point, parallel=expected.parallel)
        if not ended.killed:
            if ended.code:
                trial.faults.append(f"the run that was to die at {point} ended with {ended.code}: {ended.error}")
            break
        trial.died.append(ended.events[-1])
    last = driver.run(home, expected.repository, parallel=expected.parallel)
    if last.code:
        trial.faults.append(f"the run after the kill ended with {last.code}: {last.error}")
    else:
        trial.faults += expected.differences(home)
    return trial


def step_points(events: Iterable[Happened]) -> list[Point]:
    """Before each step."""
    return [Point(number) for number, (kind, _) in enumerate(events, 1) if kind == "step"]


def one_step_further(events: Iterable[Happened]) -> list[Point]:
    """Before each third step, by its name, so that a run after a kill takes up the work there: each kind comes once."""
    return [Point(at=event) for event in events if event[0] == "step"][::3]


# How far each run comes before it dies, in commits. A file and a table are staged and published in two, a lake
# transform takes its keys in one more: a run that died after the first does it again, and the next comes one further.
_COMMITS = (1, 2) * 3 + (1, 2, 3) + (1, 2) * 3 + (3, 4, 5, 6)


def commit_points(events: Iterable[Happened]) -> list[Point]:
    """Just after one commit or a few: the only places where what stands in the warehouse changes."""
    at_start = [event[0] for event in takewhile(lambda event: event[0] != "step", events)].count("committed")
    return [Point(at_start + number, at=("committed", "")) for number in _COMMITS]


def random_points(seed: str, events: int) -> list[Point]:
    """One to three points of a run of so many events: half at once, half up to 30 ms into what follows the event."""
    chance = random.Random(seed)
    last = [events, events // 2, events // 4][: chance.choice([1, 1, 2, 3])]
    return [Point(chance.randint(1, n), delay=chance.choice([0.0, chance.uniform(0, 0.03)])) for n in last]


# The command


@contextmanager
def command(home: Path, repository: Path) -> Iterator[subprocess.Popen[str]]:
    """A whole `dw run`, Prefect included, in a process group of its own; ends with all that it started."""
    with subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "run"],
        cwd=REPOSITORY,
        env={**_ENVIRONMENT, "DW_HOME": str(home), "DW_REPOSITORY": str(repository), "DW_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def try_command(expected: Expected, home: Path) -> Trial:
    """Kill a whole `dw run` once the lake has a file that it did not have, run it again to the end, and compare."""
    trial = Trial([])
    clean = expected.copy(home) / "lake" / "clean"
    before = set(clean.rglob("rows.parquet"))
    with command(home, expected.repository) as first:
        while before.issuperset(clean.rglob("rows.parquet")):
            if first.poll() is not None:
                raise RuntimeError(f"`dw run` ended with {first.returncode} by itself: {first.communicate()[1]}")
            time.sleep(0.05)
        first.kill()
        first.wait()
        trial.died.append(("command", "dw run"))
        with command(home, expected.repository) as second:
            _, said = second.communicate()
        # Prefect's server is a process of its own, which ends when it finds itself alone.
        trial.faults += [f"process {pid} of the killed run lives on" for pid in _living(home)]
    trial.faults += [f"the next `dw run` ended with {second.returncode}: {said}"] if second.returncode else []
    return trial if second.returncode else replace(trial, faults=[*trial.faults, *expected.differences(home)])


def _living(home: Path) -> list[int]:
    """The processes that work in a home folder; those that have ended and wait for their parent are none."""
    found, works_there = [], f"DW_HOME={home}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if works_there in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found
