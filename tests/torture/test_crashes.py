"""`kill -9` anywhere, run again: the same tables, no residue. Two at once, and the same rows twice, change nothing."""

from __future__ import annotations

import shutil
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from remains import residue, state
from scenarios import SEEDS
from small_shop import built, differences, query, tables

from tasks.settings import Settings
from tasks.warehouse import open_warehouse

Crashes = dict[str, Future[Any]]


def test_a_run_killed_at_one_step_after_the_other_ends_as_if_nothing_had_been(crashes: Crashes) -> None:
    trial = crashes["at_steps"].result()
    assert trial.faults == []
    assert trial.died == [point.at for point in trial.points]
    assert {what.partition(" ")[0] for _, what in trial.died} == {
        "clean", "load", "curated", "core", "mart", "score", "site"
    }  # fmt: skip


def test_a_run_killed_after_one_commit_or_a_few_ends_as_if_nothing_had_been(crashes: Crashes) -> None:
    trial = crashes["at_commits"].result()
    assert trial.faults == [], trial
    assert trial.died == [point.at for point in trial.points]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_killed_at_random_ends_as_if_nothing_had_been(crashes: Crashes, seed: str) -> None:
    trial = crashes[f"at_random {seed}"].result()
    assert trial.died, "no kill struck"
    assert trial.faults == [], trial


def test_a_backfill_killed_while_it_cleans_ahead_or_builds_is_taken_up_by_the_next(crashes: Crashes) -> None:
    trial = crashes["backfill"].result()
    assert len(trial.died) > 2
    assert trial.faults == []


def test_a_late_file_is_scored_though_the_run_that_loaded_it_was_killed_before(crashes: Crashes) -> None:
    trial = crashes["late_file"].result()
    assert trial.died
    assert trial.faults == []


def test_a_second_run_is_told_who_is_at_work_and_harms_nothing(crashes: Crashes) -> None:
    second, first, faults = crashes["two_at_once"].result()
    assert second.code == 1
    assert f"(process {first.pid}); wait for it to end, or stop it" in second.error
    assert first.code == 0
    assert faults == []


def test_the_same_file_and_the_same_rows_in_another_file_bring_nothing_new(crashes: Crashes) -> None:
    ended, home = crashes["rows_again"].result()
    assert ended.code == 0, ended.error
    before = crashes["loaded"].result()
    assert differences(tables(before, ("clean",)), tables(home, ("clean",))) == {}
    assert differences(built(before), built(home)) == {}
    assert residue(home) == []
    new = query(home, "SELECT * FROM audit.load_ledger WHERE file_name <> 'orders.csv.gz' AND file_name LIKE 'orders%'")
    assert new.get_column("file_name").to_list() == ["orders.3.csv.gz"]
    assert new.get_column("loaded_rows").to_list() == [0]
    assert new.get_column("duplicate_rows").item() > 0


# What is held against a run that nobody killed would tell


@pytest.fixture
def loaded(crashes: Crashes, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crashes["loaded"].result(), tmp_path / "home"))


def test_a_home_that_is_well_has_no_residue(loaded: Path) -> None:
    assert residue(loaded) == []


def test_residue_of_every_kind_is_told(loaded: Path) -> None:
    orders = next((loaded / "lake" / "clean" / "orders").rglob("rows.parquet"))
    sessions = next((loaded / "lake" / "curated" / "web_sessions").rglob("rows.parquet"))
    for path in (orders, sessions):
        shutil.copytree(path.parent, path.parent.with_name("nobody"))
    orders.with_name(".rows.parquet.part").touch()
    (loaded / "scratch").mkdir(exist_ok=True)
    (loaded / "scratch" / "left").touch()
    with open_warehouse(Settings(home=loaded)) as warehouse:
        for statement in (
            "CREATE TABLE stage.core__dim_channel (channel_code VARCHAR(9))",
            "INSERT INTO stage.pending__core__dim_channel VALUES ('all')",
            "UPDATE audit.load_ledger SET loaded_rows = loaded_rows + 1 WHERE file_name = 'orders.csv.gz'",
            "DELETE FROM mart.web_funnel",
        ):
            warehouse.execute(statement)
    said = "\n".join(residue(loaded))
    for part in (
        f"temporary file {orders.relative_to(loaded).with_name('.rows.parquet.part')}",
        "temporary file scratch/left",
        "table stage.core__dim_channel",
        "1 keys wait in stage.pending__core__dim_channel",
        "orders.csv.gz: the ledger does not balance",
        "mart.web_funnel: builds recorded",
        f"nothing explains the file {orders.parent.with_name('nobody').relative_to(loaded / 'lake')}/rows.parquet",
        f"nothing explains the file {sessions.parent.with_name('nobody').relative_to(loaded / 'lake')}/rows.parquet",
    ):
        assert part in said, said


def test_a_changed_row_a_lost_record_and_a_changed_file_are_told(loaded: Path) -> None:
    before = state(loaded)
    assert differences(before, state(loaded)) == {}
    with open_warehouse(Settings(home=loaded)) as warehouse:
        warehouse.execute("UPDATE core.dim_channel SET channel_name = 'another'")
        warehouse.execute("DELETE FROM audit.quality_result WHERE batch_id <> ''")
    path = next((loaded / "lake" / "clean" / "orders").rglob("rows.parquet"))
    pl.read_parquet(path).head(3).write_parquet(path)
    assert differences(before, state(loaded)).keys() == {"core.dim_channel", "audit.quality_result", "lake"}
