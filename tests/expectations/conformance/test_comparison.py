"""The comparison sees a difference, and only what is none is made the same."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from conformance.comparison import COUNTS, Answer, differences


def of(value: Any) -> Answer:
    return Answer(True, {"it": value})


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (1, 2),
        (1, True),
        (1, "1"),
        (1, None),
        (1.0, 1.00001),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ({"a": 1}, {"b": 1}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}),
        (float("inf"), None),
        (datetime(2024, 1, 1), date(2024, 1, 1)),
    ],
)
def test_a_difference_is_seen(theirs: Any, ours: Any) -> None:
    assert differences(of(theirs), of(ours))


def test_success_fields_and_errors_are_seen() -> None:
    assert differences(Answer(True), Answer(False)) == ["success: True ≠ False"]
    assert differences(Answer(True, {"a": 1}), Answer(True)) == ["a: only theirs: 1"]
    assert differences(Answer(True), Answer(True, {"a": 1})) == ["a: only ours: 1"]
    assert differences(Answer(False), Answer(False, raised="no")) == ["raised: no"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (np.int64(1), 1),
        (np.bool_(True), True),
        (2.0, 2),
        (1 / 3, Decimal("0.333333333333")),
        (float("nan"), None),
        (pd.NaT, None),
        (pd.Timestamp(2024, 1, 1), datetime(2024, 1, 1)),
        ((1, 2), [1, 2]),
        ({2, 1}, {1, 2}),
        (pd.DataFrame({"a": [1]}), pl.DataFrame({"a": [1]})),
    ],
)
def test_what_is_no_difference_is_none(theirs: Any, ours: Any) -> None:
    assert not differences(of(theirs), of(ours))


def counted(*values: Any) -> list[dict[str, Any]]:
    return [{"value": value, "count": 1} for value in values]


def test_counts_of_missing_values_are_added_and_no_others() -> None:
    once = Answer(True, {COUNTS: [{"value": None, "count": 2}, *counted(1)]})
    assert not differences(Answer(True, {COUNTS: counted(float("nan"), float("nan"), 1)}), once)
    assert differences(Answer(True, {COUNTS: counted(float("nan"), 1)}), once)


def test_counts_may_be_left_out_only_where_a_value_is_null() -> None:
    theirs = Answer(True, {COUNTS: counted(1), "partial_unexpected_list": [1]})
    assert differences(theirs, Answer(True, {"partial_unexpected_list": [1]}))
    theirs = Answer(True, {COUNTS: counted(None), "partial_unexpected_list": [(1, None)]})
    assert not differences(theirs, Answer(True, {"partial_unexpected_list": [(1, None)]}))
