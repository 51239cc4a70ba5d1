"""The lake as a folder: every file appears whole or not at all, under a key that its table and batch give."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Container
from datetime import date
from pathlib import Path

import polars as pl

from contracts.ids import TableId


def batch_key(prefix: str, delivery: date, batch_id: str, name: str) -> str:
    """`<prefix>/delivery_date=2026-01-05/<batch>/<name>`: the one place that lays out the lake."""
    return f"{prefix}/delivery_date={delivery.isoformat()}/{batch_id}/{name}"


class FolderLake:
    """Files below `root`; a write goes to a temporary name first and is renamed when it is whole and on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put_file(self, key: str, source: Path) -> Path:
        """Copy a file as it is; the same key twice leaves the same bytes."""
        return self._publish(key, lambda target: shutil.copyfile(source, target))

    def put_text(self, key: str, text: str) -> Path:
        return self._publish(key, lambda target: target.write_text(text, encoding="utf-8"))

    def put_frame(self, key: str, frame: pl.LazyFrame) -> Path:
        """Write a frame as Parquet, streaming."""
        return self._publish(key, lambda target: frame.sink_parquet(target, compression="zstd"))

    def put_rows(self, key: str, rows: pl.DataFrame) -> Path | None:
        """Write rows as Parquet; where there are none, nothing stays of what an earlier try wrote."""
        if rows.height:
            return self.put_frame(key, rows.lazy())
        self.remove(key)
        return None

    def path(self, key: str) -> Path:
        return self.root / key

    def remove(self, key: str) -> None:
        self.path(key).unlink(missing_ok=True)

    def drop_batches(self, table: TableId, keep: Container[str]) -> None:
        """Remove all files of a table, unfinished ones too, but those of the batches to keep."""
        for folder in (self.root / table.lake_prefix).glob("delivery_date=*/*"):
            if folder.name not in keep:
                shutil.rmtree(folder)

    def _publish(self, key: str, write: Callable[[Path], object]) -> Path:
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        # One writer per warehouse holds the lock, so a fixed name is enough, and what a crash left is overwritten.
        part = target.with_name(f".{target.name}.part")
        write(part)
        with part.open("rb") as handle:
            os.fsync(handle.fileno())
        part.replace(target)
        return target
