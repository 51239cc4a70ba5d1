"""One `dw run` through Prefect, which is under way while the other tests run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from command_line import Run, Said
from small_shop import Shop

from contracts.registry import REPOSITORY


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
    """Prefect takes half a minute to start: it does so while other tests run, and test_daily.py comes last of all.

    Not where several processes share the tests: each would start it, and only one needs it.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ and any(_waits(item) for item in request.session.items):
        request.getfixturevalue("daily_run")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_waits)


def _waits(item: pytest.Item) -> bool:
    return item.path.name == "test_daily.py"
