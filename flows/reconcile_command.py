"""`dw reconcile`: compare what should be with what is, and list every key that differs; it only reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from contracts.registry import Registry
from flows import names
from flows.commands.options import in_order
from flows.screen import console, print_json, working
from sql.reconcile import Check, read_checks
from tasks.reconcile import Compared, Window, compare
from tasks.sources import settings_for
from tasks.warehouse import open_warehouse


def reconcile(source: str, wanted: Sequence[str], first: date | None, last: date | None, *, as_json: bool) -> bool:
    """Compare the named checks (none: all) for the days of a window; prints it, returns whether anything differs."""
    in_order(first, last)
    settings = settings_for(source)
    registry = Registry.read(settings.repository)
    checks = chosen(read_checks(settings.repository, registry), wanted)
    window = Window(first or date.min, last or date.max) if first or last else None
    with open_warehouse(settings, read_only=True) as warehouse:
        found = []
        with working("Reconciling", len(checks)) as advance:
            for check in checks:
                found.append(compare(warehouse, check, registry, window))
                advance(check.name)
    if as_json:
        print_json([_body(each) for each in found])
    else:
        show_compared(found)
    return any(each.off.height for each in found)


def chosen(checks: Sequence[Check], wanted: Sequence[str]) -> list[Check]:
    """The checks of these names, all without names; raise BadParameter with those that come near for an unknown one."""
    known = [check.name for check in checks]
    if strangers := [name for name in wanted if name not in known]:
        raise names.unknown("check", strangers[0], known, "--check")
    return [check for check in checks if not wanted or check.name in wanted]


def show_compared(found: Sequence[Compared]) -> None:
    """A line per check, then every key that differs."""
    table = Table(box=SIMPLE)
    table.add_column("check", no_wrap=True)
    for name in ("from", "to", "days", "rows", "days that differ", "keys that differ"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in found:
        days, off = each.days["reconciliation_date"], each.off.height
        figures = [str(days.min() or ""), str(days.max() or ""), f"{days.n_unique():,}"]
        figures.append(f"{int(each.days['expected_rows'].sum()):,}")
        figures += [f"[red]{off:,}[/]" if off else "0", f"[red]{each.keys.height:,}[/]" if off else "0"]
        table.add_row(each.check.name, *figures)
    console.print(table)
    for each in (each for each in found if each.off.height):
        console.print(_keys(each))
    if not any(each.off.height for each in found):
        console.print("[green]Everything balances.[/]")


def _keys(each: Compared) -> Table:
    table = Table(box=SIMPLE, title=f"{each.check.name} ({each.check.file})", title_justify="left")
    for name in ("day", "currency"):
        table.add_column(name, no_wrap=True)
    table.add_column("key", overflow="fold")
    for name in ("expected", "found", "rows expected", "rows found"):
        table.add_column(name, justify="right", no_wrap=True)
    for day, currency, key, *figures in each.keys.iter_rows():
        table.add_row(str(day), currency, escape(str(key)), *(f"{figure:,}" for figure in figures))
    return table


def _body(each: Compared) -> dict[str, object]:
    return {
        "check": each.check.name,
        "file": each.check.file,
        "is_balanced": each.off.is_empty(),
        "day_count": each.days["reconciliation_date"].n_unique(),
        "days_that_differ": each.off.drop("is_balanced").to_dicts(),
        "keys_that_differ": each.keys.to_dicts(),
    }
