"""What the catalog tells of a table as it stands: rows, newest data, last load, and a few rows, masked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from expectations.masking import masked
from expectations.scorecard import Score, score
from sql.graph import Graph
from tasks.quality import daily_scores
from tasks.status import waiting_tables
from tasks.warehouse import Warehouse

SAMPLE = 5
# How far back a table's last score is looked for.
_DAYS = 31


@dataclass(frozen=True)
class TableFacts:
    """One table of the warehouse; what nothing is known of is None.

    `newest`: the last day in the column that its latency names. `loaded_at`: when rows last came in.
    `last_delivery`: the newest delivery day of a delivered table. `waiting`: keys that are not computed anew yet.
    `scores`: by dimension, of the last day that was scored.
    """

    rows: int | None = None
    newest: date | None = None
    loaded_at: datetime | None = None
    last_delivery: date | None = None
    waiting: int = 0
    scores: tuple[Score, ...] = ()
    sample: tuple[Mapping[str, Any], ...] = ()


def read_tables(
    warehouse: Warehouse, registry: Registry, graph: Graph, standing: Mapping[str, Collection[str]]
) -> dict[TableId, TableFacts]:
    """Facts of every table that has something to tell; `standing` are the columns of those that stand."""
    there = [c for c in registry.values() if str(c.table) in standing]
    known: dict[TableId, dict[str, Any]] = {c.table: {} for c in there}
    for found in (_counted(warehouse, there, standing), _loads(warehouse, standing)):
        for table, facts in found.items():
            known.setdefault(table, {}).update(facts)
    for name, keys in waiting_tables(warehouse, registry, graph).items():
        known.setdefault(TableId.parse(name), {})["waiting"] = keys
    scored = _scores(warehouse, registry) if "audit.quality_score" in standing else {}
    for table, scores in scored.items():
        known.setdefault(table, {})["scores"] = scores
    for contract in there:
        known[contract.table]["sample"] = _sample(warehouse, contract, standing[str(contract.table)])
    return {table: TableFacts(**facts) for table, facts in known.items() if table in registry}


def _counted(
    warehouse: Warehouse, contracts: Iterable[Contract], standing: Mapping[str, Collection[str]]
) -> dict[TableId, dict[str, Any]]:
    """Rows and newest day of every table, by one statement."""
    arms = []
    for contract in contracts:
        columns = standing[str(contract.table)]
        # A column is counted, for DuckDB has counted rows that no scan of a table sees.
        counted = next((c.name for c in contract.columns if c.required and c.name in columns), None)
        newest = contract.latency.column if contract.latency and contract.latency.column in columns else None
        arms.append(
            f"SELECT '{contract.table}' AS table_name, COUNT({counted or '*'}) AS row_count, "
            f"{f'CAST(MAX({newest}) AS DATE)' if newest else 'CAST(NULL AS DATE)'} AS newest FROM {contract.table}"
        )
    if not arms:
        return {}
    rows = warehouse.query(" UNION ALL ".join(arms)).iter_rows()
    return {TableId.parse(name): {"rows": count, "newest": newest} for name, count, newest in rows}


def _loads(warehouse: Warehouse, standing: Collection[str]) -> dict[TableId, dict[str, Any]]:
    """When rows last came into each table: by delivery into raw and clean tables, by build into the others."""
    found: dict[TableId, dict[str, Any]] = {}
    # A warehouse that an earlier version made may lack a table of the books.
    for name, delivery, loaded_at in warehouse.query(_LOADED).iter_rows() if "audit.load_ledger" in standing else ():
        for layer in ("raw", "clean"):
            found[TableId(layer, TableId.parse(name).name)] = {"last_delivery": delivery, "loaded_at": loaded_at}
    for name, built_at in warehouse.query(_BUILT).iter_rows() if "audit.table_build" in standing else ():
        found.setdefault(TableId.parse(name), {"loaded_at": built_at})
    return found


def _scores(warehouse: Warehouse, registry: Registry) -> dict[TableId, tuple[Score, ...]]:
    """Each table's scores of the last day that has some."""
    latest = daily_scores(warehouse, _DAYS).filter(
        pl.col("delivery_date") == pl.col("delivery_date").max().over("table_name")
    )
    found: dict[TableId, tuple[Score, ...]] = {}
    for row in latest.select("table_name", "dimension", "evaluated_count", "failed_count").iter_rows():
        table = TableId.parse(row[0])
        if table in registry:
            found[table] = (*found.get(table, ()), score(table, *row[1:], registry[table]))
    return found


def _sample(warehouse: Warehouse, contract: Contract, columns: Collection[str]) -> tuple[Mapping[str, Any], ...]:
    """A few rows, whichever come first: an order would read the whole table."""
    names = [name for name in contract.names if name in columns]
    rows = warehouse.query(f"SELECT {', '.join(names)} FROM {contract.table} LIMIT {SAMPLE}").to_dicts()
    rows.sort(key=lambda row: [str(row.get(name)) for name in contract.key])
    return tuple(masked(row, contract.masks) for row in rows)


_LOADED = (
    "SELECT table_name, MAX(delivery_date) AS last_delivery, MAX(loaded_at) AS loaded_at "
    "FROM audit.load_ledger WHERE status = 'loaded' GROUP BY table_name"
)
_BUILT = "SELECT table_name, MAX(built_at) AS built_at FROM audit.table_build GROUP BY table_name"
