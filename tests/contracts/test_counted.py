"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from contracts.counted import counted


@pytest.mark.parametrize(
    ("count", "words", "said"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (1200, ("row",), "1,200 rows"),
        (1, ("delivery", "deliveries"), "1 delivery"),
        (2, ("delivery", "deliveries"), "2 deliveries"),
        (1, ("file is", "files are"), "1 file is"),
    ],
)
def test_one_is_singular_and_all_else_plural(count: int, words: tuple[str, ...], said: str) -> None:
    assert counted(count, *words) == said
