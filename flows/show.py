"""What the command line prints: progress while work is under way, tables at its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from expectations.scorecard import THRESHOLDS, merge, scores
from tasks.report import RunReport
from tasks.settings import Settings

console = Console(highlight=False)
_STAGES = ("start", "clean", "load", "curated", "core", "mart", "score", "docs")


def status(text: str) -> AbstractContextManager[Any]:
    """A spinner for work whose length is not known; a plain line where the output is no terminal."""
    if console.is_terminal:
        return console.status(f"{text} …")
    console.print(f"{text} …")
    return _nothing()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def progress(deliveries: int, tables: int) -> Iterator[Callable[[str, str], None]]:
    """A bar over the steps of all deliveries; gives the function that a step calls with its name and object."""
    if not console.is_terminal:
        seen: set[str] = set()

        def plain(step: str, what: str) -> None:
            day = what.partition("/")[0]
            line = f"{step} {day}" if step == "clean" else step
            if step in ("start", "clean", "score", "docs") and line not in seen:
                seen.add(line)
                console.print(f"{step:>8}  {day if step == 'clean' else what}")

        yield plain
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<60}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        work = bar.add_task("starting", total=2 + deliveries * (tables + 21))

        def advance(step: str, what: str) -> None:
            bar.update(work, advance=1, description=f"{step:>8}  {what}")

        yield advance
        bar.update(work, completed=bar.tasks[0].total)


def generated(delivery: Any) -> None:
    """Rows per table of a generated delivery."""
    rows: dict[str, int] = defaultdict(int)
    for (_, table), count in delivery.rows.items():
        rows[table] += count
    days = delivery.days
    span = f"{days[0]} … {days[-1]}" if len(days) > 1 else f"{days[0]}"
    listed = ", ".join(f"{table} {count:,}" for table, count in rows.items())
    console.print(f"Delivered to {delivery.root}, {len(days)} days ({span}): {listed}.")
    console.print(f"{delivery.defects:,} planted defects are listed in {delivery.root / 'defects.parquet'}.")


def mapped(account: Any) -> None:
    """What became of every row of a mapped source's files."""
    table = Table(title="Source lines by what they became", title_justify="left")
    table.add_column("file")
    table.add_column("became")
    table.add_column("lines", justify="right")
    table.add_column("signed amount", justify="right")
    for row in account.rows():
        table.add_row(row.file, row.became, f"{row.lines:,}", f"{row.amount:,.2f}")
    console.print(table)


def summary(report: RunReport, settings: Settings, docs: Path) -> None:
    """The account of a run: rows per table, tables built, scores, time per stage, places, warnings, failures."""
    if report.entries:
        console.print(_ledger(report))
    if report.builds:
        console.print(_builds(report))
    if report.gates:
        console.print(_scores(report))
    stages = ", ".join(f"{name} {report.seconds[name]:.1f} s" for name in _STAGES if name in report.seconds)
    console.print(f"[bold]Time[/]        {stages}; {sum(report.seconds.values()):.1f} s in all")
    console.print(f"[bold]Warehouse[/]   {settings.warehouse_file}", soft_wrap=True)
    console.print(f"[bold]Data Docs[/]   {docs}", soft_wrap=True)
    if report.already_loaded:
        console.print(
            f"[bold]Unchanged[/]   {len(report.already_loaded)} files are loaded already; nothing was done twice"
        )
    for text in report.warnings:
        console.print(f"[yellow]warning[/]  {text}", soft_wrap=True)
    for text in report.failures:
        console.print(f"[red]failed[/]   {text}", soft_wrap=True)


def _ledger(report: RunReport) -> Table:
    table = Table(title="Rows, by the ledger", title_justify="left")
    table.add_column("table")
    names = ("delivered", "loaded", "duplicate", "quarantined")
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("files", justify="right")
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
    for entry in report.entries:
        row = sums[entry.table_name.partition(".")[2]]
        counts = (entry.delivered_rows, entry.loaded_rows, entry.duplicate_rows, entry.quarantined_rows, 1)
        sums[entry.table_name.partition(".")[2]] = [a + b for a, b in zip(row, counts, strict=True)]
    for name, row in sums.items():
        table.add_row(name, *(f"{n:,}" for n in row))
    table.add_section()
    table.add_row("all", *(f"{sum(column):,}" for column in zip(*sums.values(), strict=True)), style="bold")
    return table


def _builds(report: RunReport) -> Table:
    table = Table(title="Tables built", title_justify="left")
    table.add_column("table")
    for name in ("inserted", "updated", "deleted"):
        table.add_column(name, justify="right")
    for name, counts in report.builds.items():
        table.add_row(name, f"{counts.inserted:,}", f"{counts.updated:,}", f"{counts.deleted:,}")
    return table


def _scores(report: RunReport) -> Table:
    table = Table(title="Quality: share of evaluated values that passed", title_justify="left")
    for name in ("dimension", "score", "threshold", "evaluated", "failed"):
        table.add_column(name, justify="left" if name == "dimension" else "right")
    for score in merge(scores(report.gates)):
        name = "validity (conformity)" if score.dimension == "conformity" else score.dimension
        style = "" if score.passed else "red"
        wanted = f"{score.threshold:.0%}" if score.dimension in THRESHOLDS and score.threshold else "reported"
        table.add_row(name, f"{score.score:.3%}", wanted, f"{score.evaluated:,}", f"{score.failed:,}", style=style)
    return table
