"""What an engine found out about one rule: the same record from a frame and from the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from contracts.model import Mask
from expectations.masking import mask
from expectations.rules import Rule


@dataclass(frozen=True)
class Measured:
    """`evaluated`: the rows (1 for a table rule) that the rule says something about; `failed`: those that break it."""

    rule: Rule
    evaluated: int
    failed: int
    observed: Any = None

    @property
    def success(self) -> bool:
        """Whether the share that `mostly` asks for kept the rule; nothing evaluated is nothing broken."""
        if self.failed == 0:
            return True
        return (self.evaluated - self.failed) / self.evaluated >= self.rule.mostly


@dataclass(frozen=True)
class Finding:
    """A measured rule with the table's rows and a few values that break it (of several columns: `a=1, b=2`)."""

    measured: Measured
    rows: int
    samples: list[Any] = field(default_factory=list)


def masked_extreme(measured: Measured, masks: Mapping[str, Mask]) -> Measured:
    """The least or greatest value of a personal column is a value of it, and hidden as such."""
    how = next((masks[c] for c in measured.rule.columns if c in masks), None)
    if how is None or measured.rule.args.get("function") not in ("min", "max"):
        return measured
    return replace(measured, observed=mask(measured.observed, how))


def of_table(rule: Rule, observed: Any) -> Measured:
    """A table rule's number against its bounds; a NULL (nothing to add up) says nothing."""
    if observed is None:
        return Measured(rule, 0, 0, None)
    return Measured(rule, 1, int(not inside(rule, observed)), observed)


def of_columns(rule: Rule, columns: list[str]) -> Measured:
    """The columns that stand in the data against those that were promised."""
    promised = rule.args["names"]
    return Measured(rule, 1, int(sorted(promised) != sorted(columns)), columns)


def of_types(rule: Rule, found: dict[str, str]) -> Measured:
    """`found` names only the columns whose type is another one than promised."""
    return Measured(rule, 1, int(bool(found)), found or "as promised")


def of_missing_column(rule: Rule, rows: int, columns: list[str]) -> Measured:
    """A rule whose column is not there is broken by every row (by an empty table too): unknown is never good."""
    return Measured(rule, max(rows, 1), max(rows, 1), f"no column {', '.join(columns)}")


def inside(rule: Rule, value: Any) -> bool:
    """Whether a number, date or instant lies within the rule's bounds."""
    low, high = (_like(rule.args.get(side), value) for side in ("min", "max"))
    above = low is None or (value > low if rule.args.get("min_exclusive") else value >= low)
    below = high is None or (value < high if rule.args.get("max_exclusive") else value <= high)
    return bool(above and below)


def _like(bound: Any, value: Any) -> Any:
    if isinstance(bound, str) and isinstance(value, datetime):
        return datetime.fromisoformat(bound)
    if isinstance(bound, str) and isinstance(value, date):
        return date.fromisoformat(bound)
    return bound
