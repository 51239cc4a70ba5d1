"""`dw import`: a first contract from data that have none."""

from __future__ import annotations

import re
from pathlib import Path

import typer
from rich.markup import escape

from contracts.ids import WAREHOUSE_LAYERS, TableId
from flows.show import console, status
from tasks.draft.drafting import Drafted, from_file, from_table, write
from tasks.draft.file import table_of
from tasks.settings import Settings
from tasks.sources import settings_for

_TABLE = re.compile(r"\w+\.\w+")
_SHOWN = 10


def import_data(source: str, to: str | None, warehouse: str) -> bool:
    """Draft, check, write, and say so; returns whether the data keep the draft.

    Raises typer.BadParameter for what is neither a file nor a table, ValueError where a contract lies already.
    """
    root, path = Settings().repository, Path(source)
    if not path.is_file() and not _TABLE.fullmatch(source):
        raise typer.BadParameter(f"{source} is no file, and no <schema>.<table>", param_hint="--from")
    table = _target(path, source, to)
    if (root / table.contract_file).exists():
        raise ValueError(f"{table.contract_file} is there already and was left as it is; --to names another")
    with status(f"Reading {source}"):
        drafted = from_file(path, table) if path.is_file() else _of_warehouse(source, table, warehouse)
    written = write(root, table, drafted.text)
    _show(drafted, source, written)
    return drafted.passes


def _target(path: Path, source: str, to: str | None) -> TableId:
    try:
        if to is not None:
            return TableId.parse(to)
        if path.is_file():
            return table_of(path)
        layer, _, name = source.partition(".")
        if layer in WAREHOUSE_LAYERS:
            return TableId(layer, name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--to") from error
    raise typer.BadParameter(f"{source} lies in no layer of ours: --to says which table it becomes", param_hint="--to")


def _of_warehouse(name: str, table: TableId, source: str) -> Drafted:
    from tasks.warehouse import open_warehouse

    if table.layer == "raw":
        raise typer.BadParameter("a raw table is a delivered file; name a layer of the warehouse", param_hint="--to")
    with open_warehouse(settings_for(source), read_only=True) as warehouse:
        return from_table(warehouse, name, table)


def _show(drafted: Drafted, source: str, written: Path) -> None:
    draft = drafted.draft
    rows = draft.columns[0].rows
    console.print(
        f"[bold]{draft.table}[/] from {escape(source)}: {rows:,} rows, {len(draft.columns)} columns", soft_wrap=True
    )
    console.print(f"written: {written}", soft_wrap=True)
    for text in draft.left_out:
        console.print(f"  [yellow]left out[/]  {escape(text)}", soft_wrap=True)
    personal = [column.name for column in draft.columns if column.personal]
    if personal:
        console.print(f"  [yellow]review[/]  taken for personal data: {escape(', '.join(personal))}", soft_wrap=True)
    marks = drafted.text.count("# review:") - len(personal)
    if marks:
        console.print(f"  [yellow]review[/]  {marks} more guess{'es' if marks > 1 else ''} in the file", soft_wrap=True)
    if drafted.verdict is not None and drafted.verdict.fault:
        console.print(f"  [red]{escape(drafted.verdict.fault)}[/]", soft_wrap=True)
    if drafted.passes:
        but = f"; not held against it: {drafted.unchecked}" if drafted.unchecked else ""
        told = f"the data keep all {drafted.checked} rules of the draft{but}"
        console.print(f"  [green]passes[/]  {told}", soft_wrap=True)
    for found in drafted.broken[:_SHOWN]:
        told = f"{found.failed:,} of {found.evaluated:,} break {found.rule.id}: {found.rule.description}"
        console.print(f"  [red]broken[/]  {escape(told)}", soft_wrap=True)
    if drafted.verdict is not None and drafted.verdict.malformed:
        count = len(drafted.verdict.malformed)
        console.print(f"  [red]broken[/]  {count:,} record{'' if count == 1 else 's'} cannot be read", soft_wrap=True)
    console.print("Next: read it, mend it, then `dw check --write`.")
