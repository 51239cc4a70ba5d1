"""Walks up and down, and what a change of a table or column hits, over a small repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_tree import Tree

from contracts.ids import ColumnId, ConsumerId, TableId
from contracts.registry import Registry
from expectations.rules import rules_of
from sql.graph import Graph
from sql.lineage import Lineage
from tasks.lineage import Hit, find, impact, read_lineage, walk

T = TableId.parse
CHECK = (
    "SELECT TRUE AS is_expected, day AS reconciliation_date, 'INR' AS currency_code, order_id AS record_id, "
    "net AS amount, 1 AS row_count FROM core.fact"
)
NOTEBOOK = {"cells": [{"cell_type": "code", "source": ["ask('SELECT SUM(net) AS total FROM mart.sales')"]}]}
TREE = (
    Tree()
    .with_contract("raw.orders", "order_id varchar(16)\namount varchar(16)\nstate varchar(8)\nnote varchar(64)")
    .with_contract("clean.orders", "order_id varchar(8) key\namount integer\nstate varchar(8)\nnote varchar(64)")
    .with_contract("core.dim_state", "state varchar(8) key\nrank integer", tags=["internal"])
    .with_select("core.dim_state", "SELECT state, COUNT(order_id) AS rank FROM clean.orders GROUP BY state")
    .with_contract(
        "core.fact",
        "order_id varchar(8) key\nnet integer\nstate varchar(8)\nday date",
        tags=["internal"],
        of_columns={"state": {"relationships": [{"to": "core.dim_state.state"}]}},
        quality=(
            {
                "id": "net_is_plausible",
                "type": "custom",
                "engine": "warehouse",
                "implementation": {"rule": "condition", "sql": "net > 0 OR state = 'void'"},
                "dimension": "accuracy",
                "description": "Only what is void is not paid for.",
            },
        ),
    )
    .with_select(
        "core.fact",
        "SELECT o.order_id, o.amount AS net, o.state, CAST(NULL AS DATE) AS day FROM clean.orders AS o "
        "LEFT JOIN (SELECT order_id, note FROM clean.orders) AS unread ON FALSE WHERE o.note IS NULL",
    )
    .with_contract("mart.sales", "net bigint")
    .with_select("mart.sales", "SELECT SUM(f.net) AS net FROM core.fact AS f WHERE f.state = 'paid'")
    .with_file("sql/reconciliation/totals.sql", CHECK)
    .with_file("notebooks/01_sales.ipynb", json.dumps(NOTEBOOK))
)
World = tuple[Lineage, Registry]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = TREE.write(tmp_path_factory.mktemp("tree"))
    registry = Registry.read(root)
    return read_lineage(root, registry, Graph.read(root, registry)), registry


def hits(world: World, name: str) -> list[Hit]:
    lineage, registry = world
    rules = {contract.table: rules_of(contract) for contract in registry.values()}
    return list(impact(lineage, registry, rules, find(lineage, name)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("core.fact", T("core.fact")),
        ("core.fact.net", ColumnId(T("core.fact"), "net")),
        ("notebook.01_sales", ConsumerId("notebook", "01_sales")),
        ("notebook.01_sales.total", ColumnId(ConsumerId("notebook", "01_sales"), "total")),
        ("reconciliation.totals", ConsumerId("reconciliation", "totals")),
    ],
)
def test_a_name_is_found(world: World, text: str, found: object) -> None:
    assert find(world[0], text) == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("core.fac", "did you mean core.fact"),
        ("core.fact.nett", "no column 'nett'; there are net"),
        ("x", "for example"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_those_that_come_near(world: World, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        find(world[0], text)


def test_a_walk_tells_values_rows_and_what_is_only_named(world: World) -> None:
    lineage, _ = world
    up = walk(lineage, find(lineage, "mart.sales.net"), down=False)
    assert [(str(s.to), s.kind, s.depth) for s in up] == [
        ("core.fact.net", "value", 1),
        ("core.fact.state", "rows", 1),
        ("clean.orders.amount", "value", 2),
        ("raw.orders.amount", "value", 3),
    ]
    down = walk(lineage, find(lineage, "clean.orders.state"), down=True)
    assert [(str(s.to), s.kind, s.depth) for s in down] == [
        ("core.dim_state.state", "value", 1),
        ("core.fact.state", "value", 1),
        ("core.dim_state", "rows", 1),
        ("mart.sales", "rows", 2),
    ]
    assert walk(lineage, find(lineage, "raw.orders.amount"), down=True, depth=1) == [
        step for step in walk(lineage, find(lineage, "raw.orders.amount"), down=True) if step.depth == 1
    ]


def test_a_walk_of_tables_ends_at_notebooks_and_deliveries(world: World) -> None:
    lineage, _ = world
    down = walk(lineage, T("core.fact"), down=True)
    assert [(str(s.to), s.depth) for s in down] == [
        ("mart.sales", 1),
        ("reconciliation.totals", 1),
        ("bi.mart_sales", 2),
        ("notebook.01_sales", 2),
    ]
    assert [str(s.to) for s in walk(lineage, T("core.fact"), down=False)] == ["clean.orders", "raw.orders"]


def test_a_column_hits_what_names_it_and_what_is_made_of_it(world: World) -> None:
    own, *others = hits(world, "clean.orders.amount")
    assert (str(own.node), own.columns) == ("clean.orders", ("amount",))
    assert [(str(h.node), h.columns, h.is_of_rows, h.breaks) for h in others] == [
        ("core.fact", ("net",), False, True),
        ("mart.sales", ("net",), False, False),
        ("reconciliation.totals", ("amount",), False, False),
        ("bi.mart_sales", ("net",), False, False),
        ("notebook.01_sales", ("total",), False, False),
    ]
    assert others[0].rules == ("core.fact.net_is_plausible",)
    assert [h.file for h in others] == [
        "sql/core/fact.sql",
        "sql/mart/sales.sql",
        "sql/reconciliation/totals.sql",
        "contracts/mart/sales.yaml",
        "notebooks/01_sales.ipynb",
    ]


def test_a_filter_changes_rows_however_far_and_makes_no_value(world: World) -> None:
    _, *others = hits(world, "clean.orders.note")
    assert [(str(h.node), h.columns, h.is_of_rows, h.breaks) for h in others] == [
        ("core.fact", (), True, True),
        ("mart.sales", (), True, False),
        ("reconciliation.totals", (), True, False),
        ("bi.mart_sales", (), True, False),
        ("notebook.01_sales", (), True, False),
    ]


def test_a_key_hits_the_relationships_that_refer_to_it(world: World) -> None:
    own, *others = hits(world, "core.dim_state.state")
    assert "core.dim_state.key.unique" in own.rules
    assert [(str(h.node), h.breaks, h.rules) for h in others] == [
        ("core.fact", True, ("core.fact.state.foreign_key",)),
    ]


def test_a_table_that_goes_hits_its_readers_and_those_that_refer_to_it(world: World) -> None:
    own, *others = hits(world, "core.dim_state")
    assert own.is_of_rows
    assert [str(h.node) for h in others] == ["core.fact"]
    _, *others = hits(world, "clean.orders")
    assert [(str(h.node), h.breaks) for h in others] == [
        ("core.dim_state", True),
        ("core.fact", True),
        ("mart.sales", False),
        ("reconciliation.totals", False),
        ("bi.mart_sales", False),
        ("notebook.01_sales", False),
    ]


def test_a_column_that_is_named_for_nothing_fails_its_reader_and_changes_nothing(tmp_path: Path) -> None:
    tree = (
        Tree()
        .with_contract("clean.orders", "order_id varchar(8) key\nstate varchar(8)")
        .with_contract("core.fact", "order_id varchar(8) key", tags=["internal"])
        .with_select("core.fact", "SELECT order_id FROM (SELECT order_id, state FROM clean.orders) AS o")
    )
    root = tree.write(tmp_path / "tree")
    registry = Registry.read(root)
    lineage = read_lineage(root, registry, Graph.read(root, registry))
    state = find(lineage, "clean.orders.state")
    assert [(str(s.to), s.kind) for s in walk(lineage, state, down=True)] == [("core.fact", "named")]
    assert [(str(h.node), h.columns, h.is_of_rows, h.breaks) for h in hits((lineage, registry), str(state))[1:]] == [
        ("core.fact", (), False, True)
    ]


def test_a_table_that_is_counted_without_naming_a_column_fails_its_reader_when_it_goes(tmp_path: Path) -> None:
    tree = (
        Tree()
        .with_contract("clean.orders", "order_id varchar(8) key")
        .with_contract("core.fact", "orders bigint", tags=["internal"])
        .with_select("core.fact", "SELECT COUNT(*) AS orders FROM clean.orders")
    )
    root = tree.write(tmp_path / "tree")
    registry = Registry.read(root)
    world = read_lineage(root, registry, Graph.read(root, registry)), registry
    assert [(str(h.node), h.breaks, h.is_of_rows) for h in hits(world, "clean.orders")[1:]] == [
        ("core.fact", True, True)
    ]
    assert hits(world, "clean.orders.order_id")[1:] == []


def test_a_load_names_the_column_by_which_it_finds_what_changed(tmp_path: Path) -> None:
    load = {"strategy": "upsert", "increment": {"key": "order_id", "from": {"clean.orders": "order_id"}}}
    tree = (
        Tree()
        .with_contract("clean.orders", "order_id varchar(8) key\nstate varchar(8)")
        .with_contract("core.fact", "order_id varchar(8) key", custom={"load": load}, tags=["internal"])
        .with_select("core.fact", "SELECT MAX(state) AS order_id FROM clean.orders")
    )
    root = tree.write(tmp_path / "tree")
    registry = Registry.read(root)
    world = read_lineage(root, registry, Graph.read(root, registry)), registry
    assert [(str(h.node), h.columns, h.breaks) for h in hits(world, "clean.orders.order_id")[1:]] == [
        ("core.fact", (), True)
    ]
