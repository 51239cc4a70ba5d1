"""The benchmark of the landing functions runs, and measures what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import landing
import pytest

from tasks.landing_package import Package


@pytest.fixture
def surroundings(built: Package, tmp_path: Path) -> Iterator[tuple[Path, Path, dict[str, str]]]:
    with landing.surroundings(built.path, tmp_path) as found:
        yield found


def test_functions_answer_cold_and_warm_with_bytecode_and_without_and_larger_files_are_checked(
    surroundings: tuple[Path, Path, dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package, beside, environment = surroundings
    started = list(landing.starts(package, beside, tmp_path, environment, rounds=1, names=["start"]))
    assert [(s.function, s.bytecode) for s in started] == [("start", True), ("start", False)]
    assert all(s.warm > 0 for s in started)
    checked = landing.check(package, beside, tmp_path, environment, rows=2_000)
    assert (checked.rows, checked.verdict) == (2_000, "accept")
    assert checked.peak_mib > 50
    landing.show(started, [checked])
    assert "| 2,000 |" in capsys.readouterr().out
