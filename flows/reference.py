"""Pages of `docs/reference/`, written from the code: commands, settings, tables, rules, metrics."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic_core import PydanticUndefined
from typer.cli import get_docs_for_click
from typer.main import get_command

from contracts.ids import LAYERS
from contracts.model import Contract, Measure
from contracts.registry import REPOSITORY, Registry
from expectations.rules import KINDS
from sql.semantic import aggregate
from sql.views import view_meaning, views
from tasks.metrics import METRICS
from tasks.settings import Settings

FOLDER = Path("docs/reference")
_HEAD = "<!-- Written by `make format` from the code; change it there. -->\n"


def pages(registry: Registry) -> dict[Path, str]:
    """Each page's file, relative to the repository, and its text."""
    from flows.cli import app

    texts = {
        "commands": commands(app),
        "settings": settings(),
        "tables": tables(registry.values()),
        "rules": rules(),
        "metrics": metrics(),
        "bi": bi(registry),
    }
    return {FOLDER / f"{name}.md": _HEAD + text for name, text in texts.items()}


def commands(app: typer.Typer) -> str:
    """Every command as `--help` says it: Typer's own document, but for the lists of commands, which it cuts short."""
    command = get_command(app)
    text = html.unescape(get_docs_for_click(obj=command, ctx=command.make_context("dw", [], resilient_parsing=True)))
    text = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+\n", "", text)
    text = re.sub(r"^\* `--help`: Show this message and exit\.\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\*\*Options\*\*:\n\n(?!\*)", "", text)
    text = re.sub(r"^(Example): (.*)$", r"\1: `\2`", text, flags=re.MULTILINE)
    _, _, body = text.partition("\n")
    return f"# Commands\n{body.strip()}\n"


def settings() -> str:
    """Every `DW_*` setting with its default."""
    rows = [
        (f"`DW_{name.upper()}`", _setting_default(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return (
        "# Settings\nRead from the environment once, when a command or a flow begins. None of them is a secret.\n\n"
        f"{_table(('setting', 'default', 'meaning'), rows)}\n"
        "`DW_DEBUG=1` shows the place of an unexpected error. AWS credentials, region and endpoint come from boto3's\n"
        "own chain.\n"
    )


def _setting_default(value: Any) -> str:
    if value in (None, "", PydanticUndefined):
        return ""
    if isinstance(value, Path):
        if value == REPOSITORY:
            return "the code's folder"
        return f"`{value.relative_to(REPOSITORY) if value.is_relative_to(REPOSITORY) else value}`"
    return f"`{value}`"


def tables(contracts: Iterable[Contract]) -> str:
    """Every table by layer: one row each, with grain and key."""
    out = ["# Tables\nOne contract each; `dw explain <table>` tells a table's whole story.\n"]
    of_layer: dict[str, list[Contract]] = {layer: [] for layer in LAYERS}
    for contract in contracts:
        of_layer[contract.table.layer].append(contract)
    for layer, found in of_layer.items():
        if found:
            rows = [
                (f"`{c.table}`", _prose(c.grain), ", ".join(f"`{n}`" for n in c.key), c.load.strategy, c.version)
                for c in sorted(found, key=lambda c: c.table)
            ]
            out.append(f"## {layer}\n{_table(('table', 'one row is', 'key', 'load', 'version'), rows)}")
    return "\n".join(out)


def rules() -> str:
    """Every kind of rule that a contract can make."""
    rows = [
        (f"`{kind}`", "row" if k.of_row else "table", k.columns, k.args, k.dimension, k.meaning)
        for kind, k in KINDS.items()
    ]
    head = ("kind", "about", "columns", "arguments", "dimension", "kept if")
    return (
        "# Rules\nThe kinds of rules that contracts make, from their schema or as `quality` (`docs/contracts.md`). A\n"
        "row rule may quarantine, block or warn; one about the table blocks or warns. The dimension is\n"
        f"that of a rule that follows from the schema.\n\n{_table(head, rows)}"
    )


def metrics() -> str:
    """Every metric of a run."""
    rows = [(m.name, m.unit, m.dimensions[-1][-1], m.meaning) for m in METRICS]
    return (
        "# Metrics\nTold at the end of each run in CloudWatch's embedded metric format, namespace `Warehouse`;\n"
        "`docs/aws.md` says how.\n\n"
        f"{_table(('metric', 'unit', 'by', 'says'), rows)}"
    )


def bi(registry: Registry) -> str:
    """Every view for BI with its columns, and every measure."""
    shown = views(registry)
    columns = [
        f"## {view.name}\n{view.contract.business_name}: {view_meaning(view)} Shows `{view.table}`.\n\n"
        + _table(
            ("column", "name", "type", "meaning"),
            [(f"`{c.name}`", c.business_name, str(c.type), c.description) for c in view.columns],
        )
        for view in shown
    ]
    rows = [
        (f"`{m.name}`", m.business_name, f"`{view.name}`", _made_by(m), m.description)
        for view in shown
        for m in view.contract.measures
    ]
    return (
        "# Views and measures for BI tools\n`docs/bi.md` says how to use them.\n\n## Measures\n"
        f"{_table(('measure', 'name', 'of', 'is', 'meaning'), rows)}\n" + "\n".join(columns)
    )


def _made_by(measure: Measure) -> str:
    if measure.ratio:
        return "`{}` / `{}`".format(*measure.ratio)
    if measure.difference:
        return "`{}` - `{}`".format(*measure.difference)
    last = f", on the last `{measure.last}`" if measure.last else ""
    return f"`{aggregate(measure)}`{last}"


def _prose(text: str | None) -> str:
    """Help on one line; what a shell would take for a pipe in a table is kept."""
    return re.sub(r"\s+", " ", text or "").strip()


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def stale(root: Path, wanted: Mapping[Path, str]) -> list[Path]:
    """Pages that do not say what the code says, and pages of `docs/reference/` that nothing writes."""
    there = {path.relative_to(root) for path in (root / FOLDER).glob("*.md")}
    return sorted(
        {p for p, text in wanted.items() if p not in there or (root / p).read_text("utf-8") != text}
        | (there - wanted.keys())
    )


def write(root: Path, wanted: Mapping[Path, str]) -> list[Path]:
    """Write what is stale and remove what nothing writes; returns the pages that were touched."""
    touched = stale(root, wanted)
    for path in touched:
        if path in wanted:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(wanted[path], encoding="utf-8")
        else:
            (root / path).unlink()
    return touched


if __name__ == "__main__":
    write(REPOSITORY, pages(Registry.read(REPOSITORY)))
