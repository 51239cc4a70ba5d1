"""Options that commands share: one name, one meaning, one help text."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer

from flows.commands import complete


def day(text: str | date) -> date:
    """A day as it is typed; raise BadParameter for what is none."""
    if isinstance(text, date):
        return text
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day; write it as 2026-01-31") from error


def in_order(first: date | None, last: date | None) -> None:
    """Raise BadParameter where a range ends before it begins."""
    if first and last and last < first:
        raise typer.BadParameter(f"--to {last} lies before --from {first}")


def known_source(name: str) -> str:
    """A source that exists; raise BadParameter with those there are for any other."""
    from tasks.sources import DEFAULT, SOURCES

    if name not in (known := [DEFAULT, *SOURCES]):
        raise typer.BadParameter(f"no source is called {name!r}; there are {', '.join(known)}")
    return name


DAY = "YYYY-MM-DD"
TABLE = "<layer>.<table>"

Source = Annotated[
    str,
    typer.Option(
        callback=known_source,
        autocompletion=complete.sources,
        help="whose warehouse: shop, or a source that is mapped into our tables",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print JSON, for scripts, and nothing else")]
Table = Annotated[
    str, typer.Argument(metavar=TABLE, autocompletion=complete.tables(), help="for example core.fact_sales")
]
Place = Annotated[
    str,
    typer.Argument(
        metavar=f"{TABLE}[.<column>]",
        autocompletion=complete.places,
        help="for example core.fact_sales or core.fact_sales.net_amount; also bi.<view>, notebook.<name>",
    ),
]


def day_option(name: str, meaning: str) -> Any:
    """An option that takes a day, and completes those that were delivered."""
    return typer.Option(name, parser=day, metavar=DAY, autocompletion=complete.days, help=meaning)


From = Annotated[
    date | None,
    day_option("--from", "the first delivery day; default: the oldest"),
]
To = Annotated[
    date | None,
    day_option("--to", "the last delivery day; default: the newest"),
]
