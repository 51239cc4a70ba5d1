"""Contracts change while the warehouse stands: the tables follow, keep their rows, or nothing at all is written."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import house_of_things
import pytest
from hand_made import DAY, SHARED_COLUMNS, contract
from small_shop import load_day, tables

from contracts.registry import REPOSITORY, Registry
from tasks import migrate
from tasks.migrate import CopyLostRows, SchemaMismatch
from tasks.report import RunReport
from tasks.settings import Settings
from tasks.warehouse import open_warehouse
from tasks.warehouse.duckdb import DuckDBWarehouse
from tasks.workspace import Workspace

HISTORY = ("table_name", "change", "statements", "contract_version")
PER_THING = {"strategy": "upsert", "increment": {"key": "thing_id", "from": {"clean.things": "thing_id"}}}
PER_COLOUR = {"strategy": "upsert", "increment": {"key": "colour", "from": {"core.thing": "colour"}}}
ID = {"name": "thing_id", "key": 1, "required": True, "type": "varchar(8)"}
SIZE: dict[str, Any] = {"name": "size", "type": "integer"}
OWNER = {"name": "owner", "type": "varchar(16)", "since": "1.0.0"}


class House:
    """Things from raw to mart in a home of their own; a test writes contracts anew and runs the day again."""

    def __init__(self, folder: Path) -> None:
        self.root, self.home = folder / "repository", folder / "home"
        shutil.copytree(REPOSITORY / "contracts" / "audit", self.root / "contracts" / "audit")
        self.make()

    def make(
        self,
        *more: dict[str, Any],
        id_: dict[str, Any] = ID,
        size: dict[str, Any] = SIZE,
        clean: tuple[dict[str, Any], ...] | None = None,
        load: dict[str, Any] | None = None,
    ) -> None:
        """All contracts and SELECTs: `more` columns go through every layer, `clean` ones through raw and clean only."""
        beside = more if clean is None else clean
        raw = [_delivered(c) for c in (id_, size, *beside)]
        contract(self.root, "raw.things", ["colour", *raw], delivery={"file": "things.csv", "format": "csv"})
        columns = [id_, "colour", size, *beside, *SHARED_COLUMNS]
        contract(self.root, "clean.things", columns, load=load or {"strategy": "upsert"})
        mine = [{k: v for k, v in c.items() if k != "since"} for c in (id_, {"name": "colour"}, size, *more)]
        names = ",\n    ".join(c["name"] for c in mine)
        self.table("core.thing", mine, f"SELECT\n    {names}\nFROM clean.things\n", PER_THING)
        shown = [f"MAX({c['name']}) AS {c['name']}" for c in (size, *more)]
        select = ",\n    ".join(["colour", *shown])
        columns = [{"name": "colour", "key": 1}, *mine[2:]]
        self.table("mart.colour", columns, f"SELECT\n    {select}\nFROM core.thing\nGROUP BY colour\n", PER_COLOUR)

    @classmethod
    def at(cls, house: House, home: Path) -> House:
        """The same repository, and a copy of the warehouse."""
        there = object.__new__(cls)
        there.root, there.home = house.root, home
        home.mkdir()
        shutil.copyfile(house.home / "warehouse.duckdb", home / "warehouse.duckdb")
        return there

    def table(self, name: str, columns: Any, select: str, load: Any) -> None:
        contract(self.root, name, columns, load=load)
        path = self.root / "sql" / f"{name.replace('.', '/')}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(select)

    def deliver(self, number: int, *lines: str, header: str = "thing_id,colour,size") -> None:
        folder = self.home / "inbox" / (DAY + timedelta(days=number)).isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "things.csv").write_text("".join(f"{line}\n" for line in (header, *lines)))

    def run(self, number: int = 0) -> RunReport:
        space = self.open()
        try:
            report = load_day(space, DAY + timedelta(days=number))
        finally:
            space.close()
        assert report.failures == []
        return report

    def open(self) -> Workspace:
        return Workspace.open(Settings(home=self.home, repository=self.root, threads=1))

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        with open_warehouse(Settings(home=self.home), read_only=True) as warehouse:
            return warehouse.query(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1").rows()

    def types(self, table: str) -> dict[str, str]:
        with open_warehouse(Settings(home=self.home), read_only=True) as warehouse:
            return {name: str(stands.type) for name, stands in warehouse.columns()[table].items()}

    def everything(self) -> dict[str, list[Any]]:
        names = ("clean", "curated", "core", "mart", "audit", "stage")
        return {name: [frame.schema, *frame.rows()] for name, frame in tables(self.home, names).items()}


def _delivered(column: dict[str, Any]) -> dict[str, Any]:
    logical = "integer" if column.get("type", "").endswith("int") or column.get("type") == "integer" else "string"
    kept = {k: v for k, v in column.items() if k in ("name", "since")}
    return {**kept, "logicalType": "number" if "decimal" in column.get("type", "") else logical}


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.deliver(0, "a,red,1", "b,blue,2", "c,blue,3")
    assert made.run().altered == []
    return made


# A column that comes


def test_a_column_goes_through_every_layer(house: House) -> None:
    house.make(OWNER)
    house.deliver(1, "d,red,4,Asha", header="thing_id,colour,size,owner")
    report = house.run(1)
    assert report.altered == [
        "clean.things: column owner varchar(16) added",
        "core.thing: column owner varchar(16) added",
        "mart.colour: column owner varchar(16) added",
    ]
    assert house.rows("core.thing", "thing_id", "owner") == [("a", None), ("b", None), ("c", None), ("d", "Asha")]
    assert house.rows("mart.colour", "colour", "size", "owner") == [("blue", 3, None), ("red", 4, "Asha")]
    assert house.run(1).altered == []


def test_it_is_written_down_who_asked_for_what(house: House) -> None:
    house.make(OWNER)
    house.run()
    told = house.rows("audit.schema_change", *HISTORY)
    assert ("core.thing", "created") in [row[:2] for row in told]
    added = [row for row in told if "added" in row[1]]
    assert added[1] == (
        "core.thing",
        "column owner varchar(16) added",
        "ALTER TABLE core.thing ADD COLUMN owner VARCHAR(16)",
        "1.0.0",
    )


def test_a_required_column_is_refused_by_a_delivered_table_with_rows_and_filled_in_a_computed_one(house: House) -> None:
    house.make({**OWNER, "required": True})
    with pytest.raises(SchemaMismatch, match=r"adds the required column owner to clean\.things"):
        house.run()
    house.make()
    columns = [ID, "colour", SIZE, {"name": "twice", "type": "bigint", "required": True}]
    select = "SELECT\n    thing_id,\n    colour,\n    size,\n    2 * size AS twice\nFROM clean.things\n"
    house.table("core.thing", columns, select, PER_THING)
    house.run()
    assert house.rows("core.thing", "thing_id", "twice") == [("a", 2), ("b", 4), ("c", 6)]


# Views for BI


def shown(house: House) -> dict[str, list[str]]:
    """The columns of each view."""
    found = tables(house.home, ("bi",))
    return {name: list(frame.columns) for name, frame in found.items()}


def test_a_view_follows_its_contract_and_is_made_only_when_that_changes(house: House) -> None:
    assert shown(house) == {"bi.colour": ["colour", "size"], "bi.thing": ["thing_id", "colour", "size"]}
    assert house.rows("bi.thing", "thing_id", "size") == [("a", 1), ("b", 2), ("c", 3)]
    house.run()
    made = [row[0] for row in house.rows("audit.schema_change", *HISTORY) if "view of" in row[1]]
    assert made == ["bi.colour", "bi.thing"]
    house.make(OWNER)
    house.run()
    assert shown(house) == {
        "bi.colour": ["colour", "size", "owner"],
        "bi.thing": ["thing_id", "colour", "size", "owner"],
    }
    house.make({**OWNER, "mask": "redact"})
    house.run()
    assert shown(house) == {"bi.colour": ["colour", "size"], "bi.thing": ["thing_id", "colour", "size"]}


def test_a_view_that_is_gone_is_made_and_one_without_a_contract_goes(house: House) -> None:
    with open_warehouse(Settings(home=house.home)) as warehouse:
        warehouse.execute("DROP VIEW bi.colour")
        warehouse.execute("CREATE VIEW bi.old_colour AS SELECT colour FROM mart.colour")
        plan = migrate.plan(warehouse, Registry.read(house.root))
    assert [view.name for view in plan.views.make] == ["bi.colour"]
    assert plan.views.drop == ("bi.old_colour",)
    assert not plan.is_empty
    house.run()
    assert set(shown(house)) == {"bi.colour", "bi.thing"}


# What was delivered before, delivered again


@pytest.mark.parametrize("load", [{"strategy": "upsert"}, {"strategy": "append"}], ids=["upsert", "append"])
def test_a_row_of_before_the_column_is_a_duplicate_when_it_comes_again(tmp_path: Path, load: dict[str, str]) -> None:
    """By a key that holds the hash, as in change logs, it would stand twice otherwise."""
    house = House(tmp_path)
    house.make(load=load)
    house.deliver(0, "a,red,1", "b,blue,2")
    house.run()
    before = house.rows("clean.things", "thing_id", "row_hash", "delivery_date")
    house.make(OWNER, load=load)
    house.deliver(1, "a,red,1,", "b,blue,2,Asha", "c,blue,3,", header="thing_id,colour,size,owner")
    house.run(1)
    now = house.rows("clean.things", "thing_id", "row_hash", "delivery_date")
    assert now[0] == before[0]
    assert len(now) == 3


@pytest.mark.parametrize("marked", [True, False], ids=["since", "without"])
def test_a_file_of_before_the_column_says_nothing_new(house: House, marked: bool) -> None:
    """Without `since` the file is refused, as any file that lacks a column is."""
    house.make(OWNER if marked else {k: v for k, v in OWNER.items() if k != "since"})
    house.deliver(1, "a,red,1", "b,blue,2", "c,blue,3")
    space = house.open()
    try:
        report = load_day(space, DAY + timedelta(days=1))
    finally:
        space.close()
    if marked:
        (entry,) = report.entries
        assert (entry.loaded_rows, entry.duplicate_rows) == (0, 3)
        assert any("the file is without columns that came later, which are empty: owner" in w for w in report.warnings)
    else:
        assert len(report.failures) == 1
        assert "column 'owner' is missing" in report.failures[0]
    assert [row[0] for row in house.rows("clean.things", "thing_id")] == ["a", "b", "c"]


def test_rows_in_quarantine_from_before_the_column_can_be_put_through_again(tmp_path: Path) -> None:
    old = house_of_things.House(tmp_path)
    old.run(0, "a,green,1,", "b,red,2,")
    old.allow(("red", "green"), 0, OWNER)
    assert [(done.tried, done.loaded, done.left) for done in old.redrive()] == [(1, 1, 0)]
    assert old.rows("clean.things", "thing_id", "owner") == [("a", None), ("b", None)]


def test_without_since_it_is_told_that_rows_will_count_as_changed(house: House) -> None:
    house.make({"name": "owner", "type": "varchar(16)"})
    told = house.run().altered
    assert "rows that are delivered again count as changed; `since: 1.0.0` on the column" in told[0]
    assert "since" not in "".join(told[1:])


# A type that grows


def test_wider_types_are_altered_in_place_and_restate_nothing(house: House) -> None:
    before = house.rows("core.thing", "thing_id", "colour", "size")
    house.make(id_={**ID, "type": "varchar(32)"}, size={"name": "size", "type": "bigint"})
    report = house.run()
    assert "core.thing: column size widened from integer to bigint" in report.altered
    assert "clean.things: column thing_id widened from varchar(8) to varchar(32)" in report.altered
    assert report.builds == {}
    assert house.rows("core.thing", "thing_id", "colour", "size") == before
    assert house.types("core.thing")["size"] == "bigint"
    house.deliver(1, "d,red,3000000000")
    house.run(1)
    assert house.rows("mart.colour", "colour", "size") == [("blue", 3), ("red", 3_000_000_000)]
    assert house.run(1).altered == []


def test_more_decimals_restate_what_is_computed(house: House) -> None:
    house.make(size={"name": "size", "type": "decimal(14,2)"})
    report = house.run()
    assert report.builds.keys() == {"core.thing", "mart.colour"}
    assert sum(c.inserted + c.updated + c.deleted for c in report.builds.values()) == 0
    assert house.types("mart.colour")["size"] == "decimal(14,2)"


def test_keys_that_wait_outlive_a_wider_key(house: House) -> None:
    with open_warehouse(Settings(home=house.home)) as warehouse:
        warehouse.execute("INSERT INTO stage.pending__core__thing (thing_id) VALUES ('a')")
    house.make(id_={**ID, "type": "varchar(32)"})
    report = house.run()
    assert report.builds["core.thing"].staged == 1


def test_numbers_that_wait_outlive_a_wider_key(tmp_path: Path) -> None:
    house = House(tmp_path)
    number: dict[str, Any] = {**ID, "type": "integer"}
    house.make(id_=number)
    house.deliver(0, "1,red,1", "2,blue,2")
    house.run()
    with open_warehouse(Settings(home=house.home)) as warehouse:
        warehouse.execute("INSERT INTO stage.pending__core__thing (thing_id) VALUES (1)")
        warehouse.execute("INSERT INTO stage.taken__core__thing (thing_id) VALUES (2)")
    house.make(id_={**number, "type": "bigint"})
    report = house.run()
    assert report.builds["core.thing"].staged == 2
    assert house.types("stage.pending__core__thing") == {"thing_id": "bigint"}


def test_a_value_may_be_left_out_once_the_contract_says_so(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.make(size={**SIZE, "required": True})
    house.deliver(0, "a,red,1")
    house.run()
    house.make()
    house.deliver(1, "b,red,")
    report = house.run(1)
    assert "clean.things: column size may be empty now" in report.altered
    assert house.rows("core.thing", "thing_id", "size") == [("a", 1), ("b", None)]


def test_an_audit_table_follows_its_contract_too(house: House) -> None:
    path = house.root / "contracts" / "audit" / "schema_change.yaml"
    path.write_text(path.read_text().replace("varchar(128)", "varchar(256)"))
    assert house.run().altered == ["audit.schema_change: column table_name widened from varchar(128) to varchar(256)"]
    assert house.run().altered == []


# What is refused


@pytest.mark.parametrize(
    "changes",
    [
        {"size": {"name": "size", "type": "smallint"}},
        {"id_": {**ID, "type": "varchar(4)"}},
        {"size": {"name": "length", "type": "integer"}},
    ],
    ids=["narrower", "a shorter text", "another name"],
)
def test_a_loss_is_refused_before_anything_is_written(house: House, changes: dict[str, Any]) -> None:
    house.deliver(1, "d,red,4")
    before = house.everything()
    house.make(OWNER, **changes)
    with pytest.raises(SchemaMismatch):
        house.run(1)
    assert house.everything() == before


def test_another_key_is_refused(house: House) -> None:
    before = house.everything()
    columns = [{"name": "thing_id"}, {"name": "colour", "key": 1}, SIZE]
    select = "SELECT\n    thing_id,\n    colour,\n    size\nFROM clean.things\n"
    house.table("core.thing", [{**ID, "key": 2}, *columns[1:]], select, PER_THING)
    with pytest.raises(SchemaMismatch, match=r"core\.thing is keyed by \(thing_id\) in the warehouse, but by \(colour"):
        house.run()
    assert house.everything() == before


# A warehouse from before there was a history, and a kill on the way


def test_a_warehouse_without_a_history_gets_one_and_texts_are_known_from_then_on(house: House) -> None:
    with open_warehouse(Settings(home=house.home)) as warehouse:
        warehouse.execute("DROP TABLE audit.schema_change")
    house.run()
    told = dict(row[:2] for row in house.rows("audit.schema_change", *HISTORY))
    assert told["core.thing"] == "found as the contract has it"
    assert told["audit.schema_change"] == "created"
    house.make(id_={**ID, "type": "varchar(4)"})
    with pytest.raises(SchemaMismatch, match=r"thing_id \(varchar\(8\), not varchar\(4\)\)"):
        house.run()


class Killed(BaseException):
    """Stands for the end of the process: nothing is caught, nothing is cleaned up."""


class Mortal(DuckDBWarehouse):
    """A warehouse that ends before its n-th statement, comments not counted: each stands in its view's transaction."""

    left = 0

    def execute(self, statement: str, **binds: Any) -> None:
        if self.left == 0:
            raise Killed
        self.left -= not statement.startswith("COMMENT")
        super().execute(statement, **binds)


class OnRedshift(Mortal):
    """Gets the statements that Redshift would get."""

    engine = "redshift"


def applied(house: House, registry: Registry, kind: type[Mortal], left: int) -> bool:
    """Plan and apply until the end or the kill; whether it came to the end."""
    warehouse = kind(Settings(home=house.home).warehouse_file, threads=1)
    warehouse.left = left
    try:
        plan = migrate.plan(warehouse, registry)
        at = datetime(2126, 2, 1, 0, left == 1_000)
        migrate.apply(warehouse, registry, plan, run_id=f"run-{left}", at=at)
    except Killed:
        return False
    finally:
        warehouse.close()
    return True


def published(house: House) -> dict[str, Any]:
    """All rows and columns but those of the history, whose instants differ."""
    found = tables(house.home, ("clean", "core", "mart", "stage", "bi"))
    return {name: [frame.schema, *frame.rows()] for name, frame in found.items()}


@pytest.mark.parametrize("kind", [Mortal, OnRedshift], ids=["duckdb", "redshift"])
def test_a_kill_before_any_statement_is_made_good_by_the_next_run(
    house: House, tmp_path: Path, kind: type[Mortal]
) -> None:
    """Both engines' statements, on DuckDB."""
    house.make(OWNER, id_={**ID, "type": "varchar(32)"}, size={"name": "size", "type": "bigint"})
    house.table("mart.added", [{"name": "colour", "key": 1}], "SELECT DISTINCT colour FROM core.thing\n", None)
    registry = Registry.read(house.root)
    whole, kills = House.at(house, tmp_path / "whole"), 0
    assert applied(whole, registry, kind, 1_000)
    assert whole.types("core.thing")["size"] == "bigint"
    assert [row[1] for row in whole.rows("core.thing", "thing_id", "size")] == [1, 2, 3]
    while True:
        killed = House.at(house, tmp_path / f"killed-{kills}")
        ended = applied(killed, registry, kind, kills)
        # What stands after a kill is each table as it was or as it should be.
        assert len(killed.rows("core.thing", "thing_id")) == 3
        assert applied(killed, registry, kind, 1_000)
        assert published(killed) == published(whole)
        if ended:
            break
        kills += 1
    assert kills > 12
    with open_warehouse(Settings(home=killed.home), read_only=True) as warehouse:
        assert migrate.plan(warehouse, registry).is_empty


def test_a_copy_that_loses_a_row_takes_nobodys_place(house: House) -> None:
    class Lossy(OnRedshift):
        left = -1

        def execute(self, statement: str, **binds: Any) -> None:
            super().execute(statement + " WHERE thing_id <> 'b'" if "INTO core.thing__copy" in statement else statement)

    before = house.rows("core.thing", "thing_id", "size")
    house.make(size={"name": "size", "type": "bigint"})
    with pytest.raises(CopyLostRows, match=r"core\.thing: its copy has 1 rows less"):
        applied(house, Registry.read(house.root), Lossy, -1)
    assert house.rows("core.thing", "thing_id", "size") == before
    assert "core.thing__copy" not in house.everything()
