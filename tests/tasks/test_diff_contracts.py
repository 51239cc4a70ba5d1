"""What two revisions of a contract say otherwise: columns, tables, key, load; what is the same is no difference."""

from __future__ import annotations

from typing import Any

import pytest
from diff_shop import FACT, ORDERS, RAW, SHOP, Told, one, only, reached
from hypothesis import given
from hypothesis import strategies as st
from small_tree import Tree

from contracts.ids import TableId
from contracts.registry import REPOSITORY
from tasks.diff.compare import compare
from tasks.diff.markdown import markdown
from tasks.diff.model import Level
from tasks.diff.revision import Revision, read_folders


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
    assert (found.level, found.advice and found.advice.fault) == (Level.NEUTRAL, "")
    assert not found.is_restated


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
        ({"strategy": "upsert", "window": "all"}, Level.NEUTRAL),
        (
            {"strategy": "replace", "increment": {"key": "order_id", "from": {"clean.orders": "order_id"}}},
            Level.NEUTRAL,
        ),
    ],
)
def test_a_load_changes(diff: Told, load: dict[str, Any], level: Level) -> None:
    found = diff(SHOP, SHOP.with_contract("core.fact", FACT, custom={"load": load}))
    assert found.level is level
    assert found.restated == ([TableId("core", "fact")])


def test_a_clean_table_that_appends_is_another(diff: Told) -> None:
    found = diff(SHOP, SHOP.with_contract("clean.orders", ORDERS, custom={"load": {"strategy": "append"}}))
    assert one(found, "strategy").level is Level.BREAKING
    assert {str(r.table) for r in reached(found)} == {"core.fact", "mart.sales"}


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
