"""The benchmarks: every contender finds the rows that were planted, and one that does not ends the comparison."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import gates
import polars as pl
import pytest
from contenders import CONTENDERS, measured
from web_events import CHECKS, LEAST_ROWS, events, events_file, planted, products_file, write

ROWS = 3_000
LIBRARY = {"pandera-polars": "pandera", "pointblank": "pointblank"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web_events")
    write(folder, ROWS)
    return folder


def test_there_are_25_checks_of_12_columns_and_each_kind_has_its_own_number_of_faults() -> None:
    kinds = {check.kind for check in CHECKS}
    assert len({check.name for check in CHECKS}) == 25
    assert len(events(LEAST_ROWS).columns) == 12
    for rows in (LEAST_ROWS, ROWS, 5_000_000):
        counts = [count for count in planted(rows).values() if count]
        assert len(counts) == len(set(counts)) == len(kinds)
        assert {check.kind for check in CHECKS if planted(rows)[check.name]} == kinds


def test_the_same_rows_give_the_same_events_and_too_few_are_refused() -> None:
    assert events(ROWS).equals(events(ROWS))
    with pytest.raises(ValueError, match="do not hold all faults"):
        events(LEAST_ROWS - 1)


@pytest.mark.parametrize("name", CONTENDERS)
def test_every_contender_finds_what_was_planted(name: str, data: Path) -> None:
    library = LIBRARY.get(name)
    if library and not find_spec(library):
        pytest.skip(f"{library} is not installed: it comes with requirements-bench.lock (`make bench-gates`)")
    found = measured(CONTENDERS[name], events_file(data, ROWS), products_file(data))
    assert found["counts"] == planted(ROWS)
    assert min(found["cpu"], found["wall"]) > 0
    assert found["peak_mb"] >= found["imports_mb"] > 10


def test_the_command_compares_contenders_that_agree(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    only = ["--only", "hand-fused", "--only", "warehouse", "--json", str(tmp_path / "gates.json")]
    assert gates.main(["--rows", str(ROWS), "--repeats", "2", *only, "--data", str(data)]) == 0
    said = capsys.readouterr().out
    assert "3,000 web events x 12 columns, 25 checks, 2 rounds" in said
    (row,) = [line for line in said.splitlines() if "hand-fused" in line and "│" in line]
    assert row.count("1.00") >= 3
    found = json.loads((tmp_path / "gates.json").read_text())
    assert [(each["bench"], each["contender"]) for each in found] == [
        ("gates, 3,000 rows", "hand-fused"),
        ("gates, 3,000 rows", "warehouse"),
    ]
    assert found[1]["ratio_cpu"] == 1


def test_the_command_ends_with_1_and_names_who_counts_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, ROWS)
    file = events_file(tmp_path, ROWS)
    spoilt = pl.read_parquet(file).with_columns(
        device_type=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("toaster")).otherwise("device_type")
    )
    spoilt.write_parquet(file)
    assert gates.main(["--rows", str(ROWS), "--repeats", "1", "--only", "hand-fused", "--data", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "hand-fused: device_type.in_set: found 1, planted 0" in said
    assert "CPU s" not in said


def test_a_contender_that_fails_is_an_error_not_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gates.CONTENDERS, "nobody", CONTENDERS["hand-fused"])
    assert gates.main(["--rows", str(ROWS), "--only", "nobody", "--data", str(tmp_path)]) == 1
    assert "contenders.py nobody" in capsys.readouterr().out


def test_a_check_that_is_left_out_or_invented_is_a_wrong_count() -> None:
    assert gates.wrong_counts("x", {"a": 1, "b": 0}, {"a": 1, "b": 0}) == []
    assert gates.wrong_counts("x", {"a": 1}, {"a": 1, "b": 0}) == ["x: b: found nothing, planted 0"]
    assert gates.wrong_counts("x", {"a": 1, "c": 2}, {"a": 1}) == ["x: c: found 2, planted nothing"]


@pytest.mark.parametrize(
    ("cpu", "peak_mb", "met"),
    [(1.5, 500, [True, True, True]), (1.6, 501, [False, False, False]), (1.6, 500, [False, False, True])],
)
def test_the_aims_are_told_as_met_or_not(cpu: float, peak_mb: float, met: list[bool]) -> None:
    costs = {
        "hand-fused": {"cpu": 1.0, "peak_mb": 100.0},
        "warehouse": {"cpu": cpu, "peak_mb": peak_mb},
        "gx-pandas": {"cpu": 15.0, "peak_mb": 1000.0},
    }
    assert [aim.met for aim in gates.aims(costs)] == met
    assert gates.aims({"warehouse": costs["warehouse"]}) == []


def test_medians_are_those_of_each_cost() -> None:
    assert gates.medians([{"cpu": 1, "wall": 9}, {"cpu": 3, "wall": 7}, {"cpu": 2, "wall": 8}]) == {"cpu": 2, "wall": 8}
