"""What was told, remembered for all runs: a record per alert, changed by one run at a time, in a folder or on S3."""

from __future__ import annotations

import fcntl
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.settings import Settings

if TYPE_CHECKING:
    from tasks.s3 import Store

Record = dict[str, Any]
Change = Callable[[Record | None], Record | None]

_TRIES = 10


class AlertLog(ABC):
    """Records by name."""

    @abstractmethod
    def update(self, name: str, change: Change) -> bool:
        """Replace a record (None: there is none) by what `change` makes of it, unless that is None; whether it was.

        `change` may be called again where another run was quicker. Raises OSError.
        """

    @abstractmethod
    def records(self) -> Iterator[tuple[str, Record]]:
        """Every record with its name."""


class FolderLog(AlertLog):
    """A file per record in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def update(self, name: str, change: Change) -> bool:
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path = self._root / f"{name}.json"
            new = change(json.loads(path.read_text(encoding="utf-8")) if path.exists() else None)
            if new is None:
                return False
            part = path.with_suffix(".part")
            part.write_text(json.dumps(new), encoding="utf-8")
            part.replace(path)
            return True

    def records(self) -> Iterator[tuple[str, Record]]:
        for path in sorted(self._root.glob("*.json")):
            yield path.stem, json.loads(path.read_text(encoding="utf-8"))


class S3Log(AlertLog):
    """An object per record below `alerts/`; each is written on the condition that it is still the one that was read."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def update(self, name: str, change: Change) -> bool:
        from tasks.s3 import ObjectChanged, ObjectMissing

        for left in reversed(range(_TRIES)):
            try:
                body, answer = self._store.get(self._key(name))
                new, condition = change(json.loads(body)), {"IfMatch": str(answer["ETag"])}
            except ObjectMissing:
                new, condition = change(None), {"IfNoneMatch": "*"}
            if new is None:
                return False
            try:
                self._store.send(self._key(name), json.dumps(new).encode(), ContentType="application/json", **condition)
                return True
            except (ObjectChanged, ObjectMissing):
                if not left:
                    raise
        raise AssertionError("not reached")

    def records(self) -> Iterator[tuple[str, Record]]:
        for key, _ in self._store.listed("alerts/"):
            yield key.removeprefix("alerts/").removesuffix(".json"), json.loads(self._store.get(key)[0])

    def _key(self, name: str) -> str:
        return f"alerts/{name}.json"


def open_log(settings: Settings) -> AlertLog:
    """The log of the settings' mode; each source has its own."""
    if settings.mode == "local":
        return FolderLog(settings.home / "alerts")
    from tasks.s3 import Store

    return S3Log(Store(settings.lake_url, settings.kms_key))
