"""What the pages of runs show: the ledger, the builds, what was told, and the time that metrics tell of, by run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from tasks.ledger import TABLE as LEDGER
from tasks.settings import Settings
from tasks.warehouse import Warehouse

RUNS = 400

_LATEST = f"""
SELECT run_id, at
FROM (
    SELECT run_id, MAX(at) AS at
    FROM (
        SELECT run_id, MAX(loaded_at) AS at FROM {LEDGER} GROUP BY run_id
        UNION ALL
        SELECT run_id, MAX(built_at) AS at FROM audit.table_build GROUP BY run_id
    ) AS known
    GROUP BY run_id
) AS runs
ORDER BY at DESC, run_id
"""
_BATCHES = f"""
SELECT
    run_id,
    delivery_date,
    table_name,
    file_name,
    batch_id,
    status,
    error,
    delivered_rows,
    loaded_rows,
    duplicate_rows,
    quarantined_rows,
    excluded_rows + COALESCE(discarded_rows, 0) AS other_rows
FROM {LEDGER}
WHERE loaded_at >= :since
ORDER BY delivery_date, table_name, file_name, batch_id
"""
_BUILDS = """
SELECT
    run_id,
    table_name,
    CAST(SUM(inserted_rows) AS BIGINT) AS inserted_rows,
    CAST(SUM(updated_rows) AS BIGINT) AS updated_rows,
    CAST(SUM(deleted_rows) AS BIGINT) AS deleted_rows,
    CAST(SUM(seconds) AS DOUBLE PRECISION) AS seconds,
    MAX(built_at) AS built_at
FROM audit.table_build
WHERE built_at >= :since
GROUP BY run_id, table_name
ORDER BY seconds DESC, table_name
"""
_TIMES = pl.Schema(
    {
        "run_id": pl.String(),
        "flow": pl.String(),
        "ended_at": pl.Datetime("us"),
        "seconds": pl.Float64(),
        "failures": pl.Int64(),
        "warnings": pl.Int64(),
        "stages": pl.List(pl.Struct({"stage": pl.String(), "seconds": pl.Float64()})),
    }
)
_ALERTS = pl.Schema(
    {
        "at": pl.Datetime("us"),
        "severity": pl.String(),
        "what": pl.String(),
        "table": pl.String(),
        "batch": pl.String(),
        "text": pl.String(),
        "next_step": pl.String(),
    }
)


@dataclass(frozen=True)
class RunFacts:
    """The last RUNS runs that wrote rows, newest first.

    runs: run_id, at (UTC), and where metrics tell of them flow, seconds, failures, warnings, stages. batches: files
    by the run that stands in the ledger. builds: tables that a run built. alerts: what was told since the first of
    the runs, with the run during which it was.
    """

    runs: pl.DataFrame
    batches: pl.DataFrame
    builds: pl.DataFrame
    alerts: pl.DataFrame


def read_runs(warehouse: Warehouse, settings: Settings, runs: int = RUNS) -> RunFacts | None:
    """What is known of the last `runs` runs; None where none has written anything."""
    latest = warehouse.query(f"{_LATEST}LIMIT {int(runs)}")
    if latest.is_empty():
        return None
    since = latest.item(-1, "at")
    known = latest.join(_times(settings.metrics_file), on="run_id", how="left", maintain_order="left")
    return RunFacts(
        runs=known,
        batches=warehouse.query(_BATCHES, since=since),
        builds=warehouse.query(_BUILDS, since=since),
        alerts=_alerts(settings.alert_file, since, known),
    )


def _lines(path: Path, having: str) -> Iterator[dict[str, Any]]:
    """The lines of a file of JSON that hold a text; a last line that a killed run left half is passed over."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if having in line and line.endswith("}\n"):
                yield json.loads(line)


def _times(metrics: Path) -> pl.DataFrame:
    """Flow, seconds and stages of each run that wrote metrics to the file of local mode; its last document counts."""
    rows = [
        {
            "run_id": found["run_id"],
            "flow": found["flow"],
            "ended_at": datetime.fromtimestamp(found["_aws"]["Timestamp"] / 1000, UTC).replace(tzinfo=None),
            "seconds": found["RunSeconds"],
            "failures": found["RunFailures"],
            "warnings": found["RunWarnings"],
            "stages": [{"stage": name, "seconds": spent} for name, spent in found.get("stages", {}).items()],
        }
        for found in _lines(metrics, '"RunSeconds":')
    ]
    return pl.DataFrame(rows, _TIMES).unique("run_id", keep="last", maintain_order=True)


def _alerts(file: Path, since: datetime, runs: pl.DataFrame) -> pl.DataFrame:
    """What was told since an instant, each with the last run that had begun by then."""
    rows = [
        {name: found.get(name, "") for name in _ALERTS}
        | {"at": datetime.fromisoformat(found["at"]).replace(tzinfo=None)}
        for found in _lines(file, '"at":')
    ]
    told = pl.DataFrame(rows, _ALERTS).filter(pl.col("at") >= since).sort("at")
    return told.join_asof(runs.select("run_id", "at").sort("at"), on="at", strategy="backward")
