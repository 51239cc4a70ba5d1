"""Reconciliation: each `sql/reconciliation/<check>.sql` says, per day and currency, what should be and what is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from tasks.warehouse import Warehouse

TABLE = "audit.reconciliation"
_KEY = ("reconciliation_date", "currency_code")
_MEASURES = ("expected_amount", "actual_amount", "expected_rows", "actual_rows")
COLUMNS = (*_KEY, *_MEASURES)


def checks(root: Path) -> dict[str, str]:
    """Check name to its SELECT: reconciliation_date, currency_code, expected and actual amount and rows."""
    return {p.stem: p.read_text(encoding="utf-8") for p in sorted((root / "sql" / "reconciliation").glob("*.sql"))}


def record(warehouse: Warehouse, root: Path, run_id: str, checked_at: datetime) -> list[str]:
    """Run every check, write the days whose figures are not those of the latest record, return the differences.

    Call it inside a transaction.
    """
    found = [warehouse.query(sql).with_columns(pl.lit(name).alias("check_name")) for name, sql in checks(root).items()]
    now = pl.concat(found, how="vertical_relaxed") if found else pl.DataFrame()
    if now.is_empty():
        return []
    key = ["check_name", *_KEY]
    columns, per = ", ".join((*key, *_MEASURES)), ", ".join(key)
    age = f"ROW_NUMBER() OVER (PARTITION BY {per} ORDER BY checked_at DESC, run_id DESC) AS age"
    latest = warehouse.query(
        f"SELECT {columns} FROM (SELECT {columns}, {age} FROM {TABLE}) AS recorded WHERE age = 1"
    ).cast({name: now.schema[name] for name in _MEASURES})
    news = now.join(latest, on=[*key, *_MEASURES], how="anti").sort(key)
    rows = news.with_columns(
        difference_amount=pl.col("actual_amount") - pl.col("expected_amount"),
        is_balanced=(pl.col("actual_amount") == pl.col("expected_amount"))
        & (pl.col("actual_rows") == pl.col("expected_rows")),
        run_id=pl.lit(run_id),
        checked_at=pl.lit(checked_at),
    )
    warehouse.insert_rows(TABLE, rows.columns, rows.to_dicts())
    off = now.filter(
        (pl.col("actual_amount") != pl.col("expected_amount")) | (pl.col("actual_rows") != pl.col("expected_rows"))
    )
    return [
        _told(name, off.filter(pl.col("check_name") == name).sort(key)) for name in off["check_name"].unique().sort()
    ]


def _told(name: str, off: pl.DataFrame) -> str:
    """One line per check that does not balance: how many days, and the first of them."""
    row = off.row(0, named=True)
    return (
        f"reconciliation {name}: {off.height} days do not balance, the first {row['reconciliation_date']} "
        f"{row['currency_code']}: expected {row['expected_amount']} in {row['expected_rows']} rows, found "
        f"{row['actual_amount']} in {row['actual_rows']} (sql/reconciliation/{name}.sql; all in {TABLE})"
    )
