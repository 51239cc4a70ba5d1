"""Stage, audit, publish: how rows enter any table of the warehouse, each table in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import polars as pl

from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from expectations.rules import Rule
from sql import ddl, merge, queues, restate
from sql.graph import Graph
from sql.plan import Statement
from sql.reconcile import Check
from tasks import migrate, reconcile
from tasks.lake import LakeFile
from tasks.quality import record_results
from tasks.warehouse import Tags, Warehouse, WarehouseError
from tasks.warehouse.base import Value

if TYPE_CHECKING:
    from expectations.gate import Gate, GateResult


class PublishRefused(RuntimeError):
    """A check before the merge found rows that must not be merged (NULL in a key, too many keys closed)."""


@dataclass(frozen=True)
class Counts:
    """Rows of one publish: `staged` came, of these `duplicate` stood already; the rest is what changed the table."""

    staged: int = 0
    duplicate: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def loaded(self) -> int:
        return self.staged - self.duplicate

    @property
    def changed(self) -> int:
        return self.inserted + self.updated + self.deleted

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = astuple(self), astuple(other)
        return Counts(*(a + b for a, b in zip(mine, theirs, strict=True)))


class Watch:
    """What looks at a batch on its way into its table; this one sees nothing."""

    def staged(self, rows: str) -> None:
        """The relation `rows` holds the batch."""

    def deduplicated(self, rows: str) -> None:
        """It holds what says something new; not told where the table held nothing, and all of it does."""

    def imaged(self) -> None:
        """The change table holds what the publish is about to add and to replace; not told where it replaces none."""


NO_WATCH = Watch()
NO_SPAN: Mapping[str, Value] = MappingProxyType({})
# What says nothing where no row has changed: its rows are those of the images.
_OF_IMAGES = ("enqueue", "delete", "merge", "insert")
_LATEST_BUILDS = (
    "SELECT table_name, definition_hash FROM (SELECT table_name, definition_hash, "
    "ROW_NUMBER() OVER (PARTITION BY table_name ORDER BY built_at DESC, run_id DESC) AS age FROM audit.table_build) "
    "AS builds WHERE age = 1"
)


@dataclass
class Loader:
    """What a publish needs at hand: the warehouse, all contracts, the graph of the SQL, the gate when it is needed.

    `delivery` is the day that the run brings in; None where it brings none (a re-drive, a rebuild). A publish queues
    the days of the `checks` that it touches.
    """

    warehouse: Warehouse
    registry: Registry
    graph: Graph
    gate: Callable[[], Gate]
    run_id: str
    run_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))
    delivery: date | None = None
    altered: list[str] = field(default_factory=list)
    checks: Sequence[Check] = ()
    _built: set[str] = field(default_factory=set)

    def begin(self, run_id: str) -> None:
        """What is recorded from now on belongs to this run."""
        self.run_id, self.run_at = run_id, datetime.now(UTC).replace(tzinfo=None)
        self.delivery = None
        self.warehouse.tags = Tags(run_id)

    def ensure_ready(self) -> None:
        """Create what is not there yet and alter what contracts have changed; what an interrupted run left is dropped.

        Raises SchemaMismatch before anything is written where a table cannot follow its contract.
        """
        plan = migrate.plan(self.warehouse, self.registry)
        self.altered += migrate.apply(self.warehouse, self.registry, plan, run_id=self.run_id, at=self.run_at)
        if ddl.RECONCILIATION_QUEUE not in plan.standing:
            self.warehouse.execute(ddl.create_reconciliation_queue())
        # Stage and change tables belong to one publish; the queues of keys must stay.
        for contract in self.registry.values():
            for name in (contract.table.stage, contract.table.changes):
                if name in plan.standing:
                    self.warehouse.execute(ddl.drop_table(name))

    def take_altered(self) -> list[str]:
        """What `ensure_ready` altered, a line each; told once."""
        told, self.altered = self.altered, []
        return told

    def definition_hash(self, table: TableId) -> str:
        """MD5 of what decides a computed table's rows."""
        return restate.definition_hash(self.registry[table], self.graph.text(table))

    def redefined(self, tables: Iterable[TableId]) -> set[TableId]:
        """Those that were never built, or by another SELECT than now: their keys' queue then says too little."""
        latest = dict(self.warehouse.query(_LATEST_BUILDS).iter_rows())
        return {table for table in tables if latest.get(str(table)) != self.definition_hash(table)}

    def load_batch(
        self,
        contract: Contract,
        files: Sequence[LakeFile],
        batch_id: str,
        on_publish: Callable[[Counts], None],
        watch: Watch = NO_WATCH,
    ) -> tuple[Counts, GateResult]:
        """Load a clean batch's files; `on_publish` writes the ledger inside the transaction that publishes them."""
        warehouse = self.warehouse
        warehouse.tags.table = str(contract.table)

        def fill(first: bool) -> Counts:
            rows = merge.filled(contract.table, first=first)
            if not first:
                self._run(merge.empty_stage(contract))
            warehouse.load_parquet(rows, contract.names, files)
            staged = self._count(rows, contract)
            watch.staged(rows)
            if first:
                return Counts(staged=staged)
            self._run(merge.load_stage_dedupe(contract, in_span=True))
            fresh = self._count(rows, contract)
            watch.deduplicated(rows)
            return Counts(staged=staged, duplicate=staged - fresh)

        def record(counts: Counts, result: GateResult) -> None:
            record_results(warehouse, [result], self.run_at)
            on_publish(counts)

        return self._enter(
            contract,
            fill,
            record,
            batch_id=batch_id,
            only=lambda rule: checked_in_warehouse(contract, rule),
            watch=watch,
        )

    def is_pending(self, table: TableId) -> bool:
        """Whether an upstream change waits to be carried into the table."""
        return bool(self.warehouse.scalar(queues.queue_length(self.registry[table])) > 0)

    def build(
        self, table: TableId, *, full: bool = False, max_closed_share: float | None = None
    ) -> tuple[Counts, tuple[GateResult, ...]]:
        """Compute a core or mart table's pending rows (all of them if `full`), audit and publish them.

        Of a history, `max_closed_share` stands in for what the contract allows.
        """
        contract = self.registry[table]
        started = time.perf_counter()
        self.warehouse.tags.table = str(table)

        if max_closed_share is not None:
            load = contract.load.model_copy(update={"max_closed_share": max_closed_share})
            contract = replace(contract, load=load)

        def fill(first: bool) -> Counts:
            plan = merge.build_stage(
                self.registry[table], self.graph, self.registry, full=full, first=first, in_span=True
            )
            self._run(plan)
            return Counts(staged=self._count(merge.filled(table, first=first), contract))

        counts, result = self._enter(contract, fill, partial(self._record_build, table, (), started), full=full)
        return counts, (result,)

    def enqueue_since(self, table: TableId, day: date) -> None:
        """Queue a table's keys of the rows from a day on; raise NoWindow where nothing says of which day they are."""
        self._queue(table, restate.keys_since(self.registry[table], self.registry, day))

    def enqueue_readers_since(self, table: TableId, day: date | None) -> None:
        """Queue, in the tables that look rows up in this one, the keys of their rows from a day on (None: all)."""
        self._queue(table, restate.readers_since(self.registry[table], self.registry, self.graph, day))

    def _queue(self, table: TableId, statements: Sequence[str]) -> None:
        self.warehouse.tags.table = str(table)

        def queue() -> None:
            for statement in statements:
                self.warehouse.execute(statement)

        self.warehouse.transaction(queue)

    def take(self, table: TableId, *, full: bool = False) -> pl.DataFrame:
        """Take the pending keys of a curated table (all keys if `full`) for one build: a frame of the increment key."""
        contract = self.registry[table]
        self.warehouse.tags.table = str(table)

        def take() -> None:
            if full:
                for statement in restate.every_key(contract):
                    self.warehouse.execute(statement)
            self._run(queues.take(contract))

        self.warehouse.transaction(take)
        return self.warehouse.query(f"SELECT * FROM {table.taken}")

    def publish_curated(self, table: TableId, file: LakeFile) -> tuple[Counts, tuple[GateResult, ...]]:
        """Publish the file that a lake transform wrote for the taken keys of a curated table; it is gated as a file."""
        contract = self.registry[table]
        started = time.perf_counter()
        frame = file.scan()
        of_file = self.gate().check_frame(
            contract, frame, run_id=self.run_id, batch_id="", only=lambda rule: not rule.needs_warehouse
        )
        of_file.raise_if_blocked()

        def fill(first: bool) -> Counts:
            rows = merge.filled(table, first=first)
            if not first:
                self._run(merge.empty_stage(contract))
            self.warehouse.load_parquet(rows, contract.names, [file])
            return Counts(staged=self._count(rows, contract))

        record = partial(self._record_build, table, (of_file,), started)
        counts, of_rows = self._enter(contract, fill, record, only=lambda rule: rule.needs_warehouse)
        return counts, (of_file, of_rows)

    def _enter(
        self,
        contract: Contract,
        fill: Callable[[bool], Counts],
        record: Callable[[Counts, GateResult], None],
        *,
        batch_id: str = "",
        only: Callable[[Rule], bool] | None = None,
        full: bool = False,
        watch: Watch = NO_WATCH,
    ) -> tuple[Counts, GateResult]:
        """Fill, audit, publish. A table that holds nothing is filled itself, all in one transaction.

        `fill` is told whether the table is the one to fill, else it is the stage; `record` is part of the publish.
        """

        def publish(came: Counts, result: GateResult, first: bool) -> Counts:
            counts = self._publish(contract, came, result, full=full, first=first, watch=watch)
            record(counts, result)
            return counts

        def at_once() -> tuple[Counts, GateResult]:
            came = fill(True)
            result = self._audit(contract, batch_id, only, first=True)
            return publish(came, result, True), result

        # Nobody else publishes it between this look and the transaction's end (one run at a time).
        if contract.key and self.warehouse.query(merge.any_row(contract)).is_empty():
            try:
                return self.warehouse.transaction(at_once)
            except WarehouseError as error:
                if error.is_transient:
                    raise
                # What a constraint of the table refuses names no rule. The stage takes every row, its audit tells.
        came = self.warehouse.transaction(partial(fill, False))
        result = self._audit(contract, batch_id, only, first=False)
        return self.warehouse.transaction(partial(publish, came, result, False)), result

    def _audit(
        self, contract: Contract, batch_id: str, only: Callable[[Rule], bool] | None, *, first: bool
    ) -> GateResult:
        rows = merge.filled(contract.table, first=first)
        result = self.gate().check_relation(
            contract, rows, self.warehouse.query, run_id=self.run_id, batch_id=batch_id, only=only
        )
        result.raise_if_blocked()
        return result

    def _publish(
        self, contract: Contract, counts: Counts, audited: GateResult, *, full: bool, first: bool, watch: Watch
    ) -> Counts:
        plan = merge.publish(
            contract,
            self.registry,
            self.graph,
            full=full,
            first=first,
            unique=found_unique(contract, audited),
            unbuilt=self._unbuilt(),
            in_span=True,
        )
        span = NO_SPAN
        for statement in plan:
            if statement.step == "check":
                found = self.warehouse.row(statement.sql)
                if found["row_count"]:
                    told = statement.note if "{" in statement.note else f"{statement.note} ({{row_count}} found)"
                    raise PublishRefused(f"{contract.table} stays as it was. {told.format(**found)}")
            elif statement.step == "count":
                changed = self.warehouse.row(statement.sql)
                counts = Counts(counts.staged, counts.duplicate, *(int(changed[name]) for name in merge.COUNTS))
                # The images of the changed rows stand now, and the table is as it was.
                if counts.changed:
                    images = merge.images(contract.table, first=first)
                    reconcile.enqueue(self.warehouse, self.checks, contract.table, images)
                if not first:
                    watch.imaged()
            elif counts.changed or statement.step not in _OF_IMAGES:
                span = self._run([statement], span)
        return counts

    def _run(self, statements: Sequence[Statement], span: Mapping[str, Value] = NO_SPAN) -> Mapping[str, Value]:
        """Run statements in order; returns the span that the last of them was run with."""
        for statement in statements:
            if statement.step == "span":
                span = self.warehouse.row(statement.sql)
            else:
                self.warehouse.execute(statement.sql, run_at=self.run_at, **span)
        return span

    def _count(self, relation: str, contract: Contract) -> int:
        return int(self.warehouse.scalar(merge.count_rows(relation, contract.names[0])))

    def _unbuilt(self) -> Collection[TableId]:
        """Computed tables that no build has published yet."""
        computed = [c.table for c in self.registry.values() if ddl.is_queued(c)]
        if not self._built.issuperset(map(str, computed)):
            built = self.warehouse.query("SELECT DISTINCT table_name FROM audit.table_build")
            self._built.update(built.get_column("table_name"))
        return [table for table in computed if str(table) not in self._built]

    def _record_build(
        self, table: TableId, before: Sequence[GateResult], started: float, counts: Counts, result: GateResult
    ) -> None:
        record_results(self.warehouse, [*before, result], self.run_at, self.delivery)
        row = {
            "run_id": self.run_id,
            "table_name": str(table),
            "staged_rows": counts.staged,
            "inserted_rows": counts.inserted,
            "updated_rows": counts.updated,
            "deleted_rows": counts.deleted,
            "seconds": round(time.perf_counter() - started, 3),
            "definition_hash": self.definition_hash(table),
            "built_at": self.run_at,
        }
        self.warehouse.insert_rows("audit.table_build", list(row), [row])


def checked_in_warehouse(contract: Contract, rule: Rule) -> bool:
    """Rules of a clean table that need the warehouse: references to other tables, and the key after deduplication."""
    return rule.needs_warehouse or (rule.kind == "unique" and rule.columns == contract.key)


def found_unique(contract: Contract, audited: GateResult) -> bool:
    """Whether an audit has counted the rows of doubled keys, and there are none."""
    asked = [r for r in audited.results if r.rule.kind == "unique" and r.rule.columns == contract.key]
    return bool(asked) and all(r.success and r.failed == 0 for r in asked)
