"""The command line `dw`. Heavy libraries are imported by the command that needs them, so that help is quick."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import (
    alert_commands,
    cost_command,
    glue_commands,
    quarantine_commands,
    recovery_commands,
    review_commands,
    server_commands,
)
from flows.prefect_defaults import let_go

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

app = typer.Typer(
    name="dw",
    help="An e-commerce data warehouse: contracts, gates, history and merges, on AWS and whole on a laptop.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Panels of `dw --help`.
_LOAD, _ASK, _DEFINE = "Load data", "Look at data", "Contracts and SQL"
_ASIDE, _OPERATE = "Quarantine", "Operate"


class Engine(StrEnum):
    """For whom SQL is rendered."""

    redshift = "redshift"
    duckdb = "duckdb"
    spark = "spark"


class Dialect(StrEnum):
    """The engines that a warehouse may be of."""

    redshift = "redshift"
    duckdb = "duckdb"


class Part(StrEnum):
    """Which SQL of a table: its SELECT, its CREATE TABLE, or the statements that build and publish it."""

    select = "select"
    ddl = "ddl"
    merge = "merge"


class Preset(StrEnum):
    """Sizes of a generated delivery."""

    dev = "dev"
    full = "full"


@app.command(epilog="Example: dw generate --size dev --seed 7", rich_help_panel=_LOAD)
def generate(
    size: Annotated[Preset, typer.Option(help="dev: 5,000 orders in 3 days; full: 500,000 in 400 days")] = Preset.dev,
    seed: Annotated[int, typer.Option(help="the same seed and size give the same files, byte for byte")] = 7,
    first_day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="the first delivery day")] = datetime(
        2026, 1, 5
    ),
    out: Annotated[Path | None, typer.Option(help="the folder; default: the inbox of this warehouse")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace another delivery that lies there")] = False,
) -> None:
    """Write a made-up delivery with known defects into the inbox."""
    from flows import show
    from tasks.generate import Size, generate_delivery
    from tasks.inbox import open_inbox
    from tasks.settings import Settings

    settings = Settings()
    root, inbox = out or settings.inbox, open_inbox(settings)
    chosen = Size.dev() if size is Preset.dev else Size.full()
    with show.status("Generating"):
        delivery = generate_delivery(root, size=chosen, seed=seed, first_day=first_day.date(), overwrite=overwrite)
        if out is None:
            inbox.take_over(root, overwrite=overwrite)
    show.generated(delivery, out or inbox)


@app.command(epilog="Example: dw run --source online-retail --path online_retail_II.csv", rich_help_panel=_LOAD)
def run(
    day: Annotated[
        list[datetime] | None, typer.Option(formats=["%Y-%m-%d"], help="only this delivery (may be repeated)")
    ] = None,
    source: Annotated[str, typer.Option(help="whose data: shop, or a source that is mapped into our tables")] = "shop",
    path: Annotated[list[Path] | None, typer.Option(help="a file of the source (may be repeated)")] = None,
) -> None:
    """Load every delivery of the inbox: files to marts, each layer behind its gate. Safe to repeat."""
    from flows import run_command

    days = [d.date() for d in day] if day else None
    if run_command.run(source, days, path or []):
        raise typer.Exit(1)


@app.command(epilog="Example: dw status --from 2026-01-01", rich_help_panel=_LOAD)
def status(
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="the first delivery day; default: the oldest"),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="the last delivery day; default: the newest")
    ] = None,
    source: Annotated[str, typer.Option(help="whose warehouse: shop, or another source")] = "shop",
    as_json: Annotated[bool, typer.Option("--json", help="print every file's state as JSON")] = False,
) -> None:
    """Show which deliveries are loaded, which days have gaps, and what waits or was rejected."""
    from flows import operate_commands

    operate_commands.status(source, since.date() if since else None, until.date() if until else None, as_json=as_json)


@app.command(epilog="Example: dw backfill --from 2026-01-05 --to 2026-01-31 --table raw.orders", rich_help_panel=_LOAD)
def backfill(
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="the first delivery day")],
    until: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="the last delivery day")],
    table: Annotated[str | None, typer.Option(help="only this table's files, for example raw.orders")] = None,
    parallel: Annotated[
        int, typer.Option(min=1, help="how many files are cleaned at once, ahead of the one that is loaded")
    ] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be loaded, and do nothing")] = False,
    source: Annotated[str, typer.Option(help="whose data: shop, or another source")] = "shop",
) -> None:
    """Load the days of a range that are not loaded, oldest first, and build once; a day that fails stops no other."""
    from flows import operate_commands

    if operate_commands.backfill(source, since.date(), until.date(), table, parallel, dry_run=dry_run):
        raise typer.Exit(1)


@app.command(epilog="Example: dw rebuild core.dim_customer --from 2026-01-05", rich_help_panel=_LOAD)
def rebuild(
    table: Annotated[str, typer.Argument(help="<layer>.<table>, for example core.dim_customer")],
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="only keys that have rows from this day on")
    ] = None,
    max_closed_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="of a history, let this share of the keys close, whatever its contract says"),
    ] = None,
    source: Annotated[str, typer.Option(help="whose warehouse: shop, or another source")] = "shop",
) -> None:
    """Compute a curated, core or mart table anew, the keys that others looked up in it, and what reads changed rows."""
    from flows import operate_commands

    if operate_commands.rebuild(table, since.date() if since else None, source, max_closed_share):
        raise typer.Exit(1)


@app.command(epilog="Example: dw migrate --apply", rich_help_panel=_DEFINE)
def migrate(
    apply: Annotated[bool, typer.Option("--apply", help="alter the tables (refused while a run is under way)")] = False,
    dialect: Annotated[Dialect, typer.Option(help="whose statements to print")] = Dialect.redshift,
    as_json: Annotated[bool, typer.Option("--json", help="print changes, statements and refusals as JSON")] = False,
    source: Annotated[str, typer.Option(help="whose warehouse: shop, or another source")] = "shop",
) -> None:
    """Show what changed contracts ask of the tables that stand, or do it: exit 3 while changes wait, 1 if refused."""
    from flows import migrate_command

    if code := migrate_command.migrate_tables(source, dialect.value, apply=apply, as_json=as_json):
        raise typer.Exit(code)


@app.command(epilog="Example: dw validate orders.csv.gz", rich_help_panel=_LOAD)
def validate(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="delivered files", exists=True, dir_okay=False, readable=True),
    ],
    table: Annotated[str | None, typer.Option(help="raw.<table>; default: the contract that expects the name")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the verdicts as JSON")] = False,
) -> None:
    """Say what would become of files, without loading them: exit 0 if all of it would be accepted, else 1."""
    from flows import validate_command

    if not validate_command.validate(files, table, as_json=as_json):
        raise typer.Exit(1)


@app.command(epilog="Example: dw check", rich_help_panel=_DEFINE)
def check(
    write: Annotated[bool, typer.Option("--write", help="write stale generated suites anew")] = False,
) -> None:
    """Check contracts, rules, SQL and generated suites; exit 1 with file and line of every fault."""
    from flows import inspect_commands

    if inspect_commands.check(write=write):
        raise typer.Exit(1)


@app.command(epilog="Example: dw render core.fact_sales --engine duckdb --part merge", rich_help_panel=_DEFINE)
def render(
    table: Annotated[str, typer.Argument(help="<layer>.<table>, for example core.fact_sales")],
    engine: Annotated[Engine, typer.Option(help="the dialect to print")] = Engine.redshift,
    part: Annotated[Part, typer.Option(help="which statements")] = Part.select,
) -> None:
    """Print the SQL that makes a table, as an engine gets it."""
    from flows import inspect_commands

    inspect_commands.render(table, engine.value, part.value)


@app.command(
    epilog='Example: dw query "select * from mart.executive_kpi_daily order by kpi_date"', rich_help_panel=_ASK
)
def query(
    sql: Annotated[
        str,
        typer.Argument(help="one query in the warehouse's own words: DuckDB locally, Redshift on AWS; - reads it"),
    ],
    source: Annotated[str, typer.Option(help="whose warehouse: shop, or another source")] = "shop",
    limit: Annotated[int, typer.Option(min=1, help="show at most this many rows")] = 50,
    csv: Annotated[bool, typer.Option("--csv", help="print all rows as CSV")] = False,
) -> None:
    """Ask the warehouse, and change nothing in it. `dw query - < report.sql` asks what stands in a file."""
    from flows import inspect_commands

    inspect_commands.query(sys.stdin.read() if sql == "-" else sql, source, None if csv else limit)


@app.command(epilog="Example: dw export mart.customer_360 --to out/customer_360", rich_help_panel=_ASK)
def export(
    table: Annotated[str, typer.Argument(help="<layer>.<table>, for example core.fact_sales")],
    to: Annotated[str, typer.Option("--to", help="an empty folder; from Redshift s3://bucket/prefix")],
    with_personal_data: Annotated[
        bool, typer.Option("--with-personal-data", help="also the columns that contracts call personal")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an earlier export")] = False,
    source: Annotated[str, typer.Option(help="whose warehouse: shop, or another source")] = "shop",
) -> None:
    """Write a table's rows as Parquet files, without personal data: DuckDB to a folder, Redshift to S3 (UNLOAD)."""
    from flows import warehouse_commands

    warehouse_commands.export(table, to, source, with_personal_data=with_personal_data, overwrite=overwrite)


@app.command(epilog="Example: dw maintain", rich_help_panel=_OPERATE)
def maintain(
    source: Annotated[str, typer.Option(help="whose warehouse: shop, or another source")] = "shop",
) -> None:
    """Vacuum and analyse every table, while no run is under way; exit 1 where one could not be."""
    from flows import warehouse_commands

    if warehouse_commands.maintain(source):
        raise typer.Exit(1)


@app.command(epilog="Example: dw explain mart.finance_daily_revenue", rich_help_panel=_ASK)
def explain(table: Annotated[str, typer.Argument(help="<layer>.<table>, for example core.fact_sales")]) -> None:
    """Tell a table's story: meaning, grain, load, columns and where they come from, rules, readers."""
    from flows import inspect_commands

    inspect_commands.explain(table)


@app.command(epilog="Example: dw quality --table clean.orders --days 14", rich_help_panel=_ASK)
def quality(
    table: Annotated[str | None, typer.Option(help="only this table, for example clean.orders")] = None,
    days: Annotated[int, typer.Option(min=1, help="how many delivery days to look back")] = 8,
    anomalies: Annotated[bool, typer.Option("--anomalies", help="only what is unusual, on any of the days")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print everything as JSON")] = False,
    source: Annotated[str, typer.Option(help="whose warehouse: shop, or another source")] = "shop",
) -> None:
    """Show how good the data is: scores by layer and table, their course, and what is unusual for its weekday."""
    from flows import quality_commands

    quality_commands.quality(source, table, days, as_json=as_json, only_anomalies=anomalies)


@app.command(epilog="Example: dw reconcile --check sales_lines --day 2026-01-05", rich_help_panel=_ASK)
def reconcile(
    check: Annotated[
        list[str] | None, typer.Option(help="only this check, for example sales_lines (may be repeated)")
    ] = None,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="only this business day")] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="the first business day; default: all")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="the last business day; default: all")
    ] = None,
    source: Annotated[str, typer.Option(help="whose warehouse: shop, or another source")] = "shop",
    as_json: Annotated[bool, typer.Option("--json", help="print days and keys that differ as JSON")] = False,
) -> None:
    """Compare source, clean, fact and mart, rows and money, and list every key that differs; exit 1 if one does."""
    from flows import reconcile_command

    if day and (since or until):
        raise ValueError("--day stands alone; a range is --from and --to")
    first, last = (d.date() if d else None for d in (day or since, day or until))
    if reconcile_command.reconcile(source, check or [], first, last, as_json=as_json):
        raise typer.Exit(1)


# Commands that stand in modules of their own.
for _panel, _command, _example in (
    (_DEFINE, review_commands.diff, "dw diff main --merge-base"),
    (_ASIDE, quarantine_commands.redrive, "dw redrive --table raw.orders"),
    (_OPERATE, recovery_commands.backup, "dw backup --to /mnt/backups/shop --keep 7"),
    (_OPERATE, recovery_commands.restore, "dw restore --overwrite"),
    (
        _OPERATE,
        recovery_commands.undelete,
        "dw undelete s3://warehouse-prod-123456789012-clean/clean --since 2026-01-05T10:00",
    ),
    (_OPERATE, server_commands.deploy, "dw deploy --pool work_pool.json --version v1.4.0"),
    (_OPERATE, server_commands.watch, "dw watch --once"),
    (_OPERATE, cost_command.cost, "dw cost --environment prod --rows-per-day 5000000"),
):
    app.command(epilog=f"Example: {_example}", rich_help_panel=_panel)(_command)
app.add_typer(quarantine_commands.app, name="quarantine", rich_help_panel=_ASIDE)
app.add_typer(glue_commands.app, name="glue", rich_help_panel=_OPERATE)
app.add_typer(alert_commands.app, name="alerts", rich_help_panel=_OPERATE)


def main() -> None:
    """Run `dw`; every failure is one clear paragraph on standard error and a non-zero exit."""
    debug = bool(os.environ.get("DW_DEBUG"))
    if not debug:
        warnings.simplefilter("ignore")
        # Prefect logs a failure twice, with its traceback, before it raises it to us.
        logging.disable(logging.ERROR)
    try:
        app(standalone_mode=True)
        return
    except KeyboardInterrupt:
        message, code = "stopped; what was published stays, the rest is taken up by the next run", 130
    except Exception as error:
        if debug:
            raise
        message, code = _paragraph(error), 1
        let_go(error)
    sys.stderr.write(f"dw: {message}\n")
    sys.exit(code)


def _paragraph(error: Exception) -> str:
    from pydantic import ValidationError

    from contracts.source import ContractError
    from sql.dialect import SqlError

    if isinstance(error, ValidationError) and error.title == "Settings":
        return "\n".join(_setting(fault) for fault in error.errors(include_url=False, include_input=False))
    if isinstance(error, ContractError | SqlError):
        return f"{len(error.faults)} fault{'s' if len(error.faults) > 1 else ''} found:\n" + "\n".join(error.faults)
    known = {
        "WarehouseError",
        "WarehouseBusy",
        "GateBlocked",
        "RuleNotRun",
        "UnreadableFile",
        "PublishRefused",
        "LedgerImbalance",
        "SchemaMismatch",
        "CopyLostRows",
        "GlueFailed",
        "BackupRefused",
    }
    text = str(error) or type(error).__name__
    if known & {kind.__name__ for kind in type(error).__mro__} or isinstance(error, ValueError | OSError):
        return text
    return f"unexpected {type(error).__name__}: {text} (DW_DEBUG=1 shows where)"


def _setting(fault: ErrorDetails) -> str:
    """What is wrong with a setting, by the name it has in the environment."""
    names = "".join(f"DW_{str(name).upper()}: " for name in fault["loc"])
    return f"settings: {names}{fault['msg'].removeprefix('Value error, ')}"


if __name__ == "__main__":
    main()
