"""Puts mapped tables into the inbox as their raw contracts say: whole files, the same bytes for the same rows."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from contracts.model import Contract
from tasks.batches import Batch
from tasks.inbox import Deliveries
from tasks.sources.account import FileAccount

_GZIP_LEVEL = 1


def place(
    inbox: Deliveries, batch: Batch, tables: Sequence[tuple[Contract, pl.DataFrame]], account: FileAccount
) -> None:
    """Deliver one source file's tables to the inbox, under the day of its last line; a table without rows has no file.

    Names carry the source file's hash, so the same file lands on itself and another one beside it. Everything is
    written elsewhere and renamed; the account comes last, so what a crash leaves is completed by mapping again.
    """
    mark = batch.content_hash[:8]
    part = inbox.workplace(mark)
    names = []
    for contract, rows in tables:
        if rows.height:
            stem, _, ending = _delivery_file(contract).partition(".")
            names.append(f"{stem}.{mark}.{ending}")
            _write(part / names[-1], _as_contracted(rows, contract), contract)
    names.append(account.file_name)
    (part / account.file_name).write_text(account.to_json(), encoding="utf-8")
    inbox.add(batch.delivery, part, names)


def _delivery_file(contract: Contract) -> str:
    if contract.delivery is None:
        raise ValueError(f"{contract.table} is not a delivered table")
    return contract.delivery.file


def _as_contracted(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Exactly the contract's columns as text; what the source does not have is empty."""
    if unknown := sorted(set(rows.columns) - set(contract.names)):
        raise ValueError(f"{contract.table} has no column {', '.join(unknown)}")
    given = set(rows.columns)
    return rows.select(pl.col(c) if c in given else pl.lit(None, pl.String).alias(c) for c in contract.names).cast(
        pl.String
    )


def _write(path: Path, rows: pl.DataFrame, contract: Contract) -> None:
    delivery = contract.delivery
    assert delivery is not None
    if delivery.format == "parquet":
        rows.write_parquet(path, compression="zstd", compression_level=1)
        return
    buffer = io.BytesIO()
    if delivery.format == "csv":
        rows.write_csv(buffer, separator=delivery.delimiter)
    else:
        rows.write_ndjson(buffer)
    payload = buffer.getvalue()
    # A gzip header carries the time of writing: zero keeps the bytes the same.
    path.write_bytes(gzip.compress(payload, _GZIP_LEVEL, mtime=0) if delivery.compression == "gzip" else payload)
