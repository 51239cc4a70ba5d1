"""What a publish does to a history, what it refuses, and whom it wakes; and the form of all statements."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlglot
from sql_harness import Bench, MakeBench, Refused, contract, counts
from test_merge import ORDERS

from sql import merge

T1, T2, T3 = datetime(2024, 1, 1, 10), datetime(2024, 1, 2, 10), datetime(2024, 1, 3, 10)

CUSTOMERS = contract(
    "clean.customers",
    "customer_id varchar(8) key\nupdated_at timestamp key\nrow_hash varchar(32) key\ncity varchar(9)\nemail varchar(9)",
    {"strategy": "append"},
)
DIM = contract(
    "core.dim_customer",
    """
    customer_key bigint key
    customer_id varchar(8) required
    city varchar(9)
    email varchar(9)
    effective_from timestamp required
    effective_to timestamp required
    is_current boolean required
    """,
    {
        "strategy": "scd2",
        "effective": "updated_at",
        "sequence": ["row_hash"],
        "tracked": ["city"],
        "overwrite": ["email"],
        "increment": {"key": "customer_id", "from": {"clean.customers": "customer_id"}},
    },
)
VISITS = contract(
    "clean.visits", "visit_id varchar(8) key\ncustomer_id varchar(8)\nvisited_at timestamp", {"strategy": "append"}
)
FACT = contract(
    "core.fact_visits",
    "visit_id varchar(8) key\ncustomer_id varchar(8)\nvisited_at timestamp\ncity varchar(9)",
    {
        "strategy": "upsert",
        "increment": {
            "key": "visit_id",
            "from": {
                "clean.visits": "visit_id",
                "core.dim_customer": {"on": {"customer_id": "customer_id"}, "at": "visited_at"},
            },
        },
    },
)
HISTORY = {
    "core.dim_customer": "SELECT customer_id, updated_at, row_hash, city, email FROM clean.customers",
    "core.fact_visits": """
        SELECT v.visit_id, v.customer_id, v.visited_at, c.city
        FROM clean.visits AS v
        LEFT JOIN core.dim_customer AS c
          ON c.customer_id = v.customer_id AND v.visited_at >= c.effective_from AND v.visited_at < c.effective_to
    """,
}


def test_a_change_of_history_wakes_the_facts_that_lie_in_the_interval(make_bench: MakeBench) -> None:
    bench = make_bench([CUSTOMERS, DIM, VISITS, FACT], HISTORY)
    bench.load("clean.customers", [("c", T1, "h", "Pune", "e1"), ("d", T1, "h", "Goa", "e1")])
    bench.build("core.dim_customer")
    visits = [("v1", "c", datetime(2024, 1, 1, 12)), ("v2", "c", datetime(2024, 1, 2, 12)), ("v3", "d", T3)]
    bench.load("clean.visits", visits)
    bench.build("core.fact_visits")
    # A late change: c had moved on T2. The visit after it is of the new city, the one before is not touched.
    bench.load("clean.customers", [("c", T3, "h", "Agra", "e1")])
    bench.build("core.dim_customer")
    bench.build("core.fact_visits")
    assert bench.waiting("core.fact_visits") == 0
    bench.load("clean.customers", [("c", T2, "h", "Agra", "e1")])
    assert bench.build("core.dim_customer") == counts(inserted=1, updated=1, deleted=1)
    assert ("v3",) not in bench.rows("stage.pending__core__fact_visits")
    assert bench.build("core.fact_visits") == counts(updated=1)
    assert bench.rows("core.fact_visits", "visit_id, city") == [("v1", "Pune"), ("v2", "Agra"), ("v3", "Goa")]


def test_facts_that_find_the_same_version_as_before_are_left_alone(make_bench: MakeBench) -> None:
    bench = make_bench([CUSTOMERS, DIM, VISITS, FACT], HISTORY)
    bench.load("clean.customers", [("c", T1, "h", "Pune", "e"), ("c", T2, "h", "Agra", "e")])
    bench.build("core.dim_customer")
    visits = [("early", "c", datetime(2024, 1, 1, 9)), ("at", "c", T2), ("late", "c", datetime(2024, 1, 3, 12))]
    bench.load("clean.visits", visits)
    bench.build("core.fact_visits")
    # The current version is closed: visits of its time, and of the version before it, stay as they are.
    bench.load("clean.customers", [("c", T3, "h", "Goa", "e")])
    bench.build("core.dim_customer")
    assert bench.rows("stage.pending__core__fact_visits") == [("late",)]
    bench.build("core.fact_visits")
    # The second version opens earlier, and has another key: visits of its time only are touched.
    bench.load("clean.customers", [("c", datetime(2024, 1, 2, 9), "h", "Agra", "e")])
    bench.build("core.dim_customer")
    assert bench.rows("stage.pending__core__fact_visits") == [("at",)]
    bench.build("core.fact_visits")
    # A value of all versions, which the visits do not read, touches none.
    bench.load("clean.customers", [("c", datetime(2024, 1, 4), "h", "Goa", "new")])
    assert bench.build("core.dim_customer") == counts(updated=3)
    assert bench.rows("stage.pending__core__fact_visits") == []


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ("c.city", ["late"]),
        ("c.is_current", ["at", "late"]),
        ("c.effective_to", ["at", "late"]),
        ("CASE WHEN c.effective_to > v.visited_at THEN c.city END", ["at", "late"]),
    ],
)
def test_facts_that_read_whether_their_version_is_closed_hear_of_it(
    make_bench: MakeBench, reads: str, expected: list[str]
) -> None:
    texts = {**HISTORY, "core.fact_visits": HISTORY["core.fact_visits"].replace("c.city", f"{reads} AS city")}
    bench = make_bench([CUSTOMERS, DIM, VISITS, FACT], texts)
    bench.load("clean.customers", [("c", T1, "h", "Pune", "e"), ("c", T2, "h", "Agra", "e")])
    bench.build("core.dim_customer")
    bench.load("clean.visits", [("early", "c", T1), ("at", "c", T2), ("late", "c", T3)])
    bench.run("DELETE FROM stage.pending__core__fact_visits")
    bench.run("INSERT INTO core.fact_visits (visit_id, customer_id, visited_at) SELECT * FROM clean.visits")
    bench.load("clean.customers", [("c", T3, "h", "Goa", "e")])
    bench.build("core.dim_customer")
    assert [key for (key,) in bench.rows("stage.pending__core__fact_visits")] == expected


def test_closing_the_current_version_of_too_many_keys_is_refused(make_bench: MakeBench) -> None:
    bench = make_bench([CUSTOMERS, DIM, VISITS, FACT], HISTORY)
    keys = [f"k{i:03}" for i in range(merge.MIN_KEYS_FOR_SHARE)]
    bench.load("clean.customers", [(k, T1, "h", "Pune", "e") for k in keys])
    bench.build("core.dim_customer")
    bench.load("clean.customers", [(k, T2, "h", "Agra", "e") for k in keys[:20]])
    assert bench.build("core.dim_customer") == counts(inserted=20, updated=20)
    bench.load("clean.customers", [(k, T2, "h", "Agra", "e") for k in keys[20:41]])
    bench.stage("core.dim_customer")
    with pytest.raises(Refused, match="more than 20%"):
        bench.publish("core.dim_customer")
    assert len(bench.rows("core.dim_customer")) == 120
    assert bench.waiting("core.dim_customer") == 21


def test_closing_all_keys_is_refused_too(make_bench: MakeBench) -> None:
    bench = make_bench([CUSTOMERS, DIM, VISITS, FACT], HISTORY)
    bench.load("clean.customers", [(f"k{i:03}", T1, "h", "Pune", "e") for i in range(merge.MIN_KEYS_FOR_SHARE)])
    bench.build("core.dim_customer")
    bench.run("DELETE FROM clean.customers")
    bench.stage("core.dim_customer", full=True)
    with pytest.raises(Refused, match="more than 20%"):
        bench.publish("core.dim_customer", full=True)


def test_a_late_change_of_what_is_past_closes_no_version(make_bench: MakeBench) -> None:
    bench = make_bench([CUSTOMERS, DIM, VISITS, FACT], HISTORY)
    keys = [f"k{i:03}" for i in range(merge.MIN_KEYS_FOR_SHARE)]
    bench.load("clean.customers", [(k, at, "h", city, "e") for k in keys for at, city in ((T1, "Pune"), (T3, "Agra"))])
    bench.build("core.dim_customer")
    bench.load("clean.customers", [(k, T2, "h", "Goa", "e") for k in keys])
    assert bench.build("core.dim_customer") == counts(inserted=100, updated=100)


def test_overwriting_a_column_closes_no_version(make_bench: MakeBench) -> None:
    bench = make_bench([CUSTOMERS, DIM, VISITS, FACT], HISTORY)
    keys = [f"k{i:03}" for i in range(merge.MIN_KEYS_FOR_SHARE)]
    bench.load("clean.customers", [(k, T1, "h", "Pune", "e") for k in keys])
    bench.build("core.dim_customer")
    bench.load("clean.customers", [(k, T2, "h", "Pune", "new") for k in keys])
    assert bench.build("core.dim_customer") == counts(updated=100)


@pytest.mark.parametrize("strategy", ["append", "upsert", "snapshot", "replace", "scd2"])
def test_every_statement_is_redshift_text_that_needs_no_alias_on_the_target(strategy: str) -> None:
    dated = {"date": "order_date"} if strategy == "upsert" else {}
    dated |= {"partition": "order_date"} if strategy == "snapshot" else {}
    key = "order_date" if strategy == "snapshot" else "order_id"
    load = {"strategy": strategy, "increment": {"key": key, "from": {"clean.orders": key}}, **dated}
    target = (
        DIM
        if strategy == "scd2"
        else contract("core.fact_sales", "order_id varchar(8) key\norder_date date key\namount decimal(10,2)", load)
    )
    text = "SELECT order_id, order_date, amount FROM clean.orders"
    bench = Bench([ORDERS, CUSTOMERS, target], {str(target.table): HISTORY.get(str(target.table), text)})
    plan = merge.build_stage(target, bench.graph, bench.registry, full=False)
    plan += merge.publish(target, bench.registry, bench.graph, full=False)
    for statement in plan:
        tree = sqlglot.parse_one(statement.sql, read="redshift")
        assert not isinstance(tree, sqlglot.exp.Command), statement.sql
        if isinstance(tree, sqlglot.exp.Merge):
            assert not tree.this.alias
            assert isinstance(tree.args["using"].unalias(), sqlglot.exp.Table)
            assert len(tree.args["whens"].expressions) == 2
            assert tree.find(sqlglot.exp.Or) is None
    steps = {statement.step for statement in plan}
    assert {"take", "stage", "check", "changes", "count", "clear"} <= steps
