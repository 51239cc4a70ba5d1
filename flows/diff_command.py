"""`dw diff`: what changed between two revisions, for a reviewer and for CI."""

from __future__ import annotations

import sys
from dataclasses import asdict
from difflib import unified_diff
from typing import Any, Literal

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from flows.screen import console, print_json
from sql.lineage import Reached
from tasks.diff.compare import compare
from tasks.diff.markdown import markdown
from tasks.diff.model import Change, Diff, Level, SqlChange, TableDiff
from tasks.diff.revision import merge_base, read_revisions
from tasks.settings import Settings

_COLOURS = {Level.BREAKING: "red", Level.ADDITIVE: "green", Level.NEUTRAL: "cyan", Level.NONE: "dim"}


Form = Literal["text", "markdown", "json"]
FailOn = Literal["major", "version", "breaking", "additive", "never"]


def diff(base: str, head: str | None, form: Form, fail_on: FailOn, *, from_merge_base: bool) -> bool:
    """Print what differs; returns whether it is what `fail_on` names. Raises RevisionError."""
    root = Settings().repository
    if from_merge_base:
        base = merge_base(root, base, head or "HEAD")
    found = compare(*read_revisions(root, base, head))
    if form == "markdown":
        sys.stdout.write(markdown(found))
    elif form == "json":
        print_json(as_json(found))
    else:
        _show(found)
    return is_failed(found, fail_on)


def is_failed(diff: Diff, fail_on: FailOn) -> bool:
    """Whether a difference is one that must not pass; what cannot be read in the newer revision never does."""
    if fail_on == "never":
        return False
    if any(fault.side == "head" for fault in diff.faults):
        return True
    if fail_on in ("major", "version"):
        return any(fail_on == "version" or table.level is Level.BREAKING for table in diff.unbumped)
    return diff.level >= (Level.BREAKING if fail_on == "breaking" else Level.ADDITIVE)


def as_json(diff: Diff) -> dict[str, Any]:
    """A difference as plain data: levels by name, tables by `<layer>.<table>`."""
    return {
        "base": diff.base,
        "head": diff.head,
        "level": str(diff.level),
        "tables": [_table_json(table) for table in diff.tables],
        "reached": [
            {"table": str(r.table), "columns": list(r.columns), "rows": r.is_of_rows, "through": [*map(str, r.through)]}
            for r in diff.reached
        ],
        "restated": [str(table) for table in diff.restated],
        "others": [asdict(other) for other in diff.others],
        "checks": list(diff.checks),
        "tests": list(diff.tests),
        "narrow": list(diff.narrow),
        "faults": [asdict(fault) for fault in diff.faults],
    }


def _table_json(table: TableDiff) -> dict[str, Any]:
    return {
        "table": str(table.table),
        "kind": table.kind,
        "level": str(table.level),
        "changes": [{**asdict(change), "level": str(change.level)} for change in table.changes],
        "sql": asdict(table.sql) if table.sql else None,
        "version": asdict(table.advice) if table.advice else None,
        "statements": list(table.statements),
        "restated": table.is_restated,
    }


def _show(diff: Diff) -> None:
    console.print(f"[bold]{escape(diff.base)}[/] → [bold]{escape(diff.head)}[/]", soft_wrap=True)
    for fault in diff.faults:
        console.print(f"[red]fault[/]  in {fault.side}: {escape(fault.text)}", soft_wrap=True)
    if diff.is_empty:
        console.print("No difference: contracts, SQL, checks and deployments say the same.")
        return
    for table in diff.tables:
        _show_table(table)
    for text in diff.narrow:
        console.print(f"[red]too narrow[/]  {escape(text)}", soft_wrap=True)
    if diff.reached:
        console.print(_reached(diff.reached))
    for other in diff.others:
        told = f": {escape(other.text)}" if other.text else ""
        console.print(f"[bold]{other.what}[/] {escape(other.name)} {other.kind}{told}", soft_wrap=True)
    for title, names in (("Test cases", diff.tests), ("Reconciliation", diff.checks)):
        if names:
            console.print(f"[bold]{title}[/]  {', '.join(names)}", soft_wrap=True)
    if diff.restated:
        names = ", ".join(map(str, diff.restated))
        console.print(f"[bold]Computed whole by the next run[/]  {names}", soft_wrap=True)
    console.print(f"[bold]All in all[/]  {_level(diff.level)}")


def _show_table(table: TableDiff) -> None:
    advice = table.advice
    version = ""
    if advice:
        version = f" {advice.old}" if advice.old == advice.new else f" {advice.old} → {advice.new}"
    console.print(f"[bold]{table.table}[/]{version}  {_level(table.level)}", soft_wrap=True)
    if advice and advice.fault:
        console.print(f"  [red]version[/]  {escape(advice.fault)}", soft_wrap=True)
    for change in table.changes:
        console.print(f"  {_change(change)}", soft_wrap=True)
    if table.sql:
        _show_sql(table.sql)
    if table.kind == "changed":
        for statement in table.statements:
            console.print(f"  [dim]{escape(statement)};[/]", soft_wrap=True)


def _change(change: Change) -> str:
    name = "" if change.subject == "table" else f"{change.subject} {change.name}: "
    verdict = f" [{'red' if change.verdict == 'refused' else 'dim'}]({change.verdict})[/]" if change.verdict else ""
    note = f" [dim]- {escape(change.note)}[/]" if change.note else ""
    return f"{_level(change.level):<20} {escape(name)}{escape(change.text)}{verdict}{note}"


def _show_sql(change: SqlChange) -> None:
    if not change.is_of_meaning:
        console.print("  SQL: comments or layout only")
        return
    told = ["other rows"] if change.is_of_rows else []
    told += [f"other values in {', '.join(change.columns)}"] if change.columns else []
    console.print(f"  SQL: {escape('; '.join(told))}", soft_wrap=True)
    for line in list(unified_diff(change.old.splitlines(), change.new.splitlines(), lineterm="", n=1))[2:]:
        colour = {"+": "green", "-": "red"}.get(line[:1], "dim")
        console.print(f"    [{colour}]{escape(line)}[/]", soft_wrap=True)


def _reached(reached: tuple[Reached, ...]) -> Table:
    table = Table(title="What reads it", title_justify="left", box=SIMPLE)
    for name in ("table", "columns made of it", "rows", "through"):
        table.add_column(name, overflow="fold")
    for one in reached:
        through = ", ".join(map(str, one.through[:4])) + (" …" if len(one.through) > 4 else "")
        table.add_row(str(one.table), ", ".join(one.columns), "may differ" if one.is_of_rows else "", through)
    return table


def _level(level: Level) -> str:
    return f"[{_COLOURS[level]}]{level}[/]"
