"""Restate a computed table, whole or from a day on, and carry what changed by it into the tables that read it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from contracts.ids import TableId
from expectations.verdicts import GateBlocked, RuleNotRun
from tasks.delivery import build_table, curate_and_build, finish
from tasks.load import PublishRefused
from tasks.report import RunReport
from tasks.workspace import Workspace


def rebuild(
    space: Workspace, table: TableId, since: date | None = None, max_closed_share: float | None = None
) -> RunReport:
    """Compute a table's rows anew: all, or those of the keys that have rows from a day on; readers follow by the queue.

    Rows that come out as they were are not touched. Tables that look rows up here (facts in a dimension) do so again
    for their rows of the window; other readers hear of the rows that changed. `max_closed_share` stands in, this once,
    for what a history's contract allows. Raises ValueError for a table that no SQL computes, NoWindow for one without
    days; a table that may not be published is a failure of the report, and stays as it was.
    """
    if table not in space.graph.tables:
        raise ValueError(f"{table} is not computed but loaded; only curated, core and mart tables can be rebuilt")
    space.begin()
    today = datetime.now(UTC).date()
    if since is not None:
        space.loader.enqueue_since(table, since)
    try:
        build_table(space, table, today, full=since is None, max_closed_share=max_closed_share)
        space.loader.enqueue_readers_since(table, since)
    except (GateBlocked, RuleNotRun, PublishRefused) as error:
        space.report.blocked[str(table)] += 1
        space.report.failures.append(str(error))
        return space.report
    curate_and_build(space, today)
    finish(space, today)
    return space.report
