"""`dw generate` and `dw run`: deliveries one after the other in this process, the account at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import typer

from contracts.counted import counted
from flows import prefect_server, show
from flows.prefect_defaults import let_go, set_defaults
from flows.screen import only_json, print_json, working
from flows.start_up import without_collections
from tasks.docs import publish
from tasks.inbox import open_inbox
from tasks.report import RunReport
from tasks.settings import Settings
from tasks.sources import DEFAULT, SOURCES, settings_for
from tasks.warehouse.base import WarehouseError
from tasks.workspace import close_all, workspace


def generate(size: str, days: int | None, seed: int, first_day: date, out: Path | None, *, overwrite: bool) -> None:
    """Write a made-up delivery into the inbox, or into a folder; `days`: as many, instead of those of the size."""
    from tasks.generate import Size, generate_delivery
    from tasks.generate.write import EXTENSIONS

    settings = Settings()
    root, inbox = out or settings.inbox, open_inbox(settings)
    chosen = Size.dev() if size == "dev" else Size.full()
    chosen = replace(chosen, days=days or chosen.days)
    with working("Generating", len(EXTENSIONS)) as advance:
        delivery = generate_delivery(
            root,
            size=chosen,
            seed=seed,
            first_day=first_day,
            overwrite=overwrite,
            on_progress=lambda table, rows: advance(f"{table}: {counted(rows, 'row')}"),
        )
        if out is None:
            inbox.take_over(root, overwrite=overwrite)
    show.generated(delivery, out or inbox)


def run(source: str, days: list[date] | None, files: list[Path], *, as_json: bool) -> bool:
    """Run the daily flow per delivery; returns whether anything failed."""
    settings = settings_for(source)
    if files and source == DEFAULT:
        raise typer.BadParameter(f"--path goes with a source that maps files: --source {' or '.join(SOURCES)}")
    try:
        with only_json(as_json):
            ended = _run(settings, source, days, files)
    finally:
        close_all()
    if as_json:
        print_json(ended.account())
    else:
        ended.show()
    return ended.is_failed


def _run(settings: Settings, source: str, days: list[date] | None, files: list[Path]) -> Ended:
    if files:
        workspace(settings).lock()
        with working(f"Mapping {', '.join(f.name for f in files)}"):
            mapped = SOURCES[source].deliver(settings, files)
        show.mapped(mapped)
    inbox = open_inbox(settings)
    found = inbox.days()
    chosen = found if days is None else days
    if not chosen:
        hint = "`dw generate` makes one" if source == DEFAULT else f"`dw run --source {source} --path FILE` maps one"
        raise ValueError(f"no delivery in {inbox}; {hint}")
    if unknown := [d.isoformat() for d in chosen if d not in found]:
        raise ValueError(f"no delivery of {', '.join(unknown)} in {inbox}; `dw status` lists those there are")
    return run_flow(source, chosen, partial(_each_day, source, chosen))


def _each_day(source: str, days: list[date], total: RunReport) -> None:
    from flows.daily import daily

    for day in days:
        try:
            total.merge(daily(day, source, docs=False))
        except (WarehouseError, OSError, ValueError, RuntimeError) as error:
            # What was published of the day stays; the next run takes up the rest.
            total.failures.append(f"{day}: stopped. {error}")
            let_go(error)


@dataclass(frozen=True)
class Ended:
    """How a run ended: its report, where the Data Docs are, how long it took."""

    report: RunReport
    settings: Settings
    days: tuple[date, ...]
    docs: str
    seconds: float

    @property
    def is_failed(self) -> bool:
        return bool(self.report.failures)

    def show(self) -> None:
        show.summary(self.report, self.settings, self.docs, self.seconds)

    def account(self) -> dict[str, Any]:
        """The same for scripts."""
        places = {"warehouse": self.settings.warehouse_name, "data_docs": self.docs}
        return {"days": list(self.days), **show.account(self.report, self.seconds), **places}


def run_flow(source: str, days: Sequence[date], flow: Callable[[RunReport], None], builds: int | None = None) -> Ended:
    """Run a flow over deliveries with progress; returns its account.

    `flow` adds to the report that it is given; `builds`: how often it builds the tables, if not once per delivery.
    """
    settings = settings_for(source)
    space = workspace(settings)
    total, started = RunReport(), time.perf_counter()
    with show.progress(len(days), len(space.graph.tables), builds) as on_step:
        on_step("start", "Prefect, Great Expectations and the warehouse")
        space.lock()
        set_defaults(settings.home)
        prefect_server.start(settings.build_cache)
        # Imported here: Prefect reads its settings when it is imported, and takes seconds.
        with total.stage("start"), without_collections():
            import prefect

            from flows.running import labels

            space.on_step = on_step
            space.loader.begin(space.run_id)
            total.altered += space.loader.take_altered()
            _ = space.gate  # imports Great Expectations while the server starts
            prefect_server.ready()
        with prefect.tags(*labels(settings)):
            flow(total)
        with total.stage("docs"):
            on_step("docs", "Data Docs")
            where = publish(space)
    return Ended(total, settings, tuple(days), where, time.perf_counter() - started)
