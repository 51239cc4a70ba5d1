"""The daily flow: one delivery from the inbox to the marts. Order of work only; the work is in tasks."""

from __future__ import annotations

from datetime import date

from prefect import flow, tags, task
from prefect.artifacts import create_table_artifact
from prefect.runtime import task_run

from flows.artifacts import progress
from flows.running import HOUR, MINUTE, RETRIED, TOLD, labels, opened
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


def batch_of(space: Workspace, file: str) -> tuple[str, str]:
    """The raw table of a file of the inbox, and its batch."""
    batch = next(batch for batch in space.inbox.batches if batch.path.name == file)
    return str(batch.contract.table), batch.batch_id


def _ingest_name() -> str:
    """The name of a task run: its day, table and batch."""
    given = task_run.get_parameters()
    table, batch = batch_of(_space(given["source"]), given["file"])
    return f"ingest-{given['delivery']}-{table}-{batch[:8]}"


def load(source: str, delivery: date, files: list[str]) -> None:
    """Ingest each file, in a task run that is found by its table."""
    space = _space(source)
    for file in files:
        with tags(*labels(space.settings, batch_of(space, file)[0])):
            ingest(source, delivery, file)


# The largest file that was tried (3 GB) takes minutes; what takes hours hangs.
@task(task_run_name=_ingest_name, timeout_seconds=2 * HOUR, **RETRIED)
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
        with space.report.attempt(), progress(space, f"Tables built of the delivery of {delivery}"):
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
        load(source, day, find(source, day))
        build(source, day)
        finish(source, day)
        if docs:
            publish_docs(source)
    return space.report
