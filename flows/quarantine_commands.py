"""The steward's commands: `dw quarantine list`, `show`, `discard`, and `dw redrive`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from contracts.counted import counted
from contracts.ids import TableId
from contracts.registry import Registry
from flows import names, show
from flows.screen import console, only_json, print_json, working
from sql.graph import Graph
from tasks import quarantine
from tasks import redrive as redriving
from tasks.lake import open_lake
from tasks.metrics import measured
from tasks.quarantine import OpenBatch, Selection
from tasks.redrive import Outcome
from tasks.settings import Settings
from tasks.sources import settings_for
from tasks.warehouse import Warehouse, open_warehouse, require_warehouse
from tasks.workspace import Workspace

# Tables of long names are lists where the terminal is narrower.
_WIDE = 110


def list_open(source: str, table: str | None, rule: str | None, batch: str | None, *, as_json: bool) -> None:
    """Print what is open, a line per batch and rule."""
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
        print_json(rows)
    else:
        _print_open(found, rows)


def show_open(
    source: str, table: str | None, rule: str | None, batch: str | None, limit: int, *, as_json: bool
) -> None:
    """Print open rows with the rules that they break."""
    with _reading(source) as (registry, warehouse):
        selection = _selection(registry, warehouse, table, rule, batch)
        found = selection.batches(warehouse)
    lake, shown, fitting, body = open_lake(settings_for(source)), 0, 0, []
    for each in found:
        raw, clean = registry[each.table], quarantine.clean_of(registry, each.table)
        meaning = quarantine.descriptions(raw, clean)
        rows = quarantine.read(lake.file(each.file_path)).filter(selection.rows)
        samples = quarantine.samples(rows.head(limit - shown), raw, clean)
        for row in samples.iter_rows(named=True):
            if as_json:
                body.append(_row(each, row, meaning))
                continue
            where = f"{each.label}:{row['source_line']}"
            console.print(f"[bold]{where}[/]  {each.table}, attempt {row['attempt']}, batch {_short(each)}")
            console.print(f"  {row['payload']}", markup=False, soft_wrap=True)
            for rule_id, observed in zip(row["rule_ids"], row["observed"] or [""] * len(row["rule_ids"]), strict=True):
                told = meaning.get(rule_id) or _FORGOTTEN
                seen = f"  [{observed}]" if observed else ""
                console.print(f"    {rule_id}: {told}{seen}", markup=False, soft_wrap=True)
        shown, fitting = shown + samples.height, fitting + rows.height
    if as_json:
        print_json({"open": fitting, "rows": body})
        return
    more = f" (the first {shown:,} are shown; --limit for more)" if fitting > shown else ""
    console.print(f"{_rows(fitting)} open{more}")


_FORGOTTEN = "a rule that no contract has any more"


def _row(batch: OpenBatch, row: Mapping[str, Any], meaning: Mapping[str, str]) -> dict[str, Any]:
    """An open row for scripts; what it holds of people is masked already."""
    observed = row["observed"] or [None] * len(row["rule_ids"])
    return {
        "table": str(batch.table),
        "file": batch.label,
        "line": row["source_line"],
        "batch": batch.batch_id,
        "attempt": row["attempt"],
        "payload": row["payload"],
        "rules": [
            {"id": rule_id, "description": meaning.get(rule_id) or _FORGOTTEN, "observed": seen or None}
            for rule_id, seen in zip(row["rule_ids"], observed, strict=True)
        ],
    }


def discard(
    source: str, table: str | None, rule: str | None, batch: str | None, reason: str, *, is_asked: bool
) -> bool:
    """Give rows up; returns whether they were, or there were none."""
    with _writing(source) as space:
        selection = _selection(space.registry, space.warehouse, table, rule, batch)
        waiting = selection.batches(space.warehouse)
        if not waiting:
            console.print("Nothing fits that is open; nothing was discarded.")
            return True
        for each in waiting:
            rules = ", ".join(f"{id_} {count:,}" for id_, count in each.rules.items() if rule in (None, id_))
            console.print(f"{each.label} ({each.table}): {rules}", markup=False, soft_wrap=True)
        if is_asked and not typer.confirm("Discard these rows for good?"):
            console.print("Nothing was discarded.")
            return False
        outcomes = redriving.discard(space, selection, reason)
    done = sum(outcome.discarded for outcome in outcomes)
    console.print(f"{_rows(done)} discarded; audit.quarantine_action has the record, the lake keeps the rows.")
    return True


def redrive(source: str, table: str | None, rule: str | None, batch: str | None, *, as_json: bool) -> bool:
    """Put open rows through again; returns whether anything failed."""
    started = time.perf_counter()
    with only_json(as_json), _writing(source, "redrive") as space:
        selection = _selection(space.registry, space.warehouse, table, rule, batch)
        # Each batch is cleaned and loaded, and every table built once.
        total = 2 * len(selection.batches(space.warehouse)) + len(space.graph.tables)
        with working("Redriving", total) as advance:
            space.on_step = lambda step, what: advance(f"{step} {what}")
            outcomes = redriving.redrive(space, selection)
    if as_json:
        account = show.built_account(space.report, time.perf_counter() - started)
        print_json({"batches": [_outcome(each) for each in outcomes], **account})
    else:
        _print_redriven(outcomes, space)
    return bool(space.report.failures)


# What the commands share


@contextmanager
def _reading(source: str) -> Iterator[tuple[Registry, Warehouse]]:
    settings = settings_for(source)
    with open_warehouse(settings, read_only=True) as warehouse:
        yield Registry.read(settings.repository), warehouse


@contextmanager
def _writing(source: str, measured_as: str = "") -> Iterator[Workspace]:
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
    if table is not None:
        table = str(_delivered(registry, table))
    try:
        return quarantine.select(registry, warehouse, table, rule, batch)
    except quarantine.UnknownName as error:
        raise typer.BadParameter(str(error), param_hint=f"--{error.option}") from error


def _delivered(registry: Registry, name: str) -> TableId:
    """The delivered table that is meant; BadParameter names those that a computed one is made of."""
    table = names.table(registry, name, option="--table").table
    if table.layer in ("raw", "clean"):
        return names.table(registry, f"raw.{table.name}", ("raw",), "--table").table
    graph = Graph.read(Settings().repository, registry)
    reached, above = set[TableId](), {table}
    while above := {up for each in above if each in graph.tables for up in graph.upstream(each)} - reached:
        reached |= above
    raw = sorted(f"raw.{each.name}" for each in reached if each.layer == "clean")
    made_of = f"; it is made of {', '.join(raw)}" if raw else ""
    raise typer.BadParameter(
        f"{table} is computed, and only delivered rows are set aside{made_of}", param_hint="--table"
    )


def _short(batch: OpenBatch) -> str:
    """A batch's id as people type it: any beginning that no other batch has will do."""
    return batch.batch_id[:10]


def _rows(count: int) -> str:
    return counted(count, "row")


def _outcome(each: Outcome) -> dict[str, Any]:
    return {
        "batch": each.batch.batch_id,
        "table": str(each.batch.table),
        "file": each.batch.label,
        "attempt": each.attempt,
        "tried": each.tried,
        "loaded": each.loaded,
        "duplicate": each.duplicate,
        "left": each.left,
        "rules": {rule_id: {"before": before, "after": after} for rule_id, (before, after) in each.rules.items()},
        "error": each.error,
    }


def _print_open(found: Sequence[OpenBatch], rows: Sequence[dict[str, object]]) -> None:
    if not rows:
        console.print("Nothing is open.")
        return
    if console.width < _WIDE:
        for each in found:
            mine = [row for row in rows if row["batch"] == each.batch_id]
            days = counted(int(str(mine[0]["days"])), "day")
            console.print(f"[bold]{escape(each.label)}[/]  batch {_short(each)}, attempt {each.attempt}, {days} old")
            for row in mine:
                console.print(f"  {row['rows']:>6,}  {row['rule']}", markup=False)
        return
    grid = Table(box=SIMPLE)
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
        console.print(f"{each.label}  batch {_short(each)}  {each.file_path}", markup=False, soft_wrap=True)


def _print_redriven(outcomes: Sequence[Outcome], space: Workspace) -> None:
    report = space.report
    show.altered(report)
    for each in (o for o in outcomes if o.error is None):
        did = f"{each.loaded:,} loaded, {each.duplicate:,} duplicate, {each.left:,} left"
        console.print(f"[bold]{escape(each.batch.label)}[/]: {_rows(each.tried)} tried, {did} (attempt {each.attempt})")
        for rule_id, (before, after) in each.rules.items():
            console.print(f"  {rule_id}: {before:,} broke it, {after:,} do now", markup=False, soft_wrap=True)
    if not outcomes:
        console.print("Nothing fits that is open.")
    if report.builds:
        were = "was" if len(report.builds) == 1 else "were"
        console.print(f"{counted(len(report.builds), 'table')} {were} brought up to date.")
    for text in report.warnings:
        console.print(f"[yellow]warning[/]  {escape(text)}", soft_wrap=True)
    for text in report.failures:
        console.print(f"[red]failed[/]   {escape(text)}", soft_wrap=True)
