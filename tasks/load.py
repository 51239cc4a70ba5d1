"""Stage, audit, publish: how rows enter any table of the warehouse, each table in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import polars as pl

from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from expectations.rules import Rule
from sql import ddl, merge, restate
from sql.graph import Graph
from sql.reconcile import Check
from tasks import migrate, reconcile
from tasks.lake import LakeFile
from tasks.quality import record_results
from tasks.warehouse import Tags, Warehouse

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

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = astuple(self), astuple(other)
        return Counts(*(a + b for a, b in zip(mine, theirs, strict=True)))


class Watch:
    """What looks at a batch on its way into its table; this one sees nothing."""

    def staged(self) -> None:
        """The stage holds the batch's rows."""

    def deduplicated(self) -> None:
        """The stage holds those that say something new."""

    def imaged(self) -> None:
        """The change table holds what the publish is about to add and to replace; not told where it replaces none."""


NO_WATCH = Watch()


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

    def is_redefined(self, table: TableId) -> bool:
        """Whether the table was never built, or by another SELECT than now: its keys' queue then says too little."""
        latest = self.warehouse.query(
            "SELECT definition_hash FROM audit.table_build WHERE table_name = :table_name "
            "ORDER BY built_at DESC, run_id DESC LIMIT 1",
            table_name=str(table),
        )
        return latest.is_empty() or latest.item() != self.definition_hash(table)

    def load_batch(
        self,
        contract: Contract,
        files: Sequence[LakeFile],
        batch_id: str,
        on_publish: Callable[[Counts], None],
        watch: Watch = NO_WATCH,
    ) -> tuple[Counts, GateResult]:
        """Load a clean batch's files; `on_publish` writes the ledger inside the transaction that publishes them."""
        warehouse, stage = self.warehouse, contract.table.stage
        warehouse.tags.table = str(contract.table)

        def fill() -> Counts:
            self._run(merge.empty_stage(contract))
            warehouse.load_parquet(stage, contract.names, files)
            staged = self._count(stage, contract)
            watch.staged()
            self._run(merge.load_stage_dedupe(contract))
            fresh = self._count(stage, contract)
            watch.deduplicated()
            return Counts(staged=staged, duplicate=staged - fresh)

        came = warehouse.transaction(fill)
        result = self._audit(contract, batch_id, only=lambda rule: checked_in_warehouse(contract, rule))
        result.raise_if_blocked()

        def publish() -> Counts:
            counts = self._publish(contract, came, result, full=False, watch=watch)
            record_results(warehouse, [result], self.run_at)
            on_publish(counts)
            return counts

        return warehouse.transaction(publish), result

    def is_pending(self, table: TableId) -> bool:
        """Whether an upstream change waits to be carried into the table."""
        return bool(self.warehouse.scalar(merge.queue_length(self.registry[table])) > 0)

    def build(
        self, table: TableId, *, full: bool = False, max_closed_share: float | None = None
    ) -> tuple[Counts, tuple[GateResult, ...]]:
        """Compute a core or mart table's pending rows (all of them if `full`), audit and publish them.

        Of a history, `max_closed_share` stands in for what the contract allows.
        """
        contract = self.registry[table]
        started = time.perf_counter()
        self.warehouse.tags.table = str(table)

        def fill() -> int:
            self._run(merge.build_stage(contract, self.graph, self.registry, full=full))
            return self._count(table.stage, contract)

        staged = self.warehouse.transaction(fill)
        result = self._audit(contract, "", only=None)
        result.raise_if_blocked()
        if max_closed_share is not None:
            load = contract.load.model_copy(update={"max_closed_share": max_closed_share})
            contract = replace(contract, load=load)
        return self._publish_build(contract, staged, (result,), started, full=full), (result,)

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
            self._run(merge.take(contract))

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

        def fill() -> int:
            self._run(merge.empty_stage(contract))
            self.warehouse.load_parquet(contract.table.stage, contract.names, [file])
            return self._count(contract.table.stage, contract)

        staged = self.warehouse.transaction(fill)
        of_stage = self._audit(contract, "", only=lambda rule: rule.needs_warehouse)
        of_stage.raise_if_blocked()
        results = (of_file, of_stage)
        return self._publish_build(contract, staged, results, started, full=False), results

    def _audit(self, contract: Contract, batch_id: str, only: Callable[[Rule], bool] | None) -> GateResult:
        return self.gate().check_relation(
            contract, contract.table.stage, self.warehouse.query, run_id=self.run_id, batch_id=batch_id, only=only
        )

    def _publish_build(
        self, contract: Contract, staged: int, results: tuple[GateResult, ...], started: float, *, full: bool
    ) -> Counts:
        def publish() -> Counts:
            counts = self._publish(contract, Counts(staged=staged), results[-1], full=full)
            record_results(self.warehouse, results, self.run_at, self.delivery)
            self._record_build(contract.table, counts, time.perf_counter() - started)
            return counts

        return self.warehouse.transaction(publish)

    def _publish(
        self, contract: Contract, counts: Counts, of_stage: GateResult, *, full: bool, watch: Watch = NO_WATCH
    ) -> Counts:
        # Nobody else publishes it between this look and the transaction's end (one run at a time).
        first = bool(contract.key) and self.warehouse.query(merge.any_row(contract)).is_empty()
        plan = merge.publish(
            contract, self.registry, self.graph, full=full, first=first, unique=found_unique(contract, of_stage)
        )
        for statement in plan:
            if statement.step == "check":
                found = self.warehouse.query(statement.sql).row(0, named=True)
                if found["row_count"]:
                    told = statement.note if "{" in statement.note else f"{statement.note} ({{row_count}} found)"
                    raise PublishRefused(f"{contract.table} stays as it was. {told.format(**found)}")
            elif statement.step == "count":
                changed = [int(n) for n in self.warehouse.query(statement.sql).row(0)]
                counts = Counts(counts.staged, counts.duplicate, *changed)
                # The images of the changed rows stand now, and the table is as it was.
                reconcile.enqueue(
                    self.warehouse, self.checks, contract.table, merge.images(contract.table, first=first)
                )
                if not first:
                    watch.imaged()
            else:
                self._run([statement])
        return counts

    def _run(self, statements: Sequence[merge.Statement]) -> None:
        for statement in statements:
            self.warehouse.execute(statement.sql, run_at=self.run_at)

    def _count(self, relation: str, contract: Contract) -> int:
        return int(self.warehouse.scalar(merge.count_rows(relation, contract.names[0])))

    def _record_build(self, table: TableId, counts: Counts, seconds: float) -> None:
        row = {
            "run_id": self.run_id,
            "table_name": str(table),
            "staged_rows": counts.staged,
            "inserted_rows": counts.inserted,
            "updated_rows": counts.updated,
            "deleted_rows": counts.deleted,
            "seconds": round(seconds, 3),
            "definition_hash": self.definition_hash(table),
            "built_at": self.run_at,
        }
        self.warehouse.insert_rows("audit.table_build", list(row), [row])


def checked_in_warehouse(contract: Contract, rule: Rule) -> bool:
    """Rules of a clean table that need the warehouse: references to other tables, and the key after deduplication."""
    return rule.needs_warehouse or (rule.kind == "unique" and rule.columns == contract.key)


def found_unique(contract: Contract, of_stage: GateResult) -> bool:
    """Whether an audit has counted the rows of doubled keys, and there are none."""
    asked = [r for r in of_stage.results if r.rule.kind == "unique" and r.rule.columns == contract.key]
    return bool(asked) and all(r.success and r.failed == 0 for r in asked)
