"""What a run's page in Prefect shows: rows, tables, scores and reconciliation as tables, and a summary with places.

Counts, names and rules only: no artifact holds a row, and texts are cut and masked as those of alerts are.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext

from contracts.counted import counted
from expectations.scorecard import scores
from tasks import reconcile
from tasks.alerts import Alert, safe
from tasks.report import RunReport
from tasks.settings import Settings
from tasks.trouble import about
from tasks.workspace import Workspace

logger = logging.getLogger(__name__)

Rows = list[dict[str, Any]]
_COUNTED = ("days", "expected_rows", "actual_rows", "days_that_differ")
# Work that is done sooner needs no bar; one that moves more often costs more than it tells.
_LONG, _OFTEN = 10.0, 5.0


def delivered(report: RunReport) -> Rows:
    """A row per batch: what became of its rows, as the ledger says."""
    counts = ("delivered", "loaded", "duplicate", "quarantined", "excluded", "discarded")
    return [
        {
            "table": entry.table_name,
            "status": entry.status,
            **{name: getattr(entry, f"{name}_rows") for name in counts},
            "day": entry.delivery_date.isoformat(),
            "file": entry.file_name,
            "batch": entry.batch_id,
        }
        for entry in report.entries
    ]


def built(report: RunReport) -> Rows:
    """A row per table that was built: what changed in it, and the seconds it took."""
    return [
        {
            "table": table,
            "inserted": counts.inserted,
            "updated": counts.updated,
            "deleted": counts.deleted,
            "seconds": round(report.table_seconds.get(table, 0.0), 2),
        }
        for table, counts in report.builds.items()
    ]


def scored(report: RunReport) -> Rows:
    """A row per table and dimension, what is below its threshold first."""
    found = sorted(scores(report.gates), key=lambda score: (score.passed, score.score, str(score.table)))
    return [
        {
            "table": str(score.table),
            "dimension": score.dimension,
            "score": score.percent,
            "threshold": "" if score.threshold is None else f"{score.threshold:.1%}",
            "passed": "yes" if score.passed else "no",
            "evaluated": score.evaluated,
            "failed": score.failed,
        }
        for score in found
    ]


def reconciled(space: Workspace) -> Rows:
    """A row per check and currency that this run compared: days, rows, amounts, and the days that differ."""
    found = space.warehouse.query(
        "SELECT check_name, currency_code, COUNT(reconciliation_date) AS days, SUM(expected_rows) AS expected_rows, "
        "SUM(actual_rows) AS actual_rows, SUM(expected_amount) AS expected_amount, "
        "SUM(actual_amount) AS actual_amount, SUM(CASE WHEN is_balanced THEN 0 ELSE 1 END) AS days_that_differ "
        f"FROM {reconcile.TABLE} WHERE run_id = :run_id GROUP BY check_name, currency_code "
        "ORDER BY days_that_differ DESC, check_name, currency_code",
        run_id=space.run_id,
    )
    rows = found.to_dicts()
    return [{name: int(value) if name in _COUNTED else str(value) for name, value in row.items()} for row in rows]


def places(settings: Settings) -> dict[str, str]:
    """Where people look next: paths on this machine, addresses on AWS."""
    if settings.mode == "local":
        return {
            "Warehouse": settings.warehouse_name,
            "Data Docs": str(settings.data_docs / "index.html"),
            "Site": str(settings.site / "index.html"),
            "Quarantine": str(settings.lake / "quarantine"),
        }
    return {
        "Warehouse": settings.warehouse_name,
        "Data Docs": f"{settings.docs_at}/index.html",
        "Site": f"{settings.site_at}/index.html",
        "Quarantine": f"{settings.lake_url.replace('{layer}', 'quarantine')}/quarantine",
    }


def summary(report: RunReport, where: Alert, found: dict[str, str], *, is_done: bool) -> str:
    """The end of a run as Markdown: what came in, what was built, what is wrong and what to do, where to look."""
    alerts = list(about(report, where))
    critical, warnings = ([a for a in alerts if a.severity == grade] for grade in ("critical", "warning"))
    state = "stopped" if not is_done else "came to its end, with failures" if critical else "came to its end"
    lines = [f"## {where.flow}, {where.source}: {state}", "", _counted(report), ""]
    for title, listed in (("Failures", critical), ("Warnings", warnings)):
        lines += [f"### {title}", "", *map(_item, listed), ""] if listed else []
    lines += [f"- {safe(text)}" for text in report.warnings]
    lines += ["### Where to look", "", "| what | where |", "|---|---|"]
    lines += [f"| {what} | `{place}` |" for what, place in found.items()]
    return "\n".join([*lines, "| Rows set aside | `dw quarantine list` |", ""])


def _counted(report: RunReport) -> str:
    sums = {
        name: sum(getattr(entry, f"{name}_rows") for entry in report.entries)
        for name in ("delivered", "loaded", "duplicate", "quarantined")
    }
    if not report.entries:
        came = f"No new file ({len(report.already_loaded):,} loaded already)."
    else:
        parts = ", ".join(f"{sums[name]:,} {name}" for name in ("loaded", "duplicate", "quarantined"))
        came = f"{counted(len(report.entries), 'new file')} with {counted(sums['delivered'], 'row')}: {parts}."
    return f"{came} {counted(len(report.builds), 'table')} built."


def _item(alert: Alert) -> str:
    """One paragraph: what happened, the table and the rule, the command to type."""
    named = " ".join(f"`{part}`" for part in (alert.table, *filter(None, alert.rule.split(", "))) if part)
    return f"- **{alert.what}** {named} {safe(alert.text)}. Next: `{alert.next_step}`"


def publish(space: Workspace, where: Alert, *, is_done: bool) -> None:
    """Put the artifacts of a flow's run beside it; that they cannot be is logged and stops nothing."""
    if FlowRunContext.get() is None:  # the flow's own function, called without Prefect
        return
    report, source = space.report, space.settings.source
    try:
        tables = {"rows": delivered(report), "tables": built(report), "scores": scored(report)}
        if is_done and (report.entries or report.builds):
            tables["reconciliation"] = reconciled(space)
        for name, rows in tables.items():
            if rows:
                create_table_artifact(rows, key=f"{source}-{name}", description=_MEANING[name])
        found = places(space.settings)
        text = summary(report, where, found, is_done=is_done)
        create_markdown_artifact(text, key=f"{source}-run", description="What this run did")
        if report.gates:
            link = _link(found["Data Docs"])
            create_link_artifact(link, link_text="Data Docs", key=f"{source}-data-docs", description=found["Data Docs"])
    except Exception as error:
        logger.error("artifacts of this run were not made: %s", safe(str(error)))


_MEANING = {
    "rows": "What became of every delivered row: delivered = loaded + duplicate + quarantined + excluded + discarded",
    "tables": "Tables that were built, and what changed in them",
    "scores": "Share of evaluated values that passed, by table and dimension; what is below its threshold first",
    "reconciliation": "Source, clean, fact and mart compared, for the days that this run touched",
}


def _link(place: str) -> str:
    return place if "://" in place else Path(place).as_uri()


@contextmanager
def progress(space: Workspace, what: str) -> Iterator[None]:
    """Show how far the tables are built, as a bar that moves, where it takes long."""
    tables, done = {str(table) for table in space.graph.tables}, set[str]()
    tell, begun = space.on_step, time.monotonic()
    bar: Any = None
    moved = begun

    def on_step(step: str, name: str) -> None:
        nonlocal bar, moved
        tell(step, name)
        if name in tables:
            done.add(name)
        now = time.monotonic()
        if now - begun < _LONG or now - moved < _OFTEN or FlowRunContext.get() is None:
            return
        moved = now
        show(round(100 * max(len(done) - 1, 0) / len(tables), 1))

    def show(share: float) -> None:
        nonlocal bar
        try:
            if bar is None:
                bar = create_progress_artifact(share, key=f"{space.settings.source}-progress", description=what)
            else:
                update_progress_artifact(bar, share)
        except Exception as error:
            logger.error("progress was not told: %s", safe(str(error)))

    space.on_step = on_step
    try:
        yield
        if bar is not None:
            show(100.0)
    finally:
        space.on_step = tell
