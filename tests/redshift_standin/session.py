"""One client: its start-up and password, then every message, relayed or answered in PostgreSQL's place.

Each message waits for its answer before the next is looked at, so that an error of the front's own can stand in the
right place. Such an error is provoked in PostgreSQL too, and answered with other words: it is PostgreSQL then that
skips what follows and aborts the transaction.
"""

from __future__ import annotations

import contextlib
import struct
import time
from hashlib import md5
from typing import TYPE_CHECKING

from redshift_standin import loading, unloading
from redshift_standin.cluster import Backend
from redshift_standin.errors import RedshiftError, in_transaction, translated, unsupported
from redshift_standin.rewrite import Statement, rewrite, split, without_comments
from redshift_standin.wire import Closed, Stream, columns, fields, pairs, response, strings, text, values

if TYPE_CHECKING:
    from redshift_standin.server import Standin

SERVER = "8.0.2"
_NOBODY_WAITS = "SELECT NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
_PATIENCE = 2.0
# What ends the answer to a message of the extended protocol, beside an error.
_ENDS = {b"P": b"1", b"B": b"2", b"C": b"3", b"E": b"CIs", b"S": b"Z"}
_COLUMNS = (
    "SELECT attname, format_type(atttypid, NULL), CASE WHEN atttypid IN ('varchar'::regtype, 'bpchar'::regtype) "
    "THEN nullif(atttypmod, -1) - 4 END, CASE WHEN atttypid = 'numeric'::regtype THEN (atttypmod - 4) >> 16 END, "
    "CASE WHEN atttypid = 'numeric'::regtype THEN (atttypmod - 4) & 2047 END "
    "FROM pg_attribute WHERE attrelid = '{}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
)


class Dropped(Exception):
    """The connection is to break here."""


class Session:
    """A client's session and the session with PostgreSQL that answers it."""

    def __init__(self, number: int, client: Stream, standin: Standin) -> None:
        self.number, self.client, self.standin = number, client, standin
        self.backend: Backend | None = None
        self.status = b"I"
        self._failed = False
        self._prepared: dict[str, tuple[str, Statement]] = {}
        self._portals: dict[str, str] = {}

    def run(self, packet: bytes) -> None:
        """Serve until the client ends it, or a fault does."""
        if not self._welcome(pairs(packet[4:])):
            return
        try:
            while True:
                kind, body = self.client.message()
                if kind == b"X":
                    return
                if kind != b"H":
                    self._message(kind, body)
                if kind in b"HQS":
                    self.client.flush()
        except Dropped:
            return

    def close(self) -> None:
        """End both sides; PostgreSQL has rolled back before the client sees the end."""
        if self.backend is not None:
            self.backend.close()
        self.client.close()

    def interrupt(self) -> None:
        """Have the session's own thread end it, from another thread."""
        if self.backend is not None:
            self.backend.stream.interrupt()
        self.client.interrupt()

    # Start-up

    def _welcome(self, parameters: dict[str, str]) -> bool:
        user = parameters.get("user", "")
        salt = self.standin.salt()
        self.client.send(b"R", struct.pack("!i", 5) + salt)
        self.client.flush()
        _, answer = self.client.message()
        inner = md5((self.standin.password + user).encode(), usedforsecurity=False).hexdigest()
        wanted = "md5" + md5(inner.encode() + salt, usedforsecurity=False).hexdigest()
        if user != self.standin.user or strings(answer)[0] != wanted:
            return self._refuse(RedshiftError("28000", f'password authentication failed for user "{user}"'))
        database = parameters.get("database", user)
        if database != self.standin.database:
            return self._refuse(RedshiftError("3D000", f'database "{database}" does not exist'))
        self.backend = self.standin.cluster.connect(database, user)
        self.client.send(b"R", struct.pack("!i", 0))
        told = {**self.backend.parameters, "server_version": SERVER}
        # No server_protocol_version: the driver then takes values as text, as of an older cluster.
        for name in ("server_encoding", "client_encoding", "DateStyle", "TimeZone", "integer_datetimes"):
            self.client.send(b"S", text(name) + text(told[name]))
        for name, value in (("server_version", SERVER), ("is_superuser", "off"), ("session_authorization", user)):
            self.client.send(b"S", text(name) + text(value))
        self.client.send(b"K", self.backend.key)
        self.client.send(b"Z", b"I")
        self.client.flush()
        return True

    def _refuse(self, error: RedshiftError) -> bool:
        self.client.send(b"E", response({**error.fields(), "S": "FATAL"}))
        self.client.flush()
        return False

    # Messages

    def _message(self, kind: bytes, body: bytes) -> None:
        if kind == b"Q":
            self._query(strings(body)[0])
        elif kind == b"S":
            self._failed = False
            self._relay(b"S", b"")
        elif self._failed:
            return
        elif kind == b"P":
            self._parse(body)
        elif kind == b"B":
            portal, name, _ = body.split(b"\0", 2)
            self._portals[portal.decode()] = name.decode()
            self._relay(kind, body)
        elif kind == b"E":
            self._execute(body)
        elif kind == b"C" and body[:1] == b"S":
            self._prepared.pop(strings(body[1:])[0], None)
            self._relay(kind, body)
        else:
            self._relay(kind, body)

    def _parse(self, body: bytes) -> None:
        name, statement, rest = body.split(b"\0", 2)
        types = bytearray(rest)
        # The driver says 705 (unknown) for text and NULL: PostgreSQL is to find the type by itself.
        for at in range(2, len(types), 4):
            if types[at : at + 4] == struct.pack("!i", 705):
                types[at : at + 4] = b"\0\0\0\0"
        original = statement.decode()
        try:
            if len(split(original)) > 1:
                raise RedshiftError("42601", "cannot insert multiple commands into a prepared statement")
            pieces = split(original)
            rewritten = rewrite(pieces[0] if pieces else "")
        except RedshiftError as error:
            self.standin.log(self.number, original, error.code)
            self._fail(error)
            return
        self._prepared[name.decode()] = (original, rewritten)
        self._relay(b"P", name + b"\0" + text(rewritten.text) + bytes(types))

    def _execute(self, body: bytes) -> None:
        portal = strings(body[:-4])[0]
        original, statement = self._prepared.get(self._portals.get(portal, ""), ("", Statement("")))
        self.standin.log(self.number, original)
        fault = self.standin.faults.meet(without_comments(original))
        if fault is not None and fault.error is not None:
            self._fail(fault.error)
            return
        if fault is not None and fault.when == "before":
            fault.then()
            raise Dropped
        if statement.alone and self.status != b"I":
            self._fail(in_transaction(statement.alone))
            return
        if fault is not None:
            if fault.when == "late":
                self.client.interrupt()
                self._wait_for_a_waiter()
            # Outside of a transaction, Sync is what commits.
            self._run(statement, body, silent=True)
            self._answer(b"S", b"", silent=True)
            fault.then()
            raise Dropped
        self._run(statement, body)

    def _wait_for_a_waiter(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        with contextlib.closing(self.standin.backend()) as backend:
            while backend.run(_NOBODY_WAITS) == [["t"]] and time.monotonic() < deadline:
                time.sleep(0.01)

    def _run(self, statement: Statement, body: bytes, *, silent: bool = False) -> None:
        if statement.copy is not None:
            self._copy(statement.copy, body, silent=silent)
        elif statement.unload is not None:
            self._unload(statement.unload, statement, body, silent=silent)
        else:
            done = self._answer(b"E", body, silent=silent)
            # TRUNCATE ends the transaction in which it stands.
            if done and statement.commits and self.status == b"T":
                self._internal("COMMIT")

    def _query(self, statements: str) -> None:
        """The simple protocol: several statements are one text."""
        try:
            rewritten = [rewrite(piece) for piece in split(statements)]
            for statement in rewritten:
                if statement.alone and (self.status != b"I" or len(rewritten) > 1):
                    raise in_transaction(statement.alone)
                if statement.copy is not None or statement.unload is not None:
                    raise unsupported("the stand-in has COPY and UNLOAD in the extended protocol only")
        except RedshiftError as error:
            self.standin.log(self.number, statements, error.code)
            self._fail_query(error)
            return
        self.standin.log(self.number, statements)
        fault = self.standin.faults.meet(without_comments(statements))
        if fault is not None and fault.error is not None:
            self._fail_query(fault.error)
            return
        if fault is not None and fault.when == "before":
            fault.then()
            raise Dropped
        body = "; ".join(s.text + ("; COMMIT" if s.commits and self.status == b"T" else "") for s in rewritten)
        if fault is not None and fault.when == "late":
            self.client.interrupt()
            self._wait_for_a_waiter()
        self._answer(b"Q", text(body), ends=b"Z", silent=fault is not None)
        if fault is not None:
            fault.then()
            raise Dropped

    # PostgreSQL

    @property
    def _server(self) -> Stream:
        if self.backend is None:
            raise Closed("no session")
        return self.backend.stream

    def _relay(self, kind: bytes, body: bytes) -> None:
        self._answer(kind, body)

    def _answer(self, kind: bytes, body: bytes, *, ends: bytes = b"", silent: bool = False) -> bool:
        """Send one message to PostgreSQL and relay what it answers, up to what ends that; False after an error."""
        server = self._server
        server.send(kind, body)
        if kind not in (b"S", b"Q"):
            server.send(b"H")
        server.flush()
        if not ends:
            ends = b"Tn" if kind == b"D" else _ENDS[kind]
        return self._listen(ends, silent=silent)

    def _listen(self, ends: bytes, *, silent: bool = False) -> bool:
        fine = True
        while True:
            kind, body = self._server.message()
            if kind == b"Z":
                self.status = body
            elif kind == b"E":
                fine = False
                body = response(translated(fields(body)))
                self._failed = ends != b"Z"
            elif kind == b"C" and body.startswith((b"BEGIN", b"START")):
                self.status = b"T"
            elif kind == b"C" and body.startswith((b"COMMIT", b"ROLLBACK")):
                self.status = b"I"
            if not silent:
                self.client.send(kind, body)
            if kind in ends or (kind == b"E" and ends != b"Z"):
                return fine

    def _fail(self, error: RedshiftError) -> None:
        """Answer with an error of the front's own, and put PostgreSQL in the state that an error leaves."""
        if not self._answer(b"P", text("") + text("refused by the front") + b"\0\0", silent=True):
            self._failed = True
        self.client.send(b"E", response(error.fields()))

    def _fail_query(self, error: RedshiftError) -> None:
        self._answer(b"Q", text("refused by the front"), ends=b"Z", silent=True)
        self.client.send(b"E", response(error.fields()))
        self.client.send(b"Z", self.status)

    def _internal(self, statement: str) -> list[list[str | None]]:
        """The rows of a statement of the front's own, run amid what the client is doing; _Failed after an error."""
        server = self._server
        name = text("standin")
        server.send(b"P", name + text(statement) + b"\0\0")
        server.send(b"B", name + name + b"\0\0\0\0\0\0")
        server.send(b"E", name + b"\0\0\0\0")
        server.send(b"C", b"P" + name)
        server.send(b"C", b"S" + name)
        server.send(b"H")
        server.flush()
        rows, closed = [], 0
        while closed < 2:
            kind, body = server.message()
            if kind == b"D":
                rows.append(list(values(body)))
            elif kind == b"E":
                self._failed = True
                self.client.send(b"E", response(translated(fields(body))))
                raise _Failed
            elif kind == b"C" and body.startswith(b"COMMIT"):
                self.status = b"I"
            closed += kind == b"3"
        return rows

    def _copy(self, copy: loading.CopyFrom, body: bytes, *, silent: bool) -> None:
        try:
            with contextlib.suppress(_Failed):
                found = self._internal(_COLUMNS.format(copy.table.replace("'", "''")))
                known = [
                    loading.Column(str(n), str(t), *(int(s) if s else None for s in sizes)) for n, t, *sizes in found
                ]
                pieces = list(loading.read(copy, copy.names(known)))
                server = self._server
                server.send(b"E", body)
                server.send(b"H")
                server.flush()
                kind, said = server.message()
                if kind == b"E":
                    self._failed = True
                    self.client.send(b"E", response(translated(fields(said))))
                    return
                for piece in pieces:
                    server.send(b"d", piece)
                    server.flush()
                server.send(b"c")
                server.send(b"H")
                server.flush()
                self._loaded(copy, silent=silent)
        except RedshiftError as error:
            self._fail(error)

    def _loaded(self, copy: loading.CopyFrom, *, silent: bool) -> None:
        kind, body = self._server.message()
        while kind not in (b"C", b"E"):
            kind, body = self._server.message()
        if kind == b"E":
            self._failed = True
            self.client.send(b"E", response(translated(fields(body))))
            return
        count = body[:-1].rpartition(b" ")[2].decode()
        self._internal(f"SELECT set_config('standin.copy_count', '{count}', false)")
        if not silent:
            words = f"Load into table '{copy.table}' completed, {count} record(s) loaded successfully."
            self.client.send(b"N", response({"S": "INFO", "C": "00000", "M": words}))
            self.client.send(b"C", text("COPY"))

    def _unload(self, unload: unloading.Unload, statement: Statement, body: bytes, *, silent: bool) -> None:
        try:
            unloading.prepare(unload)
        except RedshiftError as error:
            self._fail(error)
            return
        server = self._server
        select = statement.text.removeprefix("COPY (").removesuffix(") TO STDOUT (FORMAT csv, FORCE_QUOTE *)")
        server.send(b"P", text("standin") + text(select) + b"\0\0")
        server.send(b"D", b"S" + text("standin"))
        server.send(b"C", b"S" + text("standin"))
        server.send(b"E", body)
        server.send(b"H")
        server.flush()
        described: list[tuple[str, int, int]] = []
        csv = bytearray()
        while True:
            kind, said = server.message()
            if kind == b"T":
                described = columns(said)
            elif kind == b"d":
                csv += said
            elif kind == b"E":
                self._failed = True
                self.client.send(b"E", response(translated(fields(said))))
                return
            elif kind == b"C":
                break
        unloading.write(unload, bytes(csv), described)
        if not silent:
            self.client.send(b"C", text("UNLOAD"))


class _Failed(Exception):
    """A statement of the front's own failed, and the client was told."""
