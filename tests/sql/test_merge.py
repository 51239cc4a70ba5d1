"""What a publish does to its table and to the queues of those that read it, on both engines."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, datetime

import pytest
from sql_harness import Bench, MakeBench, Refused, contract, counts

from contracts.ids import TableId
from expectations.rules import rules_of
from expectations.verdicts import GateResult, RuleResult
from sql import merge
from tasks.load import found_unique

D1, D2, D3 = date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 3)
T1, T2, T3 = datetime(2024, 1, 1, 10), datetime(2024, 1, 2, 10), datetime(2024, 1, 3, 10)

ORDERS = contract(
    "clean.orders",
    """
    order_id varchar(8) key
    order_date date required
    shop varchar(8)
    amount decimal(10,2)
    updated_at timestamp required
    row_hash varchar(32) required
    """,
    {"strategy": "upsert", "versionedBy": "updated_at"},
)
EVENTS = contract("clean.events", "event_id varchar(8) key\nvalue integer", {"strategy": "append"})
SALES = contract(
    "core.fact_sales",
    "order_id varchar(8) key\norder_date date required\nshop varchar(8)\namount decimal(10,2)",
    {
        "strategy": "upsert",
        "date": "order_date",
        "increment": {"key": "order_id", "from": {"clean.orders": "order_id"}},
    },
)
DAILY = contract(
    "mart.daily",
    "order_date date key\namount decimal(10,2)",
    {"strategy": "upsert", "increment": {"key": "order_date", "from": {"core.fact_sales": "order_date"}}},
)
BY_SHOP = contract("mart.by_shop", "shop varchar(8)\nsale_count bigint", {"strategy": "replace", "window": "all"})
TEXTS = {
    "core.fact_sales": "SELECT order_id, order_date, shop, amount FROM clean.orders WHERE amount > 0",
    "mart.daily": "SELECT order_date, SUM(amount) AS amount FROM core.fact_sales GROUP BY order_date",
    "mart.by_shop": "SELECT shop, COUNT(order_id) AS sale_count FROM core.fact_sales GROUP BY shop",
}


def shop(**more: object) -> Bench:
    return Bench([ORDERS, EVENTS, SALES, DAILY, BY_SHOP], TEXTS)


def order(id_: str, day: date = D1, amount: float | None = 10, at: datetime = T1, hash_: str = "h", shop_: str = "a"):
    return (id_, day, shop_, amount, at, hash_)


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench([ORDERS, EVENTS, SALES, DAILY, BY_SHOP], TEXTS)


def test_a_delivered_row_replaces_the_one_that_stands_only_if_it_is_later(bench: Bench) -> None:
    assert bench.load("clean.orders", [order("1", at=T2, hash_="m")]) == counts(inserted=1)
    assert bench.load("clean.orders", [order("1", amount=99, at=T1, hash_="z")]) == counts()
    assert bench.load("clean.orders", [order("1", amount=99, at=T2, hash_="m")]) == counts()
    assert bench.load("clean.orders", [order("1", amount=99, at=T2, hash_="l")]) == counts()
    assert bench.load("clean.orders", [order("1", amount=20, at=T2, hash_="n")]) == counts(updated=1)
    assert bench.load("clean.orders", [order("1", amount=30, at=T3, hash_="a")]) == counts(updated=1)
    assert bench.rows("clean.orders", "order_id, amount") == [("1", 30)]


def test_the_same_batches_in_any_order_leave_the_same_row() -> None:
    batches = [[order("1", amount=a, at=at, hash_=h)] for a, at, h in ((1, T1, "x"), (2, T2, "b"), (3, T2, "c"))]
    for permutation in itertools.permutations(batches):
        bench = shop()
        for batch in permutation:
            bench.load("clean.orders", batch)
        assert bench.rows("clean.orders", "amount, row_hash") == [(3, "c")]


@pytest.mark.parametrize(
    ("load", "stays"),
    [
        ({"strategy": "upsert", "versionedBy": "changed_at"}, max),
        ({"strategy": "append", "sequence": ["changed_at", "row_hash"]}, min),
    ],
    ids=["the latest version stays", "the earliest by sequence stays"],
)
def test_which_row_stays_follows_from_the_rows_and_no_instant_is_the_earliest(
    load: dict[str, object], stays: Callable[[list[tuple[datetime, str]]], tuple[datetime, str]]
) -> None:
    log = contract("clean.log", "item integer key\nchanged_at timestamp\nrow_hash varchar(32)", load)
    bench = Bench([log], {})
    rows = [(at, row_hash) for at in (None, T1, T2) for row_hash in ("a", "b")]
    # Every three of the six rows in every order, each as an item of its own: a batch has one row of each item.
    items = list(itertools.permutations(rows, 3))
    for batch in range(3):
        bench.load("clean.log", [(item, *came[batch]) for item, came in enumerate(items)])
    expected = [stays([(at or datetime.min, row_hash) for at, row_hash in came]) for came in items]
    found = bench.rows("clean.log", "changed_at, row_hash", "item")
    assert [(at or datetime.min, row_hash) for at, row_hash in found] == expected


def test_append_takes_new_keys_only(bench: Bench) -> None:
    assert bench.load("clean.events", [("a", 1), ("b", 2)]) == counts(inserted=2)
    assert bench.load("clean.events", [("a", 9), ("c", 3)]) == counts(inserted=1)
    assert bench.rows("clean.events") == [("a", 1), ("b", 2), ("c", 3)]


def test_append_inserts_no_key_twice_even_without_the_dedupe(bench: Bench) -> None:
    bench.load("clean.events", [("a", 1)])
    events = bench.registry[TableId.parse("clean.events")]
    for statement in merge.empty_stage(events):
        bench.run(statement.sql)
    bench.insert(events.table.stage, [("a", 9), ("b", 2)])
    assert bench.publish("clean.events") == counts(inserted=1)
    assert bench.rows("clean.events") == [("a", 1), ("b", 2)]


def test_a_publish_fills_the_queues_of_its_consumers_only(bench: Bench) -> None:
    bench.load("clean.orders", [order("1"), order("2", D2)])
    assert bench.rows("stage.pending__core__fact_sales") == [("1",), ("2",)]
    assert bench.rows("stage.pending__mart__daily") == []
    assert bench.build("core.fact_sales") == counts(inserted=2)
    assert bench.rows("stage.pending__mart__daily") == [(D1,), (D2,)]
    assert bench.rows("stage.pending__mart__by_shop") == [("all",)]
    assert bench.waiting("core.fact_sales") == 0
    assert bench.build("mart.daily") == counts(inserted=2)
    assert bench.build("mart.by_shop") == counts(inserted=1)
    assert bench.rows("mart.by_shop") == [("a", 2)]


def test_a_second_publish_changes_nothing_and_wakes_nobody(bench: Bench) -> None:
    bench.load("clean.orders", [order("1"), order("2", D2)])
    for table in ("core.fact_sales", "mart.daily", "mart.by_shop"):
        bench.build(table)
    bench.run("INSERT INTO stage.pending__core__fact_sales (order_id) SELECT order_id FROM clean.orders")
    assert bench.build("core.fact_sales") == counts()
    assert bench.build("core.fact_sales", full=True) == counts()
    assert bench.waiting("mart.daily") == bench.waiting("mart.by_shop") == 0


def test_a_build_without_waiting_keys_stages_nothing(bench: Bench) -> None:
    bench.load("clean.orders", [order("1")])
    bench.build("core.fact_sales")
    assert bench.stage("core.fact_sales") == []
    assert bench.publish("core.fact_sales") == counts()
    assert bench.rows("core.fact_sales", "order_id") == [("1",)]


def test_a_row_whose_date_changes_stands_once_and_both_days_are_told(bench: Bench) -> None:
    bench.load("clean.orders", [order("1", D1), order("2", D1)])
    bench.build("core.fact_sales")
    bench.build("mart.daily")
    bench.load("clean.orders", [order("1", D3, at=T2)])
    assert bench.build("core.fact_sales") == counts(updated=1)
    assert bench.rows("core.fact_sales", "order_id, order_date") == [("1", D3), ("2", D1)]
    assert bench.rows("stage.pending__mart__daily") == [(D1,), (D3,)]
    assert bench.build("mart.daily") == counts(inserted=1, updated=1)
    assert bench.rows("mart.daily") == [(D1, 10), (D3, 10)]


def test_rows_that_are_gone_are_deleted_and_so_is_the_day_that_has_none_left(bench: Bench) -> None:
    bench.load("clean.orders", [order("1", D1), order("2", D2)])
    bench.build("core.fact_sales")
    bench.build("mart.daily")
    bench.load("clean.orders", [order("1", D1, amount=0, at=T2)])
    assert bench.build("core.fact_sales") == counts(deleted=1)
    assert bench.build("mart.daily") == counts(deleted=1)
    assert bench.rows("mart.daily") == [(D2, 10)]


def test_rows_outside_the_taken_keys_are_left_alone(bench: Bench) -> None:
    bench.load("clean.orders", [order("1"), order("2")])
    bench.build("core.fact_sales")
    bench.run("DELETE FROM clean.orders WHERE order_id = '2'")
    bench.load("clean.orders", [order("1", amount=11, at=T2)])
    assert bench.build("core.fact_sales") == counts(updated=1)
    assert bench.rows("core.fact_sales", "order_id, amount") == [("1", 11), ("2", 10)]
    assert bench.build("core.fact_sales", full=True) == counts(deleted=1)


def test_null_equals_null_when_rows_are_compared(bench: Bench) -> None:
    bench.load("clean.orders", [order("1", shop_=None)])  # type: ignore[arg-type]
    bench.build("core.fact_sales")
    assert bench.build("core.fact_sales", full=True) == counts()
    bench.load("clean.orders", [order("1", shop_="b", at=T2)])
    assert bench.build("core.fact_sales") == counts(updated=1)
    bench.load("clean.orders", [order("1", shop_=None, at=T3)])  # type: ignore[arg-type]
    assert bench.build("core.fact_sales") == counts(updated=1)
    assert bench.rows("core.fact_sales", "shop") == [(None,)]


def test_replace_without_a_key_follows_the_select(bench: Bench) -> None:
    bench.load("clean.orders", [order("1", shop_="a"), order("2", shop_=None)])  # type: ignore[arg-type]
    bench.build("core.fact_sales")
    assert bench.build("mart.by_shop") == counts(inserted=2)
    assert bench.build("mart.by_shop") == counts()
    bench.load("clean.orders", [order("3", shop_=None)])  # type: ignore[arg-type]
    bench.build("core.fact_sales")
    assert bench.build("mart.by_shop") == counts(inserted=1, deleted=1)
    assert bench.rows("mart.by_shop") == [("a", 1), (None, 2)]


def test_replace_with_a_key_updates_in_place() -> None:
    source = contract("clean.codes", "code varchar(4) key\nname varchar(9)", {"strategy": "upsert"})
    target = contract("core.dim_code", "code varchar(4) key\nname varchar(9)", {"strategy": "replace", "window": "all"})
    bench = Bench([source, target], {"core.dim_code": "SELECT code, name FROM clean.codes"})
    bench.load("clean.codes", [("a", "x"), ("b", "y"), ("c", None)])
    assert bench.build("core.dim_code") == counts(inserted=3)
    bench.load("clean.codes", [("a", "z"), ("c", "w")])
    bench.run("DELETE FROM clean.codes WHERE code = 'b'")
    assert bench.build("core.dim_code") == counts(updated=2, deleted=1)
    assert bench.rows("core.dim_code") == [("a", "z"), ("c", "w")]


def test_snapshot_brings_whole_partitions_anew() -> None:
    source = contract("clean.stock", "day date key\nsku varchar(4) key\nunits integer", {"strategy": "upsert"})
    target = contract(
        "core.fact_stock",
        "day date key\nsku varchar(4) key\nunits integer",
        {"strategy": "snapshot", "partition": "day", "increment": {"key": "day", "from": {"clean.stock": "day"}}},
    )
    text = "SELECT day, sku, units FROM clean.stock WHERE units > 0"
    bench = Bench([source, target], {"core.fact_stock": text})
    bench.load("clean.stock", [(D1, "a", 1), (D1, "b", 2), (D2, "a", 3)])
    assert bench.build("core.fact_stock") == counts(inserted=3)
    bench.load("clean.stock", [(D1, "a", 0), (D1, "c", 5)])
    assert bench.build("core.fact_stock") == counts(inserted=1, deleted=1)
    assert bench.rows("core.fact_stock") == [(D1, "b", 2), (D1, "c", 5), (D2, "a", 3)]
    assert bench.build("core.fact_stock", full=True) == counts()
    bench.load("clean.stock", [(D2, "a", 0)])
    assert bench.build("core.fact_stock") == counts(deleted=1)
    assert bench.rows("core.fact_stock", "DISTINCT day") == [(D1,)]


def test_a_table_that_is_all_key_is_inserted_and_deleted() -> None:
    target = contract(
        "core.pairs",
        "order_id varchar(8) key\nshop varchar(8) key",
        {"strategy": "upsert", "increment": {"key": "order_id", "from": {"clean.orders": "order_id"}}},
    )
    bench = Bench([ORDERS, target], {"core.pairs": "SELECT order_id, shop FROM clean.orders"})
    bench.load("clean.orders", [order("1", shop_="a")])
    assert bench.build("core.pairs") == counts(inserted=1)
    bench.load("clean.orders", [order("1", shop_="b", at=T2)])
    assert bench.build("core.pairs") == counts(inserted=1, deleted=1)
    assert bench.rows("core.pairs") == [("1", "b")]


def test_null_in_a_merge_key_is_refused_and_nothing_is_touched(bench: Bench) -> None:
    with pytest.raises(Refused, match="NULL in order_id"):
        bench.load("clean.orders", [order("1"), (None, D1, "a", 1, T1, "h")])
    assert bench.rows("clean.orders") == []
    assert bench.waiting("core.fact_sales") == 0


def test_two_stage_rows_of_one_key_are_refused(bench: Bench) -> None:
    with pytest.raises(Refused, match="several rows of one"):
        bench.load("clean.orders", [order("1"), order("1", amount=11)])


def test_a_key_queued_again_while_its_build_waits_for_the_audit_is_kept(bench: Bench) -> None:
    bench.load("clean.orders", [order("1")])
    bench.stage("core.fact_sales")
    bench.load("clean.orders", [order("1", amount=50, at=T2)])
    bench.publish("core.fact_sales")
    assert bench.rows("core.fact_sales", "amount") == [(10,)]
    assert bench.waiting("core.fact_sales") == 1
    bench.build("core.fact_sales")
    assert bench.rows("core.fact_sales", "amount") == [(50,)]


def test_keys_of_a_build_that_was_never_published_are_built_by_the_next(bench: Bench) -> None:
    bench.load("clean.orders", [order("1")])
    bench.stage("core.fact_sales")
    bench.load("clean.orders", [order("2")])
    assert bench.waiting("core.fact_sales") == 2
    assert bench.build("core.fact_sales") == counts(inserted=2)
    assert bench.waiting("core.fact_sales") == 0


def test_keys_that_a_full_build_covers_do_not_wait_any_longer(bench: Bench) -> None:
    bench.load("clean.orders", [order("1")])
    bench.build("core.fact_sales", full=True)
    assert bench.waiting("core.fact_sales") == 0


def test_a_queue_holds_no_double_of_one_publish_and_doubles_of_several_are_taken_once(bench: Bench) -> None:
    bench.load("clean.orders", [order("1", D1), order("2", D1)])
    bench.build("core.fact_sales")
    assert bench.rows("stage.pending__mart__daily") == [(D1,)]
    bench.load("clean.orders", [order("3", D1)])
    bench.build("core.fact_sales")
    assert bench.waiting("mart.daily") == 1
    bench.stage("mart.daily")
    assert bench.rows("stage.taken__mart__daily") == [(D1,)]
    bench.load("clean.orders", [order("4", D1)])
    bench.build("core.fact_sales")
    bench.stage("mart.daily")
    assert bench.rows("stage.taken__mart__daily") == [(D1,)]


def test_a_source_that_touches_every_key_wakes_all_that_stand() -> None:
    days = contract("clean.days", "day date key", {"strategy": "append"})
    stock = contract(
        "core.stock",
        "sku varchar(4) key\nday date key",
        {
            "strategy": "upsert",
            "increment": {"key": "sku", "from": {"clean.events": "event_id", "clean.days": {"every": True}}},
        },
    )
    text = "SELECT e.event_id AS sku, d.day FROM clean.events AS e CROSS JOIN clean.days AS d"
    bench = Bench([EVENTS, days, stock], {"core.stock": text})
    bench.load("clean.days", [(D1,)])
    bench.load("clean.events", [("a", 1), ("b", 1)])
    assert bench.build("core.stock") == counts(inserted=2)
    bench.load("clean.days", [])
    assert bench.waiting("core.stock") == 0
    bench.load("clean.days", [(D2,)])
    assert bench.build("core.stock") == counts(inserted=2)
    assert bench.build("core.stock", full=True) == counts()
    bench.load("clean.days", [(D3,)])
    assert bench.rows("stage.pending__core__stock") == [("a",), ("b",)]


def test_a_match_of_two_columns_wakes_the_rows_that_are_equal_in_both() -> None:
    lines = contract("clean.lines", "line_id varchar(4) key\nsku varchar(4)\nshop varchar(4)", {"strategy": "append"})
    prices = contract("clean.prices", "sku varchar(4) key\nshop varchar(4) key\ncents integer", {"strategy": "append"})
    match = {"on": {"sku": "sku", "shop": "shop"}}
    priced = contract(
        "core.fact_lines",
        "line_id varchar(4) key\nsku varchar(4)\nshop varchar(4)\ncents integer",
        {
            "strategy": "upsert",
            "increment": {"key": "line_id", "from": {"clean.lines": "line_id", "clean.prices": match}},
        },
    )
    text = """
        SELECT l.line_id, l.sku, l.shop, p.cents FROM clean.lines AS l
        LEFT JOIN clean.prices AS p ON p.sku = l.sku AND p.shop = l.shop
    """
    bench = Bench([lines, prices, priced], {"core.fact_lines": text})
    bench.load("clean.lines", [("1", "a", "x"), ("2", "a", "y"), ("3", "b", "x")])
    assert bench.build("core.fact_lines") == counts(inserted=3)
    bench.load("clean.prices", [("a", "x", 5)])
    assert bench.rows("stage.pending__core__fact_lines") == [("1",)]
    assert bench.build("core.fact_lines") == counts(updated=1)


KEYS = "abc"
STAGES = [
    rows
    for size in range(4)
    for rows in itertools.product([(key, day) for key in KEYS for day in (D1, D2)], repeat=size)
    if len({key for key, _ in rows}) == size and [key for key, _ in rows] == sorted(key for key, _ in rows)
]


@pytest.mark.parametrize("strategy", ["upsert", "snapshot", "replace", "append"])
def test_a_first_publish_leaves_what_a_comparison_with_nothing_leaves(strategy: str) -> None:
    """The same rows, counts and queues, whichever rows come."""
    increment = {"key": "day", "from": {"clean.events": "event_id"}}
    loads = {
        "replace": {"strategy": "replace", "window": "all"},
        "append": {"strategy": "append"},
        "snapshot": {"strategy": "snapshot", "partition": "day", "increment": increment},
        "upsert": {"strategy": "upsert", "date": "day", "increment": increment},
    }
    layer = "clean" if strategy == "append" else "core"
    table = contract(f"{layer}.things", "item varchar(8) key\nday date required", loads[strategy])
    of_item, of_all = (
        contract(f"mart.{name}", "item varchar(8) key", {"strategy": "upsert", **load})
        for name, load in (
            ("by_item", {"increment": {"key": "item", "from": {str(table.table): "item"}}}),
            ("whole", {"window": "all"}),
        )
    )
    texts = {f"mart.{name}": f"SELECT item FROM {table.table}" for name in ("by_item", "whole")}
    bench = Bench([table, of_item, of_all], texts)
    for rows in STAGES:
        left = []
        for first in (True, False):
            bench.run("BEGIN")
            for statement in merge.empty_stage(table):
                bench.run(statement.sql)
            bench.insert(merge.filled(table.table, first=first), rows)
            told: list[object] = []
            for statement in merge.publish(table, bench.registry, bench.graph, full=True, first=first):
                answer = bench.run(statement.sql)
                told += [answer] if statement.step == "count" else []
            told += [bench.rows(name) for name in (str(table.table), of_item.table.pending, of_all.table.pending)]
            bench.run("ROLLBACK")
            left.append(told)
        assert left[0] == left[1]
        assert left[0][0] == [(len(rows), 0, 0)]


def test_doubled_keys_are_looked_for_by_the_publish_unless_the_audit_has_looked() -> None:
    bench = shop()
    looks = {
        unique: [s.note for s in merge.publish(SALES, bench.registry, bench.graph, full=False, unique=unique)]
        for unique in (False, True)
    }
    assert [note for note in looks[False] if note not in looks[True]] == [
        "core.fact_sales: several rows of one (order_id) came"
    ]
    rules = rules_of(SALES)
    [key] = [rule for rule in rules if rule.kind == "unique"]
    [other] = [rule for rule in rules if rule.kind == "not_null"][:1]

    def audit(*results: RuleResult) -> GateResult:
        return GateResult(SALES.table, "r", "", 1, results, (), 0.0)

    assert found_unique(SALES, audit(RuleResult(key, 9, 0, True)))
    assert not found_unique(SALES, audit(RuleResult(key, 9, 2, False)))
    assert not found_unique(SALES, audit(RuleResult(key, 0, 0, False)))
    assert not found_unique(SALES, audit(RuleResult(other, 9, 0, True)))
    assert not found_unique(SALES, audit())


def test_a_first_publish_compares_nothing_and_writes_each_row_once(bench: Bench) -> None:
    plan = [
        *merge.build_stage(SALES, bench.graph, bench.registry, full=True, first=True),
        *merge.publish(SALES, bench.registry, bench.graph, full=True, first=True),
    ]
    assert not [s.sql for s in plan if "changes__" in s.sql or "EXCEPT" in s.sql or s.step in ("merge", "delete")]
    assert not [s.sql for s in plan if SALES.table.stage in s.sql]
    assert [s.step for s in plan].count("insert") == 1


def test_a_table_that_was_never_built_waits_by_one_key(bench: Bench) -> None:
    def told(*unbuilt: TableId) -> set[str]:
        plan = merge.publish(SALES, bench.registry, bench.graph, full=True, first=True, unbuilt=unbuilt)
        return {s.note for s in plan if s.step == "enqueue" and not s.sql.endswith(" LIMIT 1")}

    assert told() - told(TableId("mart", "daily")) == {"mart.daily"}
    assert told(TableId("mart", "daily"))


def test_the_rows_of_a_first_publish_lie_in_the_order_of_the_sort_key() -> None:
    group, groups = 122_880, 3
    sales = contract(
        "core.sales",
        "sale_id bigint key\nday_number bigint required",
        {"strategy": "upsert", "increment": {"key": "sale_id", "from": {"clean.numbers": "number"}}},
        sort_key=("day_number", "sale_id"),
    )
    numbers = contract("clean.numbers", "number bigint key", {"strategy": "append"})
    text = "SELECT number AS sale_id, number % 1000 AS day_number FROM clean.numbers"
    bench = Bench([numbers, sales], {"core.sales": text}, threads=2)
    scattered = f"SELECT i FROM range({groups * group}) AS r(i) ORDER BY HASH(i)"
    bench.connection.execute(f"INSERT INTO clean.numbers {scattered}")
    assert bench.build("core.sales", full=True) == counts(inserted=groups * group)
    found = bench.connection.execute(
        f"SELECT MIN(day_number), MAX(day_number), COUNT(DISTINCT sale_id) FROM core.sales "
        f"GROUP BY rowid // {group} ORDER BY 1"
    ).fetchall()
    assert sum(rows for *_, rows in found) == groups * group
    days = [day for first, last, _ in found for day in (first, last)]
    assert days == sorted(days)
    assert len(found) == groups


def test_a_merge_joins_on_the_date_too_so_that_it_touches_the_days_of_the_batch_only(bench: Bench) -> None:
    plan = merge.publish(SALES, bench.registry, bench.graph, full=False)
    [merged] = [s.sql for s in plan if s.step == "merge"]
    assert "ON fact_sales.order_id = s.order_id AND fact_sales.order_date = s.order_date\n" in merged
    assert "SET shop = s.shop, amount = s.amount\n" in merged
