"""What a run did, for the person who reads the end of it; nothing in here is kept."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.ledger import Entry
from tasks.load import Counts

if TYPE_CHECKING:
    from expectations.gate import GateResult


class Failure(str):
    """A line of the account that knows what it is about: the kind of trouble, its table, rules and batch."""

    what: str
    table: str
    rule: str
    batch: str

    def __new__(
        cls, text: str, what: str = "failed", *, table: object = "", rule: str = "", batch: str = ""
    ) -> Failure:
        line = super().__new__(cls, text)
        line.what, line.table, line.rule, line.batch = what, str(table), rule, batch
        return line


@dataclass
class RunReport:
    """Entries of the ledger, counts per built table, gate results, seconds per stage and table, and what went wrong.

    `blocked`: how many files or builds of a table were stopped. `altered`: the columns of standing tables that followed
    their contracts. `glue_runs`: Glue's ids and their tables.
    `alerts`: the subjects of what somebody was told.
    """

    entries: list[Entry] = field(default_factory=list)
    builds: dict[str, Counts] = field(default_factory=dict)
    gates: list[GateResult] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    table_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    blocked: Counter[str] = field(default_factory=Counter)
    altered: list[str] = field(default_factory=list)
    already_loaded: list[str] = field(default_factory=list)
    glue_runs: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str, table: object = None) -> Iterator[None]:
        """Count the time inside to a stage, and to the table that it is spent on, if to one."""
        started = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - started
            self.seconds[name] += seconds
            if table is not None:
                self.table_seconds[str(table)] += seconds

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Take back what was added inside where it fails: the work may be tried again."""
        before = {name: copy(value) for name, value in vars(self).items() if isinstance(value, list | Counter)}
        try:
            yield
        except BaseException:
            vars(self).update(before)
            raise

    def merge(self, other: RunReport) -> None:
        """Take in another report, of the next delivery."""
        self.entries += other.entries
        for table, counts in other.builds.items():
            self.builds[table] = self.builds[table] + counts if table in self.builds else counts
        self.gates += other.gates
        for name, seconds in other.seconds.items():
            self.seconds[name] += seconds
        for table, seconds in other.table_seconds.items():
            self.table_seconds[table] += seconds
        self.blocked += other.blocked
        self.altered += other.altered
        self.already_loaded += other.already_loaded
        self.glue_runs |= other.glue_runs
        self.warnings += other.warnings
        self.failures += other.failures
        self.alerts += other.alerts
