"""`make mutants`: change one thing, run the tests that belong to the file, and tell which changes no test noticed.

Each mutant is tried in a copy of the tree, by a process that is forked after all libraries are loaded. Exit code 1 if
a mutant survived that `accepted.txt` does not list.
"""

from __future__ import annotations

import argparse
import difflib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue

import python_mutants
import sql_mutants
from python_mutants import Mutant
from targets import PYTHON, selects

ROOT = Path(__file__).parents[2]
ACCEPTED = Path(__file__).with_name("accepted.txt")
COPIED = ("contracts", "expectations", "sql", "tasks", "flows", "tests", "benchmarks", "pyproject.toml")
# Loaded before the first fork. No module of ours may be among them: the child imports the mutant.
LIBRARIES = (
    "pytest", "hypothesis", "polars", "pyarrow", "duckdb", "sqlglot", "yaml", "pydantic_settings", "jsonschema",
    "typer", "rich.console", "rich.table", "mimesis", "great_expectations", "open_data_contract_standard.model",
)  # fmt: skip
_FAILED, _PASSED = 1, 0
_NOT_COLLECTED = (2, 3, 4)


@dataclass(frozen=True)
class Tried:
    """One mutant of a file, and whether a test noticed it: killed, survived or timeout."""

    file: str
    mutant: Mutant
    outcome: str

    @property
    def name(self) -> str:
        return name_of(self.file, self.mutant)


def name_of(file: str, mutant: Mutant) -> str:
    """What is changed and where: the changed line and the one above it, for one change fits many a line of a file."""
    place = _written(file).splitlines()[max(0, mutant.line - 2) : mutant.line]
    return f"{file}: {mutant.what} @ {' '.join(line.strip() for line in place)}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Try mutants of the code against the tests that belong to it.")
    parser.add_argument("only", nargs="*", help="parts of file names; default: all targets")
    parser.add_argument("--sample", type=int, help="at most so many mutants a file, drawn by --seed")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    sys.dont_write_bytecode = True
    for name in LIBRARIES:
        import_module(name)
    plan = {f: _mutants(f, asked.sample, asked.seed) for f in (*PYTHON, *selects(ROOT)) if _is_asked(f, asked.only)}
    started = time.monotonic()
    # Without a finalizer: a fork whose tests end runs those of this process.
    folder = tempfile.mkdtemp(prefix="mutants-")
    try:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(asked.jobs):
            trees.put(_copy(Path(folder) / str(number)))
        with ThreadPoolExecutor(asked.jobs) as pool:
            tried = [
                one for file, found in plan.items() if file in PYTHON for one in _try_file(pool, trees, file, found)
            ]
    finally:
        shutil.rmtree(folder)
    # Last: it loads modules of ours, which a fork must not find.
    tried += [one for file, found in plan.items() if file not in PYTHON for one in _try_select(file, found)]
    return _summary(tried, time.monotonic() - started)


def _is_asked(file: str, only: list[str]) -> bool:
    return not only or any(part in file for part in only)


def _mutants(file: str, sample: int | None, seed: int) -> list[Mutant]:
    text = (ROOT / file).read_text(encoding="utf-8")
    found = list((sql_mutants if file.endswith(".sql") else python_mutants).mutants(text))
    if sample is None or len(found) <= sample:
        return found
    return sorted(random.Random(f"{seed}/{file}").sample(found, sample), key=lambda mutant: mutant.line)


def _copy(tree: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=ignored)
        else:
            shutil.copyfile(source, tree / name)
    return tree


def _try_file(pool: ThreadPoolExecutor, trees: SimpleQueue[Path], file: str, found: list[Mutant]) -> Iterator[Tried]:
    tree, tests = trees.get(), PYTHON[file]
    begun = time.monotonic()
    try:
        code, said = _pytest(tree, tests, limit=900)
    finally:
        trees.put(tree)
    if code != _PASSED:
        raise SystemExit(f"{file}: its tests fail without any mutant (pytest ended with {code}):\n{said}")
    limit = 30 + 4 * (time.monotonic() - begun)

    def one(mutant: Mutant) -> Tried:
        tree = trees.get()
        target = tree / file
        text = target.read_text(encoding="utf-8")
        try:
            target.write_text(mutant.text, encoding="utf-8")
            code, said = _pytest(tree, tests, limit)
        finally:
            target.write_text(text, encoding="utf-8")
            trees.put(tree)
        if code is None:
            return Tried(file, mutant, "timeout")
        if code not in (_PASSED, _FAILED, *_NOT_COLLECTED):
            raise RuntimeError(f"{file}:{mutant.line}: pytest ended with {code}\n{said}")
        return Tried(file, mutant, "survived" if code == _PASSED else "killed")

    yield from _told(file, len(found), pool.map(one, found))


def _try_select(file: str, found: list[Mutant]) -> Iterator[Tried]:
    sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "cases")]
    from cases_of import is_killed

    from contracts.ids import TableId

    table = TableId(*Path(file).with_suffix("").parts[-2:])
    if is_killed(table, sql_mutants.as_written((ROOT / file).read_text(encoding="utf-8"))):
        raise SystemExit(f"{file}: its cases fail without any mutant")
    yield from _told(
        file, len(found), (Tried(file, m, ("survived", "killed")[is_killed(table, m.text)]) for m in found)
    )


def _told(file: str, count: int, outcomes: Iterable[Tried]) -> Iterator[Tried]:
    """Say on the way how far it is, and each survivor at once."""
    begun, done = time.monotonic(), []
    for tried in outcomes:
        done.append(tried)
        sys.stderr.write(f"\r{file}: {len(done)} of {count}\n"[: None if len(done) == count else -1])
        if tried.outcome == "survived":
            mark = "accepted" if tried.name in accepted() else "SURVIVED"
            _say(f"{mark} {tried.name}\n{_diff(file, tried.mutant)}")
        yield tried
    killed = sum(one.outcome != "survived" for one in done)
    _say(f"{file}: {count} mutants, {killed} killed, {time.monotonic() - begun:.0f} s")


def _pytest(tree: Path, tests: list[str], limit: float) -> tuple[int | None, str]:
    """Run tests of a tree in a fork of this process, until the first failure; None where they took too long."""
    log = tree / "said.txt"
    pid = os.fork()
    if pid == 0:
        _child(tree, tests, log)
    code, deadline = None, time.monotonic() + limit
    while code is None and time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if ended else None
        time.sleep(0.02)
    if code is None:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return code, log.read_text(encoding="utf-8", errors="replace")[-4_000:]


def _child(tree: Path, tests: list[str], log: Path) -> None:
    import pytest
    from hypothesis import Phase, settings

    os.setpgid(0, 0)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.chdir(tree)
    sys.path[:] = [str(tree), *(p for p in sys.path if p and Path(p).resolve() not in (ROOT, Path(__file__).parent))]
    os.environ["PYTHONPATH"] = str(tree)

    class NoShrinking:
        """A mutant is killed by any example; the smallest one is for people."""

        @staticmethod
        def pytest_configure() -> None:
            settings.register_profile("mutation", settings(), phases=[Phase.explicit, Phase.generate])
            settings.load_profile("mutation")

    options = [
        "-x",
        "-q",
        "--assert=plain",
        "-p",
        "no:cacheprovider",
        f"--basetemp={tree / 'temporary'}",
        f"--rootdir={tree}",
    ]
    code = 3
    try:
        code = int(pytest.main([*options, *tests], plugins=[NoShrinking()]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def accepted() -> set[str]:
    """Survivors that change nothing anybody could notice, by name, the reason in the comment above."""
    lines = ACCEPTED.read_text(encoding="utf-8").splitlines() if ACCEPTED.exists() else []
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def _diff(file: str, mutant: Mutant) -> str:
    lines = difflib.unified_diff(_written(file).splitlines(), mutant.text.splitlines(), lineterm="", n=1)
    return "\n".join(f"    {line}" for line in list(lines)[2:])


@cache
def _written(file: str) -> str:
    text = (ROOT / file).read_text(encoding="utf-8")
    return sql_mutants.as_written(text) if file.endswith(".sql") else text


def _summary(tried: list[Tried], seconds: float) -> int:
    by_file: dict[str, list[Tried]] = defaultdict(list)
    for one in tried:
        by_file[one.file].append(one)
    fine, bad = accepted(), 0
    _say(f"\n{'file':<46}{'mutants':>8}{'killed':>8}{'accepted':>10}{'survived':>10}")
    for file, ones in by_file.items():
        survived = [one for one in ones if one.outcome == "survived"]
        known = sum(one.name in fine for one in survived)
        bad += len(survived) - known
        _say(f"{file:<46}{len(ones):>8}{len(ones) - len(survived):>8}{known:>10}{len(survived) - known:>10}")
    killed = sum(one.outcome != "survived" for one in tried)
    known = len(tried) - killed - bad
    _say(f"{'all':<46}{len(tried):>8}{killed:>8}{known:>10}{bad:>10}")
    _say(f"{killed} of {len(tried)} mutants killed ({killed / max(len(tried), 1):.1%}) in {seconds:.0f} s")
    return int(bad > 0)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
