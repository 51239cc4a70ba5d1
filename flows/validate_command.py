"""`dw validate`: what would become of files, for those who deliver them and those who mind the contracts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.markup import escape
from rich.table import Table

from contracts.counted import counted
from contracts.model import Contract
from contracts.registry import Registry
from expectations.verdicts import RuleResult
from flows import names
from flows.screen import console, print_json, working
from tasks.landing import FileVerdict, check_file, contract_of
from tasks.settings import Settings

_COLOURS = {"accept": "green", "accept with quarantine": "yellow", "reject": "red"}
_SHOWN = 5


def validate(paths: Sequence[Path], table: str | None, *, as_json: bool) -> bool:
    """Check files and print a verdict each; returns whether all would be accepted whole.

    Raises typer.BadParameter for a file that no contract expects and for a table that is not delivered.
    """
    registry = Registry.read(Settings().repository)
    raw = registry.layer("raw")
    named = names.table(registry, table, ("raw",), "--table") if table else None
    wanted = [(path, named or _expecting(path, raw)) for path in paths]
    verdicts = []
    with working("Checking", len(wanted)) as advance:
        for path, contract in wanted:
            verdicts.append(check_file(path, contract))
            advance(path.name)
    if as_json:
        print_json([v.to_dict() for v in verdicts])
    else:
        for verdict in verdicts:
            _show(verdict)
    return all(verdict.verdict == "accept" for verdict in verdicts)


def _expecting(path: Path, raw: Sequence[Contract]) -> Contract:
    found = contract_of(path.name, raw)
    if found is None:
        names = ", ".join(contract.delivery.file for contract in raw if contract.delivery)
        message = f"no contract expects a file {path.name}; they expect {names}. --table says which one is meant"
        raise typer.BadParameter(message, param_hint="FILE")
    return found


def _show(found: FileVerdict) -> None:
    said = f"[{_COLOURS[found.verdict]}]{found.verdict}[/]"
    against = f"{found.contract.table} {found.contract.version}"
    console.print(f"[bold]{escape(str(found.path))}[/] against {against}: {said}", soft_wrap=True)
    if found.gate is not None:
        console.print(
            f"  {counted(found.rows, 'row')}, {found.aside:,} of them would be set aside; "
            f"{counted(len(found.malformed), 'malformed record')}"
        )
    if found.reason:
        console.print(f"  {escape(found.reason)}", soft_wrap=True)
    for line, reason in found.malformed[:_SHOWN]:
        console.print(f"  record {line}: {escape(reason)}", soft_wrap=True)
    if len(found.malformed) > _SHOWN:
        console.print(f"  … and {len(found.malformed) - _SHOWN:,} more malformed records (--json lists 20)")
    if found.ignored:
        console.print(f"  columns that the contract does not have: {escape(', '.join(found.ignored))}", soft_wrap=True)
    if found.unchecked:
        console.print(
            f"  not checked here (other tables or Great Expectations needed): {', '.join(found.unchecked)}",
            soft_wrap=True,
        )
    failed = [result for result in found.gate.results if not result.success] if found.gate else []
    if failed:
        console.print(_table(failed))


def _table(failed: Sequence[RuleResult]) -> Table:
    table = Table("rule", "verdict", "what is checked", "for example")
    table.add_column("failed", justify="right")
    table.add_column("of", justify="right")
    for result in failed:
        rule = result.rule
        examples = ", ".join(map(_short, result.samples[:_SHOWN])) or _short(result.observed)
        counts = f"{result.failed:,}", f"{result.evaluated:,}"
        table.add_row(rule.id, rule.verdict, escape(rule.description), escape(examples), *counts)
    return table


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
