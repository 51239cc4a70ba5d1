"""The redrive flow: quarantined rows through every step again, after a fix. The work is in tasks."""

from __future__ import annotations

from prefect import flow

from tasks import quarantine
from tasks import redrive as work
from tasks.docs import publish
from tasks.metrics import measured
from tasks.report import RunReport
from tasks.sources import settings_for
from tasks.workspace import workspace


@flow(name="redrive", flow_run_name="redrive-{source}")
def redrive(
    table: str | None = None, rule: str | None = None, batch: str | None = None, source: str = "shop"
) -> RunReport:
    """Put open rows (of one table, rule or batch; default: all) through again and update every table behind them.

    The Data Docs follow.
    """
    space = workspace(settings_for(source))
    with measured(space, "redrive"):
        space.begin()
        work.redrive(space, quarantine.select(space.registry, space.warehouse, table, rule, batch))
        publish(space)
    return space.report
