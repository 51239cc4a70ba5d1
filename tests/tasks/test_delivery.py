"""Finding a delivery: files in an order in which parents come first, and nothing strange or missing left untold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hand_made import DAY, SHARED_COLUMNS, contract

from contracts.registry import Registry
from sql.graph import Graph
from tasks import delivery
from tasks.settings import Settings
from tasks.workspace import Workspace


def a_table(root: Path, name: str, *parents: str, required: bool = False) -> None:
    wanted = {"file": f"{name}.csv", "format": "csv", "required": required}
    contract(root, f"raw.{name}", ["id", *(f"{p}_id" for p in parents)], delivery=wanted)
    keys = [{"name": f"{p}_id", "relationships": [{"to": f"clean.{p}.id"}]} for p in parents]
    contract(root, f"clean.{name}", [{"name": "id", "key": 1}, *keys, *SHARED_COLUMNS], load={"strategy": "upsert"})


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Workspace]:
    root = tmp_path / "repository"
    a_table(root, "apples", "orders", "zebras")
    a_table(root, "orders", "orders")
    a_table(root, "zebras", required=True)
    made = Workspace(Settings(home=tmp_path / "home"), Registry.read(root), Graph({}))
    yield made
    made.close()


def deliver(space: Workspace, *names: str) -> None:
    folder = space.settings.inbox / DAY.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(f"id\n{name}\n")


def test_parents_come_before_children_and_a_table_may_refer_to_itself(space: Workspace) -> None:
    deliver(space, "apples.csv", "orders.csv", "orders.2.csv", "zebras.csv")
    files = delivery.find(space, DAY)
    assert sorted(files) == ["apples.csv", "orders.2.csv", "orders.csv", "zebras.csv"]
    assert files[-1] == "apples.csv"
    assert (space.report.failures, space.report.warnings) == ([], [])


def test_a_file_that_no_contract_expects_is_told_and_left_alone(space: Workspace) -> None:
    deliver(space, "zebras.csv", "pears.csv")
    assert delivery.find(space, DAY) == ["zebras.csv"]
    assert space.report.warnings == [f"{DAY}/pears.csv: no raw contract expects this file; it was left alone"]


def test_a_required_file_that_did_not_come_is_a_failure_and_others_are_not(space: Workspace) -> None:
    deliver(space, "orders.csv")
    assert delivery.find(space, DAY) == ["orders.csv"]
    assert space.report.failures == [f"{DAY}: zebras.csv was not delivered (raw.zebras requires it)"]


def test_the_newest_delivery_is_the_last_day_of_the_inbox(space: Workspace) -> None:
    with pytest.raises(ValueError, match=r"no delivery in .*inbox"):
        delivery.newest(space)
    deliver(space, "zebras.csv")
    (space.settings.inbox / "2025-12-31").mkdir()
    assert delivery.newest(space) == DAY
