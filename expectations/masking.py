"""Personal data as a sample may show it: enough to tell two values apart or to recognise one's own, no more."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, overload

import polars as pl

from contracts.model import Mask

REDACTED = "***"


@overload
def mask(value: pl.Expr, how: Mask) -> pl.Expr: ...
@overload
def mask(value: Any, how: Mask) -> Any: ...
def mask(value: Any, how: Mask) -> Any:
    """Hide a value, or each value of an expression; NULL stays NULL."""
    if isinstance(value, pl.Expr):
        # Python per value: masks are for samples and extracts, not for tables.
        return value.cast(pl.String).map_elements(_MASKS[how], return_dtype=pl.String, skip_nulls=True)
    return None if value is None else _MASKS[how](str(value))


def masked(row: Mapping[str, Any], masks: Mapping[str, Mask]) -> dict[str, Any]:
    """A row with its personal columns hidden."""
    return {column: mask(value, masks[column]) if column in masks else value for column, value in row.items()}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _redact(text: str) -> str:
    return REDACTED


def _email(text: str) -> str:
    name, at, domain = text.partition("@")
    if not at:
        return _partial(text)
    host, dot, top = domain.rpartition(".")
    return f"{name[:1]}{REDACTED}@{host[:1]}{REDACTED}{dot}{top}" if dot else f"{name[:1]}{REDACTED}@{REDACTED}"


def _partial(text: str) -> str:
    """The last two characters of text that is long enough for that to say little."""
    return REDACTED + text[-2:] if len(text) >= 6 else REDACTED


_MASKS = {"hash": _hash, "redact": _redact, "email": _email, "partial": _partial}
