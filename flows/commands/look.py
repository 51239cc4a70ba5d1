"""Panel "Look at data": queries, stories, scores, balances."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from flows.commands import complete, panel
from flows.commands.options import Json, Place, Source, Table, day_option

look = panel("Look at data")


@look.command('dw query "select * from mart.executive_kpi_daily order by kpi_date"')
def query(
    sql: Annotated[
        str,
        typer.Argument(help="one query in the warehouse's own words: DuckDB locally, Redshift on AWS; - reads it"),
    ],
    source: Source = "shop",
    limit: Annotated[int, typer.Option(min=1, help="show at most this many rows")] = 50,
    csv: Annotated[bool, typer.Option("--csv", help="print all rows as CSV")] = False,
) -> None:
    """Ask the warehouse, and change nothing in it.

    `dw query - < report.sql` asks what stands in a file.
    """
    from flows import inspect_commands

    inspect_commands.query(sys.stdin.read() if sql == "-" else sql, source, None if csv else limit)


@look.command("dw export mart.customer_360 --to out/customer_360")
def export(
    table: Table,
    to: Annotated[str, typer.Option("--to", help="an empty folder; from Redshift s3://bucket/prefix")],
    with_personal_data: Annotated[
        bool, typer.Option("--with-personal-data", help="also the columns that contracts call personal")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an earlier export")] = False,
    source: Source = "shop",
) -> None:
    """Write a table's rows as Parquet files, without personal data.

    DuckDB writes to a folder, Redshift to S3 (UNLOAD).
    """
    from flows import warehouse_commands

    warehouse_commands.export(table, to, source, with_personal_data=with_personal_data, overwrite=overwrite)


@look.command("dw explain mart.finance_daily_revenue")
def explain(table: Table, as_json: Json = False) -> None:
    """Tell a table's story: meaning, grain, load, columns and where they come from, rules, readers."""
    from flows import inspect_commands

    inspect_commands.explain(table, as_json=as_json)


@look.command("dw lineage mart.finance_daily_revenue.net_amount --up")
def lineage(
    name: Place,
    up: Annotated[bool, typer.Option("--up", help="only where it comes from")] = False,
    down: Annotated[bool, typer.Option("--down", help="only where it goes")] = False,
    depth: Annotated[int | None, typer.Option(min=1, help="so many steps; default: all the way")] = None,
    as_json: Json = False,
) -> None:
    """Draw where a table or column comes from and where it goes, from the delivered files to notebooks."""
    from flows import lineage_commands

    lineage_commands.lineage(name, depth, up=up or not down, down=down or not up, as_json=as_json)


@look.command("dw impact clean.orders.status")
def impact(name: Place, as_json: Json = False) -> None:
    """List what fails without a table or column, and what shows other values or rows when it changes."""
    from flows import lineage_commands

    lineage_commands.impact_of(name, as_json=as_json)


@look.command("dw quality --table clean.orders --days 14")
def quality(
    table: Annotated[
        str | None,
        typer.Option(autocompletion=complete.tables(), help="only this table, for example clean.orders; default: all"),
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="how many delivery days to look back")] = 8,
    anomalies: Annotated[bool, typer.Option("--anomalies", help="only what is unusual, on any of the days")] = False,
    as_json: Json = False,
    source: Source = "shop",
) -> None:
    """Show how good the data is: scores by layer and table, their course, and what is unusual for its weekday."""
    from flows import quality_commands

    quality_commands.quality(source, table, days, as_json=as_json, only_anomalies=anomalies)


@look.command("dw reconcile --check sales_lines --day 2026-01-05")
def reconcile(
    check: Annotated[
        list[str] | None,
        typer.Option(
            autocompletion=complete.checks,
            help="only this check, for example sales_lines (may be repeated); default: all",
        ),
    ] = None,
    one_day: Annotated[
        date | None,
        day_option("--day", "only this business day; default: all"),
    ] = None,
    since: Annotated[
        date | None,
        day_option("--from", "the first business day; default: the oldest"),
    ] = None,
    until: Annotated[
        date | None,
        day_option("--to", "the last business day; default: the newest"),
    ] = None,
    source: Source = "shop",
    as_json: Json = False,
) -> None:
    """Compare source, clean, fact and mart, rows and money, and list every key that differs.

    Exit 1 if one does.
    """
    from flows import reconcile_command

    if one_day and (since or until):
        raise typer.BadParameter("--day stands alone; a range is --from and --to")
    if reconcile_command.reconcile(source, check or [], one_day or since, one_day or until, as_json=as_json):
        raise typer.Exit(1)


@look.command("dw site --open")
def site(
    out: Annotated[Path | None, typer.Option(help="the folder; default: site below the warehouse's own")] = None,
    open_: Annotated[bool, typer.Option("--open", help="show it in the browser")] = False,
    source: Source = "shop",
) -> None:
    """Build the site of catalog, lineage, quality, runs and notebooks.

    Its files open without a network.
    """
    from flows import site_command

    site_command.site(source, out, open_=open_)


bi = look.group("bi", "What BI tools are given: views, a role, a semantic layer, a file of their own.")


@bi.command("dw bi views")
def views(as_json: Json = False) -> None:
    """List the views that BI tools read, what a row of each is, and what is measured in it."""
    from flows import bi_commands

    bi_commands.list_views(as_json=as_json)


@bi.command("dw bi role --owner IAMR:warehouse-prod-pipeline --user superset")
def role(
    owner: Annotated[str | None, typer.Option(help="make the role, which reads the views of this user")] = None,
    user: Annotated[str | None, typer.Option(help="make a user who has the role, for one tool")] = None,
) -> None:
    """Print the statements with which an administrator lets BI tools read the views on Redshift, and nothing else."""
    from flows import bi_commands

    bi_commands.print_role(owner, user)


@bi.command("dw bi semantic")
def semantic() -> None:
    """Print the semantic layer, measures, dimensions and joins, as MetricFlow reads it (DW_ENVIRONMENT's views)."""
    from flows import bi_commands

    bi_commands.print_semantic()


@bi.command("dw bi export --to /srv/superset/shop.duckdb", name="export")
def bi_export(
    to: Annotated[Path | None, typer.Option("--to", help="the file; default: <DW_HOME>/reports.duckdb")] = None,
    source: Source = "shop",
) -> None:
    """Copy the local warehouse's views into a DuckDB file for BI tools, which no run locks.

    A file that is there is replaced in one step; who reads it keeps what they have open.
    """
    from flows import bi_commands

    bi_commands.export(source, to)
