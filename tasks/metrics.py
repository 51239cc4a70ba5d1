"""Metrics of a run for CloudWatch: documents of the embedded metric format, one per table and one of the run itself.

What is told is what the run knows, and two small queries on audit tables: no table of data is read for it.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from tasks.ledger import TABLE as LEDGER
from tasks.ledger import Entry
from tasks.report import RunReport
from tasks.settings import Settings
from tasks.sources import DEFAULT
from tasks.warehouse import Warehouse, WarehouseError

if TYPE_CHECKING:
    from tasks.workspace import Workspace

NAMESPACE = "Warehouse"
OF_TABLE = (("Environment",), ("Environment", "Table"))
OF_RUN = (("Environment",), ("Environment", "Flow"))

Unit = Literal["Count", "Percent", "Seconds", "Bytes"]
Values = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Metric:
    """One metric: what CloudWatch calls it, its unit, the dimensions it is kept by, and what it says."""

    name: str
    unit: Unit
    dimensions: tuple[tuple[str, ...], ...]
    meaning: str


METRICS: tuple[Metric, ...] = (
    Metric("RowsDelivered", "Count", OF_TABLE, "records of the files that the run took in, malformed ones included"),
    Metric("RowsLoaded", "Count", OF_TABLE, "rows of files that were new; of a computed table, rows added or changed"),
    Metric("RowsDuplicate", "Count", OF_TABLE, "delivered rows that said nothing new"),
    Metric("RowsQuarantined", "Count", OF_TABLE, "delivered rows that were set aside"),
    Metric("QuarantineShare", "Percent", OF_TABLE, "set aside, of 100 delivered rows"),
    Metric("Bytes", "Bytes", OF_TABLE, "size of the delivered files"),
    Metric("Seconds", "Seconds", OF_TABLE, "time that the run spent on the table"),
    Metric("QualityScore", "Percent", OF_TABLE, "the lowest of the table's scores that have a threshold"),
    Metric("Freshness", "Seconds", OF_TABLE, "since the end of the last day of which the table has a loaded delivery"),
    Metric("LedgerImbalance", "Count", OF_TABLE, "delivered rows of all its batches that nothing accounts for"),
    Metric("GateBlocked", "Count", OF_TABLE, "files or builds that were stopped: the table stays as it was"),
    Metric("RunSeconds", "Seconds", OF_RUN, "how long the run took"),
    Metric("RunFailures", "Count", OF_RUN, "1 if the run ended with an error or told of a failure, else 0"),
    Metric("RunWarnings", "Count", OF_RUN, "warnings that the run told"),
)
_BY_NAME = {metric.name: metric for metric in METRICS}

_LEDGER_BY_TABLE = f"""
SELECT
    table_name,
    MAX(CASE WHEN status = 'loaded' THEN delivery_date END) AS newest,
    SUM(ABS(
        delivered_rows - loaded_rows - duplicate_rows - quarantined_rows - excluded_rows - COALESCE(discarded_rows, 0)
    )) AS imbalance
FROM {LEDGER}
GROUP BY table_name
"""
_SCORES_OF_RUN = """
SELECT table_name, CAST(MIN(score) AS DOUBLE PRECISION) AS score
FROM audit.quality_score
WHERE run_id = :run_id AND threshold IS NOT NULL
GROUP BY table_name
"""


def of_report(report: RunReport, run_id: str) -> Values:
    """What a run's report says of each table: rows, bytes, seconds, what was stopped."""
    found: Values = defaultdict(dict)
    for table, entries in _by_table(entry for entry in report.entries if entry.run_id == run_id).items():
        delivered = sum(entry.delivered_rows for entry in entries)
        aside = sum(entry.quarantined_rows for entry in entries)
        found[table] = {
            "RowsDelivered": delivered,
            "RowsLoaded": sum(entry.loaded_rows for entry in entries),
            "RowsDuplicate": sum(entry.duplicate_rows for entry in entries),
            "RowsQuarantined": aside,
            "Bytes": sum(entry.bytes for entry in entries),
        }
        if delivered:
            found[table]["QuarantineShare"] = 100 * aside / delivered
    for table, counts in report.builds.items():
        found[table]["RowsLoaded"] = counts.inserted + counts.updated
    for table, seconds in report.table_seconds.items():
        found[table]["Seconds"] = round(seconds, 3)
        found[table]["GateBlocked"] = 0
    for table, count in report.blocked.items():
        found[table]["GateBlocked"] = count
    return dict(found)


def of_warehouse(warehouse: Warehouse, settings: Settings, run_id: str, now: datetime) -> Values:
    """What the audit tables say of each table: freshness and balance of its deliveries, the run's scores of it."""
    found: Values = defaultdict(dict)
    for table, newest, imbalance in warehouse.query(_LEDGER_BY_TABLE).iter_rows():
        found[table]["LedgerImbalance"] = int(imbalance)
        if newest is not None:
            age = now - settings.day_end(newest).replace(tzinfo=UTC)
            found[table]["Freshness"] = max(0.0, round(age.total_seconds(), 3))
    for table, score in warehouse.query(_SCORES_OF_RUN, run_id=run_id).iter_rows():
        found[table]["QualityScore"] = 100 * score
    return dict(found)


def documents(
    settings: Settings,
    flow: str,
    run_id: str,
    at: datetime,
    tables: Sequence[Values],
    run: Mapping[str, float],
    stages: Mapping[str, float] | None = None,
) -> Iterator[dict[str, Any]]:
    """The documents of a run: one per table of which anything is known, then the run's own, with seconds by stage.

    A source other than the shop has a warehouse of its own, so that its tables have names of their own, too. Stages
    are a property, no metrics: what they cost is looked at, not alarmed on.
    """
    prefix = "" if settings.source == DEFAULT else f"{settings.source}/"
    said = {"source": settings.source, "run_id": run_id, "flow": flow}
    merged: Values = defaultdict(dict)
    for part in tables:
        for table, values in part.items():
            merged[table] |= values
    for table in sorted(merged):
        dimensions = {"Environment": settings.deployment, "Table": f"{prefix}{table}"}
        yield document(dimensions, merged[table], at, said)
    of_run = {"Environment": settings.deployment, "Flow": flow}
    spent = {"stages": {name: round(seconds, 3) for name, seconds in (stages or {}).items()}}
    yield document(of_run, run, at, {**said, **spent} if stages else said)


def document(
    dimensions: Mapping[str, str], values: Mapping[str, float], at: datetime, properties: Mapping[str, Any]
) -> dict[str, Any]:
    """One document of the embedded metric format; raises ValueError for what CloudWatch would drop without a word."""
    metrics = [_BY_NAME[name] for name in values]
    sets = {metric.dimensions for metric in metrics}
    if len(sets) != 1:
        raise ValueError(f"metrics of one document have one list of dimensions: {', '.join(values)}")
    (wanted,) = sets
    if missing := {name for dimension_set in wanted for name in dimension_set} - dimensions.keys():
        raise ValueError(f"no value is given for the dimension {', '.join(sorted(missing))}")
    for name, value in dimensions.items():
        if not value.isascii() or not value.strip() or len(value) > 1024:
            raise ValueError(f"dimension {name}: {value!r} is not 1 to 1,024 ASCII characters")
    if odd := [name for name, value in values.items() if not math.isfinite(value)]:
        raise ValueError(f"metric {', '.join(odd)} is not a finite number")
    return {
        "_aws": {
            "Timestamp": round(at.timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [list(dimension_set) for dimension_set in wanted],
                    "Metrics": [{"Name": metric.name, "Unit": metric.unit} for metric in metrics],
                }
            ],
        },
        **properties,
        **dimensions,
        **values,
    }


def write(settings: Settings, found: Iterable[Mapping[str, Any]]) -> None:
    """Hand documents over, a line each: in aws mode to the log that standard output is, else to `metrics.jsonl`.

    A person at a terminal, whose output no log keeps, gets the file as well.
    """
    lines = [json.dumps(each, separators=(",", ":"), allow_nan=False) + "\n" for each in found]
    if settings.mode == "aws" and not sys.stdout.isatty():
        for line in lines:
            sys.stdout.write(line)
        sys.stdout.flush()
        return
    settings.home.mkdir(parents=True, exist_ok=True)
    with settings.metrics_file.open("a", encoding="utf-8") as file:
        file.writelines(lines)


@contextmanager
def measured(space: Workspace, flow: str) -> Iterator[None]:
    """Tell the metrics of what is done inside, however it ends; that they cannot be told fails nothing."""
    before, started, ended = space.report, time.perf_counter(), "cancelled"
    try:
        yield
        ended = "done"
    except Exception:
        ended = "failed"
        raise
    finally:
        # What never began has the report of an earlier run.
        report = space.report if space.report is not before else RunReport()
        run = {
            "RunSeconds": round(time.perf_counter() - started, 3),
            "RunFailures": int(ended != "done" or bool(report.failures)),
            "RunWarnings": len(report.warnings),
        }
        now, tables = datetime.now(UTC), [of_report(report, space.run_id)]
        # Who is cancelled waits for no query; who was kept out of the warehouse does not open it.
        if ended != "cancelled" and space.is_open:
            with suppress(WarehouseError):
                tables.append(of_warehouse(space.warehouse, space.settings, space.run_id, now))
        try:
            found = documents(space.settings, flow, space.run_id, now, tables, run, report.seconds)
            write(space.settings, found)
        except OSError as error:
            report.warnings.append(f"the metrics of the run could not be written: {error}")


def _by_table(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[entry.table_name].append(entry)
    return found
