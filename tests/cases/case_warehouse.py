"""An in-memory DuckDB made from the contracts: rows go in as mappings, tables come out as the contract types them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from contracts.ids import TableId
from contracts.model import Column, Contract
from contracts.registry import REPOSITORY, Registry
from sql import ddl, merge, queues, scd2
from sql.dialect import SESSION, to_duckdb
from sql.graph import Graph
from sql.plan import Statement

Row = Mapping[str, Any]
SHOP_ZONE = ZoneInfo("Asia/Kolkata")
REPORTING_CURRENCY = "INR"
_DEFAULTS: dict[str, Any] = {
    "smallint": 0,
    "integer": 0,
    "bigint": 0,
    "double precision": 0.0,
    "decimal": 0,
    "boolean": False,
    "date": date(2026, 1, 5),
    "timestamp": datetime(2026, 1, 5, 9, 0),
}


@cache
def registry() -> Registry:
    return Registry.read()


@cache
def graph() -> Graph:
    return Graph.read(REPOSITORY, registry())


@cache
def build_plan(table: TableId, full: bool, first: bool = False) -> list[Statement]:
    return merge.build_stage(registry()[table], graph(), registry(), full=full, first=first)


@cache
def publish_plan(table: TableId, full: bool, first: bool) -> list[Statement]:
    return merge.publish(registry()[table], registry(), graph(), full=full, first=first)


def filled(contract: Contract, row: Row, place: int) -> dict[str, Any]:
    """The whole row: what is left out is NULL, or a harmless value where the contract asks for one."""
    if unknown := sorted(row.keys() - set(contract.names)):
        raise KeyError(f"{contract.table} has no column {unknown[0]!r}")
    return {c.name: row[c.name] if c.name in row else _default(c, row, place) for c in contract.columns}


def _default(column: Column, row: Row, place: int) -> Any:
    if column.business_date_of is not None and column.business_date_of in row:
        at = row[column.business_date_of]
        return at.replace(tzinfo=ZoneInfo("UTC")).astimezone(SHOP_ZONE).date() if at else None
    if not column.required:
        return None
    if column.name == "currency_code":
        return REPORTING_CURRENCY
    if column.enum:
        return column.enum[0]
    return f"{column.name[:20]}-{place}"[: column.type.length] if column.type.is_text else _DEFAULTS[column.type.kind]


class CaseWarehouse:
    """Tables of the contracts, empty at first."""

    def __init__(self, tables: Iterable[TableId] | None = None) -> None:
        self.connection = duckdb.connect(":memory:", config={"threads": 1})
        for statement in (*SESSION, *(to_duckdb(s) for s in ddl.create_schemas())):
            self.connection.execute(statement)
        wanted = registry() if tables is None else tables
        for contract in (registry()[t] for t in wanted):
            if contract.table.layer == "raw":
                continue
            self.run(ddl.create_table(contract))
            if ddl.is_queued(contract):
                self.run(ddl.create_pending(contract))
                self.run(ddl.create_taken(contract))

    def run(self, redshift: str) -> list[tuple[Any, ...]]:
        """Run one statement of Redshift's dialect; the reporting currency is bound where it is asked for."""
        text = to_duckdb(redshift)
        binds = {"reporting_currency": REPORTING_CURRENCY} if "$reporting_currency" in text else None
        return self.connection.execute(text, binds).fetchall()

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What is done within leaves no trace, so that one warehouse serves many examples."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self.connection.execute("ROLLBACK")

    def insert(self, name: str, contract: Contract, rows: Sequence[Row]) -> None:
        """Rows as given; text for every value, so that 0.1 is a tenth and not its double."""
        whole = [filled(contract, row, place) for place, row in enumerate(rows)]
        if whole:
            marks = ", ".join(f"CAST(? AS {c.type})" for c in contract.columns)
            values = [[None if v is None else str(v) for v in row.values()] for row in whole]
            self.connection.executemany(f"INSERT INTO {name} VALUES ({marks})", values)

    def select(self, table: TableId, columns: Sequence[str], *, where: str = "TRUE") -> list[tuple[Any, ...]]:
        """What the table's SELECT (for a history: its versions) gives, as the columns' types hold it."""
        contract = registry()[table]
        query = graph().select(table)
        if contract.load.strategy == "scd2":
            query = scd2.versions(query, contract)
        self.run(ddl.create_stage(contract))
        self.run(f"INSERT INTO {table.stage} ({', '.join(contract.names)}) {query.sql('redshift')}")
        self.check_key(contract)
        return self.rows(table.stage, columns, where=where)

    def check_key(self, contract: Contract) -> None:
        """The staged rows keep their primary key; DuckDB's tables are made without it."""
        key = ", ".join(contract.key)
        doubled = self.run(f"SELECT {key} FROM {contract.table.stage} GROUP BY {key} HAVING COUNT(*) > 1")
        assert not doubled, f"{contract.table} has several rows of one ({key}): {doubled[:3]}"

    def rows(self, name: str, columns: Sequence[str], *, where: str = "TRUE") -> list[tuple[Any, ...]]:
        return self.connection.execute(f"SELECT {', '.join(columns)} FROM {name} WHERE {where}").fetchall()

    def frame(self, redshift: str) -> pa.Table:
        """The answer to a SELECT with its types."""
        return self.connection.sql(to_duckdb(redshift)).to_arrow_table()

    def typed(self, contract: Contract, row: Row) -> tuple[Any, ...]:
        """An expected row as the table's types would give it back."""
        casts = ", ".join(f"CAST(? AS {contract.by_name[c].type})" for c in row)
        values = [None if v is None else str(v) for v in row.values()]
        return self.connection.execute(f"SELECT {casts}", values).fetchall()[0]

    def deliver(self, name: str, rows: Sequence[Row]) -> int:
        """A batch enters a clean table and the queues of those that read it; the number of rows that stood already."""
        contract = registry()[TableId.parse(name)]
        for statement in merge.empty_stage(contract):
            self.run(statement.sql)
        self.insert(contract.table.stage, contract, rows)
        for statement in merge.load_stage_dedupe(contract):
            self.run(statement.sql)
        fresh = len(self.rows(contract.table.stage, contract.key))
        self.publish(contract.table, full=False)
        return len(rows) - fresh

    def stage(self, table: TableId, *, full: bool = False) -> None:
        for statement in build_plan(table, full):
            self.run(statement.sql)

    def build(self, table: TableId, *, full: bool = False) -> dict[str, int]:
        """One computed table, which is filled itself where it holds nothing; the counts of rows that changed."""
        if registry()[table].key and not self.run(merge.any_row(registry()[table])):
            for statement in build_plan(table, full, first=True):
                self.run(statement.sql)
            return self.publish(table, full=full, first=True)
        self.stage(table, full=full)
        return self.publish(table, full=full)

    def build_all(self, *, full: bool = False) -> dict[str, dict[str, int]]:
        return {str(table): self.build(table, full=full) for table in graph().order()}

    def waits(self, table: TableId) -> bool:
        """Whether an upstream change waits to be carried into the table."""
        return bool(self.run(queues.queue_length(registry()[table]))[0][0])

    def build_waiting(
        self, *, blocked: Collection[TableId] = (), audit: Callable[[TableId], None] | None = None
    ) -> dict[str, dict[str, int]]:
        """What a run does: builds what waits. A table that is `blocked` is staged only; its readers are left alone."""
        counts: dict[str, dict[str, int]] = {}
        left: set[TableId] = set()
        for table in graph().order():
            if graph().upstream(table) & left:
                left.add(table)
            elif self.waits(table):
                self.stage(table)
                if audit is not None:
                    audit(table)
                if table in blocked:
                    left.add(table)
                else:
                    counts[str(table)] = self.publish(table)
        return counts

    def publish(self, table: TableId, *, full: bool = False, first: bool = False) -> dict[str, int]:
        counts: dict[str, int] = {}
        for statement in publish_plan(table, full, first):
            rows = self.run(statement.sql)
            if statement.step == "check":
                assert rows[0][0] == 0, statement.note
            if statement.step == "count":
                counts = {k: int(v) for k, v in zip(merge.COUNTS, rows[0], strict=True)}
        return counts


def in_order(rows: Iterable[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """Rows as text in a fixed order, so that two lists compare and a difference is readable."""
    return sorted(tuple(_text(v) for v in row) for row in rows)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return repr(Decimal(str(value)))
    return "NULL" if value is None else str(value)
