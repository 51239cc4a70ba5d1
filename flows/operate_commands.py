"""Commands of the person on call that work without Prefect: `dw rebuild`."""

from __future__ import annotations

import time
from datetime import date

from contracts.ids import TableId
from flows import show
from tasks.rebuild import rebuild as restate
from tasks.sources import settings_for
from tasks.workspace import close_all, workspace


def rebuild(name: str, since: date | None, source: str) -> bool:
    """Restate a table and what reads it; returns whether anything failed."""
    settings = settings_for(source)
    if not settings.warehouse_file.exists():
        raise ValueError(f"there is no warehouse at {settings.warehouse_file}; `dw run` makes one")
    started = time.perf_counter()
    try:
        space = workspace(settings)
        table = space.registry[TableId.parse(name)].table
        with show.progress(1, len(space.graph.tables)) as on_step:
            space.on_step = on_step
            report = restate(space, table, since)
        show.rebuilt(report, table, since, time.perf_counter() - started)
    finally:
        close_all()
    return bool(report.failures)
