"""`dw glue bundle`: what is deployed for Glue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="The lake transforms on Glue.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _group() -> None:
    # One command alone would take the group's place.
    pass


@app.command(epilog="Example: dw glue bundle build/glue")
def bundle(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="the folder; made if it is missing", file_okay=False)],
) -> None:
    """Write what the Glue job needs: its script and, for each curated table, Spark SQL and schemas. Safe to repeat."""
    from contracts.registry import Registry
    from flows.show import console
    from sql.graph import Graph
    from tasks.glue_bundle import write_bundle
    from tasks.settings import Settings

    root = Settings().repository
    registry = Registry.read(root)
    for path in write_bundle(folder, registry, Graph.read(root, registry)):
        console.print(f"written: {path}", soft_wrap=True, highlight=False)
