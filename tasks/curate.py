"""Lake transforms: `sql/curated/<table>.sql` over the lake's Parquet files, for the keys that changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl

from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from sql.graph import Graph
from sql.lake import lake_text, lake_view
from tasks import glue, ledger, quarantine
from tasks.lake import Lake, LakeFile, batch_key
from tasks.settings import Settings
from tasks.warehouse import Warehouse
from tasks.warehouse.duckdb import DuckDBWarehouse


def transform(
    table: TableId,
    taken: pl.DataFrame,
    *,
    settings: Settings,
    registry: Registry,
    graph: Graph,
    lake: Lake,
    warehouse: Warehouse,
    delivery: date,
    run: str,
    on_glue_run: Callable[[str], None],
) -> LakeFile:
    """Compute the rows of the taken keys of a curated table from the lake and write them there; returns the file.

    Reads the batches that the ledger calls loaded, so that a file which no transaction published does not count; of
    files without a taken key, no more than the columns of the keys. In aws mode a Glue job does it, whose id
    `on_glue_run` is told; raises GlueFailed.
    """
    files = {source: _files(registry[source], lake, warehouse) for source in sorted(graph.upstream(table))}
    # A run that died before it published, or whose gate failed, left a file for keys that are computed here again.
    lake.drop_batches(table, keep=_published_by(table, warehouse) | {run})
    if settings.mode == "aws":
        key = glue.run(
            table,
            {source: [address for file in found for address in file.objects()] for source, found in files.items()},
            taken,
            registry=registry,
            graph=graph,
            settings=settings,
            delivery=delivery,
            run_id=run,
            on_run=on_glue_run,
        )
        return lake.file(key)
    with DuckDBWarehouse(
        None, threads=settings.threads, memory_limit=settings.memory_limit, scratch=settings.scratch / "transform"
    ) as engine:
        engine.view_frame(table.taken, taken)
        for source, found in files.items():
            engine.view_parquet(lake_view(source), found, registry[source])
        rows = engine.query(lake_text(table, registry, graph))
    return lake.put_frame(batch_key(table.lake_prefix, delivery, run, "rows.parquet"), rows.lazy())


def _published_by(table: TableId, warehouse: Warehouse) -> set[str]:
    """The runs that published a table."""
    statement = "SELECT DISTINCT run_id FROM audit.table_build WHERE table_name = :table_name"
    return set(warehouse.query(statement, table_name=str(table)).get_column("run_id"))


def _files(source: Contract, lake: Lake, warehouse: Warehouse) -> list[LakeFile]:
    # The ledger knows the clean table by the raw table whose file came.
    raw = str(TableId("raw", source.table.name))
    batches = ledger.loaded_batches_of(warehouse, raw)
    keys = [batch_key(source.table.lake_prefix, day, batch, "rows.parquet") for batch, day in batches]
    keys = [key for key in keys if lake.exists(key)] + quarantine.redriven_files(warehouse, raw)
    return [lake.file(key) for key in keys]
