"""Panel "Load data": deliveries made, checked, loaded, loaded later, and computed anew."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.commands import complete, panel
from flows.commands.options import DAY, TABLE, From, Json, Source, To, day, day_option

load = panel("Load data")


class Preset(StrEnum):
    """Sizes of a generated delivery."""

    dev = "dev"
    full = "full"


@load.command("dw generate --size dev --seed 7")
def generate(
    size: Annotated[Preset, typer.Option(help="dev: 5,000 orders in 3 days; full: 500,000 in 400 days")] = Preset.dev,
    days: Annotated[
        int | None, typer.Option(min=1, help="spread the orders and visits of the size over so many days")
    ] = None,
    seed: Annotated[int, typer.Option(help="the same seed and size give the same files, byte for byte")] = 7,
    first_day: Annotated[date, typer.Option(parser=day, metavar=DAY, help="the first delivery day")] = date(2026, 1, 5),
    out: Annotated[Path | None, typer.Option(help="the folder; default: the inbox of this warehouse")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace another delivery that lies there")] = False,
) -> None:
    """Write a made-up delivery with known defects into the inbox."""
    from flows import run_command

    run_command.generate(size.value, days, seed, first_day, out, overwrite=overwrite)


@load.command("dw run --source online-retail --path online_retail_II.csv")
def run(
    days: Annotated[
        list[date] | None,
        day_option("--day", "only this delivery (may be repeated); default: all"),
    ] = None,
    source: Source = "shop",
    path: Annotated[list[Path] | None, typer.Option(help="a file of the source (may be repeated)")] = None,
    as_json: Json = False,
) -> None:
    """Load every delivery of the inbox, files to marts, each layer behind its gate.

    Safe to repeat: what is loaded already changes nothing. Exit 1 if a file or a table was stopped.
    """
    from flows import run_command

    if run_command.run(source, days or None, path or [], as_json=as_json):
        raise typer.Exit(1)


@load.command("dw status --from 2026-01-01")
def status(since: From = None, until: To = None, source: Source = "shop", as_json: Json = False) -> None:
    """Show which deliveries are loaded, which days have gaps, and what waits or was rejected."""
    from flows import operate_commands

    operate_commands.status(source, since, until, as_json=as_json)


@load.command("dw backfill --from 2026-01-05 --to 2026-01-31 --table raw.orders")
def backfill(
    since: Annotated[
        date,
        day_option("--from", "the first delivery day"),
    ],
    until: Annotated[date, day_option("--to", "the last delivery day")],
    table: Annotated[
        str | None,
        typer.Option(
            autocompletion=complete.tables("raw", "clean"), help="only this table's files, for example raw.orders"
        ),
    ] = None,
    parallel: Annotated[
        int, typer.Option(min=1, help="how many files are cleaned at once, ahead of the one that is loaded")
    ] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be loaded, and do nothing")] = False,
    source: Source = "shop",
    as_json: Json = False,
) -> None:
    """Load the days of a range that are not loaded, oldest first, and build once.

    A day that fails stops no other; exit 1 if one did.
    """
    from flows import operate_commands

    if operate_commands.backfill(source, since, until, table, parallel, dry_run=dry_run, as_json=as_json):
        raise typer.Exit(1)


@load.command("dw rebuild core.dim_customer --from 2026-01-05")
def rebuild(
    table: Annotated[
        str,
        typer.Argument(
            metavar=TABLE,
            autocompletion=complete.tables("curated", "core", "mart"),
            help="for example core.dim_customer",
        ),
    ],
    since: Annotated[
        date | None,
        day_option("--from", "only keys that have rows from this day on; default: all keys"),
    ] = None,
    max_closed_share: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="of a history, let this share of the keys close; default: what its contract says"
        ),
    ] = None,
    source: Source = "shop",
    as_json: Json = False,
) -> None:
    """Compute a curated, core or mart table anew, and what reads the rows that changed.

    The keys that others looked up in it are computed anew, too.
    """
    from flows import operate_commands

    if operate_commands.rebuild(table, since, source, max_closed_share, as_json=as_json):
        raise typer.Exit(1)


@load.command("dw validate orders.csv.gz")
def validate(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="delivered files", exists=True, dir_okay=False, readable=True),
    ],
    table: Annotated[
        str | None,
        typer.Option(
            autocompletion=complete.tables("raw"), help="raw.<table>; default: the contract that expects the name"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what would become of files, without loading them.

    Exit 0 if all of it would be accepted, else 1.
    """
    from flows import validate_command

    if not validate_command.validate(files, table, as_json=as_json):
        raise typer.Exit(1)
