"""`dw migrate`: what waits is shown with its statements, applied on demand, and refused with what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import Dw, words
from house_of_things import HEADER, House, at

from tasks.settings import Settings
from tasks.workspace import Workspace

OWNER = {"name": "owner", "type": "varchar(16)", "since": "1.0.0"}
ADDED = "ALTER TABLE clean.things ADD COLUMN owner VARCHAR(16)"


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = House(tmp_path_factory.mktemp("delivered"))
    made.run(0, "a,red,1,", "b,blue,2,")
    return made


@pytest.fixture
def house(delivered: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """`dw` with a small repository and a warehouse that a test may change."""
    shutil.copytree(delivered.root.parent, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("DW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DW_REPOSITORY", str(tmp_path / "repository"))
    monkeypatch.setenv("DW_THREADS", "1")
    return at(tmp_path / "repository", tmp_path / "home")


def rewrite(house: House, table: str, old: str, new: str) -> None:
    path = house.root / "contracts" / f"{table.replace('.', '/')}.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def wider(house: House) -> None:
    rewrite(house, "clean.things", "physicalType: integer", "physicalType: bigint")


def narrower(house: House) -> None:
    rewrite(house, "clean.things", "physicalType: integer", "physicalType: smallint")


def test_nothing_to_do_is_said(dw: Dw, house: House) -> None:
    before = house.everything()
    for options in ((), ("--apply",)):
        said = dw("migrate", *options)
        assert (said.code, said.out, said.err) == (0, "Nothing to do: every table is as its contract has it.\n", "")
    assert json.loads(dw("migrate", "--json").out) == {
        "missing": [],
        "changes": [],
        "refusals": [],
        "views": [],
        "altered": [],
    }
    assert house.everything() == before


def test_what_waits_is_shown_in_redshifts_words_and_nothing_is_written(dw: Dw, house: House) -> None:
    house.allow(("red", "blue"), 0, OWNER)
    wider(house)
    before = house.everything()
    said = dw("migrate")
    assert (said.code, said.err) == (3, "")
    out = words(said.out)
    assert "clean.things column size widened from integer to bigint" in out
    assert "clean.things column owner varchar(16) added" in out
    assert "BEGIN; DROP TABLE IF EXISTS clean.things__copy; CREATE TABLE IF NOT EXISTS clean.things__copy (" in out
    assert "CAST(size AS BIGINT) AS size" in out
    assert "ALTER TABLE clean.things__copy RENAME TO things; COMMIT;" in out
    assert house.everything() == before


def test_the_statements_of_the_warehouse_at_hand_are_shown_too(dw: Dw, house: House) -> None:
    wider(house)
    said = dw("migrate", "--dialect", "duckdb")
    assert said.code == 3
    assert "BEGIN; ALTER TABLE clean.things ALTER COLUMN size SET DATA TYPE BIGINT; COMMIT;" in words(said.out)


def test_apply_alters_and_says_what_and_a_second_time_there_is_nothing_to_do(dw: Dw, house: House) -> None:
    house.allow(("red", "blue"), 0, OWNER)
    wider(house)
    said = dw("migrate", "--apply")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "done     clean.things: column size widened from integer to bigint",
        "done     clean.things: column owner varchar(16) added",
    ]
    assert house.rows("clean.things", "thing_id", "colour", "size") == [("a", "red", 1), ("b", "blue", 2)]
    assert dw("migrate").code == 0
    house.run(1, "c,red,5000000000,,Asha", header=HEADER.replace("\n", ",owner\n"))
    assert house.rows("clean.things", "thing_id", "size", "owner")[-1] == ("c", 5_000_000_000, "Asha")


def test_json_has_every_statement_and_every_note(dw: Dw, house: House) -> None:
    house.allow(("red", "blue"), 0, {"name": "owner", "type": "varchar(16)"})
    said = dw("migrate", "--json")
    assert said.code == 3
    (change,) = json.loads(said.out)["changes"]
    assert change["table"] == "clean.things"
    assert change["changes"] == ["column owner varchar(16) added"]
    assert change["statements"] == [f"{ADDED};"]
    assert "`since: 1.0.0`" in change["notes"][0]
    body = json.loads(dw("migrate", "--apply", "--json").out)
    assert body["altered"][0].startswith("clean.things: column owner varchar(16) added (rows that are delivered again")


@pytest.mark.parametrize("options", [(), ("--apply",)])
def test_a_refusal_says_what_to_do_and_stops_everything(dw: Dw, house: House, options: Any) -> None:
    house.allow(("red", "blue"), 0, OWNER)
    narrower(house)
    before = house.everything()
    said = dw("migrate", *options)
    assert (said.code, said.err) == (1, "")
    assert (
        "refused clean.things has another type in the warehouse than in contracts/clean/things.yaml: "
        "size (integer, not smallint); take it back, or make the table anew: docs/schema-changes.md"
    ) in words(said.out)
    (refusal,) = json.loads(dw("migrate", *options, "--json").out)["refusals"]
    assert (refusal["table"], refusal["column"]) == ("clean.things", "size")
    assert house.everything() == before


def test_a_table_that_is_not_there_yet_is_shown_and_made(dw: Dw, house: House) -> None:
    from hand_made import contract

    contract(house.root, "mart.colour_list", [{"name": "colour", "key": 1}])
    sql = house.root / "sql" / "mart" / "colour_list.sql"
    sql.parent.mkdir(parents=True)
    sql.write_text("SELECT DISTINCT colour FROM clean.things\n")
    said = dw("migrate")
    assert said.code == 3
    assert "mart.colour_list created" in words(said.out)
    assert "CREATE TABLE IF NOT EXISTS mart.colour_list (" in said.out
    assert dw("migrate", "--apply").out == (
        "done     mart.colour_list: created\ndone     bi.colour_list: view of mart.colour_list made\n"
    )


def test_it_waits_for_no_run_that_is_under_way(dw: Dw, house: House) -> None:
    house.allow(("red", "blue"), 0, OWNER)
    other = Workspace.open(Settings(home=house.home, repository=house.root))
    other.lock()
    try:
        said = dw("migrate", "--apply")
    finally:
        other.close()
    assert said.code == 1
    assert said.err.startswith(f"dw: another run holds {house.home}")
    assert dw("migrate").code == 3


def test_without_a_warehouse_it_says_how_to_get_one(dw: Dw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_HOME", str(tmp_path / "new"))
    for options in ((), ("--apply",)):
        said = dw("migrate", *options)
        assert (said.code, said.out) == (1, "")
        assert said.err == f"dw: there is no warehouse at {tmp_path / 'new' / 'warehouse.duckdb'}; `dw run` makes one\n"
    assert not (tmp_path / "new").exists()


def test_help_shows_an_example_and_what_the_exit_says(dw: Dw) -> None:
    said = words(dw("migrate", "--help").out)
    assert "Example: dw migrate --apply" in said
    assert "Exit 3 while changes wait, 1 if one is refused" in said


def test_a_run_says_what_it_altered(capsys: pytest.CaptureFixture[str], house: House) -> None:
    from flows import show

    house.allow(("red", "blue"), 0, OWNER)
    space = house.open()
    try:
        space.begin()
        show.altered(space.report)
    finally:
        space.close()
    assert capsys.readouterr().out == "Altered     clean.things: column owner varchar(16) added\n"


@pytest.mark.parametrize("dialect", ["redshift", "duckdb"])
def test_statements_name_the_schemas_of_the_environment(
    dw: Dw, house: House, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    monkeypatch.setenv("DW_ENVIRONMENT", "dev")
    said = dw("migrate", "--dialect", dialect)
    assert said.code == 3
    assert "CREATE TABLE IF NOT EXISTS dev_clean.things (" in said.out
