"""`dw contract export` and `import`: contracts as plain ODCS."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.markup import escape

from contracts.ids import LAYERS, TableId
from contracts.registry import Registry
from contracts.source import read_document
from contracts.writer import yaml_text
from flows.show import console
from tasks.draft.drafting import write
from tasks.odcs.exporting import exported
from tasks.odcs.importing import imported
from tasks.odcs.notes import Imported
from tasks.settings import Settings

_SUFFIXES = {".yaml", ".yml", ".json"}


def export(names: Sequence[str], to: Path | None, form: str) -> None:
    """Print contracts as ODCS, or write them: one to a file, several to a folder, where none lies yet."""
    root = Settings().repository
    registry = Registry.read(root)
    texts: dict[TableId, str] = {}
    for name in names:
        contract = registry[TableId.parse(name)]
        data = exported(read_document(root / contract.file, name=contract.file), contract)
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n" if form == "json" else yaml_text(data)
        texts[contract.table] = text
    if to is None:
        if len(texts) > 1:
            raise typer.BadParameter("several contracts go to a folder", param_hint="--to")
        sys.stdout.writelines(texts.values())
        return
    is_file = to.suffix in _SUFFIXES
    if is_file and len(texts) > 1:
        raise typer.BadParameter(f"{to} is one file, and here are {len(texts)} contracts", param_hint="--to")
    for table, text in texts.items():
        path = to if is_file else to / f"{table}.odcs.{form}"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as handle:
                handle.write(text)
        except FileExistsError as error:
            raise ValueError(f"{path} is there already and was left as it is") from error
        console.print(f"written: {path}", soft_wrap=True)


def import_(file: Path, to: str | None) -> None:
    """Write the contracts of an ODCS document, and say what was changed and set aside; nothing is written over."""
    root = Settings().repository
    layer, _, name = (to or "").partition(".")
    if layer and layer not in LAYERS:
        raise typer.BadParameter(f"unknown layer {layer!r}: one of {', '.join(LAYERS)}", param_hint="--to")
    made, left_out = imported(read_document(file), layer or None, name or None)
    if there := [str(one.table.contract_file) for one in made if (root / one.table.contract_file).exists()]:
        raise ValueError(f"{', '.join(there)} is there already: nothing was written; --to names another place")
    for one in made:
        _show(one, write(root, one.table, one.text))
    for text in left_out:
        console.print(f"[yellow]left out[/]  {escape(text)}", soft_wrap=True)
    console.print("Next: read it, mend it, then `dw check --write`.")


def _show(one: Imported, path: Path) -> None:
    columns, rules = len(one.contract.columns), len(one.contract.quality)
    console.print(f"[bold]{one.table}[/]  {columns} columns, {rules} written rules", soft_wrap=True)
    console.print(f"written: {path}", soft_wrap=True)
    for text in one.changed:
        console.print(f"  changed  {escape(text)}", soft_wrap=True)
    for text in one.aside:
        console.print(f"  [yellow]set aside[/]  {escape(text)}", soft_wrap=True)
