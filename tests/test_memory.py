"""The memory benchmark: its counts are exact in every format, its limit kills, and DuckDB can spill in a run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import memory
import pytest

from tasks.settings import Settings
from tasks.workspace import Workspace

LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux' /proc")
HOLDS = "import time; held = bytearray({mib} << 20); time.sleep(0.3); print('{{}}')"


@LINUX
@pytest.mark.parametrize("form", memory.FORMATS)
def test_a_generated_file_is_cleaned_to_the_counts_that_follow_from_its_rows(tmp_path: Path, form: str) -> None:
    path = memory.write(tmp_path, 20_000, form)
    found = memory.cleaned(path, form, tmp_path / "scratch")
    assert found["counts"] == memory.expected(20_000, form)
    counts = found["counts"]
    assert counts["delivered"] == counts["accepted"] + counts["duplicate"] + counts["quarantined"]
    assert min(counts.values()) > 0
    assert found["steps"].keys() <= {*memory.STEPS.values(), "other"}


@LINUX
def test_a_process_that_holds_more_than_the_limit_is_killed_and_one_that_holds_less_is_not() -> None:
    above = memory.child([sys.executable, "-c", HOLDS.format(mib=200)], 100)
    assert above["died"] == -9
    assert above["said"].startswith("killed at ")
    assert memory.child([sys.executable, "-c", HOLDS.format(mib=50)], 100)["held"] >= 50


@LINUX
@pytest.mark.skipif(not os.environ.get("LARGE"), reason="some minutes and 8 GB of disk: make test LARGE=1")
def test_a_file_larger_than_memory_is_cleaned_to_exact_counts(tmp_path: Path) -> None:
    """2.2 GB of text below a limit of 2 GiB; read at once, the same file dies by that limit."""
    rows, mib = 13_000_000, 2_048
    path = memory.write(tmp_path, rows, "csv")
    assert path.stat().st_size > mib << 20
    found = memory.run(path, "csv", tmp_path / "scratch", mib)
    assert found.get("counts") == memory.expected(rows, "csv"), found
    assert found["held"] < mib
    at_once = memory.run(path, "csv", tmp_path / "scratch", mib, how="at_once")
    assert at_once["died"] == -9, at_once
    path.unlink()


def test_a_statement_that_needs_more_than_the_memory_limit_goes_to_scratch(tmp_path: Path) -> None:
    space = Workspace.open(Settings(home=tmp_path, memory_limit="50MB", threads=1))
    try:
        assert space.loader
        query = "CREATE TABLE sorted AS SELECT range AS n, md5(range::varchar) AS h FROM range(1500000) ORDER BY h"
        space.warehouse.native(query)  # type: ignore[attr-defined]
        assert space.warehouse.scalar("SELECT COUNT(h) FROM sorted") == 1_500_000
    finally:
        space.close()
