"""What the shell offers for a word that is being typed: tables, rules, checks, days. Names of files alone are read.

A key press waits for it, so that nothing heavy is imported: settings (`DW_HOME`, `DW_REPOSITORY`) are read as text, and
aws mode, where days lie in a bucket, is not asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer

Complete = Callable[[str], list[str]]
_RULE = re.compile(r'"rule_id": "([^"]+)"')
_TOTALS = re.compile(r"property: controlTotals, value: \{([^}]*)\}")
_AMOUNTS = re.compile(r"amounts: \[([^\]]*)\]")
_COLUMN = re.compile(r"^ {6}- name: (\w+)$", re.MULTILINE)


class AsTyped:
    """Words as they were typed."""

    def coerce(self, value: Any, param: object, ctx: object) -> Any:
        return value


def convert_nothing() -> None:
    """Leave the words before the cursor as they are: Typer would import Pydantic to convert them, 0.1 s a key press."""
    import typer.core

    if hasattr(typer.core, "build_runtime_param"):
        typer.core.build_runtime_param = lambda descriptor: AsTyped()


def _repository() -> Path:
    return Path(os.environ.get("DW_REPOSITORY") or Path(__file__).parents[2]).expanduser()


def _home(source: str | None) -> Path:
    home = Path(os.environ.get("DW_HOME") or Path(__file__).parents[2] / ".warehouse").expanduser()
    return home / source if source and source != "shop" else home


def _beginning(word: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(word))


def _tables(*layers: str) -> list[str]:
    folder = _repository() / "contracts"
    files = (path for layer in layers or ("*",) for path in folder.glob(f"{layer}/*.yaml"))
    return [f"{path.parent.name}.{path.stem}" for path in files]


def tables(*layers: str) -> Complete:
    """Tables of some layers; none named: of all."""

    def complete(incomplete: str) -> list[str]:
        return _beginning(incomplete, _tables(*layers))

    return complete


def rules(incomplete: str) -> list[str]:
    """Rules of the delivered table that is named already; before that, the tables, each with a dot behind it."""
    table = ".".join(incomplete.split(".")[:2])
    suite = _repository() / "expectations" / "suites" / f"{table.replace('.', '/')}.json"
    if incomplete.count(".") < 2 or not suite.is_file():
        return _beginning(incomplete, (f"{name}." for name in _tables("raw", "clean")))
    return _beginning(incomplete, set(_RULE.findall(suite.read_text(encoding="utf-8"))))


def places(incomplete: str) -> list[str]:
    """Tables, and the columns of one that is named already."""
    table = ".".join(incomplete.split(".")[:2])
    contract = _repository() / "contracts" / f"{table.replace('.', '/')}.yaml"
    columns: list[str] = []
    if incomplete.count(".") == 2 and contract.is_file():
        columns = [f"{table}.{name}" for name in _COLUMN.findall(contract.read_text(encoding="utf-8"))]
    return _beginning(incomplete, columns or _tables())


def checks(incomplete: str) -> list[str]:
    """Checks of `dw reconcile`: those that are written, and those of control totals."""
    found = [path.stem for path in (_repository() / "sql" / "reconciliation").glob("*.sql")]
    for path in (_repository() / "contracts" / "clean").glob("*.yaml"):
        for totals in _TOTALS.findall(path.read_text(encoding="utf-8")):
            amounts = _AMOUNTS.search(totals)
            names = amounts[1].split(",") if amounts else ["rows"]
            found += [f"source_{path.stem}_{name.strip()}" for name in names]
    return _beginning(incomplete, found)


def sources(incomplete: str) -> list[str]:
    """The shop, and the sources that are mapped."""
    from tasks.sources import DEFAULT, SOURCES

    return _beginning(incomplete, [DEFAULT, *SOURCES])


def days(ctx: typer.Context, incomplete: str) -> list[str]:
    """Days that lie in the inbox of the source."""
    inbox = _home(ctx.params.get("source")) / "inbox"
    return _beginning(incomplete, (path.name for path in inbox.glob("[0-9]*-[0-9]*-[0-9]*") if path.is_dir()))


def environments(incomplete: str) -> list[str]:
    """Environments of which Terraform builds one each."""
    return _beginning(incomplete, (path.stem for path in (_repository() / "infra/terraform/environments").glob("*")))
