"""Cases about several columns of a row, and about the rows that meet a condition."""

from __future__ import annotations

from conformance.case import Case, Kwargs, about
from conformance.conditions import NAMES
from conformance.frames import PLAIN

EITHER = {"ignore_row_if": "either_value_is_missing"}
NEITHER = {"ignore_row_if": "neither"}
ANY = {"ignore_row_if": "any_value_is_missing"}
NEVER = {"ignore_row_if": "never"}

COLUMN_PAIRS = [
    *about(
        "ExpectColumnPairValuesToBeEqual",
        passes=[{"column_A": "a", "column_B": "b", "mostly": 0.3}],
        fails=[
            {"column_A": "a", "column_B": "b"},
            {"column_A": "a", "column_B": "b", **EITHER},
            {"column_A": "a", "column_B": "b", **NEITHER},
            {"column_A": "name", "column_B": "code"},
            {"column_A": "name", "column_B": "code", **NEITHER},
            {"column_A": "amount", "column_B": "price"},
        ],
    ),
    *about(
        "ExpectColumnPairValuesAToBeGreaterThanB",
        passes=[
            {"column_A": "a", "column_B": "b", "or_equal": True, "mostly": 0.7},
        ],
        fails=[
            {"column_A": "a", "column_B": "b"},
            {"column_A": "a", "column_B": "b", "or_equal": True},
            {"column_A": "a", "column_B": "b", **EITHER},
            {"column_A": "a", "column_B": "b", "or_equal": True, **NEITHER},
            {"column_A": "closed_at", "column_B": "at"},
            {"column_A": "left_at", "column_B": "seen_at", "or_equal": True, **EITHER},
        ],
    ),
    *about(
        "ExpectColumnPairValuesToBeInSet",
        passes=[
            {
                "column_A": "a",
                "column_B": "b",
                "value_pairs_set": [(a, b) for a, b in zip(PLAIN["a"], PLAIN["b"], strict=True)],
            },
            {"column_A": "a", "column_B": "b", "value_pairs_set": [(1, 1), (2, 1), (2, 3)], "mostly": 0.3},
        ],
        fails=[
            {"column_A": "a", "column_B": "b", "value_pairs_set": [(1, 1), (2, 3)]},
            {"column_A": "a", "column_B": "b", "value_pairs_set": [(1, 1), (None, 1)], **NEITHER},
            {"column_A": "a", "column_B": "b", "value_pairs_set": [(1, 1), (None, 1)]},
            {"column_A": "a", "column_B": "b", "value_pairs_set": [(1, 1), (2, 3)], **EITHER},
            {"column_A": "name", "column_B": "code", "value_pairs_set": [("ann", "A-1"), ("🛒", "A\u00a07")]},
        ],
    ),
]

MULTICOLUMN = [
    *about(
        "ExpectCompoundColumnsToBeUnique",
        passes=[
            {"column_list": ["a", "b"]},
            {"column_list": ["id", "constant"], **NEVER},
            {"column_list": ["name", "constant"], "mostly": 0.7},
        ],
        fails=[
            {"column_list": ["name", "constant"]},
            {"column_list": ["name", "constant"], **ANY},
            {"column_list": ["name", "constant"], **NEVER},
            {"column_list": ["constant", "is_paid"], **NEVER},
            {"column_list": ["day", "at", "constant"]},
        ],
    ),
    *about(
        "ExpectMulticolumnSumToEqual",
        passes=[{"column_list": ["id", "a"], "sum_total": 2, "mostly": 0.1}],
        fails=[
            {"column_list": ["a", "b", "c"], "sum_total": 6},
            {"column_list": ["a", "b", "c"], "sum_total": 6, **ANY},
            {"column_list": ["a", "b", "c"], "sum_total": 6, **NEVER},
            {"column_list": ["price", "a"], "sum_total": 2.5},
        ],
    ),
    *about(
        "ExpectMulticolumnValuesToBeEqual",
        passes=[{"column_list": ["a", "b"], "mostly": 0.3}],
        fails=[
            {"column_list": ["a", "b"]},
            {"column_list": ["a", "b", "c"], **ANY},
            {"column_list": ["a", "b", "c"], **NEVER},
            {"column_list": ["name", "code"]},
        ],
    ),
    *about(
        "ExpectSelectColumnValuesToBeUniqueWithinRecord",
        passes=[{"column_list": ["id", "constant"], "mostly": 0.5}],
        fails=[
            {"column_list": ["a", "b", "c"]},
            {"column_list": ["a", "b", "c"], **ANY},
            {"column_list": ["a", "b", "c"], **NEVER},
        ],
    ),
]


_ASKED: list[tuple[str, Kwargs, str]] = [
    *(("ExpectColumnValuesToBeUnique", {"column": "a"}, name) for name in NAMES),
    ("ExpectColumnValuesToBeInSet", {"column": "a", "value_set": [1, 2], "mostly": 0.5}, "and"),
    ("ExpectColumnValuesToNotBeNull", {"column": "a"}, "null"),
    ("ExpectColumnValuesToNotBeNull", {"column": "a"}, "not_null"),
    ("ExpectColumnValuesToBeIncreasing", {"column": "a"}, "at_least"),
    ("ExpectColumnValueZScoresToBeLessThan", {"column": "a", "threshold": 1, "double_sided": True}, "at_least"),
    ("ExpectColumnPairValuesToBeEqual", {"column_A": "a", "column_B": "b"}, "not_equal"),
    ("ExpectColumnPairValuesToBeEqual", {"column_A": "a", "column_B": "b", **EITHER}, "at_least"),
    ("ExpectCompoundColumnsToBeUnique", {"column_list": ["a", "constant"], **ANY}, "or"),
    ("ExpectMulticolumnSumToEqual", {"column_list": ["a", "b"], "sum_total": 5}, "equal"),
    ("ExpectColumnMaxToBeBetween", {"column": "a", "max_value": 3}, "below"),
    ("ExpectColumnMeanToBeBetween", {"column": "a", "max_value": 3}, "in"),
    ("ExpectColumnDistinctValuesToBeInSet", {"column": "a", "value_set": [2]}, "not_in"),
    ("ExpectColumnProportionOfUniqueValuesToBeBetween", {"column": "a", "max_value": 0.5}, "equal"),
    ("ExpectTableRowCountToEqual", {"value": 3}, "equal"),
    ("ExpectTableRowCountToBeBetween", {"min_value": 1, "max_value": 3}, "nothing"),
]
CONDITIONED = [Case(name, kwargs, None, condition=condition) for name, kwargs, condition in _ASKED]
