"""What an engine said, and where two of them differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl


@dataclass(frozen=True)
class Answer:
    """`raised` is the message of what an engine could not do; it never passes."""

    success: bool
    result: Mapping[str, Any] = field(default_factory=dict)
    raised: str | None = None


# Of a frame: its answers by case.
Answers = Callable[[str], Mapping[str, Answer]]


class DifferentAnswer(AssertionError):
    """The engines say different things; an expected failure may fail by nothing else."""


def answer(validated: Any) -> Answer:
    """The answer in a validation result of Great Expectations."""
    info = validated.exception_info
    # An expectation that fails as a whole has one record, one whose metrics fail has a record for each of them.
    records = [info] if "raised_exception" in info else list(info.values())
    raised = [str(r["exception_message"]) for r in records if r["raised_exception"]]
    if raised:
        if validated.success:
            raise AssertionError(f"raised and passed: {raised}")
        return Answer(False, raised="; ".join(raised))
    return Answer(bool(validated.success), validated.result)


def differences(theirs: Answer, ours: Answer, leave_out: Collection[str] = ()) -> list[str]:
    """`place: theirs ≠ ours`, one for each place where two answers differ."""
    if ours.raised is not None:
        return [f"raised: {ours.raised}"]
    one, other = ({"success": a.success, **_told(a, leave_out)} for a in (theirs, ours))
    if _unsortable(one, other):
        del one[COUNTS]
    return list(_differ("", one, other))


COUNTS = "partial_unexpected_counts"
# Great Expectations subtracts sets and promises no order.
UNORDERED = ("partial_missing_list",)


def _told(said: Answer, leave_out: Collection[str]) -> dict[str, Any]:
    told = {key: plain(value) for key, value in said.result.items() if key not in leave_out}
    for key in UNORDERED:
        if key in told:
            told[key] = sorted(told[key], key=_key)
    if COUNTS in told:
        told[COUNTS] = _merged(told[COUNTS])
    return told


def _merged(counts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The counts of equal values together: a missing value is NaN in pandas, which equals nothing, not even itself."""
    if not all("value" in count for count in counts):
        return counts
    total: dict[str, dict[str, Any]] = {}
    for count in counts:
        merged = total.setdefault(_key(count["value"]), {"value": count["value"], "count": 0})
        merged["count"] += count["count"]
    return sorted(total.values(), key=lambda count: (-count["count"], _key(count["value"])))


def _key(value: Any) -> str:
    """What equal values have in common, whatever their types."""
    if isinstance(value, list):
        return repr([_key(item) for item in value])
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return repr(float(value))
    return repr(value)


def _unsortable(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Great Expectations leaves out counts whose values it cannot sort: NULL among values is NaN there, None here."""
    values = [value if isinstance(value, dict | list) else [value] for value in ours.get("partial_unexpected_list", ())]
    missing = any(None in (value.values() if isinstance(value, dict) else value) for value in values)
    return missing and COUNTS in theirs and COUNTS not in ours


def plain(value: Any) -> Any:
    """The value without what is no difference."""
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        value = value.item()  # numpy's scalars are Python's
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)  # likewise: pandas hands out both
    if isinstance(value, float) and math.isnan(value):
        return None  # how pandas writes a missing value; what counts as missing is told by the counts
    if value is pd.NaT or value is pd.NA:
        return None  # likewise
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()  # a subclass of datetime that only pandas makes
    if isinstance(value, pd.DataFrame):
        return [plain(row) for row in value.to_dict("records")]  # rows are rows
    if isinstance(value, pl.DataFrame):
        return [plain(row) for row in value.to_dicts()]
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=repr)  # a set has no order
    if isinstance(value, list | tuple | np.ndarray | pd.Series | pl.Series):
        return [plain(item) for item in value]
    return value


def _differ(place: str, theirs: Any, ours: Any) -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in [*theirs, *(key for key in ours if key not in theirs)]:
            inside = f"{place}.{key}" if place else str(key)
            if key not in ours or key not in theirs:
                yield f"{inside}: only {'theirs' if key in theirs else 'ours'}: {(theirs | ours)[key]!r}"
            else:
                yield from _differ(inside, theirs[key], ours[key])
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            yield from _differ(f"{place}[{number}]", one, other)
    elif not _same(theirs, ours):
        yield f"{place}: {theirs!r} ≠ {ours!r}"


def _same(theirs: Any, ours: Any) -> bool:
    if isinstance(theirs, bool) or isinstance(ours, bool):
        return theirs is ours
    if isinstance(theirs, int | float | Decimal) and isinstance(ours, int | float | Decimal):
        # Sums in another order round otherwise.
        return math.isclose(theirs, ours, rel_tol=1e-9, abs_tol=1e-9)
    return type(theirs) is type(ours) and bool(theirs == ours)
