"""What the rest of the code may ask of a warehouse. Every statement handed in is in Redshift's dialect."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import polars as pl

from sql.migration import Engine, Standing
from tasks.lake import LakeFile

Value = str | int | float | bool | None | Any
T = TypeVar("T")


class WarehouseError(RuntimeError):
    """A statement that failed: what the engine said, and the statement's first lines; never a credential.

    `is_transient`: the same may succeed a minute later.
    """

    is_transient = False

    def __init__(self, message: str, statement: str = "") -> None:
        self.statement = statement
        head = " ".join(statement.split())[:300]
        super().__init__(f"{message}{f' [in: {head}]' if head else ''}")


class WarehouseBusy(WarehouseError):
    """Another process holds the warehouse."""

    is_transient = True


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """A column as an engine's catalogue declares it, its type in the engine's own words."""

    name: str
    type: str
    nullable: bool
    comment: str = ""


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table or view as an engine's catalogue declares it: columns in order, primary key, comment."""

    columns: tuple[CatalogColumn, ...]
    key: tuple[str, ...] = ()
    comment: str = ""


@dataclass
class Tags:
    """On whose behalf statements run, for the query log of an engine that keeps one."""

    run_id: str = ""
    table: str = ""


class Warehouse(ABC):
    """A connection to one warehouse; a context manager that closes it."""

    engine: Engine

    def __init__(self) -> None:
        self.tags = Tags()
        # Called before each commit: raises where this run may publish no more.
        self.guard: Callable[[], None] = lambda: None

    @abstractmethod
    def execute(self, statement: str, **binds: Value) -> None:
        """Run one statement."""

    @abstractmethod
    def query(self, statement: str, **binds: Value) -> pl.DataFrame:
        """Run one query; its rows as a frame."""

    @abstractmethod
    def read(self, select: str) -> pl.DataFrame:
        """Run one SELECT for somebody who may change nothing; its rows as a frame."""

    @abstractmethod
    def native(self, statement: str) -> pl.DataFrame:
        """Run one statement in the engine's own text, for the analyst at the prompt; its rows as a frame."""

    @abstractmethod
    def load_parquet(self, table: str, columns: Sequence[str], files: Sequence[LakeFile]) -> None:
        """Append Parquet files of the lake to a table, columns by name."""

    @abstractmethod
    def export(self, select: str, target: str, *, overwrite: bool = False) -> int:
        """Write a query's rows as Parquet below `target`, a folder or `s3://bucket/prefix/`; returns their number.

        Raises WarehouseError where an earlier export lies there, unless it may be overwritten, and where anything else
        does. An export is there once it is whole: locally its file is, on S3 its `manifest`.
        """

    def copy_out(self, tables: Mapping[str, Sequence[str]], target: Path) -> dict[str, int]:
        """Copy tables or views, with statements that comment on each, into a file of the engine; rows by name.

        An earlier copy is replaced in one step; raises WarehouseError where another file stands.
        """
        raise WarehouseError(f"{self.engine} has no files")

    @abstractmethod
    def maintain(self, table: str) -> None:
        """Give back the space of deleted rows, sort, and renew what the planner knows of a table."""

    def checkpoint(self) -> None:  # noqa: B027 -- most engines have no file of their own
        """Let what is committed be in the warehouse's own file, where it has one, so that a copy of it is whole."""

    @abstractmethod
    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Mapping[str, Value]]) -> None:
        """Append a few rows (audit records), values bound."""

    @abstractmethod
    def has_table(self, table: str) -> bool:
        """Whether `schema.table` exists."""

    @abstractmethod
    def columns(self) -> dict[str, dict[str, Standing]]:
        """Every table of our schemas, `<schema>.<table>`, and its columns in order, as the engine reports them."""

    @abstractmethod
    def views(self) -> set[str]:
        """The names of the views for BI that stand, `bi.<view>`."""

    @abstractmethod
    def catalogued(self, table: str) -> CatalogTable | None:
        """What the catalogue says of any `schema.table` or view, ours or not; None where it knows none."""

    @abstractmethod
    def _begin(self) -> None: ...

    @abstractmethod
    def _end(self, *, commit: bool) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""

    def transaction(self, work: Callable[[], T]) -> T:
        """All statements of `work`, or none of them; returns what it returns.

        Where an engine can lose a transaction through no fault of its statements, `work` is run again from its start:
        what it changes outside the warehouse must come out the same.
        """
        self._begin()
        try:
            done = work()
            self.guard()
        except BaseException:
            self._end(commit=False)
            raise
        self._end(commit=True)
        return done

    def row(self, statement: str, **binds: Value) -> dict[str, Any]:
        """The one row of a query, values by their columns' names."""
        found = self.query(statement, **binds)
        return one(found.columns, found.rows())

    def scalar(self, statement: str, **binds: Value) -> Any:
        """The one value of a query with one row and one column."""
        (value,) = self.row(statement, **binds).values()
        return value

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def one(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The one row of a query by names; raise ValueError where there are none or several."""
    (row,) = rows
    return dict(zip(names, row, strict=True))


def distinct(names: list[str]) -> list[str]:
    """The names, each further one of a kind with its number: a, a_2."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return out
