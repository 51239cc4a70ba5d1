"""Backups of a local warehouse: its file, its lake and what the gates found, in a folder that a manifest proves.

A backup appears whole or not at all. Files that an earlier backup in the same place has with the same content are hard
links to it; nothing is shared with the home, so that what happens there does not reach a backup.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from contracts.registry import Registry
from tasks import ledger
from tasks.lock import open_lock
from tasks.settings import Settings
from tasks.warehouse import open_warehouse, require_warehouse

FORMAT = 1
MANIFEST = "manifest.json"
PARTS = ("warehouse.duckdb", "lake", "gx")
INBOX = "inbox"
_UNFINISHED = ".part-"
_CHUNK = 1 << 20
OnFile = Callable[[str, int], None]


class BackupRefused(RuntimeError):
    """A backup that is not what was made: cut, changed, or of a version that this one cannot read."""


@dataclass(frozen=True)
class Mark:
    """What proves a file: its length and its SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """A backup that lies in `folder`: `files` by path below it, `contracts` by table, the newest loaded delivery."""

    folder: Path
    made_at: datetime
    source: str
    newest_delivery: date | None
    duckdb: str
    contracts: Mapping[str, str]
    files: Mapping[str, Mark]

    @property
    def bytes(self) -> int:
        return sum(mark.bytes for mark in self.files.values())

    @property
    def has_inbox(self) -> bool:
        return any(path.startswith(f"{INBOX}/") for path in self.files)


def back_up(
    settings: Settings,
    to: Path,
    *,
    with_inbox: bool = False,
    keep: int | None = None,
    on_file: OnFile = lambda path, count: None,
) -> Backup:
    """Copy a local warehouse to a new folder below `to`, while no run is under way; of older ones `keep` remain.

    `on_file` hears each file that is copied, and how many there are.

    Raises ValueError in aws mode and where `to` lies in what is copied, WarehouseError where there is no warehouse.
    """
    require_local(settings)
    require_warehouse(settings)
    to = to.resolve()
    parts = (*PARTS, INBOX) if with_inbox else PARTS
    if inside := [part for part in (*parts, INBOX) if to.is_relative_to(settings.home / part)]:
        raise ValueError(
            f"{to} lies in {settings.home / inside[0]}, which a run changes; choose a folder outside of it"
        )
    lock = open_lock(settings)
    lock.acquire("backup")
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in to.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left)
        # Opened to write, it takes in what a killed run had committed to its log only.
        with open_warehouse(settings) as warehouse:
            warehouse.checkpoint()
            newest = ledger.newest_delivery(warehouse) if warehouse.has_table(ledger.TABLE) else None
        earlier = next(reversed(backups(to)), None)
        at = datetime.now(UTC)
        target = to / at.strftime("%Y%m%dT%H%M%S%fZ")
        part = to / f"{_UNFINISHED}{target.name}"
        part.mkdir(mode=0o700)
        paths, files = list(_files(settings.home, parts)), {}
        for path in paths:
            on_file(path, len(paths))
            files[path] = _take(settings.home / path, part / path, earlier, path)
        contracts = {str(c.table): c.version for c in Registry.read(settings.repository).values()}
        made = Backup(target, at, settings.source, newest, version("duckdb"), contracts, files)
        _write(part / MANIFEST, made)
        part.rename(target)
        _flush(to)
        _prune(to, keep)
    finally:
        lock.release()
    return made


def backups(to: Path) -> list[Backup]:
    """The backups in a folder, oldest first; what is none, or has lost its manifest, is left out."""
    found = []
    for folder in sorted(p for p in to.glob("[0-9]*Z") if p.is_dir()):
        with suppress(BackupRefused):
            found.append(read(folder))
    return found


def read(folder: Path) -> Backup:
    """What a backup says of itself; raises BackupRefused where it does not say it, or says it wrongly."""
    manifest = folder / MANIFEST
    try:
        text = manifest.read_text(encoding="utf-8")
    except OSError as error:
        raise BackupRefused(f"{folder} is no backup: {MANIFEST} cannot be read ({error})") from error
    try:
        body = json.loads(text)
        proof = body.pop("sha256")
        if body["format"] != FORMAT:
            raise BackupRefused(f"{manifest} is of format {body['format']}; this version reads {FORMAT}")
        if proof != _proof(body):
            raise BackupRefused(f"{manifest} was changed after it was written")
        newest = body["newest_delivery"]
        return Backup(
            folder,
            datetime.fromisoformat(body["made_at"]),
            body["source"],
            date.fromisoformat(newest) if newest else None,
            body["duckdb"],
            body["contracts"],
            {_inside(path): Mark(**mark) for path, mark in body["files"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupRefused(f"{manifest} is not whole: {error}") from error


def copy_out(backup: Backup, to: Path, on_file: OnFile = lambda path, count: None) -> None:
    """Copy a backup's files to an empty folder, proving each; raises BackupRefused where one is not as it was."""
    standing = {path.relative_to(backup.folder).as_posix() for path in _walk(backup.folder)} - {MANIFEST}
    if missing := sorted(backup.files.keys() - standing):
        raise BackupRefused(f"{backup.folder} is cut: {missing[0]} is not there ({len(missing)} files in all)")
    if foreign := sorted(standing - backup.files.keys()):
        raise BackupRefused(f"{backup.folder} was changed: it holds {foreign[0]}, which its manifest does not name")
    for path, mark in backup.files.items():
        on_file(path, len(backup.files))
        source = backup.folder / path
        if source.is_symlink():
            raise BackupRefused(f"{source} was changed: it is a link")
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        if copy(source, to / path) != mark:
            raise BackupRefused(f"{source} was changed: its {mark.bytes} bytes are not those that were backed up")


def copy(source: Path, target: Path) -> Mark:
    """Copy a file to disk, and prove what was read."""
    digest, length = hashlib.sha256(), 0
    with source.open("rb") as origin, target.open("wb") as out:
        while chunk := origin.read(_CHUNK):
            digest.update(chunk)
            length += len(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return Mark(length, digest.hexdigest())


def mark_of(path: Path) -> Mark:
    """What proves a file that stands."""
    with path.open("rb") as handle:
        return Mark(path.stat().st_size, hashlib.file_digest(handle, "sha256").hexdigest())


def require_local(settings: Settings) -> None:
    """Raise ValueError in aws mode, where snapshots and versions do this."""
    if settings.mode != "local":
        raise ValueError("dw backup and dw restore are of local mode; docs/recovery.md says what does it on AWS")


def _take(source: Path, target: Path, earlier: Backup | None, path: str) -> Mark:
    """Bring a file into a backup: as a link to the earlier one's, if both are what that one says, else as a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    before = earlier.files.get(path) if earlier else None
    if earlier and before and before == mark_of(source) == mark_of(earlier.folder / path):
        with suppress(OSError):  # a file system without links, or at their limit
            os.link(earlier.folder / path, target)
            return before
    return copy(source, target)


def _files(home: Path, parts: Sequence[str]) -> Iterator[str]:
    """The files of a home that a backup holds; what a killed write left behind is not one of them."""
    for part in parts:
        for path in [home / part] if (home / part).is_file() else sorted(_walk(home / part)):
            if not path.name.startswith("."):
                yield path.relative_to(home).as_posix()


def _walk(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _write(manifest: Path, made: Backup) -> None:
    body = {
        "format": FORMAT,
        "made_at": made.made_at.isoformat(),
        "source": made.source,
        "newest_delivery": made.newest_delivery.isoformat() if made.newest_delivery else None,
        "duckdb": made.duckdb,
        "contracts": dict(made.contracts),
        "files": {path: asdict(mark) for path, mark in made.files.items()},
    }
    with manifest.open("w", encoding="utf-8") as out:
        json.dump({**body, "sha256": _proof(body)}, out, indent=1)
        out.flush()
        os.fsync(out.fileno())


def _proof(body: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _inside(path: str) -> str:
    found = PurePosixPath(path)
    if found.is_absolute() or ".." in found.parts or not found.parts or found.parts[0] not in (*PARTS, INBOX):
        raise ValueError(f"{path!r} is no path of a backup")
    return path


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _prune(to: Path, keep: int | None) -> None:
    for old in backups(to)[: -keep if keep else 0]:
        # Renamed first: a backup that is half removed is none.
        gone = to / f"{_UNFINISHED}{old.folder.name}"
        old.folder.rename(gone)
        shutil.rmtree(gone)
