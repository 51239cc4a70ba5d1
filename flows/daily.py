"""The daily flow: one delivery from the inbox to the marts. Order of work only; the work is in tasks."""

from __future__ import annotations

from datetime import date

from prefect import flow, task
from prefect.artifacts import create_table_artifact

from tasks import delivery as work
from tasks.docs import publish
from tasks.metrics import measured
from tasks.report import RunReport
from tasks.sources import settings_for
from tasks.workspace import Workspace, workspace


def _space(source: str) -> Workspace:
    return workspace(settings_for(source))


@task(task_run_name="find-{delivery}")
def find(source: str, delivery: date) -> list[str]:
    """The delivery's files, parents before children."""
    return work.find(_space(source), delivery)


@task(task_run_name="ingest-{delivery}-{file}")
def ingest(source: str, delivery: date, file: str) -> None:
    """Land, clean, gate and load one file."""
    work.ingest(_space(source), file)


@task(task_run_name="build-{delivery}")
def build(source: str, delivery: date) -> None:
    """Curated, core and mart tables, each staged, gated and published; an artifact names the runs of Glue."""
    space = _space(source)
    try:
        work.curate_and_build(space, delivery)
    finally:
        if runs := space.report.glue_runs:
            rows = [{"table": table, "job": space.settings.glue_job, "run": run} for run, table in runs.items()]
            create_table_artifact(rows, key="glue-runs", description=f"Runs of Glue for the delivery of {delivery}")


@task(task_run_name="finish-{delivery}")
def finish(source: str, delivery: date) -> None:
    """Reconcile, score, and build what reads the audit tables."""
    work.finish(_space(source), delivery)


@task(task_run_name="docs-{source}")
def publish_docs(source: str) -> str:
    """Render Data Docs; returns where they are."""
    return publish(_space(source))


@flow(name="daily", flow_run_name="daily-{source}-{delivery}")
def daily(delivery: date | None = None, source: str = "shop", docs: bool = True) -> RunReport:
    """Load the delivery of one day (default: the newest): every file, then every table that the files changed.

    With `docs` the Data Docs follow; `dw run` renders them once, after all deliveries.
    """
    space = _space(source)
    with measured(space, "daily"):
        delivery = delivery or work.newest(space)
        space.begin()
        for file in find(source, delivery):
            ingest(source, delivery, file)
        build(source, delivery)
        finish(source, delivery)
        if docs:
            publish_docs(source)
    return space.report
