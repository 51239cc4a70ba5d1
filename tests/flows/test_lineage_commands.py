"""`dw lineage` and `dw impact` over the contracts of this repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Dw, words
from small_tree import Tree


def test_lineage_draws_both_ways_to_the_delivered_column_and_to_the_marts(dw: Dw) -> None:
    said = dw("lineage", "core.fact_refunds.refund_amount")
    assert (said.code, said.err) == (0, "")
    up, _, down = words(said.out).partition("core.fact_refunds.refund_amount goes into")
    assert "clean.refunds.amount └ raw.refunds.amount" in up
    assert "mart.finance_daily_revenue.refund_amount" in down
    assert "rows: it decides which rows there are" in down
    assert "raw.refunds" not in down


def test_up_down_and_depth_narrow_it(dw: Dw) -> None:
    up = dw("lineage", "core.fact_refunds.refund_amount", "--up", "--depth", "1").out
    assert "clean.refunds.amount" in up
    assert "raw.refunds" not in up
    assert "goes into" not in up
    down = dw("lineage", "clean.refunds", "--down", "--depth", "1").out
    assert "core.fact_refunds" in down
    assert "mart." not in down


def test_lineage_as_json(dw: Dw) -> None:
    told = json.loads(dw("lineage", "clean.refunds.amount", "--depth", "1", "--json").out)
    assert told["up"] == [
        {"from": "clean.refunds.amount", "to": "raw.refunds.amount", "kind": "value", "depth": 1},
    ]
    assert {"core.fact_refunds.refund_amount"} <= {step["to"] for step in told["down"]}


def test_impact_lists_tables_checks_and_rules_by_layer(dw: Dw) -> None:
    told = json.loads(dw("impact", "core.dim_customer.customer_key", "--json").out)
    layers = [hit["layer"] for hit in told["hits"]]
    assert layers == sorted(layers, key=["clean", "core", "mart", "reconciliation", "bi", "notebook"].index)
    by_name = {hit["name"]: hit for hit in told["hits"]}
    assert by_name["core.fact_sales"]["fails"]
    assert "core.fact_sales.customer_key.foreign_key" in by_name["core.fact_sales"]["rules"]
    assert "core.dim_customer.key.unique" in told["rules"]
    text = words(dw("impact", "core.dim_customer.customer_key").out)
    assert "fact_sales yes customer_key" in text


@pytest.mark.parametrize("command", ["lineage", "impact"])
def test_a_name_that_is_not_there_is_told(dw: Dw, command: str) -> None:
    said = dw(command, "core.fact_sale")
    assert said.code == 2
    assert "did you mean core.fact_sales" in said.err


def test_check_tells_of_a_notebook_that_names_a_column_which_is_not_there(
    dw: Dw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = {"cell_type": "code", "source": ["ask('SELECT colour FROM clean.orders')"]}
    tree = Tree().with_contract("clean.orders", "order_id varchar(8) key")
    tree = tree.with_file("notebooks/01_x.ipynb", json.dumps({"cells": [cell]}))
    monkeypatch.setenv("DW_REPOSITORY", str(tree.write(tmp_path / "repository")))
    said = dw("check")
    assert said.code == 1
    assert "notebooks/01_x.ipynb: cell 1:1: Column 'colour' could not be resolved" in said.err
