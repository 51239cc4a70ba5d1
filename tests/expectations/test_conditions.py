"""Conditions are SQL of one row that means the same on every engine; anything else is refused."""

from __future__ import annotations

import pytest

from expectations.conditions import columns_read, parse_condition


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("a >", "not SQL"),
        ("1 = 1", "reads no column"),
        ("SUM(a) > 0", "portable subset"),
        ("a IN (SELECT b FROM c)", "portable subset"),
        ("a / b > 1", "cast one side"),
        ("POSITION('x' IN a) > 0", "portable subset"),
        ("my_function(a)", "portable subset"),
        ("a > :run_at", "portable subset"),
    ],
)
def test_what_is_not_portable_is_refused(condition: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_condition(condition)


def test_columns_come_in_the_order_of_first_use() -> None:
    assert columns_read("b > a AND b < c") == ("b", "a", "c")
