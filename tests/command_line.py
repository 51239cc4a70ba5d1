"""What a `dw` command line says, and how a test runs one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Dw = Callable[..., Said]


@dataclass(frozen=True)
class Run:
    """A `dw run` of its own process: its home, its Prefect home, and how to wait for its end."""

    home: Path
    prefect: Path
    end: Callable[[], Said]


_STEP = re.compile(r"(start|docs): .+|(\d{4}-\d\d-\d\d: )?(clean and load|curated|glue|core|mart|score)")


def beside_steps(err: str) -> list[str]:
    """What stands on standard error beside the steps of a run, a line each."""
    return [line for line in err.splitlines() if not _STEP.fullmatch(line)]


def words(text: str) -> str:
    """Text without the frames and line breaks of tables."""
    return " ".join(re.sub(r"[│┃╭╮╰╯─━┏┓┗┛┡┩├┤┼┴┬╇╋]", " ", text).split())
