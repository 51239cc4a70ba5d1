"""The SQL of notebooks is found whatever function it is given to, and what is no query is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sql_harness import contract, graph, registry

from contracts.ids import ColumnId, ConsumerId, TableId
from sql.consumers import Consumer, Query, checks_as_consumers, is_query, read_notebooks, read_sound
from sql.dialect import SqlError
from sql.lineage import Lineage, sound_consumers
from sql.reconcile import Check

SALES = contract("mart.sales", "day date\nnet integer\nstate varchar(8)")
CONTRACTS, GRAPH = registry(SALES), graph({})


def notebook(root: Path, *cells: str, name: str = "01_sales.ipynb") -> Path:
    """A notebook of these code cells, after one of prose."""
    prose = {"cell_type": "markdown", "source": ["SELECT x FROM mart.prose"]}
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    path = root / "notebooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"cells": [prose, *code]}), encoding="utf-8")
    return root


def texts(consumers: tuple[Consumer, ...]) -> list[tuple[str, str]]:
    return [(query.text.strip(), query.where) for consumer in consumers for query in consumer.queries]


def test_queries_are_found_in_calls_magics_and_variables(tmp_path: Path) -> None:
    root = notebook(
        tmp_path,
        "%matplotlib inline\n!ls\nimport polars as pl",
        'frame = ask("""\n  SELECT day FROM mart.sales\n""")',
        "%%sql\nSELECT net\nFROM mart.sales",
        "text = 'WITH s AS (SELECT net FROM mart.sales) SELECT * FROM s'",
    )
    assert texts(read_notebooks(root)) == [
        ("SELECT day FROM mart.sales", "notebooks/01_sales.ipynb: cell 3"),
        ("SELECT net\nFROM mart.sales", "notebooks/01_sales.ipynb: cell 4"),
        ("WITH s AS (SELECT net FROM mart.sales) SELECT * FROM s", "notebooks/01_sales.ipynb: cell 5"),
    ]


def test_a_script_is_read_too_and_what_asks_nothing_is_no_consumer(tmp_path: Path) -> None:
    notebook(tmp_path, "1 + 1")
    (tmp_path / "notebooks/extra.py").write_text('ask("SELECT day FROM mart.sales")\n', encoding="utf-8")
    (tmp_path / "notebooks/README.md").write_text("SELECT day FROM mart.sales", encoding="utf-8")
    assert [str(consumer.id) for consumer in read_notebooks(tmp_path)] == ["notebook.extra"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1 FROM mart.sales", True),
        ("-- why\nselect 1\nfrom mart.sales", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a JOIN core.dim_date ON TRUE", True),
        ('SELECT "Net revenue" FROM bi."Daily revenue"', True),
        ("SELECT 1", False),
        ("With three days of data nothing can be said.", False),
        ("Select a customer from the list.", False),
        ("SELECT * FROM 'file.parquet'", False),
        ("it's", False),
        ("", False),
    ],
)
def test_what_is_a_query_over_tables_of_ours(text: str, expected: bool) -> None:
    assert is_query(text) is expected


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ('ask(f"SELECT net FROM mart.sales WHERE day = {day}")', "cell 2:1: SQL is a plain string"),
        ('ask("SELECT net FROM mart.sales WHERE (")', "cell 2:1: "),
        ("def broken(:", "cell 2:1: not Python"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_cell_and_the_others_are_read(
    tmp_path: Path, cell: str, fault: str
) -> None:
    notebook(tmp_path, cell)
    notebook(tmp_path, 'ask("SELECT day FROM mart.sales")', name="02_fine.ipynb")
    found, faults = read_sound(tmp_path)
    found, of_their_sql = sound_consumers(GRAPH, CONTRACTS, found)
    assert [str(consumer.id) for consumer in found] == ["notebook.02_fine"]
    assert any(f"notebooks/01_sales.ipynb: {fault}" in told for told in [*faults, *of_their_sql])


def test_no_notebook_at_all_and_one_that_is_no_json(tmp_path: Path) -> None:
    assert read_notebooks(tmp_path) == ()
    notebook(tmp_path)
    (tmp_path / "notebooks/01_sales.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(SqlError, match=r"notebooks/01_sales.ipynb:1: not a notebook"):
        read_notebooks(tmp_path)


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ('ask("SELECT colour FROM mart.sales")', "colour"),
        ('ask("SELECT x FROM mart.nowhere")', "mart.nowhere"),
        ('ask("SELECT x FROM bi.nowhere")', "bi.nowhere"),
    ],
)
def test_a_notebook_that_names_what_is_not_there_is_told(tmp_path: Path, cell: str, fault: str) -> None:
    read = read_notebooks(notebook(tmp_path, cell))
    found, faults = sound_consumers(GRAPH, CONTRACTS, read)
    assert found == ()
    (told,) = faults
    assert told.startswith("notebooks/01_sales.ipynb: cell 2")
    assert fault in told
    assert sound_consumers(GRAPH, CONTRACTS, read, unread=[*read[0].queries[0].scans]) == ((), [])


def test_a_name_that_two_queries_give_is_made_from_what_both_name(tmp_path: Path) -> None:
    notebook(tmp_path, 'ask("SELECT net AS x FROM mart.sales")', 'ask("SELECT day AS x FROM mart.sales")')
    lineage = Lineage(GRAPH, CONTRACTS, read_notebooks(tmp_path))
    made = lineage.sources(ConsumerId("notebook", "01_sales"), "x")
    assert {str(column) for column in made} == {"mart.sales.net", "mart.sales.day"}


def test_lineage_reaches_notebooks_through_views_and_checks(tmp_path: Path) -> None:
    notebook(tmp_path, 'ask("SELECT SUM(revenue) AS total FROM bi.revenue WHERE day > :day")')
    text = (
        "SELECT TRUE AS is_expected, day AS reconciliation_date, 'INR' AS currency_code, state AS record_id, "
        "net AS amount, 1 AS row_count FROM mart.sales"
    )
    (check,) = checks_as_consumers([Check("totals", text, "sql/reconciliation/totals.sql")])
    query = Query("SELECT day, net AS revenue FROM mart.sales WHERE state = 'paid'", "bi.revenue")
    view = Consumer(ConsumerId("bi", "revenue"), "", (query,))
    lineage = Lineage(GRAPH, CONTRACTS, [view, check, *read_notebooks(tmp_path)])
    sales = TableId("mart", "sales")
    assert [str(c) for c in lineage.downstream(sales, "net")] == [
        "reconciliation.totals.amount",
        "bi.revenue.revenue",
        "notebook.01_sales.total",
    ]
    reached = lineage.reached([ColumnId(sales, "state")])
    assert [(str(r.table), r.columns, r.is_of_rows) for r in reached] == [
        ("reconciliation.totals", ("record_id",), False),
        ("bi.revenue", (), True),
        ("notebook.01_sales", (), True),
    ]
    assert [str(node) for node in lineage.readers(sales, "state")] == ["reconciliation.totals", "bi.revenue"]
    assert [str(node) for node in lineage.tables(ConsumerId("notebook", "01_sales"), down=False)] == [
        "mart.sales",
        "bi.revenue",
    ]
