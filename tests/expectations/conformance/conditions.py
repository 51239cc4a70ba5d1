"""The conditions under which rows are looked at."""

from __future__ import annotations

from functools import cache
from typing import Any

NAMES = (
    *("equal", "not_equal", "text", "below", "at_least", "in", "not_in", "null", "not_null"),
    *("and", "or", "and_in_or", "nothing"),
)


@cache
def conditions() -> dict[str, Any]:
    """The conditions by name; a function, for Great Expectations takes seconds to import."""
    from great_expectations.expectations.row_conditions import Column, PassThroughCondition

    found: dict[str, Any] = {
        "equal": Column("a") == 2,
        "not_equal": Column("a") != 2,
        "text": Column("name") == "ann",
        "below": Column("price") < 2,
        "at_least": Column("price") >= 1.5,
        "in": Column("a").is_in([2, 3, 99]),
        "not_in": Column("name").is_not_in(["ann", "bob"]),
        "null": Column("b").is_null(),
        "not_null": Column("b").is_not_null(),
        "and": (Column("a") > 1) & (Column("b") > 2),
        "or": (Column("a") == 1) | (Column("b") == 2),
        "and_in_or": ((Column("a") > 1) & (Column("b").is_not_null())) | (Column("c") == 4),
        "nothing": Column("a") > 1000,
    }
    assert tuple(found) == NAMES
    return found | {"pandas_query": PassThroughCondition(pass_through_filter="a > 1")}
