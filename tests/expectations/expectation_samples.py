"""A contract and frames that the tests of this folder share."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import sqlglot
from sqlglot import exp

from contracts.model import Contract
from contracts.reader import read_contract
from expectations.rules import Rule

ORDERS = """
apiVersion: v3.1.0
kind: DataContract
id: clean.orders
version: 1.2.0
status: active
name: Orders
schema:
  - name: orders
    customProperties:
      - {property: load, value: {strategy: upsert}}
      - {property: verdict, value: quarantine}
    quality:
      - {id: volume, metric: rowCount, mustBeGreaterThan: 0, dimension: coverage}
      - id: total_covers_tax
        type: custom
        engine: warehouse
        dimension: accuracy
        description: The total covers its tax
        implementation: {rule: condition, sql: "total >= tax OR status = 'void'"}
      - {id: paid_later, type: custom, engine: warehouse, dimension: consistency,
         implementation: {rule: compare, columns: [paid_at, ordered_at], operator: ">="}}
      - {id: not_itself, type: custom, engine: warehouse, dimension: consistency,
         implementation: {rule: compare, columns: [order_id, email], operator: "!="}}
      - {id: net_of_tax, type: sql, dimension: accuracy, mustBeGreaterOrEqualTo: 0,
         query: "SELECT SUM(total) - SUM(tax) FROM ${table}"}
    properties:
      - {name: order_id, logicalType: string, physicalType: varchar(20), description: Order, primaryKey: true,
         primaryKeyPosition: 1, unique: true, logicalTypeOptions: {pattern: "^O[0-9]+$", minLength: 2, maxLength: 10}}
      - {name: line_no, logicalType: integer, physicalType: integer, description: Line, primaryKey: true,
         primaryKeyPosition: 2}
      - {name: email, logicalType: string, physicalType: varchar(64), description: Mail,
         logicalTypeOptions: {pattern: "@"}, customProperties: [{property: mask, value: email}]}
      - {name: status, logicalType: string, physicalType: varchar(10), description: State, required: true,
         enum: [{value: paid}, {value: void}],
         quality: [{id: mostly_paid, metric: invalidValues, arguments: {validValues: [paid]}, dimension: conformity,
                    mustBeLessOrEqualTo: 60, unit: percent}]}
      - {name: total, logicalType: number, physicalType: "decimal(18,2)", description: Total, required: true,
         logicalTypeOptions: {minimum: 0},
         quality: [{id: mean_total, type: custom, engine: warehouse, dimension: accuracy,
                    implementation: {rule: aggregate, function: mean, min: 0, max: 100}}]}
      - {name: tax, logicalType: number, physicalType: "decimal(18,2)", description: Tax,
         logicalTypeOptions: {minimum: 0, exclusiveMaximum: 50}}
      - {name: ordered_at, logicalType: timestamp, physicalType: timestamp, description: When, required: true}
      - {name: paid_at, logicalType: timestamp, physicalType: timestamp, description: Paid}
      - {name: customer_id, logicalType: string, physicalType: varchar(20), description: Who,
         relationships: [{type: foreignKey, to: clean.customers.customer_id}]}
"""

RAW = """
apiVersion: v3.1.0
kind: DataContract
id: raw.orders
version: 1.0.0
status: active
name: Orders
schema:
  - name: orders
    customProperties:
      - {property: load, value: {strategy: append}}
      - {property: delivery, value: {file: orders.csv, format: csv}}
    properties:
      - {name: order_id, logicalType: string, physicalType: varchar(20), description: Order, primaryKey: true}
      - {name: total, logicalType: number, physicalType: varchar(20), description: Total,
         logicalTypeOptions: {minimum: 0}}
      - {name: ordered_on, logicalType: date, physicalType: varchar(20), description: When, required: true,
         customProperties: [{property: formats, value: ["%d/%m/%Y"]}]}
"""

INSTANT = datetime(2024, 1, 1, 12)


def contract_of(text: str, folder: Path) -> Contract:
    """Read a contract that is given as text."""
    path = folder / "contract.yaml"
    path.write_text(text, encoding="utf-8")
    name = text.partition("id: ")[2].partition("\n")[0].replace(".", "/")
    return read_contract(path, file=f"contracts/{name}.yaml")


def orders(**columns: list[Any]) -> pl.LazyFrame:
    """Orders that keep every rule, but for the columns that are given."""
    good: dict[str, list[Any]] = {
        "order_id": ["O1", "O2", "O3"],
        "line_no": [1, 1, 1],
        "email": ["ann@shop.example", None, "bo@shop.example"],
        "status": ["paid", "paid", "void"],
        "total": [Decimal("10.00"), Decimal("20.50"), Decimal("0.00")],
        "tax": [Decimal("1.00"), None, Decimal("0.00")],
        "ordered_at": [INSTANT] * 3,
        "paid_at": [INSTANT, None, INSTANT],
        "customer_id": ["C1", None, "C2"],
    }
    types: dict[str, Any] = {
        "order_id": pl.String,
        "line_no": pl.Int32,
        "email": pl.String,
        "status": pl.String,
        "total": pl.Decimal(18, 2),
        "tax": pl.Decimal(18, 2),
        "ordered_at": pl.Datetime("us"),
        "paid_at": pl.Datetime("us"),
        "customer_id": pl.String,
    }
    return pl.LazyFrame({**good, **columns}, schema=types)


CUSTOMERS = pl.LazyFrame({"customer_id": ["C1", "C2"]})
REFERENCES = {"clean.customers": CUSTOMERS}


def bad_orders() -> pl.LazyFrame:
    """Orders that break most rules."""
    return orders(
        order_id=["O1", "O1", "X3"],
        email=["nobody", None, "X3"],
        status=["paid", "lost", "void"],
        total=[Decimal("1.00"), Decimal("-2.00"), Decimal("500.00")],
        tax=[Decimal("2.00"), None, Decimal("50.00")],
        paid_at=[datetime(2023, 1, 1), None, INSTANT],
        customer_id=["C1", "C9", None],
    )


def rule(kind: Any, *columns: str, id: str = "", **args: Any) -> Rule:
    """A rule as a contract could make it."""
    return Rule(id or f"clean.t.{kind}", kind, columns, args, verdict="quarantine" if kind != "sql" else "block")


class Duck:
    """A DuckDB that takes Redshift text, as the warehouse adapter does."""

    def __init__(self, **tables: pl.DataFrame) -> None:
        self.connection = duckdb.connect()
        self.statements: list[str] = []
        for name, frame in tables.items():
            schema, _, table = name.partition("__")
            self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            self.connection.register("given", frame.to_arrow())
            self.connection.execute(f"CREATE TABLE {schema}.{table} AS SELECT * FROM given")
            self.connection.unregister("given")

    def query(self, text: str) -> pl.DataFrame:
        self.statements.append(text)
        found = pl.from_arrow(self.connection.sql(_on_duckdb(text)).to_arrow_table())
        assert isinstance(found, pl.DataFrame)
        return found


@cache
def _on_duckdb(text: str) -> str:
    return sqlglot.parse_one(text, read="redshift").transform(_byte_length).sql("duckdb")


def _byte_length(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Anonymous) and node.name.upper() == "OCTET_LENGTH":
        return exp.func("STRLEN", *node.expressions)
    return node


DAY = date(2024, 1, 2)
