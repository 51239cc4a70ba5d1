"""Suites: as the gate runs one, as two quantiles need it, and on a million rows."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.case import Case
from conformance.cases import asked_on
from conformance.comparison import Answer, Answers, differences


def different(one: dict[str, Answer], other: dict[str, Answer]) -> dict[str, list[str]]:
    """The differences by case."""
    found = {case: differences(one[case], other[case]) for case in one}
    return {case: places for case, places in found.items() if places}


@pytest.mark.parametrize("frame", ["nulls", "empty"])
def test_a_prepared_suite_of_everything_says_what_the_validator_says(frame: str, engines: Any, ours: Answers) -> None:
    from conformance.engines import prepared
    from expectations.validation import RESULT_FORMAT

    every = [case for case in asked_on(frame) if case.reference == "pandas"]
    runnable = [case for case in every if ours(frame)[case.id].raised is None]
    assert {case.name for case in runnable} == {case.name for case in every}
    assert not different(engines.ours(runnable, frame, RESULT_FORMAT), prepared(runnable, frame))


def test_quantiles_of_one_column_in_one_suite_are_each_its_own_or_raise(engines: Any, ours: Answers) -> None:
    from conformance.engines import COMPLETE, prepared, validated

    frame = "plain"
    quantiles = [case for case in asked_on(frame) if case.name == "ExpectColumnQuantileValuesToBeBetween"]
    cases = [case for case in quantiles if not case.apart]
    together = validated(engines.our_batch("pandas", frame), cases, COMPLETE, ours=True)
    for found in (together, prepared(cases, frame)):
        answered = {case: answer for case, answer in found.items() if answer.raised is None}
        assert not different(answered, {case: ours(frame)[case] for case in answered})


_MILLION = [
    Case("ExpectColumnValuesToNotBeNull", {"column": "price", "mostly": 0.95}, False),
    Case("ExpectColumnValuesToBeInSet", {"column": "b", "value_set": list(range(999))}, False),
    Case("ExpectColumnValuesToBeBetween", {"column": "a", "min_value": 10}, False),
    Case("ExpectColumnValuesToBeUnique", {"column": "a"}, True),
    Case("ExpectColumnValuesToBeUnique", {"column": "b"}, False),
    Case("ExpectColumnValuesToBeIncreasing", {"column": "id", "strictly": True}, True),
    Case("ExpectColumnValuesToBeDecreasing", {"column": "price"}, False),
    Case("ExpectColumnValueZScoresToBeLessThan", {"column": "price", "threshold": 1.7, "double_sided": True}, False),
    Case("ExpectColumnValuesToNotBeOutliers", {"column": "price", "multiplier": 0.4}, False),
    Case("ExpectColumnPairValuesAToBeGreaterThanB", {"column_A": "a", "column_B": "b"}, False),
    Case("ExpectCompoundColumnsToBeUnique", {"column_list": ["b", "price"]}, False),
    Case("ExpectMulticolumnSumToEqual", {"column_list": ["id", "down"], "sum_total": 999_999}, True),
    Case("ExpectColumnMeanToBeBetween", {"column": "price", "max_value": 1}, False),
    Case("ExpectColumnSumToBeBetween", {"column": "a", "max_value": 1}, False),
    Case("ExpectColumnMedianToBeBetween", {"column": "price", "max_value": 1}, False),
    Case("ExpectColumnStdevToBeBetween", {"column": "price", "max_value": 1}, False),
    Case(
        "ExpectColumnQuantileValuesToBeBetween",
        {"column": "price", "quantile_ranges": {"quantiles": [0.05, 0.9], "value_ranges": [[0, 1], [0, 1]]}},
        False,
    ),
    Case("ExpectColumnUniqueValueCountToBeBetween", {"column": "b", "max_value": 999}, False),
    Case("ExpectColumnProportionOfUniqueValuesToBeBetween", {"column": "price", "max_value": 0.0001}, False),
    Case("ExpectColumnDistinctValuesToBeInSet", {"column": "b", "value_set": list(range(1000))}, True),
    Case("ExpectTableRowCountToEqual", {"value": 1_000_000}, True),
]


def test_a_suite_on_a_million_rows_is_answered_as_great_expectations_does(engines: Any) -> None:
    from conformance.engines import prepared

    summary = {"result_format": "SUMMARY"}
    theirs = engines.theirs(_MILLION, "million", summary)
    assert {case: answer.success for case, answer in theirs.items()} == {case.id: case.passes for case in _MILLION}
    assert not different(theirs, engines.ours(_MILLION, "million", summary))
    together = prepared(_MILLION, "million")
    assert {case: answer.success for case, answer in together.items()} == {case.id: case.passes for case in _MILLION}
