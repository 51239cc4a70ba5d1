"""The steps of the smoke test: each does one thing on AWS, raises where it does not hold, and says what it saw."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from contracts.ids import BI_SCHEMA, STAGE_SCHEMA, WAREHOUSE_LAYERS, physical_schema
from tasks import aws
from tasks.lake import open_lake
from tasks.lock import Lease
from tasks.s3 import ObjectChanged, Store
from tasks.settings import Settings
from tasks.warehouse import WarehouseError, open_warehouse
from tasks.warehouse.base import WarehouseBusy
from tasks.warehouse.redshift import TOKENS, RedshiftWarehouse
from tasks.warehouse.redshift_answers import Interrupted
from tasks.warehouse.redshift_login import connect, login


class NotShown(Exception):
    """What this account, or a stand-in, cannot show; says why."""


@dataclass
class Place:
    """Where a smoke test works: settings of its own below those that were given, and a local folder."""

    given: Settings
    folder: Path
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    @cached_property
    def settings(self) -> Settings:
        """An environment of its own (schemas `smoke_<id>_*`), and prefixes of its own below lake and inbox."""
        own = {name: f"{getattr(self.given, name)}/_smoke/{self.id}" for name in ("inbox_url", "lake_url")}
        return self.given.model_copy(
            update={**own, "environment": f"smoke_{self.id}", "home": self.folder / "aws", "threads": 1}
        )

    @cached_property
    def store(self) -> Store:
        return Store(self.settings.lake_url, self.settings.kms_key)

    @cached_property
    def schemas(self) -> list[str]:
        names = (*WAREHOUSE_LAYERS, BI_SCHEMA, STAGE_SCHEMA)
        return [physical_schema(name, self.settings.environment) for name in names]

    @cached_property
    def is_redshift(self) -> bool:
        """Whether the endpoint is Amazon's own and no stand-in."""
        with self.session() as run:
            return "Redshift" in run("SELECT version()")[0][0]

    def physical(self, table: str) -> str:
        schema, _, name = table.partition(".")
        return f'"{physical_schema(schema, self.settings.environment)}"."{name}"'

    def warehouse(self) -> RedshiftWarehouse:
        opened = open_warehouse(self.settings)
        assert isinstance(opened, RedshiftWarehouse)
        return opened

    @contextlib.contextmanager
    def session(self) -> Iterator[Callable[[str], list[Any]]]:
        """A session past the adapter: runs a text as it stands, and gives its rows."""
        connection = connect(self.settings)
        connection.autocommit = True

        def run(text: str) -> list[Any]:
            cursor = connection.cursor()
            cursor.execute(text)
            return list(cursor.fetchall()) if cursor.description else []

        try:
            yield run
        finally:
            connection.close()

    @contextlib.contextmanager
    def table(self, columns: str) -> Iterator[str]:
        """A new table of the core schema; its name in our dialect."""
        name = f"core.smoke_{uuid.uuid4().hex[:8]}"
        with self.session() as run:
            run(f"CREATE SCHEMA IF NOT EXISTS {self.physical(name).partition('.')[0]}")
            run(f"CREATE TABLE {self.physical(name)} ({columns})")
        yield name

    def clean_up(self) -> str:
        """Remove every schema and object of this test; raises where something stays."""
        removed = 0
        for url in (self.settings.lake_url, self.settings.inbox_url):
            store = Store(url)
            keys = [key for key, _ in store.listed()]
            store.delete(keys)
            removed += len(keys)
            assert not list(store.listed()), f"{url} is not empty"
        with self.session() as run:
            for schema in self.schemas:
                run(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
            name = self.settings.environment
            left = run(f"SELECT nspname FROM pg_namespace WHERE LEFT(nspname, {len(name)}) = '{name}'")
        assert not left, f"schemas stay: {left}"
        return f"{removed} objects, {len(self.schemas)} schemas"


def refused(run: Callable[[str], Any], text: str) -> str:
    """The SQLSTATE with which a statement is refused; an AssertionError where it is not."""
    try:
        run(text)
    except Exception as error:
        answer = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        if not answer:
            raise
        return str(answer.get("C", ""))
    raise AssertionError(f"was not refused: {text}")


def says(part: str, call: Callable[[], Any]) -> None:
    """Hold that a call is refused with these words."""
    try:
        call()
    except WarehouseError as error:
        said = str(error)
    else:
        raise AssertionError(f"was not refused ({part})")
    assert part in said, said


# S3


def put_and_get(place: Place) -> str:
    body = "ünïcødé 漢字".encode()
    place.store.send("put/text", body)
    assert place.store.get("put/text")[0] == body
    return f"{len(body)} bytes to and from {place.store.uri('put/text')}"


def multipart(place: Place) -> str:
    source = place.folder / "large"
    source.write_bytes(bytes(range(256)) * (17 << 12))
    head = place.store.send_file("put/large", source)
    assert "-" in head.etag, f"ETag {head.etag} is not that of an upload in parts"
    target = place.folder / "back"
    place.store.fetch("put/large", target, head.etag)
    assert target.read_bytes() == source.read_bytes()
    return f"{head.length:,} bytes in {head.etag.strip(chr(34)).rpartition('-')[2]} parts, read back the same"


def encryption(place: Place) -> str:
    if not place.settings.kms_key:
        raise NotShown("DW_KMS_KEY is not set: the bucket's own setting encrypts")
    place.store.send("put/sealed", b"sealed")
    found = aws.client("s3").head_object(Bucket=place.store.bucket_of(), Key=f"{place.store.prefix}put/sealed")
    assert found["ServerSideEncryption"] == "aws:kms", found.get("ServerSideEncryption")
    return f"SSE-KMS with {found['SSEKMSKeyId'].rpartition('/')[2]}"


def conditional_put(place: Place) -> str:
    first = place.store.send("put/once", b"1", IfNoneMatch="*")["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"0"'}):
        try:
            place.store.send("put/once", b"2", **condition)
        except ObjectChanged:
            continue
        raise AssertionError(f"a PUT with {condition} replaced the object")
    place.store.send("put/once", b"3", IfMatch=first)
    return "If-None-Match and If-Match are kept"


def lease(place: Place) -> str:
    first, second = Lease(place.store), Lease(place.store)
    first.acquire("first")
    try:
        second.acquire("second")
    except WarehouseBusy as error:
        said = str(error)
    else:
        raise AssertionError("two runs hold one lease")
    finally:
        first.release()
    assert "run first" in said, said
    second.acquire("second")
    second.release()
    return "one holder at a time, named to the other"


def manifest(place: Place) -> str:
    lake = open_lake(place.settings)
    file = lake.put_frame("put/rows.parquet", pl.LazyFrame({"n": [1, 2, 3]}))
    assert file.scan().collect()["n"].to_list() == [1, 2, 3]
    lake.put_frame("put/rows.parquet", pl.LazyFrame({"n": [4]}))
    assert lake.file("put/rows.parquet").scan().collect()["n"].to_list() == [4]
    lake.remove("put/rows.parquet")
    assert not lake.exists("put/rows.parquet")
    return "rows by manifest: written, replaced, removed"


# Credentials, TLS


def credentials(place: Place) -> str:
    found = login(place.settings)
    way = "the secret" if place.settings.redshift_secret else "temporary credentials"
    return f"{way}: {found.user} at {found.host}"


def tls(place: Place) -> str:
    connection = connect(place.settings)
    try:
        return f"{connection._usock.version()}, {connection._usock.cipher()[0]}, host name checked"
    finally:
        connection.close()


# Redshift

KINDS: dict[str, tuple[str, Any, pl.DataType]] = {
    "big": ("BIGINT", 2**62, pl.Int64()),
    "number": ("INTEGER", -7, pl.Int32()),
    "small": ("SMALLINT", 7, pl.Int16()),
    "amount": ("DECIMAL(18,2)", Decimal("-12.34"), pl.Decimal(18, 2)),
    "rate": ("DECIMAL(18,6)", Decimal("83.123456"), pl.Decimal(18, 6)),
    "share": ("DOUBLE PRECISION", 0.1, pl.Float64()),
    "is_open": ("BOOLEAN", True, pl.Boolean()),
    "name": ("VARCHAR(64)", "ünïcødé 漢字 🙂 it's", pl.String()),
    "day": ("DATE", date(2026, 2, 28), pl.Date()),
    "at": ("TIMESTAMP", datetime(2026, 2, 28, 23, 59, 59, 999999), pl.Datetime("us")),
}


def copy(place: Place) -> str:
    rows = [{name: value for name, (_, value, _) in KINDS.items()}, dict.fromkeys(KINDS)]
    frame = pl.DataFrame(rows, schema={name: type_ for name, (_, _, type_) in KINDS.items()})
    file = open_lake(place.settings).put_frame("copy/rows.parquet", frame.lazy())
    columns = ", ".join(f'"{name}" {type_}' for name, (type_, _, _) in KINDS.items())
    with place.table(columns) as table, place.warehouse() as warehouse:
        warehouse.transaction(lambda: warehouse.load_parquet(table, list(KINDS), [file]))
        names = ", ".join(f'"{name}"' for name in KINDS)
        found = warehouse.query(f'SELECT {names} FROM {table} ORDER BY "big"')
    assert found.equals(frame), f"came back as {found.rows()}"
    return f"{len(KINDS)} types and NULLs, by manifest, the same when read"


def merge(place: Place) -> str:
    with place.table("id INTEGER, name VARCHAR(10)") as target, place.table("id INTEGER, name VARCHAR(10)") as source:
        into, using = place.physical(target), place.physical(source)
        with place.session() as run:
            run(f"INSERT INTO {into} VALUES (1, 'old'), (2, 'kept')")
            run(f"INSERT INTO {using} VALUES (1, 'new'), (3, 'added')")
            run(
                f"MERGE INTO {into} USING {using} AS s ON {into}.id = s.id "
                "WHEN MATCHED THEN UPDATE SET name = s.name "
                "WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)"
            )
            found = [tuple(row) for row in run(f"SELECT id, name FROM {into} ORDER BY id")]
    assert found == [(1, "new"), (2, "kept"), (3, "added")], found
    return "one row updated, one inserted, one kept"


def truncate_commits(place: Place) -> str:
    with place.table("id INTEGER") as table, place.session() as run:
        run(f"INSERT INTO {place.physical(table)} VALUES (1)")
        run("BEGIN")
        run(f"TRUNCATE {place.physical(table)}")
        run("ROLLBACK")
        assert run(f"SELECT COUNT(*) FROM {place.physical(table)}")[0][0] == 0, "TRUNCATE was rolled back"
    return "a ROLLBACK behind TRUNCATE brings nothing back"


def failed_transaction(place: Place) -> str:
    with place.session() as run:
        run("BEGIN")
        first, then = refused(run, "SELECT nothing"), refused(run, "SELECT 1")
        run("ROLLBACK")
        assert (first, then) == ("42703", "25P02"), (first, then)
        assert run("SELECT 1")[0][0] == 1
    return "25P02 until ROLLBACK"


def vacuum_alone(place: Place) -> str:
    with place.table("id INTEGER") as table, place.session() as run, place.warehouse() as warehouse:
        run("BEGIN")
        code = refused(run, f"VACUUM {place.physical(table)}")
        run("ROLLBACK")
        assert code == "25001", code
        warehouse.maintain(table)
    return "25001 in a transaction; VACUUM and ANALYZE alone"


def commit_in_doubt(place: Place) -> str:
    with place.table("id INTEGER") as table:
        for number, reached in enumerate((True, False)):
            with place.warehouse() as warehouse:
                commit, tries = warehouse._end, []

                def lose(*, commit: bool, end: Any = commit, reached: bool = reached, told: list[int] = tries) -> None:
                    if not commit or told:
                        end(commit=commit)
                        return
                    told.append(1)
                    if reached:
                        end(commit=True)
                    raise Interrupted("the answer of COMMIT is lost", lost=True)

                warehouse._end = lose  # type: ignore[method-assign]
                warehouse.transaction(
                    lambda warehouse=warehouse, number=number: warehouse.insert_rows(table, ["id"], [{"id": number}])
                )
        with place.warehouse() as warehouse:
            found = warehouse.query(f"SELECT id FROM {table} ORDER BY id")["id"].to_list()
            tokens = warehouse.scalar(f"SELECT COUNT(*) AS n FROM {TOKENS}")
    assert found == [0, 1], f"two transactions left rows {found}"
    return f"answer lost behind and before COMMIT: each is there once ({tokens} tokens)"


def read_only(place: Place) -> str:
    with place.table("id INTEGER") as table, place.warehouse() as warehouse:
        assert warehouse.native("SELECT 1 AS one").rows() == [(1,)]
        says("25006", lambda: warehouse.native(f"INSERT INTO {place.physical(table)} VALUES (1)"))
    return "dw query reads, and is refused to write (25006)"


def unload(place: Place) -> str:
    target = f"{place.settings.lake_url}/unload"
    with place.table("id INTEGER, name VARCHAR(20)") as table, place.warehouse() as warehouse:
        rows = [{"id": n, "name": f"ü {n}"} for n in range(1000)]
        warehouse.transaction(lambda: warehouse.insert_rows(table, ["id", "name"], rows))
        select = f"SELECT id, name FROM {table}"
        assert warehouse.export(select, target) == 1000, "record_count is wrong"
        says("--overwrite", lambda: warehouse.export(select, target))
        assert warehouse.export(select, target, overwrite=True) == 1000
    store = Store(target)
    parts = [key for key, _ in store.listed() if key.endswith(".parquet")]
    heads = {key: store.head(key) for key in parts}
    found = pl.concat([pl.read_parquet(store.cached(key, place.folder / "unload")) for key in heads])
    assert found.sort("id").rows() == [tuple(row.values()) for row in rows]
    return f"1,000 rows in {len(parts)} files, counted by the manifest; replaced when asked"


def time_limit(place: Place) -> str:
    settings = place.settings.model_copy(update={"statement_timeout": 1})
    numbers = " UNION ALL ".join(["SELECT 1 AS n"] * 10)
    joins = " CROSS JOIN ".join(f"numbers AS n{at}" for at in range(12))
    started = time.monotonic()
    with open_warehouse(settings) as warehouse:
        says("57014", lambda: warehouse.query(f"WITH numbers AS ({numbers}) SELECT COUNT(*) AS n FROM {joins}"))
    return f"57014 after {time.monotonic() - started:.0f} s of DW_STATEMENT_TIMEOUT=1"


def query_group(place: Place) -> str:
    with place.warehouse() as warehouse:
        found = warehouse.native("SHOW query_group").item()
    assert found == "warehouse", found
    return "SET query_group TO 'warehouse'"


def tags(place: Place) -> str:
    if not place.is_redshift:
        raise NotShown("the stand-in has no sys_query_history")
    run_id = uuid.uuid4().hex
    with place.warehouse() as warehouse:
        warehouse.tags.run_id = run_id
        warehouse.query("SELECT 1 AS one")
        for _ in range(12):
            found = warehouse.native(
                "SELECT query_text FROM sys_query_history WHERE start_time > DATEADD(minute, -10, GETDATE()) "
                f"AND query_text LIKE '/* warehouse run={run_id}%'"
            )
            if found.height:
                return "run and table stand in sys_query_history"
            time.sleep(5)
    raise AssertionError("no tagged statement is in sys_query_history after a minute")
