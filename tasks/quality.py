"""What the gates found, written to the audit tables; scores follow from it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

from contracts.ids import TableId
from contracts.registry import Registry
from sql import ddl, merge
from sql.graph import Graph
from tasks.warehouse import Warehouse

if TYPE_CHECKING:
    from expectations.gate import GateResult
    from tasks.clean import Cleaned

Row = dict[str, object]


def record_results(warehouse: Warehouse, results: Iterable[GateResult], checked_at: datetime) -> None:
    """One row per run, batch, table and rule; call it inside the transaction that publishes the batch."""
    rows: list[Row] = [
        {
            "run_id": gate.run_id,
            "batch_id": gate.batch_id,
            "table_name": str(gate.table),
            "rule_id": result.rule.id,
            "kind": result.rule.kind,
            "dimension": result.rule.dimension,
            "severity": result.rule.severity,
            "verdict": result.rule.verdict,
            "evaluated_count": result.evaluated,
            "failed_count": result.failed,
            "is_success": result.success,
            "observed": None if result.observed is None else str(result.observed)[:250],
            "checked_at": checked_at,
        }
        for gate in results
        for result in gate.results
    ]
    if rows:
        warehouse.insert_rows("audit.quality_result", list(rows[0]), rows)


def record_quarantine(warehouse: Warehouse, cleaned: Cleaned, run_id: str, at: datetime, lake_root: str) -> None:
    """One row per batch and rule that set rows aside; call it inside the transaction that publishes the batch."""
    if cleaned.quarantine_file is None:
        return
    rows: list[Row] = [
        {
            "batch_id": cleaned.batch.batch_id,
            "run_id": run_id,
            "table_name": str(cleaned.batch.contract.table),
            "rule_id": rule_id,
            "row_count": count,
            "file_path": str(cleaned.quarantine_file).removeprefix(lake_root).lstrip("/"),
            "quarantined_at": at,
        }
        for rule_id, count in cleaned.broken_rules.items()
    ]
    warehouse.insert_rows("audit.quarantine", list(rows[0]), rows)


def record_scores(warehouse: Warehouse, registry: Registry, run_id: str, delivery: date, scored_at: datetime) -> bool:
    """Score a run's results per table and dimension; returns whether there was anything to score.

    Counts are added up over the run's batches first: a score is a share of evaluated values, never a mean of shares.
    """
    from expectations.scorecard import score

    counted = warehouse.query(
        "SELECT table_name, dimension, SUM(evaluated_count) AS evaluated_count, SUM(failed_count) AS failed_count "
        "FROM audit.quality_result WHERE run_id = :run_id GROUP BY table_name, dimension "
        "ORDER BY table_name, dimension",
        run_id=run_id,
    )
    rows: list[Row] = []
    for table_name, dimension, evaluated, failed in counted.iter_rows():
        table = TableId.parse(table_name)
        result = score(table, dimension, int(evaluated), int(failed), registry[table].thresholds)
        rows.append(
            {
                "run_id": run_id,
                "delivery_date": delivery,
                "table_name": table_name,
                "layer": table.layer,
                "dimension": dimension,
                "evaluated_count": result.evaluated,
                "failed_count": result.failed,
                "score": round(result.score, 6),
                "threshold": result.threshold,
                "is_passed": result.passed,
                "scored_at": scored_at,
            }
        )
    if rows:
        warehouse.execute("DELETE FROM audit.quality_score WHERE run_id = :run_id", run_id=run_id)
        warehouse.insert_rows("audit.quality_score", list(rows[0]), rows)
    return bool(rows)


def enqueue_readers(warehouse: Warehouse, registry: Registry, graph: Graph) -> None:
    """Queue the tables that read the audit tables: these are written here, not by a publish that would do it."""
    for table in (t for t in registry if t.layer == "audit"):
        for consumer, _ in merge.consumers(table, registry, graph):
            column, _ = ddl.queue_column(consumer)
            warehouse.insert_rows(str(consumer.table.pending), [column], [{column: ddl.EVERYTHING}])
