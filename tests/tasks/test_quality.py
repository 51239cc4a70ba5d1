"""What gates found, as rows, and the scores of a day: every value of a delivery counts once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from contracts.ids import TableId
from contracts.registry import Registry
from expectations.rules import Rule
from expectations.verdicts import GateResult, RuleResult
from sql import ddl
from sql.graph import Graph
from tasks import quality
from tasks.settings import Settings
from tasks.warehouse.duckdb import DuckDBWarehouse

AT, DAY, NEXT = datetime(2026, 1, 6, 3), date(2026, 1, 5), date(2026, 1, 6)
ORDERS, SALES, CHANNELS = (TableId.parse(t) for t in ("clean.orders", "core.fact_sales", "core.dim_channel"))
SETTINGS = Settings(shop_timezone="Asia/Kolkata")
# Clean orders promise to be here a day after the end of their day, which in Kolkata is 18:30 UTC.
DEADLINE = datetime(2026, 1, 6, 18, 30)
Found = tuple[str, str, int, int]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.read()


@pytest.fixture
def warehouse(registry: Registry) -> Iterator[DuckDBWarehouse]:
    wanted = [c for c in registry.values() if c.table.layer == "audit" or ddl.is_queued(c)]
    with DuckDBWarehouse(None) as opened:
        for statement in ddl.create_all(wanted):
            opened.execute(statement)
        yield opened


def gate(run_id: str, batch_id: str, *found: Found, table: TableId = ORDERS, observed: Any = None) -> GateResult:
    """A gate; each finding is a rule's id, its dimension, rows that it evaluated, rows that failed."""
    results = tuple(
        RuleResult(Rule(f"{table}.{rule}", "not_null", ("a",), dimension=dimension), n, bad, bad == 0, observed)
        for rule, dimension, n, bad in found
    )
    return GateResult(table, run_id, batch_id, 10, results)


def ledger(warehouse: DuckDBWarehouse, run_id: str, batch_id: str, day: date = DAY, **other: Any) -> None:
    """A batch of raw.orders as the run that put it in left it."""
    warehouse.execute("DELETE FROM audit.load_ledger WHERE batch_id = :batch_id", batch_id=batch_id)
    row = {
        "batch_id": batch_id,
        "run_id": run_id,
        "table_name": "raw.orders",
        "delivery_date": day,
        "delivered_rows": 0,
        "loaded_rows": 0,
        "duplicate_rows": 0,
        "status": "loaded",
        "loaded_at": AT,
        **other,
    }
    columns = [c.name for c in Registry.read()[TableId("audit", "load_ledger")].columns]
    rest = {name: 0 if name.endswith(("_rows", "bytes")) else "" for name in columns if name not in row}
    warehouse.insert_rows("audit.load_ledger", columns, [{**rest, **row}])


def build(
    warehouse: DuckDBWarehouse,
    run: int,
    *found: Found,
    table: TableId = SALES,
    delivery: date | None = DAY,
    definition: str | None = "d1",
) -> None:
    """A built table's gate in a run of a later hour each; without a definition it was blocked, not published."""
    at = AT + timedelta(hours=run)
    quality.record_results(warehouse, [gate(f"r{run}", "", *found, table=table)], at, delivery)
    if definition is not None:
        row = {"run_id": f"r{run}", "table_name": str(table), "definition_hash": definition, "built_at": at}
        rest = {"inserted_rows": 1, "updated_rows": 0, "deleted_rows": 0, "staged_rows": 1, "seconds": 1}
        warehouse.insert_rows("audit.table_build", [*row, *rest], [{**row, **rest}])


def counts(warehouse: DuckDBWarehouse, registry: Registry, day: date = DAY) -> dict[tuple[str, str], tuple[int, int]]:
    """(evaluated, failed) by table and dimension."""
    rows = quality.counts_of_day(warehouse, registry, SETTINGS, day).iter_rows()
    return {(table, dimension): (evaluated, failed) for table, dimension, evaluated, failed in rows}


# Results


def test_what_was_observed_is_kept_as_text_that_fits(warehouse: DuckDBWarehouse) -> None:
    quality.record_results(warehouse, [gate("r1", "b1", ("a", "coverage", 1, 1), observed={"rows": "x" * 1000})], AT)
    quality.record_results(warehouse, [gate("r1", "b2", ("a", "coverage", 1, 0))], AT)
    (found, nothing) = warehouse.query("SELECT observed FROM audit.quality_result ORDER BY batch_id").get_column(
        "observed"
    )
    assert found.startswith("{'rows': 'xxx")
    assert len(found) == 250
    assert nothing is None


def test_a_table_that_is_built_twice_in_a_run_has_its_later_results_only(warehouse: DuckDBWarehouse) -> None:
    twice = [gate("r1", "", ("a", "accuracy", 5, bad), ("b", "accuracy", 5, 0), table=CHANNELS) for bad in (1, 0)]
    quality.record_results(warehouse, twice[:1], AT, DAY)
    quality.record_results(warehouse, [gate("r1", "", ("a", "accuracy", 1, 1), table=SALES)], AT, DAY)
    quality.record_results(warehouse, twice[1:], AT, DAY)
    rows = warehouse.query("SELECT rule_id, failed_count FROM audit.quality_result ORDER BY rule_id").rows()
    assert rows == [("core.dim_channel.a", 0), ("core.dim_channel.b", 0), ("core.fact_sales.a", 1)]


# Which results count for a day: of batches


def test_a_score_adds_up_counts_over_rules_and_batches(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    ledger(warehouse, "r1", "b1")
    ledger(warehouse, "r1", "b2")
    ledger(warehouse, "r2", "b3", NEXT)
    for found in (
        gate("r1", "b1", ("a", "completeness", 90, 0), ("b", "completeness", 0, 0), ("c", "coverage", 7, 7)),
        gate("r1", "b2", ("a", "completeness", 10, 10)),
        gate("r2", "b3", ("a", "accuracy", 1, 1)),
    ):
        quality.record_results(warehouse, [found], AT)
    # 10 of 100, not the mean of 0 % and 100 %.
    first = {("clean.orders", "completeness"): (100, 10), ("clean.orders", "coverage"): (7, 7)}
    assert counts(warehouse, registry) == first
    assert counts(warehouse, registry, NEXT)["clean.orders", "accuracy"] == (1, 1)


def test_a_file_that_is_tried_again_counts_as_the_ledger_has_it(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    ledger(warehouse, "r1", "b1", status="rejected")
    quality.record_results(warehouse, [gate("r1", "b1", ("a", "accuracy", 100, 100))], AT)
    assert counts(warehouse, registry)["clean.orders", "accuracy"] == (100, 100)
    ledger(warehouse, "r2", "b1")
    quality.record_results(warehouse, [gate("r2", "b1", ("a", "accuracy", 100, 1))], AT)
    assert counts(warehouse, registry)["clean.orders", "accuracy"] == (100, 1)


def test_rows_that_are_redriven_are_not_counted_again(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    ledger(warehouse, "r1", "b1")
    quality.record_results(warehouse, [gate("r1", "b1", ("a", "accuracy", 100, 5))], AT)
    # A re-drive leaves the ledger's run as it is, and looks at five rows of the batch again.
    quality.record_results(warehouse, [gate("r2", "b1", ("a", "accuracy", 5, 0))], AT + timedelta(hours=1))
    assert counts(warehouse, registry)["clean.orders", "accuracy"] == (100, 5)


def test_a_late_file_of_a_day_adds_to_it(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    for run, batch in (("r1", "b1"), ("r2", "b2")):
        ledger(warehouse, run, batch)
        quality.record_results(warehouse, [gate(run, batch, ("a", "accuracy", 50, 1))], AT)
    assert counts(warehouse, registry)["clean.orders", "accuracy"] == (100, 2)


# ... and of built tables


def test_each_build_by_increment_adds_the_rows_that_it_changed(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    build(warehouse, 1, ("a", "accuracy", 100, 1))
    build(warehouse, 2, ("a", "accuracy", 10, 1))
    build(warehouse, 3, ("a", "accuracy", 7, 7), delivery=NEXT)
    assert counts(warehouse, registry) == {("core.fact_sales", "accuracy"): (110, 2)}
    assert counts(warehouse, registry, NEXT) == {("core.fact_sales", "accuracy"): (7, 7)}


def test_a_table_that_is_computed_whole_counts_by_its_last_build(
    warehouse: DuckDBWarehouse, registry: Registry
) -> None:
    assert registry[CHANNELS].load.increment is None
    build(warehouse, 1, ("a", "accuracy", 5, 5), ("b", "coverage", 1, 1), table=CHANNELS)
    build(warehouse, 2, ("a", "accuracy", 6, 0), table=CHANNELS)
    assert counts(warehouse, registry) == {("core.dim_channel", "accuracy"): (6, 0)}


def test_a_blocked_build_counts_until_the_next(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    build(warehouse, 1, ("a", "accuracy", 100, 1))
    build(warehouse, 2, ("a", "accuracy", 40, 40), definition=None)
    assert counts(warehouse, registry) == {("core.fact_sales", "accuracy"): (140, 41)}
    # Its keys were kept, so the next build has them too.
    build(warehouse, 3, ("a", "accuracy", 50, 0))
    assert counts(warehouse, registry) == {("core.fact_sales", "accuracy"): (150, 1)}


def test_another_definition_computes_everything_anew(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    build(warehouse, 1, ("a", "accuracy", 100, 1))
    build(warehouse, 2, ("a", "accuracy", 102, 2), definition="d2")
    build(warehouse, 3, ("a", "accuracy", 3, 0), definition="d2")
    assert counts(warehouse, registry) == {("core.fact_sales", "accuracy"): (105, 2)}


def test_a_build_that_belongs_to_no_delivery_counts_for_none(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    build(warehouse, 1, ("a", "accuracy", 100, 100), delivery=None)
    assert counts(warehouse, registry) == {}


# Uniqueness and timeliness, by the ledger


def test_rows_that_came_twice_are_not_unique(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    ledger(warehouse, "r1", "b1", loaded_rows=90, duplicate_rows=10, quarantined_rows=5)
    ledger(warehouse, "r1", "b2", loaded_rows=0, duplicate_rows=50)
    ledger(warehouse, "r1", "b3", status="rejected", duplicate_rows=9)
    assert counts(warehouse, registry)["raw.orders", "uniqueness"] == (150, 60)


@pytest.mark.parametrize(("after", "late"), [(timedelta(), 0), (timedelta(seconds=1), 90)])
def test_rows_are_timely_that_are_here_when_the_contract_promises(
    warehouse: DuckDBWarehouse, registry: Registry, after: timedelta, late: int
) -> None:
    ledger(warehouse, "r1", "b1", loaded_rows=90, duplicate_rows=10, loaded_at=DEADLINE + after)
    ledger(warehouse, "r1", "b2", loaded_rows=10, loaded_at=AT)
    assert counts(warehouse, registry)["clean.orders", "timeliness"] == (100, late)


def test_a_table_that_promises_nothing_is_never_late(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    ledger(warehouse, "r1", "b1", table_name="raw.postal_codes", loaded_rows=90, loaded_at=datetime(2027, 1, 1))
    assert {dimension for _, dimension in counts(warehouse, registry)} == {"uniqueness"}


def test_a_days_end_follows_the_shops_clock() -> None:
    assert SETTINGS.day_end(DAY) == datetime(2026, 1, 5, 18, 30)
    assert SETTINGS.day_end(DAY, timedelta(days=1)) == DEADLINE
    # The night in which New York turns its clocks forward has 23 hours: a day later is the next day's end.
    new_york = Settings(shop_timezone="America/New_York")
    assert new_york.day_end(date(2026, 3, 7), timedelta(days=1)) == datetime(2026, 3, 9, 4)
    assert new_york.day_end(date(2026, 3, 7)) == datetime(2026, 3, 8, 5)


# Scores


def scores(warehouse: DuckDBWarehouse) -> list[tuple[Any, ...]]:
    return warehouse.query(
        "SELECT run_id, delivery_date, table_name, dimension, evaluated_count, failed_count, "
        "CAST(score AS DOUBLE PRECISION) AS score, CAST(threshold AS DOUBLE PRECISION) AS threshold, is_passed "
        "FROM audit.quality_score WHERE dimension <> 'uniqueness' ORDER BY run_id, delivery_date, dimension"
    ).rows()


def record(warehouse: DuckDBWarehouse, registry: Registry, run: str, day: date = DAY, hour: int = 0) -> None:
    quality.record_scores(warehouse, registry, SETTINGS, run, day, AT + timedelta(hours=hour))


def test_a_run_scores_its_day_whole_and_again_changes_nothing(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    ledger(warehouse, "r1", "b1")
    quality.record_results(warehouse, [gate("r1", "b1", ("a", "completeness", 90, 0), ("c", "coverage", 7, 7))], AT)
    record(warehouse, registry, "r1")
    ledger(warehouse, "r2", "b2")
    quality.record_results(warehouse, [gate("r2", "b2", ("a", "completeness", 10, 10))], AT)
    for _ in range(2):
        record(warehouse, registry, "r2", hour=1)
        assert scores(warehouse) == [
            ("r1", DAY, "clean.orders", "completeness", 90, 0, 1.0, 0.95, True),
            ("r1", DAY, "clean.orders", "coverage", 7, 7, 0.0, None, True),
            ("r2", DAY, "clean.orders", "completeness", 100, 10, 0.9, 0.95, False),
            ("r2", DAY, "clean.orders", "coverage", 7, 7, 0.0, None, True),
        ]
    latest = quality.daily_scores(warehouse, 8).filter(dimension="completeness")
    assert latest.select("evaluated_count", "failed_count").rows() == [(100, 10)]


def test_a_run_scores_every_day_of_which_it_touched_a_batch(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    ledger(warehouse, "r1", "b1")
    quality.record_results(warehouse, [gate("r2", "b1", ("a", "accuracy", 5, 0))], AT)
    quality.record_results(warehouse, [gate("r1", "b1", ("a", "accuracy", 10, 1))], AT)
    record(warehouse, registry, "r2", NEXT)
    assert [row[:6] for row in scores(warehouse)] == [("r2", DAY, "clean.orders", "accuracy", 10, 1)]


def test_a_run_that_checked_nothing_has_no_score(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    record(warehouse, registry, "r1")
    assert scores(warehouse) == []


def test_layers_add_up_their_tables_against_the_houses_thresholds(
    warehouse: DuckDBWarehouse, registry: Registry
) -> None:
    build(warehouse, 1, ("a", "accuracy", 900, 0), ("b", "uniqueness", 0, 0))
    build(warehouse, 1, ("a", "accuracy", 100, 21), table=CHANNELS)
    ledger(warehouse, "r1", "b1", loaded_rows=1, duplicate_rows=1)
    record(warehouse, registry, "r1")
    found = quality.by_layer(quality.daily_scores(warehouse, 1))
    assert found.select("layer", "dimension", "evaluated_count", "failed_count", "score", "is_passed").rows() == [
        ("clean", "timeliness", 1, 0, 1.0, True),
        ("core", "accuracy", 1000, 21, 0.979, False),
        ("core", "uniqueness", 0, 0, 1.0, True),
        ("raw", "uniqueness", 2, 1, 0.5, True),
    ]


def test_the_last_days_are_the_last_deliveries(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    for n, day in enumerate((DAY, NEXT, NEXT + timedelta(days=20))):
        ledger(warehouse, f"r{n}", f"b{n}", day, loaded_rows=1)
        record(warehouse, registry, f"r{n}", day)
    assert quality.daily_scores(warehouse, 2).get_column("delivery_date").unique().sort().to_list() == [
        NEXT,
        NEXT + timedelta(days=20),
    ]


def test_tables_that_read_the_audit_tables_are_queued(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    graph = Graph({TableId("mart", "data_freshness"): "SELECT batch_id FROM audit.load_ledger"})
    quality.enqueue_readers(warehouse, registry, graph)
    waiting = {
        str(c.table): warehouse.scalar(f"SELECT COUNT(*) AS n FROM {c.table.pending}")
        for c in registry.values()
        if ddl.is_queued(c)
    }
    assert {table for table, count in waiting.items() if count} == {"mart.data_freshness"}
