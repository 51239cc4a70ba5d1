"""Cases whose arguments or columns have types that one does not expect: what is answered then, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from conformance.case import Case

BOTH = ("plain", "nulls")
_IN_SET, _NOT_IN_SET = "ExpectColumnValuesToBeInSet", "ExpectColumnValuesToNotBeInSet"
_BETWEEN, _REGEX = "ExpectColumnValuesToBeBetween", "ExpectColumnValuesToMatchRegex"
_LENGTH, _INCREASING = "ExpectColumnValueLengthsToEqual", "ExpectColumnValuesToBeIncreasing"
_Z_SCORE, _OUTLIERS = "ExpectColumnValueZScoresToBeLessThan", "ExpectColumnValuesToNotBeOutliers"
_DISTINCT, _COMMON = "ExpectColumnDistinctValuesToBeInSet", "ExpectColumnMostCommonValueToBeInSet"
_MAX, _MEAN, _SUM = "ExpectColumnMaxToBeBetween", "ExpectColumnMeanToBeBetween", "ExpectColumnSumToBeBetween"
_QUANTILES, _KL = "ExpectColumnQuantileValuesToBeBetween", "ExpectColumnKLDivergenceToBeLessThan"
_EQUAL, _GREATER = "ExpectColumnPairValuesToBeEqual", "ExpectColumnPairValuesAToBeGreaterThanB"
_MIDDLE: dict[str, Any] = {"quantiles": [0.5], "value_ranges": [[None, None]]}
_SPREAD = {"threshold": 1, "double_sided": True}


def _cases(*asked: tuple[str, dict[str, Any]], frames: Sequence[str] = BOTH, apart: bool = False) -> list[Case]:
    return [Case(name, kwargs, None, frames, apart=apart) for name, kwargs in asked]


def _of(*columns: str) -> dict[str, Any]:
    return {"column_A": columns[0], "column_B": columns[1]}


ANSWERED = _cases(
    (_IN_SET, {"column": "a", "value_set": [1, None]}),
    (_IN_SET, {"column": "a", "value_set": [1.0, 2.5]}),
    (_IN_SET, {"column": "a", "value_set": [True]}),
    (_IN_SET, {"column": "name", "value_set": ["ann", 1]}),
    (_IN_SET, {"column": "name", "value_set": [1]}),
    (_IN_SET, {"column": "price", "value_set": [2]}),
    (_IN_SET, {"column": "price", "value_set": [Decimal("1.5")]}),
    (_IN_SET, {"column": "amount", "value_set": [10]}),
    (_IN_SET, {"column": "seen_at", "value_set": [datetime(2024, 1, 2, 6, 30, 0, 1, tzinfo=UTC)]}),
    (_NOT_IN_SET, {"column": "a", "value_set": [2, None]}),
    (_NOT_IN_SET, {"column": "at", "value_set": ["2024-01-02T12:00:00.000001"]}),
    (_BETWEEN, {"column": "a", "min_value": 1.5}),
    (_BETWEEN, {"column": "is_paid", "min_value": 1}),
    (_BETWEEN, {"column": "amount", "min_value": 0.005, "max_value": 9.999}),
    (_BETWEEN, {"column": "day", "min_value": "2024-01-03"}),
    (_BETWEEN, {"column": "at", "min_value": "2024-01-03T00:00:00"}),
    (_BETWEEN, {"column": "seen_at", "min_value": datetime(2024, 1, 3, tzinfo=UTC)}),
    (_MAX, {"column": "at", "max_value": "2024-01-05T00:00:00"}),
    (_MAX, {"column": "seen_at", "max_value": datetime(2024, 1, 5, tzinfo=UTC)}),
    (_MAX, {"column": "is_paid", "max_value": 1}),
    (_MEAN, {"column": "at", "max_value": datetime(2024, 1, 5)}),
    (_MEAN, {"column": "is_paid", "max_value": 1}),
    ("ExpectColumnMedianToBeBetween", {"column": "at", "max_value": datetime(2024, 1, 5)}),
    (_SUM, {"column": "is_paid", "max_value": 1}),
    ("ExpectColumnUniqueValueCountToBeBetween", {"column": "name", "max_value": 3}),
    ("ExpectColumnUniqueValueCountToBeBetween", {"column": "seen_at", "max_value": 3}),
    (_QUANTILES, {"column": "amount", "quantile_ranges": _MIDDLE}),
    (_DISTINCT, {"column": "day", "value_set": ["2024-01-02"]}),
    (_DISTINCT, {"column": "at", "value_set": ["2024-01-02T12:00:00.000001"]}),
    ("ExpectColumnDistinctValuesToContainSet", {"column": "day", "value_set": ["2024-01-02"]}),
    ("ExpectColumnDistinctValuesToEqualSet", {"column": "price", "value_set": [1, 2]}),
    (_COMMON, {"column": "name", "value_set": ["ann"]}),
    (_COMMON, {"column": "price", "value_set": [2.25]}),
    (_COMMON, {"column": "amount", "value_set": [10]}),
    (_COMMON, {"column": "day", "value_set": [date(2024, 1, 2)]}),
    (_COMMON, {"column": "day", "value_set": ["2024-01-02"]}),
    (_KL, {"column": "a", "partition_object": None, "threshold": None}),
    (_KL, {"column": "name", "partition_object": None, "threshold": None, "bucketize_data": False}),
    (_REGEX, {"column": "price", "regex": r"^\d+\.\d$"}),
    (_REGEX, {"column": "amount", "regex": r"^\d+\.\d\d$"}),
    (_REGEX, {"column": "day", "regex": "^2024-01-0"}),
    (_REGEX, {"column": "is_paid", "regex": "^True$"}),
    (_REGEX, {"column": "code", "regex": "A-1$"}),
    (_REGEX, {"column": "name", "regex": "(?i)^ANN$"}),
    (_LENGTH, {"column": "price", "value": 3}),
    (_LENGTH, {"column": "amount", "value": 5}),
    (_LENGTH, {"column": "is_paid", "value": 4}),
    (_LENGTH, {"column": "day", "value": 10}),
    (_INCREASING, {"column": "day"}),
    (_INCREASING, {"column": "amount"}),
    (_INCREASING, {"column": "seen_at"}),
    ("ExpectColumnValuesToBeJsonParseable", {"column": "a"}),
    ("ExpectColumnValuesToBeJsonParseable", {"column": "amount"}),
    ("ExpectMulticolumnValuesToBeEqual", {"column_list": ["a", "price"]}),
    ("ExpectMulticolumnValuesToBeEqual", {"column_list": ["a", "name"]}),
    ("ExpectSelectColumnValuesToBeUniqueWithinRecord", {"column_list": ["a", "price"]}),
    ("ExpectSelectColumnValuesToBeUniqueWithinRecord", {"column_list": ["a", "name"]}),
    (_EQUAL, _of("a", "price")),
    (_GREATER, _of("day", "at")),
    (_GREATER, _of("amount", "a")),
)
# Dates, instants and decimals as text, which they are in the JSON of a suite.
WRITTEN = _cases(
    (_IN_SET, {"column": "amount", "value_set": ["10.00"]}),
    (_IN_SET, {"column": "day", "value_set": ["2024-01-02"]}),
    (_IN_SET, {"column": "at", "value_set": ["2024-01-02T12:00:00.000001"]}),
    (_IN_SET, {"column": "seen_at", "value_set": ["2024-01-02T12:00:00.000001+05:30"]}),
    (_NOT_IN_SET, {"column": "day", "value_set": ["2024-01-02"]}),
    (_DISTINCT, {"column": "amount", "value_set": ["10.00"]}),
)
# Floats beside decimals.
ROUNDED = _cases(
    (_IN_SET, {"column": "amount", "value_set": [10.0, 0.01]}),
    (_BETWEEN, {"column": "amount", "min_value": 0.01}),
    frames=["plain"],
)
# Types that do not fit: pandas finds some answer, we refuse.
UNFIT = _cases(
    (_IN_SET, {"column": "a", "value_set": ["1", 2]}),
    (_IN_SET, {"column": "is_paid", "value_set": [1]}),
    (_NOT_IN_SET, {"column": "a", "value_set": ["2"]}),
    (_DISTINCT, {"column": "a", "value_set": ["1"]}),
    (_REGEX, {"column": "at", "regex": r"^2024-01-0. 12:00:00\.000001$"}),
    (_INCREASING, {"column": "is_paid"}),
    (_Z_SCORE, {"column": "at", **_SPREAD}),
    ("ExpectMulticolumnSumToEqual", {"column_list": ["name", "code"], "sum_total": 20}),
    (_EQUAL, _of("a", "name")),
    apart=True,
)
LOOK_AROUND = _cases((_REGEX, {"column": "name", "regex": "(?=a)"}), apart=True)
# A condition in the language of another engine.
FOREIGN = [
    Case("ExpectColumnValuesToBeUnique", {"column": "a"}, None, ("plain",), condition="pandas_query", apart=True)
]
# Great Expectations refuses these, too: types that do not fit, columns that are not there, arguments that cannot be.
REFUSED = _cases(
    (_IN_SET, {"column": "nowhere", "value_set": [1]}),
    (_BETWEEN, {"column": "a", "min_value": 5, "max_value": 1}),
    (_BETWEEN, {"column": "name", "min_value": 1}),
    (_BETWEEN, {"column": "seen_at", "min_value": datetime(2024, 1, 3)}),
    (_MAX, {"column": "name", "max_value": 3}),
    (_MAX, {"column": "nowhere", "max_value": 1}),
    (_MEAN, {"column": "name", "max_value": 1}),
    ("ExpectColumnStdevToBeBetween", {"column": "name", "max_value": 1}),
    (_QUANTILES, {"column": "at", "quantile_ranges": _MIDDLE}),
    (_QUANTILES, {"column": "name", "quantile_ranges": _MIDDLE}),
    (_REGEX, {"column": "name", "regex": "("}),
    (_INCREASING, {"column": "name"}),
    (_Z_SCORE, {"column": "name", **_SPREAD}),
    (_OUTLIERS, {"column": "at"}),
    ("ExpectColumnValuesToBeDateutilParseable", {"column": "a"}),
    ("ExpectColumnValuesToBeDateutilParseable", {"column": "day"}),
    ("ExpectColumnValuesToMatchStrftimeFormat", {"column": "a", "strftime_format": "%Y"}),
    ("ExpectColumnValuesToMatchStrftimeFormat", {"column": "day", "strftime_format": "%Y"}),
    ("ExpectCompoundColumnsToBeUnique", {"column_list": ["a", "nowhere"]}),
    (_EQUAL, _of("a", "nowhere")),
    (_GREATER, _of("a", "name")),
    apart=True,
)
# Great Expectations crashes on decimals; `differences.py` says what our answers are.
DECIMALS = _cases(
    (_Z_SCORE, {"column": "amount", **_SPREAD}),
    (_OUTLIERS, {"column": "amount"}),
    ("ExpectMulticolumnSumToEqual", {"column_list": ["amount", "price"], "sum_total": 20}),
)
ARGUMENTS = [*ANSWERED, *WRITTEN, *ROUNDED, *UNFIT, *LOOK_AROUND, *FOREIGN, *REFUSED, *DECIMALS]
