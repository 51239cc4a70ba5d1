"""`make smoke-aws CONFIRM=yes`: the aws mode against a real account, step by step. It costs money.

It works in an environment of its own (schemas `smoke_<id>_*`) and below prefixes of its own (`_smoke/<id>/` of lake
and inbox), and removes both at the end, also after a failure.
Exit code 0: nothing failed, 1: something did, 2: refused.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import smoke_daily as daily
import smoke_steps as steps
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from smoke_steps import NotShown, Place

from tasks.settings import Settings

Step = Callable[[Place], str]
STEPS: dict[str, Step] = {
    "S3: put and get": steps.put_and_get,
    "S3: upload in parts": steps.multipart,
    "S3: KMS": steps.encryption,
    "S3: conditional PUT": steps.conditional_put,
    "S3: lease": steps.lease,
    "S3: manifest": steps.manifest,
    "credentials": steps.credentials,
    "TLS": steps.tls,
    "COPY of every type": steps.copy,
    "MERGE": steps.merge,
    "TRUNCATE commits": steps.truncate_commits,
    "error in a transaction": steps.failed_transaction,
    "VACUUM alone": steps.vacuum_alone,
    "COMMIT in doubt, LOCK": steps.commit_in_doubt,
    "BEGIN READ ONLY": steps.read_only,
    "UNLOAD": steps.unload,
    "statement_timeout": steps.time_limit,
    "query_group": steps.query_group,
    "tags in the query log": steps.tags,
    "Glue: bundle": daily.bundle,
    "Glue and a daily run": daily.daily,
}
CLEAN_UP = "clean up"
_COLOURS = {"proved": "green", "not shown here": "yellow", "FAILED": "red"}


@dataclass(frozen=True)
class Result:
    """How a step went: proved, not shown here, or FAILED; what was seen, or why not."""

    name: str
    how: str
    said: str
    seconds: float


def refusal(environment: Mapping[str, str]) -> str:
    """Why nothing is done; empty where it was asked for."""
    if environment.get("DW_MODE") != "aws":
        return "DW_MODE is not aws: set the DW_* settings of the account (docs/aws.md)"
    if environment.get("CONFIRM") != "yes":
        return "this uses S3, Redshift and Glue of your account, which costs money: make smoke-aws CONFIRM=yes"
    return ""


def run(settings: Settings, folder: Path, console: Console, chosen: Mapping[str, Step] = STEPS) -> list[Result]:
    """Take the steps one after the other, tell each, and remove what they made, whatever happens."""
    place = Place(settings, folder)
    console.print(f"schemas {place.settings.environment}_*, objects below {place.settings.lake_url} and the inbox's")
    results: list[Result] = []
    try:
        for name, step in chosen.items():
            results.append(_taken(name, step, place, console))
    finally:
        results.append(_taken(CLEAN_UP, Place.clean_up, place, console))
    return results


def _taken(name: str, step: Step, place: Place, console: Console) -> Result:
    started = time.monotonic()
    try:
        how, said = "proved", step(place)
    except NotShown as why:
        how, said = "not shown here", str(why)
    except Exception as error:
        how, said = "FAILED", f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
    result = Result(name, how, said, time.monotonic() - started)
    console.print(f"[{_COLOURS[how]}]{how:<14}[/] {name}: {escape(said)}", soft_wrap=True)
    return result


def account(results: Sequence[Result], console: Console) -> int:
    """The table at the end, and the exit code."""
    table = Table("step", "", "seconds", box=SIMPLE)
    for result in results:
        table.add_row(result.name, f"[{_COLOURS[result.how]}]{result.how}[/]", f"{result.seconds:.1f}")
    console.print(table)
    counts = {how: sum(result.how == how for result in results) for how in _COLOURS}
    console.print(", ".join(f"{count} {how}" for how, count in counts.items()))
    return 1 if counts["FAILED"] else 0


def main() -> int:
    if why := refusal(os.environ):
        sys.stderr.write(f"smoke-aws: {why}\n")
        return 2
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="smoke-aws-") as folder:
        return account(run(Settings(), Path(folder), console), console)


if __name__ == "__main__":
    sys.exit(main())
