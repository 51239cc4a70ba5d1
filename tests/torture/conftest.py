"""The kills take a minute or two: a process of its own does them while other tests run."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from harness import Driver
from scenarios import SEEDS, Scenarios, prepare


@pytest.fixture(scope="session")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Any]]]:
    root = tmp_path_factory.mktemp("crashes")
    with Driver(root / "driver") as driver, ThreadPoolExecutor(1) as pool:
        repository = root / "repository"
        prepared = pool.submit(prepare, driver, repository, root)
        scenarios = Scenarios(driver, repository, root, prepared)
        names = ("at_steps", "at_commits", "backfill", "late_file", "two_at_once", "rows_again", "loaded")
        yield {
            **{name: pool.submit(getattr(scenarios, name)) for name in names},
            **{f"at_random {seed}": pool.submit(partial(scenarios.at_random, seed)) for seed in SEEDS},
        }
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session", autouse=True)
def _in_the_background(request: pytest.FixtureRequest) -> None:
    if any(item.path.parent == Path(__file__).parent for item in request.session.items):
        request.getfixturevalue("crashes")
