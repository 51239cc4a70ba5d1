"""The smoke test itself: it proves on the stand-ins what they can show, says what not, fails aloud and cleans up."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest
import smoke_daily
import smoke_steps as steps
from cloud import cloud_settings
from glue_standin import SPARK_IS_MISSING, GlueStandIn, glue_stand_in
from redshift_standin import Standin
from rich.console import Console
from small_shop import read_repository
from smoke_aws import CLEAN_UP, STEPS, Result, account, refusal, run

from contracts.registry import REPOSITORY
from tasks import aws
from tasks.glue_bundle import write_bundle
from tasks.s3 import Store
from tasks.settings import Settings

DAILY = "Glue and a daily run"
QUICK = {name: step for name, step in STEPS.items() if name != DAILY}


@pytest.fixture
def settings(local_aws: str, standin: Standin, tmp_path: Path) -> Settings:
    return cloud_settings(tmp_path / "home", standin)


@pytest.fixture
def glue(settings: Settings, tmp_path: Path) -> Iterator[GlueStandIn]:
    """A job whose bundle is deployed."""
    written = write_bundle(tmp_path / "bundle", *read_repository())
    deployed = Store(settings.lake_url.replace("/lake", "/bundle"))
    for path in written:
        deployed.send(path.relative_to(tmp_path / "bundle").as_posix(), path.read_bytes())
    with glue_stand_in(tmp_path / "glue", tmp_path / "bundle") as stand_in:
        stand_in.bundle_url = deployed.url
        yield stand_in


def hows(results: list[Result]) -> dict[str, str]:
    return {result.name: result.how for result in results}


def left(settings: Settings, standin: Standin) -> list[object]:
    """Objects below lake and inbox, and schemas."""
    objects = [key for url in (settings.lake_url, settings.inbox_url) for key, _ in Store(url).listed()]
    with contextlib.closing(standin.backend()) as backend:
        return [*objects, *backend.run("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'smoke%'")]


def test_the_stand_ins_show_all_but_what_they_cannot(
    settings: Settings, standin: Standin, glue: GlueStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Store(settings.lake_url).send("theirs", b"1")
    results = run(settings, tmp_path, Console(width=200), QUICK)
    assert [(r.name, r.said) for r in results if r.how == "FAILED"] == []
    assert {name for name, how in hows(results).items() if how == "not shown here"} == {
        "S3: KMS",
        "tags in the query log",
    }
    assert [*hows(results)] == [*QUICK, CLEAN_UP]
    assert left(settings, standin) == ["theirs"]
    assert account(results, Console(width=200)) == 0
    said = capsys.readouterr().out
    assert f"{len(QUICK) - 1} proved, 2 not shown here, 0 FAILED" in said
    assert standin.password not in said


def test_a_key_is_shown_where_one_is_set(settings: Settings, tmp_path: Path) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    sealed = settings.model_copy(update={"kms_key": key})
    (result, _) = run(sealed, tmp_path, Console(quiet=True), {"S3: KMS": steps.encryption})
    assert (result.how, result.said) == ("proved", f"SSE-KMS with {key.rpartition('/')[2]}")


@pytest.mark.skipif(find_spec("pyspark") is None, reason=SPARK_IS_MISSING)
def test_a_daily_run_is_compared_with_local_mode(
    settings: Settings, standin: Standin, glue: GlueStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One day, as each takes half a minute here; on an account it is two.
    monkeypatch.setattr(smoke_daily, "SIZE", replace(smoke_daily.SIZE, days=1))
    results = run(settings, tmp_path, Console(quiet=True), {DAILY: smoke_daily.daily})
    assert [(r.name, r.said) for r in results if r.how != "proved"] == []
    assert "tables of 1 days equal local mode; Glue runs: 1" in results[0].said
    assert left(settings, standin) == []


def test_a_hash_is_of_what_stands_in_a_table_and_not_of_how_it_came() -> None:
    frame = pl.DataFrame({"a": [1, 2, None], "b": [Decimal("1.50"), Decimal("2.00"), None], "c": ["x", None, ""]})
    other = pl.DataFrame(
        {"c": ["", "x", None], "b": [None, Decimal("1.5"), Decimal("2.0")], "a": [None, 1, 2]},
        schema_overrides={"a": pl.Int16},
    )
    ((_, one), (_, same)) = smoke_daily.hashes([("t", frame), ("t", other)])
    assert one == same
    for changed in (
        frame.with_columns(c=pl.col("c").fill_null("")),
        frame.head(2),
        frame.with_columns(b=pl.col("b") * 2),
    ):
        assert dict(smoke_daily.hashes([("t", changed)])) != {"t": one}


def test_what_fails_is_told_and_cleaned_up_and_the_rest_is_tried(
    settings: Settings, standin: Standin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    standin.faults.raise_error("42501", "permission denied for schema", matching="^MERGE")
    standin.faults.raise_error("XX000", "UnauthorizedException", matching="COPY")
    chosen = {name: STEPS[name] for name in ("S3: manifest", "COPY of every type", "MERGE", "query_group")}
    results = run(settings, tmp_path, Console(width=200), chosen)
    assert hows(results) == {
        "S3: manifest": "proved",
        "COPY of every type": "FAILED",
        "MERGE": "FAILED",
        "query_group": "proved",
        CLEAN_UP: "proved",
    }
    assert left(settings, standin) == []
    assert account(results, Console(width=200)) == 1
    assert "permission denied for schema" in capsys.readouterr().out


def test_an_interruption_cleans_up_too(settings: Settings, standin: Standin, tmp_path: Path) -> None:
    def interrupted(place: steps.Place) -> str:
        steps.put_and_get(place)
        with place.table("id INTEGER"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(settings, tmp_path, Console(quiet=True), {"interrupted": interrupted})
    assert left(settings, standin) == []


def test_a_clean_up_that_fails_is_a_failure(settings: Settings, standin: Standin, tmp_path: Path) -> None:
    standin.faults.raise_error("42501", "must be owner of schema", matching="^DROP SCHEMA")
    results = run(settings, tmp_path, Console(quiet=True), {})
    assert hows(results) == {CLEAN_UP: "FAILED"}
    assert account(results, Console(quiet=True)) == 1


@pytest.mark.parametrize("fault", ["missing", "another version"])
def test_a_bundle_that_is_not_deployed_is_told(
    settings: Settings, glue: GlueStandIn, tmp_path: Path, fault: str
) -> None:
    deployed = Store(glue.bundle_url)
    if fault == "missing":
        deployed.delete(["curated/web_sessions.json"])
    else:
        deployed.send("curated/web_sessions.json", b"{}")
    (result, _) = run(settings, tmp_path, Console(quiet=True), {"Glue: bundle": smoke_daily.bundle})
    assert result.how == "FAILED"
    assert f"{glue.bundle_url}/curated/web_sessions.json is " in result.said


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "DW_MODE is not aws"),
        ({"DW_MODE": "local", "CONFIRM": "yes"}, "DW_MODE is not aws"),
        ({"DW_MODE": "aws"}, "costs money: make smoke-aws CONFIRM=yes"),
        ({"DW_MODE": "aws", "CONFIRM": "1"}, "costs money"),
        ({"DW_MODE": "aws", "CONFIRM": "yes"}, ""),
    ],
)
def test_nothing_is_done_that_was_not_asked_for(environment: dict[str, str], told: str) -> None:
    assert told in refusal(environment)
    assert bool(refusal(environment)) == bool(told)


def test_the_command_refuses_with_exit_code_2() -> None:
    paths = os.pathsep.join(str(REPOSITORY / folder) for folder in (".", "tests", "tests/smoke"))
    environment = {k: v for k, v in os.environ.items() if k not in ("DW_MODE", "CONFIRM")} | {"PYTHONPATH": paths}
    command = [sys.executable, str(REPOSITORY / "tests" / "smoke" / "smoke_aws.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("smoke-aws: DW_MODE is not aws")
    assert "smoke_aws.py" in (REPOSITORY / "Makefile").read_text()
