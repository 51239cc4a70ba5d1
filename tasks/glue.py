"""The lake transform of aws mode: a plan beside the lake's data, one Glue run that carries it out, its output's key."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from contracts.ids import TableId
from contracts.polars_types import polars_type
from contracts.registry import Registry
from sql.ddl import queue_column
from sql.graph import Graph
from sql.lake import flat, lake_view
from tasks.aws import client, error_code
from tasks.glue_bundle import entry
from tasks.glue_runs import GlueFailed, Runs
from tasks.lake import batch_key
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
    lake = _Bucket.of(settings.lake_url, settings.kms_key)
    key = batch_key(table.lake_prefix, delivery, run_id, "rows.parquet")
    manifest = f"{key.removesuffix('.parquet')}.manifest"
    keys = _parquet(_typed_keys(table, taken, registry))
    plan: dict[str, Any] = {
        "table": str(table),
        "run_id": run_id,
        "bundle_hash": entry(table, registry, graph).hash,
        "sources": {flat(lake_view(source)): list(sources[source]) for source in sorted(graph.upstream(table))},
        "output": lake.url(key.rpartition("/")[0]),
    }
    identity = hashlib.sha256(json.dumps(plan, sort_keys=True).encode() + keys).hexdigest()[:16]
    folder = f"{PLANS}/{table}/{run_id}/{identity}"
    plan["plan"], plan["taken"] = identity, lake.url(f"{folder}/taken.parquet")

    def is_done() -> bool:
        # Of an earlier plan of this run the parts bear another name.
        found = lake.get(manifest)
        return found is not None and all(f"/rows/{identity}-" in e["url"] for e in json.loads(found)["entries"])

    if is_done():
        return key
    lake.put(f"{folder}/taken.parquet", keys)
    lake.put(f"{folder}/plan.json", json.dumps(plan, indent=1).encode())
    submission = f"{folder}/submission-{{}}.json"
    glue_run = Runs(
        job=settings.glue_job,
        table=str(table),
        plan=lake.url(f"{folder}/plan.json"),
        siblings=lake.url(f"{PLANS}/"),
        timeout=settings.glue_timeout,
        claim=lambda n, text: lake.put(submission.format(n), text.encode(), only_new=True),
        note=lambda n, text: lake.put(submission.format(n), text.encode()),
        recall=lambda n: lake.get(submission.format(n)),
        is_done=is_done,
        on_run=on_run,
        clock=clock,
        sleep=sleep,
    ).finish()
    if not is_done():
        raise GlueFailed(
            f"{table}: Glue job {settings.glue_job}, run {glue_run} ended well but wrote no {lake.url(manifest)}; is "
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


@dataclass(frozen=True)
class _Bucket:
    """Small objects below a prefix of a bucket."""

    name: str
    prefix: str
    kms_key: str

    @classmethod
    def of(cls, url: str, kms_key: str) -> _Bucket:
        name, _, prefix = url.removeprefix("s3://").partition("/")
        return cls(name, f"{prefix.strip('/')}/" if prefix.strip("/") else "", kms_key)

    def url(self, key: str) -> str:
        return f"s3://{self.name}/{self.prefix}{key}"

    def put(self, key: str, body: bytes, *, only_new: bool = False) -> bool:
        """Write an object; with `only_new`, False where there is one already."""
        more: dict[str, str] = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key} if self.kms_key else {}
        if only_new:
            more["IfNoneMatch"] = "*"
        try:
            client("s3").put_object(Bucket=self.name, Key=f"{self.prefix}{key}", Body=body, **more)
        except client("s3").exceptions.ClientError as error:
            # Conflict: two such writes at once, and the other one was first.
            if only_new and error_code(error) in ("PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise
        return True

    def get(self, key: str) -> str | None:
        """The text of an object; None where there is none."""
        try:
            answer = client("s3").get_object(Bucket=self.name, Key=f"{self.prefix}{key}")
        except client("s3").exceptions.NoSuchKey:
            return None
        return str(answer["Body"].read().decode())
