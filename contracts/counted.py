"""A number with its noun, as it is said to people."""

from __future__ import annotations


def counted(count: int, one: str, many: str = "") -> str:
    """`1 row`, `1,200 rows`; `many` where an s does not make the plural."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
