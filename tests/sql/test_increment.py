"""The derived increment: what a scoped SELECT reads, and when a contract and its SELECT do not go together."""

from __future__ import annotations

import pytest
from sql_harness import contract, registry

from sql.dialect import parse_select, to_redshift
from sql.increment import faults, read_of_a_version, scoped

ORDERS = contract("clean.orders", "order_id varchar(8) key\namount integer")
LINES = contract("clean.lines", "line_id varchar(8) key\norder_ref varchar(8)\nsku varchar(8)")
DIM = contract("core.dim_sku", "sku varchar(8) key\nname varchar(8)\neffective_from timestamp\neffective_to timestamp")
RATES = contract("clean.rates", "day date key\nrate integer")
ALL = registry(ORDERS, LINES, DIM, RATES)
SELECT = """
WITH orders AS (SELECT order_id, amount FROM clean.orders)
SELECT o.order_id, l.sku, d.name, r.rate
FROM orders AS o
JOIN clean.lines AS l ON l.order_ref = o.order_id
LEFT JOIN core.dim_sku AS d ON d.sku = l.sku
CROSS JOIN clean.rates AS r
UNION ALL
SELECT lines.order_ref, lines.sku, 'x', 1 FROM clean.lines
"""
SOURCES = {
    "clean.orders": "order_id",
    "clean.lines": "order_ref",
    "core.dim_sku": {"on": {"sku": "sku"}, "at": "sold_at"},
    "clean.rates": None,
}


def fact(sources: dict[str, object], **load: object):
    columns = "order_id varchar(8) key\nsku varchar(8)\nname varchar(8)\nrate integer\nsold_at timestamp\nday date"
    increment = {"key": "order_id", "from": sources}
    return contract("core.fact", columns, {"strategy": "upsert", "increment": increment, **load})


def one_line(text: str) -> str:
    return " ".join(text.split()).replace("( ", "(").replace(" )", ")")


def test_sources_with_a_column_are_read_by_the_taken_keys_and_the_others_whole() -> None:
    text = one_line(to_redshift(scoped(parse_select(SELECT, "x.sql"), fact(SOURCES), ALL)))
    keys = "(SELECT order_id FROM stage.taken__core__fact)"
    lines = f"(SELECT line_id, order_ref, sku FROM clean.lines WHERE order_ref IN {keys})"
    assert f"FROM (SELECT order_id, amount FROM clean.orders WHERE order_id IN {keys}) AS orders" in text
    assert f"JOIN {lines} AS l ON" in text
    assert text.endswith(f"FROM {lines} AS lines")
    assert "LEFT JOIN core.dim_sku AS d" in text
    assert "CROSS JOIN clean.rates AS r" in text


def test_rows_of_the_taken_keys_are_looked_for_in_their_span() -> None:
    text = one_line(to_redshift(scoped(parse_select(SELECT, "x.sql"), fact(SOURCES), ALL, in_span=True)))
    keys = "(SELECT order_id FROM stage.taken__core__fact)"
    assert f"clean.orders WHERE order_id IN {keys} AND order_id BETWEEN :first_key AND :last_key)" in text
    assert text.count(f"order_ref IN {keys} AND order_ref BETWEEN :first_key AND :last_key)") == 2


def test_without_an_increment_nothing_is_scoped_and_the_select_given_is_never_changed() -> None:
    select = parse_select(SELECT, "x.sql")
    before = to_redshift(select)
    assert to_redshift(scoped(select, contract("core.fact", "a integer"), ALL)) == before
    scoped(select, fact(SOURCES), ALL)
    assert to_redshift(select) == before


def test_a_fitting_contract_has_no_fault() -> None:
    assert list(faults(parse_select(SELECT, "x.sql"), fact(SOURCES), ALL)) == []


def without(name: str) -> dict[str, object]:
    return {k: v for k, v in SOURCES.items() if k != name}


def test_a_table_that_reads_the_whole_history_says_so_and_no_increment_beside_it() -> None:
    whole = contract("core.fact", "a integer", {"strategy": "replace", "window": "all"})
    assert not list(faults(parse_select(SELECT, "x.sql"), whole, ALL))
    with pytest.raises(ValueError, match="name one"):
        fact(SOURCES, window="all")


@pytest.mark.parametrize(
    ("sources", "load", "fault"),
    [
        (without("clean.rates"), {}, "reads clean.rates, which load.increment.from does not name"),
        ({**SOURCES, "clean.rates": {"on": {"day": "day"}}}, {}, "join it LEFT, or match `every`"),
        ({**SOURCES, "clean.extra": None}, {}, "names clean.extra, which the SELECT does not read"),
        ({**SOURCES, "clean.lines": "order_id"}, {}, "maps clean.lines by column order_id, which it does not have"),
        ({**SOURCES, "core.dim_sku": {"on": {"skux": "sku"}}}, {}, "our column skux"),
        ({**SOURCES, "core.dim_sku": {"on": {"sku": "skux"}}}, {}, "its column skux"),
        ({**SOURCES, "core.dim_sku": {"on": {"sku": "sku"}, "at": "then"}}, {}, "at then, which we do not have"),
        (
            {**SOURCES, "clean.orders": {"on": {"order_id": "order_id"}, "at": "sold_at"}},
            {},
            "no effective_from/effective_to",
        ),
        (SOURCES, {"strategy": "snapshot", "partition": "day"}, "the increment key must be day"),
        (SOURCES, {"increment": {"key": "sku", "from": SOURCES}}, "increment key sku must be required"),
        (SOURCES, {"increment": None}, "name the rows that a change touches, or say `window: all`"),
        (SOURCES, {"strategy": "scd2", "effective": "at", "tracked": ["sku"], "increment": None}, "durable key"),
    ],
)
def test_faults_between_select_and_contract(sources: dict[str, object], load: dict[str, object], fault: str) -> None:
    found = list(faults(parse_select(SELECT, "x.sql"), fact(sources, **load), ALL))
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ("d.name", ["sku", "name", "effective_from"]),
        ("COUNT(*)", ["sku", "effective_from"]),
        ("d.effective_to", ["sku", "effective_from", "effective_to"]),
        ("CASE WHEN l.other_at < d.effective_to THEN 1 END", ["sku", "effective_from", "effective_to"]),
        ("CASE WHEN d.effective_to < l.sold_at THEN 1 END", ["sku", "effective_from", "effective_to"]),
        ("*", ["sku", "name", "effective_from", "effective_to"]),
    ],
)
def test_what_a_select_reads_of_a_version_beside_the_end_that_finds_it(reads: str, expected: list[str]) -> None:
    text = f"""
        SELECT {reads} FROM clean.lines AS l JOIN core.dim_sku AS d
        ON d.sku = l.sku AND l.sold_at >= d.effective_from AND l.sold_at < d.effective_to
    """
    assert list(read_of_a_version(parse_select(text, "x.sql"), DIM, "sold_at")) == expected
