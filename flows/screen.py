"""What a terminal shows: answers on standard output, work under way on standard error, JSON for scripts.

Colours and moving bars are for people: they stay off in a pipe, a file or CI, with NO_COLOR, and where TERM is dumb.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from typing import IO, Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

# A file or a pipe has no width of its own; 80 columns would cut names off.
_WIDTH_OF_A_FILE = 160
OnStep = Callable[[str, str], None]


class Advance(Protocol):
    """Tells that a step is done, or begins; `count`: how many there are, where that is known only now."""

    def __call__(self, what: str, count: int | None = None) -> None: ...


def is_lively(stream: IO[str]) -> bool:
    """Whether a person looks at a stream, on a terminal that can colour and move."""
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM") in ("dumb", "unknown")
    return stream.isatty() and not unwanted


def _console(stream: IO[str], *, stderr: bool = False) -> Console:
    lively = is_lively(stream)
    return Console(
        stderr=stderr,
        highlight=False,
        force_terminal=lively,
        no_color=not lively,
        width=None if stream.isatty() else _WIDTH_OF_A_FILE,
    )


console = _console(sys.stdout)
# Bars and spinners: what a command prints can be piped while they move.
aside = _console(sys.stderr, stderr=True)


def print_json(body: object) -> None:
    """Print a document for scripts; dates and the like as text."""
    sys.stdout.write(json.dumps(body, indent=2, default=str, ensure_ascii=False) + "\n")


def only_json(is_wanted: bool) -> AbstractContextManager[Any]:
    """While a document is wanted, whatever else is printed (also metrics of aws mode) goes to standard error."""
    return redirect_stdout(sys.stderr) if is_wanted else nullcontext()


@contextmanager
def working(text: str, total: int | None = None) -> Iterator[Advance]:
    """A bar over work, pulsing until it is known how many steps it has; gives what each step is told with.

    Without a terminal, nothing: what comes of the work is said at its end.
    """
    if not aside.is_terminal:
        yield lambda what, count=None: None
        return
    with _bar() as bar:
        work = bar.add_task(f"{text} …", total=total)

        def advance(what: str, count: int | None = None) -> None:
            bar.update(work, advance=1, description=f"{text}  {what}", **({} if count is None else {"total": count}))

        yield advance


@contextmanager
def steps(total: int) -> Iterator[OnStep]:
    """A bar over the steps of a run; gives the function that a step calls with its name and object.

    Without a terminal, a line per delivery and stage, for logs.
    """
    if not aside.is_terminal:
        yield _plain()
        return
    with _bar() as bar:
        work = bar.add_task("starting", total=total)

        def advance(step: str, what: str) -> None:
            bar.update(work, advance=1, description=f"{step:>8}  {what}")

        yield advance
        bar.update(work, completed=total)


def _bar() -> Progress:
    """Spinner, text, bar, count and time on one line; the text is cut where the terminal is narrow."""
    column = Column(no_wrap=True, overflow="ellipsis", width=max(16, min(60, aside.width - 46)))
    text = TextColumn("{task.description}", markup=False, table_column=column)
    shown = (SpinnerColumn(), text, BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*shown, console=aside, transient=True)


def _plain() -> OnStep:
    told: set[str] = set()
    day = ""

    def tell(step: str, what: str) -> None:
        nonlocal day
        if step in ("start", "docs"):
            aside.print(f"{step}: {what}", markup=False)
            return
        day = what.partition("/")[0] if step == "clean" else day
        line = "clean and load" if step in ("clean", "load") else step
        line = f"{day}: {line}" if day else line
        if line not in told:
            told.add(line)
            aside.print(line, markup=False)

    return tell
