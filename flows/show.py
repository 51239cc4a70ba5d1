"""What runs print at their end: tables of what was delivered, loaded, built and scored."""

from __future__ import annotations

from collections import defaultdict
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

from rich.markup import escape
from rich.table import Table

from contracts.counted import counted
from contracts.ids import TableId
from expectations.rules import Rule
from expectations.scorecard import THRESHOLDS, Score, label, merge, score, scores
from flows.screen import OnStep, console, steps
from flows.screen import working as status
from tasks.load import Counts
from tasks.report import RunReport
from tasks.settings import Settings

__all__ = ["console", "status"]

_STAGES = ("start", "clean", "load", "curated", "core", "mart", "score", "docs")


def progress(deliveries: int, tables: int, builds: int | None = None) -> AbstractContextManager[OnStep]:
    """A bar over the steps of all deliveries; tables are built once per delivery, or `builds` times."""
    return steps(2 + deliveries * 21 + (builds or deliveries) * tables)


def generated(delivery: Any, to: object) -> None:
    """Rows per table of a generated delivery, and where it went."""
    rows: dict[str, int] = defaultdict(int)
    for (_, table), count in delivery.rows.items():
        rows[table] += count
    days = delivery.days
    span = f"{days[0]} … {days[-1]}" if len(days) > 1 else f"{days[0]}"
    listed = ", ".join(f"{table} {count:,}" for table, count in rows.items())
    console.print(f"Delivered to {to}, {counted(len(days), 'day')} ({span}): {listed}.")
    console.print(f"{counted(delivery.defects, 'planted defect')} in {delivery.root / 'defects.parquet'}.")


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
            f"[bold]Unchanged[/]   {counted(len(report.already_loaded), 'file')} loaded already; nothing was done twice"
        )
    altered(report)
    for text in [*report.warnings, *_warned(report)]:
        console.print(f"[yellow]warning[/]  {escape(text)}", soft_wrap=True)
    for text in report.failures:
        console.print(f"[red]failed[/]   {escape(text)}", soft_wrap=True)
    if report.alerts:
        where = settings.alert_topic or settings.alert_file
        console.print(f"[bold]Alerts[/]      {len(report.alerts)} told in {where}; `dw alerts list`", soft_wrap=True)


def account(report: RunReport, seconds: float) -> dict[str, Any]:
    """The account of a run for scripts: the same figures, by stable names."""
    columns, rows = _ledger_rows(report)
    return {
        "tables": [dict(zip(("table", *columns, "files"), (name, *row), strict=True)) for name, row in rows.items()],
        "already_loaded": list(report.already_loaded),
        "scores": [
            {
                "of": of,
                "dimension": found.dimension,
                "threshold": found.threshold,
                "score": found.score,
                "evaluated": found.evaluated,
                "failed": found.failed,
                "is_passed": found.passed,
            }
            for of, by_dimension in zip(("delivered", "warehouse"), _by_place(report), strict=True)
            for found in by_dimension.values()
        ],
        "glue_runs": report.glue_runs,
        **built_account(report, seconds),
    }


def built_account(report: RunReport, seconds: float) -> dict[str, Any]:
    """What a run built and told, and how long each stage took, for scripts."""
    builds = report.builds.items()
    return {
        "built": [
            {"table": name, "inserted": c.inserted, "updated": c.updated, "deleted": c.deleted} for name, c in builds
        ],
        "altered": list(report.altered),
        "warnings": [*map(str, report.warnings), *_warned(report)],
        "failures": [
            {
                "text": str(text),
                **{name: getattr(text, name, "") or None for name in ("what", "table", "rule", "batch")},
            }
            for text in report.failures
        ],
        "alerts": list(report.alerts),
        "stage_seconds": {name: round(taken, 3) for name, taken in report.seconds.items()},
        "seconds": round(seconds, 3),
        "is_failed": bool(report.failures),
    }


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


def _ledger_rows(report: RunReport) -> tuple[list[str], dict[str, list[int]]]:
    """What is counted, and per delivered table these counts and how many files there were."""
    columns = ["delivered", "loaded", "duplicate", "quarantined", "excluded"]
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * (len(columns) + 1))
    for entry in report.entries:
        counts = [*(getattr(entry, f"{what}_rows") for what in columns), 1]
        sums[entry.table_name] = [a + b for a, b in zip(sums[entry.table_name], counts, strict=True)]
    return columns, sums


def _ledger(report: RunReport) -> Table:
    table = Table(title="Rows, by the ledger", title_justify="left")
    table.add_column("table")
    columns, sums = _ledger_rows(report)
    if not any(row[columns.index("excluded")] for row in sums.values()):
        columns, sums = columns[:-1], {name: [*row[:-2], row[-1]] for name, row in sums.items()}
    for name in (*columns, "files"):
        table.add_column(name, justify="right")
    for name, row in sums.items():
        table.add_row(name.partition(".")[2], *(f"{n:,}" for n in row))
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
    by_place = _by_place(report)
    for dimension in sorted({*by_place[0], *by_place[1]}, key=lambda name: (name not in THRESHOLDS, name)):
        wanted = f"{THRESHOLDS[dimension]:.0%}" if dimension in THRESHOLDS else "reported"
        cells = [cell for found in by_place for cell in _score_cells(found.get(dimension))]
        table.add_row(label(dimension), wanted, *cells)
    return table


def _by_place(report: RunReport) -> tuple[dict[str, Score], dict[str, Score]]:
    """The scores by dimension: of what was delivered, and of what was built of it."""
    if not report.gates:
        return {}, {}
    delivered = [gate for gate in report.gates if gate.table.layer in ("raw", "clean")]
    built = [gate for gate in report.gates if gate.table.layer not in ("raw", "clean")]
    first, second = ({found.dimension: found for found in merge(scores(gates))} for gates in (delivered, built))
    first["uniqueness"] = _uniqueness(report, first.get("uniqueness"))
    return first, second


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
