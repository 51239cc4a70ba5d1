"""The stand-in itself: a listener with TLS in front of a cluster, a thread for each session."""

from __future__ import annotations

import contextlib
import secrets
import socket
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from redshift_standin import certificates
from redshift_standin.cluster import SUPERUSER, Backend, Cluster
from redshift_standin.commands import SEARCH_PATH
from redshift_standin.faults import Faults
from redshift_standin.session import Session
from redshift_standin.wire import CANCEL_REQUEST, SSL_REQUEST, Closed, Stream

_TERMINATE = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_KEPT = "('pg_catalog', 'information_schema', 'pg_toast', 'redshift', 'public')"


@dataclass(frozen=True)
class Logged:
    """A text that arrived, from which session; `refused` is the SQLSTATE with which the front refused it."""

    session: int
    text: str
    refused: str = ""


@dataclass
class Standin:
    """A running stand-in. `statements`: every text that was executed or refused, in order; `faults`: what to break."""

    cluster: Cluster
    ca_file: Path
    context: ssl.SSLContext
    listener: socket.socket
    host: str = "localhost"
    port: int = 0
    user: str = "warehouse"
    password: str = "Warehouse-0"
    database: str = "dev"
    faults: Faults = field(default_factory=Faults)
    statements: list[Logged] = field(default_factory=list)
    _sessions: dict[Session, threading.Thread] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _count: int = 0

    @classmethod
    def start(
        cls, folder: Path, *, hosts: tuple[str, ...] = ("localhost", "127.0.0.1"), isolation: str = "serializable"
    ) -> Standin:
        """Start it; certificates go into `folder`. `isolation`: serializable, or repeatable read (snapshot)."""
        made = certificates.make(folder, hosts)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.server)
        cluster = Cluster()
        try:
            listener = socket.create_server(("127.0.0.1", 0))
            standin = cls(cluster, made.authority, context, listener, port=listener.getsockname()[1])
            standin._prepare(isolation)
        except BaseException:
            cluster.close()
            raise
        threading.Thread(target=standin._listen, name="redshift stand-in", daemon=True).start()
        return standin

    def reset(self) -> None:
        """Drop every schema, user and what stands in `public`, end all sessions, forget the log and the faults."""
        self._end_sessions()
        with contextlib.closing(self.backend()) as backend:
            backend.run(_TERMINATE)
            schemas = backend.run(
                f"SELECT nspname FROM pg_namespace WHERE nspname NOT IN {_KEPT} AND nspname !~ '^pg_'"
            )
            names = ", ".join(f'"{name}"' for name in [*(name for (name,) in schemas), "public"])
            backend.run(f"DROP SCHEMA {names} CASCADE; CREATE SCHEMA public")
            backend.run("GRANT ALL ON SCHEMA public TO PUBLIC")
            for (role,) in backend.run("SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname !~ '^pg_'"):
                backend.run(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')
        self.faults.clear()
        self.statements.clear()

    def close(self) -> None:
        """End every session and PostgreSQL."""
        self.listener.close()
        try:
            self._end_sessions()
        finally:
            self.cluster.close()

    def backend(self) -> Backend:
        """A session with PostgreSQL itself, past the front, for what a test wants to see."""
        return self.cluster.connect(self.database)

    def log(self, session: int, text: str, refused: str = "") -> None:
        with self._lock:
            self.statements.append(Logged(session, text, refused))

    def __enter__(self) -> Standin:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, isolation: str) -> None:
        with contextlib.closing(self.cluster.connect("postgres")) as backend:
            backend.run(f"CREATE DATABASE {self.database}")
        functions = Path(__file__).with_name("functions.sql").read_text(encoding="utf-8")
        with contextlib.closing(self.backend()) as backend:
            backend.run(functions)
            # The user is a superuser here, as the tests know no grants.
            backend.run(f"CREATE ROLE {self.user} SUPERUSER LOGIN")
            backend.run(f"ALTER DATABASE {self.database} SET search_path TO public, {SEARCH_PATH}")
            backend.run(f"ALTER DATABASE {self.database} SET default_transaction_isolation TO '{isolation}'")

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        stream, session = Stream(connection), None
        try:
            packet = stream.startup()
            if int.from_bytes(packet[:4], "big") == SSL_REQUEST:
                connection.sendall(b"S")
                stream = Stream(self.context.wrap_socket(connection, server_side=True))
                packet = stream.startup()
            if int.from_bytes(packet[:4], "big") == CANCEL_REQUEST:
                self._cancel(packet)
                return
            with self._lock:
                self._count += 1
                session = Session(self._count, stream, self)
                self._sessions[session] = threading.current_thread()
            session.run(packet)
        except (Closed, OSError):
            pass
        finally:
            if session is not None:
                session.close()
                with self._lock:
                    self._sessions.pop(session, None)
            stream.close()
            connection.close()

    def _cancel(self, packet: bytes) -> None:
        backend = socket.socket(socket.AF_UNIX)
        with contextlib.closing(backend):
            backend.connect(str(self.cluster.folder / ".s.PGSQL.5432"))
            backend.sendall((len(packet) + 4).to_bytes(4, "big") + packet)
            backend.recv(1)

    def _end_sessions(self) -> None:
        with self._lock:
            standing = dict(self._sessions)
        for session in standing:
            session.interrupt()
        # Each thread closes its own sockets: a number that is free again could be another connection's by then.
        for thread in standing.values():
            thread.join(10)

    @property
    def superuser(self) -> str:
        return SUPERUSER

    def salt(self) -> bytes:
        return secrets.token_bytes(4)
