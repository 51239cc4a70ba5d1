"""`dw diff` as it is typed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class FailOn(StrEnum):
    """What makes `dw diff` end with 1."""

    breaking = "breaking"
    additive = "additive"
    version = "version"


def diff(
    base: Annotated[str, typer.Argument(help="a revision of git, or a folder that holds contracts/")],
    head: Annotated[
        str | None, typer.Argument(help="likewise; default: what lies in the repository, committed or not")
    ] = None,
    from_merge_base: Annotated[
        bool, typer.Option("--merge-base", help="begin where HEAD left BASE, without what came to BASE since")
    ] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="print it as a comment on a pull request")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print everything as JSON")] = False,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            help="end with 1 on such a change (additive: breaking too); version: a contract not bumped for it"
        ),
    ] = None,
) -> None:
    """Tell what two revisions of contracts and SQL say otherwise, by meaning, and which tables that reaches."""
    from flows import diff_command

    if as_markdown and as_json:
        raise ValueError("--markdown or --json, not both")
    form: diff_command.Form = "markdown" if as_markdown else "json" if as_json else "text"
    if diff_command.diff(base, head, form, fail_on.value if fail_on else None, from_merge_base=from_merge_base):
        raise typer.Exit(1)
