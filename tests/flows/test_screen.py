"""What a terminal shows: bars on standard error while work is under way, none of it where nobody looks."""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest

from contracts.counted import counted
from contracts.ids import TableId
from contracts.registry import REPOSITORY, Registry

FILE = "order_id\n1\n"


def on_a_terminal(command: list[str], columns: int = 80, **environment: str) -> str:
    """What a person sees of a `dw` command: standard output and error on one terminal."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "CI", "COLUMNS", "TERM")}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *command],
        cwd=REPOSITORY,
        env={**kept, "TERM": "xterm-256color", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    seen = b""
    while True:
        ready, _, _ = select.select([ours], [], [], 120)
        try:
            part = os.read(ours, 65536) if ready else b""
        except OSError:  # the other side is closed
            break
        if not part:
            break
        seen += part
    process.wait()
    os.close(ours)
    return seen.decode("utf-8", "replace")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(FILE)
    return path


def test_a_terminal_sees_a_bar_that_fits_it_and_is_gone_at_the_end(file: Path) -> None:
    seen = on_a_terminal(["validate", "--table", "raw.orders", str(file)])
    assert "Checking" in seen
    assert "━" in seen
    assert "1/1" in seen
    assert "\x1b[?25h" in seen, "the cursor is there again"
    bars = [line for line in re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)) if "━" in line]
    assert max(map(len, bars)) <= 80
    assert re.search(r"\x1b\[\d*K|\x1b\[1A", seen), "the bar is wiped out"


@pytest.mark.parametrize("quiet", [{"NO_COLOR": "1"}, {"CI": "true"}, {"TERM": "dumb"}], ids=lambda e: next(iter(e)))
def test_no_colour_and_no_bar_where_they_are_not_wanted(file: Path, quiet: dict[str, str]) -> None:
    seen = on_a_terminal(["validate", "--table", "raw.orders", str(file)], **quiet)
    assert "\x1b" not in seen
    assert "Checking" not in seen
    assert "against raw.orders" in seen


def test_a_tables_story_breaks_no_name_on_a_narrow_terminal() -> None:
    seen = on_a_terminal(["explain", "core.dim_geography"], NO_COLOR="1")
    assert max(map(len, seen.splitlines())) <= 80
    for column in Registry.read(REPOSITORY)[TableId("core", "dim_geography")].columns:
        assert f"{column.name}  {column.type}" in seen


def test_the_help_fits_eighty_columns(file: Path) -> None:
    seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", on_a_terminal(["backfill", "--help"]))
    assert max(map(len, seen.splitlines())) <= 80
    assert "Example: dw backfill" in seen


@pytest.mark.parametrize(("number", "told"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (2000, "2,000 rows")])
def test_one_is_said_otherwise_than_many(number: int, told: str) -> None:
    assert counted(number, "row") == told
