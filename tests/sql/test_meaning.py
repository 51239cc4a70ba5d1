"""Two texts of one meaning have the same marks, and every text that gives other rows has others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sql_harness import contract, graph, registry

from contracts.ids import TableId
from contracts.registry import REPOSITORY, Registry
from sql.graph import Graph
from sql.lineage import ColumnId, Lineage
from sql.meaning import Meaning, is_same_expression, meaning
from sql.qualified import qualified

ORDERS = contract("clean.orders", "order_id varchar(8)\namount integer\nfee integer\nstate varchar(8)\nday date")
CITIES = contract("clean.cities", "state varchar(8)\ncity varchar(8)")
FACT = contract("core.fact", "order_id varchar(8)\nnet integer")
T = TableId("core", "fact")

PLAIN = """
WITH paid AS (
    SELECT order_id, amount, fee, day FROM clean.orders WHERE state = 'paid' AND amount > 0
)
SELECT p.order_id, SUM(p.amount - p.fee) AS net
FROM paid AS p INNER JOIN clean.cities AS c ON c.city = p.order_id
GROUP BY p.order_id
"""


def meant(text: str) -> Meaning:
    contracts, texts = registry(ORDERS, CITIES, FACT), graph({"core.fact": text})
    return meaning(qualified(texts, contracts, T))


SAME = {
    "layout": PLAIN.replace("\n", " "),
    "a comment": PLAIN.replace("FROM paid", "-- why\nFROM paid"),
    "case of words": PLAIN.replace("SELECT", "select").replace("SUM", "sum"),
    "aliases": PLAIN.replace("p.", "q.").replace("AS p", "AS q"),
    "the name of a CTE": PLAIN.replace("paid AS (", "settled AS (").replace("FROM paid", "FROM settled"),
    "order of conditions": PLAIN.replace("state = 'paid' AND amount > 0", "amount > 0 AND 'paid' = state"),
    "brackets": PLAIN.replace("SUM(p.amount - p.fee)", "(SUM((p.amount) - p.fee))"),
    "a column of a CTE that nobody reads": PLAIN.replace("fee, day", "fee"),
    "qualified or not": PLAIN.replace("SELECT order_id, amount", "SELECT orders.order_id, orders.amount"),
    "an order without a limit": PLAIN.rstrip() + "\nORDER BY 1\n",
    "a CTE written in place": """
        SELECT p.order_id, SUM(p.amount - p.fee) AS net
        FROM (SELECT order_id, amount, fee FROM clean.orders WHERE state = 'paid' AND amount > 0) AS p
        INNER JOIN clean.cities AS c ON c.city = p.order_id
        GROUP BY p.order_id
    """,
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_how_a_select_is_written_is_no_meaning(text: str) -> None:
    assert text != PLAIN
    assert meant(text) == meant(PLAIN)


OTHER_VALUES = {
    "an operator": PLAIN.replace("amount - p.fee", "amount + p.fee"),
    "a column": PLAIN.replace("SUM(p.amount - p.fee)", "SUM(p.amount)"),
    "a function": PLAIN.replace("SUM(", "MAX("),
    "an expression below, in a CTE": PLAIN.replace("amount, fee, day", "amount, fee + 1 AS fee, day"),
    "distinct inside": PLAIN.replace("SUM(p.amount", "SUM(DISTINCT p.amount"),
}
OTHER_ROWS = {
    "a condition": PLAIN.replace("amount > 0", "amount >= 0"),
    "AND to OR": PLAIN.replace("AND amount", "OR amount"),
    "a literal": PLAIN.replace("'paid'", "'Paid'"),
    "a join": PLAIN.replace("INNER JOIN", "LEFT JOIN"),
    "what it joins on": PLAIN.replace("c.city = p", "c.state = p"),
    "another table": PLAIN.replace("clean.cities AS c ON c.city", "clean.orders AS c ON c.order_id"),
    "a group": PLAIN.replace("GROUP BY p.order_id", "GROUP BY p.order_id, p.day"),
    "a HAVING": PLAIN.rstrip() + " HAVING COUNT(*) > 1",
    "a limit": PLAIN.rstrip() + " LIMIT 5",
    "an order with a limit": PLAIN.rstrip() + " ORDER BY 1 LIMIT 5",
    "distinct below": PLAIN.replace("SELECT order_id, amount", "SELECT DISTINCT order_id, amount"),
    "a second SELECT": PLAIN.rstrip() + "\nUNION ALL SELECT order_id, fee FROM clean.orders",
}


@pytest.mark.parametrize("text", OTHER_VALUES.values(), ids=OTHER_VALUES)
def test_an_expression_changes_its_column_and_no_other(text: str) -> None:
    old, new = meant(PLAIN), meant(text)
    assert new.rows == old.rows
    assert [name for name in new.columns if new.columns[name] != old.columns[name]] == ["net"]


@pytest.mark.parametrize("text", OTHER_ROWS.values(), ids=OTHER_ROWS)
def test_what_decides_which_rows_there_are_changes_the_rows(text: str) -> None:
    assert meant(text).rows.mark != meant(PLAIN).rows.mark


def test_marks_of_limits_and_unions_differ_among_themselves() -> None:
    marks = [meant(text).rows.mark for text in OTHER_ROWS.values()]
    assert len(set(marks)) == len(marks)


def test_two_reads_of_one_table_are_told_apart() -> None:
    text = """
        SELECT a.order_id, a.amount - b.fee AS net FROM clean.orders AS a
        INNER JOIN clean.orders AS b ON b.order_id = a.state
    """
    turned = text.replace("a.amount - b.fee", "b.amount - a.fee")
    assert meant(text).rows == meant(turned).rows
    assert meant(text).columns["net"] != meant(turned).columns["net"]


def test_a_query_inside_an_expression_counts() -> None:
    text = (
        "SELECT order_id, (SELECT MAX(i.fee) FROM clean.orders AS i WHERE i.day = o.day) AS net FROM clean.orders AS o"
    )
    assert meant(text) == meant(text.replace("i.", "inside.").replace("AS i ", "AS inside "))
    for other in (text.replace("MAX", "MIN"), text.replace("i.day = o.day", "i.day <= o.day")):
        assert meant(text).columns["net"] != meant(other).columns["net"]
    exists = (
        "SELECT order_id, fee AS net FROM clean.orders AS o WHERE {}EXISTS (SELECT 1 FROM clean.cities AS c WHERE {})"
    )
    rows = {
        meant(exists.format(word, condition)).rows.mark
        for word in ("", "NOT ")
        for condition in ("c.city = o.state", "c.state = o.state")
    }
    assert len(rows) == 4


def test_a_recursive_cte_comes_to_an_end() -> None:
    text = """
        WITH RECURSIVE steps AS (
            SELECT order_id, fee FROM clean.orders
            UNION ALL
            SELECT s.order_id, s.fee + 1 FROM steps AS s WHERE s.fee < 9
        )
        SELECT order_id, fee AS net FROM steps
    """
    assert meant(text) == meant(text.replace("AS s ", "AS t ").replace("s.fee", "t.fee").replace("s.order", "t.order"))
    assert meant(text).rows != meant(text.replace("< 9", "< 8")).rows


@given(st.permutations(["state = 'paid'", "amount > 0", "fee < 3", "day IS NOT NULL"]), st.sampled_from("xyz"))
def test_any_order_of_conditions_under_any_alias_is_one_meaning(conditions: list[str], alias: str) -> None:
    texts = [
        f"SELECT {a}.order_id, {a}.fee AS net FROM clean.orders AS {a} WHERE {' AND '.join(f'{a}.{c}' for c in list_)}"
        for a, list_ in ((alias, conditions), ("o", sorted(conditions)))
    ]
    assert meant(texts[0]) == meant(texts[1])


def test_columns_come_from_where_the_lineage_says() -> None:
    contracts = Registry.read(REPOSITORY)
    texts = Graph.read(REPOSITORY, contracts)
    lineage = Lineage(texts, contracts)
    for table in texts.tables:
        if contracts[table].load.strategy != "scd2":  # whose SELECT gives the log
            found = meaning(qualified(texts, contracts, table))
            for name, part in found.columns.items():
                assert part.of == lineage.sources(table, name), (table, name)


def test_rows_name_what_filters_joins_and_groups() -> None:
    assert meant(PLAIN).rows.of == {ColumnId(ORDERS.table, name) for name in ("state", "amount", "order_id")} | {
        ColumnId(CITIES.table, "city")
    }


def test_expressions_are_compared_without_their_layout() -> None:
    assert is_same_expression("a >= b + 1 and (c = 2)", "c = 2   AND a >= (b+1)")
    assert not is_same_expression("a >= b", "a > b")
    assert is_same_expression("a ((", " a  ((")
    assert not is_same_expression("a ((", "b ((")
