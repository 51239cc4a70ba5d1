"""Online Retail (UCI): invoice lines of a UK gift shop, mapped into our raw tables, every line accounted for.

A file is read as text, held against its raw contract, freed of lines that stand twice, and divided: each line becomes
a sale, a refund or a stock movement, or is left out for a reason. docs/bring-your-own-data.md tells it at length.
"""

from __future__ import annotations

import hashlib
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from expectations.predicates import split
from expectations.rules import rules_of
from tasks import quarantine
from tasks.batches import Batch
from tasks.inbox import open_inbox
from tasks.lake import Lake, batch_key, open_lake
from tasks.reading import LINE, Delivered, UnreadableFile
from tasks.settings import Settings
from tasks.sources.account import EXCLUDED, QUARANTINED, Account, FileAccount
from tasks.sources.online_retail.export import read_export
from tasks.sources.online_retail.lines import REFUND, SALE, STOCK_ADJUSTMENT, amounts, classified, tidied, valued
from tasks.sources.online_retail.tables import mapped_tables
from tasks.sources.outbox import place

TABLE = TableId("raw", "online_retail_lines")
EXCLUDED_PREFIX = f"excluded/{TABLE.lake_prefix}"
_LINES_OF = {"order_items": SALE, "refunds": REFUND, "inventory_movements": STOCK_ADJUSTMENT}

__all__ = ["EXCLUDED_PREFIX", "TABLE", "Account", "deliver"]


def deliver(settings: Settings, files: list[Path]) -> Account:
    """Map exports, one after the other, into deliveries of the inbox; the same file gives the same bytes.

    Raises UnreadableFile for a file that is no such export, LedgerImbalance before anything of a file is written that
    does not add up.
    """
    registry = Registry.read(settings.repository)
    return Account(tuple(_deliver(settings, registry, file) for file in files))


def _deliver(settings: Settings, registry: Registry, file: Path) -> FileAccount:
    contract = registry[TABLE]
    content_hash = _hash(file)
    scratch = settings.scratch / f"{TABLE.name}.{content_hash[:8]}"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        delivered = read_export(file, contract, scratch)
        texts = scratch / "texts.parquet"
        tidied(delivered.rows).sink_parquet(texts, compression="lz4")
        parts = split(pl.scan_parquet(texts), rules_of(contract))
        values = scratch / "values.parquet"
        valued(parts.kept, contract, settings.shop_timezone).sink_parquet(values, compression="lz4")
        broken = amounts(parts.broken).collect()
        lines = classified(pl.scan_parquet(values)).collect(engine="streaming").sort(LINE)
        if lines.is_empty():
            raise UnreadableFile(f"{file.name}: no line keeps the rules of {contract.file}; nothing of it was loaded")

        batch = Batch(contract, _last_day(lines), file, content_hash, file.stat().st_size)
        aside = _aside(batch, delivered, broken)
        whole = amounts(pl.scan_parquet(texts)).select(pl.len(), pl.col("amount").sum()).collect().row(0)
        account = FileAccount.of(
            batch,
            whole[0] + delivered.malformed.height,
            whole[1],
            _parts(lines, broken, delivered.malformed.height),
            quarantine.per_rule(aside),
        )
        tables = _tables(lines, registry, settings.reporting_currency, account)
        _keep(open_lake(settings), batch, delivered, aside, lines)
        place(open_inbox(settings), batch, tables, account)
        return account
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _hash(file: Path) -> str:
    if not file.is_file():
        raise UnreadableFile(f"{file}: no such file")
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _last_day(lines: pl.DataFrame) -> date:
    """The delivery's date: the last day on which the file has an invoice, by the shop's clock."""
    last = lines.get_column("local_date").max()
    assert isinstance(last, date)
    return last


def _parts(lines: pl.DataFrame, broken: pl.DataFrame, malformed: int) -> dict[str, tuple[int, Decimal]]:
    """Lines and signed amount of everything that lines became; a malformed record has no amount to read."""
    by_became = lines.group_by("became").agg(pl.len(), pl.col("amount").sum())
    parts = {became: (count, amount) for became, count, amount in by_became.iter_rows()}
    if broken.height + malformed:
        parts[QUARANTINED] = broken.height + malformed, sum(broken.get_column("amount"), Decimal(0))
    return parts


def _tables(
    lines: pl.DataFrame, registry: Registry, currency: str, account: FileAccount
) -> list[tuple[Contract, pl.DataFrame]]:
    """Raw contracts and their rows; each table of lines has as many rows as the account says."""
    tables = mapped_tables(lines.lazy(), currency)
    frames = dict(zip(tables, pl.collect_all(list(tables.values())), strict=True))
    for table, became in _LINES_OF.items():
        account.expect(became, frames[table].height, table)
    return [(registry[TableId("raw", table)], frame) for table, frame in frames.items()]


def _aside(batch: Batch, delivered: Delivered, broken: pl.DataFrame) -> pl.DataFrame:
    """The quarantine's rows: lines that broke rules, and records that are no line at all."""
    contract, rules = batch.contract, broken.select(LINE, pl.col("broken_rules").alias("rule_ids"))
    parts = [
        quarantine.payload_part(delivered.rows, contract, rules, quarantine.delivered_columns(contract)),
        quarantine.malformed_part(contract, delivered.malformed),
    ]
    # The mapping is no run of the pipeline: its id follows from the file, so that the same file gives the same bytes.
    return quarantine.quarantined(batch, f"mapping-{batch.content_hash[:8]}", parts)


def _keep(lake: Lake, batch: Batch, delivered: Delivered, aside: pl.DataFrame, lines: pl.DataFrame) -> None:
    """Put into the lake: the file as it came, the lines that broke rules, and those left out on purpose."""

    def key(prefix: str, name: str) -> str:
        return batch_key(prefix, batch.delivery, batch.batch_id, name)

    lake.put_file(key(TABLE.lake_prefix, batch.path.name), batch.path)
    lake.put_rows(key(TABLE.quarantine_prefix, "rows.parquet"), aside)
    left_out = lines.filter(pl.col("became").str.starts_with(EXCLUDED)).select(
        LINE, pl.col("became").str.strip_prefix(EXCLUDED).alias("reason"), "line_id", "amount"
    )
    excluded = delivered.rows.join(left_out.lazy(), on=LINE, how="inner").sort(LINE).collect(engine="streaming")
    lake.put_rows(key(EXCLUDED_PREFIX, "rows.parquet"), excluded)
