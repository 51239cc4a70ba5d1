"""`dw lineage` and `dw impact`: where a table or column comes from, where it goes, and what a change of it hits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from contracts.ids import ColumnId
from contracts.registry import Registry
from expectations.rules import rules_of
from flows.screen import console, print_json
from sql.graph import Graph
from sql.lineage import Lineage
from tasks.lineage import Hit, Place, Step, find, impact, read_lineage, walk
from tasks.settings import Settings

_TOLD = {
    "rows": "[yellow]rows[/]",
    "named": "[dim]named only[/]",
}


def lineage(name: str, depth: int | None, *, up: bool, down: bool, as_json: bool) -> None:
    """Print the way up and down from a table or column; BadParameter where there is none of that name."""
    _, found = _open()
    start = _named(found, name)
    ways = [
        (way, walk(found, start, down=way == "down", depth=depth)) for way, on in (("up", up), ("down", down)) if on
    ]
    if as_json:
        print_json({"name": str(start)} | {way: [_step_json(step) for step in steps] for way, steps in ways})
        return
    for way, steps in ways:
        console.print(_tree(start, steps, "is made from" if way == "up" else "goes into"))
    if any(step.kind == "rows" for _, steps in ways for step in steps):
        console.print("[dim]rows: it decides which rows there are (filter, join, group), and gives no value[/]")


def _tree(start: Place, steps: Iterable[Step], word: str) -> Tree:
    """Each table or column is followed where it comes first; where it comes again, that is said."""
    below: dict[Place, list[Step]] = defaultdict(list)
    for step in steps:
        below[step.at].append(step)
    is_table = not isinstance(start, ColumnId)
    verb = ("reads" if word == "is made from" else "is read by") if is_table else word
    tree = Tree(f"[bold]{escape(str(start))}[/] {verb if below else f'{verb} nothing'}")
    branches: dict[Place, Tree] = {start: tree}
    ahead = [start]
    while ahead:
        at = ahead.pop(0)
        for step in below[at]:
            again = step.to in branches and bool(below[step.to])
            label = f"{escape(str(step.to))}{' [dim]see above[/]' if again else ''}"
            if told := _TOLD.get(step.kind):
                branches[at].add(f"{told} {label}")
            elif step.to in branches:
                branches[at].add(label)
            else:
                branches[step.to] = branches[at].add(label)
                ahead.append(step.to)
    return tree


def impact_of(name: str, *, as_json: bool) -> None:
    """Print what breaks or changes with a table or column; BadParameter where there is none of that name."""
    registry, found = _open()
    rules = {contract.table: rules_of(contract) for contract in registry.values()}
    place = _named(found, name)
    own, *hits = impact(found, registry, rules, place)
    if as_json:
        print_json({"name": str(place), "rules": list(own.rules), "hits": [_hit_json(hit) for hit in hits]})
        return
    breaking = sum(hit.breaks for hit in hits)
    console.print(
        f"[bold]{escape(str(place))}[/]: {len(hits)} read it, near or far; {breaking} would fail without it",
        soft_wrap=True,
    )
    if own.rules:
        console.print(f"Its own rules: {', '.join(own.rules)}", soft_wrap=True)
    if hits:
        console.print(_hits(hits))


def _hits(hits: Iterable[Hit]) -> Table:
    table = Table(box=SIMPLE)
    table.add_column("layer", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("fails without", no_wrap=True)
    table.add_column("made of it", overflow="fold")
    table.add_column("rows", no_wrap=True)
    table.add_column("rules", justify="right")
    last = ""
    for hit in hits:
        table.add_row(
            hit.node.layer if hit.node.layer != last else "",
            escape(hit.node.name),
            "[red]yes[/]" if hit.breaks else "",
            escape(", ".join(hit.columns)),
            "may differ" if hit.is_of_rows else "",
            str(len(hit.rules)) if hit.rules else "",
        )
        last = hit.node.layer
    return table


def _open() -> tuple[Registry, Lineage]:
    root = Settings().repository
    registry = Registry.read(root)
    return registry, read_lineage(root, registry, Graph.read(root, registry))


def _step_json(step: Step) -> dict[str, Any]:
    return {"from": str(step.at), "to": str(step.to), "kind": step.kind, "depth": step.depth}


def _hit_json(hit: Hit) -> dict[str, Any]:
    return {
        "name": str(hit.node),
        "layer": hit.node.layer,
        "fails": hit.breaks,
        "columns": list(hit.columns),
        "rows": hit.is_of_rows,
        "rules": list(hit.rules),
        "file": hit.file,
    }


def _named(found: Lineage, name: str) -> Place:
    """The place of a name; BadParameter names those that come near."""
    try:
        return find(found, name)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
