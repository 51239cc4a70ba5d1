"""Frames and suites that the tests of the Polars engine share."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

FRAME = pl.DataFrame(
    {
        "id": [1, 2, 3, 4, 5, 6],
        "a": [1, 2, 2, None, 5, 9],
        "b": [1, 1, 3, 4, None, 9],
        "name": ["ann", "bob", None, "ann", "Zed", "flo"],
        "day": [date(2024, 1, n) for n in range(1, 7)],
    }
)
CONTINUOUS = {"bins": [0, 5, 10], "weights": [0.5, 0.5]}
CATEGORICAL = {"values": ["ann", "bob"], "weights": [0.5, 0.5]}


def failing() -> list[tuple[str, dict[str, Any]]]:
    """An expectation of each way to measure; all fail on FRAME."""
    return [
        ("ExpectColumnValuesToNotBeNull", {"column": "a"}),
        ("ExpectColumnValuesToBeNull", {"column": "name"}),
        ("ExpectColumnValuesToBeInSet", {"column": "name", "value_set": ["x"]}),
        ("ExpectColumnValuesToNotMatchRegexList", {"column": "name", "regex_list": ["n"]}),
        ("ExpectColumnValuesToMatchStrftimeFormat", {"column": "name", "strftime_format": "%Y"}),
        ("ExpectColumnValuesToBeUnique", {"column": "name"}),
        ("ExpectColumnValuesToBeIncreasing", {"column": "a", "strictly": True}),
        ("ExpectColumnValueZScoresToBeLessThan", {"column": "a", "threshold": 0.5, "double_sided": True}),
        ("ExpectColumnPairValuesToBeEqual", {"column_A": "a", "column_B": "b"}),
        ("ExpectColumnPairValuesToBeInSet", {"column_A": "id", "column_B": "name", "value_pairs_set": [(1, "ann")]}),
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["name", "name"]}),
        ("ExpectMulticolumnSumToEqual", {"column_list": ["a", "b"], "sum_total": 2}),
        ("ExpectColumnMaxToBeBetween", {"column": "a", "max_value": 1}),
        ("ExpectColumnMedianToBeBetween", {"column": "a", "max_value": 1}),
        ("ExpectColumnMostCommonValueToBeInSet", {"column": "name", "value_set": ["bob"]}),
        ("ExpectColumnDistinctValuesToEqualSet", {"column": "name", "value_set": ["bob", "eve"]}),
        (
            "ExpectColumnQuantileValuesToBeBetween",
            {"column": "a", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[7, 8]]}},
        ),
        ("ExpectColumnKLDivergenceToBeLessThan", {"column": "a", "partition_object": CONTINUOUS, "threshold": 0.01}),
        ("ExpectColumnValuesToBeOfType", {"column": "a", "type_": "String"}),
        ("ExpectTableRowCountToEqual", {"value": 1}),
        ("ExpectTableRowCountToEqualOtherTable", {"other_table_name": "other"}),
        ("ExpectTableColumnCountToEqual", {"value": 1}),
        ("UnexpectedRowsExpectation", {"unexpected_rows_query": "SELECT name FROM {batch} WHERE id > 1"}),
    ]


REFERENCES = {"other": pl.LazyFrame({"x": [1]})}


def expectations(cases: list[tuple[str, dict[str, Any]]], **more: Any) -> list[Any]:
    """The objects of Great Expectations."""
    import great_expectations.expectations as gxe

    return [getattr(gxe, name)(**kwargs, **more) for name, kwargs in cases]
