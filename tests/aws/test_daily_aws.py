"""`dw run` in aws mode, by Prefect, S3, Glue and Redshift: each table comes out as in local mode, hash for hash."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from cloud import as_environment, cloud_settings, cloud_tables, open_cloud
from command_line import beside_steps
from glue_standin import SPARK_IS_MISSING, GlueStandIn, glue_stand_in
from local_aws import new_buckets_by_layer
from redshift_standin import Logged, Standin
from small_shop import Shop, read_repository

from contracts.registry import REPOSITORY
from tasks.glue_bundle import write_bundle
from tasks.s3 import Store
from tasks.settings import Settings

pytest.importorskip("pyspark", reason=SPARK_IS_MISSING)

# What no two runs have in common, in the tables about runs: who they were, when, and how long it took.
OF_THE_RUN = {
    "run_id", "seconds", "loaded_at", "recorded_at", "checked_at", "scored_at", "quarantined_at", "acted_at",
    "applied_at", "built_at",
}  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """What a run of both deliveries left behind."""

    settings: Settings
    code: int
    out: str
    err: str
    glue: GlueStandIn
    statements: list[Logged]


@pytest.fixture(scope="module")
def ran(
    shop: Shop, local_aws: str, running_standin: Standin, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ran]:
    root = tmp_path_factory.mktemp("daily_aws")
    running_standin.reset()
    write_bundle(root / "bundle", *read_repository())
    given = cloud_settings(root / "home", running_standin)
    # As it is deployed: each layer of the lake in a bucket of its own.
    settings = given.model_copy(update={"lake_url": f"{new_buckets_by_layer()}/lake"})
    with glue_stand_in(root / "glue", root / "bundle") as glue:
        space = open_cloud(settings)
        space.deliveries.take_over(shop.delivery.root)
        space.close()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "DW_"))}
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", "run"],
            cwd=REPOSITORY,
            env={**environment, **as_environment(settings), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        yield Ran(settings, done.returncode, done.stdout, done.stderr, glue, list(running_standin.statements))


@pytest.fixture(scope="module")
def tables(shop: Shop, ran: Ran) -> dict[str, tuple[pl.DataFrame, pl.DataFrame]]:
    """Each table of the warehouse: in local mode, in aws mode."""
    local, cloud = cloud_tables(Settings(home=shop.home)), cloud_tables(ran.settings)
    assert local.keys() == cloud.keys()
    return {name: (local[name], cloud[name]) for name in local}


def test_the_run_ends_well_and_says_where_things_are(ran: Ran) -> None:
    assert ran.code == 0, ran.out + ran.err
    assert beside_steps(ran.err) == []
    assert f"Redshift {ran.settings.redshift_host}/{ran.settings.redshift_database}" in ran.out
    assert [run.id for run in ran.glue.runs] == [line.split()[2] for line in ran.out.splitlines() if "Glue run" in line]


def test_every_table_has_the_rows_of_local_mode(tables: dict[str, tuple[pl.DataFrame, pl.DataFrame]]) -> None:
    """Columns, types and rows: one hash for each table on both sides."""
    assert {name.partition(".")[0] for name in tables} == {"clean", "curated", "core", "mart", "audit"}
    assert sum(local.height > 0 for local, _ in tables.values()) > 50
    found = {}
    for name, sides in tables.items():
        left_out = OF_THE_RUN if name.startswith("audit.") else set()
        found[name] = [fingerprint(side.drop(left_out & set(side.columns))) for side in sides]
    assert {name: local for name, (local, _) in found.items()} == {name: cloud for name, (_, cloud) in found.items()}


def fingerprint(rows: pl.DataFrame) -> tuple[int, str]:
    """Rows and a hash of names, types and values, in whatever order they came."""
    ordered = rows.select(sorted(rows.columns)).sort(sorted(rows.columns), nulls_last=True)
    values = ordered.write_csv(null_value="<null>")
    return ordered.height, hashlib.sha256(f"{ordered.schema}\n{values}".encode()).hexdigest()


def test_a_difference_of_one_value_is_another_hash() -> None:
    rows = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert fingerprint(rows) == fingerprint(rows.reverse())
    assert fingerprint(rows) != fingerprint(rows.with_columns(b=pl.col("b").fill_null("")))
    assert fingerprint(rows) != fingerprint(rows.cast({"a": pl.Int32}))


def test_lake_transforms_ran_on_glue_once_per_build(ran: Ran) -> None:
    assert [run.states[-1] for run in ran.glue.runs] == ["SUCCEEDED"] * 2
    assert len({run.arguments["--plan"] for run in ran.glue.runs}) == 2


def test_the_prefect_run_names_the_runs_of_glue(ran: Ran) -> None:
    with sqlite3.connect(Path(ran.settings.home) / "prefect" / "prefect.db") as database:
        found = database.execute("SELECT data FROM artifact WHERE key = 'glue-runs' AND task_run_id IS NOT NULL")
        told = " ".join(data for (data,) in found.fetchall())
    database.close()
    assert all(run.id in told for run in ran.glue.runs)
    assert "curated.web_sessions" in told


def test_rows_came_in_by_copy_from_manifests(ran: Ran) -> None:
    copies = [said.text for said in ran.statements if "COPY " in said.text]
    files = 18  # clean tables of two days
    assert len([text for text in copies if "/clean/" in text]) == files
    assert all("FORMAT AS PARQUET MANIFEST" in text and ".manifest'" in text for text in copies)


def test_every_statement_of_the_run_is_tagged(ran: Ran) -> None:
    own = [
        said.text for said in ran.statements if "core.fact_sales" in said.text and "INTO core.fact_sales" in said.text
    ]
    assert own
    assert all(text.startswith("/* warehouse run=") and "table=core.fact_sales */" in text for text in own)


def test_the_site_is_published_with_the_data_docs_inside(ran: Ran) -> None:
    found = {key for key, _ in Store(ran.settings.site_at).listed()}
    assert {"index.html", "tables/mart.executive_kpi_daily.html", "data_docs/index.html"} <= found


def test_nothing_of_the_data_stays_on_the_machine_but_scratch_and_docs(ran: Ran) -> None:
    left = {path.name for path in Path(ran.settings.home).iterdir()}
    assert "warehouse.duckdb" not in left
    assert "lake" not in left
    assert "inbox" not in left
