"""What the graph reads out of SQL text and out of a folder."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from sql_harness import contract, graph, registry

from contracts.ids import TableId
from sql.dialect import SqlError
from sql.graph import Graph

T = TableId.parse
TEXTS = {
    "core.dim_a": "SELECT a FROM clean.a",
    "core.fact_b": "WITH dim_a AS (SELECT a FROM core.dim_a) SELECT dim_a.a FROM dim_a JOIN clean.b ON b.a = dim_a.a",
    "mart.c": "SELECT a FROM core.fact_b WHERE EXISTS (SELECT 1 FROM core.dim_a AS d WHERE d.a = fact_b.a)",
}


def test_dependencies_come_from_the_text_and_ctes_are_none() -> None:
    made = graph(TEXTS)
    assert made.upstream(T("core.fact_b")) == {T("core.dim_a"), T("clean.b")}
    assert made.upstream(T("mart.c")) == {T("core.fact_b"), T("core.dim_a")}
    assert made.upstream(T("clean.a")) == frozenset()
    assert made.downstream(T("core.dim_a")) == {T("core.fact_b"), T("mart.c")}
    assert made.downstream(T("clean.b")) == {T("core.fact_b")}


def test_order_puts_each_table_after_what_it_reads() -> None:
    made = graph(dict(reversed(TEXTS.items())))
    assert made.order() == [T("core.dim_a"), T("core.fact_b"), T("mart.c")]
    assert made.order([T("mart.c"), T("core.dim_a")]) == [T("core.dim_a"), T("mart.c")]


def test_reach_goes_all_the_way() -> None:
    made = graph(TEXTS)
    assert made.reach([T("clean.a")], down=True) == {T("clean.a"), *map(T, TEXTS)}
    assert made.reach([T("core.dim_a")], down=False) == {T("core.dim_a"), T("clean.a")}


def test_a_circle_is_named() -> None:
    made = graph({"core.a": "SELECT x FROM core.b", "core.b": "SELECT x FROM core.c", "core.c": "SELECT x FROM core.a"})
    with pytest.raises(SqlError) as caught:
        made.order()
    circle = str(caught.value).rpartition(": ")[2].split(" -> ")
    assert circle[0] == circle[-1]
    reads = {"core.a": "core.b", "core.b": "core.c", "core.c": "core.a"}
    assert all(reads[table] == read for table, read in pairwise(circle))
    assert len(circle) == 4


def test_a_select_is_a_copy() -> None:
    made = graph(TEXTS)
    made.select(T("core.dim_a")).set("expressions", [])
    assert made.select(T("core.dim_a")).named_selects == ["a"]


def test_a_table_without_schema_or_of_an_unknown_layer_is_an_error_with_its_line() -> None:
    with pytest.raises(SqlError) as caught:
        graph({"core.a": "SELECT x\nFROM b", "core.c": "SELECT x FROM gold.b"})
    assert [f.split(":")[:2] for f in caught.value.faults] == [["sql/core/a.sql", "2"], ["sql/core/c.sql", "1"]]


def test_files_and_contracts_go_together(tmp_path: Path) -> None:
    for layer in ("core", "mart"):
        (tmp_path / "sql" / layer).mkdir(parents=True)
    (tmp_path / "sql/core/a.sql").write_text("SELECT x FROM clean.b")
    (tmp_path / "sql/mart/lonely.sql").write_text("SELECT x FROM core.a")
    contracts = registry(*(contract(t, "x integer") for t in ("clean.b", "core.a", "core.planned", "audit.ledger")))
    with pytest.raises(SqlError) as caught:
        Graph.read(tmp_path, contracts)
    assert caught.value.faults == [
        "sql/mart/lonely.sql:1: mart.lonely has no contract; it should stand in contracts/mart/lonely.yaml",
        "contracts/core/planned.yaml:1: core.planned has no SELECT; it should stand in sql/core/planned.sql",
    ]
    (tmp_path / "sql/mart/lonely.sql").rename(tmp_path / "sql/core/planned.sql")
    made = Graph.read(tmp_path, contracts)
    assert made.order() == [T("core.a"), T("core.planned")]
    assert made.text(T("core.a")) == "SELECT x FROM clean.b"
    with pytest.raises(SqlError, match=r"sql/core/missing\.sql"):
        made.text(T("core.missing"))
