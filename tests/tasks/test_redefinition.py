"""A warehouse that stands meets contracts and SQL that have changed: tables are made anew, or nothing is touched."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hand_made import DAY, colours, contract
from small_shop import load_day

from contracts.registry import REPOSITORY
from tasks.migrate import SchemaMismatch
from tasks.report import RunReport
from tasks.settings import Settings
from tasks.warehouse import open_warehouse
from tasks.warehouse.duckdb import DuckDBWarehouse
from tasks.workspace import Workspace

BY_COLOUR = {"strategy": "upsert", "increment": {"key": "colour", "from": {"clean.things": "colour"}}}
COUNTED = ({"name": "colour", "key": 1}, {"name": "thing_count", "type": "bigint"})
COUNT = "SELECT\n    colour,\n    COUNT(thing_id) AS thing_count\nFROM clean.things\nGROUP BY colour\n"


class House:
    """A repository of three tables, and a home that its deliveries are loaded into."""

    def __init__(self, folder: Path) -> None:
        self.root, self.home = colours(folder / "repository"), folder / "home"
        shutil.copytree(REPOSITORY / "contracts" / "audit", self.root / "contracts" / "audit")
        self.make("core.colour", COUNTED, COUNT)

    def make(self, table: str, columns: Any, select: str, load: Any = BY_COLOUR) -> None:
        contract(self.root, table, columns, load=load)
        path = self.root / "sql" / f"{table.replace('.', '/')}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(select)

    def deliver(self, number: int, **things: str) -> None:
        folder = self.home / "inbox" / (DAY + timedelta(days=number)).isoformat()
        folder.mkdir(parents=True)
        (folder / "things.csv").write_text("thing_id,colour\n" + "".join(f"{k},{v}\n" for k, v in things.items()))

    def run(self, number: int = 0) -> RunReport:
        space = Workspace.open(Settings(home=self.home, repository=self.root, threads=1))
        try:
            return load_day(space, DAY + timedelta(days=number))
        finally:
            space.close()

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        with open_warehouse(Settings(home=self.home), read_only=True) as warehouse:
            return warehouse.query(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1").rows()


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.deliver(0, a="red", b="blue", c="blue")
    assert made.run().failures == []
    assert made.rows("core.colour", "colour", "thing_count") == [("blue", 2), ("red", 1)]
    return made


def test_a_table_that_is_added_later_holds_what_was_loaded_before(house: House) -> None:
    house.make("mart.colour_list", [{"name": "colour", "key": 1}], "SELECT DISTINCT colour FROM clean.things\n")
    house.deliver(1, d="red")
    assert house.run(1).failures == []
    assert house.rows("mart.colour_list", "colour") == [("blue",), ("red",)]
    assert house.rows("core.colour", "colour", "thing_count") == [("blue", 2), ("red", 2)]


def test_a_table_whose_select_changed_is_computed_whole_once(house: House) -> None:
    house.make("core.colour", COUNTED, COUNT.replace("COUNT(thing_id)", "10 * COUNT(thing_id)"))
    report = house.run()
    assert report.failures == []
    assert report.builds["core.colour"].updated == 2
    assert house.rows("core.colour", "colour", "thing_count") == [("blue", 20), ("red", 10)]
    assert house.run().builds == {}


def test_a_setting_that_decides_no_row_computes_nothing_anew(house: House) -> None:
    house.make("core.colour", COUNTED, COUNT, {**BY_COLOUR, "maxClosedShare": 0.9})
    assert house.run().builds == {}


def test_a_column_that_a_contract_gained_is_added_and_filled(house: House) -> None:
    columns = [*COUNTED, {"name": "first_thing_id"}]
    house.make("core.colour", columns, COUNT.replace("\nFROM", ",\n    MIN(thing_id) AS first_thing_id\nFROM"))
    assert house.run().failures == []
    found = house.rows("core.colour", "colour", "thing_count", "first_thing_id")
    assert found == [("blue", 2, "b"), ("red", 1, "a")]


def test_a_table_that_was_dropped_is_computed_whole_again(house: House) -> None:
    with open_warehouse(Settings(home=house.home)) as warehouse:
        warehouse.execute("DROP TABLE core.colour")
    assert house.run().failures == []
    assert house.rows("core.colour", "colour", "thing_count") == [("blue", 2), ("red", 1)]
    assert house.run().builds == {}


def test_another_increment_key_restates_the_table_and_its_queue(house: House) -> None:
    by_thing = {"strategy": "upsert", "increment": {"key": "thing_id", "from": {"clean.things": "thing_id"}}}
    columns = [{"name": "thing_id", "key": 1}, {"name": "colour"}]
    house.make("mart.colour_list", columns, "SELECT thing_id, colour FROM clean.things\n")
    assert house.run().failures == []
    house.make("mart.colour_list", columns, "SELECT thing_id, colour FROM clean.things\n", load=by_thing)
    house.deliver(1, d="red")
    assert house.run(1).failures == []
    assert [thing for (thing,) in house.rows("mart.colour_list", "thing_id")] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("columns", "select", "told"),
    [
        (
            [{"name": "colour", "key": 1}],
            "SELECT DISTINCT colour FROM clean.things\n",
            r"core\.colour has the column thing_count in the warehouse, but not in contracts/core/colour\.yaml",
        ),
        (
            [{"name": "colour", "key": 1}, {"name": "thing_count", "type": "decimal(18,2)"}],
            COUNT.replace("COUNT(thing_id)", "CAST(COUNT(thing_id) AS DECIMAL(18, 2))"),
            r"core\.colour has another type in the warehouse than in contracts/core/colour\.yaml: thing_count \(big",
        ),
    ],
    ids=["lost", "of another type"],
)
def test_a_column_that_cannot_be_carried_over_is_refused_and_nothing_is_touched(
    house: House, columns: Any, select: str, told: str
) -> None:
    house.make("core.colour", columns, select)
    house.deliver(1, d="red")
    with pytest.raises(SchemaMismatch, match=told):
        house.run(1)
    assert house.rows("core.colour", "colour", "thing_count") == [("blue", 2), ("red", 1)]
    assert len(house.rows("audit.load_ledger", "batch_id")) == 1


def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the warehouse is given from now on."""
    texts: list[str] = []

    def tell(own: Any) -> Any:
        def told(warehouse: DuckDBWarehouse, statement: str, **binds: Any) -> Any:
            texts.append(statement)
            return own(warehouse, statement, **binds)

        return told

    for name in ("execute", "query"):
        monkeypatch.setattr(DuckDBWarehouse, name, tell(getattr(DuckDBWarehouse, name)))
    return texts


def test_a_run_asks_once_a_pass_by_which_definitions_the_tables_were_built(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.make("mart.colour_list", [{"name": "colour", "key": 1}], "SELECT DISTINCT colour FROM clean.things\n")
    house.deliver(1, d="red")
    texts = told(monkeypatch)
    assert house.run(1).failures == []
    asked = [t for t in texts if "definition_hash" in t and "FROM audit.table_build" in t and "quality" not in t]
    # After the files, and again after the scores.
    assert len(asked) == 2


def test_a_publish_that_changes_nothing_carries_nothing_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.deliver(1, a="red", b="blue", c="blue")
    texts = told(monkeypatch)
    report = house.run(1)
    assert (report.failures, [e.duplicate_rows for e in report.entries]) == ([], [3])
    assert [t for t in texts if t.startswith(("MERGE", "INSERT INTO stage.pending__core", "DELETE FROM clean"))] == []
    assert house.rows("stage.pending__core__colour", "colour") == []
    house.deliver(2, a="blue", d="red")
    assert house.run(2).failures == []
    assert [t for t in texts if t.startswith("MERGE INTO clean.things")] != []
    assert house.rows("core.colour", "colour", "thing_count") == [("blue", 3), ("red", 1)]
