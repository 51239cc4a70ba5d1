"""The tables of the cases on Redshift, through the adapter: clean rows come by COPY from S3, as in a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl
import pyarrow as pa
from case_warehouse import CaseWarehouse, Row, filled, registry

from contracts.model import Column, Contract
from contracts.polars_types import polars_schema
from sql import ddl
from tasks.lake import Lake
from tasks.warehouse.redshift import RedshiftWarehouse


class RedshiftCases(CaseWarehouse):
    """What `CaseWarehouse` is on DuckDB; statements go over the wire as they were written."""

    def __init__(self, warehouse: RedshiftWarehouse, lake: Lake) -> None:
        self.warehouse, self.lake = warehouse, lake
        for statement in ddl.create_all(registry().values()):
            warehouse.execute(statement)

    def run(self, redshift: str) -> list[tuple[Any, ...]]:
        return self.warehouse.query(redshift).rows()

    @contextmanager
    def undone(self) -> Iterator[None]:
        self.warehouse.execute("BEGIN")
        try:
            yield
        finally:
            self.warehouse.execute("ROLLBACK")

    def insert(self, name: str, contract: Contract, rows: Sequence[Row]) -> None:
        whole = [filled(contract, row, place) for place, row in enumerate(rows)]
        if whole:
            schema = polars_schema(contract)
            columns = {c.name: _column([row[c.name] for row in whole], c, schema[c.name]) for c in contract.columns}
            file = self.lake.put_frame(f"{name}/rows.parquet", pl.LazyFrame(columns))
            self.warehouse.load_parquet(name, contract.names, [file])

    def rows(self, name: str, columns: Sequence[str], *, where: str = "TRUE") -> list[tuple[Any, ...]]:
        return self.run(f"SELECT {', '.join(columns)} FROM {name} WHERE {where}")

    def frame(self, redshift: str) -> pa.Table:
        return self.warehouse.query(redshift).to_arrow()

    def typed(self, contract: Contract, row: Row) -> tuple[Any, ...]:
        # Through a bind of its own type, a NULL would have none.
        (found,) = self.run(f"SELECT {', '.join(_literal(row[c], contract.by_name[c]) for c in row)}")
        return found


def _column(values: list[Any], column: Column, dtype: pl.DataType) -> pl.Series:
    """Values as the contract types them; a decimal by its text, so that 0.1 is a tenth and not its double."""
    if dtype.is_decimal() or column.type.is_text:
        return pl.Series([None if v is None else str(v) for v in values], dtype=pl.String).cast(dtype)
    return pl.Series(values, dtype=dtype)


def _literal(value: object, column: Column) -> str:
    text = "NULL" if value is None else "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"
    return f"CAST({text} AS {column.type})"
