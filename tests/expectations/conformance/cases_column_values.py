"""Cases about each value of a column."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from conformance.case import Case, about
from conformance.frames import PLAIN

DAY, INSTANT = date(2024, 1, 3), datetime(2024, 1, 3, 12, 0, 0, 1)

COLUMN_VALUES = [
    *about(
        "ExpectColumnValuesToNotBeNull",
        passes=[{"column": column} for column in PLAIN if column != "id"] + [{"column": "a", "mostly": 0.6}],
        fails=[],
    ),
    # The frame `plain` has no NULL.
    Case("ExpectColumnValuesToNotBeNull", {"column": "b", "mostly": 0.9}, False, ("nulls", "all_null")),
    *about(
        "ExpectColumnValuesToBeNull",
        passes=[{"column": "a", "mostly": 0}],
        fails=[{"column": "a"}, {"column": "price"}, {"column": "name", "mostly": 0.3}, {"column": "seen_at"}],
    ),
    *about(
        "ExpectColumnValuesToBeInSet",
        passes=[
            {"column": "a", "value_set": [1, 2, 3, 5, 8, 13]},
            {"column": "a", "value_set": [1, 2, 3], "mostly": 0.6},
            {"column": "name", "value_set": ["ann", "bob", "cy", "dee", "Zed", "flo", ""]},
            {"column": "amount", "value_set": [a for a in PLAIN["amount"] if a is not None]},
            {"column": "is_paid", "value_set": [True, False]},
            {"column": "price", "value_set": PLAIN["price"]},
        ],
        fails=[
            {"column": "a", "value_set": [1, 2]},
            {"column": "a", "value_set": []},
            {"column": "a", "value_set": [1, 2, 3], "mostly": 0.9},
            {"column": "name", "value_set": ["ann", "BOB", "é"]},
            {"column": "amount", "value_set": [Decimal("10.00"), Decimal("0.1")]},
            {"column": "day", "value_set": [date(2024, 1, 2)]},
            {"column": "at", "value_set": [datetime(2024, 1, 2, 12, 0, 0, 1)]},
            {"column": "is_paid", "value_set": [True]},
            {"column": "price", "value_set": [1.5, 2.25]},
        ],
    ),
    *about(
        "ExpectColumnValuesToNotBeInSet",
        passes=[
            {"column": "a", "value_set": [99]},
            {"column": "a", "value_set": []},
            {"column": "name", "value_set": ["BOB"]},
            {"column": "a", "value_set": [2], "mostly": 0.5},
        ],
        fails=[
            {"column": "a", "value_set": [2, 3]},
            {"column": "name", "value_set": ["ann", "🛒"]},
            {"column": "amount", "value_set": [Decimal("10")]},
            {"column": "day", "value_set": [date(2024, 1, 2)]},
        ],
    ),
    *about(
        "ExpectColumnValuesToBeBetween",
        passes=[
            {"column": "a", "min_value": 1, "max_value": 13},
            {"column": "a", "min_value": 0, "strict_min": True},
            {"column": "a", "max_value": 5, "mostly": 0.7},
            {"column": "price", "min_value": -3.0, "max_value": 100.0},
            {"column": "amount", "min_value": -2.5},
            {"column": "day", "min_value": date(2024, 1, 1)},
        ],
        fails=[
            {"column": "a", "min_value": 2, "max_value": 5},
            {"column": "a", "min_value": 1, "max_value": 13, "strict_min": True},
            {"column": "a", "min_value": 1, "max_value": 13, "strict_max": True},
            {"column": "a", "min_value": 1, "max_value": 13, "strict_min": True, "strict_max": True},
            {"column": "a", "max_value": 2, "strict_max": True},
            {"column": "price", "min_value": 0},
            {"column": "price", "max_value": 2.25, "strict_max": True},
            {"column": "amount", "max_value": 10},
            {"column": "day", "max_value": DAY},
            {"column": "at", "min_value": INSTANT},
        ],
    ),
    *about(
        "ExpectColumnValueLengthsToBeBetween",
        passes=[{"column": "name", "min_value": 0, "max_value": 3}, {"column": "name", "max_value": 2, "mostly": 0.2}],
        fails=[
            {"column": "name", "min_value": 3},
            {"column": "name", "max_value": 3, "strict_max": True},
            {"column": "name", "min_value": 0, "max_value": 3, "strict_min": True},
            {"column": "a", "max_value": 1},
        ],
    ),
    *about(
        "ExpectColumnValueLengthsToEqual",
        passes=[{"column": "written_day", "value": 10}, {"column": "name", "value": 3, "mostly": 0.7}],
        fails=[{"column": "name", "value": 3}, {"column": "name", "value": 1}],
    ),
    *about(
        "ExpectColumnValuesToMatchRegex",
        passes=[
            {"column": "name", "regex": "^[A-Za-z]*$"},
            {"column": "code", "regex": "^A", "mostly": 0.5},
            {"column": "written_day", "regex": r"^\d{4}-\d{2}-\d{2}$"},
        ],
        fails=[
            {"column": "code", "regex": "^A-[0-9]+$"},
            {"column": "name", "regex": "n"},
            {"column": "name", "regex": "^.$"},
            {"column": "name", "regex": r"^\w+$"},
            {"column": "a", "regex": "^2$"},
        ],
    ),
    *about(
        "ExpectColumnValuesToNotMatchRegex",
        passes=[
            {"column": "name", "regex": "^n"},
            {"column": "code", "regex": "^A", "mostly": 0.2},
        ],
        fails=[
            {"column": "code", "regex": "^[AB]-"},
            {"column": "name", "regex": "."},
            {"column": "name", "regex": "^$"},
        ],
    ),
    *about(
        "ExpectColumnValuesToMatchRegexList",
        passes=[
            {"column": "name", "regex_list": ["^[a-z]*$", "^Z"]},
            {"column": "name", "regex_list": ["^[A-Za-z]*$", "^.{0,3}$"], "match_on": "all"},
        ],
        fails=[
            {"column": "code", "regex_list": ["^A-", "^B-"]},
            {"column": "code", "regex_list": ["^A", "1"], "match_on": "all"},
            {"column": "code", "regex_list": ["^A", "1"], "match_on": "any", "mostly": 0.9},
        ],
    ),
    *about(
        "ExpectColumnValuesToNotMatchRegexList",
        passes=[{"column": "name", "regex_list": ["^x", "[0-9]"]}],
        fails=[{"column": "code", "regex_list": ["^A-1$", "%"]}, {"column": "code", "regex_list": ["^A", "^B"]}],
    ),
    *about(
        "ExpectColumnValuesToMatchStrftimeFormat",
        passes=[{"column": "written_day", "strftime_format": "%Y-%m-%d"}],
        fails=[
            {"column": "written_day", "strftime_format": "%d/%m/%Y"},
            {"column": "name", "strftime_format": "%Y-%m-%d"},
            {"column": "written_day", "strftime_format": "%Y-%d-%m", "mostly": 0.9},
        ],
    ),
    *about(
        "ExpectColumnValuesToBeDateutilParseable",
        passes=[{"column": "written_day"}],
        fails=[{"column": "name"}, {"column": "code"}],
    ),
    *about(
        "ExpectColumnValuesToBeJsonParseable",
        passes=[{"column": "document"}],
        fails=[{"column": "name"}, {"column": "code", "mostly": 0.5}],
    ),
    *about(
        "ExpectColumnValuesToMatchJsonSchema",
        passes=[{"column": "settings", "json_schema": {}}],
        fails=[
            {"column": "settings", "json_schema": {"type": "object"}},
            {"column": "document", "json_schema": {"type": "object"}},
            {
                "column": "settings",
                "json_schema": {"properties": {"n": {"type": "integer"}}, "required": ["n"], "type": "object"},
                "mostly": 0.9,
            },
        ],
    ),
    *about(
        "ExpectColumnValuesToBeUnique",
        passes=[
            {"column": "id"},
            {"column": "code"},
            {"column": "a", "mostly": 0.6},
            {"column": "price", "mostly": 0.7},
        ],
        fails=[
            {"column": "a"},
            {"column": "name"},
            {"column": "price"},
            {"column": "amount"},
            {"column": "day"},
            {"column": "seen_at"},
            {"column": "is_paid"},
        ],
    ),
    *about(
        "ExpectColumnValuesToBeIncreasing",
        passes=[{"column": "id"}, {"column": "id", "strictly": True}, {"column": "constant"}],
        fails=[
            {"column": "a"},
            {"column": "constant", "strictly": True},
            {"column": "price"},
            {"column": "at"},
            {"column": "a", "strictly": True, "mostly": 0.9},
        ],
    ),
    *about(
        "ExpectColumnValuesToBeDecreasing",
        passes=[{"column": "down"}, {"column": "constant"}],
        fails=[{"column": "down", "strictly": True}, {"column": "a"}, {"column": "at", "strictly": True}],
    ),
    *about(
        "ExpectColumnValueZScoresToBeLessThan",
        passes=[
            {"column": "a", "threshold": 3, "double_sided": True},
            {"column": "price", "threshold": 2.5, "double_sided": False},
            {"column": "constant", "threshold": 1, "double_sided": True},
        ],
        fails=[
            {"column": "a", "threshold": 1, "double_sided": True},
            {"column": "a", "threshold": 0.5, "double_sided": False},
            {"column": "price", "threshold": 2, "double_sided": True},
        ],
    ),
    *about(
        "ExpectColumnValuesToNotBeOutliers",
        passes=[{"column": "down"}, {"column": "price", "method": "std", "multiplier": 3}],
        fails=[
            {"column": "a"},
            {"column": "price", "method": "iqr", "multiplier": 1.5},
            {"column": "price", "method": "std", "multiplier": 2},
            {"column": "a", "multiplier": 0.1, "mostly": 0.9},
        ],
    ),
]
