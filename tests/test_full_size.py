"""The benchmarks of the full size: their delivery, the bare script, stages and what is written of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import bare
import duckdb
import pipeline
import polars as pl
import pytest
import results
from full_delivery import FullDelivery, full_delivery

from contracts.registry import REPOSITORY, Registry
from sql.graph import Graph

DAYS = 3


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> FullDelivery:
    return full_delivery(tmp_path_factory.mktemp("full"), DAYS)


def _records(file: Path) -> int:
    if file.suffix == ".parquet":
        return int(pl.scan_parquet(file).select(pl.len()).collect().item())
    text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return len(text.splitlines()) - (".csv" in file.name)


def test_the_export_has_the_records_of_all_days_but_the_last(delivery: FullDelivery) -> None:
    assert len(delivery.daily) == DAYS
    assert delivery.last_day == delivery.daily[-1]
    assert delivery.export.name == delivery.daily[-2].name
    names = {file.name for day in delivery.daily[:-1] for file in day.iterdir()}
    assert {file.name for file in delivery.export.iterdir()} == names
    for name in names:
        by_day = [_records(day / name) for day in delivery.daily[:-1] if (day / name).exists()]
        assert _records(delivery.export / name) == sum(by_day), name


def test_a_delivery_is_generated_once(delivery: FullDelivery) -> None:
    assert full_delivery(delivery.export.parents[1], DAYS) == delivery


def test_the_bare_script_makes_every_table_but_those_of_the_audit(delivery: FullDelivery, tmp_path: Path) -> None:
    bare.main(delivery.export, tmp_path / "home")
    made = set(Graph.read(REPOSITORY, Registry.read()).tables) - bare.LEFT_OUT
    with duckdb.connect(str(tmp_path / "home/bare.duckdb"), read_only=True) as connection:
        tables = {f"{schema}.{name}" for schema, name in connection.execute(_TABLES).fetchall()}
        assert {str(table) for table in made} <= tables
        empty = [t for t in tables if not connection.execute(f"SELECT 1 FROM {t} LIMIT 1").fetchall()]
    assert not empty


_TABLES = "SELECT schema_name, table_name FROM duckdb_tables()"


def _part(stage: str, table: str, cpu: float, peak: float) -> dict[str, Any]:
    return {"stage": stage, "table": table, "cpu_s": cpu, "wall_s": cpu / 2, "peak_mib": peak}


def test_stages_are_medians_over_the_rounds_with_a_line_for_the_whole_stage() -> None:
    rounds = [
        [_part("clean", "raw.a", cpu, 10 * cpu), _part("clean", "raw.b", 1, 5), _part("start", "", 2, 1)]
        for cpu in (3, 9, 4)
    ]
    sizes = {"raw.a": {"rows": 100, "bytes": 7}, "raw.b": {"rows": 10, "bytes": 1}}
    found = [(p["stage"], p["table"], p["cpu_s"], p["peak_mib"], p["rows"]) for p in pipeline.by_stage(rounds, sizes)]
    assert found == [
        ("clean", "", 5, 40, 110),
        ("clean", "raw.a", 4, 40, 100),
        ("clean", "raw.b", 1, 5, 10),
        ("start", "", 2, 1, 0),
    ]


def test_what_was_measured_replaces_what_stood_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "startup.json").write_text(
        json.dumps([{"bench": "startup", "name": "`dw --help`", "value": 0.251, "unit": "s", "aim": 0.3}])
    )
    standing = f"above\n{results.BEGIN}\nold figures\n{results.END}\nbelow\n"
    once = results.written(tmp_path, standing, "2026-11-23")
    assert once.startswith("above\n")
    assert once.endswith(f"{results.END}\nbelow\n")
    assert "old figures" not in once
    assert "| `dw --help` | 0.25 s | 0.3 s |" in once
    assert "`queries` was not measured this time." in once
    assert results.written(tmp_path, once, "2026-11-23") == once
    with pytest.raises(ValueError, match="has not the marks"):
        results.written(tmp_path, "nothing", "2026-11-23")
