"""`dw new`: a table's three files, with what is known filled in and what is not marked."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from contracts.counted import counted
from contracts.ids import TableId
from contracts.registry import Registry
from flows import names
from flows.screen import console
from tasks import scaffold
from tasks.settings import Settings


def new(
    name: str | None,
    columns: Sequence[str],
    key: Sequence[str],
    reads: Sequence[str],
    *,
    title: str,
    purpose: str,
    grain: str,
) -> None:
    """Write the files of a new table and say what comes next; what was not given is asked for on a terminal."""
    root = Settings().repository
    registry = Registry.read(root)
    asks = sys.stdin.isatty() and sys.stdout.isatty()
    if name is None:
        name = _asked("Which table? (<layer>.<table>, for example mart.marketing_opt_in)", asks, "<layer>.<table>")
    if not reads and asks:
        reads = typer.prompt("Made of which tables? (names with blanks between)", default="core.dim_customer").split()
    if not columns:
        text = _asked("Which columns? (name, or name:type, with blanks between; the key first)", asks, "--column")
        columns = text.split()
    try:
        table = TableId.parse(name)
        sources = [names.table(registry, each, ("clean", "curated", "core", "mart"), "--reads").table for each in reads]
        if table in registry:
            raise ValueError(f"{table} is there already: {table.contract_file}")
        made = scaffold.draft(
            registry, table, columns=columns, key=key, reads=sources, title=title, purpose=purpose, grain=grain
        )
        written = scaffold.write(root, made)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    for path in written:
        console.print(f"written: {path.relative_to(root)}", soft_wrap=True)
    waits = list(scaffold.unfilled(root, [table]))
    console.print(f"[bold]Next[/]  write what {scaffold.MARK} marks ({counted(len(waits), 'place')}):")
    for place in waits:
        console.print(f"  {place}", markup=False, soft_wrap=True)
    console.print("Then `dw check --write` and `pytest tests/cases`; the next `dw run` fills the table.")


def _asked(question: str, asks: bool, what: str) -> str:
    if not asks:
        raise typer.BadParameter(f"{what} is missing")
    return str(typer.prompt(question))
