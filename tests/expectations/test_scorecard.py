"""Scores are shares of evaluated values, never shares of checks."""

from __future__ import annotations

import pytest

from contracts.ids import TableId
from expectations.rules import Rule
from expectations.scorecard import merge, score, scores
from expectations.verdicts import GateResult, RuleResult

ORDERS, ITEMS = TableId("clean", "orders"), TableId("clean", "order_items")


def result(table: TableId, *counts: tuple[str, int, int]) -> GateResult:
    found = tuple(
        RuleResult(Rule(f"{table}.{n}", "not_null", (), dimension=dimension), evaluated, failed, failed == 0)
        for n, (dimension, evaluated, failed) in enumerate(counts)
    )
    return GateResult(table, "run", "batch", 0, found)


def test_values_count_not_checks() -> None:
    # One check of two failed, but only one value of a hundred and ten.
    [found] = scores([result(ORDERS, ("completeness", 100, 0), ("completeness", 10, 1))])
    assert (found.table, found.evaluated, found.failed) == (ORDERS, 110, 1)
    assert found.score == pytest.approx(109 / 110)
    assert found.passed


def test_batches_add_up_and_tables_stay_apart() -> None:
    found = scores(
        [
            result(ORDERS, ("accuracy", 10, 0)),
            result(ORDERS, ("accuracy", 90, 3)),
            result(ITEMS, ("accuracy", 100, 1)),
        ]
    )
    assert [(str(s.table), s.score, s.passed) for s in found] == [
        ("clean.order_items", 0.99, True),
        ("clean.orders", 0.97, False),
    ]
    [total] = merge(found)
    assert (total.table, total.score, total.passed) == (None, 0.98, True)


@pytest.mark.parametrize(
    ("dimension", "at"), [("completeness", 0.95), ("accuracy", 0.98), ("consistency", 0.99), ("conformity", 0.97)]
)
def test_a_score_at_its_threshold_passes(dimension: str, at: float) -> None:
    failed = round(10_000 * (1 - at))
    assert score(None, dimension, 10_000, failed).passed
    assert not score(None, dimension, 10_000, failed + 1).passed


def test_other_dimensions_are_reported_without_a_verdict() -> None:
    found = score(ORDERS, "timeliness", 10, 10)
    assert (found.score, found.threshold, found.passed) == (0.0, None, True)


def test_a_contract_can_ask_for_more() -> None:
    assert not score(ORDERS, "completeness", 100, 1, {"completeness": 1.0}).passed
    [found] = scores([result(ORDERS, ("completeness", 100, 1))], {ORDERS: {"completeness": 0.995}})
    assert not found.passed


def test_nothing_evaluated_is_nothing_wrong() -> None:
    assert score(ORDERS, "accuracy", 0, 0).score == 1.0
