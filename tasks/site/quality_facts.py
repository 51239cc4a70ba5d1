"""What the quality pages show, read once from the audit tables: scores, measures and anomalies as they were judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from tasks import quality, trend
from tasks.ledger import TABLE as LEDGER
from tasks.quarantine import OPEN
from tasks.s3 import Store
from tasks.settings import Settings
from tasks.warehouse import Warehouse

DAYS = 400
AUDITS = 10

# A built table counts by the last of its builds on a day. Results of a re-drive have no day and count for none.
_RULE_DAYS = f"""
SELECT
    delivery_date,
    table_name,
    rule_id,
    MAX(verdict) AS verdict,
    MAX(dimension) AS dimension,
    CAST(SUM(evaluated_count) AS BIGINT) AS evaluated_count,
    CAST(SUM(failed_count) AS BIGINT) AS failed_count,
    CAST(SUM(CASE WHEN is_success THEN 0 ELSE 1 END) AS BIGINT) AS breach_count,
    MAX(CASE WHEN is_success THEN NULL ELSE observed END) AS observed
FROM (
    SELECT
        COALESCE(ledger.delivery_date, results.delivery_date) AS delivery_date,
        results.table_name,
        results.rule_id,
        results.verdict,
        results.dimension,
        results.evaluated_count,
        results.failed_count,
        results.is_success,
        results.observed,
        results.batch_id,
        results.checked_at,
        MAX(results.checked_at) OVER (PARTITION BY results.table_name, results.delivery_date) AS last_checked_at
    FROM audit.quality_result AS results
    LEFT JOIN {LEDGER} AS ledger ON ledger.batch_id = results.batch_id AND ledger.run_id = results.run_id
) AS checked
WHERE delivery_date >= :since AND (batch_id <> '' OR checked_at = last_checked_at)
GROUP BY delivery_date, table_name, rule_id
"""
_FAILED = f"""
SELECT * FROM ({_RULE_DAYS}) AS rule_days
WHERE failed_count > 0 OR breach_count > 0
ORDER BY delivery_date, table_name, rule_id
"""
_RULES = f"""
SELECT
    table_name,
    rule_id,
    COUNT(*) AS days_checked,
    MAX(delivery_date) AS checked_on,
    MAX(CASE WHEN failed_count = 0 AND breach_count = 0 THEN delivery_date END) AS held_on
FROM ({_RULE_DAYS}) AS rule_days
GROUP BY table_name, rule_id
ORDER BY table_name, rule_id
"""
_AUDITS = f"""
SELECT table_name, run_id, batch_id, checked_at, rule_count, failed_rules, failed_count, delivery_date, file_name
FROM (
    SELECT
        audits.*,
        COALESCE(ledger.delivery_date, audits.built_for) AS delivery_date,
        ledger.file_name,
        ROW_NUMBER() OVER (
            PARTITION BY audits.table_name ORDER BY audits.checked_at DESC, audits.run_id, audits.batch_id
        ) AS place
    FROM (
        SELECT
            table_name,
            run_id,
            batch_id,
            MAX(delivery_date) AS built_for,
            MAX(checked_at) AS checked_at,
            COUNT(*) AS rule_count,
            CAST(SUM(CASE WHEN is_success THEN 0 ELSE 1 END) AS BIGINT) AS failed_rules,
            CAST(SUM(failed_count) AS BIGINT) AS failed_count
        FROM audit.quality_result
        GROUP BY table_name, run_id, batch_id
    ) AS audits
    LEFT JOIN {LEDGER} AS ledger ON ledger.batch_id = audits.batch_id
) AS placed
WHERE place <= {AUDITS}
ORDER BY table_name, place
"""
_OPEN = f"""
SELECT
    table_name,
    rule_id,
    CAST(SUM(row_count) AS BIGINT) AS row_count,
    COUNT(*) AS batch_count,
    MIN(quarantined_at) AS since
FROM {OPEN}
GROUP BY table_name, rule_id
ORDER BY table_name, row_count DESC, rule_id
"""
_LOADED = f"""
SELECT
    table_name,
    MAX(CASE WHEN status = 'loaded' THEN delivery_date END) AS delivery_date,
    MAX(CASE WHEN status = 'loaded' THEN loaded_at END) AS changed_at,
    CAST(SUM(quarantined_rows) AS BIGINT) AS quarantined_rows
FROM {LEDGER}
GROUP BY table_name
ORDER BY table_name
"""
_BUILT = """
SELECT table_name, MAX(built_at) AS changed_at
FROM audit.table_build
GROUP BY table_name
ORDER BY table_name
"""


@dataclass(frozen=True)
class QualityFacts:
    """The last DAYS delivery days; every frame is in order of its first columns.

    scores: delivery_date, table_name, layer, dimension, evaluated_count, failed_count, score, threshold, is_passed.
    measures: the columns of audit.trend. failed: a row per day, table and rule that something broke. rules: a row per
    table and rule with days_checked, checked_on, held_on. audits: the last AUDITS of each table. open: what is in
    quarantine now by table and rule. loaded: newest delivery per delivered table. built: last build per table.
    """

    scores: pl.DataFrame
    measures: pl.DataFrame
    failed: pl.DataFrame
    rules: pl.DataFrame
    audits: pl.DataFrame
    open: pl.DataFrame
    loaded: pl.DataFrame
    built: pl.DataFrame

    @property
    def day(self) -> date:
        """The newest delivery day that was scored."""
        newest: date = self.scores.item(-1, "delivery_date")
        return newest

    @cached_property
    def layers(self) -> pl.DataFrame:
        """Scores added up per layer and dimension."""
        return quality.by_layer(self.scores)

    @cached_property
    def latest(self) -> pl.DataFrame:
        """Each table's scores of the last day on which it was scored; that day is its delivery_date."""
        last = pl.col("delivery_date") == pl.col("delivery_date").max().over("table_name")
        return self.scores.filter(last)

    @cached_property
    def unusual(self) -> list[str]:
        """What is unusual of the newest day, a sentence each."""
        return trend.sentences(self.measures.filter(pl.col("delivery_date") == self.day))

    @cached_property
    def standings(self) -> pl.DataFrame:
        """Rules that something broke within the days, those that fail now first.

        table_name, rule_id, verdict, dimension, checked_on, failed_on, days_checked, days_failed, evaluated_count,
        failed_count, observed (of failed_on), and `since`: the first day since the rule last held, null if it holds.
        """
        failed = self.failed.join(self.rules, on=["table_name", "rule_id"])
        now = pl.col("delivery_date") > pl.col("held_on").fill_null(date.min)
        return (
            failed.sort("delivery_date")
            .group_by("table_name", "rule_id")
            .agg(
                pl.col("delivery_date").filter(now).min().alias("since"),
                pl.col("delivery_date").max().alias("failed_on"),
                pl.len().alias("days_failed"),
                pl.col("failed_count").sum().alias("failed_in_all"),
                pl.last("verdict", "dimension", "evaluated_count", "failed_count", "observed"),
                pl.first("days_checked", "checked_on"),
            )
            .sort(
                pl.col("since").is_null(),
                "days_failed",
                "table_name",
                "rule_id",
                descending=[False, True, False, False],
            )
        )


def read_quality(warehouse: Warehouse, days: int = DAYS) -> QualityFacts | None:
    """What the audit tables say of the last `days` delivery days; None where none was scored yet."""
    if not warehouse.has_table(trend.TABLE):
        return None
    scores = quality.daily_scores(warehouse, days)
    if scores.is_empty():
        return None
    first = scores.item(0, "delivery_date")
    return QualityFacts(
        scores=scores,
        measures=trend.recorded(warehouse, days),
        failed=warehouse.query(_FAILED, since=first),
        rules=warehouse.query(_RULES, since=first),
        audits=warehouse.query(_AUDITS),
        open=warehouse.query(_OPEN),
        loaded=warehouse.query(_LOADED),
        built=warehouse.query(_BUILT),
    )


def audit_pages(settings: Settings) -> frozenset[str]:
    """The names of the pages of Data Docs: `<layer>.<table>.<place>[.<audit>]`, as `expectations.audits` makes them."""
    if settings.mode == "aws":
        return audit_pages_on_s3(Store(settings.docs_at, settings.kms_key))
    return frozenset(path.stem for path in (settings.audits / "pages").glob("*.html"))


def audit_pages_on_s3(store: Store) -> frozenset[str]:
    """The same, of what lies on S3."""
    pages = (key.removesuffix(".html") for key, _ in store.listed() if key.endswith(".html") and "/" not in key)
    return frozenset(pages) - {"index"}
