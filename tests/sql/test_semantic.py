"""The semantic layer: what it says of additivity, time and joins, and what is wrong with a measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hand_made import contract

from contracts.model import Contract, Measure
from contracts.registry import REPOSITORY, Registry
from sql import ddl, semantic
from tasks.warehouse.duckdb import DuckDBWarehouse

FACT = [
    {"name": "line_id", "key": 1},
    "customer_id",
    {"name": "order_date", "type": "date"},
    {"name": "amount", "type": "decimal(18,2)"},
    {"name": "email", "mask": "email"},
]


def measure(name: str = "revenue", **said: Any) -> Measure:
    return Measure.model_validate({"name": name, "businessName": "Revenue", "description": "Money.", **said})


REVENUE = measure(agg="sum", of="amount", where="amount > 0")


@pytest.fixture
def fact(tmp_path: Path) -> Contract:
    return contract(tmp_path, "core.fact_line", FACT)


def registry(fact: Contract, *measures: Measure) -> Registry:
    return Registry({fact.table: replace(fact, measures=measures)})


def documents(made: Registry, environment: str = "") -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for document in yaml.safe_load_all(semantic.semantic_model(made, environment)):
        ((kind, body),) = document.items()
        found[f"{kind} {body.get('name', '')}".strip()] = body
    return found


def faults(fact: Contract, *measures: Measure) -> list[str]:
    made = registry(fact, *measures)
    with DuckDBWarehouse(None) as engine:
        for statement in ddl.create_all(made.values()):
            engine.execute(statement)
        return list(semantic.faults(made, engine.describe))


def test_a_measure_becomes_an_aggregation_of_the_rows_that_count(fact: Contract) -> None:
    said = documents(registry(fact, REVENUE, measure("lines", agg="count", where="amount > 0")))
    revenue, lines = said["semantic_model fact_line"]["measures"]
    assert (revenue["agg"], revenue["expr"]) == ("sum", "CASE WHEN amount > 0 THEN amount END")
    assert (lines["agg"], lines["expr"]) == ("count", "CASE WHEN amount > 0 THEN 1 END")
    assert said["metric revenue"]["type_params"] == {"measure": {"name": "revenue", "fill_nulls_with": 0}}
    assert said["semantic_model fact_line"]["defaults"] == {"agg_time_dimension": "order_date"}


def test_what_is_never_added_up_over_days_says_so_and_is_not_nought_where_there_is_no_day(fact: Contract) -> None:
    said = documents(registry(fact, measure(agg="sum", of="amount", last="order_date")))
    (made,) = said["semantic_model fact_line"]["measures"]
    assert made["non_additive_dimension"] == {"name": "order_date", "window_choice": "max"}
    assert said["metric revenue"]["type_params"] == {"measure": {"name": "revenue"}}


def test_a_ratio_is_one_of_sums(fact: Contract) -> None:
    said = documents(
        registry(fact, REVENUE, measure("lines", agg="count"), measure("mean", ratio=["revenue", "lines"]))
    )
    assert [m["name"] for m in said["semantic_model fact_line"]["measures"]] == ["revenue", "lines"]
    params = {"numerator": {"name": "revenue"}, "denominator": {"name": "lines"}}
    assert (said["metric mean"]["type"], said["metric mean"]["type_params"]) == ("ratio", params)


def test_personal_columns_are_no_dimensions_and_figures_neither(fact: Contract) -> None:
    model = documents(registry(fact))["semantic_model fact_line"]
    assert [d["name"] for d in model["dimensions"]] == ["customer_id", "order_date"]
    assert model["entities"] == [{"name": "line", "type": "primary", "expr": "line_id"}]


def test_the_views_of_an_environment_are_read(fact: Contract) -> None:
    relation = documents(registry(fact), "dev")["semantic_model fact_line"]["node_relation"]
    assert relation == {"alias": "fact_line", "schema_name": "dev_bi"}


@pytest.mark.parametrize(
    ("measures", "message"),
    [
        ([REVENUE, REVENUE], "measure: revenue is defined by core.fact_line already"),
        ([measure(ratio=["a", "b"])], "measure: revenue is made of a, which is no measure of rows"),
        ([measure(agg="sum", of="price")], '"price" not found'),
        ([measure(agg="sum", of="amount", where="email = ''")], '"email" not found'),
        ([measure(agg="sum", of="amount +")], "measure: revenue:"),
        ([measure(agg="sum", of="(SELECT 1 AS x)")], "reads no other table"),
        ([measure(agg="sum", of="strftime(order_date, '%Y')")], "not in the portable subset"),
    ],
)
def test_what_is_wrong_with_a_measure_is_told_with_the_file(
    fact: Contract, measures: list[Measure], message: str
) -> None:
    found = faults(fact, *measures)
    assert found
    assert found[0].startswith("contracts/core/fact_line.yaml:1: measure: revenue")
    assert any(message in fault for fault in found)
    assert not any(fault.endswith(message) for fault in faults(fact, REVENUE))


def test_a_measure_needs_a_date_and_readers(tmp_path: Path) -> None:
    undated = contract(tmp_path, "core.fact_line", ["line_id", {"name": "amount", "type": "bigint"}])
    (fault,) = faults(undated, measure(agg="sum", of="amount"))
    assert "core.fact_line has no date by which a period could be told" in fault
    (fault,) = faults(replace(undated, tags=("internal",)), measure(agg="sum", of="amount"))
    assert "core.fact_line is shown to nobody" in fault


def test_a_file_is_stale_when_a_contract_changed_and_needed_where_something_is_measured(
    fact: Contract, tmp_path: Path
) -> None:
    made = registry(fact, REVENUE)
    (tmp_path / "sql").mkdir()
    assert semantic.stale(tmp_path, registry(fact)) == []
    assert semantic.stale(tmp_path, made) == [
        f"{semantic.FILE}:1: is not what the contracts make; run `dw check --write`"
    ]
    assert semantic.write(tmp_path, made) == [semantic.FILE]
    assert semantic.write(tmp_path, made) == semantic.stale(tmp_path, made) == []
    assert semantic.stale(tmp_path, registry(fact)) != []


def test_facts_join_the_version_that_held_and_rows_are_told_apart_by_one_key() -> None:
    said = documents(Registry.read(REPOSITORY))
    joins = {e["name"]: (e["type"], e["expr"]) for e in said["semantic_model sales_lines"]["entities"]}
    assert joins["order_item"] == ("primary", "order_item_id")
    assert joins["product_version"] == ("foreign", "product_key")
    assert joins["customer_version"] == ("foreign", "customer_key")
    assert joins["calendar"] == ("foreign", "order_date")
    assert joins["customer"] == ("foreign", "customer_id")
    models = [body for name, body in said.items() if name.startswith("semantic_model")]
    owners = [e["name"] for model in models for e in model.get("entities", ()) if e["type"] == "primary"]
    assert len(owners) == len(set(owners))
