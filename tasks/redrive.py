"""Rows out of quarantine: put through every step again after a fix, exactly once, or discarded for good.

Files are written first and count for nothing; one transaction of the warehouse then moves the batch from its old state
to its new one: rows, ledger, what is open, and the record of it. After a crash the next try overwrites those files.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import polars as pl

from contracts.counted import counted
from contracts.model import Contract
from expectations.verdicts import GateBlocked, RuleNotRun
from tasks import control, ledger, quality, quarantine
from tasks import delivery as work
from tasks.batches import Batch, batch_of
from tasks.clean import count, sift
from tasks.lake import batch_key
from tasks.ledger import Entry, LedgerImbalance
from tasks.load import Counts, PublishRefused
from tasks.quarantine import Action, OpenBatch, Selection
from tasks.reading import LINE, Delivered, UnreadableFile, read_delivered
from tasks.report import Failure
from tasks.workspace import Workspace


class CannotRedrive(RuntimeError):
    """What a batch's rows are to be taken from is not what it was; nothing of the batch was changed."""


@dataclass(frozen=True)
class Outcome:
    """What became of one batch. `rules`: rule id to the rows tried that broke it, and those that break it now."""

    batch: OpenBatch
    tried: int = 0
    loaded: int = 0
    duplicate: int = 0
    discarded: int = 0
    left: int = 0
    attempt: int = 0
    rules: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class _Open:
    """A batch with its rows at hand: those that are meant and the others, and what the ledger says of it."""

    batch: OpenBatch
    entry: Entry
    chosen: pl.DataFrame
    others: pl.DataFrame

    @property
    def rows(self) -> int:
        """All of the batch's rows that are open."""
        return self.chosen.height + self.others.height

    @property
    def attempt(self) -> int:
        """The number of what is done next."""
        return self.batch.attempt + 1

    def key(self, prefix: str, name: str) -> str:
        return batch_key(prefix, self.entry.delivery_date, self.batch.batch_id, name)


def redrive(space: Workspace, selection: Selection) -> list[Outcome]:
    """Put the open rows that are meant through every step again, then carry what was loaded into all tables.

    What is wrong with one batch stops that batch only. Rows that still break a rule stay; a try that finds nothing
    changed, neither in the rows nor in what decides, writes nothing. Whoever calls it has begun a run (`space.begin`).
    """
    order = {contract.table: place for place, contract in enumerate(work.delivered_order(space.registry))}
    found = selection.batches(space.warehouse)
    for batch in (b for b in found if b.table not in order):
        space.report.warnings.append(
            f"{batch.table}, batch {batch.batch_id}: rows of a source that is mapped are redriven by importing its "
            "file again (`dw run --source`), not here"
        )
    parents_first = sorted((b for b in found if b.table in order), key=lambda b: order[b.table])
    outcomes = [_redrive_or_tell(space, batch, selection) for batch in parents_first]
    newest = ledger.newest_delivery(space.warehouse)
    if newest is not None:
        work.curate_and_build(space, newest)
        work.finish(space, newest)
    return outcomes


def _redrive_or_tell(space: Workspace, batch: OpenBatch, selection: Selection) -> Outcome:
    try:
        return _redrive(space, _open(space, batch, selection))
    except (UnreadableFile, GateBlocked, RuleNotRun, PublishRefused, LedgerImbalance, CannotRedrive) as error:
        space.report.blocked[str(batch.table)] += 1
        told = f"{batch.label}: not redriven. {error}"
        space.report.failures.append(Failure(told, "not-redriven", table=batch.table, batch=batch.batch_id))
        return Outcome(batch, attempt=batch.attempt, error=str(error))


def _redrive(space: Workspace, opened: _Open) -> Outcome:
    raw = space.registry[opened.batch.table]
    clean = quarantine.clean_of(space.registry, raw.table)
    assert clean is not None
    with space.report.stage("clean", raw.table), _chosen_lines(space, opened, raw) as (again, delivered):
        space.on_step("clean", opened.batch.label)
        sifted = sift(
            delivered,
            again,
            clean,
            gate=lambda: space.gate,
            folder=space.settings.scratch / again.batch_id,
            timezone=space.settings.shop_timezone,
            run_id=space.run_id,
            attempt=opened.attempt,
        )
        passed = opened.chosen.height - sifted.aside.height
        if passed == 0 and _is_as_before(opened.chosen, sifted.aside):
            return _outcome(opened, opened.batch.attempt, left=opened.rows, still=sifted.aside)
        key = opened.key(clean.table.lake_prefix, f"redrive-{opened.attempt}.parquet")
        # A try that was never committed may have left such a file.
        space.lake.remove(key)
        clean_file = space.lake.put_frame(key, sifted.accepted) if passed else None
        accepted = clean_file.scan().select(pl.len()).collect().item() if clean_file else 0
    left, quarantine_file = _keep_left(space, opened, [opened.others, sifted.aside])
    account = control.Account(space.warehouse, clean, again, sifted.totals, attempt=opened.attempt)

    def done_with(found: Counts) -> Action:
        return replace(
            _action(space, opened, "redriven", left, quarantine_file),
            loaded_rows=found.loaded,
            duplicate_rows=sifted.duplicate + found.duplicate,
            clean_file=key if clean_file else None,
        )

    def publish(found: Counts) -> None:
        if found.staged != accepted:
            raise LedgerImbalance(
                f"the lake file {key} has {counted(accepted, 'row')}, but {found.staged} reached the warehouse"
            )
        account.record(space.loader.run_at)
        quality.record_results(space.warehouse, sifted.gates, space.loader.run_at)
        _commit(space, opened, done_with(found), left)

    counts = Counts()
    with space.report.stage("load", raw.table):
        space.on_step("load", opened.batch.label)
        if clean_file:
            counts, gate = space.loader.load_batch(clean, [clean_file], opened.batch.batch_id, publish, account)
            space.report.gates += [*sifted.gates, gate]
        else:
            space.warehouse.transaction(partial(publish, counts))
    space.report.entries.append(_entry_after(opened, done_with(counts), left))
    done = _outcome(opened, opened.attempt, left=left.height, still=sifted.aside)
    return replace(done, loaded=counts.loaded, duplicate=sifted.duplicate + counts.duplicate)


def discard(space: Workspace, selection: Selection, reason: str) -> list[Outcome]:
    """Give the open rows that are meant up for good, all of them or (LedgerImbalance, CannotRedrive) none.

    They are kept in a file of their own, and the record says who, when and why.
    """
    opened = [_open(space, batch, selection) for batch in selection.batches(space.warehouse)]
    written = []
    for each in opened:
        key = each.key(each.batch.table.quarantine_prefix, f"discarded-{each.attempt}.parquet")
        space.lake.put_frame(key, each.chosen.lazy())
        written.append((each, key, *_keep_left(space, each, [each.others])))

    acts = [
        replace(
            _action(space, each, "discarded", left, quarantine_file),
            discarded_rows=each.chosen.height,
            discarded_file=key,
            reason=reason,
        )
        for each, key, left, quarantine_file in written
    ]

    def record() -> None:
        for (each, _, left, _), action in zip(written, acts, strict=True):
            _record_discarded(space, each)
            _commit(space, each, action, left)
        quality.enqueue_readers(space.warehouse, space.registry, space.graph)

    space.warehouse.transaction(record)
    for (each, _, left, _), action in zip(written, acts, strict=True):
        space.report.entries.append(_entry_after(each, action, left))
    return [
        replace(_outcome(each, each.attempt, left=left.height), discarded=each.chosen.height)
        for each, _, left, _ in written
    ]


def _record_discarded(space: Workspace, each: _Open) -> None:
    raw = space.registry[each.batch.table]
    if (clean := quarantine.clean_of(space.registry, raw.table)) is not None:
        totals = control.of_discarded(each.chosen, raw, clean, each.entry.delivery_date, space.settings.shop_timezone)
        batch = Batch(raw, each.entry.delivery_date, Path(each.entry.file_name), each.entry.content_hash, 0)
        account = control.Account(space.warehouse, clean, batch, totals, attempt=each.attempt)
        account.record(space.loader.run_at)


# Reading what is open


def _open(space: Workspace, batch: OpenBatch, selection: Selection) -> _Open:
    """The rows of a batch; raise CannotRedrive if file, ledger and audit.quarantine do not say the same."""
    entry = ledger.entry_of(space.warehouse, batch.batch_id)
    if entry is None:
        raise CannotRedrive(f"{ledger.TABLE} has no batch {batch.batch_id}, but {quarantine.OPEN} has rows of it")
    if not space.lake.exists(batch.file_path):
        raise CannotRedrive(f"the file that holds its rows is gone from the lake: {batch.file_path}")
    rows = quarantine.read(space.lake.file(batch.file_path))
    if rows.height != entry.quarantined_rows or quarantine.per_rule(rows) != dict(batch.rules):
        raise CannotRedrive(
            f"{batch.file_path} holds {counted(rows.height, 'row')}, but {ledger.TABLE} and {quarantine.OPEN} know of "
            f"{entry.quarantined_rows}, or of others by rule; the file is not the one that was committed"
        )
    return _Open(batch, entry, rows.filter(selection.rows), rows.filter(~selection.rows))


@contextmanager
def _chosen_lines(space: Workspace, opened: _Open, raw: Contract) -> Iterator[tuple[Batch, Delivered]]:
    """The batch and its chosen lines, read again from the file as it was delivered, by the contract as it is now."""
    again = _delivered_file(space, opened, raw)
    folder = space.settings.scratch / again.batch_id
    try:
        delivered = read_delivered(again.path, raw, folder)
        if (found := count(delivered)) != opened.entry.delivered_rows:
            raise CannotRedrive(
                f"{again.path.name} now reads as {found} records, but {opened.entry.delivered_rows} were delivered, so "
                "its rows cannot be found by their lines; deliver the file again under another day"
            )
        lines = opened.chosen.get_column(LINE)
        rows = delivered.rows.filter(pl.col(LINE).is_in(lines.implode())).collect(engine="streaming")
        malformed = delivered.malformed.filter(pl.col(LINE).is_in(lines.implode()))
        if rows.height + malformed.height != lines.len():
            raise CannotRedrive(
                f"of {lines.len()} lines in quarantine {again.path.name} has only {rows.height + malformed.height}"
            )
        yield again, Delivered(rows.lazy(), malformed, delivered.ignored, delivered.absent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _delivered_file(space: Workspace, opened: _Open, raw: Contract) -> Batch:
    entry, key = opened.entry, opened.key(raw.table.lake_prefix, opened.entry.file_name)
    if not space.lake.exists(key):
        raise CannotRedrive(f"the file as delivered is gone from the raw layer of the lake: {key}; deliver it again")
    batch = batch_of(raw, entry.delivery_date, space.lake.file(key).path())
    if batch.batch_id != entry.batch_id:
        raise CannotRedrive(f"{key} is not the file that was delivered: its bytes are others than the ledger knows")
    return batch


# Writing what becomes of it


def _is_as_before(chosen: pl.DataFrame, aside: pl.DataFrame) -> bool:
    """Whether every row breaks the rules that it broke at its last try, judged by the same."""
    said = [LINE, "rule_ids", "fingerprint"]
    return chosen.select(said).sort(LINE).equals(aside.select(said).sort(LINE))


def _keep_left(space: Workspace, opened: _Open, parts: list[pl.DataFrame]) -> tuple[pl.DataFrame, str | None]:
    """The rows that stay open, and the key of the file that they were written to; without rows there is none."""
    left = pl.concat(parts).sort(LINE)
    key = opened.key(opened.batch.table.quarantine_prefix, f"attempt-{opened.attempt}.parquet")
    return left, key if space.lake.put_rows(key, left) else None


def _action(
    space: Workspace,
    opened: _Open,
    what: Literal["redriven", "discarded"],
    left: pl.DataFrame,
    quarantine_file: str | None,
) -> Action:
    raw, clean = space.registry[opened.batch.table], quarantine.clean_of(space.registry, opened.batch.table)
    return Action(
        batch_id=opened.batch.batch_id,
        attempt=opened.attempt,
        table_name=str(raw.table),
        action=what,
        before_rows=opened.rows,
        left_rows=left.height,
        quarantine_file=quarantine_file,
        raw_contract_version=raw.version,
        clean_contract_version=clean.version if clean else None,
        fingerprint=quarantine.fingerprint(raw, clean) if clean else None,
        run_id=space.run_id,
        acted_at=space.loader.run_at,
    )


def _commit(space: Workspace, opened: _Open, action: Action, left: pl.DataFrame) -> None:
    """The batch's new state in the warehouse; part of the transaction that loads its rows."""
    ledger.record(space.warehouse, _entry_after(opened, action, left))
    quarantine.record(space.warehouse, action, quarantine.per_rule(left), since=opened.batch.since)


def _entry_after(opened: _Open, action: Action, left: pl.DataFrame) -> Entry:
    """The ledger keeps the run that loaded the delivery: its results are what the delivery's scores count."""
    return replace(
        opened.entry,
        loaded_rows=opened.entry.loaded_rows + action.loaded_rows,
        duplicate_rows=opened.entry.duplicate_rows + action.duplicate_rows,
        quarantined_rows=left.height,
        discarded_rows=opened.entry.discarded_rows + action.discarded_rows,
    )


def _outcome(opened: _Open, attempt: int, *, left: int, still: pl.DataFrame | None = None) -> Outcome:
    """What is told of a batch; `still` are the chosen rows that break a rule as before, or another one."""
    before = quarantine.per_rule(opened.chosen)
    after = {} if still is None else quarantine.per_rule(still)
    return Outcome(
        opened.batch,
        tried=opened.chosen.height,
        left=left,
        attempt=attempt,
        rules={rule: (before.get(rule, 0), after.get(rule, 0)) for rule in sorted({*before, *after})},
    )
