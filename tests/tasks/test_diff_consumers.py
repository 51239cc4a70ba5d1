"""A difference reaches the notebooks that read what changed, by the lineage that reaches tables."""

from __future__ import annotations

import json
from pathlib import Path

from small_tree import Tree

from tasks.diff.compare import compare
from tasks.diff.markdown import markdown
from tasks.diff.model import Diff
from tasks.diff.revision import read_folders

MART = "state varchar(8) key\nnet bigint"


def notebook(*cells: str) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": [cell]} for cell in cells]})


SHOP = (
    Tree()
    .with_contract("clean.orders", "order_id varchar(8) key\namount integer\nstate varchar(8)")
    .with_contract("mart.sales", MART)
    .with_select("mart.sales", "SELECT state, SUM(amount) AS net FROM clean.orders GROUP BY state")
    .with_file("notebooks/01_sales.ipynb", notebook("ask('SELECT SUM(net) AS total FROM mart.sales')"))
    .with_file("notebooks/02_other.ipynb", notebook("1 + 1"))
)


def diff(old: Tree, new: Tree, folder: Path) -> Diff:
    return compare(*read_folders((old.write(folder / "old"), "old"), (new.write(folder / "new"), "new")))


def test_other_values_and_other_rows_reach_views_and_notebooks(tmp_path: Path) -> None:
    other = SHOP.with_select("mart.sales", "SELECT state, SUM(amount + 1) AS net FROM clean.orders GROUP BY state")
    found = diff(SHOP, other, tmp_path / "values")
    assert [(str(r.table), r.columns, r.is_of_rows) for r in found.reached] == [
        ("bi.mart_sales", ("net",), False),
        ("notebook.01_sales", ("total",), False),
    ]
    fewer = SHOP.with_select(
        "mart.sales", "SELECT state, SUM(amount) AS net FROM clean.orders WHERE amount > 0 GROUP BY state"
    )
    found = diff(SHOP, fewer, tmp_path / "rows")
    assert [(str(r.table), r.is_of_rows) for r in found.reached] == [
        ("bi.mart_sales", True),
        ("notebook.01_sales", True),
    ]
    assert "What reads it: 1 view, 1 notebook downstream" in markdown(found)
    assert "Rows may differ in: `bi.mart_sales`, `notebook.01_sales`" in markdown(found)


def test_a_column_that_goes_is_looked_for_in_notebooks_and_told_as_a_fault(tmp_path: Path) -> None:
    gone = SHOP.with_contract("mart.sales", "state varchar(8) key").with_select(
        "mart.sales", "SELECT DISTINCT state FROM clean.orders"
    )
    found = diff(SHOP, gone, tmp_path)
    assert ("notebook.01_sales", ("total",)) in [(str(r.table), r.columns) for r in found.reached]
    (fault,) = found.faults
    assert fault.side == "head"
    assert fault.text.startswith("notebooks/01_sales.ipynb: cell 1:1: ")
