"""The commands of `dw`, as they are typed: a module for each panel of its help.

A command is one function in the module of its panel, under `@command(example)` of that panel (or of a `group`): it
declares options and imports, inside of itself, the module of `flows` that does the work. Nothing is listed elsewhere.
Modules here import nothing heavy, so that help and completion are quick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer

Command = TypeVar("Command", bound=Callable[..., None])
_SHARED: dict[str, Any] = {
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}

app = typer.Typer(
    name="dw",
    help="An e-commerce data warehouse: contracts, gates, history and merges, on AWS and whole on a laptop.",
    add_completion=True,
    rich_markup_mode="rich",
    **_SHARED,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from flows.version import told

        typer.echo(told())
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="show version, commit and engine, and exit"
        ),
    ] = False,
) -> None:
    pass


@dataclass(frozen=True)
class Group:
    """A panel of `dw --help`, or commands that follow a word of their own (`dw quarantine list`)."""

    panel: str
    of: typer.Typer

    def command(self, example: str, name: str | None = None) -> Callable[[Command], Command]:
        """Declare a command, named after its function if not otherwise; the first line of its docstring is its help."""
        panel = self.panel if self.of is app else None
        return self.of.command(name, epilog=f"Example: {example}", rich_help_panel=panel)

    def group(self, name: str, text: str) -> Group:
        """Declare a word under which commands stand, and what they are about."""
        inner = typer.Typer(help=text, **_SHARED)
        # Without it, a single command would take the group's place.
        inner.callback()(lambda: None)
        self.of.add_typer(inner, name=name, rich_help_panel=self.panel)
        return Group(self.panel, inner)


def panel(title: str) -> Group:
    """A panel of `dw --help`; panels stand in the order in which their modules are imported."""
    return Group(title, app)
