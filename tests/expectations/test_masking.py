"""Personal data in samples: told apart, not told."""

from __future__ import annotations

import polars as pl
import pytest

from expectations.masking import mask, masked


@pytest.mark.parametrize(
    ("how", "value", "shown"),
    [
        ("redact", "Ann", "***"),
        ("email", "ann@shop.example", "a***@s***.example"),
        ("email", "ann@localhost", "a***@***"),
        ("email", "not a mail", "***il"),
        ("email", "short", "***"),
        ("partial", "9876543210", "***10"),
        ("partial", "12345", "***"),
        ("partial", 9876543210, "***10"),
    ],
)
def test_what_a_mask_shows(how: str, value: object, shown: str) -> None:
    assert mask(value, how) == shown  # type: ignore[call-overload]


def test_a_hash_tells_values_apart_without_showing_them() -> None:
    assert mask("Ann", "hash") == mask("Ann", "hash") != mask("Bob", "hash")
    assert len(mask("Ann", "hash")) == 12


def test_a_mask_of_an_expression_is_the_mask_of_each_value() -> None:
    frame = pl.DataFrame({"email": ["ann@shop.example", None]})
    assert frame.select(mask(pl.col("email"), "email")).to_series().to_list() == ["a***@s***.example", None]


def test_only_personal_columns_of_a_row_are_masked() -> None:
    assert masked({"email": "ann@shop.example", "id": 1}, {"email": "redact"}) == {"email": "***", "id": 1}
    assert masked({"email": None}, {"email": "hash"}) == {"email": None}
