"""A difference between two revisions: per table what changed and how much that matters, and what reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Literal

from contracts.ids import TableId
from sql.lineage import Reached

Subject = Literal["table", "column", "key", "rule", "threshold", "load", "delivery", "latency", "storage", "words"]
Verdict = Literal["in place", "copy", "refused"]
# What readers get otherwise: the type of a column, its values, or which rows there are.
Effect = Literal["type", "values", "rows"]


class Level(IntEnum):
    """How much a change matters to those who rely on a table: its readers, of a raw table also those who deliver it.

    Breaking: something they may rely on is gone or weaker. Additive: something came. Neutral: the promise is the same,
    values or words differ. None: nothing that a contract or a SELECT says.
    """

    NONE = 0
    NEUTRAL = 1
    ADDITIVE = 2
    BREAKING = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `verdict`: what the migration of a standing table makes of it. `note`: what follows from it.

    `effect`: what others who read the table get otherwise; None where they get the same.
    """

    level: Level
    subject: Subject
    name: str
    text: str
    verdict: Verdict | None = None
    note: str = ""
    effect: Effect | None = None


@dataclass(frozen=True)
class SqlChange:
    """How a SELECT differs by meaning; `columns` are those whose expression gives another value.

    `old`, `new`: the texts without comments, as laid out by one hand. Both empty lists: only the text differs.
    """

    columns: tuple[str, ...]
    clauses: tuple[str, ...]
    is_of_rows: bool
    old: str
    new: str

    @property
    def is_of_meaning(self) -> bool:
        return bool(self.columns) or self.is_of_rows


@dataclass(frozen=True, slots=True)
class Advice:
    """The version that a contract has, had, and should have at least (None: any)."""

    old: str
    new: str
    wanted: str | None
    fault: str = ""


@dataclass(frozen=True)
class TableDiff:
    """What changed in one table; `statements` alter the standing one, as Redshift text."""

    table: TableId
    kind: Literal["added", "dropped", "changed"]
    changes: tuple[Change, ...] = ()
    sql: SqlChange | None = None
    advice: Advice | None = None
    statements: tuple[str, ...] = ()
    is_restated: bool = False

    @cached_property
    def level(self) -> Level:
        levels = [change.level for change in self.changes]
        if self.sql and self.sql.is_of_meaning:
            levels.append(Level.NEUTRAL)
        return max(levels, default=Level.NONE)

    @property
    def is_refused(self) -> bool:
        """Whether the warehouse would refuse the change, and stop the next run."""
        return any(change.verdict == "refused" for change in self.changes)


@dataclass(frozen=True, slots=True)
class Named:
    """Something else in the repository that changed: a reconciliation check, a deployment."""

    what: Literal["check", "deployment"]
    name: str
    kind: Literal["added", "dropped", "changed"]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that could not be read, and so was not compared; `side` is the revision it stands in."""

    side: Literal["base", "head"]
    text: str


@dataclass(frozen=True)
class Diff:
    """Everything that differs between two revisions, and whom it reaches.

    `narrow`: columns that held all values of what they are made from, and hold them no longer.
    """

    base: str
    head: str
    tables: tuple[TableDiff, ...] = ()
    reached: tuple[Reached, ...] = ()
    others: tuple[Named, ...] = ()
    checks: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    narrow: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = field(default=())

    @cached_property
    def level(self) -> Level:
        return max((table.level for table in self.tables), default=Level.NONE)

    @property
    def is_empty(self) -> bool:
        return not (self.tables or self.others or self.faults)

    @property
    def restated(self) -> list[TableId]:
        """The tables that the next run computes whole."""
        return [table.table for table in self.tables if table.is_restated]

    @property
    def unbumped(self) -> list[TableDiff]:
        """The tables whose contract has not the version that its changes ask for."""
        return [table for table in self.tables if table.advice and table.advice.fault]
