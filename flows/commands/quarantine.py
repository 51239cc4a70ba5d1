"""Panel "Quarantine": the steward's commands."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands import complete, panel
from flows.commands.options import Json, Source

steward = panel("Quarantine")
quarantine = steward.group("quarantine", "See what was set aside and why, and give rows up that nobody will mend.")

Table = Annotated[
    str | None,
    typer.Option(
        autocompletion=complete.tables("raw", "clean"), help="only this table, for example raw.orders; default: all"
    ),
]
Rule = Annotated[
    str | None,
    typer.Option(
        autocompletion=complete.rules,
        help="only rows that break this rule, for example clean.orders.status.in_set; default: all",
    ),
]
BatchId = Annotated[
    str | None, typer.Option(help="only this batch: its id in `dw quarantine list`, or its first letters; default: all")
]


@quarantine.command("dw quarantine list --table raw.orders", name="list")
def list_open(
    table: Table = None, rule: Rule = None, batch: BatchId = None, as_json: Json = False, source: Source = "shop"
) -> None:
    """List what is open: rows per batch and rule, since when, after how many attempts, and in which file."""
    from flows import quarantine_commands

    quarantine_commands.list_open(source, table, rule, batch, as_json=as_json)


@quarantine.command("dw quarantine show --rule clean.orders.status.in_set --limit 5")
def show(
    table: Table = None,
    rule: Rule = None,
    batch: BatchId = None,
    limit: Annotated[int, typer.Option(min=1, help="show at most this many rows")] = 20,
    as_json: Json = False,
    source: Source = "shop",
) -> None:
    """Show open rows: what was delivered, which rules it breaks, and where it stands.

    Personal data is masked.
    """
    from flows import quarantine_commands

    quarantine_commands.show_open(source, table, rule, batch, limit, as_json=as_json)


@quarantine.command(
    'dw quarantine discard --rule clean.orders.status.in_set --reason "test orders, ticket 42"',
)
def discard(
    reason: Annotated[str, typer.Option(help="why nobody will mend these rows; it is kept for good")],
    table: Table = None,
    rule: Rule = None,
    batch: BatchId = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    source: Source = "shop",
) -> None:
    """Give rows up for good.

    They are kept in the lake, the record says who and why, and no redrive tries them.
    """
    if not reason.strip():
        raise typer.BadParameter("say why, in a few words", param_hint="--reason")
    if (table, rule, batch) == (None, None, None):
        raise typer.BadParameter("say which rows: at least one of --table, --rule and --batch")
    from flows import quarantine_commands

    if not quarantine_commands.discard(source, table, rule, batch, reason.strip(), is_asked=not yes):
        raise typer.Exit(1)


@steward.command("dw redrive --table raw.orders")
def redrive(
    table: Table = None, rule: Rule = None, batch: BatchId = None, as_json: Json = False, source: Source = "shop"
) -> None:
    """Put quarantined rows through again, after a fix of a contract, the code or the data.

    Safe to repeat. Rows that pass are loaded, once, and carried into every table; the others stay. Exit 1 if a batch
    could not be tried.
    """
    from flows import quarantine_commands

    if quarantine_commands.redrive(source, table, rule, batch, as_json=as_json):
        raise typer.Exit(1)
