"""From a run's account to alerts: what stops data or sets much of it aside, and which alerts a good run ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import polars as pl

from contracts.counted import counted
from contracts.ids import TableId
from expectations.scorecard import Score, scores
from tasks.alerts import Alert, Told, resolve, tell, told
from tasks.report import Failure, RunReport
from tasks.settings import Settings

# A file that loses more than this to quarantine is told: what the house's completeness (95 %) leaves.
QUARANTINE_SHARE = 0.05

_OF_FLOWS = ("flow-failed", "flow-crashed", "flow-cancelled", "run-stuck", "run-late")

_NEXT = {
    "gate-blocked": "dw quality --table {table}",
    "build-failed": "dw explain {table}",
    "not-built": "dw explain {rule}",
    "file-rejected": "dw status",
    "not-delivered": "dw status --from {batch}",
    "control-differs": "dw status",
    "not-redriven": "dw quarantine list --batch {batch}",
    "not-reconciled": "dw reconcile",
    "file-gone": "dw status",
    "file-unexpected": "dw status",
    "day-stopped": "dw backfill --from {batch} --to {batch}",
    "quarantined": "dw quarantine list --batch {batch}",
    "score-low": "dw quality --table {table}",
    "failed": "dw status",
}


def about(report: RunReport, where: Alert) -> Iterator[Alert]:
    """An alert per failure, per file of which much was set aside, and per score below its threshold.

    `where` says what all of them share: environment, source, flow, run.
    """
    for line in report.failures:
        failure = line if isinstance(line, Failure) else Failure(line)
        yield _alert(where, "critical", failure)
    for entry in report.entries:
        share = entry.quarantined_rows / entry.delivered_rows if entry.delivered_rows else 0.0
        if share > QUARANTINE_SHARE:
            rules = _broken(report, entry.batch_id)
            aside = f"{entry.quarantined_rows:,} of {counted(entry.delivered_rows, 'row')} ({share:.1%})"
            text = (
                f"{entry.delivery_date}/{entry.file_name}: {aside} {'was' if entry.quarantined_rows == 1 else 'were'} "
                f"set aside{f', most by {rules}' if rules else ''}; the rest is loaded"
            )
            yield _alert(where, "warning", Failure(text, "quarantined", table=entry.table_name, batch=entry.batch_id))
    for found in scores(report.gates):
        if not found.passed:
            yield _low(found, where)


def low_scores(scored: pl.DataFrame, where: Alert) -> Iterator[Alert]:
    """An alert per recorded score (`tasks.quality.daily_scores`) that is below its threshold."""
    for row in scored.filter(~pl.col("is_passed")).iter_rows(named=True):
        counts = row["evaluated_count"], row["failed_count"], row["threshold"]
        yield _low(Score(TableId.parse(row["table_name"]), row["dimension"], *counts), where)


def tell_about(settings: Settings, report: RunReport, where: Alert, *, is_done: bool) -> list[Alert]:
    """Tell a run's troubles, and of earlier ones that they are over; returns what was told.

    `is_done`: the run came to its end, whatever its report says.
    """
    alerts = list(about(report, where))
    open_before = [each for each in told(settings) if each.is_open]
    new = tell(settings, alerts)
    ended = over(open_before, report, where.flow if is_done else None, {alert.key for alert in alerts})
    return [*new, *resolve(settings, ended)]


def over(known: Iterable[Told], report: RunReport, done: str | None, again: Iterable[str]) -> list[str]:
    """The keys of open alerts that a run has ended, and of which it has not told anew.

    The table was built, the batch loaded, or the flow (`done`) came to its end.
    """
    loaded = {entry.batch_id for entry in report.entries if entry.status == "loaded"}
    arrived = {(entry.table_name, str(entry.delivery_date)) for entry in report.entries if entry.status == "loaded"}
    still = set(again)
    ends = {
        "gate-blocked": lambda alert: alert.table in report.builds,
        "build-failed": lambda alert: alert.table in report.builds,
        "not-built": lambda alert: alert.table in report.builds,
        "file-rejected": lambda alert: alert.batch in loaded,
        "not-delivered": lambda alert: (alert.table, alert.batch) in arrived,
        **dict.fromkeys(_OF_FLOWS, lambda alert: alert.flow == done),
    }
    return [
        each.alert.key
        for each in known
        if each.alert.key not in still and each.alert.what in ends and ends[each.alert.what](each.alert)
    ]


def _alert(where: Alert, severity: str, failure: Failure) -> Alert:
    known = {"table": failure.table, "rule": failure.rule, "batch": failure.batch}
    step = _NEXT.get(failure.what, _NEXT["failed"])
    # A gate's message shows examples below its head; who needs them asks with the next step.
    text = failure.splitlines()[0] if failure else ""
    return replace(
        where,
        severity=severity,
        what=failure.what,
        text=text,
        next_step=_for(step.format(**known), where.source),
        **known,
    )


def _low(found: Score, where: Alert) -> Alert:
    text = (
        f"{found.table}: {found.dimension} {found.percent} is below {found.threshold:.1%} "
        f"({found.failed:,} of {counted(found.evaluated, 'value')})"
    )
    return _alert(where, "warning", Failure(text, "score-low", table=found.table, rule=found.dimension))


def _for(step: str, source: str) -> str:
    return step if source in ("", "shop") or step.startswith("dw explain") else f"{step} --source {source}"


def _broken(report: RunReport, batch_id: str) -> str:
    """The rules that set most rows of a batch aside."""
    results = [r for gate in report.gates if gate.batch_id == batch_id for r in gate.results]
    broken = sorted((r for r in results if r.rule.verdict == "quarantine" and r.failed), key=lambda r: -r.failed)
    return ", ".join(f"{r.rule.id} {r.failed:,}" for r in broken[:3])
