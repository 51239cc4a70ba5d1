"""An empty database of Prefect for a home that has none: migrations take 5 CPU seconds, so they run once a release."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

NAME = "prefect.db"


def prepare(home: Path, cache: Path | None) -> None:
    """Put the empty database of this release of Prefect into a home without one; the first time it is made there.

    Whatever hinders this is left to Prefect's server, which migrates what it finds, or makes one. Call it before.
    """
    database = home / NAME
    # A log without its database would be read into the new one.
    if cache is None or database.exists() or database.with_name(f"{NAME}-wal").exists() or not _is_used(database):
        return
    empty = cache / f"prefect-{version('prefect')}.db"
    with suppress(OSError, sqlite3.Error):
        if _is_sound(empty):
            _copy(empty, database)
            return
        asyncio.run(_migrate())
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        _copy(database, empty)


def _is_used(database: Path) -> bool:
    """Whether Prefect would use this file, and no database that is named in its settings."""
    from prefect.settings import get_current_settings

    url = get_current_settings().server.database.connection_url
    return url is not None and url.get_secret_value() == f"sqlite+aiosqlite:///{database}"


async def _migrate() -> None:
    """What Prefect's server does when it starts."""
    from prefect.server.database import provide_database_interface

    interface = provide_database_interface()
    await interface.create_db()
    await (await interface.engine()).dispose()


def _is_sound(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        with closing(_read_only(file)) as found:
            is_whole = found.execute("PRAGMA quick_check").fetchone() == ("ok",)
            return is_whole and found.execute("SELECT version_num FROM alembic_version").fetchone() is not None
    except sqlite3.Error:
        return False


def _copy(source: Path, target: Path) -> None:
    """Copy a database in one step: who looks finds all of it or nothing."""
    handle, part = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    os.close(handle)
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as read,
            closing(sqlite3.connect(part)) as new,
        ):
            read.backup(new)
            # One file, without a log beside it.
            new.execute("PRAGMA journal_mode = DELETE")
        Path(part).replace(target)
    finally:
        Path(part).unlink(missing_ok=True)


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
