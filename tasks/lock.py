"""Who may write: one run at a time, kept by a lock on the home folder, or by a lease on S3 for all machines."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
import uuid
from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tasks.exchange import finish
from tasks.settings import Settings
from tasks.warehouse.base import WarehouseBusy

if TYPE_CHECKING:
    from tasks.s3 import Store

LEASE = "_lock.json"


class LeaseLost(WarehouseBusy):
    """The run may write no more: its lease ran out, or another run has it."""

    is_transient = False


class RunLock(ABC):
    """Held by one run at a time."""

    @abstractmethod
    def acquire(self, run_id: str) -> None:
        """Take it; raise WarehouseBusy, naming the holder, if another run has it."""

    @abstractmethod
    def check(self) -> None:
        """Raise LeaseLost if it is not ours any more. Asked before anything is published."""

    @abstractmethod
    def release(self) -> None:
        """Let the next run in."""


class FileLock(RunLock):
    """A lock on `<home>/run.lock`, which the system takes back when the process ends.

    Who takes it ends a restore that was cut off.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._handle: IO[str] | None = None

    def acquire(self, run_id: str) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        handle = (self._home / "run.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            handle.close()
            raise WarehouseBusy(
                f"another run holds {self._home} (process {holder}); wait for it to end, or stop it"
            ) from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        self._handle = handle
        finish(self._home)

    def check(self) -> None:
        """The system does not take a lock back while the process lives."""

    def release(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


def is_held(home: Path) -> bool:
    """Whether a run on this machine holds a home folder; asks, and takes nothing."""
    try:
        with (home / "run.lock").open() as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


class Lease(RunLock):
    """The object `_lock.json` of a store, written under a condition that only one of several writers can meet.

    It runs out `seconds` after it was last written, by S3's clock, and is written anew `every` seconds by a thread.
    """

    def __init__(self, store: Store, *, seconds: float = 120, every: float = 30) -> None:
        self._store, self._seconds, self._every = store, seconds, every
        self._said: dict[str, Any] = {}
        self._etag, self._until, self._lost = "", 0.0, ""
        self._one_at_a_time, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, run_id: str) -> None:
        from tasks.s3 import ObjectMissing

        since = datetime.now(UTC).isoformat(timespec="seconds")
        self._said = {"run_id": run_id, "host": socket.gethostname(), "process": os.getpid(), "since": since}
        condition = {"IfNoneMatch": "*"}
        while not self._write(condition):
            try:
                body, answer = self._store.get(LEASE)
            except ObjectMissing:
                condition = {"IfNoneMatch": "*"}
                continue
            age = _age(answer)
            if age <= self._seconds:
                raise WarehouseBusy(
                    f"another run holds {self._store.uri(LEASE)} ({_holder(body)}, renewed {age:.0f} s ago); wait for "
                    f"it to end, or stop it: what was killed lets go after {self._seconds:.0f} s"
                )
            condition = {"IfMatch": answer["ETag"]}
        self._lost = ""
        self._stop.clear()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        if not self._lost and time.monotonic() >= self._until:
            # Late, but nobody may have come: then the lease can still be renewed.
            self._renew()
        if self._lost:
            raise LeaseLost(self._lost)

    def release(self) -> None:
        from tasks.s3 import StorageError

        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._etag and not self._lost:
            # Where this fails, it runs out by itself.
            with suppress(StorageError):
                self._store.delete_if(LEASE, self._etag)
        self._etag = ""

    def _keep(self) -> None:
        while not self._lost and not self._stop.wait(self._every):
            self._renew()

    def _renew(self) -> None:
        from tasks.s3 import StorageError

        with self._one_at_a_time:
            try:
                if self._lost or self._write({"IfMatch": self._etag}):
                    return
                holder = _holder(self._store.get(LEASE)[0])
                self._lost = f"the run lost its lease {self._store.uri(LEASE)} to another one ({holder})"
            except StorageError as error:
                # Tried again until it has run out.
                if time.monotonic() >= self._until:
                    self._lost = f"the run could not renew its lease {self._store.uri(LEASE)}: {error}"
            if self._lost:
                self._lost += "; nothing was published since, the next run takes up the rest"

    def _write(self, condition: dict[str, str]) -> bool:
        """Write the lease anew if the condition holds; whether it is ours now."""
        from tasks.s3 import ObjectChanged, ObjectMissing

        started = time.monotonic()
        # Never the same bytes twice, or an ETag that another run has read would still fit after we have renewed.
        mark = uuid.uuid4().hex
        body = json.dumps({**self._said, "mark": mark}, indent=1).encode()
        try:
            etag = str(self._store.send(LEASE, body, **condition)["ETag"])
        except (ObjectChanged, ObjectMissing):
            # An answer that got lost is asked for again, and then our own first write is what is in the way.
            try:
                found, answer = self._store.get(LEASE)
            except ObjectMissing:
                return False
            if found != body:
                return False
            etag = str(answer["ETag"])
        # We give up before others may take over: what is published takes time too.
        self._etag, self._until = etag, started + 0.75 * self._seconds
        return True


class Both(RunLock):
    """Two locks as one: the second is taken only where the first was."""

    def __init__(self, first: RunLock, second: RunLock) -> None:
        self._first, self._second = first, second

    def acquire(self, run_id: str) -> None:
        self._first.acquire(run_id)
        try:
            self._second.acquire(run_id)
        except BaseException:
            self._first.release()
            raise

    def check(self) -> None:
        self._first.check()
        self._second.check()

    def release(self) -> None:
        self._second.release()
        self._first.release()


def open_lock(settings: Settings) -> RunLock:
    """The lock of the settings' mode."""
    home = FileLock(settings.home)
    if settings.mode == "local":
        return home
    from tasks.s3 import Store

    # The scratch files in the home folder are one run's too, whatever lake it writes to.
    return Both(home, Lease(Store(settings.lake_url, settings.kms_key)))


def _age(answer: Any) -> float:
    """Seconds since an object was written: both instants are S3's own, so that our clock may be wrong."""
    now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    return float((now - answer["LastModified"]).total_seconds())


def _holder(body: bytes) -> str:
    try:
        said = json.loads(body)
        return f"run {said['run_id']}, process {said['process']} on {said['host']}, since {said['since']}"
    except (KeyError, TypeError, ValueError):
        return "unknown"
