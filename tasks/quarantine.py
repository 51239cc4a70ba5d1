"""Rows set aside: the payload as delivered, the rules it broke, and where it came from."""

from __future__ import annotations

import polars as pl

from contracts.model import Contract
from tasks.batches import Batch
from tasks.reading import LINE

SCHEMA = pl.Schema(
    {
        "table_name": pl.String(),
        "batch_id": pl.String(),
        "run_id": pl.String(),
        "contract_version": pl.String(),
        "file_name": pl.String(),
        LINE: pl.Int64(),
        "rule_ids": pl.List(pl.String()),
        "payload": pl.String(),
    }
)


def quarantined(batch: Batch, run_id: str, parts: list[pl.DataFrame]) -> pl.DataFrame:
    """One row per delivered row set aside, by line; each part has source_line, rule_ids, payload (JSON or raw text)."""
    origin = {
        "table_name": str(batch.contract.table),
        "batch_id": batch.batch_id,
        "run_id": run_id,
        "contract_version": batch.contract.version,
        "file_name": batch.path.name,
    }
    rows = pl.concat([p.select(LINE, "rule_ids", "payload") for p in parts]).sort(LINE)
    return rows.with_columns(pl.lit(v).alias(k) for k, v in origin.items()).select(SCHEMA.names()).cast(SCHEMA)


def malformed_part(contract: Contract, malformed: pl.DataFrame) -> pl.DataFrame:
    """Records that are no row at all: the text as delivered, and why."""
    return malformed.select(
        LINE,
        pl.concat_list(pl.lit(f"{contract.table}.malformed")).alias("rule_ids"),
        (pl.col("text") + "  -- " + pl.col("reason")).alias("payload"),
    )


def payload_part(delivered: pl.LazyFrame, contract: Contract, broken: pl.DataFrame) -> pl.DataFrame:
    """Rows that broke rules (`source_line`, `rule_ids`), with what was delivered on that line as JSON."""
    payload = pl.struct(contract.names).struct.json_encode().alias("payload")
    lines = broken.get_column(LINE).implode()
    found = delivered.filter(pl.col(LINE).is_in(lines)).select(LINE, payload).collect(engine="streaming")
    return broken.select(LINE, "rule_ids").join(found, on=LINE, how="left")


def per_rule(rows: pl.DataFrame) -> dict[str, int]:
    """Quarantined rows by the rule they broke; a row that broke two rules counts for each."""
    exploded = rows.select(pl.col("rule_ids").explode()).drop_nulls()
    return dict(exploded.group_by("rule_ids").len().sort("rule_ids").iter_rows())
