"""Data Docs in aws mode: the site on S3 shows each table's latest validation, whichever machine made it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from house_on_s3 import HouseOnS3
from local_aws import new_bucket

from contracts.ids import TableId
from tasks import aws
from tasks.docs import publish
from tasks.s3 import Store
from tasks.warehouse.duckdb import DuckDBWarehouse

AT = "2026-01-05T10:00:00Z"
RAW = TableId("raw", "things")


@pytest.fixture
def site(local_aws: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(
        "tasks.workspace.open_warehouse",
        lambda settings: DuckDBWarehouse(settings.warehouse_file, binds={"reporting_currency": "INR"}, threads=1),
    )
    return Store(f"s3://{new_bucket()}/lake/site/data_docs")


def pages(site: Store) -> dict[str, str]:
    return {key: site.get(key)[0].decode() for key, _ in site.listed() if key.endswith(".html")}


def test_the_site_is_published_as_pages_without_what_is_gone(site: Store, tmp_path: Path) -> None:
    house = HouseOnS3(tmp_path, site.bucket_of())
    house.run(0, f"a,red,1,{AT}", f"b,green,2,{AT}")
    site.send("core.gone.warehouse.html", b"old")
    with closing(house.open()) as space:
        assert publish(space) == f"s3://{site.bucket_of()}/lake/site/data_docs/index.html"
    found = pages(site)
    assert "clean.things.lake.html" in found
    assert "core.gone.warehouse.html" not in found
    assert all(f'href="../data_docs/{name}"' in found["index.html"] for name in found if name != "index.html")
    head = aws.client("s3").head_object(Bucket=site.bucket_of(), Key="lake/site/data_docs/index.html")
    assert head["ContentType"] == "text/html; charset=utf-8"


def test_a_new_machine_keeps_what_others_found_out(site: Store, tmp_path: Path) -> None:
    first = HouseOnS3(tmp_path / "first", site.bucket_of())
    first.run(0, f"a,red,1,{AT}")
    with closing(first.open()) as space:
        publish(space)
    before = pages(site)
    with closing(HouseOnS3(tmp_path / "second", site.bucket_of()).open()) as space:
        rows = pl.DataFrame({name: ["x"] for name in space.registry[RAW].names})
        space.gate.check_frame(space.registry[RAW], rows, run_id="thelaterrun", batch_id="")
        publish(space)
    after = pages(site)
    # It failed, so that it stays when the next audit comes.
    (failed,) = after.keys() - before.keys()
    assert failed.startswith("raw.things.lake.")
    assert "-thelater-" in failed
    assert before.keys() <= after.keys()
    assert "thelaterrun" in after["raw.things.lake.html"]
    assert after["clean.things.lake.html"] == before["clean.things.lake.html"]
    # The first machine still knew its own, older result, and looks at nothing anew.
    with closing(first.open()) as space:
        publish(space)
    assert pages(site) == after
