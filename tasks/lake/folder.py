"""The lake as a folder: every file appears whole or not at all, under a key that its table and batch give."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Container
from pathlib import Path

import polars as pl

from contracts.ids import TableId
from tasks.lake.base import Lake, LakeFile


class FolderLake(Lake):
    """Files below `root`; a write goes to a temporary name first and is renamed when it is whole and on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put_file(self, key: str, source: Path) -> LakeFile:
        return self._publish(key, lambda target: shutil.copyfile(source, target))

    def put_text(self, key: str, text: str) -> LakeFile:
        return self._publish(key, lambda target: target.write_text(text, encoding="utf-8"))

    def put_frame(self, key: str, frame: pl.LazyFrame) -> LakeFile:
        return self._publish(key, lambda target: frame.sink_parquet(target, compression="zstd", compression_level=1))

    def file(self, key: str) -> LakeFile:
        return LakeFile.local(self.root / key, key)

    def exists(self, key: str) -> bool:
        return (self.root / key).is_file()

    def remove(self, key: str) -> None:
        (self.root / key).unlink(missing_ok=True)

    def drop_batches(self, table: TableId, keep: Container[str]) -> None:
        for folder in (self.root / table.lake_prefix).glob("delivery_date=*/*"):
            if folder.name not in keep:
                shutil.rmtree(folder)

    def _publish(self, key: str, write: Callable[[Path], object]) -> LakeFile:
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        # One writer per warehouse holds the lock, so a fixed name is enough, and what a crash left is overwritten.
        part = target.with_name(f".{target.name}.part")
        write(part)
        with part.open("rb") as handle:
            os.fsync(handle.fileno())
        part.replace(target)
        return self.file(key)
