"""The ledger: what became of every delivered row, kept in the warehouse and written with the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime

import polars as pl

from contracts.counted import counted
from tasks.warehouse import Warehouse

TABLE = "audit.load_ledger"


@dataclass(frozen=True)
class Entry:
    """One batch: `delivered_rows = loaded_rows + duplicate_rows + quarantined_rows + excluded_rows + discarded_rows`.

    `quarantined_rows` are those that are still open; of what came with the batch, each row is exactly one of the five.
    """

    batch_id: str
    run_id: str
    source: str
    table_name: str
    delivery_date: date
    file_name: str
    content_hash: str
    bytes: int
    delivered_rows: int
    loaded_rows: int
    duplicate_rows: int
    quarantined_rows: int
    excluded_rows: int
    status: str
    error: str | None
    contract_version: str
    loaded_at: datetime
    discarded_rows: int = 0

    @property
    def is_balanced(self) -> bool:
        accepted = self.loaded_rows + self.duplicate_rows
        return self.delivered_rows == accepted + self.quarantined_rows + self.excluded_rows + self.discarded_rows


_COLUMNS = ", ".join(field.name for field in fields(Entry))


class LedgerImbalance(RuntimeError):
    """Rows would be lost or doubled; raised before the transaction commits."""


def record(warehouse: Warehouse, entry: Entry) -> None:
    """Write an entry in place of the batch's earlier one; raise LedgerImbalance when rows are unaccounted for."""
    if not entry.is_balanced:
        raise LedgerImbalance(
            f"{entry.table_name}, file {entry.file_name}: {counted(entry.delivered_rows, 'row')} delivered but "
            f"{entry.loaded_rows} loaded + {entry.duplicate_rows} duplicate + {entry.quarantined_rows} quarantined + "
            f"{entry.excluded_rows} excluded + {entry.discarded_rows} discarded; nothing of the batch was loaded"
        )
    warehouse.execute(f"DELETE FROM {TABLE} WHERE batch_id = :batch_id", batch_id=entry.batch_id)
    values = asdict(entry)
    values["error"] = entry.error[:1000] if entry.error else None
    warehouse.insert_rows(TABLE, list(values), [values])


def is_rejected_as(warehouse: Warehouse, entry: Entry) -> bool:
    """Whether the ledger already says of a batch that it was rejected for this reason."""
    stands = warehouse.query(f"SELECT status, error FROM {TABLE} WHERE batch_id = :batch_id", batch_id=entry.batch_id)
    return stands.rows() == [("rejected", (entry.error or "")[:1000])]


def entry_of(warehouse: Warehouse, batch_id: str) -> Entry | None:
    """What the ledger says of a batch; None if it knows no such batch."""
    found = warehouse.query(f"SELECT {_COLUMNS} FROM {TABLE} WHERE batch_id = :batch_id", batch_id=batch_id)
    # Entries from before rows could be discarded have no count of them.
    known = found.with_columns(pl.col("discarded_rows").fill_null(0))
    return Entry(**known.row(0, named=True)) if known.height else None


def loaded(warehouse: Warehouse, batch_ids: Sequence[str]) -> set[str]:
    """Those of the batches that are in the warehouse already."""
    known = warehouse.query(f"SELECT batch_id FROM {TABLE} WHERE status = 'loaded'").get_column("batch_id")
    return set(known) & set(batch_ids)


def newest_delivery(warehouse: Warehouse) -> date | None:
    """The last day of which something was loaded; None in an empty warehouse."""
    newest: date | None = warehouse.scalar(f"SELECT MAX(delivery_date) AS newest FROM {TABLE} WHERE status = 'loaded'")
    return newest


def loaded_batches_of(warehouse: Warehouse, table_name: str) -> list[tuple[str, date]]:
    """(batch_id, delivery_date) of every loaded batch of a table, oldest delivery first."""
    frame = warehouse.query(
        f"SELECT batch_id, delivery_date FROM {TABLE} WHERE status = 'loaded' AND table_name = :table_name "
        "ORDER BY delivery_date, batch_id",
        table_name=table_name,
    )
    return list(frame.iter_rows())
