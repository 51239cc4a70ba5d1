"""A backup back into a home. What stood there is kept aside; a restore that is cut off took place, or it did not."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tasks.backup import INBOX, PARTS, Backup, OnFile, backups, copy_out, read, require_local
from tasks.exchange import ASIDE, INCOMING, exchange
from tasks.lock import open_lock
from tasks.settings import Settings
from tasks.warehouse import open_warehouse
from tasks.warehouse.base import WarehouseError

# A log that belongs to the warehouse file that leaves would be replayed into the one that comes.
_OURS = (*PARTS, "warehouse.duckdb.wal")


@dataclass(frozen=True)
class Restored:
    """What was done: the backup (None: an earlier restore was taken back), and where what stood before lies."""

    backup: Backup | None
    aside: Path | None


def newest(place: Path) -> Path:
    """The folder of a backup: `place` itself, or the newest one in it; raises ValueError where there is none."""
    if (place / "manifest.json").exists():
        return place
    found = backups(place)
    if not found:
        raise ValueError(f"no backup in {place}; `dw backup` makes one")
    return found[-1].folder


def restore(
    settings: Settings, folder: Path, *, overwrite: bool = False, on_file: OnFile = lambda path, count: None
) -> Restored:
    """Put a backup in place of what a home holds; an inbox only where the backup has one.

    Raises BackupRefused or WarehouseError before anything is changed where the backup is not as it was made or does not
    open, ValueError where it is another source's, or a warehouse stands and may not be overwritten.
    """
    require_local(settings)
    home, lock = settings.home, open_lock(settings)
    lock.acquire("restore")
    try:
        backup = read(folder)
        if backup.source != settings.source:
            raise ValueError(f"{folder} is of the source {backup.source}, not of {settings.source}")
        ours = (*_OURS, INBOX) if backup.has_inbox else _OURS
        standing = _standing(home, ours)
        if standing and not overwrite:
            raise ValueError(f"{home} holds {', '.join(standing)}; --overwrite replaces them, and keeps them aside")
        incoming = home / INCOMING
        incoming.mkdir(mode=0o700)
        try:
            copy_out(backup, incoming, on_file)
            _try(settings, incoming)
        except BaseException:
            shutil.rmtree(incoming)
            raise
        aside = exchange(home, incoming, standing)
    finally:
        lock.release()
    return Restored(backup, aside)


def undo(settings: Settings) -> Restored:
    """Put back what the last restore moved aside, and what it brought aside; raises ValueError where there is none."""
    require_local(settings)
    home, lock = settings.home, open_lock(settings)
    lock.acquire("restore")
    try:
        kept = sorted(home.glob(f"{ASIDE}*"))
        if not kept:
            raise ValueError(f"{home} holds nothing that a restore moved aside")
        came = [path.name for path in kept[-1].iterdir()]
        aside = exchange(home, kept[-1], _standing(home, dict.fromkeys((*_OURS, *came))))
    finally:
        lock.release()
    return Restored(None, aside)


def _try(settings: Settings, incoming: Path) -> None:
    """Open the warehouse that comes, as it will be opened."""
    there = settings.model_copy(update={"home": incoming})
    with open_warehouse(there, read_only=True) as warehouse:
        if not warehouse.has_table("audit.load_ledger"):
            raise WarehouseError(f"{there.warehouse_file} opens, but is no warehouse: it has no audit.load_ledger")


def _standing(home: Path, names: Iterable[str]) -> list[str]:
    return [name for name in names if (home / name).exists()]
