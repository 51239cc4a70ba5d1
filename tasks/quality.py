"""What the gates found, written to the audit tables; the scores of a delivery day follow from it.

Which results count for a day: of each of its batches, those of the run that stands in the ledger, so that a file which
is tried again, or of which rows are re-driven, counts once and as it was delivered. Of a built table, those of every
run of the day that published it: each build looks at the rows that it changed. A table that is always computed whole,
or was computed anew by another definition, counts by its last build, and a blocked build counts until the next one.
A re-drive and a rebuild look again at rows of earlier deliveries, and count for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from contracts.ids import TableId
from contracts.registry import Registry
from expectations.scorecard import THRESHOLDS, score
from sql import ddl, queues
from sql.graph import Graph
from tasks.settings import Settings
from tasks.warehouse import Warehouse

if TYPE_CHECKING:
    from expectations.gate import GateResult

Row = dict[str, object]
_COUNTS = ("table_name", "dimension", "evaluated_count", "failed_count")


def record_results(
    warehouse: Warehouse, results: Iterable[GateResult], checked_at: datetime, delivery: date | None = None
) -> None:
    """One row per run, batch, table and rule; call it inside the transaction that publishes the rows.

    `delivery` is the day whose run built the table, if any; a batch's day is in the ledger.
    """
    gates = list(results)
    # A table may be built twice in a run: the later audit stands.
    for run_id, table in {(gate.run_id, str(gate.table)) for gate in gates if not gate.batch_id}:
        statement = "DELETE FROM audit.quality_result WHERE run_id = :run_id AND table_name = :table AND batch_id = ''"
        warehouse.execute(statement, run_id=run_id, table=table)
    rows: list[Row] = [
        {
            "run_id": gate.run_id,
            "batch_id": gate.batch_id,
            "delivery_date": None if gate.batch_id else delivery,
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
        for gate in gates
        for result in gate.results
    ]
    if rows:
        warehouse.insert_rows("audit.quality_result", list(rows[0]), rows)


def record_scores(
    warehouse: Warehouse,
    registry: Registry,
    settings: Settings,
    run_id: str,
    delivery: date,
    scored_at: datetime,
    *,
    also: Iterable[date] = (),
) -> None:
    """Score the delivery day of a run anew, further days, and every other day of which the run touched a batch."""
    touched = warehouse.query(
        "SELECT DISTINCT ledger.delivery_date FROM audit.quality_result AS results "
        "INNER JOIN audit.load_ledger AS ledger ON ledger.batch_id = results.batch_id WHERE results.run_id = :run_id",
        run_id=run_id,
    )
    rows = [
        {"run_id": run_id, "delivery_date": day, **row, "scored_at": scored_at}
        for day in sorted({delivery, *also, *touched.get_column("delivery_date")})
        for row in _scored(counts_of_day(warehouse, registry, settings, day), registry)
    ]
    warehouse.execute("DELETE FROM audit.quality_score WHERE run_id = :run_id", run_id=run_id)
    if rows:
        warehouse.insert_rows("audit.quality_score", list(rows[0]), rows)


def _scored(counts: pl.DataFrame, registry: Registry) -> Iterator[Row]:
    for table_name, dimension, evaluated, failed in counts.iter_rows():
        table = TableId.parse(table_name)
        found = score(table, dimension, evaluated, failed, registry[table])
        yield {
            "table_name": table_name,
            "layer": table.layer,
            "dimension": dimension,
            "evaluated_count": evaluated,
            "failed_count": failed,
            "score": round(found.score, 6),
            "threshold": found.threshold,
            "is_passed": found.passed,
        }


def counts_of_day(warehouse: Warehouse, registry: Registry, settings: Settings, day: date) -> pl.DataFrame:
    """Evaluated and failed values of a delivery day, per table and dimension: see the head of this module."""
    known = [str(table) for table in registry]
    parts = [
        warehouse.query(_OF_BATCHES, delivery_date=day),
        _of_builds(warehouse, registry, day),
        warehouse.query(_DUPLICATES, delivery_date=day),
        _punctuality(warehouse, registry, settings, day),
    ]
    every = pl.concat([part.lazy().select(_COUNTS).cast(dict.fromkeys(_COUNTS[2:], pl.Int64)) for part in parts])
    return (
        every.filter(pl.col("table_name").is_in(known))
        .group_by(_COUNTS[:2])
        .agg(pl.sum(*_COUNTS[2:]))
        .sort(_COUNTS[:2])
        .collect()
    )


_OF_BATCHES = """
SELECT
    results.table_name,
    results.dimension,
    SUM(results.evaluated_count) AS evaluated_count,
    SUM(results.failed_count) AS failed_count
FROM audit.quality_result AS results
INNER JOIN audit.load_ledger AS ledger ON ledger.batch_id = results.batch_id AND ledger.run_id = results.run_id
WHERE ledger.delivery_date = :delivery_date
GROUP BY results.table_name, results.dimension
"""

# A row that said nothing new came twice: what the delivery promised to be one row of is not.
_DUPLICATES = """
SELECT
    table_name,
    'uniqueness' AS dimension,
    SUM(loaded_rows + duplicate_rows) AS evaluated_count,
    SUM(duplicate_rows) AS failed_count
FROM audit.load_ledger
WHERE delivery_date = :delivery_date AND status = 'loaded'
GROUP BY table_name
HAVING SUM(loaded_rows + duplicate_rows) > 0
"""

_OF_BUILDS = """
SELECT
    results.table_name,
    results.dimension,
    results.run_id,
    results.checked_at,
    MAX(builds.definition_hash) AS definition_hash,
    SUM(results.evaluated_count) AS evaluated_count,
    SUM(results.failed_count) AS failed_count
FROM audit.quality_result AS results
LEFT JOIN (
    SELECT run_id, table_name, MAX(definition_hash) AS definition_hash
    FROM audit.table_build
    WHERE run_id IN (
        SELECT run_id FROM audit.quality_result WHERE batch_id = '' AND delivery_date = :delivery_date
    )
    GROUP BY run_id, table_name
) AS builds
    ON builds.run_id = results.run_id AND builds.table_name = results.table_name
WHERE results.batch_id = '' AND results.delivery_date = :delivery_date
GROUP BY results.table_name, results.dimension, results.run_id, results.checked_at
"""


def _of_builds(warehouse: Warehouse, registry: Registry, day: date) -> pl.DataFrame:
    by_increment = [str(c.table) for c in registry.values() if c.load.increment]
    found = warehouse.query(_OF_BUILDS, delivery_date=day).sort("checked_at")
    last = pl.col("checked_at") == pl.col("checked_at").max().over("table_name")
    # Only what was published has a definition; another one has computed the whole table anew.
    as_now = pl.col("definition_hash") == pl.col("definition_hash").drop_nulls().last().over("table_name")
    return found.filter(last | (as_now & pl.col("table_name").is_in(by_increment)))


def _punctuality(warehouse: Warehouse, registry: Registry, settings: Settings, day: date) -> pl.DataFrame:
    """Rows of clean tables that promise a latency, and those of them that were loaded after it."""
    deadlines = pl.DataFrame(
        [
            (str(TableId("raw", c.table.name)), str(c.table), settings.day_end(day, c.latency.after))
            for c in registry.layer("clean")
            if c.latency
        ],
        schema={"raw_table": pl.String, "table_name": pl.String, "deadline": pl.Datetime("us")},
        orient="row",
    )
    loaded = warehouse.query(
        "SELECT table_name AS raw_table, loaded_rows, loaded_at FROM audit.load_ledger "
        "WHERE delivery_date = :delivery_date AND status = 'loaded' AND loaded_rows > 0",
        delivery_date=day,
    )
    late = pl.when(pl.col("loaded_at") > pl.col("deadline")).then("loaded_rows").otherwise(0)
    return loaded.join(deadlines, on="raw_table").select(
        "table_name", dimension=pl.lit("timeliness"), evaluated_count="loaded_rows", failed_count=late
    )


def is_scored(warehouse: Warehouse, day: date) -> bool:
    """Whether a delivery day was scored after the last of its files was loaded (or rejected)."""
    loaded = "SELECT MAX(loaded_at) AS at FROM audit.load_ledger WHERE delivery_date = :day"
    scored = "SELECT MAX(scored_at) AS at FROM audit.quality_score WHERE delivery_date = :day"
    last_loaded, last_scored = (warehouse.scalar(statement, day=day) for statement in (loaded, scored))
    # Both are the run's instant: a run that ended is never asked to score again.
    return last_loaded is None or (last_scored is not None and last_scored >= last_loaded)


def daily_scores(warehouse: Warehouse, days: int) -> pl.DataFrame:
    """The scores of the last `days` delivery days, each day's as it was last scored, oldest first."""
    latest_days = (
        f"SELECT DISTINCT delivery_date FROM audit.quality_score ORDER BY delivery_date DESC LIMIT {int(days)}"
    )
    scored = warehouse.query(
        "SELECT delivery_date, table_name, layer, dimension, evaluated_count, failed_count, "
        "CAST(score AS DOUBLE PRECISION) AS score, CAST(threshold AS DOUBLE PRECISION) AS threshold, is_passed, "
        f"scored_at, run_id FROM audit.quality_score WHERE delivery_date IN ({latest_days}) "
        "ORDER BY delivery_date, table_name, dimension, scored_at, run_id"
    )
    latest = scored.unique(["delivery_date", "table_name", "dimension"], keep="last", maintain_order=True)
    return latest.drop("scored_at", "run_id")


def by_layer(scores: pl.DataFrame) -> pl.DataFrame:
    """Daily scores of tables, added up per layer and dimension, against the house's thresholds."""
    house = pl.col("dimension").replace_strict(THRESHOLDS, default=None, return_dtype=pl.Float64)
    share = 1 - pl.col("failed_count") / pl.col("evaluated_count")
    return (
        scores.group_by("delivery_date", "layer", "dimension")
        .agg(pl.sum("evaluated_count", "failed_count"))
        .sort("delivery_date", "layer", "dimension")
        .with_columns(score=pl.when(pl.col("evaluated_count") > 0).then(share).otherwise(1.0).round(6), threshold=house)
        .with_columns(is_passed=(pl.col("score") >= pl.col("threshold")).fill_null(True))
    )


def enqueue_readers(warehouse: Warehouse, registry: Registry, graph: Graph) -> None:
    """Queue the tables that read the audit tables: these are written here, not by a publish that would do it."""
    for table in (t for t in registry if t.layer == "audit"):
        for consumer, _ in queues.consumers(table, registry, graph):
            column, _ = ddl.queue_column(consumer)
            warehouse.insert_rows(str(consumer.table.pending), [column], [{column: ddl.EVERYTHING}])
