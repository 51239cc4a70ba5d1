"""Cases about the table, its types, what is asked in SQL, which Great Expectations runs on SQLite, not on pandas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance.case import Case, about
from conformance.frames import PLAIN

TABLES = [
    *about(
        "ExpectColumnToExist",
        passes=[{"column": "a"}, {"column": "a", "column_index": list(PLAIN).index("a")}],
        fails=[{"column": "nowhere"}, {"column": "a", "column_index": 3}],
    ),
    *about(
        "ExpectTableColumnCountToBeBetween",
        passes=[{"min_value": 1, "max_value": len(PLAIN)}, {"min_value": 3}],
        fails=[{"max_value": 3}, {"min_value": 99}],
    ),
    *about("ExpectTableColumnCountToEqual", passes=[{"value": len(PLAIN)}], fails=[{"value": 3}]),
    *about(
        "ExpectTableColumnsToMatchOrderedList",
        passes=[{"column_list": list(PLAIN)}],
        fails=[{"column_list": list(PLAIN)[::-1]}, {"column_list": ["id", "a"]}],
    ),
    *about(
        "ExpectTableColumnsToMatchSet",
        passes=[{"column_set": list(PLAIN)[::-1]}, {"column_set": ["a"], "exact_match": False}],
        fails=[{"column_set": ["a"]}, {"column_set": ["a", "nowhere"], "exact_match": False}],
    ),
    *about(
        "ExpectTableRowCountToBeBetween",
        passes=[{"min_value": 8, "max_value": 8}, {"max_value": 9, "strict_max": True}],
        fails=[{"min_value": 8, "strict_min": True}, {"max_value": 7}, {"max_value": 8, "strict_max": True}],
    ),
    *about("ExpectTableRowCountToEqual", passes=[{"value": 8}], fails=[{"value": 3}]),
]


def _typed(name: str, said: str, types: Sequence[tuple[str, Any, Any, bool]]) -> list[Case]:
    return [
        Case(name, {"column": column, said: theirs}, verdict, ("plain", "empty"), ours={said: ours}, only_success=True)
        for column, theirs, ours, verdict in types
    ]


# Engines name types in their own language: pandas' dtypes and the types of Python objects, Polars' data types.
_TYPES = [
    ("a", "int64", "Int64", True),
    ("a", "float64", "Float64", False),
    ("price", "float64", "Float64", True),
    ("name", "str", "String", True),
    ("name", "int64", "Int64", False),
    ("is_paid", "bool", "Boolean", True),
    ("at", "datetime64", "Datetime", True),
]
TYPES = [
    *_typed("ExpectColumnTypeToBe", "type_", _TYPES),
    *_typed("ExpectColumnValuesToBeOfType", "type_", [*_TYPES, ("day", "date", "Date", True)]),
    *_typed("ExpectColumnValuesToBeOfType", "type_", [("amount", "Decimal", "Decimal", True)]),
    *_typed(
        "ExpectColumnValuesToBeInTypeList",
        "type_list",
        [
            ("a", ["int64", "int32"], ["Int64", "Int32"], True),
            ("name", ["int64", "float64"], ["Int64", "Float64"], False),
            ("is_paid", ["bool"], ["Boolean"], True),
        ],
    ),
]


def _compared(base: str, comparison: str, *, passes: bool, **more: Any) -> list[Case]:
    """The name of what is compared with is a source of the context there, and here the frames given with the batch."""
    source = {"comparison_data_source_name": "comparison"}
    kwargs = {"base_query": base, "comparison_query": comparison, **source, **more}
    ours = {"comparison_data_source_name": "references"}
    frames = ("plain", "nulls", "empty", "one_row")
    return [Case("ExpectQueryResultsToMatchComparison", kwargs, passes, frames, reference="sqlite", ours=ours)]


QUERIES = [
    *about(
        "ExpectColumnValuesToMatchLikePattern",
        passes=[{"column": "name", "like_pattern": "%"}, {"column": "code", "like_pattern": "%-%", "mostly": 0.5}],
        fails=[
            {"column": "code", "like_pattern": "%-_"},
            {"column": "code", "like_pattern": "A%"},
            {"column": "code", "like_pattern": "%!_%", "escape": "!"},
            {"column": "code", "like_pattern": "%.%"},
            {"column": "name", "like_pattern": "_n_"},
            {"column": "name", "like_pattern": "_"},
        ],
        reference="sqlite",
    ),
    *about(
        "ExpectColumnValuesToNotMatchLikePattern",
        passes=[{"column": "name", "like_pattern": "%x%"}, {"column": "code", "like_pattern": "%-%", "mostly": 0.3}],
        fails=[
            {"column": "code", "like_pattern": "%-_"},
            {"column": "code", "like_pattern": "%!%", "escape": "!"},
            {"column": "name", "like_pattern": ""},
        ],
        reference="sqlite",
    ),
    *about(
        "ExpectColumnValuesToMatchLikePatternList",
        passes=[{"column": "name", "like_pattern_list": ["%", "x"]}],
        fails=[
            {"column": "code", "like_pattern_list": ["%-_", "%3"]},
            {"column": "code", "like_pattern_list": ["%-%", "%1%"], "match_on": "all"},
            {"column": "code", "like_pattern_list": ["%!%", "%!_%"], "escape": "!"},
        ],
        reference="sqlite",
    ),
    *about(
        "ExpectColumnValuesToNotMatchLikePatternList",
        passes=[{"column": "name", "like_pattern_list": ["%x%", "%1%"]}],
        fails=[
            {"column": "code", "like_pattern_list": ["%-_", "%0%"]},
            {"column": "code", "like_pattern_list": ["%!%", "%!_%"], "escape": "!", "mostly": 0.9},
        ],
        reference="sqlite",
    ),
    *about(
        "UnexpectedRowsExpectation",
        passes=[{"unexpected_rows_query": "SELECT * FROM {batch} WHERE a > 1000"}],
        fails=[
            {"unexpected_rows_query": "SELECT * FROM {batch} WHERE a > b ORDER BY id"},
            {"unexpected_rows_query": "SELECT id, a + b AS both FROM {batch} WHERE name = 'ann' OR c IS NULL"},
            {"unexpected_rows_query": "SELECT name, COUNT(*) AS n FROM {batch} GROUP BY name HAVING COUNT(name) > 1"},
        ],
        reference="sqlite",
    ),
    *about(
        "ExpectTableRowCountToEqualOtherTable",
        passes=[{"other_table_name": "plain"}],
        fails=[{"other_table_name": "one_row"}],
        reference="sqlite",
    ),
    *_compared("SELECT id, a FROM {batch}", "SELECT id, a FROM plain", passes=True),
    *_compared("SELECT id, a FROM {batch}", "SELECT id, a FROM one_row", passes=False),
    *_compared("SELECT id, a FROM {batch}", "SELECT id, a FROM one_row", passes=True, mostly=0.1),
    *_compared("SELECT name, b FROM {batch}", "SELECT name, a AS b FROM plain", passes=False),
    *_compared("SELECT COUNT(*) AS n, SUM(a) AS a FROM {batch}", "SELECT 8 AS n, 36 AS a", passes=True),
]
