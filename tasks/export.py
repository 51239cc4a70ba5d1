"""A table's rows as Parquet for others: a SELECT of its columns, without those that hold personal data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.model import Contract
from tasks.warehouse import Warehouse


@dataclass(frozen=True)
class Exported:
    """What was written: `rows` of these columns; `left_out` hold personal data."""

    rows: int
    columns: tuple[str, ...]
    left_out: tuple[str, ...]


def export(
    warehouse: Warehouse,
    contract: Contract,
    target: str,
    *,
    with_personal_data: bool,
    overwrite: bool,
    keep_out: Sequence[str] = (),
) -> Exported:
    """Write every row of a table below `target` (a folder, or `s3://bucket/prefix/` on Redshift).

    Raises ValueError for a raw table and for a target within one of the places to keep out of.
    """
    if kept := [place for place in keep_out if _is_within(target, place)]:
        raise ValueError(f"{target} lies within {kept[0]}, where the warehouse keeps its own files")
    if contract.table.layer == "raw":
        raise ValueError(f"{contract.table} is not in the warehouse: the lake keeps its files as they were delivered")
    left_out = () if with_personal_data else tuple(name for name in contract.names if name in contract.masks)
    columns = tuple(name for name in contract.names if name not in left_out)
    rows = warehouse.export(f"SELECT {', '.join(columns)} FROM {contract.table}", target, overwrite=overwrite)
    return Exported(rows, columns, left_out)


def _is_within(target: str, place: str) -> bool:
    if "://" in target or "://" in place:
        return f"{target.rstrip('/')}/".startswith(f"{place.rstrip('/')}/")
    return Path(target).expanduser().resolve().is_relative_to(place)
