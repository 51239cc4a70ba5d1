"""`dw bi`: lists, role, semantic layer and the file for BI tools, on a small warehouse."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
import yaml
from command_line import Dw, Said
from hand_made import contract
from house_of_things import House
from sqlalchemy import create_engine, inspect, text

KEEPER = {"name": "keeper", "mask": "redact"}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Things by colour, whose keeper is personal."""
    made = House(tmp_path)
    columns = [{"name": "colour", "key": 1}, {"name": "thing_count", "type": "bigint"}, KEEPER]
    contract(made.root, "core.colour", columns)
    sql = "SELECT\n    colour,\n    COUNT(thing_id) AS thing_count,\n    'Asha' AS keeper\nFROM clean.things\n"
    (made.root / "sql" / "core" / "colour.sql").write_text(f"{sql}GROUP BY colour\n")
    made.run(0, "a,red,1,", "b,blue,2,", "c,blue,3,")
    for name, value in {"HOME": made.home, "REPOSITORY": made.root, "THREADS": 1}.items():
        monkeypatch.setenv(f"DW_{name}", str(value))
    return made


def fails(said: Said, told: str) -> None:
    assert said.code == 1
    assert told in " ".join(said.err.split())


def test_the_views_are_listed(dw: Dw, house: House) -> None:
    assert "bi.colour" in dw("bi", "views").out
    (view,) = json.loads(dw("bi", "views", "--json").out)
    assert (view["view"], view["table"]) == ("bi.colour", "core.colour")
    assert [c["name"] for c in view["columns"]] == ["colour", "thing_count"]
    shown = dw("render", "core.colour", "--part", "view").out
    assert "CREATE VIEW bi.colour AS" in shown
    assert "keeper" not in shown
    fails(dw("render", "clean.things", "--part", "view"), "clean.things has no view")
    assert "bi.colour: colour" in dw("explain", "core.colour").out
    assert "In BI" not in dw("explain", "clean.things").out


def test_the_role_is_printed_for_the_environment(dw: Dw, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_ENVIRONMENT", "dev")
    said = dw("bi", "role", "--owner", "pipeline", "--user", "superset").out.splitlines()
    assert "GRANT USAGE ON SCHEMA dev_bi TO ROLE dev_bi_reader;" in said
    assert "GRANT ROLE dev_bi_reader TO superset;" in said
    fails(dw("bi", "role"), "say whose views are read")
    fails(dw("bi", "role", "--user", "a;b"), "'a;b' is no name of a user")


def test_the_semantic_layer_is_printed_for_the_environment(
    dw: Dw, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DW_ENVIRONMENT", "dev")
    (model,) = yaml.safe_load_all(dw("bi", "semantic").out)
    assert model["semantic_model"]["node_relation"] == {"alias": "colour", "schema_name": "dev_bi"}


def test_a_copy_is_read_by_sqlalchemy_while_the_next_one_takes_its_place(dw: Dw, house: House, tmp_path: Path) -> None:
    """What Superset and Metabase see of it: schema, columns, types and comments, and no personal data."""
    file = tmp_path / "reports" / "shop.duckdb"
    assert "1 table with 2 rows" in dw("bi", "export", "--to", str(file)).out
    engine = create_engine(f"duckdb:///{file}", connect_args={"read_only": True})
    with engine.connect() as connection:
        found = inspect(connection)
        assert found.get_table_names(schema="bi") == ["colour"]
        assert [c["name"] for c in found.get_columns("colour", schema="bi")] == ["colour", "thing_count"]
        assert found.get_table_comment("colour", schema="bi") == {"text": "colour"}
        house.run(1, "d,red,1,")
        assert dw("bi", "export", "--to", str(file)).code == 0
        rows = connection.execute(text("SELECT colour, thing_count FROM bi.colour ORDER BY 1")).fetchall()
        assert [tuple(row) for row in rows] == [("blue", 2), ("red", 1)], "who has a file open keeps what it was"
    engine.dispose()
    with duckdb.connect(str(file), read_only=True) as again:
        assert again.execute("SELECT colour, thing_count FROM bi.colour ORDER BY 1").fetchall()[1] == ("red", 2)
        columns = again.execute("SELECT comment FROM duckdb_columns() WHERE table_name = 'colour'").fetchall()
        assert columns == [("Colour. As the test says.",), ("Thing count. As the test says.",)]
    assert [path.name for path in file.parent.iterdir()] == ["shop.duckdb"]


def test_no_other_file_is_touched(dw: Dw, house: House, tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("mine")
    fails(dw("bi", "export", "--to", str(mine)), "is no copy of bi, and stays")
    assert mine.read_text() == "mine"
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    fails(dw("bi", "export", "--to", str(other)), "is no copy of bi, and stays")
    fails(dw("bi", "export", "--to", str(house.home / "warehouse.duckdb")), "where the warehouse keeps its own files")
    fails(dw("bi", "export", "--to", str(house.home / "lake" / "x.duckdb")), "where the warehouse keeps its own files")
    fails(dw("bi", "export", "--to", str(tmp_path / "bi.duckdb")), "hides its own schema bi")


def test_a_warehouse_without_its_views_says_how_to_make_them(dw: Dw, house: House, tmp_path: Path) -> None:
    with duckdb.connect(str(house.home / "warehouse.duckdb")) as connection:
        connection.execute("DROP VIEW bi.colour")
    fails(dw("bi", "export"), "the warehouse lacks bi.colour; `dw migrate --apply` makes them")
    assert dw("migrate", "--apply").code == 0
    assert dw("bi", "export").code == 0
    assert (house.home / "reports.duckdb").exists()
