"""Personal data in samples: told apart, not told."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest

from expectations.masking import mask, masked


@pytest.mark.parametrize(
    ("how", "value", "shown"),
    [
        ("redact", "Ann", "***"),
        ("email", "ann@shop.example", "a***@s***"),
        ("email", "ann@localhost", "a***@l***"),
        ("email", "ann@home.12 Hill Road", "a***@h***"),
        ("email", "@", "***@***"),
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


def test_a_hash_cannot_be_found_by_hashing_what_it_might_be_of() -> None:
    ask = "from expectations.masking import mask; print(mask('Ann', 'hash'))"
    elsewhere = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    assert len(elsewhere) == 12
    assert mask("Ann", "hash") != elsewhere


def test_a_mask_of_an_expression_is_the_mask_of_each_value() -> None:
    frame = pl.DataFrame({"email": ["ann@shop.example", None]})
    assert frame.select(mask(pl.col("email"), "email")).to_series().to_list() == ["a***@s***", None]


def test_only_personal_columns_of_a_row_are_masked() -> None:
    assert masked({"email": "ann@shop.example", "id": 1}, {"email": "redact"}) == {"email": "***", "id": 1}
    assert masked({"email": None}, {"email": "hash"}) == {"email": None}
