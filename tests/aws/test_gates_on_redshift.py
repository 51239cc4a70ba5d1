"""The gates of every table on Redshift: the same results and audit rows as on DuckDB, of good rows and of damaged ones.

The rows are those of the small shop. Both engines load the same files: Redshift by COPY, from the lake on S3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import polars as pl
import pytest
import redshift_connector
from local_aws import new_bucket
from redshift_standin import Standin
from small_shop import Shop, read_repository, tables

from contracts.model import Contract
from contracts.polars_types import polars_schema
from expectations.gate import Gate, GateResult
from sql import ddl
from tasks.lake.s3 import S3Lake
from tasks.quality import record_results
from tasks.s3 import Store
from tasks.warehouse import Warehouse
from tasks.warehouse.duckdb import DuckDBWarehouse
from tasks.warehouse.redshift import RedshiftWarehouse

Engines = tuple[Warehouse, Warehouse]
REGISTRY, _ = read_repository()
CONTRACTS = [c for c in REGISTRY.values() if c.table.layer not in ("raw", "audit")]
# No more than a gate shows samples of: of further ones each engine shows others.
DAMAGED = 18
AT = datetime(2026, 1, 7, 3)


@pytest.fixture(scope="module")
def rows(shop: Shop) -> dict[str, pl.DataFrame]:
    return tables(shop.home)


@pytest.fixture(scope="module")
def engines(
    running_standin: Standin, local_aws: str, rows: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engines]:
    """DuckDB and Redshift with all tables of the shop, and a stage of damaged rows for each."""
    running_standin.reset()
    connect = partial(
        redshift_connector.connect,
        **{name: getattr(running_standin, name) for name in ("host", "port", "user", "password", "database")},
        sslmode="verify-full",
    )
    lake = S3Lake(Store(f"s3://{new_bucket()}/lake"), tmp_path_factory.mktemp("scratch"))
    with DuckDBWarehouse(threads=1) as duckdb, RedshiftWarehouse(connect) as redshift:
        for warehouse in (duckdb, redshift):
            for statement in ddl.create_all(REGISTRY.values()):
                warehouse.execute(statement)
        for contract in REGISTRY.values():
            if contract.table.layer == "raw":
                continue
            whole = rows[str(contract.table)].select(contract.names).cast(dict(polars_schema(contract)))
            stage = damaged(contract, whole)
            for warehouse in (duckdb, redshift):
                warehouse.execute(ddl.create_stage(contract))
            for name, frame in ((str(contract.table), whole), (contract.table.stage, stage)):
                file = lake.put_frame(f"{name}/rows.parquet", frame.lazy())
                for warehouse in (duckdb, redshift):
                    warehouse.load_parquet(name, contract.names, [file])
        yield duckdb, redshift


def damaged(contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """Some rows as they are, and some each with a column that is no longer what it was."""
    some = rows.sort(rows.columns).head(3 * DAMAGED).with_row_index("place")
    for number, name in enumerate(contract.names):
        dtype = some.schema[name]
        wrong = (
            pl.lit("?", dtype=pl.String)
            if dtype == pl.String
            else pl.col(name) - timedelta(days=90_000)
            if dtype.is_temporal()
            else ~pl.col(name)
            if dtype == pl.Boolean
            else (-1 - pl.col(name)).cast(dtype)
        )
        places = min(DAMAGED, some.height) or 1
        is_here, is_null = (pl.col("place") == place % places for place in (number, number + 5))
        some = some.with_columns(pl.when(is_null).then(None).when(is_here).then(wrong).otherwise(name).alias(name))
    return some.drop("place")


Check = Callable[[Contract, str, Warehouse], GateResult]


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """The gate of a relation on an engine, asked once."""
    gate = Gate(REGISTRY, tmp_path_factory.mktemp("gx"))
    found: dict[tuple[str, str], GateResult] = {}

    def checked(contract: Contract, relation: str, warehouse: Warehouse) -> GateResult:
        key = relation, warehouse.engine
        if key not in found:
            found[key] = gate.check_relation(contract, relation, warehouse.query, run_id="run", batch_id="")
        return found[key]

    return checked


def told(result: GateResult) -> list[tuple[Any, ...]]:
    return [
        (r.rule.id, r.evaluated, r.failed, r.success, str(r.observed), sorted(map(str, r.samples)))
        for r in result.results
    ]


@pytest.mark.parametrize("kind", ["as loaded", "damaged"])
@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: str(c.table))
def test_a_gate_finds_the_same_on_both_engines(engines: Engines, check: Check, contract: Contract, kind: str) -> None:
    relation = contract.table.stage if kind == "damaged" else str(contract.table)
    here, there = (check(contract, relation, warehouse) for warehouse in engines)
    assert told(there) == told(here)
    assert there.scores == here.scores
    assert kind == "as loaded" or any(result.failed for result in here.results) or not here.rows


def test_the_audit_rows_are_the_same(engines: Engines, check: Check) -> None:
    written = []
    for warehouse in engines:
        warehouse.execute("DELETE FROM audit.quality_result")
        results = [check(contract, contract.table.stage, warehouse) for contract in CONTRACTS]
        warehouse.transaction(partial(record_results, warehouse, results, AT, AT.date()))
        written.append(
            warehouse.query(
                "SELECT table_name, rule_id, kind, dimension, severity, verdict, evaluated_count, failed_count, "
                "is_success, observed, delivery_date, batch_id, checked_at "
                "FROM audit.quality_result ORDER BY table_name, rule_id"
            )
        )
    duckdb, redshift = written
    assert redshift.schema == duckdb.schema
    assert redshift.rows() == duckdb.rows()
    assert duckdb.get_column("failed_count").sum() > 0
