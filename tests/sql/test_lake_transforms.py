"""The statement of a lake transform: what stands of each source, then the table's SELECT, the same on both engines."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pytest
from sql_harness import contract, registry

from contracts.ids import TableId
from sql.dialect import SESSION, to_duckdb, to_redshift
from sql.graph import Graph
from sql.lake import flat, lake_select, lake_view, spark_select

EVENTS = contract("clean.events", "id varchar(8) key\nwho varchar(8)\nplace varchar(8)\nrow_hash varchar(8)")
PLACES = contract(
    "clean.places", "place varchar(8) key\ncity varchar(8)\nseen integer\nrow_hash varchar(8)",
    {"strategy": "upsert", "versionedBy": "seen"},
)  # fmt: skip
COLUMNS = "who varchar(8) key\nevent_count bigint\ncity varchar(8)"
SELECT = """
WITH named AS (SELECT e.id, e.who, places.city FROM clean.events AS e LEFT JOIN clean.places ON places.place = e.place)
SELECT who, COUNT(id) AS event_count, MIN(city) AS city FROM named GROUP BY who
"""
VISITS = TableId.parse("curated.visits")
INCREMENT = {"key": "who", "from": {"clean.events": "who", "clean.places": None}}
Rows = list[tuple[Any, ...]]


def house(load: dict[str, Any]) -> tuple[Any, Graph]:
    return registry(EVENTS, PLACES, contract("curated.visits", COLUMNS, load)), Graph({VISITS: SELECT})


SCOPED = {"strategy": "upsert", "increment": INCREMENT}
WHOLE = {"strategy": "replace", "window": "all"}


def made(load: dict[str, Any], events: Rows, places: Rows, taken: list[str]) -> Rows:
    known, graph = house(load)
    with duckdb.connect(":memory:") as engine:
        for statement in (*SESSION, "CREATE SCHEMA lake", "CREATE SCHEMA stage"):
            engine.execute(statement)
        engine.execute(f"CREATE TABLE {VISITS.taken} (who VARCHAR)")
        for key in taken:
            engine.execute(f"INSERT INTO {VISITS.taken} VALUES (?)", [key])
        for source, rows in ((EVENTS, events), (PLACES, places)):
            columns = ", ".join(f"{c.name} {c.type}" for c in source.columns)
            engine.execute(f"CREATE TABLE {lake_view(source.table)} ({columns})")
            for row in rows:
                marks = ", ".join("?" * len(row))
                engine.execute(f"INSERT INTO {lake_view(source.table)} VALUES ({marks})", list(row))
        return sorted(engine.execute(to_duckdb(to_redshift(lake_select(VISITS, known, graph)))).fetchall())


PLACED: Rows = [("p", "Pune", 1, "z"), ("p", "Goa", 2, "a"), ("q", "Old", None, "z"), ("q", "Agra", 0, "a")]
EVENTED: Rows = [("1", "a", "p", "h"), ("1", "a", "q", "g"), ("2", "a", "q", "h"), ("3", "b", None, "h")]


def test_of_each_key_the_greatest_version_and_then_the_greatest_hash_stands() -> None:
    assert made(WHOLE, EVENTED, PLACED, []) == [("a", 2, "Agra"), ("b", 1, None)]


def test_only_rows_of_the_taken_keys_are_computed() -> None:
    assert made(SCOPED, EVENTED, PLACED, ["b", "c"]) == [("b", 1, None)]
    assert made(SCOPED, EVENTED, PLACED, []) == []


@pytest.mark.parametrize("taken", ["a", "b"])
def test_a_row_that_another_key_has_now_counts_for_that_one(taken: str) -> None:
    moved: Rows = [("1", "a", None, "g"), ("1", "b", None, "h")]
    assert made(SCOPED, moved, [], [taken]) == [("b", 1, None)] * (taken == "b")


def test_on_spark_names_are_flat_and_nothing_else_differs() -> None:
    known, graph = house(SCOPED)
    text = " ".join(spark_select(VISITS, known, graph).split())
    standing = "SELECT `id`, `who`, `place`, `row_hash` FROM lake__clean__events AS delivered"
    assert text.startswith(f"WITH clean__events__competing AS ( {standing}")
    for view in (lake_view(EVENTS.table), lake_view(PLACES.table), VISITS.taken):
        assert view not in text
        assert f"FROM {flat(view)}" in text
    names = [f"clean__{name}{part}" for name in ("events", "places") for part in ("__competing", "__doubled", "")]
    assert re.findall(r"(\w+) AS \( SELECT", text)[: len(names)] == names
    assert "FROM clean__events WHERE" in text.replace("clean__events AS events", "clean__events")
    assert "LEFT JOIN clean__places AS places ON places.place = e.place" in text
    assert "ORDER BY `seen` DESC, `row_hash` DESC" in text
