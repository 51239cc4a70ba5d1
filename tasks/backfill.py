"""Backfill: the days of a range that are not done, loaded oldest first; their tables are built once, at the end.

Core and mart tables are functions of the clean rows, so that one build makes what a build per day would have made.
Files may be cleaned several at a time, ahead of the one that is loaded: cleaning writes to the lake only, under names
that follow from the batch. Loading stays one file after the other, each in its own transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from tasks import delivery as work
from tasks import ledger
from tasks.batches import Batch, read_inbox
from tasks.clean import Cleaned
from tasks.inbox import Deliveries
from tasks.report import Failure, RunReport
from tasks.status import Status
from tasks.warehouse.base import WarehouseError
from tasks.workspace import Workspace

# What stops a day and no other; all else is a fault of ours and stops the run.
STOPS = (WarehouseError, OSError, ValueError, RuntimeError)


@dataclass(frozen=True)
class Plan:
    """Days to load, days without any delivery, computed tables that wait (a run was killed before it built them)."""

    days: tuple[date, ...]
    gaps: tuple[date, ...] = ()
    waiting_tables: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        return not (self.days or self.waiting_tables)


def plan(inbox: Deliveries, known: Status | None, first: date, last: date, table: str | None = None) -> Plan:
    """What is to be done of a range, by the ledger (`known`; None: there is no warehouse yet)."""
    found = tuple(day for day in inbox.days() if first <= day <= last)
    if known is None:
        return Plan(found)
    open_days = (known.of_table(table) if table else known).days_in("waiting", "rejected")
    return Plan(
        tuple(day for day in found if day in open_days or day in known.unscored),
        known.gaps,
        tuple(known.waiting_tables),
    )


def backfill(space: Workspace, to_do: Plan, table: str | None = None, parallel: int = 1) -> RunReport:
    """Load the days of a plan (of one raw table, if named), cleaning `parallel` files at a time; build and score once.

    What is wrong with a file stops that file, what is wrong with a day that day. Whoever calls it has begun a run.
    """
    brought: dict[date, Collection[str]] = {}
    with cleaning(space, to_do.days, table, parallel) as cleaned_by:
        for day in to_do.days:
            try:
                for file in work.find(space, day, table):
                    work.ingest(space, file, cleaned_by)
                brought[day] = work.tables_in(space.inbox)
            except STOPS as error:
                space.report.failures.append(Failure(f"{day}: stopped. {error}", "day-stopped", batch=str(day)))
    built_for = max(brought, default=None) or ledger.newest_delivery(space.warehouse)
    if built_for is not None:
        space.loader.delivery = built_for
        work.curate_and_build(space, built_for)
        work.score(space, built_for, brought)
    return space.report


@contextmanager
def cleaning(
    space: Workspace, days: Sequence[date], table: str | None, parallel: int
) -> Iterator[Callable[[Workspace, Batch], Cleaned]]:
    """How each batch of the days is cleaned when it is asked for: then, or by `parallel` threads ahead of it."""
    if parallel == 1:
        yield work.clean
        return
    # Made here: threads that ask for them at once would make each of them several times.
    _ = space.gate, space.lake, space.deliveries
    pool = ThreadPoolExecutor(parallel, thread_name_prefix="clean")
    try:
        yield _Ahead(space, days, table, parallel, pool)
    finally:
        pool.shutdown(cancel_futures=True)


class _Ahead:
    """Batches that are cleaned ahead, at most `most` of them, in the order in which they will be asked for."""

    def __init__(
        self, space: Workspace, days: Sequence[date], table: str | None, most: int, pool: ThreadPoolExecutor
    ) -> None:
        self._space, self._most, self._pool = space, most, pool
        self._to_come = self._batches(days, table)
        self._under_way: dict[str, tuple[date, Future[Cleaned]]] = {}

    def __call__(self, space: Workspace, batch: Batch) -> Cleaned:
        # A day that was stopped asks for its other files no more.
        self._under_way = {key: mine for key, mine in self._under_way.items() if mine[0] >= batch.delivery}
        self._fill(batch.delivery)
        _, cleaned = self._under_way.pop(batch.batch_id, (None, None))
        self._fill(batch.delivery)
        return cleaned.result() if cleaned else work.clean(space, batch)

    def _fill(self, since: date) -> None:
        while len(self._under_way) < self._most and (batch := next(self._to_come, None)) is not None:
            if batch.delivery >= since and batch.batch_id not in self._under_way:
                task = self._pool.submit(work.clean, self._space, batch)
                self._under_way[batch.batch_id] = batch.delivery, task

    def _batches(self, days: Sequence[date], table: str | None) -> Iterator[Batch]:
        contracts = list(work.delivered_order(self._space.registry))
        for day in days:
            try:
                found = read_inbox(self._space.deliveries, day, contracts).batches
            except OSError:
                continue  # told when the day's turn has come
            known = ledger.loaded(self._space.warehouse, [batch.batch_id for batch in found])
            mine = {b.batch_id: b for b in found if table in (None, str(b.contract.table))}
            yield from (batch for key, batch in mine.items() if key not in known)
