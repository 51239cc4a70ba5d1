"""Commands of the person on call: `dw status`, `dw backfill`, `dw rebuild`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime

import polars as pl
from rich.markup import escape
from rich.table import Table

from contracts.counted import counted
from contracts.registry import Registry
from flows import names, show
from flows.commands.options import in_order
from flows.run_command import run_flow
from flows.screen import only_json, print_json
from sql.graph import Graph
from tasks import backfill as work
from tasks.inbox import open_inbox
from tasks.metrics import measured
from tasks.rebuild import rebuild as restate
from tasks.report import RunReport
from tasks.settings import Settings
from tasks.sources import settings_for
from tasks.status import Status
from tasks.status import status as state_of
from tasks.warehouse import has_warehouse, open_warehouse, require_warehouse
from tasks.workspace import close_all, workspace


def status(source: str, first: date | None, last: date | None, *, as_json: bool) -> None:
    """Print which deliveries are loaded, where the gaps are, and what waits."""
    in_order(first, last)
    found = _status(settings_for(source), first, last)
    if as_json:
        body = {
            "files": found.files.to_dicts(),
            "days": found.days,
            "gaps": found.gaps,
            "tables": [asdict(table) for table in found.by_table()],
            "unscored": found.unscored,
            "waiting_tables": found.waiting_tables,
        }
        print_json(body)
    else:
        show_status(found, source)


def backfill(
    source: str, first: date, last: date, name: str | None, parallel: int, *, dry_run: bool, as_json: bool
) -> bool:
    """Load what lies in the inbox for a range of days and is not loaded; returns whether anything failed."""
    in_order(first, last)
    settings = settings_for(source)
    registry = Registry.read(settings.repository)
    table = _delivered(registry, name) if name else None
    known = _status(settings, first, last) if has_warehouse(settings) else None
    to_do = work.plan(open_inbox(settings), known, first, last, table)
    if not as_json:
        _show_plan(to_do, first, last, table, dry_run=dry_run)
    ended = None
    if not (to_do.is_done or dry_run):

        def flow(total: RunReport) -> None:
            from flows.backfill import backfill as backfill_flow

            total.merge(backfill_flow(first, last, source, table, parallel, docs=False))

        try:
            with only_json(as_json):
                ended = run_flow(source, to_do.days, flow, builds=1)
        finally:
            close_all()
    if as_json:
        plan = {"gaps": to_do.gaps, "to_load": to_do.days, "to_build": sorted(to_do.waiting_tables)}
        print_json({**plan, "run": ended and ended.account()})
    elif ended:
        ended.show()
    return ended is not None and ended.is_failed


def _show_plan(to_do: work.Plan, first: date, last: date, table: str | None, *, dry_run: bool) -> None:
    if to_do.gaps:
        show.console.print(f"No delivery at all: {days_text(to_do.gaps)}.")
    if to_do.is_done:
        show.console.print(f"Nothing to load from {first} to {last}: what was delivered is in the warehouse.")
        return
    if to_do.days:
        show.console.print(f"To load: {days_text(to_do.days)}{f', {table} only' if table else ''}.")
    if to_do.waiting_tables:
        waiting = counted(len(to_do.waiting_tables), "table")
        show.console.print(f"To build: {waiting} that an earlier run left waiting.")
    if dry_run:
        show.console.print("Nothing was done (--dry-run).")


def _delivered(registry: Registry, name: str) -> str:
    """The delivered table that is meant by its own name, or by that of its clean one."""
    return f"raw.{names.table(registry, name, ('raw', 'clean'), '--table').table.name}"


def _status(settings: Settings, first: date | None, last: date | None) -> Status:
    registry = Registry.read(settings.repository)
    graph = Graph.read(settings.repository, registry)
    with open_warehouse(settings, read_only=True) as warehouse:
        return state_of(open_inbox(settings), warehouse, registry, graph, first, last)


def show_status(found: Status, source: str) -> None:
    """A line per day that is not simply loaded, a summary of the others, gaps, and tables that wait."""
    console = show.console
    if not found.days:
        console.print("Nothing was delivered yet; `dw generate` makes a delivery, `dw run` loads it.")
        return
    loaded = found.files.filter(pl.col("state") == "loaded")
    rows, aside = int(loaded["delivered_rows"].sum()), int(loaded["quarantined_rows"].sum())
    console.print(
        f"[bold]{source}[/]: {counted(len(found.days), 'day')} from {found.days[0]} to {found.days[-1]}; "
        f"{counted(loaded.height, 'file')} loaded, {counted(rows, 'row')}, {aside:,} of them in quarantine."
    )
    if known := found.days_in("loaded"):
        behind = (datetime.now(UTC).date() - known[-1]).days
        console.print(f"Newest delivery loaded: {known[-1]} ({counted(behind, 'day')} ago).")
    if found.gaps:
        console.print(f"[yellow]No delivery at all:[/] {days_text(found.gaps)}.")
    console.print(_tables(found))
    if found.unscored:
        console.print(f"[yellow]Loaded, not scored yet:[/] {days_text(found.unscored)}; `dw backfill` does it.")
    open_files = found.files.filter(pl.col("state") != "loaded")
    if open_files.height:
        table = Table(title="Not loaded", title_justify="left")
        for name in ("day", "table", "file", "state"):
            table.add_column(name, no_wrap=True)
        table.add_column("why", overflow="fold")
        for row in open_files.iter_rows(named=True):
            why = row["error"] or _WHY.get(row["state"], "")
            table.add_row(str(row["delivery_date"]), row["table_name"], row["file_name"], row["state"], escape(why))
        console.print(table)
        console.print(f"`dw backfill --from {found.days[0]} --to {found.days[-1]}` loads what can be loaded.")
    for name, keys in found.waiting_tables.items():
        console.print(
            f"[yellow]waits[/] {name}: changes of {counted(keys, 'key')} are not carried into it yet; `dw run` does it"
        )
    if not (open_files.height or found.gaps or found.waiting_tables or found.unscored):
        console.print("[green]No gap, nothing waits.[/]")


def _tables(found: Status) -> Table:
    table = Table(title="Days per table", title_justify="left")
    for name in ("table", "done", "not done", "no file"):
        table.add_column(name, no_wrap=name == "table", overflow="fold")
    for days in found.by_table():
        behind = f"[red]{days_text(days.open)}[/]" if days.open else ""
        table.add_row(days.table, days_text(days.done), behind, days_text(days.absent))
    return table


def days_text(days: Sequence[date]) -> str:
    """Days as ranges: 2026-01-05 … 2026-01-07, 2026-01-10."""
    ranges: list[list[date]] = []
    for day in days:
        if ranges and (day - ranges[-1][-1]).days == 1:
            ranges[-1].append(day)
        else:
            ranges.append([day])
    return ", ".join(f"{r[0]} … {r[-1]}" if len(r) > 1 else f"{r[0]}" for r in ranges)


_WHY = {
    "waiting": "lies in the inbox, is not loaded yet",
    "missing": "the contract requires it",
}


def rebuild(name: str, since: date | None, source: str, max_closed_share: float | None, *, as_json: bool) -> bool:
    """Restate a table and what reads it; returns whether anything failed."""
    settings = settings_for(source)
    require_warehouse(settings)
    started = time.perf_counter()
    try:
        space = workspace(settings)
        table = names.table(space.registry, name, ("curated", "core", "mart")).table
        with only_json(as_json), show.progress(1, len(space.graph.tables)) as on_step:
            space.on_step = on_step
            with measured(space, "rebuild"):
                report = restate(space, table, since, max_closed_share)
    finally:
        close_all()
    seconds = time.perf_counter() - started
    if as_json:
        print_json({"table": str(table), **show.built_account(report, seconds)})
    else:
        show.rebuilt(report, table, since, seconds)
    return bool(report.failures)
