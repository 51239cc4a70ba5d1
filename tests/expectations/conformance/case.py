"""A case: an expectation with its arguments, and the frames on which it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Kwargs = Mapping[str, Any]
_TEXT = {"name", "code", "document", "settings", "written_day"}


@dataclass(frozen=True)
class Case:
    """One expectation with its arguments.

    `passes` is what it does on the first of its frames; None: whatever the reference says. `reference` is the engine of
    Great Expectations that can run it. `condition` names the rows it is about (`conditions.py`). `ours` are arguments
    that each engine names in a language of its own; where results are in it too, `success` alone is compared.
    `apart`: not asked together with others, for what cannot be measured stops what is measured with it.
    """

    name: str
    kwargs: Kwargs
    passes: bool | None
    frames: Sequence[str] = ("plain", "nulls", "empty")
    reference: str = "pandas"
    condition: str = ""
    ours: Kwargs = field(default_factory=dict)
    only_success: bool = False
    apart: bool = False

    @property
    def id(self) -> str:
        """`ColumnMaxToBeBetween(column=a,max_value=2)`."""
        said = ",".join(f"{key}={value}" for key, value in self.kwargs.items()).replace(" ", "")
        where = f" where {self.condition}" if self.condition else ""
        return f"{self.name.removeprefix('Expect')}({said}){where}"

    @property
    def columns(self) -> set[str]:
        """The columns that the expectation is about."""
        return columns_of(self.kwargs)


def columns_of(kwargs: Kwargs) -> set[str]:
    """The columns in the arguments."""
    named = {kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs}
    return named | set(kwargs.get("column_list", ()))


def about(name: str, *, passes: Sequence[Kwargs], fails: Sequence[Kwargs], reference: str = "pandas") -> list[Case]:
    """The cases of one expectation: the first of each kind on every frame, the others where they could differ."""
    return [
        Case(name, kwargs, verdict, tuple(_frames(kwargs, everywhere=number == 0)), reference)
        for verdict, asked in ((True, passes), (False, fails))
        for number, kwargs in enumerate(asked)
    ]


def _frames(kwargs: Kwargs, *, everywhere: bool) -> Iterator[str]:
    columns = columns_of(kwargs)
    yield from ("plain", "nulls", "all_null")
    if everywhere:
        yield from ("empty", "one_row")
    if columns & _TEXT:
        yield "unicode"
    if "price" in columns:
        yield from ("nan", "infinite")
