"""One delivered file to its clean rows in the lake: read, gate, parse, gate, deduplicate, quarantine."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from contracts.model import Contract
from expectations.predicates import split
from expectations.rules import Rule, rules_of
from tasks import quarantine
from tasks.batches import Batch
from tasks.lake import FolderLake, batch_key
from tasks.load import checked_in_warehouse
from tasks.preprocess import BROKEN_TYPES, blank_to_null, duplicate_lines, to_clean
from tasks.reading import LINE, Delivered, read_delivered

if TYPE_CHECKING:
    from expectations.gate import Gate, GateResult


@dataclass(frozen=True)
class Cleaned:
    """What became of a file's rows: `delivered = accepted + duplicate + quarantined`, and the files that hold them."""

    batch: Batch
    delivered: int
    accepted: int
    duplicate: int
    quarantined: int
    clean_file: Path
    quarantine_file: Path | None
    broken_rules: dict[str, int]
    ignored_columns: tuple[str, ...]
    gates: tuple[GateResult, ...] = field(default=())


def clean_batch(
    batch: Batch, clean: Contract, *, lake: FolderLake, gate: Gate, scratch: Path, timezone: str, run_id: str
) -> Cleaned:
    """Take one batch from the inbox to the clean layer; raise UnreadableFile or GateBlocked when it cannot go on.

    The file itself is kept in the raw layer as it came. Writing is idempotent: the same batch gives the same files.
    """
    raw, delivery, batch_id = batch.contract, batch.delivery, batch.batch_id
    folder = scratch / batch_id
    lake.put_file(batch_key(raw.table.lake_prefix, delivery, batch_id, batch.path.name), batch.path)
    try:
        delivered = read_delivered(batch.path, raw, folder)
        rows = blank_to_null(delivered.rows, raw)
        raw_gate = gate.check_frame(raw, rows.drop(LINE), run_id=run_id, batch_id=batch_id)
        raw_gate.raise_if_blocked()
        kept, broken_raw = _set_aside(rows, rules_of(raw))

        candidate = folder / "candidate.parquet"
        typed = to_clean(kept, raw, clean, delivery=delivery, batch_id=batch_id, timezone=timezone)
        typed.sink_parquet(candidate, compression="lz4")
        frame = pl.scan_parquet(candidate)
        convertible = frame.filter(pl.col(BROKEN_TYPES).list.len() == 0).drop(BROKEN_TYPES)
        clean_gate = gate.check_frame(
            clean, convertible, run_id=run_id, batch_id=batch_id, only=lambda r: not checked_in_warehouse(clean, r)
        )
        clean_gate.raise_if_blocked()
        accepted, broken_clean = _set_aside(convertible, rules_of(clean))

        lost = duplicate_lines(accepted, clean)
        unique = accepted.filter(~pl.col(LINE).is_in(lost.implode())) if len(lost) else accepted
        clean_file = lake.put_frame(batch_key(clean.table.lake_prefix, delivery, batch_id, "rows.parquet"), unique)
        aside = _quarantine(batch, run_id, delivered, [broken_raw, broken_clean, _unconvertible(frame, clean)])
        key = batch_key(raw.table.quarantine_prefix, delivery, batch_id, "rows.parquet")
        if aside.height:
            lake.put_frame(key, aside.lazy())
        else:
            lake.remove(key)
        written = pl.scan_parquet(clean_file).select(pl.len()).collect().item()
        total = delivered.rows.select(pl.len()).collect().item() + delivered.malformed.height
        return Cleaned(
            batch=batch,
            delivered=total,
            accepted=written,
            duplicate=len(lost),
            quarantined=aside.height,
            clean_file=clean_file,
            quarantine_file=lake.path(key) if aside.height else None,
            broken_rules=quarantine.per_rule(aside),
            ignored_columns=delivered.ignored,
            gates=(raw_gate, clean_gate),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _set_aside(rows: pl.LazyFrame, rules: tuple[Rule, ...]) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Rows that keep every quarantine rule, and (source_line, rule_ids) of the others."""
    mine = tuple(r for r in rules if r.verdict == "quarantine" and r.kind not in ("foreign_key", "unique"))
    parts = split(rows, mine)
    broken = parts.broken.select(LINE, pl.col("broken_rules").alias("rule_ids")).collect(engine="streaming")
    return parts.kept, broken


def _unconvertible(frame: pl.LazyFrame, clean: Contract) -> pl.DataFrame:
    """Rows whose text reads well but does not fit the clean type (too many digits or decimals), with their rules."""
    prefix = pl.lit(f"{clean.table}.")
    rules = pl.col(BROKEN_TYPES).list.eval(pl.concat_str(prefix, pl.element(), pl.lit(".types")))
    lost = frame.filter(pl.col(BROKEN_TYPES).list.len() > 0)
    return lost.select(LINE, rules.alias("rule_ids")).collect(engine="streaming")


def _quarantine(batch: Batch, run_id: str, delivered: Delivered, broken: list[pl.DataFrame]) -> pl.DataFrame:
    raw = batch.contract
    rows = pl.concat(broken)
    parts = [quarantine.malformed_part(raw, delivered.malformed)] if delivered.malformed.height else []
    if rows.height or not parts:
        parts.append(quarantine.payload_part(delivered.rows, raw, rows))
    return quarantine.quarantined(batch, run_id, parts)
