"""The warehouse on Amazon Redshift: every statement goes over the wire as it was written.

A transaction that Redshift gave up (serializable isolation, error 1023) or whose connection was lost is run again from
its start, after a growing and jittered pause; any other error is raised at once. Where the connection is lost while
COMMIT is on its way, nobody can say whether it took place. So each transaction leaves a token in `stage.commit_token`;
the next try locks that table, which waits until the lost session is gone, and does not run what is committed already.
"""

from __future__ import annotations

import json
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

import polars as pl
import redshift_connector
from redshift_connector.error import InterfaceError

from contracts.ids import BI_SCHEMA, STAGE_SCHEMA, WAREHOUSE_LAYERS, physical_schema, physical_schema_of
from sql.dialect import to_redshift
from sql.migration import Engine, Standing, reported
from tasks.lake import LakeFile
from tasks.s3 import ObjectMissing, Store
from tasks.warehouse.base import CatalogColumn, CatalogTable, Value, Warehouse, WarehouseError
from tasks.warehouse.redshift_answers import ERRORS, Interrupted, Unreachable, frame, told

T = TypeVar("T")
Connect = Callable[[], redshift_connector.Connection]

TOKENS = f"{STAGE_SCHEMA}.commit_token"
_KEPT = timedelta(days=1)
# The protocol counts the parameters of a statement in 16 bits; a third of that keeps statements readable in a log.
_MOST_BINDS = 10_000
_COLUMNS = (
    "SELECT table_schema, table_name, column_name, is_nullable, data_type, character_maximum_length, "
    "numeric_precision, numeric_scale FROM information_schema.columns "
    "WHERE table_schema = :schema ORDER BY table_schema, table_name, ordinal_position"
)
_VIEWS = "SELECT table_name FROM information_schema.views WHERE table_schema = :schema"
_CATALOGUE = (
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS column_type, a.attnotnull, "
    "d.description FROM pg_catalog.pg_attribute AS a "
    'JOIN pg_catalog.pg_class AS c ON c."oid" = a.attrelid '
    'JOIN pg_catalog.pg_namespace AS n ON n."oid" = c.relnamespace '
    'LEFT JOIN pg_catalog.pg_description AS d ON d.objoid = c."oid" AND d.objsubid = a.attnum '
    "WHERE n.nspname = :schema AND c.relname = :table AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
)
_KEY = (
    "SELECT k.column_name FROM information_schema.table_constraints AS t "
    "JOIN information_schema.key_column_usage AS k ON k.constraint_name = t.constraint_name "
    "AND k.table_schema = t.table_schema AND k.table_name = t.table_name "
    "WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_schema = :schema AND t.table_name = :table "
    "ORDER BY k.ordinal_position"
)
_COMMENT = (
    'SELECT d.description FROM pg_catalog.pg_description AS d JOIN pg_catalog.pg_class AS c ON c."oid" = d.objoid '
    'JOIN pg_catalog.pg_namespace AS n ON n."oid" = c.relnamespace '
    "WHERE d.objsubid = 0 AND n.nspname = :schema AND c.relname = :table"
)
# Text literals, quoted names and comments are matched too, so that a `:word` inside one is no bind.
_BIND = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|/\*.*?\*/|--[^\n]*|(?<!:):([A-Za-z_]\w*)", re.DOTALL)
# What UNLOAD writes below a prefix: numbered parts, and last of all the manifest.
_MANIFEST = "manifest"
_UNLOADED = re.compile(rf"{_MANIFEST}|\d+_part_\d+\.parquet")


class RedshiftWarehouse(Warehouse):
    """Connects when it is first asked, and again after a loss; `role` is the IAM role of COPY and UNLOAD."""

    engine: Engine = "redshift"

    def __init__(
        self,
        connect: Connect,
        *,
        environment: str = "",
        binds: Mapping[str, Value] | None = None,
        role: str = "default",
        kms_key: str = "",
        query_group: str = "warehouse",
        statement_timeout: int = 3600,
        tries: int = 6,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self._connect, self._environment, self._binds = connect, environment, dict(binds or {})
        self._role = role if role == "default" else _literal(role)
        self._settings = (
            f"SET query_group TO {_literal(query_group)}",
            f"SET statement_timeout TO {int(statement_timeout) * 1000}",
        )
        self._kms_key = kms_key
        self._tries, self._sleep = tries, sleep
        self._connection: redshift_connector.Connection | None = None
        self._in_transaction = self._has_tokens = False

    def execute(self, statement: str, **binds: Value) -> None:
        if not self._in_transaction:
            # It commits itself.
            self.guard()
        self._run(self._text(statement), binds)

    def query(self, statement: str, **binds: Value) -> pl.DataFrame:
        text = self._text(statement)
        if self._in_transaction:
            return self._rows(text, binds)
        return self._again_and_again(lambda: self._rows(text, binds))

    def read(self, select: str) -> pl.DataFrame:
        return self.native(self._text(select))

    def native(self, statement: str) -> pl.DataFrame:
        self._run("BEGIN READ ONLY", {})
        self._in_transaction = True
        try:
            return frame(self._send(statement, (), style="qmark"), statement)
        finally:
            self._give_up(broken=False)

    def load_parquet(self, table: str, columns: Sequence[str], files: Sequence[LakeFile]) -> None:
        # COPY takes the columns of Parquet files by their places: the files have them in the contract's order.
        for file in files:
            source = f"FROM {_literal(file.uri)} IAM_ROLE {self._role} FORMAT AS PARQUET MANIFEST"
            self._run(f"COPY {self._physical(table)} {source}", {})

    def export(self, select: str, target: str, *, overwrite: bool = False) -> int:
        if not target.startswith("s3://"):
            raise WarehouseError(f"Redshift unloads to s3://bucket/prefix/, not to {target}")
        prefix = target.rstrip("/") + "/"
        place = Store(prefix.rstrip("/"), self._kms_key)
        _make_room(place, overwrite=overwrite)
        encrypted = f" KMS_KEY_ID {_literal(self._kms_key)} ENCRYPTED" if self._kms_key else ""
        self._run(
            f"UNLOAD ({_literal(self._text(select))}) TO {_literal(prefix)} IAM_ROLE {self._role} "
            f"FORMAT AS PARQUET MANIFEST VERBOSE{encrypted}",
            {},
        )
        try:
            body, _ = place.get(_MANIFEST)
        except ObjectMissing:
            # Of a query without rows Redshift unloads no file and no manifest.
            return 0
        return sum(entry["meta"]["record_count"] for entry in json.loads(body)["entries"])

    def maintain(self, table: str) -> None:
        # Neither may stand in a transaction.
        self._run(f"VACUUM {self._physical(table)}", {})
        self._run(f"ANALYZE {self._physical(table)}", {})

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Mapping[str, Value]]) -> None:
        if not rows:
            return
        names = ", ".join(f'"{c}"' for c in columns)
        insert = f"INSERT INTO {self._physical(table)} ({names}) VALUES "
        one, most = f"({', '.join('?' * len(columns))})", _MOST_BINDS // len(columns)
        for some in (rows[at : at + most] for at in range(0, len(rows), most)):
            values = [row.get(c) for row in some for c in columns]
            self._send(insert + ", ".join([one] * len(some)), values, style="qmark")

    def has_table(self, table: str) -> bool:
        schema, _, name = table.rpartition(".")
        found = self.query(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = :schema AND table_name = :name",
            schema=physical_schema(schema, self._environment),
            name=name,
        )
        return found.height > 0

    def columns(self) -> dict[str, dict[str, Standing]]:
        found: dict[str, dict[str, Standing]] = {}
        for schema in (*WAREHOUSE_LAYERS, STAGE_SCHEMA):
            physical = physical_schema(schema, self._environment)
            for _, table, column, nullable, *type_ in self.query(_COLUMNS, schema=physical).iter_rows():
                stands = Standing(reported(*type_), nullable == "YES")
                found.setdefault(f"{schema}.{table}", {})[column] = stands
        found.pop(TOKENS, None)
        return found

    def views(self) -> set[str]:
        found = self.query(_VIEWS, schema=physical_schema(BI_SCHEMA, self._environment))
        return {f"{BI_SCHEMA}.{name}" for (name,) in found.iter_rows()}

    def catalogued(self, table: str) -> CatalogTable | None:
        schema, _, name = table.rpartition(".")
        named = {"schema": physical_schema_of(schema or "public", self._environment), "table": name}
        columns = tuple(
            CatalogColumn(str(column), str(type_), not is_required, str(comment or ""))
            for column, type_, is_required, comment in self.query(_CATALOGUE, **named).iter_rows()
        )
        if not columns:
            return None
        key = tuple(str(column) for (column,) in self.query(_KEY, **named).iter_rows())
        comments = self.query(_COMMENT, **named).rows()
        return CatalogTable(columns, key, str(comments[0][0] or "") if comments else "")

    def transaction(self, work: Callable[[], T]) -> T:
        in_doubt: tuple[str, T] | None = None
        for pause in self._pauses():
            token, committing = uuid.uuid4().hex, False
            try:
                self._ensure_tokens()
                self._begin()
                if in_doubt and self._is_committed(in_doubt[0]):
                    self._end(commit=False)
                    return in_doubt[1]
                done = work()
                self.insert_rows(TOKENS, ["token", "created_at"], [{"token": token, "created_at": _now()}])
                self.guard()
                committing = True
                self._end(commit=True)
                return done
            except Interrupted as error:
                self._give_up(broken=error.lost)
                if error.lost:
                    # Without COMMIT on its way the server rolls back, and an earlier doubt was settled under the lock.
                    in_doubt = (token, done) if committing else in_doubt
                if pause is None:
                    raise
                self._sleep(pause)
            except WarehouseError:
                self._give_up(broken=False)
                raise
            except BaseException:
                # An answer may still be on its way: the connection is of no use any more, and the server rolls back.
                self._give_up(broken=True)
                raise
        raise AssertionError("the last pause raises")

    def close(self) -> None:
        self._give_up(broken=True)

    def _begin(self) -> None:
        self._run("BEGIN", {})
        self._in_transaction = True

    def _end(self, *, commit: bool) -> None:
        self._run("COMMIT" if commit else "ROLLBACK", {})
        self._in_transaction = False

    def _give_up(self, *, broken: bool) -> None:
        """Leave a transaction, by ROLLBACK or, where the connection is broken, with it."""
        if self._in_transaction and not broken:
            try:
                self._end(commit=False)
            except WarehouseError:
                broken = True
        self._in_transaction = False
        if broken and self._connection is not None:
            connection, self._connection = self._connection, None
            _close(connection)

    def _pauses(self) -> Iterator[float | None]:
        """Seconds to wait after each try that fails; None after the last."""
        for n in range(self._tries - 1):
            yield random.uniform(0.5, 1.0) * min(30.0, 0.5 * 2.0**n)
        yield None

    def _again_and_again(self, read: Callable[[], T]) -> T:
        for pause in self._pauses():
            try:
                return read()
            except Interrupted as error:
                self._give_up(broken=error.lost)
                if pause is None:
                    raise
                self._sleep(pause)
        raise AssertionError("the last pause raises")

    def _ensure_tokens(self) -> None:
        if self._has_tokens:
            return
        table = self._physical(TOKENS)
        self._run(f"CREATE SCHEMA IF NOT EXISTS {table.partition('.')[0]}", {})
        self._run(f"CREATE TABLE IF NOT EXISTS {table} (token VARCHAR(32) NOT NULL, created_at TIMESTAMP NOT NULL)", {})
        self._run(f"DELETE FROM {table} WHERE created_at < :before", {"before": _now() - _KEPT})
        self._has_tokens = True

    def _is_committed(self, token: str) -> bool:
        # The lock waits for the session that was lost, should the server still be at its COMMIT.
        table = self._physical(TOKENS)
        self._run(f"LOCK {table}", {})
        found = self._rows(f"SELECT token FROM {table} WHERE token = :token", {"token": token})
        return found.height > 0

    def _physical(self, table: str) -> str:
        schema, _, name = table.partition(".")
        return f'"{physical_schema(schema, self._environment)}"."{name}"'

    def _text(self, statement: str) -> str:
        return to_redshift(statement, self._environment)

    def _tagged(self, text: str) -> str:
        """The statement behind a comment that the query log keeps: who ran it, for which table."""
        run, table = self.tags.run_id, self.tags.table
        if not (run or table):
            return text
        return f"/* warehouse run={re.sub(r'[^0-9a-z]', '', run)} table={re.sub(r'[^0-9a-z_.]', '', table)} */ {text}"

    def _run(self, text: str, binds: Mapping[str, Value]) -> redshift_connector.Cursor:
        known = {**self._binds, **binds}
        used = {name for name in _BIND.findall(text) if name}
        if missing := used - known.keys():
            raise WarehouseError(f"no value is given for :{', :'.join(sorted(missing))}", text)
        return self._send(text, {name: known[name] for name in used}, style="named")

    def _send(
        self, text: str, values: Mapping[str, Value] | Sequence[Value], *, style: Literal["named", "qmark"]
    ) -> redshift_connector.Cursor:
        try:
            cursor = self._open().cursor()
            cursor.paramstyle = style
            cursor.execute(self._tagged(text), values or None)
        except ERRORS as error:
            failure = told(error, text)
            if isinstance(failure, Interrupted) and failure.lost and not self._in_transaction:
                # The next statement, whoever asks for it, needs a connection.
                self._give_up(broken=True)
            raise failure from error
        return cursor

    def _rows(self, text: str, binds: Mapping[str, Value]) -> pl.DataFrame:
        return frame(self._run(text, binds), text)

    def _connected(self) -> redshift_connector.Connection:
        """A new connection, tried as often as a transaction: an attempt does nothing that could be done twice."""
        started = time.monotonic()
        for pause in self._pauses():
            try:
                return self._connect()
            except Interrupted as error:
                if pause is None:
                    seconds = time.monotonic() - started
                    raise Unreachable(f"{error}; tried {self._tries} times in {seconds:.0f} s") from error
                self._sleep(pause)
        raise AssertionError("the last pause raises")

    def _open(self) -> redshift_connector.Connection:
        if self._connection is None:
            connection = self._connected()
            try:
                connection.autocommit = True  # BEGIN and COMMIT are ours to send
                for setting in self._settings:
                    connection.cursor().execute(setting)
            except BaseException:
                # Without its settings it would run in any queue, and without a limit.
                _close(connection)
                raise
            self._connection = connection
        return self._connection


def _close(connection: redshift_connector.Connection) -> None:
    # It may be closed already, which is what is wanted.
    with suppress(InterfaceError, OSError):
        connection.close()


def _make_room(place: Store, *, overwrite: bool) -> None:
    """Remove an earlier UNLOAD, its manifest first; raise WarehouseError for what must not be, or is not ours to."""
    standing = sorted((key for key, _ in place.listed()), key=lambda key: key != _MANIFEST)
    if foreign := [key for key in standing if not _UNLOADED.fullmatch(key)]:
        raise WarehouseError(f"{place.uri(foreign[0])} is from no export, and stays: choose a prefix of its own")
    if standing and not overwrite:
        raise WarehouseError(f"{place.uri('')} is not empty; --overwrite replaces what lies there")
    place.delete(standing)


def _literal(text: str) -> str:
    # On Redshift a backslash in a literal takes the next character as it is.
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
