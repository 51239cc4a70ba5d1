"""Everything that a run has open: settings, contracts, SQL graph, lake, warehouse, gate."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from contracts.ids import TableId
from contracts.registry import Registry
from sql.graph import Graph
from sql.reconcile import Check, read_checks
from tasks import sql_cache
from tasks.batches import Inbox
from tasks.inbox import Deliveries, open_inbox
from tasks.lake import Lake, open_lake
from tasks.load import Loader
from tasks.lock import RunLock, open_lock
from tasks.report import RunReport
from tasks.settings import Settings
from tasks.warehouse import Warehouse, open_warehouse

if TYPE_CHECKING:
    from expectations.gate import Gate


@dataclass
class Workspace:
    """Opened lazily, once per process and source; one run at a time may hold a home folder (locally) or a lake."""

    settings: Settings
    registry: Registry
    graph: Graph
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    on_step: Callable[[str, str], None] = lambda step, what: None
    blocked: dict[TableId, TableId] = field(default_factory=dict)
    report: RunReport = field(default_factory=RunReport)
    inbox: Inbox = field(default_factory=lambda: Inbox((), (), ()))
    _lock: RunLock | None = None

    @classmethod
    def open(cls, settings: Settings) -> Workspace:
        """Read contracts and SQL; raise ContractError or SqlError with file and line when one is wrong."""
        sql_cache.use(settings.build_cache)
        registry = Registry.read(settings.repository)
        return cls(settings, registry, Graph.read(settings.repository, registry))

    @cached_property
    def lake(self) -> Lake:
        return open_lake(self.settings, self.still_mine)

    @cached_property
    def deliveries(self) -> Deliveries:
        return open_inbox(self.settings)

    @cached_property
    def warehouse(self) -> Warehouse:
        self.lock()
        warehouse = open_warehouse(self.settings)
        warehouse.guard = self.still_mine
        return warehouse

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """What is reconciled."""
        return read_checks(self.settings.repository, self.registry)

    @cached_property
    def gate(self) -> Gate:
        # Great Expectations takes seconds to import: only a run that checks something pays for it.
        from expectations.gate import Gate

        return Gate(self.registry, self.settings.audits)

    @cached_property
    def loader(self) -> Loader:
        """The loader, on tables that exist and without what an interrupted run left behind."""
        loader = Loader(self.warehouse, self.registry, self.graph, lambda: self.gate, self.run_id, checks=self.checks)
        loader.ensure_ready()
        shutil.rmtree(self.settings.scratch, ignore_errors=True)
        # DuckDB makes its own folder in it when it first spills, but no folder above that one.
        self.settings.scratch.mkdir(parents=True)
        return loader

    def begin(self, on_step: Callable[[str, str], None] | None = None) -> None:
        """Start the run of one delivery: a new run id, instant and report."""
        self.run_id, self.report, self.blocked = uuid.uuid4().hex, RunReport(), {}
        self.on_step = on_step or self.on_step
        self.loader.begin(self.run_id)
        self.report.altered += self.loader.take_altered()

    @property
    def is_open(self) -> bool:
        """Whether this process has the warehouse open."""
        return "warehouse" in self.__dict__

    def close(self) -> None:
        """Close the warehouse and let the next process in."""
        if self.is_open:
            self.warehouse.close()
            del self.__dict__["warehouse"]
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def lock(self) -> None:
        """Keep other runs out until close; raise WarehouseBusy if one is in."""
        if self._lock is None:
            lock = open_lock(self.settings)
            lock.acquire(self.run_id)
            self._lock = lock

    def still_mine(self) -> None:
        """Raise LeaseLost where another run has taken what `lock` took: nothing more may be published."""
        if self._lock is not None:
            self._lock.check()


_OPEN: dict[Settings, Workspace] = {}


def workspace(settings: Settings) -> Workspace:
    """The process's workspace for these settings: a flow and its tasks share it without handing it around."""
    if settings not in _OPEN:
        _OPEN[settings] = Workspace.open(settings)
    return _OPEN[settings]


def is_open(settings: Settings) -> bool:
    """Whether the process has a workspace for these settings already."""
    return settings in _OPEN


def close(settings: Settings) -> None:
    """Close the process's workspace for these settings, if it has one; the next one begins anew."""
    if settings in _OPEN:
        _OPEN.pop(settings).close()


def close_all() -> None:
    """Close every workspace of the process."""
    while _OPEN:
        _OPEN.popitem()[1].close()
