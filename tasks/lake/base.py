"""What the rest of the code may ask of a lake: files under keys, each there whole or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from contracts.ids import TableId


def batch_key(prefix: str, delivery: date, batch_id: str, name: str) -> str:
    """`<prefix>/delivery_date=2026-01-05/<batch>/<name>`: the one place that lays out the lake."""
    return f"{prefix}/delivery_date={delivery.isoformat()}/{batch_id}/{name}"


@dataclass(frozen=True)
class LakeFile:
    """What lies under a key. `uri` is what a warehouse's COPY reads; on S3 it is a Parquet file's manifest.

    Nothing is read before it is asked for; a file that is not there, or not whole, is told by an OSError.
    """

    key: str
    uri: str
    _fetch: Callable[[], tuple[Path, ...]] = field(repr=False, compare=False)
    _objects: Callable[[], tuple[str, ...]] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def local(cls, path: Path, key: str = "") -> LakeFile:
        """A file of this machine."""
        return cls(key or path.name, str(path), lambda: (path,))

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    def paths(self) -> tuple[Path, ...]:
        """Local files that together are this one, to be read and not to be changed."""
        return self._fetch()

    def objects(self) -> tuple[str, ...]:
        """Addresses of the objects that together are this file, for a reader elsewhere."""
        return self._objects() if self._objects else (self.uri,)

    def path(self) -> Path:
        """The local file of a key that is one file: one that was delivered, or a text."""
        (path,) = self.paths()
        return path

    def scan(self) -> pl.LazyFrame:
        """The rows of a Parquet file."""
        return pl.scan_parquet(list(self.paths()))


class Lake(ABC):
    """Files by key. What is written under a key replaces what was there in one step, and the old is read until then."""

    @abstractmethod
    def put_file(self, key: str, source: Path) -> LakeFile:
        """Copy a file as it is; the same key twice leaves the same bytes."""

    @abstractmethod
    def put_text(self, key: str, text: str) -> LakeFile:
        """Write a text as UTF-8."""

    @abstractmethod
    def put_frame(self, key: str, frame: pl.LazyFrame) -> LakeFile:
        """Write a frame as Parquet, streaming."""

    def put_rows(self, key: str, rows: pl.DataFrame) -> LakeFile | None:
        """Write rows as Parquet; where there are none, nothing stays of what an earlier try wrote."""
        if rows.height:
            return self.put_frame(key, rows.lazy())
        self.remove(key)
        return None

    @abstractmethod
    def file(self, key: str) -> LakeFile:
        """What lies under a key, or will."""

    @abstractmethod
    def exists(self, key: str) -> bool:
        """Whether a file was published under the key and not removed since."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove a file, if it is there."""

    @abstractmethod
    def drop_batches(self, table: TableId, keep: Container[str]) -> None:
        """Remove all files of a table, unfinished ones too, but those of the batches to keep."""
