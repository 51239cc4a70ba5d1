"""Personal values as a metric may give them: judged as they are, shown as their masks.

Great Expectations judges an aggregate by the value that it then reports, so the one object must do both.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from contracts.model import Mask
from expectations.masking import mask


class Hidden(str):
    """A text or number: its mask, that compares as the value."""

    __slots__ = ("_value",)
    _value: Any

    def __new__(cls, value: Any, how: Mask) -> Hidden:
        made = super().__new__(cls, mask(value, how))
        made._value = value
        return made

    def __eq__(self, other: object) -> bool:
        return bool(self._value == _plain(other))

    def __hash__(self) -> int:
        return hash(self._value)

    def __lt__(self, other: Any) -> bool:
        return bool(self._value < _plain(other))

    def __le__(self, other: Any) -> bool:
        return bool(self._value <= _plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self._value > _plain(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self._value >= _plain(other))

    def __deepcopy__(self, memo: Any) -> Hidden:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str.__str__(self),)


class _Shown:
    """Writes itself as its mask."""

    shown: str

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return repr(self.shown)

    def __format__(self, form: str) -> str:
        return self.shown

    def isoformat(self, *args: Any, **kwargs: Any) -> str:
        return self.shown

    def strftime(self, form: str) -> str:
        return self.shown

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return str, (self.shown,)


class _HiddenDate(_Shown, date):
    """A date: Great Expectations compares no other type with a date."""


class _HiddenInstant(_Shown, datetime):
    """An instant: likewise."""


def _plain(value: Any) -> Any:
    return value._value if isinstance(value, Hidden) else value


def told(value: Any) -> Any:
    """A value as it may be copied: of a hidden one its mask, as plain text."""
    return str(value) if isinstance(value, Hidden | _Shown) else value


def hidden(value: Any, how: Mask | None) -> Any:
    """A value, or each of a list or set, hidden if its column is personal; NULL stays NULL."""
    if how is None or value is None:
        return value
    if isinstance(value, list | set):
        return type(value)(hidden(one, how) for one in value)
    if isinstance(value, datetime):
        instant = _HiddenInstant.combine(value.date(), value.timetz())
        instant.shown = mask(value, how)
        return instant
    if isinstance(value, date):
        day = _HiddenDate(value.year, value.month, value.day)
        day.shown = mask(value, how)
        return day
    return Hidden(value, how)
