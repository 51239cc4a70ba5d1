"""The steward's commands: `dw quarantine list`, `show`, `discard`, and `dw redrive`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contracts.registry import Registry
    from tasks.quarantine import OpenBatch, Selection
    from tasks.redrive import Outcome
    from tasks.warehouse import Warehouse
    from tasks.workspace import Workspace

app = typer.Typer(
    help="See what was set aside and why, and give rows up that nobody will mend.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Table = Annotated[str | None, typer.Option(help="only this table, for example raw.orders")]
Rule = Annotated[
    str | None, typer.Option(help="only rows that break this rule, for example clean.orders.status.in_set")
]
BatchId = Annotated[str | None, typer.Option(help="only this batch: its id in `dw quarantine list`")]
Source = Annotated[str, typer.Option(help="whose warehouse: shop, or another source")]


@app.command("list", epilog="Example: dw quarantine list --table raw.orders")
def list_open(
    table: Table = None,
    rule: Rule = None,
    batch: BatchId = None,
    as_json: Annotated[bool, typer.Option("--json", help="print it as JSON")] = False,
    source: Source = "shop",
) -> None:
    """List what is open: rows per batch and rule, since when, after how many attempts, and in which file."""
    with _reading(source) as (registry, warehouse):
        found = _selection(registry, warehouse, table, rule, batch).batches(warehouse)
    rows = [
        {
            "table": str(each.table),
            "file": each.label,
            "rule": rule_id,
            "rows": count,
            "attempt": each.attempt,
            "since": each.since.isoformat(sep=" ", timespec="minutes"),
            "days": (datetime.now(UTC).replace(tzinfo=None) - each.since).days,
            "batch": each.batch_id,
            "lake_file": each.file_path,
        }
        for each in found
        for rule_id, count in each.rules.items()
        if rule in (None, rule_id)
    ]
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    else:
        _print_open(found, rows)


@app.command(epilog="Example: dw quarantine show --rule clean.orders.status.in_set --limit 5")
def show(
    table: Table = None,
    rule: Rule = None,
    batch: BatchId = None,
    limit: Annotated[int, typer.Option(min=1, help="show at most this many rows")] = 20,
    source: Source = "shop",
) -> None:
    """Show open rows: what was delivered, which rules it breaks, and where it stands. Personal data is masked."""
    from flows.show import console
    from tasks import quarantine
    from tasks.lake import open_lake
    from tasks.sources import settings_for

    with _reading(source) as (registry, warehouse):
        selection = _selection(registry, warehouse, table, rule, batch)
        found = selection.batches(warehouse)
    lake, shown, fitting = open_lake(settings_for(source)), 0, 0
    for each in found:
        raw, clean = registry[each.table], quarantine.clean_of(registry, each.table)
        meaning = quarantine.descriptions(raw, clean)
        rows = quarantine.read(lake.file(each.file_path)).filter(selection.rows)
        samples = quarantine.samples(rows.head(limit - shown), raw, clean)
        for row in samples.iter_rows(named=True):
            where = f"{each.label}:{row['source_line']}"
            console.print(f"[bold]{where}[/]  {each.table}, attempt {row['attempt']}, batch {each.batch_id}")
            console.print(f"  {row['payload']}", markup=False, soft_wrap=True)
            for rule_id, observed in zip(row["rule_ids"], row["observed"] or [""] * len(row["rule_ids"]), strict=True):
                told = meaning.get(rule_id) or "a rule that no contract has any more"
                seen = f"  [{observed}]" if observed else ""
                console.print(f"    {rule_id}: {told}{seen}", markup=False, soft_wrap=True)
        shown, fitting = shown + samples.height, fitting + rows.height
    more = f" (the first {shown:,} are shown; --limit for more)" if fitting > shown else ""
    console.print(f"{_rows(fitting)} open{more}")


@app.command(
    epilog='Example: dw quarantine discard --rule clean.orders.status.in_set --reason "test orders, ticket 42"'
)
def discard(
    reason: Annotated[str, typer.Option(help="why nobody will mend these rows; it is kept for good")],
    table: Table = None,
    rule: Rule = None,
    batch: BatchId = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    source: Source = "shop",
) -> None:
    """Give rows up for good: they are kept in the lake, the record says who and why, and no redrive tries them."""
    if not reason.strip():
        raise typer.BadParameter("say why, in a few words", param_hint="--reason")
    if (table, rule, batch) == (None, None, None):
        raise typer.BadParameter("say which rows: at least one of --table, --rule and --batch")
    from flows.show import console
    from tasks import redrive as work

    with _writing(source) as space:
        selection = _selection(space.registry, space.warehouse, table, rule, batch)
        waiting = selection.batches(space.warehouse)
        if not waiting:
            console.print("Nothing fits that is open; nothing was discarded.")
            return
        for each in waiting:
            rules = ", ".join(f"{id_} {count:,}" for id_, count in each.rules.items() if rule in (None, id_))
            console.print(f"{each.label} ({each.table}): {rules}", markup=False, soft_wrap=True)
        if not yes and not typer.confirm("Discard these rows for good?"):
            console.print("Nothing was discarded.")
            raise typer.Exit(1)
        outcomes = work.discard(space, selection, reason.strip())
    done = sum(outcome.discarded for outcome in outcomes)
    console.print(f"{_rows(done)} discarded; audit.quarantine_action has the record, the lake keeps the rows.")


def redrive(table: Table = None, rule: Rule = None, batch: BatchId = None, source: Source = "shop") -> None:
    """Put quarantined rows through again, after a fix of a contract, the code or the data. Safe to repeat.

    Rows that pass are loaded, once, and carried into every table; the others stay. Exit 1: a batch could not be tried.
    """
    from flows import show
    from tasks import redrive as work

    with _writing(source, "redrive") as space:
        selection = _selection(space.registry, space.warehouse, table, rule, batch)
        with show.status("Redriving"):
            outcomes = work.redrive(space, selection)
        _print_redriven(outcomes, space)
    if space.report.failures:
        raise typer.Exit(1)


# What the commands share


@contextmanager
def _reading(source: str) -> Iterator[tuple[Registry, Warehouse]]:
    from contracts.registry import Registry
    from tasks.sources import settings_for
    from tasks.warehouse import open_warehouse

    settings = settings_for(source)
    with open_warehouse(settings, read_only=True) as warehouse:
        yield Registry.read(settings.repository), warehouse


@contextmanager
def _writing(source: str, measured_as: str = "") -> Iterator[Workspace]:
    from tasks.metrics import measured
    from tasks.sources import settings_for
    from tasks.warehouse import require_warehouse
    from tasks.workspace import Workspace

    settings = settings_for(source)
    require_warehouse(settings)
    space = Workspace.open(settings)
    try:
        # Columns that the audit tables have gained are there before anything is asked of them.
        with measured(space, measured_as) if measured_as else nullcontext():
            space.begin()
            yield space
    finally:
        space.close()


def _selection(
    registry: Registry, warehouse: Warehouse, table: str | None, rule: str | None, batch: str | None
) -> Selection:
    from tasks import quarantine

    try:
        return quarantine.select(registry, warehouse, table, rule, batch)
    except quarantine.UnknownName as error:
        raise typer.BadParameter(str(error), param_hint=f"--{error.option}") from error


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count != 1 else ''}"


def _print_open(found: Sequence[OpenBatch], rows: Sequence[dict[str, object]]) -> None:
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table as Grid

    from flows.show import console

    if not rows:
        console.print("Nothing is open.")
        return
    grid = Grid(box=SIMPLE)
    for name in ("file", "rule", "rows", "attempt", "since", "days"):
        right = name in ("rows", "attempt", "days")
        grid.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in rows:
        grid.add_row(
            *(
                escape(f"{row[name]:,}" if name == "rows" else str(row[name]))
                for name in ("file", "rule", "rows", "attempt", "since", "days")
            )
        )
    console.print(grid)
    for each in found:
        console.print(f"{each.label}  batch {each.batch_id}  {each.file_path}", markup=False, soft_wrap=True)


def _print_redriven(outcomes: Sequence[Outcome], space: Workspace) -> None:
    from rich.markup import escape

    from flows.show import altered, console

    report = space.report
    altered(report)
    for each in (o for o in outcomes if o.error is None):
        did = f"{each.loaded:,} loaded, {each.duplicate:,} duplicate, {each.left:,} left"
        console.print(f"[bold]{escape(each.batch.label)}[/]: {_rows(each.tried)} tried, {did} (attempt {each.attempt})")
        for rule_id, (before, after) in each.rules.items():
            console.print(f"  {rule_id}: {before:,} broke it, {after:,} do now", markup=False, soft_wrap=True)
    if not outcomes:
        console.print("Nothing fits that is open.")
    if report.builds:
        console.print(f"{len(report.builds)} tables were brought up to date.")
    for text in report.warnings:
        console.print(f"[yellow]warning[/]  {escape(text)}", soft_wrap=True)
    for text in report.failures:
        console.print(f"[red]failed[/]   {escape(text)}", soft_wrap=True)
