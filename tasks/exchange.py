"""What stands in a home against what comes, by renames that can be taken up from wherever they were cut off.

Once the journal is written the exchange counts as done: whoever takes the home's lock next ends it. Before that it
never took place, and what was to come is removed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

JOURNAL = "restore.json"
INCOMING = ".restoring"
ASIDE = "before-restore-"


def exchange(home: Path, incoming: Path, leaving: Sequence[str]) -> Path | None:
    """Bring what lies in `incoming`, a folder of the home, into the home, and move `leaving` aside; returns whereto."""
    aside = home / f"{ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    coming = sorted(path.name for path in incoming.iterdir())
    said = {"incoming": incoming.name, "aside": aside.name, "leaving": list(leaving), "coming": coming}
    part = home / f".{JOURNAL}.part"
    with part.open("w", encoding="utf-8") as out:
        json.dump(said, out)
        out.flush()
        os.fsync(out.fileno())
    part.replace(home / JOURNAL)
    finish(home)
    return aside if leaving else None


def finish(home: Path) -> None:
    """End what was cut off, forwards if its journal stands, else backwards; the home's lock is held."""
    journal = home / JOURNAL
    if not journal.exists():
        shutil.rmtree(home / INCOMING, ignore_errors=True)
        (home / f".{JOURNAL}.part").unlink(missing_ok=True)
        return
    said = json.loads(journal.read_text(encoding="utf-8"))
    incoming, aside = home / said["incoming"], home / said["aside"]
    for name in said["leaving"]:
        if (home / name).exists() and not (aside / name).exists():
            aside.mkdir(mode=0o700, exist_ok=True)
            (home / name).rename(aside / name)
    for name in said["coming"]:
        if (incoming / name).exists():
            (incoming / name).rename(home / name)
    shutil.rmtree(incoming, ignore_errors=True)
    journal.unlink()
