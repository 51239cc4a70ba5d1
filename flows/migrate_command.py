"""`dw migrate`: what contracts ask of the tables that stand, and the statements that do it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from contracts.registry import Registry
from flows import show
from flows.screen import only_json, print_json
from sql.dialect import to_duckdb, to_redshift
from sql.migration import Engine
from tasks import migrate
from tasks.migrate import Plan
from tasks.settings import Settings
from tasks.sources import settings_for
from tasks.warehouse import open_warehouse, require_warehouse
from tasks.workspace import Workspace, close_all, workspace

REFUSED, WAITING = 1, 3


def migrate_tables(source: str, engine: Engine, *, apply: bool, as_json: bool) -> int:
    """Show what waits, or apply it; returns the exit code.

    0: the tables are as their contracts, or were made so. 1: something is refused. 3: changes wait.
    """
    settings = settings_for(source)
    render = to_duckdb if engine == "duckdb" else to_redshift

    def text(sql: str) -> str:
        return f"{render(sql, settings.environment)};"

    require_warehouse(settings)
    with only_json(as_json):
        found, altered = _applied(settings) if apply else (_plan(settings), [])
    if as_json:
        print_json(_body(found, altered, engine, text))
    else:
        _show(found, altered, list(_script(found, engine, text)), is_applied=apply)
    if found.refusals:
        return REFUSED
    return 0 if apply or found.is_empty else WAITING


def _plan(settings: Settings) -> Plan:
    with open_warehouse(settings, read_only=True) as warehouse:
        return migrate.plan(warehouse, Registry.read(settings.repository))


def _applied(settings: Settings) -> tuple[Plan, list[str]]:
    """The plan, carried out if nothing in it is refused, while no run is under way."""
    try:
        space: Workspace = workspace(settings)
        plan = migrate.plan(space.warehouse, space.registry)
        if plan.refusals:
            return plan, []
        now = datetime.now(UTC).replace(tzinfo=None)
        with show.status("Altering tables"):
            return plan, migrate.apply(space.warehouse, space.registry, plan, run_id=uuid.uuid4().hex, at=now)
    finally:
        close_all()


def _show(plan: Plan, altered: list[str], script: list[str], *, is_applied: bool) -> None:
    console = show.console
    for refusal in plan.refusals:
        console.print(f"[red]refused[/]  {escape(str(refusal))}", soft_wrap=True)
    if is_applied and not plan.refusals:
        made = [relation.name for relation in plan.missing if not relation.is_queue]
        for name in made:
            console.print(f"[green]done[/]     {name}: created", soft_wrap=True)
        for text in (*altered, *_of_views(plan)):
            console.print(f"[green]done[/]     {escape(text)}", soft_wrap=True)
        if not (made or altered or plan.views):
            console.print("Nothing to do: every table is as its contract has it.")
        return
    if plan.is_empty:
        console.print("Nothing to do: every table is as its contract has it.")
        return
    if plan.alterations or plan.missing or plan.views:
        console.print(_changes(plan))
    for statement in script:
        console.print(escape(statement), soft_wrap=True, highlight=False)
    if plan.refusals:
        console.print("Nothing is altered while something is refused.")
    else:
        console.print("`dw migrate --apply` does it now, the next `dw run` by itself.")


def _changes(plan: Plan) -> Table:
    table = Table(title="Changes that wait", title_justify="left")
    for name in ("table", "change", "note"):
        table.add_column(name, overflow="fold")
    for relation in plan.missing:
        if not relation.is_queue:
            table.add_row(relation.name, "created", "")
    for change in plan.changes:
        table.add_row(change.table, str(change).partition(": ")[2], escape(change.note))
    for text in _of_views(plan):
        name, _, change = text.partition(": ")
        table.add_row(name, change, "")
    return table


def _of_views(plan: Plan) -> Iterator[str]:
    """What happens to views for BI, a line each."""
    yield from (f"{view.name}: view of {view.table} made" for view in plan.views.make)
    yield from (f"{name}: view dropped" for name in plan.views.drop)


def _script(plan: Plan, engine: Engine, text: Callable[[str], str]) -> Iterator[str]:
    """Everything that waits, as the engine would get it."""
    for relation in plan.missing:
        yield text(relation.create())
    altered = {alteration.relation.name for alteration in plan.alterations}
    yield from (text(statement) for statement in plan.views.in_the_way(altered))
    for alteration in plan.alterations:
        steps = alteration.steps(engine)
        yield from (text(step.sql) for step in steps if step.alone)
        if together := [step for step in steps if not step.alone]:
            yield "BEGIN;"
            yield from (f"{text(step.sql)}{' -- must be 0' if step.check else ''}" for step in together)
            yield "COMMIT;"
    if plan.views:
        yield "BEGIN;"
        yield from map(text, plan.views.statements())
        yield "COMMIT;"


def _body(plan: Plan, altered: list[str], engine: Engine, text: Callable[[str], str]) -> dict[str, Any]:
    return {
        "missing": [relation.name for relation in plan.missing],
        "changes": [
            {
                "table": alteration.relation.name,
                "changes": [str(change).partition(": ")[2] for change in alteration.changes],
                "notes": [change.note for change in alteration.changes if change.note],
                "statements": [text(step.sql) for step in alteration.steps(engine)],
            }
            for alteration in plan.alterations
        ],
        "refusals": [
            {"table": r.table, "column": r.column, "reason": r.reason, "remedy": r.remedy} for r in plan.refusals
        ],
        "views": list(_of_views(plan)),
        "altered": altered,
    }
