"""The cases of every computed table, given and expected rows, by the same SELECT on another engine than DuckDB."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import redshift_connector

from redshift_standin import Standin

sys.path.insert(0, str(Path(__file__).parents[1] / "cases"))

from case_warehouse import REPORTING_CURRENCY, filled, graph, in_order, registry
from test_cases import CASES

from contracts.ids import TableId
from contracts.model import Column, Contract
from sql import ddl, scd2
from sql.dialect import to_redshift


@pytest.fixture(scope="module")
def warehouse(running_standin: Standin) -> Iterator[redshift_connector.Connection]:
    """All tables of the warehouse; what a case does is rolled back."""
    running_standin.reset()
    settings = {name: getattr(running_standin, name) for name in ("host", "port", "user", "password", "database")}
    with redshift_connector.connect(**settings) as connection:
        for statement in ddl.create_all(registry().values()):
            connection.run(statement)
        connection.commit()
        yield connection


def _literal(value: object, column: Column) -> str:
    text = "NULL" if value is None else "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"
    return f"CAST({text} AS {column.type})"


def _insert(connection: redshift_connector.Connection, contract: Contract, rows: Sequence[Mapping[str, Any]]) -> None:
    whole = [filled(contract, row, place) for place, row in enumerate(rows)]
    if whole:
        values = (", ".join(_literal(row[c.name], c) for c in contract.columns) for row in whole)
        connection.run(f"INSERT INTO {contract.table} VALUES {', '.join(f'({v})' for v in values)}")


@pytest.mark.parametrize(("table", "case"), CASES, ids=[f"{t}: {c['name']}" for t, c in CASES])
def test_case(warehouse: redshift_connector.Connection, table: TableId, case: dict[str, Any]) -> None:
    contract = registry()[table]
    try:
        for name, rows in (case["given"] or {}).items():
            _insert(warehouse, registry()[TableId.parse(name)], rows)
        query = graph().select(table)
        if contract.load.strategy == "scd2":
            query = scd2.versions(query, contract)
        warehouse.run(ddl.create_stage(contract))
        text = f"INSERT INTO {table.stage} ({', '.join(contract.names)}) {to_redshift(query)}"
        warehouse.run(text.replace(":reporting_currency", f"'{REPORTING_CURRENCY}'"))
        expected: list[dict[str, Any]] = case["expect"]
        columns = list(expected[0]) if expected else list(contract.names)
        found = warehouse.run(f"SELECT {', '.join(columns)} FROM {table.stage} WHERE {case.get('where', 'TRUE')}")
        typed = [
            warehouse.run(f"SELECT {', '.join(_literal(v, contract.by_name[c]) for c, v in row.items())}")[0]
            for row in expected
        ]
    finally:
        warehouse.rollback()
    assert in_order(map(tuple, found)) == in_order(map(tuple, typed))
