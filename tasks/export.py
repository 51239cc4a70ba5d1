"""A table's rows as Parquet for others: a SELECT of its columns, without those that hold personal data."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.model import Contract
from tasks.warehouse import Warehouse


@dataclass(frozen=True)
class Exported:
    """What was written: `rows` of these columns; `left_out` hold personal data."""

    rows: int
    columns: tuple[str, ...]
    left_out: tuple[str, ...]


def export(
    warehouse: Warehouse, contract: Contract, target: str, *, with_personal_data: bool, overwrite: bool
) -> Exported:
    """Write every row of a table below `target` (a folder, or `s3://bucket/prefix/` on Redshift)."""
    if contract.table.layer == "raw":
        raise ValueError(f"{contract.table} is not in the warehouse: the lake keeps its files as they were delivered")
    left_out = () if with_personal_data else tuple(name for name in contract.names if name in contract.masks)
    columns = tuple(name for name in contract.names if name not in left_out)
    rows = warehouse.export(f"SELECT {', '.join(columns)} FROM {contract.table}", target, overwrite=overwrite)
    return Exported(rows, columns, left_out)
