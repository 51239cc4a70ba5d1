"""A small shop whose contracts and SELECTs tests of `dw diff` change, and what they ask of a difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from small_tree import Tree

from sql.lineage import Reached
from tasks.diff.model import Change, Diff, TableDiff

RAW = "order_id varchar(16)\namount varchar(16)\nstate varchar(8)"
ORDERS = "order_id varchar(8) key\namount integer required\nstate varchar(8)\nnote varchar(64)"
FACT = "order_id varchar(8) key\nnet integer\nstate varchar(8)"
MART = "state varchar(8) key\nnet bigint"
SHOP = (
    Tree()
    .with_contract("raw.orders", RAW)
    .with_contract("clean.orders", ORDERS)
    .with_contract("core.fact", FACT)
    .with_select("core.fact", "SELECT order_id, amount AS net, state FROM clean.orders WHERE note IS NULL")
    .with_contract("mart.sales", MART)
    .with_select("mart.sales", "SELECT f.state, SUM(f.net) AS net FROM core.fact AS f GROUP BY f.state")
)
Told = Callable[..., Diff]


def only(diff: Diff, table: str | None = None) -> TableDiff:
    (found,) = [t for t in diff.tables if table in (None, str(t.table))]
    return found


def reached(diff: Diff) -> list[Reached]:
    """The tables that it reaches, without the view of each."""
    return [one for one in diff.reached if one.table.layer != "bi"]


def one(diff: Diff, name: str) -> Change:
    (found,) = [change for table in diff.tables for change in table.changes if change.name == name]
    return found


def with_rule(verdict: str | None, implementation: dict[str, Any], layer: str = "clean") -> Tree:
    rule: dict[str, Any] = {
        "id": "checked",
        "type": "custom",
        "engine": "warehouse",
        "implementation": implementation,
        "description": "It is checked.",
    }
    if verdict:
        rule["customProperties"] = [{"property": "verdict", "value": verdict}]
    return SHOP.with_contract(f"{layer}.orders", RAW if layer == "raw" else ORDERS, quality=(rule,))


AMOUNTS = {"rule": "condition", "columns": ["amount"], "sql": "amount >= 0"}
