"""The lake transform of aws mode: a plan beside the lake's data, one Glue run that carries it out, its output's key."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from contracts.ids import TableId
from contracts.polars_types import polars_type
from contracts.registry import Registry
from sql.ddl import queue_column
from sql.graph import Graph
from sql.lake import flat, lake_view
from tasks.glue_bundle import entry
from tasks.glue_runs import GlueFailed, Runs
from tasks.lake import batch_key
from tasks.lake.manifest import from_json, manifest_key
from tasks.s3 import ObjectChanged, ObjectMissing, Store
from tasks.settings import Settings

# Plans lie apart from the table's own prefix: whoever reads that finds rows only.
PLANS = "glue"


def run(
    table: TableId,
    sources: Mapping[TableId, Sequence[str]],
    taken: pl.DataFrame,
    *,
    registry: Registry,
    graph: Graph,
    settings: Settings,
    delivery: date,
    run_id: str,
    on_run: Callable[[str], None] = lambda glue_run: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Compute the rows of the taken keys of a curated table on Glue; returns the output's key in the lake.

    `sources` are the addresses of the Parquet objects of each table that the SELECT reads. The parts are named by
    `<key without .parquet>.manifest`. The same table, run, files and keys are one plan: asked for again, its run is
    waited for, or its output is taken as it stands. `on_run` is told Glue's id of the run. Raises GlueFailed.
    """
    lake = Store(settings.lake_url, settings.kms_key)
    key = batch_key(table.lake_prefix, delivery, run_id, "rows.parquet")
    manifest = manifest_key(key)
    keys = _parquet(_typed_keys(table, taken, registry))
    plan: dict[str, Any] = {
        "table": str(table),
        "run_id": run_id,
        "bundle_hash": entry(table, registry, graph).hash,
        "sources": {flat(lake_view(source)): list(sources[source]) for source in sorted(graph.upstream(table))},
        "output": lake.uri(key.rpartition("/")[0]),
    }
    identity = hashlib.sha256(json.dumps(plan, sort_keys=True).encode() + keys).hexdigest()[:16]
    folder = f"{PLANS}/{table}/{run_id}/{identity}"
    plan["plan"], plan["taken"] = identity, lake.uri(f"{folder}/taken.parquet")

    def is_done() -> bool:
        # Of an earlier plan of this run the parts bear another name.
        found = _get(lake, manifest)
        return found is not None and all(f"/rows/{identity}-" in part.uri for part in from_json(found))

    if is_done():
        return key
    lake.send(f"{folder}/taken.parquet", keys)
    lake.send(f"{folder}/plan.json", json.dumps(plan, indent=1).encode())
    submission = f"{folder}/submission-{{}}.json"
    glue_run = Runs(
        job=settings.glue_job,
        table=str(table),
        plan=lake.uri(f"{folder}/plan.json"),
        siblings=lake.uri(f"{PLANS}/"),
        timeout=settings.glue_timeout,
        claim=lambda n, text: _put(lake, submission.format(n), text.encode()),
        note=lambda n, text: lake.send(submission.format(n), text.encode()),
        recall=lambda n: _get(lake, submission.format(n)),
        is_done=is_done,
        on_run=on_run,
        clock=clock,
        sleep=sleep,
    ).finish()
    if not is_done():
        raise GlueFailed(
            f"{table}: Glue job {settings.glue_job}, run {glue_run} ended well but wrote no {lake.uri(manifest)}; is "
            "the job's script the one of `dw glue bundle`?"
        )
    return key


def _typed_keys(table: TableId, taken: pl.DataFrame, registry: Registry) -> pl.DataFrame:
    """The taken keys in one order, so that the same keys are the same bytes."""
    key, type_ = queue_column(registry[table])
    return taken.select(pl.col(key).cast(polars_type(type_))).unique().sort(key)


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _put(store: Store, key: str, body: bytes) -> bool:
    """Write an object that is not there yet; False where there is one already."""
    try:
        store.send(key, body, IfNoneMatch="*")
    except ObjectChanged:
        return False
    return True


def _get(store: Store, key: str) -> str | None:
    """The text of an object; None where there is none."""
    try:
        return store.get(key)[0].decode()
    except ObjectMissing:
        return None
