"""The inbox: delivered files by day, in a folder or on S3. Whoever reads them gets a local folder either way."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.batches import control_file
from tasks.settings import Settings

if TYPE_CHECKING:
    from tasks.s3 import Head, Store

_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_READERS = 4


class OtherVersion(ValueError):
    """A file was replaced since it was announced."""


class Deliveries(ABC):
    """Deliveries, `<YYYY-MM-DD>/<file>`; other names are left alone. As text: where they lie."""

    @abstractmethod
    def days(self) -> list[date]:
        """The delivery dates, oldest first; raise ValueError for a name like a date that no calendar has."""

    @abstractmethod
    def sizes(self, day: date) -> dict[str, int]:
        """The bytes of each file of a day, by name; raise FileNotFoundError where nothing was delivered."""

    @abstractmethod
    def folder(self, day: date) -> Path:
        """A local folder with the files of a day as they are now, to be read only; raise OSError if it cannot be."""

    @abstractmethod
    def file(self, day: date, name: str, version: str = "") -> Path:
        """A local folder with one file, and what its source says of it beside it, to be read only.

        Raises FileNotFoundError where it is gone, and OtherVersion where not this version of it stands there.
        """

    @abstractmethod
    def workplace(self, name: str) -> Path:
        """An empty local folder, in which files are made before they are added."""

    @abstractmethod
    def add(self, day: date, workplace: Path, names: Sequence[str]) -> None:
        """Deliver files of a workplace, which is gone afterwards: each whole, in the order given."""

    @abstractmethod
    def take_over(self, root: Path, *, overwrite: bool = True) -> None:
        """Deliver the days of a local folder; of the inbox's own folder there is nothing to do.

        Unless it may overwrite, a ValueError refuses days that hold other files (by name and length) than the folder.
        """


class FolderInbox(Deliveries):
    """Folders below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        return str(self._root)

    def days(self) -> list[date]:
        if not self._root.is_dir():
            return []
        return _days((p.name for p in self._root.iterdir() if p.is_dir()), self._root)

    def sizes(self, day: date) -> dict[str, int]:
        return {p.name: p.stat().st_size for p in sorted(self.folder(day).iterdir()) if p.is_file()}

    def folder(self, day: date) -> Path:
        return self._root / day.isoformat()

    def file(self, day: date, name: str, version: str = "") -> Path:
        folder = self.folder(day)
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name}: there is no such file")
        if version:
            raise OtherVersion(f"{folder / name}: a folder keeps no versions, and {version} was asked for")
        return folder

    def workplace(self, name: str) -> Path:
        return _emptied(self._root / f".mapping.{name}")

    def add(self, day: date, workplace: Path, names: Sequence[str]) -> None:
        target = self.folder(day)
        for name in names:
            with (workplace / name).open("rb") as handle:
                os.fsync(handle.fileno())
        if not target.exists():
            workplace.rename(target)
            return
        for name in names:
            (workplace / name).replace(target / name)
        workplace.rmdir()

    def take_over(self, root: Path, *, overwrite: bool = True) -> None:
        if root == self._root:
            return
        _refuse_others(self, root, overwrite=overwrite)
        for day in FolderInbox(root).days():
            shutil.copytree(root / day.isoformat(), self.folder(day), dirs_exist_ok=True)


class S3Inbox(Deliveries):
    """Objects `<day>/<file>` of a store, and a copy of the days that were read below `cache`."""

    def __init__(self, store: Store, cache: Path) -> None:
        self._store = store
        self._cache = cache / hashlib.sha256(store.url.encode()).hexdigest()[:16]
        self._read: set[Path] = set()

    def __str__(self) -> str:
        return self._store.url

    def days(self) -> list[date]:
        return _days(self._store.folders(), self._store.url)

    def sizes(self, day: date) -> dict[str, int]:
        return {name: head.length for name, head in self._heads(day).items()}

    def folder(self, day: date) -> Path:
        """Downloads what is new or changed, by ETag and length, and removes what has gone.

        Each state of a day has a folder of its own, so that a file stays as it is while somebody reads it.
        """
        return self._copied(day, self._heads(day))

    def file(self, day: date, name: str, version: str = "") -> Path:
        key = f"{day.isoformat()}/{name}"
        stands = self._store.version(key)
        if stands is None:
            raise FileNotFoundError(f"{self._store.uri(key)}: there is no such object (any more)")
        if version and version != stands:
            raise OtherVersion(
                f"{self._store.uri(key)}: version {version} was announced, version {stands} stands there"
            )
        wanted = {name, control_file(Path(name)).name}
        return self._copied(day, {name: head for name, head in self._heads(day).items() if name in wanted})

    def _copied(self, day: date, heads: dict[str, Head]) -> Path:
        place = self._cache / day.isoformat()
        state = hashlib.sha256(json.dumps(sorted(heads.items())).encode()).hexdigest()[:16]
        folder, objects = place / state, place / "objects"
        kept = {name: self._store.cache_path(name, objects, head) for name, head in heads.items()}

        def download(name: str) -> None:
            if _size(kept[name]) != heads[name].length:
                self._download(f"{day.isoformat()}/{name}", kept[name], heads[name])

        if any(_size(folder / name) != head.length for name, head in heads.items()):
            with ThreadPoolExecutor(_READERS, thread_name_prefix="inbox") as pool:
                list(pool.map(download, sorted(heads)))
            part = _emptied(place / ".part")
            for name in heads:
                os.link(kept[name], part / name)
            shutil.rmtree(folder, ignore_errors=True)
            part.rename(folder)
        self._read.add(folder)
        _keep_only(place, {*self._read, objects})
        _keep_only(objects, {path.parent for path in kept.values()})
        return folder

    def workplace(self, name: str) -> Path:
        return _emptied(self._cache / f".mapping.{name}")

    def add(self, day: date, workplace: Path, names: Sequence[str]) -> None:
        for name in names:
            self._store.send_file(f"{day.isoformat()}/{name}", workplace / name)
        shutil.rmtree(workplace)

    def take_over(self, root: Path, *, overwrite: bool = True) -> None:
        _refuse_others(self, root, overwrite=overwrite)
        local = FolderInbox(root)
        for day in local.days():
            for name in local.sizes(day):
                self._store.send_file(f"{day.isoformat()}/{name}", local.folder(day) / name)

    def _heads(self, day: date) -> dict[str, Head]:
        prefix = f"{day.isoformat()}/"
        found = {key.removeprefix(prefix): head for key, head in self._store.listed(prefix)}
        heads = {name: head for name, head in found.items() if "/" not in name and name not in ("", ".", "..")}
        if not heads:
            raise FileNotFoundError(f"{self._store.uri(prefix)}: nothing was delivered")
        return heads

    def _download(self, key: str, target: Path, head: Head) -> None:
        from tasks.s3 import ObjectChanged

        try:
            self._store.fetch(key, target, head.etag)
        except ObjectChanged as error:
            raise ObjectChanged(
                f"{self._store.uri(key)} was changed while the delivery was read; the next run takes it as it is then",
                error.code,
            ) from error


def open_inbox(settings: Settings) -> Deliveries:
    """The inbox of the settings' mode."""
    if settings.mode == "local":
        return FolderInbox(settings.inbox)
    from tasks.s3 import Store

    return S3Inbox(Store(settings.inbox_url, settings.kms_key), settings.cache / "inbox")


def _refuse_others(inbox: Deliveries, root: Path, *, overwrite: bool) -> None:
    """Raise ValueError where a day of the inbox holds a file that the folder has not, or has with another length."""
    local, there = FolderInbox(root), set() if overwrite else set(inbox.days())
    for day in there & set(local.days()):
        if others := inbox.sizes(day).items() - local.sizes(day).items():
            names = ", ".join(sorted(name for name, _ in others))
            raise ValueError(f"{inbox}/{day} holds another delivery ({names}); --overwrite replaces it")


def _days(names: Iterable[str], where: object) -> list[date]:
    return sorted(_day(name, where) for name in names if _DAY.match(name))


def _day(name: str, where: object) -> date:
    try:
        return date.fromisoformat(name)
    except ValueError as error:
        raise ValueError(f"{where}/{name}: {name} is no day of the calendar ({error})") from error


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _keep_only(folder: Path, wanted: set[Path]) -> None:
    for path in folder.iterdir():
        if path not in wanted:
            shutil.rmtree(path)
