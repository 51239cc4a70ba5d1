"""Small contracts from one line per column, and an in-memory DuckDB that runs plans the way the adapter does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import duckdb

from contracts.ids import TableId
from contracts.model import Column, Contract, Distribution, Load
from contracts.registry import Registry
from contracts.types import ColumnType
from sql import ddl, merge, queues
from sql.dialect import SESSION, to_duckdb
from sql.graph import Graph
from sql.increment import FIRST_KEY, LAST_KEY
from sql.plan import Statement
from tasks.warehouse import Warehouse

Row = tuple[Any, ...]


def contract(
    table: str,
    columns: str,
    load: Mapping[str, Any] | None = None,
    *,
    distribution: Distribution | None = None,
    sort_key: tuple[str, ...] = (),
) -> Contract:
    """A contract of columns `name type [key] [required]`, one a line; the type may hold no blank but in `double`."""
    made: list[Column] = []
    for line in columns.strip().splitlines():
        name, kind, *flags = line.replace("double precision", "double_precision").split()
        type_ = ColumnType.parse(kind.replace("_", " "))
        encode = next((f.removeprefix("encode=") for f in flags if f.startswith("encode=")), None)
        made.append(
            Column(
                name=name,
                type=type_,
                logical=type_.logical,
                description=f"the {name}",
                required="required" in flags or "key" in flags,
                key_position=len(made) if "key" in flags else None,
                encode=encode,
                where=f"contracts/x.yaml:{len(made) + 1}",
            )
        )
    id_ = TableId.parse(table)
    return Contract(
        table=id_,
        version="1.0.0",
        status="active",
        title=table,
        domain="test",
        description=f"{table}, a table of the tests",
        grain="one row",
        columns=tuple(made),
        references=(),
        quality=(),
        load=Load.model_validate(load or {"strategy": "replace", "window": "all"}),
        distribution=distribution or Distribution(),
        sort_key=sort_key,
        file=str(id_.contract_file),
    )


def registry(*contracts: Contract) -> Registry:
    return Registry({c.table: c for c in contracts})


def graph(texts: Mapping[str, str]) -> Graph:
    return Graph({TableId.parse(table): text for table, text in texts.items()})


class Refused(Exception):
    """A check of a plan that was not 0."""


class Bench:
    """An empty warehouse of the given contracts; runs every statement as `to_duckdb` gives it."""

    def __init__(self, contracts: Iterable[Contract], texts: Mapping[str, str], *, threads: int = 1) -> None:
        self.registry = registry(*contracts)
        self.graph = graph(texts)
        self.connection = duckdb.connect(":memory:", config={"threads": threads})
        for setting in SESSION:
            self.connection.execute(setting)
        for statement in ddl.create_all(self.registry.values()):
            self.run(statement)

    def run(self, statement: str) -> list[Row]:
        return self.connection.execute(to_duckdb(statement)).fetchall()

    def run_each(self, plan: Iterable[Statement]) -> Iterator[tuple[Statement, list[Row]]]:
        """Run a plan; what a `span` has found stands in the statements that follow."""
        span: dict[str, str] = {}
        for statement in plan:
            text = statement.sql
            for bind, value in span.items():
                text = text.replace(bind, value)
            rows = self.run(text)
            if statement.step == "span":
                found = ("NULL" if value is None else f"'{value}'" for value in rows[0])
                span = dict(zip((f":{FIRST_KEY}", f":{LAST_KEY}"), found, strict=True))
            yield statement, rows

    def run_all(self, plan: Iterable[Statement]) -> None:
        for _ in self.run_each(plan):
            pass

    def rows(self, name: str, columns: str = "*", order: str = "ALL") -> list[Row]:
        return self.connection.execute(f"SELECT {columns} FROM {name} ORDER BY {order}").fetchall()

    def insert(self, name: str, rows: Iterable[Row]) -> None:
        rows = list(rows)
        if rows:
            marks = ", ".join("(" + ", ".join("?" for _ in row) + ")" for row in rows)
            self.connection.execute(f"INSERT INTO {name} VALUES {marks}", [value for row in rows for value in row])

    def load(self, table: str, rows: Iterable[Row]) -> dict[str, int]:
        """A delivered batch: stage, dedupe, publish."""
        c = self.registry[TableId.parse(table)]
        for statement in merge.empty_stage(c):
            self.run(statement.sql)
        self.insert(c.table.stage, rows)
        self.run_all(merge.load_stage_dedupe(c, in_span=True))
        return self.publish(table, full=False)

    def stage(self, table: str, *, full: bool = False) -> list[Row]:
        c = self.registry[TableId.parse(table)]
        self.run_all(merge.build_stage(c, self.graph, self.registry, full=full, in_span=True))
        return self.rows(c.table.stage)

    def publish(
        self, table: str, *, full: bool = False, filled_by: Sequence[Statement] | None = None
    ) -> dict[str, int]:
        """One transaction; returns the counts. A check that fails rolls all back and raises Refused.

        `filled_by` fills a table that holds nothing; else its rows stand in the stage.
        """
        c = self.registry[TableId.parse(table)]
        counts: dict[str, int] = {}
        self.run("BEGIN")
        try:
            self.run_all(filled_by or ())
            first = filled_by is not None
            plan = merge.publish(c, self.registry, self.graph, full=full, first=first, in_span=True)
            for statement, rows in self.run_each(plan):
                if statement.step == "check" and rows[0][0] != 0:
                    raise Refused(statement.note)
                if statement.step == "count":
                    counts = {k: int(v) for k, v in zip(merge.COUNTS, rows[0], strict=True)}
        except BaseException:
            self.run("ROLLBACK")
            raise
        self.run("COMMIT")
        return counts

    def build(self, table: str, *, full: bool = False) -> dict[str, int]:
        c = self.registry[TableId.parse(table)]
        if c.key and not self.run(merge.any_row(c)):
            fill = merge.build_stage(c, self.graph, self.registry, full=full, first=True)
            return self.publish(table, full=full, filled_by=fill)
        self.stage(table, full=full)
        return self.publish(table, full=full)

    def waiting(self, table: str) -> int:
        return int(self.run(queues.queue_length(self.registry[TableId.parse(table)]))[0][0])


class RedshiftBench(Bench):
    """The same over the wire, by the adapter."""

    def __init__(self, contracts: Iterable[Contract], texts: Mapping[str, str], warehouse: Warehouse) -> None:
        self.registry, self.graph, self.warehouse = registry(*contracts), graph(texts), warehouse
        for statement in ddl.create_all(self.registry.values()):
            self.run(statement)

    def run(self, statement: str) -> list[Row]:
        return self.warehouse.query(statement).rows()

    def rows(self, name: str, columns: str = "*", order: str = "ALL") -> list[Row]:
        if order != "ALL":
            return self.run(f"SELECT {columns} FROM {name} ORDER BY {order}")
        found = self.run(f"SELECT {columns} FROM {name}")
        return sorted(found, key=lambda row: [(value is None, value) for value in row])

    def insert(self, name: str, rows: Iterable[Row]) -> None:
        if lines := [f"({', '.join(_literal(value) for value in row)})" for row in rows]:
            self.run(f"INSERT INTO {name} VALUES {', '.join(lines)}")


def _literal(value: object) -> str:
    if value is None or isinstance(value, bool | int | float):
        return "NULL" if value is None else str(value).upper()
    return "'" + str(value).replace("'", "''") + "'"


MakeBench = Callable[[Sequence[Contract], Mapping[str, str]], Bench]


def counts(inserted: int = 0, updated: int = 0, deleted: int = 0) -> dict[str, int]:
    return {"inserted_count": inserted, "updated_count": updated, "deleted_count": deleted}
