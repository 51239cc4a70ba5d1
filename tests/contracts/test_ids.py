"""Names: everything that belongs to a table follows from its id."""

from __future__ import annotations

import re

import pytest

from contracts.ids import LAYERS, TableId, physical_schema


def test_every_name_follows_from_the_id() -> None:
    table = TableId.parse("core.fact_sales")
    assert str(table) == "core.fact_sales"
    assert str(table.contract_file) == "contracts/core/fact_sales.yaml"
    assert str(table.sql_file) == "sql/core/fact_sales.sql"
    assert str(table.suite_file) == "expectations/suites/core/fact_sales.json"
    assert str(table.case_file) == "tests/cases/core/fact_sales.yaml"
    assert table.stage == "stage.core__fact_sales"
    assert table.pending == "stage.pending__core__fact_sales"
    assert table.changes == "stage.changes__core__fact_sales"
    assert table.lake_prefix == "core/fact_sales"
    assert table.quarantine_prefix == "quarantine/core/fact_sales"


@pytest.mark.parametrize("layer", LAYERS)
def test_text_and_id_are_the_same_thing(layer: str) -> None:
    assert str(TableId.parse(f"{layer}.orders_2")) == f"{layer}.orders_2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fact_sales", "'fact_sales' is not <layer>.<table>, for example core.fact_sales"),
        ("cleaned.orders", "unknown layer 'cleaned' in cleaned.orders: one of raw, clean, curated, core, mart, audit"),
        ("Core.orders", "unknown layer 'Core'"),
        ("core.FactSales", "table name 'FactSales' is not snake_case"),
        ("core.2_sales", "table name '2_sales' is not snake_case"),
        ("core.a.b", "table name 'a.b' is not snake_case"),
        ("core.", "table name '' is not snake_case"),
        ("core.x; drop table y", "is not snake_case"),
        ("core.orders\n", "is not snake_case"),
    ],
)
def test_what_is_no_id_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        TableId.parse(text)


def test_ids_sort_by_layer_then_name() -> None:
    ids = [TableId("core", "b"), TableId("clean", "z"), TableId("core", "a")]
    assert [str(i) for i in sorted(ids)] == ["clean.z", "core.a", "core.b"]


def test_the_environment_is_a_prefix_of_the_schema_only() -> None:
    assert physical_schema("core") == "core"
    assert physical_schema("core", "dev") == "dev_core"
