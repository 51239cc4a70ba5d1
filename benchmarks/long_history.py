"""A home whose audit tables tell of a long history that never ran: every audited table, day after day, by chance.

Only what the site reads is written; the tables of data stay empty. The same seed makes the same history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from contracts.registry import Registry
from expectations.baseline import ENOUGH, LIMIT, WEEKS
from expectations.rules import rules_of
from expectations.scorecard import THRESHOLDS
from sql import ddl
from tasks.lake import LakeFile
from tasks.metrics import documents, write
from tasks.settings import Settings
from tasks.warehouse import open_warehouse

LAST = date(2026, 11, 22)
_DELIVERED, _BUILT = ("raw", "clean"), ("curated", "core", "mart")


@dataclass(frozen=True)
class History:
    """Days end at LAST; each table has some rows a day, each rule breaks on a few days for a few values."""

    days: int = 400
    seed: int = 7

    def write(self, home: Path) -> Settings:
        """Make the home; returns its settings."""
        settings, registry = Settings(home=home), Registry.read()
        home.mkdir(parents=True)
        frames = self.frames(registry)
        with open_warehouse(settings) as warehouse:
            for statement in ddl.create_all(registry.values()):
                warehouse.execute(statement)
            for name, frame in frames.items():
                part = home / f"{name}.parquet"
                frame.write_parquet(part)
                warehouse.load_parquet(f"audit.{name}", frame.columns, [LakeFile.local(part)])
                part.unlink()
        self._tell_metrics(settings, frames["load_ledger"], frames["table_build"])
        return settings

    def frames(self, registry: Registry) -> dict[str, pl.DataFrame]:
        """The audit tables by name."""
        chance = np.random.default_rng(self.seed)
        days = pl.DataFrame({"delivery_date": [LAST - timedelta(days=n) for n in reversed(range(self.days))]})
        days = days.with_columns(
            run_id=pl.col("delivery_date")
            .dt.strftime("%Y%m%d")
            .hash(self.seed)
            .map_elements("{:032x}".format, pl.String),
            at=pl.col("delivery_date").cast(pl.Datetime("us")) + pl.duration(days=1, hours=1, minutes=30),
        )
        ledger = _ledger(registry, days, chance)
        results = _results(registry, days, ledger, chance)
        return {
            "load_ledger": ledger,
            "quality_result": results,
            "quality_score": _scores(results, ledger),
            "trend": _trend(registry, ledger, days, chance),
            "table_build": _builds(registry, days, chance),
            "quarantine": _quarantine(results, ledger),
        }

    def _tell_metrics(self, settings: Settings, ledger: pl.DataFrame, builds: pl.DataFrame) -> None:
        spent = pl.concat(
            [
                ledger.select("run_id", pl.col("table_name"), at="loaded_at", seconds=pl.lit(0.8)),
                builds.select("run_id", "table_name", at="built_at", seconds=pl.col("seconds").cast(pl.Float64)),
            ]
        )
        for (run_id,), run in (
            spent.sort("at", maintain_order=True).partition_by("run_id", as_dict=True, maintain_order=True).items()
        ):
            tables = {table: {"Seconds": seconds} for table, seconds in run.select("table_name", "seconds").iter_rows()}
            total = float(run.get_column("seconds").sum())
            at: datetime = run.item(0, "at")
            stages = dict(zip(("clean", "load", "core", "mart", "score"), (total * s for s in _SHARES), strict=True))
            counted = {"RunSeconds": round(total * 1.1, 3), "RunFailures": 0, "RunWarnings": 3}
            write(settings, documents(settings, "daily", str(run_id), at, [tables], counted, stages))


_SHARES = (0.2, 0.15, 0.3, 0.25, 0.1)


def _ledger(registry: Registry, days: pl.DataFrame, chance: np.random.Generator) -> pl.DataFrame:
    """A file of each delivered table a day: by weekday, with noise, a dip now and then."""
    tables = pl.DataFrame({"table_name": [str(c.table) for c in registry.layer("raw")]}).with_columns(
        usual=pl.Series(chance.integers(200, 20_000, len(registry.layer("raw"))))
    )
    rows = days.join(tables, how="cross")
    week = pl.col("delivery_date").dt.weekday()
    noise = pl.Series(chance.normal(1, 0.02, rows.height) * np.where(chance.random(rows.height) < 0.004, 0.3, 1.0))
    delivered = (pl.col("usual") * (0.7 + 0.06 * week) * noise).cast(pl.Int64)
    aside = (delivered * pl.Series(chance.exponential(0.002, rows.height))).cast(pl.Int64)
    again = (delivered * pl.Series(chance.exponential(0.001, rows.height))).cast(pl.Int64)
    batch = pl.concat_str("delivery_date", "table_name").hash(1)
    return rows.select(
        batch_id=batch.map_elements("{:032x}".format, pl.String),
        run_id="run_id",
        source=pl.lit("shop"),
        table_name="table_name",
        delivery_date="delivery_date",
        file_name=pl.col("table_name").str.split(".").list.last() + ".csv.gz",
        content_hash=batch.cast(pl.String),
        bytes=delivered * 90,
        delivered_rows=delivered,
        duplicate_rows=again,
        quarantined_rows=aside,
        loaded_rows=delivered - again - aside,
        excluded_rows=pl.lit(0, pl.Int64),
        discarded_rows=pl.lit(0, pl.Int64),
        status=pl.lit("loaded"),
        error=pl.lit(None, pl.String),
        contract_version=pl.lit("1.0.0"),
        loaded_at="at",
    )


def _results(registry: Registry, days: pl.DataFrame, ledger: pl.DataFrame, chance: np.random.Generator) -> pl.DataFrame:
    """Each rule of each table every day; one in twelve is broken on some days, and a few without an end."""
    audited = [c for c in registry.values() if c.table.layer in (*_DELIVERED, *_BUILT)]
    rules = pl.DataFrame(
        [
            (str(c.table), r.id, r.kind, r.dimension, r.severity, r.verdict, r.of_row)
            for c in audited
            for r in rules_of(c)
        ],
        ["table_name", "rule_id", "kind", "dimension", "severity", "verdict", "of_row"],
        orient="row",
    )
    rules = rules.with_columns(
        fragile=pl.Series(np.where(chance.random(rules.height) < 1 / 12, chance.exponential(0.2, rules.height), 0.0)),
        broken_for=pl.Series(np.where(chance.random(rules.height) < 0.01, chance.integers(1, 40, rules.height), 0)),
    )
    batches = pl.concat(
        [
            ledger.select("table_name", "delivery_date", "batch_id", rows="delivered_rows"),
            ledger.select(
                pl.col("table_name").str.replace("raw.", "clean.", literal=True),
                "delivery_date",
                "batch_id",
                rows="loaded_rows",
            ),
        ]
    )
    every = days.join(rules, how="cross").join(batches, on=["table_name", "delivery_date"], how="left")
    luck, size = pl.Series(chance.random(every.height)), pl.Series(chance.exponential(4, every.height))
    lasting = (pl.lit(LAST) - pl.col("delivery_date")).dt.total_days() < pl.col("broken_for")
    broken = (luck < pl.col("fragile")) | lasting
    evaluated = pl.when("of_row").then(pl.col("rows").fill_null(1_500)).otherwise(1)
    failed = pl.when(~broken).then(0).when("of_row").then((1 + size).cast(pl.Int64)).otherwise(1)
    return every.select(
        run_id="run_id",
        batch_id=pl.col("batch_id").fill_null(""),
        delivery_date=pl.when(pl.col("batch_id").is_null()).then("delivery_date"),
        table_name="table_name",
        rule_id="rule_id",
        kind="kind",
        dimension="dimension",
        severity="severity",
        verdict="verdict",
        evaluated_count=evaluated.cast(pl.Int64),
        failed_count=pl.min_horizontal(failed, evaluated).cast(pl.Int64),
        is_success=failed == 0,
        observed=pl.when(~pl.col("of_row")).then(pl.lit("17")),
        checked_at="at",
    )


def _scores(results: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    day = ledger.select("batch_id", batch_day="delivery_date")
    counts = (
        results.join(day, on="batch_id", how="left")
        .with_columns(pl.coalesce("delivery_date", "batch_day").alias("delivery_date"))
        .group_by("run_id", "delivery_date", "table_name", "dimension", "checked_at")
        .agg(pl.sum("evaluated_count", "failed_count"))
    )
    share = (1 - pl.col("failed_count") / pl.col("evaluated_count")).round(6)
    wanted = pl.col("dimension").replace_strict(THRESHOLDS, default=None, return_dtype=pl.Float64)
    return counts.select(
        "run_id",
        "delivery_date",
        "table_name",
        pl.col("table_name").str.split(".").list.first().alias("layer"),
        "dimension",
        "evaluated_count",
        "failed_count",
        share.alias("score"),
        wanted.alias("threshold"),
        (share >= wanted).fill_null(True).alias("is_passed"),
        pl.col("checked_at").alias("scored_at"),
    )


def _trend(registry: Registry, ledger: pl.DataFrame, days: pl.DataFrame, chance: np.random.Generator) -> pl.DataFrame:
    """Counts of the ledger, gaps and ages by chance, each beside the same weekday of the weeks before."""
    counts = ledger.unpivot(
        ["delivered_rows", "loaded_rows"], index=["table_name", "delivery_date", "run_id"], variable_name="measure"
    ).with_columns(pl.col("value").cast(pl.Float64), column_name=pl.lit(""), row_count=pl.lit(None, pl.Int64))
    series = pl.DataFrame(
        [
            (str(c.table), "null_share", column.name, float(chance.random()) * 0.3)
            for c in registry.layer("clean")
            for column in c.columns
            if not column.required
        ]
        + [(str(c.table), "age_hours", c.latency.column or "", 3.0) for c in registry.layer("clean") if c.latency],
        ["table_name", "measure", "column_name", "level"],
        orient="row",
    )
    shares = days.join(series, how="cross")
    moved = 1 + chance.normal(0, 0.03, shares.height) + 2.0 * (chance.random(shares.height) < 0.002)
    shares = shares.with_columns(value=pl.col("level") * pl.Series(moved), row_count=pl.lit(5_000, pl.Int64))
    columns = ["table_name", "measure", "column_name", "delivery_date", "run_id", "value", "row_count"]
    key = ["table_name", "measure", "column_name", "weekday"]
    before = pl.col("value").shift(1)
    z = (pl.col("value") - pl.col("median")) / pl.col("spread")
    status = pl.when(pl.col("points") < ENOUGH).then(pl.lit("learning")).when(z.abs() >= LIMIT)
    return (
        pl.concat([counts.select(columns), shares.select(columns)])
        .with_columns(weekday=pl.col("delivery_date").dt.weekday())
        .sort("delivery_date")
        .with_columns(
            median=before.rolling_median(WEEKS, min_samples=1).over(key),
            points=pl.min_horizontal(pl.int_range(pl.len()).over(key), pl.lit(WEEKS, pl.Int64)),
        )
        .with_columns(spread=pl.max_horizontal(pl.col("median") * 0.05, 0.01))
        .with_columns(
            z=pl.when(pl.col("points") >= ENOUGH).then(z),
            status=status.then(pl.lit("anomaly")).otherwise(pl.lit("usual")),
        )
        .drop("weekday")
    )


def _builds(registry: Registry, days: pl.DataFrame, chance: np.random.Generator) -> pl.DataFrame:
    tables = [str(c.table) for c in registry.values() if c.table.layer in (*_BUILT, "clean")]
    rows = days.join(pl.DataFrame({"table_name": tables}), how="cross")
    return rows.select(
        run_id="run_id",
        table_name="table_name",
        inserted_rows=pl.Series(chance.integers(0, 4_000, rows.height)),
        updated_rows=pl.Series(chance.integers(0, 400, rows.height)),
        deleted_rows=pl.lit(0, pl.Int64),
        staged_rows=pl.lit(4_000, pl.Int64),
        seconds=pl.Series(chance.gamma(2, 0.2, rows.height)).round(3),
        definition_hash=pl.lit("0" * 32),
        built_at="at",
    )


def _quarantine(results: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """The newest thirty days are open still."""
    broken = results.filter(
        (pl.col("verdict") == "quarantine") & (pl.col("failed_count") > 0) & (pl.col("batch_id") != "")
    )
    raw = pl.col("table_name").str.replace("clean.", "raw.", literal=True)
    return broken.filter(pl.col("checked_at") > LAST - timedelta(days=30)).select(
        batch_id="batch_id",
        run_id="run_id",
        table_name=raw,
        rule_id="rule_id",
        row_count="failed_count",
        file_path=pl.lit("quarantine/rows.parquet"),
        attempt=pl.lit(1, pl.Int64),
        quarantined_at="checked_at",
    )
