"""The SQL that processes before this one wrote for the engines, kept in a file as Python keeps bytecode.

It holds no result: a text follows from the statement and the code (`sql/memo.py`), and another version has another
file. Whatever is wrong with the file, statements are written anew.
"""

from __future__ import annotations

import atexit
import json
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from sql import memo

_OLD = 30 * 24 * 3600  # seconds after which the file of another version goes
_LONGEST = 100_000  # characters of a text that is worth its place
_USED: dict[Path, frozenset[str]] = {}


def use(folder: Path | None) -> None:
    """Learn what earlier processes wrote, and leave to later ones what this one writes; once per process."""
    if folder is None or folder in _USED:
        return
    _USED[folder] = frozenset()
    with suppress(OSError):
        file = folder / f"sql-{memo.version()[:20]}.json"
        found = _read(file)
        memo.learn(found)
        _USED[folder] = frozenset(found)
        atexit.register(save, file)


def save(file: Path) -> None:
    """Write what this process knows and the file does not, in one step; what another wrote meanwhile stays."""
    known = {key: text for key, text in memo.remembered().items() if len(text) <= _LONGEST}
    if known.keys() <= _USED.get(file.parent, frozenset()):
        return
    kept = {**_read(file), **known}
    kept = dict(list(kept.items())[-memo.LIMIT :])
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, part = tempfile.mkstemp(prefix=".sql-", dir=file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                json.dump(kept, out)
            Path(part).replace(file)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        _forget(file)


def _read(file: Path) -> dict[str, str]:
    """The texts of a file; none where it is not there, or is not what `save` writes."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    is_ours = isinstance(found, dict) and all(isinstance(text, str) for text in found.values())
    return found if is_ours else {}


def _forget(newest: Path) -> None:
    """Remove files of other versions, and what a killed process left, that nobody has written for a month."""
    for file in (*newest.parent.glob("sql-*.json"), *newest.parent.glob(".sql-*")):
        if file != newest and file.stat().st_mtime < time.time() - _OLD:
            file.unlink(missing_ok=True)
