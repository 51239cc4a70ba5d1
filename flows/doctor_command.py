"""`dw doctor`: what this machine lacks, and how to get it."""

from __future__ import annotations

from dataclasses import asdict

from rich.markup import escape
from rich.table import Table

from contracts.counted import counted
from flows.failures import unknown_settings
from flows.screen import console, only_json, print_json, working
from tasks.doctor import Finding, examine, is_ready
from tasks.settings import Settings


def doctor(*, as_json: bool) -> bool:
    """Print what was looked at; returns whether all that is needed is there."""
    with only_json(as_json), working("Looking"):
        found = [*examine(Settings()), *_misspelt()]
    ready = is_ready(found)
    if as_json:
        print_json({"is_ready": ready, "checks": [asdict(each) for each in found]})
        return ready
    for group in dict.fromkeys(each.group for each in found):
        console.print(_table(group, [each for each in found if each.group == group]))
    missing = [each for each in found if each.is_needed and not each.is_ok]
    if ready:
        console.print("[green]Ready:[/] all that is needed is there.")
    else:
        console.print(f"[red]Not ready:[/] {counted(len(missing), 'needed thing')} missing.")
    return ready


def _misspelt() -> list[Finding]:
    remedy = "unset it, or give it the name that is meant (docs/reference/settings.md)"
    return [Finding("Settings", "DW_*", False, line, remedy, is_needed=False) for line in unknown_settings()]


def _table(group: str, found: list[Finding]) -> Table:
    table = Table(box=None, title=group, title_justify="left", title_style="bold", padding=(0, 2, 0, 0))
    table.show_header = False
    table.add_column(no_wrap=True, width=8)
    table.add_column(no_wrap=True, max_width=36)
    table.add_column(overflow="fold")
    for each in found:
        state = "[green]ok[/]" if each.is_ok else "[red]missing[/]" if each.is_needed else "[yellow]absent[/]"
        told = escape(each.found) + (f"\n[dim]{escape(each.remedy)}[/]" if each.remedy and not each.is_ok else "")
        table.add_row(state, each.name, told)
    return table
