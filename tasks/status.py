"""What stands where: which deliveries are loaded, which days have gaps, which computed tables wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from contracts.model import Contract
from contracts.registry import Registry
from sql import queues
from sql.graph import Graph
from tasks.batches import is_delivered_as
from tasks.inbox import Deliveries
from tasks.warehouse import Warehouse

# Of several files of a table and day the worst says how the table stands.
WORST_FIRST = ("rejected", "waiting", "missing", "loaded")
SCHEMA = pl.Schema(
    {
        "delivery_date": pl.Date(),
        "table_name": pl.String(),
        "file_name": pl.String(),
        "state": pl.String(),
        "delivered_rows": pl.Int64(),
        "quarantined_rows": pl.Int64(),
        "error": pl.String(),
    }
)
_IN_INBOX = pl.Schema(
    {"delivery_date": pl.Date(), "table_name": pl.String(), "file_name": pl.String(), "bytes": pl.Int64()}
)


@dataclass(frozen=True)
class TableDays:
    """Days of a table: done (all its files are loaded), open (a file waits, was rejected, is missed), without file."""

    table: str
    done: tuple[date, ...]
    open: tuple[date, ...]
    absent: tuple[date, ...]


@dataclass(frozen=True)
class Status:
    """Files: one row per delivered or missing file of the days (columns SCHEMA). Gaps: days without any delivery.

    Unscored: days that are loaded but not scored, because the run that loaded them was killed.
    """

    files: pl.DataFrame
    days: tuple[date, ...]
    gaps: tuple[date, ...]
    waiting_tables: dict[str, int]
    unscored: tuple[date, ...] = ()

    def of_table(self, table: str) -> Status:
        """The same for one table."""
        return replace(self, files=self.files.filter(pl.col("table_name") == table))

    def days_in(self, *states: str) -> list[date]:
        """The days with a file in one of the states, oldest first."""
        found = self.files.filter(pl.col("state").is_in(states)).get_column("delivery_date")
        return sorted(set(found.to_list()))

    def by_table(self) -> list[TableDays]:
        """The days of each delivered table, from its first one on."""
        found = []
        for (table,), files in self.files.sort("table_name").partition_by("table_name", as_dict=True).items():
            open_days = set(files.filter(pl.col("state") != "loaded").get_column("delivery_date"))
            known = set(files.get_column("delivery_date"))
            absent = (day for day in self.days if day > min(known) and day not in known)
            found.append(TableDays(table, *map(tuple, (sorted(known - open_days), sorted(open_days), absent))))
        return found


def status(
    inbox: Deliveries,
    warehouse: Warehouse,
    registry: Registry,
    graph: Graph,
    first: date | None = None,
    last: date | None = None,
) -> Status:
    """How the deliveries from `first` to `last` stand (default: from the oldest to the newest known).

    A file counts as loaded when the ledger knows its name, day and size; the run itself goes by its content.
    """
    contracts = registry.layer("raw")
    ledger = warehouse.query(
        "SELECT delivery_date, table_name, file_name, bytes, status, delivered_rows, quarantined_rows, error, "
        "loaded_at FROM audit.load_ledger"
    )
    known = [*inbox.days(), *ledger.get_column("delivery_date").to_list()]
    if not known:
        return Status(SCHEMA.to_frame(), (), (), {})
    first, last = first or min(known), last or max(known)
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    there = in_inbox(inbox, [d for d in inbox.days() if first <= d <= last], contracts)
    files = file_states(there, ledger.filter(pl.col("delivery_date").is_between(first, last)), contracts)
    unscored = _unscored(warehouse)
    seen = set(files.filter(pl.col("state") != "missing").get_column("delivery_date"))
    return Status(
        files,
        tuple(days),
        tuple(d for d in days if d not in seen),
        waiting_tables(warehouse, registry, graph),
        tuple(day for day in days if day in unscored),
    )


def _unscored(warehouse: Warehouse) -> set[date]:
    """Days that were scored before the last of their files was loaded, or never."""
    days = warehouse.query(
        "SELECT ledger.delivery_date FROM (SELECT delivery_date, MAX(loaded_at) AS loaded_at FROM audit.load_ledger "
        "GROUP BY delivery_date) AS ledger LEFT JOIN (SELECT delivery_date, MAX(scored_at) AS scored_at "
        "FROM audit.quality_score GROUP BY delivery_date) AS score ON score.delivery_date = ledger.delivery_date "
        "WHERE score.scored_at IS NULL OR score.scored_at < ledger.loaded_at"
    )
    return set(days.get_column("delivery_date"))


def in_inbox(inbox: Deliveries, days: Iterable[date], contracts: Iterable[Contract]) -> pl.DataFrame:
    """The files of the days that a raw contract expects: delivery_date, table_name, file_name, bytes."""
    contracts = [c for c in contracts if c.delivery]
    rows = [
        (day, str(contract.table), name, size)
        for day in days
        for name, size in sorted(inbox.sizes(day).items())
        for contract in contracts
        if contract.delivery and is_delivered_as(name, contract.delivery)
    ]
    return pl.DataFrame(rows, _IN_INBOX, orient="row")


def file_states(there: pl.DataFrame, ledger: pl.DataFrame, contracts: Iterable[Contract]) -> pl.DataFrame:
    """One row per file and, on days that have any file, per required table without one; columns SCHEMA."""
    file = ["delivery_date", "table_name", "file_name"]
    # A file that was mended has two entries: what was rejected is superseded by what was loaded.
    latest = ledger.sort((pl.col("status") == "loaded"), "loaded_at", descending=True).unique(
        file, keep="first", maintain_order=True
    )
    joined = there.join(latest, on=file, how="full", coalesce=True, suffix="_loaded")
    changed = pl.col("bytes") != pl.col("bytes_loaded")
    states = joined.select(
        *file,
        pl.when(pl.col("status").is_null() | changed.fill_null(False))
        .then(pl.lit("waiting"))
        .otherwise(pl.col("status"))
        .alias("state"),
        "delivered_rows",
        "quarantined_rows",
        "error",
    )
    required = pl.DataFrame(
        [(str(c.table), c.delivery.file) for c in contracts if c.delivery and c.delivery.required],
        {"table_name": pl.String(), "file_name": pl.String()},
        orient="row",
    )
    wanted = states.select("delivery_date").unique().join(required, how="cross")
    missing = wanted.join(states, on=["delivery_date", "table_name"], how="anti").with_columns(
        pl.lit("missing").alias("state")
    )
    return pl.concat([states, missing], how="diagonal").select(SCHEMA.names()).cast(SCHEMA).sort(file)


def waiting_tables(warehouse: Warehouse, registry: Registry, graph: Graph) -> dict[str, int]:
    """Computed tables with changes that are not carried into them yet, with the number of keys that wait."""
    queued = [registry[table] for table in graph.order() if warehouse.has_table(table.pending)]
    found = {str(c.table): int(warehouse.scalar(queues.queue_length(c))) for c in queued}
    return {table: keys for table, keys in found.items() if keys}
