"""The ingest flow: one file that has landed, and the tables that its rows change. The work is in tasks."""

from __future__ import annotations

from datetime import date

from prefect import flow, task

from flows.daily import build, load, publish_docs
from flows.running import HOUR, RETRIED, TOLD, opened
from tasks import arrival
from tasks.report import RunReport
from tasks.sources import settings_for
from tasks.workspace import workspace


@task(task_run_name="find-{key}", timeout_seconds=HOUR, **RETRIED)
def find(source: str, key: str, version: str) -> str | None:
    """The file's name, or None where there is nothing to load."""
    space = workspace(settings_for(source))
    with space.report.attempt():
        return arrival.find(space, key, version)


@task(task_run_name="finish-{delivery}", timeout_seconds=HOUR, **RETRIED)
def finish(source: str, delivery: date) -> None:
    """Reconcile, score, and build what reads the audit tables."""
    space = workspace(settings_for(source))
    with space.report.attempt():
        arrival.finish(space, delivery)


@flow(name="ingest", flow_run_name="ingest-{source}-{key}", timeout_seconds=4 * HOUR, **TOLD)
def ingest_file(key: str, version: str = "", source: str = "shop", docs: bool = False) -> RunReport:
    """Load one delivered file, `<YYYY-MM-DD>/<file>` below the source's inbox, and build what its rows change.

    A file that is loaded already changes nothing. Rows that refer to what has not come yet get inferred members.
    """
    day, _ = arrival.parse(key)
    with opened(source, "ingest") as space:
        if file := find(source, key, version):
            load(source, day, [file])
            build(source, day)
            finish(source, day)
            if docs:
                publish_docs(source)
    return space.report
