"""One delivered file to its clean rows in the lake: read, gate, parse, gate, deduplicate, quarantine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from contracts.model import Contract
from expectations.predicates import Marks, mark_broken
from expectations.rules import Rule, rules_of
from tasks import control, quarantine
from tasks.batches import Batch
from tasks.lake import Lake, LakeFile, batch_key
from tasks.load import checked_in_warehouse
from tasks.preprocess import blank_to_null, duplicate_lines, parse_once, to_clean
from tasks.reading import LINE, Delivered, read_delivered

if TYPE_CHECKING:
    from expectations.gate import Gate, GateResult

# Of a delivered file, packed or not: unpacked it is some 20 times as much.
_SMALL = 1 << 20


@dataclass(frozen=True)
class Cleaned:
    """What became of a file's rows: `delivered = accepted + duplicate + quarantined`, and the files that hold them."""

    batch: Batch
    delivered: int
    accepted: int
    duplicate: int
    quarantined: int
    clean_file: LakeFile
    quarantine_file: LakeFile | None
    broken_rules: dict[str, int]
    ignored_columns: tuple[str, ...]
    absent_columns: tuple[str, ...]
    gates: tuple[GateResult, ...] = field(default=())
    totals: pl.DataFrame | None = None


@dataclass(frozen=True)
class Sifted:
    """Delivered rows after every step: clean rows that are accepted, the count of duplicates, the rows set aside.

    `totals`: the control totals of all of them (`control.of_text`).
    """

    accepted: pl.LazyFrame
    duplicate: int
    aside: pl.DataFrame
    gates: tuple[GateResult, ...]
    totals: pl.DataFrame | None = None


def clean_batch(
    batch: Batch, clean: Contract, *, lake: Lake, gate: Gate, scratch: Path, timezone: str, run_id: str
) -> Cleaned:
    """Take one batch from the inbox to the clean layer; raise UnreadableFile or GateBlocked when it cannot go on.

    The file itself is kept in the raw layer as it came. Writing is idempotent: the same batch gives the same files.
    """
    raw, delivery, batch_id = batch.contract, batch.delivery, batch.batch_id
    folder = scratch / batch_id
    lake.put_file(batch_key(raw.table.lake_prefix, delivery, batch_id, batch.path.name), batch.path)
    try:
        delivered = read_delivered(batch.path, raw, folder)
        sifted = sift(delivered, batch, clean, gate=lambda: gate, folder=folder, timezone=timezone, run_id=run_id)
        clean_file = lake.put_frame(
            batch_key(clean.table.lake_prefix, delivery, batch_id, "rows.parquet"), sifted.accepted
        )
        key = batch_key(raw.table.quarantine_prefix, delivery, batch_id, "rows.parquet")
        aside = lake.put_rows(key, sifted.aside)
        written = clean_file.scan().select(pl.len()).collect().item()
        return Cleaned(
            batch=batch,
            delivered=count(delivered),
            accepted=written,
            duplicate=sifted.duplicate,
            quarantined=sifted.aside.height,
            clean_file=clean_file,
            quarantine_file=aside,
            broken_rules=quarantine.per_rule(sifted.aside),
            ignored_columns=delivered.ignored,
            absent_columns=delivered.absent,
            gates=sifted.gates,
            totals=sifted.totals,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sift(
    delivered: Delivered,
    batch: Batch,
    clean: Contract,
    *,
    gate: Callable[[], Gate],
    folder: Path,
    timezone: str,
    run_id: str,
    attempt: int = quarantine.FIRST,
) -> Sifted:
    """Every step between a file that was read and what is written: split, parse, split, gate, deduplicate.

    The gates of a first attempt judge the delivery as a whole. A later one takes rows out of quarantine: its gates
    judge the rows that now pass, by the rules about single rows. The others were counted when they were set aside, and
    a share or a number of rows says nothing about rows that were picked because they broke a rule. `gate` is called
    for when there is something to judge.
    """
    raw = batch.contract
    rows = blank_to_null(delivered.rows, raw)
    candidates = _candidates(rows, batch, clean, folder / "candidate.parquet", timezone)
    accepted = candidates.accepted

    whole = attempt == quarantine.FIRST

    def judged(contract: Contract, frame: pl.LazyFrame, left_out: Callable[[Rule], bool]) -> GateResult:
        found = gate().check_frame(
            contract,
            frame,
            run_id=run_id,
            batch_id=batch.batch_id,
            only=lambda rule: (whole or _of_each_row(rule)) and not left_out(rule),
            blank_is_null=False,
        )
        found.raise_if_blocked()
        return found

    gates: tuple[GateResult, ...] = ()
    if whole or not _is_empty(accepted):
        gates = (
            judged(raw, (rows if whole else candidates.kept(rows)).drop(LINE), lambda _: False),
            judged(
                clean, candidates.convertible if whole else accepted, lambda rule: checked_in_warehouse(clean, rule)
            ),
        )
    lost = duplicate_lines(accepted, clean)
    unique = accepted.filter(~pl.col(LINE).is_in(lost.implode())) if len(lost) else accepted
    broken = candidates.broken()
    parts = [quarantine.malformed_part(raw, delivered.malformed)] if delivered.malformed.height else []
    if broken.height:
        columns_of = quarantine.delivered_columns(raw, clean)
        parts.append(quarantine.payload_part(delivered.rows, raw, broken, columns_of))
    mark = quarantine.fingerprint(raw, clean)
    aside = quarantine.quarantined(batch, run_id, parts, attempt=attempt, fingerprint=mark)
    totals = control.of_text(
        rows,
        raw,
        clean,
        duplicate=lost,
        aside=aside.get_column(LINE),
        malformed=delivered.malformed.height,
        delivery=batch.delivery,
        timezone=timezone,
    )
    return Sifted(unique, len(lost), aside, tuple(gates), totals)


def count(delivered: Delivered) -> int:
    """Records of a file, malformed ones included."""
    return int(delivered.rows.select(pl.len()).collect().item()) + delivered.malformed.height


def _of_each_row(rule: Rule) -> bool:
    """Whether a rule judges some rows of a delivery as it judges all of them."""
    return (rule.of_row and rule.mostly == 1) or rule.kind in ("columns", "types")


def _is_empty(frame: pl.LazyFrame) -> bool:
    return frame.head(1).collect().is_empty()


@dataclass(frozen=True)
class _Candidates:
    """Delivered rows as clean rows, one for one, each with what it breaks: raw rules, its types, clean rules.

    What a row breaks first is why it is set aside.
    """

    rows: pl.LazyFrame
    columns: tuple[str, ...]
    steps: tuple[Marks, Marks, Marks]

    @property
    def convertible(self) -> pl.LazyFrame:
        """The rows that keep the raw rules and fit their types."""
        of_raw, of_types, _ = self.steps
        return self.rows.filter(~of_raw.any & ~of_types.any).select(self.columns)

    @property
    def accepted(self) -> pl.LazyFrame:
        """The rows that break nothing."""
        return self.rows.filter(~self._any).select(self.columns)

    def broken(self) -> pl.DataFrame:
        """source_line and rule_ids of the rows that are to be set aside."""
        of_raw, of_types, of_clean = self.steps
        why = (
            pl.when(of_raw.any).then(of_raw.broken).when(of_types.any).then(of_types.broken).otherwise(of_clean.broken)
        )
        return self.rows.filter(self._any).select(LINE, why.alias("rule_ids")).collect(engine="streaming")

    def kept(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Of delivered rows those that keep the raw rules."""
        return rows.join(self.rows.filter(self.steps[0].any).select(LINE), on=LINE, how="anti")

    @property
    def _any(self) -> pl.Expr:
        return pl.any_horizontal(step.any for step in self.steps)


def _candidates(rows: pl.LazyFrame, batch: Batch, clean: Contract, file: Path, timezone: str) -> _Candidates:
    """Read and judge the rows in one pass, written to `file`."""
    # Blank text is NULL already.
    of_text = [replace(rule, blank_is_null=False) for rule in _of_this_file(batch.contract)]
    marked, of_raw = mark_broken(parse_once(rows, batch.contract, clean), of_text, "raw")
    typed, of_types = to_clean(
        marked,
        batch.contract,
        clean,
        delivery=batch.delivery,
        batch_id=batch.batch_id,
        timezone=timezone,
        beside=of_raw.columns,
    )
    judged, of_clean = mark_broken(typed, _of_this_file(clean), "clean")
    types = Marks({m: [quarantine.type_rule(clean.table, c) for c in names] for m, names in of_types.ids.items()})
    return _Candidates(_held(judged, file, batch.bytes), clean.names, (of_raw, types, of_clean))


def _held(rows: pl.LazyFrame, file: Path, delivered_bytes: int) -> pl.LazyFrame:
    """The rows, computed once: those of a small delivery in memory, others on disk."""
    if delivered_bytes <= _SMALL:
        return rows.collect(engine="streaming").lazy()
    rows.sink_parquet(file, compression="lz4", statistics=False)
    return pl.scan_parquet(file)


def _of_this_file(contract: Contract) -> tuple[Rule, ...]:
    """The rules that single rows break, and that need no other row or table."""
    return tuple(rule for rule in rules_of(contract) if rule.kind not in ("foreign_key", "unique"))
