"""Scores are shares of evaluated values, never shares of checks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from expectation_samples import ORDERS, contract_of
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import TableId
from contracts.model import Contract
from expectations.rules import Rule
from expectations.scorecard import Score, label, merge, score, scores, scores_of
from expectations.verdicts import GateResult, RuleResult

HOUSE = [("completeness", 0.95), ("accuracy", 0.98), ("consistency", 0.99), ("conformity", 0.97)]


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return contract_of(ORDERS, tmp_path_factory.mktemp("scored"))


def asks(contract: Contract, **other: Any) -> Contract:
    """The contract with other thresholds, verdict or minimum."""
    return replace(contract, **other)


def result(contract: Contract, *counts: tuple[str, int, int]) -> GateResult:
    found = tuple(
        RuleResult(Rule(f"{contract.table}.{n}", "not_null", (), dimension=dimension), evaluated, failed, failed == 0)
        for n, (dimension, evaluated, failed) in enumerate(counts)
    )
    return GateResult(contract.table, "run", "batch", 0, found, scores_of(contract, found))


def test_values_count_not_checks(contract: Contract) -> None:
    # One check of two failed, but only one value of a hundred and ten.
    [found] = scores([result(contract, ("completeness", 100, 0), ("completeness", 10, 1))])
    assert (found.table, found.evaluated, found.failed) == (contract.table, 110, 1)
    assert found.score == pytest.approx(109 / 110)
    assert found.passed


def test_batches_add_up_and_tables_stay_apart(contract: Contract) -> None:
    items = asks(contract, table=TableId("clean", "order_items"))
    found = scores(
        [
            result(contract, ("accuracy", 10, 0)),
            result(contract, ("accuracy", 90, 3)),
            result(items, ("accuracy", 100, 1)),
        ]
    )
    assert [(str(s.table), s.score, s.passed) for s in found] == [
        ("clean.order_items", 0.99, True),
        ("clean.orders", 0.97, False),
    ]
    [total] = merge(found)
    assert (total.table, total.score, total.passed) == (None, 0.98, True)


@pytest.mark.parametrize(("dimension", "at"), HOUSE)
def test_a_score_at_its_threshold_passes(dimension: str, at: float) -> None:
    failed = round(10_000 * (1 - at))
    assert score(None, dimension, 10_000, failed).passed
    assert not score(None, dimension, 10_000, failed + 1).passed


def test_other_dimensions_are_reported_without_a_verdict(contract: Contract) -> None:
    found = score(contract.table, "timeliness", 1000, 1000, asks(contract, score_verdict="block"))
    assert (found.score, found.threshold, found.passed, found.blocks) == (0.0, None, True, False)


def test_a_contract_can_ask_for_more_or_less(contract: Contract) -> None:
    strict = asks(contract, thresholds={"completeness": 1.0, "uniqueness": 0.9})
    assert not score(strict.table, "completeness", 1000, 1, strict).passed
    assert not score(strict.table, "uniqueness", 100, 11, strict).passed
    assert score(strict.table, "accuracy", 100, 2, strict).passed
    [found] = scores([result(strict, ("completeness", 1000, 1)), result(strict, ("completeness", 1000, 0))])
    assert (found.threshold, found.passed) == (1.0, False)


def test_below_threshold_warns_or_blocks_as_the_contract_says(contract: Contract) -> None:
    for verdict, blocks in (("warn", False), ("block", True)):
        found = score(contract.table, "accuracy", 1000, 21, asks(contract, score_verdict=verdict))
        assert (found.passed, found.blocks) == (False, blocks)
    assert not score(contract.table, "accuracy", 1000, 20, asks(contract, score_verdict="block")).blocks


def test_a_few_values_are_told_but_stop_nothing(contract: Contract) -> None:
    strict = asks(contract, score_verdict="block")
    tiny, enough = (score(strict.table, "completeness", n, n // 10, strict) for n in (10, 100))
    assert (tiny.score, tiny.passed, tiny.blocks) == (0.9, False, False)
    assert (enough.score, enough.passed, enough.blocks) == (0.9, False, True)
    assert score(strict.table, "completeness", 10, 1, asks(strict, score_minimum=1)).blocks


@pytest.mark.parametrize(("dimension", "at"), HOUSE)
def test_from_the_default_minimum_on_one_bad_value_alone_never_blocks(
    contract: Contract, dimension: str, at: float
) -> None:
    strict = asks(contract, score_verdict="block")
    assert score(strict.table, dimension, strict.score_minimum, 1, strict).passed


def test_nothing_evaluated_is_nothing_wrong() -> None:
    found = score(TableId("clean", "orders"), "accuracy", 0, 0)
    assert (found.score, found.percent, found.passed) == (1.0, "100.00%", True)


@given(st.integers(1, 30_000), st.data())
def test_a_score_is_shown_rounded_down(evaluated: int, data: Any) -> None:
    failed = data.draw(st.integers(0, evaluated))
    found = Score(None, "accuracy", evaluated, failed, 0.98)
    assert (found.percent == "100.00%") == (failed == 0)
    assert 0 <= found.score - float(found.percent[:-1]) / 100 < 0.0001 + 1e-12


def test_people_read_validity_where_odcs_writes_conformity() -> None:
    assert (label("conformity"), label("accuracy")) == ("validity (conformity)", "accuracy")
