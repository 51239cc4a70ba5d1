"""The lake on S3: an object counts once it is named, and a Parquet file is named by its manifest alone.

Rows are written under names that nobody looks for; the manifest, put last, makes them the file of its key. So a run
that is killed leaves nothing visible, and a second write replaces the first in one step. Readers never list.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Container, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from contracts.ids import TableId
from tasks.lake.base import Lake, LakeFile
from tasks.lake.manifest import Part, from_json, manifest_key, to_json
from tasks.s3 import Head, ObjectMissing, StorageError, Store

_READERS = 4


class BadManifest(StorageError):
    """A manifest that cannot be read."""


class S3Lake(Lake):
    """Objects of a store; files that are written and read pass through `scratch`.

    `guard` raises if one may not publish. A key that ends in `.parquet` is told by a manifest (`rows.manifest`),
    unless it was put as a file.
    """

    def __init__(self, store: Store, scratch: Path, *, guard: Callable[[], None] = lambda: None) -> None:
        self.store, self._scratch, self._guard = store, scratch, guard
        self._cache = scratch / "lake"

    def put_file(self, key: str, source: Path) -> LakeFile:
        self._guard()
        self.store.send_file(key, source)
        return self._plain(key)

    def put_text(self, key: str, text: str) -> LakeFile:
        self._guard()
        self.store.send(key, text.encode())
        return self._plain(key)

    def put_frame(self, key: str, frame: pl.LazyFrame) -> LakeFile:
        self._cache.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self._cache, prefix=".write."))
        try:
            written = folder / "rows.parquet"
            frame.sink_parquet(written, compression="zstd", compression_level=1)
            with written.open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
            # Named by its content: the same rows written again fall on themselves, others never replace what is read.
            own = f"{key.removesuffix('.parquet')}.{digest[:16]}.parquet"
            before = self._standing(key)
            head = self.store.send_file(own, written)
            self._guard()
            now = Part(self.store.uri(own), head.length)
            self.store.send(manifest_key(key), to_json([now]).encode())
            self._delete(part for part in before if part.uri != now.uri)
            self._keep(own, head, written)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return self.file(key)

    def file(self, key: str) -> LakeFile:
        if not key.endswith(".parquet"):
            return self._plain(key)
        return LakeFile(key, self.store.uri(manifest_key(key)), lambda: self._fetch(key), lambda: self._addresses(key))

    def exists(self, key: str) -> bool:
        if key.endswith(".parquet") and self.store.head(manifest_key(key)):
            return True
        return self.store.head(key) is not None

    def remove(self, key: str) -> None:
        self._guard()
        parts: tuple[Part, ...] = ()
        if key.endswith(".parquet"):
            stem = key.removesuffix(".parquet")
            parts = self._standing(key)
            self.store.delete([manifest_key(key)])
            # A write that was killed left objects without a manifest.
            own = re.compile(rf"{re.escape(stem)}\.[0-9a-f]{{16}}\.parquet")
            self.store.delete([found for found, _ in self.store.listed(f"{stem}.") if own.fullmatch(found)])
        self._delete(parts)
        self.store.delete([key])

    def drop_batches(self, table: TableId, keep: Container[str]) -> None:
        self._guard()
        root = f"{table.lake_prefix}/delivery_date="
        keys = [key for key, _ in self.store.listed(root)]
        batch_of = {key: _batch(key.removeprefix(root)) for key in keys}
        gone = [key for key, batch in batch_of.items() if batch and batch not in keep]
        self.store.delete([key for key in gone if key.endswith(".manifest")])
        self.store.delete([key for key in gone if not key.endswith(".manifest")])

    def _plain(self, key: str) -> LakeFile:
        return LakeFile(key, self.store.uri(key), lambda: (self.store.cached(key, self._cache),))

    def _fetch(self, key: str) -> tuple[Path, ...]:
        parts = self._parts(key)
        if parts is None:
            try:
                return (self.store.cached(key, self._cache),)
            except ObjectMissing as error:
                uri = self.store.uri(manifest_key(key))
                raise ObjectMissing(f"{uri} is not there, nor {self.store.uri(key)}", error.code) from error
        try:
            return self._read(key, parts)
        except StorageError:
            # Replaced since its manifest was read: what counts now is another one.
            again = self._parts(key)
            if again is None or again == parts:
                raise
            return self._read(key, again)

    def _addresses(self, key: str) -> tuple[str, ...]:
        parts = self._parts(key)
        return (self.store.uri(key),) if parts is None else tuple(part.uri for part in parts)

    def _read(self, key: str, parts: tuple[Part, ...]) -> tuple[Path, ...]:
        def local(part: Part) -> Path:
            own = self.store.key_of(part.uri)
            if own is None:
                raise StorageError(f"{self.store.uri(manifest_key(key))} names {part.uri}, which is outside the lake")
            return self.store.cached(own, self._cache, part.length)

        if len(parts) == 1:
            return (local(parts[0]),)
        with ThreadPoolExecutor(_READERS, thread_name_prefix="lake") as pool:
            return tuple(pool.map(local, parts))

    def _parts(self, key: str) -> tuple[Part, ...] | None:
        """What a key's manifest names; None if there is none."""
        try:
            text, _ = self.store.get(manifest_key(key))
        except ObjectMissing:
            return None
        try:
            return from_json(text)
        except ValueError as error:
            raise BadManifest(f"{self.store.uri(manifest_key(key))}: {error}") from error

    def _standing(self, key: str) -> tuple[Part, ...]:
        """The objects that a write or a removal makes superfluous."""
        try:
            return self._parts(key) or ()
        except BadManifest:
            return ()

    def _delete(self, parts: Iterable[Part]) -> None:
        """Remove objects of the lake; a manifest may name others, which are not ours to remove."""
        self.store.delete([own for part in parts if (own := self.store.key_of(part.uri))])

    def _keep(self, key: str, head: Head, written: Path) -> None:
        """Keep what was just written where its reader will look, so that it is not downloaded."""
        target = self.store.cache_path(key, self._cache, head)
        target.parent.mkdir(parents=True, exist_ok=True)
        written.replace(target)


def _batch(rest: str) -> str:
    """Of `2026-01-05/<batch>/rows.manifest` the batch."""
    parts = rest.split("/")
    return parts[1] if len(parts) > 2 else ""
