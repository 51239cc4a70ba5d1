"""SELECTs of another meaning, whom a change reaches, and what cannot be read."""

from __future__ import annotations

import pytest
from diff_shop import FACT, ORDERS, RAW, SHOP, Told, only, reached

from contracts.ids import TableId
from tasks.diff.model import Level


def test_a_select_changes_by_meaning_or_not(diff: Told) -> None:
    path = "sql/mart/sales.sql"
    said = SHOP.with_file(path, "-- why\n" + SHOP.files[path].replace("f.", "x.").replace("AS f", "AS x"))
    found = diff(SHOP, said)
    assert (found.level, only(found).sql is not None, found.reached) == (Level.NONE, True, ())
    assert only(found).sql.is_of_meaning is False  # type: ignore[union-attr]
    assert found.restated == [TableId("mart", "sales")]  # a text is restated by its letters

    meant = only(diff(SHOP, SHOP.with_file(path, SHOP.files[path].replace("SUM", "MAX")))).sql
    assert meant is not None
    assert (meant.columns, meant.is_of_rows) == (("net",), False)
    assert meant.clauses == ("net: SUM(f.net) → MAX(f.net)",)


def test_reach_by_values_and_by_rows(diff: Told) -> None:
    path = "sql/core/fact.sql"
    values = diff(SHOP, SHOP.with_file(path, SHOP.files[path].replace("amount AS net", "amount * 2 AS net")))
    assert [(str(r.table), r.columns, r.is_of_rows) for r in reached(values)] == [("mart.sales", ("net",), False)]
    rows = diff(SHOP, SHOP.with_file(path, SHOP.files[path].replace("note IS NULL", "state IS NULL")))
    assert [(str(r.table), r.columns, r.is_of_rows) for r in reached(rows)] == [("mart.sales", (), True)]
    grouped = diff(SHOP, SHOP.with_file(path, SHOP.files[path].replace(", state", ", UPPER(state) AS state")))
    assert [(str(r.table), r.columns, r.is_of_rows) for r in reached(grouped)] == [("mart.sales", ("state",), True)]


def test_a_column_that_goes_is_looked_for_where_it_was_read(diff: Told) -> None:
    gone = SHOP.with_contract("clean.orders", ORDERS.replace("\nnote varchar(64)", ""))
    found = diff(SHOP, gone)
    assert [(str(r.table), r.is_of_rows) for r in reached(found)] == [("core.fact", True), ("mart.sales", True)]
    ((side, text),) = [(f.side, f.text) for f in found.faults]
    assert side == "head"
    assert text.startswith("sql/core/fact.sql:1: Column 'note' could not be resolved")
    delivered = SHOP.with_contract("raw.orders", RAW.replace("\nstate varchar(8)", ""))
    assert [(str(r.table), r.columns) for r in reached(diff(SHOP, delivered))] == [
        ("clean.orders", ("state",)),
        ("core.fact", ("state",)),
        ("mart.sales", ("state",)),
    ]


def test_a_wider_column_whose_reader_stayed_narrow_is_told(diff: Told) -> None:
    wide = SHOP.with_contract("clean.orders", ORDERS.replace("state varchar(8)", "state varchar(20)"))
    found = diff(SHOP, wide)
    assert found.narrow == (
        "core.fact.state is varchar(8), and is made from clean.orders.state, which is varchar(20) now",
    )
    cut = FACT.replace("state varchar(8)", "state varchar(4)")
    assert diff(SHOP.with_contract("core.fact", cut), wide.with_contract("core.fact", cut)).narrow == ()
    both = wide.with_contract("core.fact", FACT.replace("state varchar(8)", "state varchar(20)"))
    assert [text.partition(" ")[0] for text in diff(SHOP, both).narrow] == ["mart.sales.state"]


def test_test_cases_checks_and_deployments_are_named(diff: Told) -> None:
    check = (
        "SELECT TRUE AS is_expected, day AS reconciliation_date, 'INR' AS currency_code, order_id AS record_id, "
        "net AS amount, 1 AS row_count FROM core.fact"
    )
    full = (
        SHOP.with_file("sql/reconciliation/totals.sql", check)
        .with_file("tests/cases/mart/sales.yaml", "[]")
        .with_file("prefect.yaml", "deployments: [{name: daily, tags: [a]}, {name: hourly}]")
    )
    path = "sql/core/fact.sql"
    new = full.with_file(path, SHOP.files[path].replace("amount AS", "amount + 1 AS"))
    found = diff(full, new)
    assert (found.checks, found.tests) == (("totals",), ("tests/cases/mart/sales.yaml",))
    changed = full.with_file("prefect.yaml", "deployments: [{name: daily, tags: [b]}]")
    assert [(o.what, o.name, o.kind, o.text) for o in diff(full, changed).others] == [
        ("deployment", "daily", "changed", "tags"),
        ("deployment", "hourly", "dropped", ""),
    ]
    checked = full.with_file("sql/reconciliation/totals.sql", check + " WHERE net > 0")
    assert [(o.what, o.name, o.kind) for o in diff(full, checked).others] == [("check", "totals", "changed")]


NO_NAME = SHOP.files["contracts/core/fact.yaml"].replace("name: net", "name: 7")
NO_RULE = SHOP.with_contract("core.fact", FACT, quality=({"id": "a", "customProperties": None},)).files[
    "contracts/core/fact.yaml"
]


@pytest.mark.parametrize("side", ["old", "new"])
@pytest.mark.parametrize(
    "text", ["a: [", "", "id: core.fact", "id: nowhere.fact\nschema: []", "\x00", "- 1", NO_NAME, NO_RULE], ids=range(8)
)
def test_a_broken_contract_is_told_and_the_rest_is_compared(diff: Told, side: str, text: str) -> None:
    broken = SHOP.with_file("contracts/core/fact.yaml", text)
    changed = SHOP.with_contract("clean.orders", ORDERS + "\nplace varchar(8)")
    if side == "old":
        found = diff(broken, changed)
        assert {f.side for f in found.faults} == {"base"}
    else:
        found = diff(SHOP, changed.with_file("contracts/core/fact.yaml", text))
        assert {f.side for f in found.faults} == {"head"}
    assert any("contracts/core/fact.yaml" in f.text for f in found.faults)
    assert [str(t.table) for t in found.tables] == ["clean.orders"]


@pytest.mark.parametrize(
    "text", ["SELECT FROM WHERE", "SELECT 1; SELECT 2", "DELETE FROM core.fact", "SELECT x FROM nowhere.y"]
)
def test_a_broken_select_is_told_and_the_rest_is_compared(diff: Told, text: str) -> None:
    new = SHOP.with_contract("clean.orders", ORDERS + "\nplace varchar(8)").with_select("core.fact", text)
    found = diff(SHOP, new)
    assert any(f.side == "head" and "sql/core/fact.sql" in f.text for f in found.faults)
    assert [str(t.table) for t in found.tables] == ["clean.orders"]


@pytest.mark.parametrize("text", ["SELECT 1", "SELECT", "SELECT {} FROM nowhere.y", "SELECT {} FROM core.Fact"])
def test_a_broken_check_is_told_and_the_rest_is_compared(diff: Told, text: str) -> None:
    columns = "TRUE AS is_expected, day AS reconciliation_date, 'INR' AS currency_code, a AS record_id, 1 AS amount"
    file = "sql/reconciliation/totals.sql"
    new = SHOP.with_contract("clean.orders", ORDERS + "\nplace varchar(8)")
    found = diff(SHOP, new.with_file(file, text.format(f"{columns}, 1 AS row_count")))
    assert any(f.side == "head" and file in f.text for f in found.faults) or text.endswith("core.Fact")
    assert [str(t.table) for t in found.tables] == ["clean.orders"]


def test_a_contract_that_is_broken_on_both_sides_is_told(diff: Told) -> None:
    broken = SHOP.with_file("contracts/core/fact.yaml", NO_RULE)
    changed = broken.with_contract("clean.orders", ORDERS + "\nplace varchar(8)")
    found = diff(broken, changed)
    assert {f.side for f in found.faults} == {"base", "head"}
    assert all("contracts/core/fact.yaml" in f.text for f in found.faults)
    assert [str(t.table) for t in found.tables] == ["clean.orders"]


def test_a_union_that_is_short_of_a_column_is_compared(diff: Told) -> None:
    text = "SELECT order_id, amount AS net, state FROM clean.orders UNION ALL SELECT order_id, amount FROM clean.orders"
    assert only(diff(SHOP, SHOP.with_select("core.fact", text))).sql is not None
