"""The embedded warehouse: one DuckDB file. The only module that imports duckdb."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from contracts.ids import BI_SCHEMA, STAGE_SCHEMA, WAREHOUSE_LAYERS, physical_schema, physical_schema_of
from contracts.model import Contract
from sql import ddl
from sql.dialect import SESSION, to_duckdb
from sql.migration import Engine, Standing, reported
from tasks.lake import LakeFile
from tasks.warehouse.base import (
    CatalogColumn,
    CatalogTable,
    Value,
    Warehouse,
    WarehouseBusy,
    WarehouseError,
    distinct,
    one,
)

_COLUMNS = (
    "SELECT table_schema, table_name, column_name, is_nullable, data_type, character_maximum_length, "
    "numeric_precision, numeric_scale FROM information_schema.columns "
    "WHERE table_catalog = current_database() ORDER BY table_schema, table_name, ordinal_position"
)
_VIEWS = "SELECT view_name FROM duckdb_views() WHERE database_name = current_database() AND schema_name = $schema"
_CATALOGUE = (
    "SELECT c.column_name, c.data_type, c.is_nullable, c.comment, t.comment, k.constraint_column_names "
    "FROM duckdb_columns() AS c "
    "LEFT JOIN (SELECT table_oid, comment FROM duckdb_tables() UNION ALL SELECT view_oid, comment FROM duckdb_views()) "
    "AS t ON t.table_oid = c.table_oid "
    "LEFT JOIN duckdb_constraints() AS k ON k.table_oid = c.table_oid AND k.constraint_type = 'PRIMARY KEY' "
    "AND k.database_name = c.database_name "
    "WHERE c.database_name = current_database() AND c.schema_name = $schema AND c.table_name = $table "
    "ORDER BY c.column_index"
)
# Text literals and comments are matched too: a `$word` inside one is no bind, and an apostrophe in a comment no text.
_BIND = re.compile(r"'(?:[^']|'')*'|/\*.*?\*/|\$([a-z_]\w*)", re.DOTALL)


_EXPORTED = "rows.parquet"
_HANDED_IN = "handed_in"
# From here on the rows go as an Arrow table: to plan 100 binds takes as long as to register one (3 ms), 350 twice that.
_MOST_BINDS = 100


class DuckDBWarehouse(Warehouse):
    """Runs Redshift text on DuckDB by transpiling each statement; `path` None is a warehouse in memory."""

    engine: Engine = "duckdb"

    def __init__(
        self,
        path: Path | None = None,
        *,
        environment: str = "",
        binds: Mapping[str, Value] | None = None,
        threads: int | None = None,
        memory_limit: str | None = None,
        scratch: Path | None = None,
        read_only: bool = False,
    ) -> None:
        super().__init__()
        if path is not None and not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = duckdb.connect(str(path) if path else ":memory:", read_only=read_only)
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise WarehouseBusy(f"{path} is in use by another process; wait for it to end, or stop it") from error
            raise WarehouseError(f"cannot open {path}: {error}") from error
        self._environment = environment
        self._binds = dict(binds or {})
        for setting in SESSION:
            self._connection.execute(setting)
        if threads:
            self._connection.execute(f"SET threads = {int(threads)}")
        if memory_limit:
            self._connection.execute("SET memory_limit = $limit", {"limit": memory_limit})
        if scratch is not None and not read_only:
            scratch.mkdir(parents=True, exist_ok=True)
            self._connection.execute("SET temp_directory = $folder", {"folder": str(scratch)})

    def execute(self, statement: str, **binds: Value) -> None:
        self._run(statement, binds)

    def query(self, statement: str, **binds: Value) -> pl.DataFrame:
        text = self._transpiled(statement)
        return self._frame(text, self._used(text, binds))

    def row(self, statement: str, **binds: Value) -> dict[str, Any]:
        # A frame of one row takes longer to come by than the row: a relation is planned once for its columns and once
        # to run, and Arrow stands in between.
        text = self._transpiled(statement)
        try:
            rows = self._connection.execute(text, self._used(text, binds)).fetchall()
        except duckdb.Error as error:
            raise WarehouseError(" ".join(str(error).split())[:600], text) from error
        return one(distinct([column[0] for column in self._connection.description or ()]), rows)

    def load_parquet(self, table: str, columns: Sequence[str], files: Sequence[LakeFile]) -> None:
        if not files:
            return
        names = ", ".join(f'"{c}"' for c in columns)
        insert = self._transpiled(f"INSERT INTO {table} ({names}) SELECT {names} FROM lake_files")
        # The one thing that SQL text cannot say portably is "these files": DuckDB's reader stands in for COPY.
        self._native(insert.replace("lake_files", "read_parquet($files)"), {"files": _paths(files)})

    def export(self, select: str, target: str, *, overwrite: bool = False) -> int:
        if "://" in target:
            raise WarehouseError(f"DuckDB exports to a folder, not to {target}")
        folder = Path(target)
        file, part = folder / _EXPORTED, folder / f".{_EXPORTED}.part"
        standing = [p for p in (folder.iterdir() if folder.is_dir() else ()) if p != part]
        if foreign := sorted(p for p in standing if p != file):
            raise WarehouseError(f"{foreign[0]} is from no export, and stays: choose a folder of its own")
        if standing and not overwrite:
            raise WarehouseError(f"{target} is not empty; --overwrite replaces what lies there")
        folder.mkdir(parents=True, exist_ok=True)
        text = f"COPY ({self._transpiled(select)}) TO {_quoted(part)} (FORMAT parquet, COMPRESSION zstd)"
        try:
            rows = int(self._frame(text, {}).item())
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        return rows

    def copy_out(self, tables: Mapping[str, Sequence[str]], target: Path) -> dict[str, int]:
        schemas = {name.partition(".")[0] for name in tables}
        if target.exists() and not _holds_only(target, schemas):
            raise WarehouseError(f"{target} is no copy of {', '.join(sorted(schemas))}, and stays: name another file")
        part = target.with_name(f".{target.name}.part")
        part.unlink(missing_ok=True)
        try:
            rows = self._copied(tables, schemas, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return rows

    def _copied(self, tables: Mapping[str, Sequence[str]], schemas: set[str], part: Path) -> dict[str, int]:
        self._native(f"ATTACH {_quoted(part)} AS copied (READ_WRITE)", {})
        rows = {}
        try:
            for schema in schemas:
                self._native(f"CREATE SCHEMA copied.{schema}", {})
            for name, comments in tables.items():
                select = self._transpiled(f"SELECT * FROM {name}")
                rows[name] = int(self._frame(f"CREATE TABLE copied.{name} AS {select}", {}).item())
                for comment in comments:
                    of_table = comment.replace("COMMENT ON VIEW ", "COMMENT ON TABLE ", 1)
                    self._native(of_table.replace(name, f"copied.{name}", 1), {})
        finally:
            self._native("DETACH copied", {})
        return rows

    def maintain(self, table: str) -> None:
        schema, _, name = table.partition(".")
        self._native(f'VACUUM ANALYZE "{physical_schema(schema, self._environment)}"."{name}"', {})

    def checkpoint(self) -> None:
        self._native("CHECKPOINT", {})

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Mapping[str, Value]]) -> None:
        if not rows:
            return
        names = ", ".join(f'"{c}"' for c in columns)
        schema, _, name = table.partition(".")
        insert = f'INSERT INTO "{physical_schema(schema, self._environment)}"."{name}" ({names})'
        if len(rows) <= _MOST_BINDS // len(columns):
            one = "(" + ", ".join("?" for _ in columns) + ")"
            values = [row.get(c) for row in rows for c in columns]
            self._native(f"{insert} VALUES {one}" + f", {one}" * (len(rows) - 1), values)
            return
        self._connection.register(_HANDED_IN, pa.table({c: [row.get(c) for row in rows] for c in columns}))
        try:
            self._native(f"{insert} SELECT {names} FROM {_HANDED_IN}", None)
        finally:
            # From a transaction that has failed it goes with what is rolled back.
            with suppress(duckdb.TransactionException):
                self._connection.unregister(_HANDED_IN)

    def has_table(self, table: str) -> bool:
        schema, _, name = table.rpartition(".")
        probe = self._transpiled(f"SELECT 1 AS present FROM {schema}.{name}")
        try:
            self._connection.execute(f"EXPLAIN {probe}")
        except duckdb.CatalogException:
            return False
        return True

    def columns(self) -> dict[str, dict[str, Standing]]:
        ours = {physical_schema(schema, self._environment): schema for schema in (*WAREHOUSE_LAYERS, STAGE_SCHEMA)}
        found: dict[str, dict[str, Standing]] = {}
        for schema, table, column, nullable, *type_ in self._frame(_COLUMNS, {}).iter_rows():
            if schema in ours:
                stands = Standing(reported(*type_), nullable == "YES")
                found.setdefault(f"{ours[schema]}.{table}", {})[column] = stands
        return found

    def views(self) -> set[str]:
        schema = physical_schema(BI_SCHEMA, self._environment)
        return {f"{BI_SCHEMA}.{name}" for (name,) in self._frame(_VIEWS, {"schema": schema}).iter_rows()}

    def catalogued(self, table: str) -> CatalogTable | None:
        schema, _, name = table.rpartition(".")
        binds = {"schema": physical_schema_of(schema or "main", self._environment), "table": name}
        rows = self._frame(_CATALOGUE, binds).rows()
        return (
            CatalogTable(
                tuple(CatalogColumn(row[0], row[1], row[2], row[3] or "") for row in rows),
                tuple(rows[0][5] or ()),
                rows[0][4] or "",
            )
            if rows
            else None
        )

    def describe(self, statement: str) -> list[tuple[str, str]]:
        """Plan a SELECT in DuckDB's own text without running it: the names and types of its columns."""
        return [(str(row[0]), str(row[1])) for row in self._frame(f"DESCRIBE {statement}", {}).iter_rows()]

    def read(self, select: str) -> pl.DataFrame:
        return self.native(self._transpiled(select))

    def native(self, statement: str) -> pl.DataFrame:
        """Run one statement in DuckDB's own text, for the analyst at the prompt; its rows as a frame."""
        try:
            found = len(duckdb.extract_statements(statement))
        except duckdb.Error as error:
            raise WarehouseError(" ".join(str(error).split())[:600], statement) from error
        if found != 1:
            raise WarehouseError(f"one query at a time; here are {found}", statement)
        return self._frame(statement, {})

    def view_parquet(self, name: str, files: Sequence[LakeFile], contract: Contract) -> None:
        """Show Parquet files of the lake as a view of the contract's columns; a file from before a column has NULL."""
        schema = name.partition(".")[0]
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        if not files:
            self.execute(ddl.create_table(contract, name=name))
            return
        # No file may have the newest column yet: an empty table stands in for one that has all.
        self.execute(ddl.create_table(contract, name=f"{name}__columns", nullable=contract.names))
        paths = ", ".join("'" + f.replace("'", "''") + "'" for f in _paths(files))
        self._native(
            f"CREATE VIEW {name} AS SELECT * FROM {name}__columns "
            f"UNION ALL BY NAME SELECT * FROM read_parquet([{paths}], union_by_name = true)",
            {},
        )

    def view_frame(self, name: str, frame: pl.DataFrame) -> None:
        """Hold a frame as a table, for SQL that joins against it."""
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.partition('.')[0]}")
        self._connection.register(_HANDED_IN, frame.to_arrow())
        self._connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {_HANDED_IN}")
        self._connection.unregister(_HANDED_IN)

    def close(self) -> None:
        self._connection.close()

    def _begin(self) -> None:
        self._connection.execute("BEGIN")

    def _end(self, *, commit: bool) -> None:
        self._connection.execute("COMMIT" if commit else "ROLLBACK")

    def _transpiled(self, statement: str) -> str:
        return to_duckdb(statement, environment=self._environment)

    def _run(self, statement: str, binds: Mapping[str, Value]) -> None:
        text = self._transpiled(statement)
        self._native(text, self._used(text, binds))

    def _used(self, text: str, binds: Mapping[str, Value]) -> dict[str, Value]:
        known, named = {**self._binds, **binds}, _binds(text)
        if missing := named - known.keys():
            raise WarehouseError(f"no value is given for :{', :'.join(sorted(missing))}", text)
        return {name: known[name] for name in named}

    def _frame(self, text: str, binds: Mapping[str, Value]) -> pl.DataFrame:
        try:
            relation = self._connection.sql(text, params=dict(binds)) if binds else self._connection.sql(text)
            if relation is None:
                return pl.DataFrame()
            table = relation.to_arrow_table()
            # A join may give one name twice, which a frame refuses.
            frame = pl.from_arrow(table.rename_columns(distinct(table.column_names)))
        except duckdb.Error as error:
            raise WarehouseError(" ".join(str(error).split())[:600], text) from error
        assert isinstance(frame, pl.DataFrame)
        return frame

    def _native(self, text: str, binds: object) -> None:
        try:
            self._connection.execute(text, binds)
        except duckdb.Error as error:
            raise WarehouseError(" ".join(str(error).split())[:600], text) from error


def _quoted(file: Path) -> str:
    return "'" + str(file).replace("'", "''") + "'"


def _holds_only(file: Path, schemas: set[str]) -> bool:
    """Whether a file is one of DuckDB's whose tables are all of these schemas."""
    try:
        # Attached, since a process that has it open as its own database cannot open it with other settings.
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {_quoted(file)} AS found (READ_ONLY)")
            found = connection.execute("SELECT DISTINCT schema_name FROM duckdb_tables()").fetchall()
    except duckdb.Error:
        return False
    return {name for (name,) in found} == schemas


def _paths(files: Sequence[LakeFile]) -> list[str]:
    return [str(path) for file in files for path in file.paths()]


def _binds(text: str) -> set[str]:
    return {name for name in _BIND.findall(text) if name} if "$" in text else set()
