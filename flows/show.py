"""What the command line prints: progress while work is under way, tables at its end."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from contracts.counted import counted
from contracts.ids import TableId
from expectations.rules import Rule
from expectations.scorecard import THRESHOLDS, Score, label, merge, score, scores
from tasks.load import Counts
from tasks.report import RunReport
from tasks.settings import Settings

# A file or a pipe has no width of its own; 80 columns would cut names off.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
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
def progress(deliveries: int, tables: int, builds: int | None = None) -> Iterator[Callable[[str, str], None]]:
    """A bar over the steps of all deliveries; gives the function that a step calls with its name and object.

    Tables are built once per delivery, or `builds` times.
    """
    if not console.is_terminal:
        yield _plain()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<60}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        work = bar.add_task("starting", total=2 + deliveries * 21 + (builds or deliveries) * tables)

        def advance(step: str, what: str) -> None:
            bar.update(work, advance=1, description=f"{step:>8}  {what}")

        yield advance
        bar.update(work, completed=bar.tasks[0].total)


def _plain() -> Callable[[str, str], None]:
    """A line per delivery and stage, for logs."""
    told: set[str] = set()
    day = ""

    def tell(step: str, what: str) -> None:
        nonlocal day
        if step in ("start", "docs"):
            console.print(f"{step}: {what}")
            return
        day = what.partition("/")[0] if step == "clean" else day
        line = "clean and load" if step in ("clean", "load") else step
        line = f"{day}: {line}" if day else line
        if line not in told:
            told.add(line)
            console.print(line)

    return tell


def generated(delivery: Any, to: object) -> None:
    """Rows per table of a generated delivery, and where it went."""
    rows: dict[str, int] = defaultdict(int)
    for (_, table), count in delivery.rows.items():
        rows[table] += count
    days = delivery.days
    span = f"{days[0]} … {days[-1]}" if len(days) > 1 else f"{days[0]}"
    listed = ", ".join(f"{table} {count:,}" for table, count in rows.items())
    console.print(f"Delivered to {to}, {counted(len(days), 'day')} ({span}): {listed}.")
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


def summary(report: RunReport, settings: Settings, docs: str, seconds: float) -> None:
    """The account of a run: rows per table, tables built, scores, time per stage, places, warnings, failures."""
    if report.entries:
        console.print(_ledger(report))
    if report.builds:
        console.print(_builds(report.builds))
    if report.gates:
        console.print(_scores(report))
    measured = [*(name for name in _STAGES if name in report.seconds)]
    stages = ", ".join(f"{name} {report.seconds[name]:.1f} s" for name in measured)
    rest = seconds - sum(report.seconds[name] for name in measured)
    console.print(f"[bold]Time[/]        {stages}, orchestration {rest:.1f} s; {seconds:.1f} s in all")
    console.print(f"[bold]Warehouse[/]   {settings.warehouse_name}", soft_wrap=True)
    console.print(f"[bold]Data Docs[/]   {docs}", soft_wrap=True)
    for run, table in report.glue_runs.items():
        console.print(f"[bold]Glue run[/]    {run} ({table})", soft_wrap=True)
    if report.already_loaded:
        console.print(
            f"[bold]Unchanged[/]   {counted(len(report.already_loaded), 'file is', 'files are')} loaded already; "
            "nothing was done twice"
        )
    altered(report)
    for text in [*report.warnings, *_warned(report)]:
        console.print(f"[yellow]warning[/]  {escape(text)}", soft_wrap=True)
    for text in report.failures:
        console.print(f"[red]failed[/]   {escape(text)}", soft_wrap=True)
    if report.alerts:
        where = settings.alert_topic or settings.alert_file
        console.print(f"[bold]Alerts[/]      {len(report.alerts)} told in {where}; `dw alerts list`", soft_wrap=True)


def altered(report: RunReport) -> None:
    """The columns of standing tables that followed their contracts."""
    for text in report.altered:
        console.print(f"[bold]Altered[/]     {escape(text)}", soft_wrap=True)


def rebuilt(report: RunReport, table: TableId, since: date | None, seconds: float) -> None:
    """What a restatement changed, in the table and in those that read it."""
    altered(report)
    changed = {name: c for name, c in report.builds.items() if c.inserted or c.updated or c.deleted}
    if str(table) not in changed and not report.failures:
        window = f" from {since} on" if since else ""
        console.print(f"{table} was computed anew{window}: every row came out as it stood.")
    if changed:
        console.print(_builds(changed))
    console.print(f"[bold]Time[/]        {seconds:.1f} s")
    for text in report.failures:
        console.print(f"[red]failed[/]   {escape(text)}", soft_wrap=True)


def _ledger(report: RunReport) -> Table:
    table = Table(title="Rows, by the ledger", title_justify="left")
    table.add_column("table")
    counted = ["delivered", "loaded", "duplicate", "quarantined"]
    if any(entry.excluded_rows for entry in report.entries):
        counted.append("excluded")
    for name in (*counted, "files"):
        table.add_column(name, justify="right")
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * (len(counted) + 1))
    for entry in report.entries:
        name = entry.table_name.partition(".")[2]
        counts = [*(getattr(entry, f"{what}_rows") for what in counted), 1]
        sums[name] = [a + b for a, b in zip(sums[name], counts, strict=True)]
    for name, row in sums.items():
        table.add_row(name, *(f"{n:,}" for n in row))
    table.add_section()
    table.add_row("all", *(f"{sum(column):,}" for column in zip(*sums.values(), strict=True)), style="bold")
    return table


def _builds(builds: dict[str, Counts]) -> Table:
    table = Table(title="Tables built", title_justify="left")
    table.add_column("table")
    for name in ("inserted", "updated", "deleted"):
        table.add_column(name, justify="right")
    for name, counts in builds.items():
        table.add_row(name, f"{counts.inserted:,}", f"{counts.updated:,}", f"{counts.deleted:,}")
    return table


def _scores(report: RunReport) -> Table:
    table = Table(title="Quality: share of evaluated values that passed", title_justify="left")
    for name in ("dimension", "threshold", "delivered data", "evaluated", "failed", "warehouse", "evaluated", "failed"):
        table.add_column(name, justify="left" if name == "dimension" else "right")
    delivered = [gate for gate in report.gates if gate.table.layer in ("raw", "clean")]
    built = [gate for gate in report.gates if gate.table.layer not in ("raw", "clean")]
    by_place = [{score.dimension: score for score in merge(scores(gates))} for gates in (delivered, built)]
    by_place[0]["uniqueness"] = _uniqueness(report, by_place[0].get("uniqueness"))
    for dimension in sorted({*by_place[0], *by_place[1]}, key=lambda name: (name not in THRESHOLDS, name)):
        wanted = f"{THRESHOLDS[dimension]:.0%}" if dimension in THRESHOLDS else "reported"
        cells = [cell for found in by_place for cell in _score_cells(found.get(dimension))]
        table.add_row(label(dimension), wanted, *cells)
    return table


def _uniqueness(report: RunReport, of_keys: Score | None) -> Score:
    """That of keys, and of what was delivered: rows that came twice are in the ledger, no gate sees them."""
    new, again = (sum(getattr(e, name) for e in report.entries) for name in ("loaded_rows", "duplicate_rows"))
    evaluated, failed = (of_keys.evaluated, of_keys.failed) if of_keys else (0, 0)
    return score(None, "uniqueness", evaluated + new + again, failed + again)


def _score_cells(score: Score | None) -> tuple[str, str, str]:
    if score is None:
        return ("", "", "")
    colour = "green" if score.passed else "red"
    return (f"[{colour}]{score.score:.3%}[/]", f"{score.evaluated:,}", f"{score.failed:,}")


def _warned(report: RunReport) -> list[str]:
    """Rules that are only told: how many rows broke them over the run's deliveries, or what was found."""
    rules: dict[str, Rule] = {}
    failed: dict[str, int] = defaultdict(int)
    observed: dict[str, list[str]] = defaultdict(list)
    for gate in report.gates:
        for result in gate.warnings:
            rules[result.rule.id] = result.rule
            failed[result.rule.id] += result.failed
            observed[result.rule.id].append(str(result.observed))
    out = []
    for rule_id, rule in sorted(rules.items()):
        count = failed[rule_id]
        broken = counted(count, "row breaks", "rows break")
        found = broken if rule.of_row else f"{', '.join(observed[rule_id])} found against"
        out.append(f'{rule_id}: {found} "{rule.description}"')
    return [*out, *_below_threshold(report)]


def _below_threshold(report: RunReport) -> list[str]:
    """Tables whose score over the run's deliveries does not reach their threshold."""
    return [
        f"{found.table}: {found.dimension} {found.percent} is below {found.threshold:.1%} "
        f"({found.failed:,} of {counted(found.evaluated, 'value')}; audit.quality_score has every delivery)"
        for found in scores(report.gates)
        if not found.passed and found.threshold is not None
    ]
