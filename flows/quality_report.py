"""The quality report: scores of the last deliveries as an artifact, and an alert where one is below its threshold."""

from __future__ import annotations

from datetime import date

import polars as pl
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.quality_commands import is_scored, read
from flows.running import MINUTE, PATIENT, TOLD, place, this_run
from tasks import trend
from tasks.alerts import tell
from tasks.sources import settings_for
from tasks.trouble import low_scores

ARTIFACT = "quality-report"


@task(task_run_name="report-{source}", timeout_seconds=20 * MINUTE, **PATIENT)
def report(source: str, days: int) -> tuple[date, pl.DataFrame, list[str]] | None:
    """The newest delivery day, its scores, the worst first, and what is unusual; None where nothing is loaded yet."""
    settings = settings_for(source)
    if not is_scored(settings):
        return None
    scores, measures = read(settings, days, None)
    newest = max(scores["delivery_date"])
    last = pl.col("delivery_date") == newest
    course = scores.group_by("table_name", "dimension").agg(
        pl.min("score").alias("worst"), (~pl.col("is_passed")).sum().alias("days_below")
    )
    shown = scores.filter(last).join(course, on=["table_name", "dimension"])
    ordered = shown.sort("is_passed", "score", "table_name", "dimension")
    return newest, ordered, trend.sentences(measures.filter(last))


@flow(name="quality-report", flow_run_name="quality-report-{source}", timeout_seconds=60 * MINUTE, **TOLD)
def quality_report(source: str = "shop", days: int = 7) -> list[str]:
    """Publish the scores of the newest delivery and their course over `days` deliveries; returns what is below."""
    settings = settings_for(source)
    found = report(source, days)
    if found is None:
        create_markdown_artifact(f"Nothing is loaded in {settings.warehouse_name}.", key=f"{ARTIFACT}-empty")
        return []
    newest, scores, unusual = found
    columns = ["table_name", "dimension", "score", "threshold", "is_passed", "failed_count", "evaluated_count"]
    said = [f"Delivery of {newest}, {settings.deployment}. `worst` and `days_below` are of the last {days} deliveries."]
    create_table_artifact(
        scores.select(*columns, "worst", "days_below").to_dicts(),
        key=ARTIFACT,
        description="\n\n".join([*said, *(f"- {line}" for line in unusual)]),
    )
    where = place(settings, this_run.get_flow_name() or "", this_run.get_id() or "")
    alerts = list(low_scores(scores, where))
    tell(settings, alerts)
    return [alert.text for alert in alerts]
