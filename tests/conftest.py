"""What all tests share: a deterministic Hypothesis, and a home folder that is never the developer's own."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command_line import Dw, Said
from hypothesis import settings
from small_shop import SIZE, Shop, load

from flows import cli
from tasks.generate import generate_delivery

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

settings.register_profile("repository", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repository")


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """`DW_*` of the developer's shell do not reach a test, and what a test writes stays in its temporary folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "MODE",
            "ENVIRONMENT",
            "REPOSITORY",
            "SOURCE",
            "SHOP_TIMEZONE",
            "REPORTING_CURRENCY",
            "DEBUG",
            "DEPLOYMENT",
            "ALERT_TOPIC",
        ):
            patch.delenv(f"DW_{name}", raising=False)
        home = tmp_path_factory.mktemp("home")
        patch.setenv("DW_HOME", str(home))
        patch.setenv("PREFECT_HOME", str(home / "prefect"))
        # One for all processes that share the tests, as it is for all homes of a user.
        own = tmp_path_factory.getbasetemp()
        shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
        patch.setenv("DW_BUILD_CACHE", str(shared / "build_cache"))
        yield


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Two days, loaded one after the other."""
    root = tmp_path_factory.mktemp("shop")
    home = root / "home"
    delivery = generate_delivery(root / "delivery", size=SIZE)
    shutil.copytree(delivery.root, home / "inbox")
    first, second = delivery.days
    reports = load(home, [first])
    after_one_day = Path(shutil.copytree(home, root / "after_one_day"))
    reports += load(home, [second])
    return Shop(delivery, home, after_one_day, tuple(reports))


@pytest.fixture(scope="session")
def site_home(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A home with two loaded days and its site, made once for all processes that share the tests; only to be read."""
    from site_home import make_once

    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    return make_once(shared / "site_home", lambda: request.getfixturevalue("shop"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; one a file, for Playwright keeps an event loop in its thread, in which no other may run."""
    from site_home import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A new tab, 1280 wide; the test fails where a page wrote an error to the console or missed a file."""
    from site_home import faultless_tab

    with faultless_tab(browser) as opened:
        yield opened


@pytest.fixture(scope="session")
def local_aws() -> Iterator[str]:
    """The address of a moto server that all AWS clients of the session use."""
    # Imported here: moto takes a second, which most tests need not wait for.
    from local_aws import moto

    with moto() as address:
        yield address


@pytest.fixture
def bucket(local_aws: str) -> str:
    """An empty bucket."""
    from local_aws import new_bucket

    return new_bucket()


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


# Files that take minutes: where several processes share the tests, one that begins last would be waited for.
_LONG = (
    "test_memory.py",
    "test_server.py",
    "test_daily_aws.py",
    "test_secrets.py",
    "test_smoke.py",
    "test_run_twice.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    first = {name: place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: first.get(item.path.name, len(first)))


_ended: list[int] = []


def pytest_sessionfinish(exitstatus: int) -> None:
    _ended.append(int(exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End the process here: else DuckDB 2.0's binding lists, below the summary, what is still referenced."""
    if _ended and "duckdb" in sys.modules:
        # What a normal end would do: else Prefect's server stays, and keeps half a core busy.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_ended[0])
