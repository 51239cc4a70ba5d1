"""The redrive flow: quarantined rows through every step again, after a fix. The work is in tasks."""

from __future__ import annotations

from prefect import flow

from flows.running import HOUR, TOLD, opened
from tasks import quarantine
from tasks import redrive as work
from tasks.docs import publish
from tasks.report import RunReport


@flow(name="redrive", flow_run_name="redrive-{source}", timeout_seconds=6 * HOUR, **TOLD)
def redrive(
    table: str | None = None, rule: str | None = None, batch: str | None = None, source: str = "shop"
) -> RunReport:
    """Put open rows (of one table, rule or batch; default: all) through again and update every table behind them.

    The Data Docs follow.
    """
    with opened(source, "redrive") as space:
        work.redrive(space, quarantine.select(space.registry, space.warehouse, table, rule, batch))
        publish(space)
    return space.report
