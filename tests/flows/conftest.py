"""`dw` in this process, and one `dw run` through Prefect that is under way while the other tests of this folder run."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_shop import Shop

from contracts.registry import REPOSITORY
from flows import cli


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Dw = Callable[..., Said]


@pytest.fixture
def dw(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Dw]:
    """Run a `dw` command line in this process."""

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["dw", *arguments])
        capsys.readouterr()
        try:
            cli.main()
            code: int | str | None = 0
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return Said(int(code or 0), said.out, said.err)

    yield run
    logging.disable(logging.NOTSET)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository that a test may spoil; `dw` reads it."""
    root = tmp_path / "repository"
    for folder in ("contracts", "sql", "expectations/suites"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setenv("DW_REPOSITORY", str(root))
    return root


@dataclass(frozen=True)
class Run:
    """A `dw run` of its own process: its home, its Prefect home, and how to wait for its end."""

    home: Path
    prefect: Path
    end: Callable[[], Said]


@pytest.fixture(scope="session")
def daily_run(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """`dw run` of two deliveries: the first is loaded already, the second holds a broken file beside the good ones."""
    root = tmp_path_factory.mktemp("daily")
    home = shop.copy(shop.after_one_day, root / "home")
    (home / "inbox" / shop.last_day.isoformat() / "fx_rates.2.csv").write_bytes(b"rate_date\n\xff\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    with (root / "out").open("w") as out, (root / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "run"],
            cwd=REPOSITORY,
            env={**environment, "DW_HOME": str(home), "DW_THREADS": "1", "COLUMNS": "200"},
            stdout=out,
            stderr=err,
        )

    def end() -> Said:
        return Said(process.wait(), (root / "out").read_text(), (root / "err").read_text())

    yield Run(home, home / "prefect", end)
    process.kill()
    process.wait()


@pytest.fixture(scope="session", autouse=True)
def _in_the_background(request: pytest.FixtureRequest) -> None:
    """Prefect takes half a minute to start: it does so while other tests run, and test_daily.py comes last of all."""
    if any(_waits(item) for item in request.session.items):
        request.getfixturevalue("daily_run")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_waits)


def _waits(item: pytest.Item) -> bool:
    return item.path.name == "test_daily.py"
