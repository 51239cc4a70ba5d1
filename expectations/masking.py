"""Personal data as a sample may show it: enough to tell two values apart or to recognise one's own, no more."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, overload

import polars as pl

from contracts.model import Mask

REDACTED = "***"
# Phone numbers and birth dates are few enough to hash them all and compare: without the key, that finds nothing. It is
# kept nowhere, so that values can be told apart within a run and by nobody afterwards.
_KEY = secrets.token_bytes(16)


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


def shown(row: Mapping[str, Any], masks: Mapping[str, Mask]) -> Any:
    """One value as it is (what JSON lacks as text), several as `a=1, b=2`; personal ones masked."""
    safe = masked(row, masks)
    plain = {c: v if isinstance(v, str | int | float | bool | None) else str(v) for c, v in safe.items()}
    return next(iter(plain.values())) if len(plain) == 1 else ", ".join(f"{c}={v}" for c, v in plain.items())


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), key=_KEY, digest_size=6).hexdigest()


def _redact(text: str) -> str:
    return REDACTED


def _email(text: str) -> str:
    # What is sampled is broken more often than not: behind its last dot may stand anything.
    name, at, host = text.partition("@")
    return f"{name[:1]}{REDACTED}@{host[:1]}{REDACTED}" if at else _partial(text)


def _partial(text: str) -> str:
    """The last two characters of text that is long enough for that to say little."""
    return REDACTED + text[-2:] if len(text) >= 6 else REDACTED


_MASKS = {"hash": _hash, "redact": _redact, "email": _email, "partial": _partial}
