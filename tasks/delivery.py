"""The steps of one delivery, as plain functions on a workspace: find, ingest, build, score."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from functools import partial
from graphlib import TopologicalSorter

from contracts.counted import counted
from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from expectations.verdicts import GateBlocked, RuleNotRun
from tasks import control, ledger, quality, quarantine, reconcile, trend
from tasks.batches import Batch, Inbox, read_inbox
from tasks.clean import Cleaned, clean_batch
from tasks.control import BadControlFile
from tasks.curate import transform
from tasks.glue_runs import GlueFailed
from tasks.lake import batch_key
from tasks.ledger import Entry, LedgerImbalance
from tasks.load import Counts, PublishRefused
from tasks.reading import UnreadableFile
from tasks.report import Failure
from tasks.sources.account import accounts_in
from tasks.workspace import Workspace


def newest(space: Workspace) -> date:
    """The last delivery date of the inbox; raise ValueError when there is none."""
    days = space.deliveries.days()
    if not days:
        raise ValueError(f"no delivery in {space.deliveries}")
    return days[-1]


def find(space: Workspace, delivery: date, table: str | None = None) -> list[str]:
    """The files that the inbox holds for a day, parents before children; what is unexpected or missing is told.

    With `table` only the files of that raw table.
    """
    report = space.report
    space.loader.delivery = delivery
    contracts = list(delivered_order(space.registry))
    inbox = read_inbox(space.deliveries, delivery, contracts)
    day = delivery.isoformat()
    for path in inbox.unexpected:
        report.warnings.append(f"{day}/{path.name}: no raw contract expects this file; it was left alone")
    wanted = [contract for contract in contracts if table in (None, str(contract.table))]
    for contract in wanted:
        if contract.delivery and contract.delivery.required and contract.delivery.file in inbox.missing:
            told = f"{day}: {contract.delivery.file} was not delivered ({contract.table} requires it)"
            report.failures.append(Failure(told, "not-delivered", table=contract.table, batch=day))
    space.inbox = inbox
    _record_mapped(space, delivery)
    return [batch.path.name for batch in inbox.batches if batch.contract in wanted]


def _record_mapped(space: Workspace, delivery: date) -> None:
    """Enter the source files, of which the day's files were mapped, into the ledger: each once, by what it became."""
    for account in accounts_in(space.deliveries.folder(delivery)):
        if not ledger.loaded(space.warehouse, [account.batch_id]):
            entry = account.entry(space.run_id, space.settings.source, space.loader.run_at)
            space.warehouse.transaction(partial(_record_one, space, entry, account.broken_rules))
            space.report.entries.append(entry)


def _record_one(space: Workspace, entry: Entry, broken_rules: Mapping[str, int]) -> None:
    ledger.record(space.warehouse, entry)
    _record_quarantined(space, entry, broken_rules)


def delivered_order(registry: Registry) -> Iterable[Contract]:
    """The raw contracts, so that the tables a clean table refers to come before it."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for contract in registry.layer("clean"):
        parents = {r.to.name for r in contract.references if r.to.layer == "clean"} - {contract.table.name}
        sorter.add(contract.table.name, *sorted(parents))
    for name in sorter.static_order():
        if TableId("raw", name) in registry:
            yield registry[TableId("raw", name)]


def clean(space: Workspace, batch: Batch) -> Cleaned:
    """Take one batch to the clean layer of the lake; reads and writes no table of the warehouse."""
    return clean_batch(
        batch,
        clean_contract(space, batch),
        lake=space.lake,
        gate=space.gate,
        scratch=space.settings.scratch,
        timezone=space.settings.shop_timezone,
        run_id=space.run_id,
    )


def clean_contract(space: Workspace, batch: Batch) -> Contract:
    """The contract of the clean table that a batch goes to."""
    return space.registry[TableId("clean", batch.contract.table.name)]


def ingest(space: Workspace, file: str, cleaned_by: Callable[[Workspace, Batch], Cleaned] = clean) -> Entry | None:
    """Take one file of the inbox to its clean table, or set it aside with the reason; None if it is loaded already.

    What is wrong with one file stops that file only.
    """
    report, loader = space.report, space.loader
    batch = next(b for b in space.inbox.batches if b.path.name == file)
    raw, contract = batch.contract, clean_contract(space, batch)
    label = f"{batch.delivery.isoformat()}/{batch.path.name}"
    if ledger.loaded(space.warehouse, [batch.batch_id]):
        report.already_loaded.append(label)
        return None
    try:
        with report.stage("clean", raw.table):
            space.on_step("clean", label)
            cleaned = cleaned_by(space, batch)
        report.gates += cleaned.gates
        said = control.declared(batch.path, contract)
        account = control.Account(space.warehouse, contract, batch, cleaned.totals, attempt=quarantine.FIRST)

        def publish(counts: Counts) -> None:
            entry = _loaded_entry(space, cleaned, contract, counts)
            ledger.record(space.warehouse, entry)
            account.record(loader.run_at)
            quality.record_results(space.warehouse, cleaned.gates, loader.run_at)
            trend.record_profile(space.warehouse, space.settings, contract, batch, cleaned.clean_file)
            _record_quarantined(space, entry, cleaned.broken_rules, contract)

        with report.stage("load", raw.table):
            space.on_step("load", label)
            counts, gate = loader.load_batch(contract, [cleaned.clean_file], batch.batch_id, publish, account)
        report.gates.append(gate)
    except (UnreadableFile, BadControlFile, GateBlocked, RuleNotRun, PublishRefused, LedgerImbalance) as error:
        return _reject(space, batch, error)
    # What came is loaded: each row kept its rules, and what is missing comes in a file that is delivered again.
    for difference in said.differences(cleaned.totals, cleaned.delivered) if said else ():
        told = f"{label}: {difference} ({said.file if said else ''}); what came was loaded"
        report.failures.append(Failure(told, "control-differs", table=raw.table, batch=batch.batch_id))
    if cleaned.ignored_columns:
        names = ", ".join(cleaned.ignored_columns)
        report.warnings.append(f"{label}: columns that {raw.file} does not have were left in the raw file: {names}")
    if cleaned.absent_columns:
        names = ", ".join(cleaned.absent_columns)
        report.warnings.append(f"{label}: the file is without columns that came later, which are empty: {names}")
    entry = _loaded_entry(space, cleaned, contract, counts)
    report.entries.append(entry)
    return entry


def curate_and_build(space: Workspace, delivery: date) -> None:
    """Carry what changed into curated, core and mart tables, in the SQL's order; a blocked table stops its readers.

    A table that was blocked is not tried again in the same run: nothing that it reads has changed since.
    """
    report, blocked = space.report, space.blocked
    # A table that is new, or whose SELECT has changed, is computed whole: its queue knows later changes only. Each is
    # looked at once, and no other table's build says anything of it.
    redefined = space.loader.redefined(space.graph.order())
    for table in space.graph.order():
        if table in blocked:
            continue
        cause = next((blocked[u] for u in sorted(space.graph.upstream(table)) if u in blocked), None)
        if cause is not None:
            blocked[table] = cause
            told = f"{table}: not built, because {cause} is blocked; it stays as it was"
            report.failures.append(Failure(told, "not-built", table=table, rule=str(cause)))
            continue
        if table not in redefined and not space.loader.is_pending(table):
            continue
        try:
            build_table(space, table, delivery, full=table in redefined)
        except (PublishRefused, RuleNotRun, GlueFailed) as error:
            blocked[table] = table
            report.blocked[str(table)] += 1
            report.failures.append(Failure(str(error), "build-failed", table=table))
        except GateBlocked as error:
            blocked[table] = table
            report.blocked[str(table)] += 1
            report.failures.append(Failure(str(error), "gate-blocked", table=table, rule=error.rules))
            report.gates.append(error.result)
            results = [error.result]
            record = partial(
                quality.record_results, space.warehouse, results, space.loader.run_at, space.loader.delivery
            )
            space.warehouse.transaction(record)


def build_table(
    space: Workspace, table: TableId, delivery: date, *, full: bool = False, max_closed_share: float | None = None
) -> None:
    """Build one table from its pending keys (whole if `full`); a curated table by way of the lake and its gate."""
    report = space.report
    space.on_step(table.layer, str(table))
    with report.stage(table.layer, table):
        if table.layer == "curated":
            taken = space.loader.take(table, full=full)
            path = transform(
                table,
                taken,
                settings=space.settings,
                registry=space.registry,
                graph=space.graph,
                lake=space.lake,
                warehouse=space.warehouse,
                delivery=delivery,
                run=space.run_id,
                on_glue_run=partial(_tell_glue_run, space, table),
            )
            counts, gates = space.loader.publish_curated(table, path)
        else:
            counts, gates = space.loader.build(table, full=full, max_closed_share=max_closed_share)
    report.gates += gates
    report.builds[str(table)] = report.builds.get(str(table), Counts()) + counts


def _tell_glue_run(space: Workspace, table: TableId, glue_run: str) -> None:
    space.report.glue_runs[glue_run] = str(table)
    space.on_step("glue", glue_run)


def finish(space: Workspace, delivery: date) -> None:
    """Reconcile and score what the delivery brought, then build the marts that read the audit tables.

    A delivery that brought nothing new writes nothing; one without any file is measured once, and what a run had loaded
    that was killed before this step is scored by the next.
    """
    # A re-drive or a rebuild brings in no delivery.
    brought = {delivery: tables_in(space.inbox)} if space.loader.delivery == delivery else {}
    score(space, delivery, brought)


def tables_in(inbox: Inbox) -> set[str]:
    """The raw tables of which an inbox holds files."""
    return {str(batch.contract.table) for batch in inbox.batches}


def score(space: Workspace, delivery: date, brought: Mapping[date, Collection[str]]) -> None:
    """Reconcile, score and measure the days that the run brings in, and build what reads the audit tables.

    `brought`: per day the tables of which the inbox has files. What is built is put down to `delivery`.
    """
    report, at = space.report, space.loader.run_at
    is_done = all(_is_done(space, day) for day in brought)
    if not (report.entries or report.builds) and is_done and not reconcile.is_waiting(space.warehouse):
        return
    where = (space.warehouse, space.registry, space.settings, space.run_id)

    def record() -> tuple[list[str], list[str]]:
        failures = reconcile.record(space.warehouse, space.checks, space.registry, space.run_id, at)
        quality.record_scores(*where, delivery, at, also=brought)
        warnings = [told for day, tables in brought.items() for told in trend.record(*where, day, tables)]
        quality.enqueue_readers(space.warehouse, space.registry, space.graph)
        return failures, warnings

    with report.stage("score"):
        space.on_step("score", delivery.isoformat())
        space.warehouse.tags.table = ""
        failures, warnings = space.warehouse.transaction(record)
        report.failures += [Failure(told, "not-reconciled", rule=told.split(":")[0]) for told in failures]
        report.warnings += warnings
    curate_and_build(space, delivery)


def _is_done(space: Workspace, delivery: date) -> bool:
    return trend.is_recorded(space.warehouse, delivery) and quality.is_scored(space.warehouse, delivery)


def _loaded_entry(space: Workspace, cleaned: Cleaned, clean: Contract, counts: Counts) -> Entry:
    if counts.staged != cleaned.accepted:
        raise LedgerImbalance(
            f"{clean.table}: the lake file {cleaned.clean_file.name} has {counted(cleaned.accepted, 'row')}, "
            f"but {counts.staged} reached the warehouse; nothing of the batch was loaded"
        )
    return _entry(
        space,
        cleaned.batch,
        delivered_rows=cleaned.delivered,
        loaded_rows=counts.loaded,
        duplicate_rows=cleaned.duplicate + counts.duplicate,
        quarantined_rows=cleaned.quarantined,
        status="loaded",
        error=None,
    )


def _record_quarantined(
    space: Workspace, entry: Entry, rules: Mapping[str, int], clean: Contract | None = None
) -> None:
    """Enter what a batch set aside, if anything, as the first action on its quarantine; part of its transaction."""
    if not rules:
        return
    table = TableId.parse(entry.table_name)
    action = quarantine.Action(
        batch_id=entry.batch_id,
        attempt=quarantine.FIRST,
        table_name=entry.table_name,
        action="quarantined",
        before_rows=entry.quarantined_rows,
        left_rows=entry.quarantined_rows,
        quarantine_file=batch_key(table.quarantine_prefix, entry.delivery_date, entry.batch_id, "rows.parquet"),
        raw_contract_version=entry.contract_version,
        clean_contract_version=clean.version if clean else None,
        fingerprint=quarantine.fingerprint(space.registry[table], clean) if clean else None,
        run_id=space.run_id,
        acted_at=space.loader.run_at,
    )
    quarantine.record(space.warehouse, action, rules, since=space.loader.run_at)


def _entry(
    space: Workspace,
    batch: Batch,
    *,
    delivered_rows: int = 0,
    loaded_rows: int = 0,
    duplicate_rows: int = 0,
    quarantined_rows: int = 0,
    status: str,
    error: str | None,
) -> Entry:
    return Entry(
        batch_id=batch.batch_id,
        run_id=space.run_id,
        source=space.settings.source,
        table_name=str(batch.contract.table),
        delivery_date=batch.delivery,
        file_name=batch.path.name,
        content_hash=batch.content_hash,
        bytes=batch.bytes,
        delivered_rows=delivered_rows,
        loaded_rows=loaded_rows,
        duplicate_rows=duplicate_rows,
        quarantined_rows=quarantined_rows,
        excluded_rows=0,
        status=status,
        error=error,
        contract_version=batch.contract.version,
        loaded_at=space.loader.run_at,
    )


def _reject(space: Workspace, batch: Batch, error: Exception) -> Entry:
    """Set a whole file aside, with the reason beside it and in the ledger; the next run tries it again."""
    reason = str(error)
    table, day = batch.contract.table, batch.delivery
    space.report.blocked[str(table)] += 1
    told = f"{day.isoformat()}/{batch.path.name}: rejected. {reason}"
    rule = error.rules if isinstance(error, GateBlocked) else ""
    space.report.failures.append(Failure(told, "file-rejected", table=table, rule=rule, batch=batch.batch_id))
    note = {"file": batch.path.name, "content_hash": batch.content_hash, "table": str(table), "reason": reason}
    folder = table.quarantine_prefix
    space.lake.put_file(batch_key(folder, day, batch.batch_id, batch.path.name), batch.path)
    text = json.dumps(note, indent=2, ensure_ascii=False)
    space.lake.put_text(batch_key(folder, day, batch.batch_id, "rejected.json"), text)
    entry = _entry(space, batch, status="rejected", error=reason)
    if not ledger.is_rejected_as(space.warehouse, entry):

        def record() -> None:
            ledger.record(space.warehouse, entry)
            if isinstance(error, GateBlocked):
                quality.record_results(space.warehouse, [error.result], space.loader.run_at)

        space.warehouse.transaction(record)
        space.report.entries.append(entry)
    return entry
