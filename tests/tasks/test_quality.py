"""What gates found, as rows: scores are shares of evaluated values over all batches of a run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest

from contracts.ids import TableId
from contracts.registry import Registry
from expectations.rules import Rule
from expectations.verdicts import GateResult, RuleResult
from sql import ddl
from sql.graph import Graph
from tasks import quality
from tasks.warehouse.duckdb import DuckDBWarehouse

AT, DAY = datetime(2026, 1, 6, 3), date(2026, 1, 5)
ORDERS = TableId("clean", "orders")


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


def gate(run_id: str, batch_id: str, *found: tuple[str, str, int, int], observed: Any = None) -> GateResult:
    """A gate of clean.orders; each finding is a rule's id, its dimension, rows that it evaluated, rows that failed."""
    results = tuple(
        RuleResult(
            Rule(f"clean.orders.{rule}", "not_null", ("order_id",), dimension=dimension), n, bad, bad == 0, observed
        )
        for rule, dimension, n, bad in found
    )
    return GateResult(ORDERS, run_id, batch_id, 10, results)


def scores(warehouse: DuckDBWarehouse) -> list[tuple[Any, ...]]:
    return warehouse.query(
        "SELECT run_id, dimension, evaluated_count, failed_count, CAST(score AS DOUBLE PRECISION) AS score, is_passed "
        "FROM audit.quality_score ORDER BY run_id, dimension"
    ).rows()


def test_a_score_adds_up_counts_over_rules_and_batches(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    quality.record_results(warehouse, [gate("r1", "b1", ("a", "completeness", 90, 0), ("b", "uniqueness", 7, 7))], AT)
    quality.record_results(
        warehouse, [gate("r1", "b2", ("a", "completeness", 10, 10)), gate("r2", "b3", ("a", "accuracy", 1, 1))], AT
    )
    assert quality.record_scores(warehouse, registry, "r1", DAY, AT)
    # 10 of 100, not the mean of 0 % and 100 %; uniqueness has no threshold, so it is reported only.
    expected = [("r1", "completeness", 100, 10, 0.9, False), ("r1", "uniqueness", 7, 7, 0.0, True)]
    assert scores(warehouse) == expected
    assert quality.record_scores(warehouse, registry, "r1", DAY, AT)
    assert scores(warehouse) == expected


def test_a_run_that_checked_nothing_has_no_score(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    assert not quality.record_scores(warehouse, registry, "r1", DAY, AT)
    assert scores(warehouse) == []


def test_what_was_observed_is_kept_as_text_that_fits(warehouse: DuckDBWarehouse) -> None:
    quality.record_results(warehouse, [gate("r1", "b1", ("a", "coverage", 1, 1), observed={"rows": "x" * 1000})], AT)
    quality.record_results(warehouse, [gate("r1", "b2", ("a", "coverage", 1, 0))], AT)
    (found, nothing) = warehouse.query("SELECT observed FROM audit.quality_result ORDER BY batch_id").get_column(
        "observed"
    )
    assert found.startswith("{'rows': 'xxx")
    assert len(found) == 250
    assert nothing is None


def test_tables_that_read_the_audit_tables_are_queued(warehouse: DuckDBWarehouse, registry: Registry) -> None:
    graph = Graph({TableId("mart", "data_freshness"): "SELECT batch_id FROM audit.load_ledger"})
    quality.enqueue_readers(warehouse, registry, graph)
    waiting = {
        str(c.table): warehouse.scalar(f"SELECT COUNT(*) AS n FROM {c.table.pending}")
        for c in registry.values()
        if ddl.is_queued(c)
    }
    assert {table for table, count in waiting.items() if count} == {"mart.data_freshness"}
