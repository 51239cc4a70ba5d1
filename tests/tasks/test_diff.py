"""What two revisions say otherwise: each change with its level, migration and reach, and the version it asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tree import Tree

from contracts.ids import TableId
from contracts.registry import REPOSITORY
from expectations.rules import Rule
from tasks.diff.compare import compare
from tasks.diff.markdown import LONGEST, MARKER, markdown
from tasks.diff.model import Change, Diff, Level, TableDiff
from tasks.diff.revision import Revision, read_folders
from tasks.diff.rule_changes import is_stricter
from tasks.diff.version import advice

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


@pytest.fixture
def diff(tmp_path: Path) -> Told:
    """The difference of two trees."""

    def told(old: Tree, new: Tree) -> Diff:
        return compare(*read_folders((old.write(tmp_path / "old"), "old"), (new.write(tmp_path / "new"), "new")))

    return told


def only(diff: Diff, table: str | None = None) -> TableDiff:
    (found,) = [t for t in diff.tables if table in (None, str(t.table))]
    return found


def one(diff: Diff, name: str) -> Change:
    (found,) = [change for table in diff.tables for change in table.changes if change.name == name]
    return found


# Nothing


def test_a_tree_and_itself_do_not_differ(diff: Told) -> None:
    found = diff(SHOP, SHOP)
    assert found.is_empty
    assert (found.level, found.reached, found.tests) == (Level.NONE, (), ())
    assert "no difference" in markdown(found)


def test_the_repository_and_itself_do_not_differ() -> None:
    here, again = read_folders((REPOSITORY, "here"), (REPOSITORY, "again"))
    found = compare(here, again)
    assert found.is_empty
    assert found.faults == ()
    assert len(here.registry) > 60
    assert len(here.meanings) == len(here.graph.tables) > 30


def test_layout_and_comments_of_yaml_say_nothing(diff: Told) -> None:
    path = "contracts/clean/orders.yaml"
    assert diff(
        SHOP, SHOP.with_file(path, "# a word\n" + SHOP.files[path].replace("varchar(64)", "'varchar(64)'"))
    ).is_empty


# Columns

NAMES = st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True, max_size=4)
TYPES = st.sampled_from(["varchar(8)", "integer", "decimal(9,2)", "timestamp"])


@given(NAMES, NAMES, st.data())
def test_columns_that_come_are_additive_and_those_that_go_breaking(
    tmp_path_factory: pytest.TempPathFactory, kept: list[str], came: list[str], data: st.DataObject
) -> None:
    types = {name: data.draw(TYPES) for name in sorted({*kept, *came})}
    lines = {name: f"{name} {type_}" for name, type_ in types.items()}
    old = ["id varchar(8) key", *(lines[name] for name in kept)]
    new = [*old, *(lines[name] for name in came if name not in kept)]
    root = tmp_path_factory.mktemp("trees")
    sides = [
        Revision.read(
            Tree().with_contract("clean.orders", "\n".join(columns)).write(root / name), name, lambda file: False
        )
        for name, columns in (("old", old), ("new", new))
    ]
    there, back = compare(*sides), compare(*reversed(sides))
    if old == new:
        assert there.is_empty
        assert back.is_empty
    else:
        assert (there.level, back.level) == (Level.ADDITIVE, Level.BREAKING)
        assert {c.name for c in only(there).changes} == {c.name for c in only(back).changes} == set(came) - set(kept)
        assert {c.verdict for c in only(there).changes} == {"in place"}
        assert {c.verdict for c in only(back).changes} == {"refused"}


@pytest.mark.parametrize(
    ("line", "level", "verdict", "text"),
    [
        ("note varchar(128)", Level.ADDITIVE, "in place", "type varchar(64) → varchar(128) (wider)"),
        ("note varchar(32)", Level.BREAKING, "refused", "type varchar(64) → varchar(32) (not every value fits)"),
        ("note integer", Level.BREAKING, "refused", "type varchar(64) → integer (not every value fits)"),
        ("note varchar(64) required", Level.ADDITIVE, None, "must have a value now"),
        ("remark varchar(64)", Level.BREAKING, "refused", "renamed to remark, it seems"),
        ("remark integer", Level.BREAKING, "refused", "removed (varchar(64))"),
    ],
)
def test_a_column_changes(diff: Told, line: str, level: Level, verdict: str | None, text: str) -> None:
    new = SHOP.with_contract("clean.orders", ORDERS.replace("note varchar(64)", line))
    change = one(diff(SHOP, new), "note")
    assert (change.level, change.verdict, change.text) == (level, verdict, text)


def test_a_number_grows_by_a_copy_and_a_required_column_lets_go_by_one(diff: Told) -> None:
    grown = SHOP.with_contract("clean.orders", ORDERS.replace("amount integer", "amount bigint"))
    change = one(diff(SHOP, grown), "amount")
    assert (change.level, change.verdict) == (Level.ADDITIVE, "copy")
    loose = SHOP.with_contract("clean.orders", ORDERS.replace("amount integer required", "amount integer"))
    change = one(diff(SHOP, loose), "amount")
    assert (change.level, change.verdict, change.text) == (Level.BREAKING, "copy", "may be empty now")


def test_statements_are_those_of_the_migration(diff: Told) -> None:
    new = SHOP.with_contract("clean.orders", ORDERS + "\nplace varchar(8)", version="1.1.0")
    assert only(diff(SHOP, new)).statements == ("ALTER TABLE clean.orders ADD COLUMN place VARCHAR(8)",)
    refused = SHOP.with_contract("clean.orders", ORDERS + "\nplace varchar(8) required")
    found = only(diff(SHOP, refused))
    assert found.statements == ()
    assert found.is_refused
    assert "has no value" in found.changes[0].note or "no value for it" in found.changes[0].note


def test_the_key_changes(diff: Told) -> None:
    new = SHOP.with_contract("clean.orders", ORDERS.replace("state varchar(8)", "state varchar(8) key"))
    change = one(diff(SHOP, new), "primary key")
    assert (change.level, change.verdict, change.text) == (Level.BREAKING, "refused", "(order_id) → (order_id, state)")


def test_what_is_asked_of_those_who_deliver_breaks_the_other_way_round(diff: Told) -> None:
    came = SHOP.with_contract("raw.orders", RAW + "\nplace varchar(8)", version="1.1.0")
    assert diff(SHOP, came).level is Level.BREAKING
    since = {"place": {"custom": {"since": "1.1.0"}}}
    later = SHOP.with_contract("raw.orders", RAW + "\nplace varchar(8)", version="1.1.0", of_columns=since)
    assert diff(SHOP, later).level is Level.ADDITIVE
    strict = SHOP.with_contract("raw.orders", RAW.replace("amount varchar(16)", "amount varchar(16) required"))
    assert one(diff(SHOP, strict), "amount").level is Level.BREAKING
    assert one(diff(strict, SHOP), "amount").level is Level.ADDITIVE
    other = SHOP.with_contract("raw.orders", RAW, custom={"delivery": {"file": "o.csv", "format": "csv"}})
    assert one(diff(SHOP, other), "file").level is Level.BREAKING


def test_personal_data_is_told(diff: Told) -> None:
    hidden = SHOP.with_contract("clean.orders", ORDERS, of_columns={"note": {"custom": {"mask": "redact"}}})
    assert "personal data now" in one(diff(SHOP, hidden), "note").text
    assert one(diff(SHOP, hidden), "note").level is Level.BREAKING
    assert "no longer hidden" in one(diff(hidden, SHOP), "note").text


def test_words_ask_for_no_version(diff: Told) -> None:
    new = SHOP.with_file("contracts/core/fact.yaml", SHOP.files["contracts/core/fact.yaml"].replace("The net", "Net"))
    found = only(diff(SHOP, new))
    assert (found.level, found.advice and found.advice.fault) == (Level.PATCH, "")
    assert not found.is_restated


# Tables


def test_tables_come_and_go(diff: Told) -> None:
    more = SHOP.with_contract("core.dim", "id varchar(8) key").with_select(
        "core.dim", "SELECT order_id AS id FROM clean.orders"
    )
    came, went = diff(SHOP, more), diff(more, SHOP)
    assert (only(came).kind, came.level, came.restated) == ("added", Level.ADDITIVE, [TableId("core", "dim")])
    assert only(came).statements[0].startswith("CREATE TABLE IF NOT EXISTS core.dim")
    assert (only(went).kind, went.level) == ("dropped", Level.BREAKING)


@pytest.mark.parametrize(
    ("load", "level"),
    [
        ({"strategy": "upsert", "window": "all"}, Level.PATCH),
        ({"strategy": "replace", "increment": {"key": "order_id", "from": {"clean.orders": "order_id"}}}, Level.PATCH),
    ],
)
def test_a_load_changes(diff: Told, load: dict[str, Any], level: Level) -> None:
    found = diff(SHOP, SHOP.with_contract("core.fact", FACT, custom={"load": load}))
    assert found.level is level
    assert found.restated == ([TableId("core", "fact")])


def test_a_clean_table_that_appends_is_another(diff: Told) -> None:
    found = diff(SHOP, SHOP.with_contract("clean.orders", ORDERS, custom={"load": {"strategy": "append"}}))
    assert one(found, "strategy").level is Level.BREAKING
    assert {str(r.table) for r in found.reached} == {"core.fact", "mart.sales"}


def test_thresholds_and_latency(diff: Told) -> None:
    low, high = (
        SHOP.with_contract("clean.orders", ORDERS, custom={"thresholds": {"validity": share}}) for share in (0.5, 0.9)
    )
    assert one(diff(high, low), "conformity").level is Level.BREAKING
    assert one(diff(low, high), "conformity").level is Level.ADDITIVE
    slow, quick = (
        SHOP.with_contract("clean.orders", ORDERS, slaProperties=[{"property": "latency", "value": n, "unit": "h"}])
        for n in (24, 2)
    )
    assert diff(quick, slow).level is Level.BREAKING
    assert diff(slow, quick).level is Level.ADDITIVE
    assert diff(quick, SHOP).level is Level.BREAKING


# Rules


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


@pytest.mark.parametrize(
    ("old", "new", "level", "text"),
    [
        ("block", "quarantine", Level.ADDITIVE, "verdict block → quarantine"),
        ("quarantine", "warn", Level.BREAKING, "verdict quarantine → warn"),
        ("warn", "block", Level.ADDITIVE, "verdict warn → block"),
    ],
)
def test_a_verdict_changes(diff: Told, old: str, new: str, level: Level, text: str) -> None:
    change = one(diff(with_rule(old, AMOUNTS), with_rule(new, AMOUNTS)), "checked")
    assert (change.level, change.text) == (level, text)


def test_rules_come_and_go(diff: Told) -> None:
    ruled = with_rule("block", AMOUNTS)
    assert one(diff(SHOP, ruled), "checked").level is Level.ADDITIVE
    assert one(diff(ruled, SHOP), "checked").level is Level.BREAKING
    assert diff(SHOP, with_rule("warn", AMOUNTS)).level is Level.PATCH
    states = {"rule": "condition", "columns": ["state"], "sql": "state = 'paid'"}
    asked = with_rule("quarantine", states, "raw")
    assert one(diff(SHOP, asked), "checked").level is Level.BREAKING
    assert one(diff(asked, SHOP), "checked").level is Level.ADDITIVE


def test_rows_that_are_set_aside_are_rows_that_readers_lack(diff: Told) -> None:
    found = diff(SHOP, with_rule("quarantine", AMOUNTS))
    assert {str(r.table): r.is_of_rows for r in found.reached} == {"core.fact": True, "mart.sales": True}
    assert diff(SHOP, with_rule("block", AMOUNTS)).reached == ()


def test_a_rule_that_follows_from_a_column_is_told_once(diff: Told) -> None:
    new = SHOP.with_contract(
        "clean.orders", ORDERS.replace("note varchar(64)", "note varchar(128) required") + "\nx date required"
    )
    assert [(c.subject, c.name) for c in only(diff(SHOP, new)).changes if c.name != "x"] == [("column", "note")] * 2


def test_a_condition_is_compared_without_its_layout(diff: Told) -> None:
    old, same, other = (
        with_rule("block", {"rule": "condition", "columns": ["amount"], "sql": sql})
        for sql in ("amount > 0 and state = 'x'", "state='x' AND  (amount > 0)", "amount > 1 and state = 'x'")
    )
    assert diff(old, same).is_empty
    change = one(diff(old, other), "checked")
    assert change.level is Level.BREAKING
    assert "cannot be told" in change.note


BOUNDS = st.one_of(st.none(), st.integers(-3, 3))
INTERVALS = st.builds(
    lambda low, high, open_low, open_high: {
        "min": low,
        "max": high,
        "min_exclusive": open_low,
        "max_exclusive": open_high,
    },
    BOUNDS,
    BOUNDS,
    st.booleans(),
    st.booleans(),
)


def kept_by(interval: dict[str, Any]) -> set[float]:
    """The halves from -4 to 4 that lie in an interval: an oracle that shares no code."""
    low, high = interval["min"], interval["max"]
    halves = [n / 2 for n in range(-8, 9)]
    above = [v for v in halves if low is None or v > low or (v == low and not interval["min_exclusive"])]
    return {v for v in above if high is None or v < high or (v == high and not interval["max_exclusive"])}


@given(INTERVALS, INTERVALS)
def test_a_stricter_interval_keeps_no_value_that_the_other_does_not(old: dict[str, Any], new: dict[str, Any]) -> None:
    before, after = kept_by(old), kept_by(new)
    rules = [Rule("r", "between", ("a",), args) for args in (old, new)]
    found = is_stricter(*rules)
    if found:
        assert after <= before
    elif found is False:
        assert before <= after
    elif before and after:
        assert not before <= after or not after <= before or before == after


@given(st.frozensets(st.sampled_from("abcd"), min_size=1), st.frozensets(st.sampled_from("abcd"), min_size=1))
def test_fewer_allowed_values_are_stricter(old: frozenset[str], new: frozenset[str]) -> None:
    rules = [Rule("r", "in_set", ("a",), {"values": sorted(values)}) for values in (old, new)]
    expected = True if new < old else False if old < new else None
    assert is_stricter(*rules) is expected


@pytest.mark.parametrize(("old", "new"), list(product(["<", "<=", ">", ">=", "="], repeat=2)))
def test_strictness_of_a_comparison(old: str, new: str) -> None:
    rules = [Rule("r", "compare", ("a", "b"), {"operator": operator}) for operator in (old, new)]
    holds = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}
    holds["="] = lambda a, b: a == b
    before, after = ({(a, b) for a, b in product(range(3), repeat=2) if holds[o](a, b)} for o in (old, new))
    if old != new and (found := is_stricter(*rules)) is not None:
        assert found == (after < before)
        assert after < before or before < after


# SQL and its reach


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
    assert [(str(r.table), r.columns, r.is_of_rows) for r in values.reached] == [("mart.sales", ("net",), False)]
    rows = diff(SHOP, SHOP.with_file(path, SHOP.files[path].replace("note IS NULL", "state IS NULL")))
    assert [(str(r.table), r.columns, r.is_of_rows) for r in rows.reached] == [("mart.sales", (), True)]
    grouped = diff(SHOP, SHOP.with_file(path, SHOP.files[path].replace(", state", ", UPPER(state) AS state")))
    assert [(str(r.table), r.columns, r.is_of_rows) for r in grouped.reached] == [("mart.sales", ("state",), True)]


def test_a_column_that_goes_is_looked_for_where_it_was_read(diff: Told) -> None:
    gone = SHOP.with_contract("clean.orders", ORDERS.replace("\nnote varchar(64)", ""))
    found = diff(SHOP, gone)
    assert [(str(r.table), r.is_of_rows) for r in found.reached] == [("core.fact", True), ("mart.sales", True)]
    ((side, text),) = [(f.side, f.text) for f in found.faults]
    assert side == "head"
    assert text.startswith("sql/core/fact.sql:1: Column 'note' could not be resolved")
    delivered = SHOP.with_contract("raw.orders", RAW.replace("\nstate varchar(8)", ""))
    assert [(str(r.table), r.columns) for r in diff(SHOP, delivered).reached] == [
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


# What cannot be read


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


# Versions


@pytest.mark.parametrize(
    ("old", "new", "level", "wanted", "is_fault"),
    [
        ("1.2.3", "1.2.3", Level.BREAKING, "2.0.0", True),
        ("1.2.3", "1.3.0", Level.BREAKING, "2.0.0", True),
        ("1.2.3", "2.0.0", Level.BREAKING, "2.0.0", False),
        ("1.2.3", "3.0.0", Level.BREAKING, "2.0.0", False),
        ("1.2.3", "1.2.4", Level.ADDITIVE, "1.3.0", True),
        ("1.2.3", "1.3.0", Level.ADDITIVE, "1.3.0", False),
        ("1.2.3", "1.2.3", Level.PATCH, None, False),
        ("1.2.3", "1.2.2", Level.NONE, "1.2.3", True),
        ("1.9.0", "1.10.0", Level.ADDITIVE, "1.10.0", False),
        ("one", "1.0.0", Level.NONE, None, True),
    ],
)
def test_which_version_a_change_asks_for(old: str, new: str, level: Level, wanted: str | None, is_fault: bool) -> None:
    told = advice(old, new, level)
    assert (told.wanted, bool(told.fault)) == (wanted, is_fault)


def test_a_contract_that_was_not_bumped_is_told(diff: Told) -> None:
    late, bumped = (
        SHOP.with_contract("clean.orders", ORDERS + "\nplace varchar(8)", version=version)
        for version in ("1.0.0", "1.1.0")
    )
    assert [str(t.table) for t in diff(SHOP, late).unbumped] == ["clean.orders"]
    assert diff(SHOP, bumped).unbumped == []


# Markdown


def test_a_comment_has_one_marker_first_and_closes_what_it_opens(diff: Told) -> None:
    new = SHOP.with_contract("clean.orders", ORDERS.replace("amount integer required", "amount smallint"))
    text = markdown(diff(SHOP, new))
    assert text.startswith(f"{MARKER}\n")
    assert text.count(MARKER) == 1
    assert text.count("<details>") == text.count("</details>") > 0
    assert "⛔" in text
    assert "2.0.0" in text


def test_words_of_a_contract_make_no_mark_up(diff: Told) -> None:
    evil = "</details> <img src=x> @someone | **bold** `code` [x](http://y) ```\n# Title"
    rule = {
        "id": "checked",
        "type": "custom",
        "engine": "warehouse",
        "implementation": AMOUNTS,
        "description": evil,
    }
    text = markdown(diff(SHOP, SHOP.with_contract("clean.orders", ORDERS, quality=(rule,))))
    outside = re.sub(r"`[^`]*`", "", text)
    assert "<img" not in outside.replace("\\<img", "")
    assert "@someone" not in outside
    assert "</details>" in text
    assert text.count("<details>") == len(re.findall(r"(?<!\\)</details>", text))
    assert not re.search(r"^# Title", text, re.MULTILINE)


def test_a_fence_is_longer_than_what_it_holds(diff: Told) -> None:
    path = "sql/core/fact.sql"
    text = markdown(diff(SHOP, SHOP.with_file(path, SHOP.files[path].replace("note IS NULL", "note = '```'"))))
    assert "````diff" in text


@pytest.mark.parametrize("size", [20, 400, 4000])
def test_a_comment_is_never_longer_than_github_takes(diff: Told, size: int) -> None:
    columns = "id varchar(8) key\n" + "\n".join(
        f"column_{n}_😀".replace("😀", "x") + " varchar(8)" for n in range(size // 20)
    )
    many = Tree()
    for n in range(20):
        many = many.with_contract(f"clean.table_{n}", columns)
    old = Tree()
    for n in range(20):
        old = old.with_contract(f"clean.table_{n}", "id varchar(8) key")
    text = markdown(diff(old, many))
    assert len(text.encode("utf-16-le")) // 2 <= LONGEST < 65_536
    assert text.startswith(MARKER)
    assert text.count("<details>") == text.count("</details>")
