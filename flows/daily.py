"""The daily flow: one delivery from the inbox to the marts. Order of work only; the work is in tasks."""

from __future__ import annotations

from datetime import date

from prefect import flow, task
from prefect.artifacts import create_table_artifact

from flows.running import HOUR, MINUTE, RETRIED, TOLD, opened
from tasks import delivery as work
from tasks.docs import publish
from tasks.report import RunReport
from tasks.sources import settings_for
from tasks.workspace import Workspace, workspace


def _space(source: str) -> Workspace:
    return workspace(settings_for(source))


@task(task_run_name="find-{delivery}", timeout_seconds=HOUR, **RETRIED)
def find(source: str, delivery: date) -> list[str]:
    """The delivery's files, parents before children."""
    space = _space(source)
    with space.report.attempt():
        return work.find(space, delivery)


# The largest file that was tried (3 GB) takes minutes; what takes hours hangs.
@task(task_run_name="ingest-{delivery}-{file}", timeout_seconds=2 * HOUR, **RETRIED)
def ingest(source: str, delivery: date, file: str) -> None:
    """Land, clean, gate and load one file."""
    space = _space(source)
    with space.report.attempt():
        work.ingest(space, file)


# A statement and a Glue run end by themselves after an hour each (DW_STATEMENT_TIMEOUT, DW_GLUE_TIMEOUT).
@task(task_run_name="build-{delivery}", timeout_seconds=4 * HOUR, **RETRIED)
def build(source: str, delivery: date) -> None:
    """Curated, core and mart tables, each staged, gated and published; an artifact names the runs of Glue."""
    space = _space(source)
    try:
        with space.report.attempt():
            work.curate_and_build(space, delivery)
    finally:
        if runs := space.report.glue_runs:
            rows = [{"table": table, "job": space.settings.glue_job, "run": run} for run, table in runs.items()]
            create_table_artifact(rows, key="glue-runs", description=f"Runs of Glue for the delivery of {delivery}")


@task(task_run_name="finish-{delivery}", timeout_seconds=HOUR, **RETRIED)
def finish(source: str, delivery: date) -> None:
    """Reconcile, score, and build what reads the audit tables."""
    space = _space(source)
    with space.report.attempt():
        work.finish(space, delivery)


@task(task_run_name="docs-{source}", timeout_seconds=30 * MINUTE, **RETRIED)
def publish_docs(source: str) -> str:
    """Render Data Docs; returns where they are."""
    return publish(_space(source))


@flow(name="daily", flow_run_name="daily-{source}-{delivery}", timeout_seconds=6 * HOUR, **TOLD)
def daily(delivery: date | None = None, source: str = "shop", docs: bool = True) -> RunReport:
    """Load the delivery of one day (default: the newest): every file, then every table that the files changed.

    With `docs` the Data Docs follow; `dw run` renders them once, after all deliveries.
    """
    with opened(source, "daily") as space:
        day = delivery or work.newest(space)
        for file in find(source, day):
            ingest(source, day, file)
        build(source, day)
        finish(source, day)
        if docs:
            publish_docs(source)
    return space.report
