"""`dw bi`: what BI tools are given: views, a role, a semantic layer, and a file of their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from contracts.counted import counted
from contracts.registry import Registry
from flows.screen import console, print_json, working
from sql import access
from sql.semantic import semantic_model
from sql.views import View, view_meaning, views
from tasks import bi
from tasks.settings import Settings
from tasks.sources import settings_for
from tasks.warehouse import open_warehouse


def list_views(*, as_json: bool) -> None:
    """Every view, what it shows, and what is measured in it."""
    shown = views(Registry.read(Settings().repository))
    if as_json:
        print_json([_body(view) for view in shown])
        return
    table = Table(title="Views for BI", title_justify="left")
    for name in ("view", "of", "what a row is", "measures"):
        table.add_column(name, overflow="fold")
    for view in shown:
        named = ", ".join(m.name for m in view.contract.measures)
        table.add_row(view.name, str(view.table), escape(view.contract.grain), named)
    console.print(table)


def _body(view: View) -> dict[str, Any]:
    return {
        "view": view.name,
        "table": str(view.table),
        "name": view.contract.business_name,
        "description": view_meaning(view),
        "columns": [
            {"name": c.name, "business_name": c.business_name, "type": str(c.type), "description": c.description}
            for c in view.columns
        ],
        "measures": [m.model_dump(exclude_none=True, exclude_defaults=True) for m in view.contract.measures],
    }


def print_role(owner: str | None, user: str | None) -> None:
    """The statements that an administrator runs: the role, or one user who has it."""
    environment = Settings().environment
    if owner is None and user is None:
        raise ValueError("say whose views are read (--owner, once), or for whom (--user, a tool)")
    made = [*(access.reader_role(owner, environment) if owner else ())]
    made += access.reader(user, environment) if user else ()
    sys.stdout.write("".join(f"{statement};\n" for statement in made))


def print_semantic() -> None:
    """The semantic layer of the environment."""
    settings = Settings()
    sys.stdout.write(semantic_model(Registry.read(settings.repository), settings.environment))


def export(source: str, to: Path | None) -> None:
    """Write the views into a DuckDB file of their own, which no run ever locks."""
    settings = settings_for(source)
    shown = views(Registry.read(settings.repository))
    target = to or settings.home / "reports.duckdb"
    keep_out = (settings.warehouse_file, *settings.own_places)
    with open_warehouse(settings, read_only=True) as warehouse, working("Copying views"):
        rows = bi.export(warehouse, shown, target, keep_out=keep_out)
    console.print(f"{counted(len(rows), 'table')} with {counted(sum(rows.values()), 'row')}: {target}", soft_wrap=True)
