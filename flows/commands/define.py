"""Panel "Contracts and SQL": what tables promise and how they are made: checked, shown, compared, carried out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.commands import complete, panel
from flows.commands.options import TABLE, Json, Source, Table

define = panel("Contracts and SQL")


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
    """Which SQL of a table: its SELECT, CREATE TABLE, what builds and publishes it, or the view that shows it."""

    select = "select"
    ddl = "ddl"
    merge = "merge"
    view = "view"


class Written(StrEnum):
    """How a contract is written."""

    yaml = "yaml"
    json = "json"


class FailOn(StrEnum):
    """What makes `dw diff` end with 1."""

    major = "major"
    version = "version"
    breaking = "breaking"
    additive = "additive"
    never = "never"


class Form(StrEnum):
    """How `dw diff` prints what it found."""

    text = "text"
    markdown = "markdown"
    json = "json"


@define.command("dw new mart.top_city --reads core.dim_customer --column city --column customer_count:bigint")
def new(
    name: Annotated[
        str | None, typer.Argument(metavar=TABLE, help="the new table, of core or mart; asked for on a terminal")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column", metavar="NAME[:TYPE]", help="a column, in order; its type may be that of a read table's"
        ),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="a column of the key (may be repeated); default: the first column")
    ] = None,
    reads: Annotated[
        list[str] | None,
        typer.Option(
            metavar=TABLE,
            autocompletion=complete.tables("clean", "curated", "core", "mart"),
            help="a table that it is made of (may be repeated); columns of the same name take type and meaning from it",
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="what people call it; default: its name in words")] = "",
    purpose: Annotated[str, typer.Option(help="what it is for; default: to be written")] = "",
    grain: Annotated[str, typer.Option(help="what one row is; default: one row per key")] = "",
) -> None:
    """Begin a table: its contract, its SELECT and a case, with a mark at each place that you must write.

    Nothing that stands is overwritten. Delivered tables begin with `dw import` of a file.
    """
    from flows import new_command

    new_command.new(name, columns or [], key or [], reads or [], title=title, purpose=purpose, grain=grain)


@define.command("dw check")
def check(
    write: Annotated[bool, typer.Option("--write", help="write stale generated suites anew")] = False,
    as_json: Json = False,
) -> None:
    """Check contracts, rules, SQL and generated suites.

    Exit 1 with file and line of every fault.
    """
    from flows import inspect_commands

    if inspect_commands.check(write=write, as_json=as_json):
        raise typer.Exit(1)


@define.command("dw render core.fact_sales --engine duckdb --part merge")
def render(
    table: Table,
    engine: Annotated[Engine, typer.Option(help="the dialect to print")] = Engine.redshift,
    part: Annotated[Part, typer.Option(help="which statements")] = Part.select,
) -> None:
    """Print the SQL that makes a table, as an engine gets it."""
    from flows import inspect_commands

    inspect_commands.render(table, engine.value, part.value)


@define.command("dw migrate --apply")
def migrate(
    apply: Annotated[bool, typer.Option("--apply", help="alter the tables (refused while a run is under way)")] = False,
    dialect: Annotated[Dialect, typer.Option(help="whose statements to print")] = Dialect.redshift,
    as_json: Json = False,
    source: Source = "shop",
) -> None:
    """Show what changed contracts ask of the tables that stand, or do it.

    Exit 3 while changes wait, 1 if one is refused.
    """
    from flows import migrate_command

    if code := migrate_command.migrate_tables(source, dialect.value, apply=apply, as_json=as_json):
        raise typer.Exit(code)


@define.command("dw import --from orders.csv.gz --to raw.orders", name="import")
def import_(
    source: Annotated[
        str, typer.Option("--from", metavar="FILE|TABLE", help="a CSV, JSON lines or Parquet file, or <schema>.<table>")
    ],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="LAYER.NAME", help="default: raw.<file>, or the table's own name if it is ours"),
    ] = None,
    warehouse: Annotated[
        str, typer.Option("--source", help="whose warehouse a TABLE stands in: shop, or another source")
    ] = "shop",
) -> None:
    """Draft a contract from a file, or a table of the warehouse, that passes on these data.

    Types, required columns, keys, lists of values and ranges are taken from the data, each with a comment that says
    what was seen; personal data are guessed and marked for review. Exit 1 if the data break the draft.
    """
    from flows import import_command

    if not import_command.import_data(source, to, warehouse):
        raise typer.Exit(1)


contract = define.group("contract", "Contracts as others write and read them: plain ODCS.")


@contract.command("dw contract export core.fact_sales --to out/fact_sales.odcs.yaml", name="export")
def contract_export(
    tables: Annotated[
        list[str],
        typer.Argument(metavar=f"{TABLE} …", help="for example core.fact_sales", autocompletion=complete.tables()),
    ],
    to: Annotated[
        Path | None, typer.Option("--to", help="a file, or a folder for several tables; default: print")
    ] = None,
    form: Annotated[Written, typer.Option("--format", help="yaml or json")] = Written.yaml,
) -> None:
    """Write contracts as plain ODCS: each rule as SQL that other tools run, no default left unsaid.

    `dw contract import` makes equal contracts of them again.
    """
    from flows import contract_command

    contract_command.export(tables, to, form.value)


@contract.command("dw contract import orders.odcs.yaml --to core", name="import")
def contract_import(
    file: Annotated[Path, typer.Argument(help="an ODCS v3 document", exists=True, dir_okay=False, readable=True)],
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="LAYER[.NAME]", help="default: the table that its id names, where that is one of ours"
        ),
    ] = None,
) -> None:
    """Make contracts of a foreign ODCS document, one a table, and say what is not understood.

    What says nothing here is kept in the contract under `setAside`. Nothing is written over.
    """
    from flows import contract_command

    contract_command.import_(file, to)


@define.command("dw diff main --merge-base")
def diff(
    base: Annotated[
        str, typer.Argument(metavar="[REF]", help="a revision of git, or a folder that holds contracts/")
    ] = "HEAD",
    head: Annotated[
        str | None, typer.Argument(help="likewise; default: what lies in the repository, committed or not")
    ] = None,
    from_merge_base: Annotated[
        bool, typer.Option("--merge-base", help="begin where HEAD left BASE, without what came to BASE since")
    ] = False,
    form: Annotated[
        Form | None, typer.Option("--format", help="text, markdown (a comment on a pull request) or json")
    ] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="the same as --format markdown")] = False,
    as_json: Json = False,
    fail_on: Annotated[
        FailOn,
        typer.Option(
            help="end with 1 on: major: a breaking change without a major version; version: any change without the "
            "version it asks for; breaking, additive: such a change (additive: breaking too), whatever the version"
        ),
    ] = FailOn.major,
) -> None:
    """Tell what two revisions of contracts and SQL say otherwise, by meaning, and which tables that reaches.

    Exit 1 on a breaking change without the next major version.
    """
    from flows import diff_command

    asked = {*([form] if form else []), *([Form.markdown] if as_markdown else []), *([Form.json] if as_json else [])}
    if len(asked) > 1:
        raise typer.BadParameter(f"{' or '.join(sorted(asked))}, not both")
    wanted = asked.pop().value if asked else "text"
    if diff_command.diff(base, head, wanted, fail_on.value, from_merge_base=from_merge_base):
        raise typer.Exit(1)
