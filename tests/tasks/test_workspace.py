"""The workspace: one process at a time holds a home folder, and who comes second is told by whom."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.registry import REPOSITORY, Registry
from sql.graph import Graph
from tasks.settings import Settings
from tasks.warehouse.base import WarehouseBusy
from tasks.workspace import Workspace, close_all, workspace

HOLD = """
import sys
from pathlib import Path
from contracts.registry import Registry
from sql.graph import Graph
from tasks.settings import Settings
from tasks.workspace import Workspace

space = Workspace(Settings(home=Path(sys.argv[1])), Registry({}), Graph({}))
space.warehouse
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_all()


def a_space(settings: Settings) -> Workspace:
    return Workspace(settings, Registry({}), Graph({}))


def test_a_second_process_is_told_who_holds_the_home_and_may_come_in_afterwards(settings: Settings) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(settings.home)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(os.environ),
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        second = a_space(settings)
        for _ in range(2):
            with pytest.raises(WarehouseBusy) as caught:
                _ = second.warehouse
            assert str(caught.value) == (
                f"another run holds {settings.home} (process {holder.pid}); wait for it to end, or stop it"
            )
        holder.kill()
    assert second.warehouse.scalar("SELECT 1 AS one") == 1
    second.close()


def test_a_closed_workspace_lets_the_next_one_in_and_may_be_used_again(settings: Settings) -> None:
    first, second = a_space(settings), a_space(settings)
    assert first.warehouse.scalar("SELECT 1 AS one") == 1
    first.close()
    first.close()
    assert second.warehouse.scalar("SELECT 1 AS one") == 1
    second.close()
    assert first.warehouse.scalar("SELECT 1 AS one") == 1
    first.close()


def test_reading_contracts_and_sql_takes_no_lock_and_makes_no_folder(tmp_path: Path) -> None:
    space = Workspace.open(Settings(home=tmp_path / "home"))
    assert space.graph.tables
    assert not (tmp_path / "home").exists()


def test_a_process_shares_one_workspace_per_settings(settings: Settings, tmp_path: Path) -> None:
    first = workspace(settings)
    assert workspace(Settings(home=settings.home)) is first
    assert workspace(Settings(home=tmp_path / "other")) is not first
    close_all()
    assert workspace(settings) is not first
