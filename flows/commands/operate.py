"""Panel "Operate": upkeep, backups, deployments, alerts, costs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.commands import complete, panel
from flows.commands.options import Json, Source

operate = panel("Operate")
glue = operate.group("glue", "The lake transforms on Glue.")
alerts = operate.group("alerts", "What people were told, and whether it reaches them.")


class Severity(StrEnum):
    """How bad it is that an alert tells of."""

    critical = "critical"
    warning = "warning"


@operate.command("dw doctor")
def doctor(as_json: Json = False) -> None:
    """Say what is missing on this machine and how to get it; exit 1 only if it is needed.

    Local mode asks nothing over a network. In aws mode credentials and each right that a run needs are tried.
    """
    from flows import doctor_command

    if not doctor_command.doctor(as_json=as_json):
        raise typer.Exit(1)


@operate.command("dw maintain")
def maintain(source: Source = "shop", as_json: Json = False) -> None:
    """Vacuum and analyse every table, while no run is under way.

    Exit 1 where one could not be.
    """
    from flows import warehouse_commands

    if warehouse_commands.maintain(source, as_json=as_json):
        raise typer.Exit(1)


@operate.command("dw backup --to /mnt/backups/shop --keep 7")
def backup(
    to: Annotated[Path | None, typer.Option("--to", help="a folder of backups; default: <DW_HOME>-backups")] = None,
    with_inbox: Annotated[bool, typer.Option("--with-inbox", help="also the deliveries, loaded or not")] = False,
    keep: Annotated[
        int | None, typer.Option(min=1, help="of all backups there, keep only the newest N; default: all")
    ] = None,
    show_all: Annotated[bool, typer.Option("--list", help="only list what is there")] = False,
    source: Source = "shop",
) -> None:
    """Copy the local warehouse, its lake and its quality results to a new folder.

    Refused while a run is under way.
    """
    from flows import recovery_commands

    if show_all:
        recovery_commands.list_backups(source, to)
    else:
        recovery_commands.backup(source, to, with_inbox=with_inbox, keep=keep)


@operate.command("dw restore --overwrite")
def restore(
    place: Annotated[
        Path | None, typer.Argument(help="a backup, or a folder of them (then the newest); default: <DW_HOME>-backups")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="replace what stands here; it is kept in <DW_HOME>/before-restore-…")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="put back what the last restore moved aside")] = False,
    source: Source = "shop",
) -> None:
    """Put a backup in place of the local warehouse, once every file of it is proven.

    What stood there is kept aside.
    """
    from flows import recovery_commands

    if undo and (place or overwrite):
        raise typer.BadParameter("--undo stands alone: it puts back what the last restore moved aside")
    recovery_commands.restore(source, place, overwrite=overwrite, undo=undo)


@operate.command("dw undelete s3://warehouse-prod-123456789012-clean/clean --since 2026-01-05T10:00")
def undelete(
    url: Annotated[str, typer.Argument(help="s3://bucket/prefix of a bucket that keeps versions")],
    since: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d"], help="only what was deleted since (UTC)")
    ],
    apply: Annotated[bool, typer.Option("--apply", help="do it; without, it is only shown")] = False,
) -> None:
    """Bring back what was deleted from a bucket, by removing delete markers; only shows it without --apply.

    Needs s3:ListBucketVersions, s3:GetBucketVersioning and s3:DeleteObjectVersion, which no role of the pipeline has.
    """
    from flows import recovery_commands

    recovery_commands.undelete(url, since, apply=apply)


@operate.command("dw deploy --pool work_pool.json --version v1.4.0")
def deploy(
    pool: Annotated[
        Path,
        typer.Option(help="what `terraform output -json work_pool` says", exists=True, dir_okay=False, readable=True),
    ],
    version: Annotated[str, typer.Option(help="the version of all deployments: the image's tag")],
) -> None:
    """Set up work pool, queues, deployments and automations on the server at PREFECT_API_URL; safe to repeat."""
    from flows import server_commands

    server_commands.deploy(pool, version)


@operate.command("dw watch --once")
def watch(
    every: Annotated[int, typer.Option(min=10, help="seconds between two looks")] = 60,
    once: Annotated[bool, typer.Option("--once", help="look once, print what was told, and end")] = False,
) -> None:
    """Tell of flow runs that hang, wait too long or were killed, by asking the server at PREFECT_API_URL."""
    from flows import server_commands

    server_commands.watch(every, once=once)


@operate.command("dw ui --port 4201")
def ui(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="where the pages are served, on this machine only")
    ] = 4200,
    no_open: Annotated[bool, typer.Option("--no-open", help="only print the address; open no browser")] = False,
    source: Source = "shop",
) -> None:
    """Show the runs of this machine in Prefect's own pages, until Ctrl-C.

    A run may go on meanwhile. In aws mode the environment's server has the runs: its address is told.
    """
    from flows import ui_command

    ui_command.ui(source, port, open_browser=not no_open)


@operate.command("dw cost --environment prod --rows-per-day 5000000")
def cost(
    environment: Annotated[
        str | None,
        typer.Option(
            autocompletion=complete.environments,
            help="only this one, item by item: dev, staging or prod; default: all, in short",
        ),
    ] = None,
    rows_per_day: Annotated[float | None, typer.Option(min=0, help="delivered rows; default: as assumed")] = None,
    bytes_per_day: Annotated[
        float | None, typer.Option(min=0, help="bytes of the delivered files; default: as assumed")
    ] = None,
    as_json: Json = False,
) -> None:
    """Estimate a month's bill on AWS from rows, bytes and schedule, by the price table infra/prices.yaml.

    Sizes per row are those of the local warehouse, if it has loaded something, else assumed. ~ marks what rests on a
    price that could not be confirmed for the region.
    """
    from flows import cost_command

    cost_command.cost(environment, rows_per_day, bytes_per_day, as_json=as_json)


@glue.command("dw glue bundle build/glue")
def bundle(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="the folder; made if it is missing", file_okay=False)],
) -> None:
    """Write what the Glue job needs: its script and, for each curated table, Spark SQL and schemas.

    Safe to repeat.
    """
    from flows import glue_commands

    glue_commands.bundle(folder)


@alerts.command("dw alerts list --open", name="list")
def list_told(
    only_open: Annotated[bool, typer.Option("--open", help="only what is not over yet")] = False,
    as_json: Json = False,
    source: Source = "shop",
) -> None:
    """List what was told, the newest first, how often it came again since, and what to do next."""
    from flows import alert_commands

    alert_commands.list_told(source, only_open=only_open, as_json=as_json)


@alerts.command("dw alerts test", name="test")
def send_test(
    severity: Annotated[Severity, typer.Option(help="how bad; they may go to different people")] = Severity.warning,
    source: Source = "shop",
) -> None:
    """Send an alert that says that it is a test; exit 1 if nothing took it."""
    from flows import alert_commands

    alert_commands.send_test(source, severity.value)
