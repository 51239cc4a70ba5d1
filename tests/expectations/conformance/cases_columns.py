"""Cases about one number, or one set of values, of a column."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from conformance.case import Case, about
from conformance.frames import PLAIN

DAY, INSTANT = date(2024, 1, 3), datetime(2024, 1, 3, 12, 0, 0, 1)


def _bounded(name: str, column: str, value: Any, below: Any, above: Any) -> list[Case]:
    """An aggregate that is `value` on `plain`, against all sorts of bounds; other frames ask for the number."""
    both = about(
        name,
        passes=[
            {"column": column, "min_value": value, "max_value": value},
            {"column": column, "min_value": below, "strict_min": True},
            {"column": column, "max_value": above, "strict_max": True},
            {"column": column},
        ],
        fails=[
            {"column": column, "min_value": value, "strict_min": True},
            {"column": column, "max_value": value, "strict_max": True},
            {"column": column, "min_value": above},
            {"column": column, "max_value": below},
        ],
    )
    return [both[0], both[4], *(replace(case, frames=("plain",)) for case in (*both[1:4], *both[5:]))]


COLUMNS = [
    *_bounded("ExpectColumnMaxToBeBetween", "a", 13, 12, 14),
    *_bounded("ExpectColumnMinToBeBetween", "a", 1, 0, 2),
    *_bounded("ExpectColumnMeanToBeBetween", "a", 4.5, 4, 5),
    *_bounded("ExpectColumnMedianToBeBetween", "a", 2.5, 2, 3),
    *_bounded("ExpectColumnSumToBeBetween", "a", 36, 35, 37),
    *_bounded("ExpectColumnProportionOfNonNullValuesToBeBetween", "a", 1, 0.5, 1.5),
    *_bounded("ExpectColumnProportionOfUniqueValuesToBeBetween", "a", 0.75, 0.5, 0.9),
    *_bounded("ExpectColumnUniqueValueCountToBeBetween", "a", 6, 5, 7),
    *about(
        "ExpectColumnMaxToBeBetween",
        passes=[{"column": "amount", "min_value": 1}, {"column": "day", "max_value": date(2024, 1, 31)}],
        fails=[
            {"column": "price", "max_value": 99.5},
            {"column": "amount", "max_value": 1},
            {"column": "day", "max_value": DAY},
            {"column": "at", "min_value": datetime(2024, 3, 1)},
        ],
    ),
    *about(
        "ExpectColumnMinToBeBetween",
        passes=[{"column": "day", "min_value": date(2024, 1, 1)}, {"column": "price", "min_value": -3.0}],
        fails=[
            {"column": "amount", "min_value": 0},
            {"column": "day", "min_value": DAY},
            {"column": "price", "min_value": 0},
        ],
    ),
    *about(
        "ExpectColumnMeanToBeBetween",
        passes=[{"column": "price", "min_value": 13, "max_value": 14}],
        fails=[{"column": "amount", "max_value": 10}, {"column": "price", "max_value": 13}],
    ),
    *about(
        "ExpectColumnMedianToBeBetween",
        passes=[{"column": "price", "min_value": 1.8, "max_value": 1.9}],
        fails=[{"column": "amount", "max_value": 5}, {"column": "price", "max_value": 1}],
    ),
    *about(
        "ExpectColumnSumToBeBetween",
        passes=[{"column": "price", "min_value": 110.8, "max_value": 110.9}],
        fails=[{"column": "amount", "max_value": 5}, {"column": "price", "max_value": 1}],
    ),
    *about(
        "ExpectColumnStdevToBeBetween",
        passes=[{"column": "a", "min_value": 4, "max_value": 5}, {"column": "constant", "max_value": 0}],
        fails=[
            {"column": "a", "min_value": 1, "max_value": 2},
            {"column": "price", "max_value": 1},
            {"column": "amount", "max_value": 1},
            {"column": "constant", "min_value": 0, "strict_min": True},
        ],
    ),
    *about(
        "ExpectColumnQuantileValuesToBeBetween",
        passes=[
            {"column": "a", "quantile_ranges": {"quantiles": [0, 0.5, 1], "value_ranges": [[1, 1], [2, 3], [None, 13]]}}
        ],
        fails=[
            {"column": "a", "quantile_ranges": {"quantiles": [0.25, 0.75], "value_ranges": [[0, 1], [None, None]]}},
            {
                "column": "a",
                "quantile_ranges": {"quantiles": [0.1, 0.3], "value_ranges": [[0, 1], [4, 5]]},
                "allow_relative_error": "linear",
            },
            {
                "column": "price",
                "quantile_ranges": {"quantiles": [0.1, 0.33], "value_ranges": [[0, 1], [4, 5]]},
                "allow_relative_error": "lower",
            },
            {
                "column": "price",
                "quantile_ranges": {"quantiles": [0.1, 0.33], "value_ranges": [[0, 1], [4, 5]]},
                "allow_relative_error": "higher",
            },
            {
                "column": "price",
                "quantile_ranges": {"quantiles": [0.1, 0.33], "value_ranges": [[0, 1], [4, 5]]},
                "allow_relative_error": "midpoint",
            },
        ],
    ),
    *about(
        "ExpectColumnDistinctValuesToBeInSet",
        passes=[
            {"column": "a", "value_set": [1, 2, 3, 5, 8, 13, 21]},
            {"column": "amount", "value_set": PLAIN["amount"]},
            {"column": "day", "value_set": PLAIN["day"]},
        ],
        fails=[
            {"column": "a", "value_set": [1, 2]},
            {"column": "name", "value_set": ["ann"]},
            {"column": "day", "value_set": [DAY]},
            {"column": "at", "value_set": [INSTANT]},
        ],
    ),
    *about(
        "ExpectColumnDistinctValuesToContainSet",
        passes=[{"column": "a", "value_set": [1, 2]}, {"column": "name", "value_set": ["ann"]}],
        fails=[
            {"column": "a", "value_set": [1, 99]},
            {"column": "name", "value_set": ["ann", "nobody"]},
            {"column": "at", "value_set": [datetime(2020, 1, 1)]},
        ],
    ),
    *about(
        "ExpectColumnDistinctValuesToEqualSet",
        passes=[{"column": "a", "value_set": [1, 2, 3, 5, 8, 13]}, {"column": "is_paid", "value_set": [True, False]}],
        fails=[{"column": "a", "value_set": [1, 2, 99]}, {"column": "name", "value_set": ["ann"]}],
    ),
    *about(
        "ExpectColumnMostCommonValueToBeInSet",
        passes=[
            {"column": "a", "value_set": [2]},
            {"column": "c", "value_set": [2]},
            {"column": "is_paid", "value_set": [True]},
            {"column": "b", "value_set": [1, 2, 3], "ties_okay": True},
        ],
        fails=[
            {"column": "b", "value_set": [1, 9]},
            {"column": "a", "value_set": [1]},
            {"column": "id", "value_set": [1], "ties_okay": False},
            {"column": "day", "value_set": [DAY]},
        ],
    ),
    *about(
        "ExpectColumnKLDivergenceToBeLessThan",
        passes=[
            {
                "column": "is_paid",
                "partition_object": {"values": [True, False], "weights": [0.75, 0.25]},
                "threshold": 0.1,
            },
            {
                "column": "a",
                "partition_object": {"bins": [0, 5, 10, 15], "weights": [0.6, 0.2, 0.2]},
                "threshold": 0.2,
            },
        ],
        fails=[
            {
                "column": "name",
                "partition_object": {"values": ["ann", "bob"], "weights": [0.5, 0.5]},
                "threshold": 0.1,
            },
            {
                "column": "a",
                "partition_object": {"bins": [0, 5, 10, 15], "weights": [0.1, 0.1, 0.8]},
                "threshold": 0.1,
            },
            {
                "column": "price",
                "partition_object": {
                    "bins": [0, 1, 5],
                    "weights": [0.4, 0.4],
                    "tail_weights": [0.1, 0.1],
                },
                "threshold": 0.01,
                "internal_weight_holdout": 0.1,
            },
        ],
    ),
]
