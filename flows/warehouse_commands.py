"""`dw export` and `dw maintain`: rows for others, and what keeps an engine quick."""

from __future__ import annotations

import time

from contracts.counted import counted
from contracts.registry import Registry
from flows import names, show
from flows.screen import only_json, print_json, working
from tasks.export import export as write
from tasks.maintain import maintain as keep
from tasks.sources import settings_for
from tasks.warehouse import open_warehouse, require_warehouse
from tasks.workspace import Workspace


def export(name: str, target: str, source: str, *, with_personal_data: bool, overwrite: bool) -> None:
    """Write a table as Parquet, and say what was left out."""
    settings = settings_for(source)
    contract = names.table(Registry.read(settings.repository), name)
    with open_warehouse(settings, read_only=True) as warehouse, show.status(f"Exporting {contract.table}"):
        done = write(
            warehouse,
            contract,
            target,
            with_personal_data=with_personal_data,
            overwrite=overwrite,
            keep_out=settings.own_places,
        )
    show.console.print(
        f"{counted(done.rows, 'row')} of {contract.table}, {counted(len(done.columns), 'column')}: {target}"
    )
    if done.left_out:
        columns = ", ".join(done.left_out)
        show.console.print(f"Left out, as they hold personal data: {columns}. --with-personal-data takes them along.")


def maintain(source: str, *, as_json: bool) -> bool:
    """Vacuum and analyse every table; returns whether anything failed."""
    settings = settings_for(source)
    require_warehouse(settings)
    started = time.perf_counter()
    space = Workspace.open(settings)
    try:
        with only_json(as_json), working("Maintaining", len(space.registry)) as advance:
            space.on_step = lambda step, table: advance(table)
            done, failures = keep(space)
    finally:
        space.close()
    seconds = time.perf_counter() - started
    if as_json:
        print_json({"maintained": done, "failures": failures, "seconds": round(seconds, 3)})
        return bool(failures)
    show.console.print(f"{counted(len(done), 'table')} vacuumed and analysed in {seconds:.1f} s.")
    for failure in failures:
        show.console.print(f"[red]failed[/] {failure}")
    return bool(failures)
