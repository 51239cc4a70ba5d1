"""Columns traced through CTEs, subqueries, unions, windows and histories."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sql_harness import contract, graph, registry

from contracts.ids import ColumnId, TableId
from sql.dialect import SqlError
from sql.lineage import Lineage, downstream_columns, upstream_columns

T = TableId.parse
ORDERS = contract(
    "clean.orders", "order_id varchar(8)\nsku varchar(8)\namount integer\nfee integer\nstate varchar(8)\nday date"
)
LOG = contract(
    "clean.products", "sku varchar(8)\nupdated_at timestamp\nseq integer\nname varchar(8)\ncolour varchar(8)"
)
DIM = contract(
    "core.dim_sku",
    """
    sku_key bigint key
    sku varchar(8) required
    name varchar(8)
    colour varchar(8)
    effective_from timestamp
    effective_to timestamp
    is_current boolean
    """,
    {
        "strategy": "scd2",
        "effective": "updated_at",
        "sequence": ["seq"],
        "tracked": ["name"],
        "overwrite": ["colour"],
        "increment": {"key": "sku", "from": {"clean.products": "sku"}},
    },
)
FACT = contract("core.fact_sales", "order_id varchar(8)\nname varchar(8)\nnet integer\nkind varchar(8)\nplace integer")
MART = contract("mart.sales", "name varchar(8)\nnet integer\nbiggest integer")
TEXTS = {
    "core.dim_sku": "SELECT sku, updated_at, seq, name, colour FROM clean.products",
    "core.fact_sales": """
        WITH paid AS (SELECT order_id, sku, amount, fee, day FROM clean.orders WHERE state = 'paid'),
        net AS (SELECT p.order_id, p.sku, p.amount - p.fee AS net, p.day FROM paid AS p)
        SELECT n.order_id, d.name, n.net, 'sale' AS kind,
          ROW_NUMBER() OVER (PARTITION BY n.sku ORDER BY n.day) AS place
        FROM net AS n LEFT JOIN core.dim_sku AS d ON d.sku = n.sku
        UNION ALL
        SELECT x.order_id, x.state, x.fee, x.sku, 0 FROM clean.orders AS x
    """,
    "mart.sales": """
        SELECT f.name, SUM(f.net) AS net, (SELECT MAX(o.amount) FROM clean.orders AS o) AS biggest
        FROM (SELECT name, net FROM core.fact_sales) AS f GROUP BY f.name
    """,
}


@pytest.fixture(scope="module")
def lineage() -> Lineage:
    return Lineage(graph(TEXTS), registry(ORDERS, LOG, DIM, FACT, MART))


def names(columns: object) -> set[str]:
    assert hasattr(columns, "__iter__")
    return {str(column) for column in columns}


@pytest.mark.parametrize(
    ("column", "sources"),
    [
        ("core.fact_sales.order_id", {"clean.orders.order_id"}),
        ("core.fact_sales.net", {"clean.orders.amount", "clean.orders.fee"}),
        ("core.fact_sales.name", {"core.dim_sku.name", "clean.orders.state"}),
        ("core.fact_sales.kind", {"clean.orders.sku"}),
        ("core.fact_sales.place", {"clean.orders.sku", "clean.orders.day"}),
        ("mart.sales.net", {"core.fact_sales.net"}),
        ("mart.sales.biggest", {"clean.orders.amount"}),
        ("core.dim_sku.colour", {"clean.products.colour"}),
        ("core.dim_sku.sku", {"clean.products.sku"}),
        ("core.dim_sku.effective_to", {"clean.products.updated_at", "clean.products.name", "clean.products.seq"}),
        (
            "core.dim_sku.sku_key",
            {"clean.products.sku", "clean.products.updated_at", "clean.products.name", "clean.products.seq"},
        ),
        ("clean.orders.amount", set()),
        ("mart.sales.nowhere", set()),
    ],
)
def test_sources_of_a_column(lineage: Lineage, column: str, sources: set[str]) -> None:
    table, _, name = column.rpartition(".")
    assert names(lineage.sources(T(table), name)) == sources


def test_upstream_goes_to_the_delivered_columns(lineage: Lineage) -> None:
    assert names(lineage.upstream(T("mart.sales"), "name")) == {
        "core.fact_sales.name",
        "core.dim_sku.name",
        "clean.products.name",
        "clean.orders.state",
    }


def test_downstream_goes_to_the_marts(lineage: Lineage) -> None:
    assert names(lineage.downstream(T("clean.orders"), "fee")) == {"core.fact_sales.net", "mart.sales.net"}
    assert names(lineage.downstream(T("clean.products"), "name")) == {
        "core.dim_sku.name",
        "core.dim_sku.sku_key",
        "core.dim_sku.effective_from",
        "core.dim_sku.effective_to",
        "core.dim_sku.is_current",
        "core.fact_sales.name",
        "mart.sales.name",
    }


def test_readers_are_those_that_name_a_column_be_it_in_a_filter_or_a_join(lineage: Lineage) -> None:
    assert lineage.readers(T("clean.orders"), "state") == [T("core.fact_sales")]
    assert lineage.readers(T("core.dim_sku"), "sku") == [T("core.fact_sales")]
    assert lineage.readers(T("core.dim_sku"), "colour") == []
    assert lineage.readers(T("clean.orders"), "amount") == [T("core.fact_sales"), T("mart.sales")]


def test_a_clean_column_is_made_from_the_delivered_one() -> None:
    raw = contract("raw.orders", "order_id varchar(8)\nwhen_text varchar(8)\nrow_hash varchar(8)")
    clean = contract("clean.orders", "order_id varchar(8)\nordered_at timestamp\norder_date date\nbatch_id varchar(8)")
    renamed = replace(clean.by_name["ordered_at"], source="when_text")
    dated = replace(clean.by_name["order_date"], business_date_of="ordered_at")
    columns = tuple({"ordered_at": renamed, "order_date": dated}.get(c.name, c) for c in clean.columns)
    lineage = Lineage(graph({}), registry(raw, replace(clean, columns=columns)))
    assert {name: names(lineage.sources(T("clean.orders"), name)) for name in clean.names} == {
        "order_id": {"raw.orders.order_id"},
        "ordered_at": {"raw.orders.when_text"},
        "order_date": {"raw.orders.when_text"},
        "batch_id": set(),
    }
    assert lineage.readers(T("raw.orders"), "when_text") == [T("clean.orders")]
    assert lineage.readers(T("raw.orders"), "row_hash") == []
    assert lineage.reads(T("clean.orders")) == {T("raw.orders")}


def test_what_decides_rows_is_told_apart_from_what_makes_values(lineage: Lineage) -> None:
    assert names(lineage.deciding(T("core.fact_sales"))) == {
        "clean.orders.state",
        "clean.orders.sku",
        "core.dim_sku.sku",
    }
    # Of a history: which change opens a version, and of which key.
    assert names(lineage.deciding(T("core.dim_sku"))) == {
        f"clean.products.{name}" for name in ("sku", "updated_at", "seq", "name")
    }
    state = ColumnId(T("clean.orders"), "state")
    assert lineage.decided_by(state) == {T("core.fact_sales")}
    assert names(lineage.made_from(state)) == {"core.fact_sales.name"}


def test_the_functions_answer_as_the_class_does(lineage: Lineage) -> None:
    texts, contracts = graph(TEXTS), registry(ORDERS, LOG, DIM, FACT, MART)
    assert upstream_columns(texts, contracts, T("mart.sales"), "net") == lineage.upstream(T("mart.sales"), "net")
    assert downstream_columns(texts, contracts, T("clean.orders"), "fee") == [
        ColumnId(T("core.fact_sales"), "net"),
        ColumnId(T("mart.sales"), "net"),
    ]


def test_an_unknown_column_in_the_sql_is_an_error_with_its_line() -> None:
    broken = Lineage(graph({"mart.sales": "SELECT\n  colour AS name\nFROM clean.orders"}), registry(ORDERS, MART))
    with pytest.raises(SqlError, match=r"sql/mart/sales\.sql:2: .*colour"):
        broken.sources(T("mart.sales"), "name")
