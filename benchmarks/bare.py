"""The same reads, joins and writes without this warehouse: Polars and DuckDB as one would call them in a script.

`python benchmarks/bare.py <delivery folder> <home>`. Each delivered file is read as text, its columns cast to the clean
types, rows of a key that was seen before dropped, and written as Parquet; DuckDB loads the files and creates each
curated, core and mart table from the same SELECT. No contract is enforced, no row is set aside or explained, no gate,
ledger, history, stage, transaction, documentation; a second run would do it all again.
"""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl
from sqlglot import exp

from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import REPOSITORY, Registry
from sql import scd2
from sql.dialect import SESSION, to_duckdb
from sql.graph import Graph
from tasks.preprocess import blank_to_null, to_clean
from tasks.reading import LINE

# Marts of the audit tables, which a script has not.
LEFT_OUT = {TableId("mart", "data_freshness"), TableId("mart", "data_quality_scorecard")}
_BINDS = {"run_at": datetime(2027, 2, 10), "reporting_currency": "INR"}


def text_of(file: Path, names: tuple[str, ...]) -> pl.LazyFrame:
    """The rows of a delivered file as text columns; records that cannot be read are dropped."""
    if file.suffix == ".parquet":
        frame = pl.scan_parquet(file)
        have = [name for name in names if name in frame.collect_schema()]
        return frame.select(pl.col(have).cast(pl.String))
    if ".csv" in file.name:
        return pl.scan_csv(file, infer_schema=False, truncate_ragged_lines=True, ignore_errors=True)
    # Polars stops at a line that is no JSON, DuckDB leaves it out.
    columns = ", ".join(f"{name}: 'VARCHAR'" for name in names)
    lines = f"read_json('{file}', format = 'newline_delimited', columns = {{{columns}}}, ignore_errors = true)"
    frame = pl.from_arrow(duckdb.sql(f"SELECT * FROM {lines}").to_arrow_table())
    assert isinstance(frame, pl.DataFrame)
    return frame.lazy()


def clean(file: Path, raw: Contract, contract: Contract, out: Path) -> Path:
    """Typed rows of a file, each key once, in a Parquet file."""
    text = text_of(file, raw.names)
    absent = [name for name in raw.names if name not in text.collect_schema()]
    rows = text.with_columns(pl.lit(None, pl.String).alias(name) for name in absent).with_row_index(LINE, 1)
    typed, _ = to_clean(
        blank_to_null(rows.with_columns(pl.col(LINE).cast(pl.Int64)), raw), raw, contract,
        delivery=date.fromisoformat(file.parent.name), batch_id="bare", timezone="Asia/Kolkata",
    )  # fmt: skip
    target = out / f"{contract.table.name}.parquet"
    required = [column.name for column in contract.columns if column.required]
    kept = typed.select(contract.names).drop_nulls(required)
    (kept.unique(subset=list(contract.key), keep="any") if contract.key else kept).sink_parquet(target)
    return target


def main(delivery: Path, home: Path) -> None:
    """Files to clean Parquet files, to a warehouse file with every table."""
    registry = Registry.read()
    graph = Graph.read(REPOSITORY, registry)
    lake = home / "lake"
    lake.mkdir(parents=True)
    connection = duckdb.connect(str(home / "bare.duckdb"))
    for setting in SESSION:
        connection.execute(setting)
    for schema in ("clean", "curated", "core", "mart"):
        connection.execute(f"CREATE SCHEMA {schema}")
    for contract in registry.layer("clean"):
        raw = registry[TableId("raw", contract.table.name)]
        assert raw.delivery is not None
        file = clean(delivery / raw.delivery.file, raw, contract, lake)
        connection.execute(f"CREATE TABLE {contract.table} AS SELECT * FROM read_parquet('{file}')")
    for table in graph.order():
        if table in LEFT_OUT:
            continue
        select: exp.Query = graph.select(table)
        if registry[table].load.strategy == "scd2":
            select = scd2.versions(select, registry[table])
        text = to_duckdb(select)
        binds = {name: value for name, value in _BINDS.items() if f"${name}" in text}
        connection.execute(f"CREATE TABLE {table} AS {text}", binds)
    connection.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
