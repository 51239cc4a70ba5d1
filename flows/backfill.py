"""The backfill flow: the days of a range that are not loaded, built once at the end. The work is in tasks."""

from __future__ import annotations

from datetime import date

from prefect import flow

from tasks import backfill as work
from tasks.docs import publish
from tasks.metrics import measured
from tasks.report import RunReport
from tasks.sources import settings_for
from tasks.status import status
from tasks.workspace import workspace


@flow(name="backfill", flow_run_name="backfill-{source}-{first}-{last}")
def backfill(
    first: date, last: date, source: str = "shop", table: str | None = None, parallel: int = 1, docs: bool = True
) -> RunReport:
    """Load the days of a range that are not loaded (of one raw table, if named), cleaning `parallel` files at once.

    With `docs` the Data Docs follow.
    """
    space = workspace(settings_for(source))
    with measured(space, "backfill"):
        space.begin()
        known = status(space.deliveries, space.warehouse, space.registry, space.graph, first, last)
        to_do = work.plan(space.deliveries, known, first, last, table)
        report = work.backfill(space, to_do, table, parallel)
        if docs:
            publish(space)
    return report
