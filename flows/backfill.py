"""The backfill flow: the days of a range that are not loaded, built once at the end. The work is in tasks."""

from __future__ import annotations

from datetime import date

from prefect import flow

from flows.artifacts import progress
from flows.running import HOUR, TOLD, opened
from tasks import backfill as work
from tasks.docs import publish
from tasks.report import RunReport
from tasks.status import status


@flow(name="backfill", flow_run_name="backfill-{source}-{first}-{last}", timeout_seconds=24 * HOUR, **TOLD)
def backfill(
    first: date, last: date, source: str = "shop", table: str | None = None, parallel: int = 1, docs: bool = True
) -> RunReport:
    """Load the days of a range that are not loaded (of one raw table, if named), cleaning `parallel` files at once.

    With `docs` the Data Docs follow.
    """
    with opened(source, "backfill") as space:
        known = status(space.deliveries, space.warehouse, space.registry, space.graph, first, last)
        to_do = work.plan(space.deliveries, known, first, last, table)
        with progress(space, f"Tables built of {first} to {last}"):
            work.backfill(space, to_do, table, parallel)
        if docs:
            publish(space)
    return space.report
