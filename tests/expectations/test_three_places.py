"""The rules of a raw contract say the same of the same rows by the gate, by the landing check and as warehouse SQL."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from expectation_samples import contract_of
from nasty_texts import texts_of
from small_shop import SIZE

from contracts.model import Contract
from contracts.registry import REPOSITORY, Registry
from expectations.predicates import split
from expectations.predicates_sql import broken_sql
from expectations.rules import rules_of
from expectations.verdicts import GateResult
from sql.dialect import SESSION, parse_select, to_duckdb
from sql.portable import faults
from tasks.generate import generate_delivery
from tasks.landing import check_file
from tasks.landing import contract_of as contract_expecting
from tasks.reading import LINE, read_delivered

ROWS = 10_000
RAW = Registry.read(REPOSITORY).layer("raw")
# Every kind of rule that a raw contract can have, on text that is nearly good.
EVERY_RULE = """
apiVersion: v3.1.0
kind: DataContract
id: raw.things
version: 1.0.0
status: active
name: Things
schema:
  - name: things
    customProperties:
      - {property: load, value: {strategy: replace}}
      - {property: delivery, value: {file: things.csv, format: csv}}
    quality:
      - {id: volume, metric: rowCount, mustBeGreaterThan: 0, dimension: coverage}
      - {id: same, type: custom, engine: warehouse, dimension: accuracy,
         implementation: {rule: compare, columns: [units, is_sold], operator: "!="}}
      - {id: cleared, type: custom, engine: warehouse, dimension: accuracy,
         implementation: {rule: condition, sql: "name IS NOT NULL OR LOWER(TRIM(nickname)) = 'false'"}}
      - {id: pair, type: custom, engine: warehouse, dimension: uniqueness,
         implementation: {rule: unique, columns: [name, nickname]}}
    properties:
      - {name: thing_id, logicalType: string, physicalType: varchar(64), description: Thing, unique: true}
      - {name: name, logicalType: string, physicalType: varchar(64), description: Name, required: true,
         logicalTypeOptions: {minLength: 2, maxLength: 20},
         quality: [{id: names, type: custom, engine: warehouse, dimension: accuracy,
                    implementation: {rule: aggregate, function: distinct_count, min: 1000}}]}
      - {name: nickname, logicalType: string, physicalType: varchar(20), description: Short name,
         enum: [{value: "x"}, {value: "true"}, {value: "1"}, {value: "it's"}]}
      - {name: units, logicalType: integer, physicalType: varchar(64), description: Units,
         logicalTypeOptions: {exclusiveMinimum: -5, maximum: 2147483647}}
      - {name: price, logicalType: number, physicalType: varchar(64), description: Price,
         logicalTypeOptions: {minimum: 0, exclusiveMaximum: 999.99}}
      - {name: sold_on, logicalType: date, physicalType: varchar(64), description: Day,
         logicalTypeOptions: {minimum: "2000-02-29", exclusiveMaximum: "2024-12-31"}}
      - {name: bought_on, logicalType: date, physicalType: varchar(64), description: Day as people write it,
         logicalTypeOptions: {exclusiveMinimum: "2024-01-05"},
         customProperties: [{property: formats, value: ["%d/%m/%Y", "%d %b %Y", "%m/%d/%y"]}]}
      - {name: sold_at, logicalType: timestamp, physicalType: varchar(64), description: When,
         logicalTypeOptions: {minimum: "2000-01-01T00:00:00", maximum: "2024-02-29T12:34:56.123456"}}
      - {name: bought_at, logicalType: timestamp, physicalType: varchar(64), description: "When, as people write it",
         logicalTypeOptions: {maximum: "2024-02-29T00:00:00"},
         customProperties: [{property: formats, value: ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%z"]}]}
      - {name: is_sold, logicalType: boolean, physicalType: varchar(64), description: Sold}
"""


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """Rows of a generated delivery, with its planted defects, by table."""
    root, found = tmp_path_factory.mktemp("delivered"), {}
    for path in sorted(generate_delivery(root / "delivery", size=SIZE).root.glob("*/*.*")):
        if raw := contract_expecting(path.name, RAW):
            rows = read_delivered(path, raw, root / "scratch" / path.name).rows.select(raw.names).collect()
            found[raw.table.name] = pl.concat([found.get(raw.table.name, rows.clear()), rows])
    return found


@pytest.fixture(scope="module")
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for setting in (*SESSION, "CREATE SCHEMA stage"):
            connection.execute(setting)
        yield connection


@pytest.fixture(scope="module")
def every_rule(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return contract_of(EVERY_RULE, tmp_path_factory.mktemp("every_rule"))


@pytest.fixture(params=[*RAW, None], ids=lambda c: str(c.table) if c else "every rule")
def raw(request: pytest.FixtureRequest, every_rule: Contract) -> Contract:
    contract: Contract = request.param or every_rule
    return contract


def rows_for(raw: Contract, delivered: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """10,000 rows: each nasty text in each column of an otherwise good row, some in all columns; the rest delivered."""
    texts = {c.name: texts_of(c.logical) for c in raw.columns}
    good = {c.name: str(c.examples[0]) if c.examples else None for c in raw.columns}
    one = [good | {name: text} for name, some in texts.items() for text in some]
    most = max(map(len, texts.values()))
    every = zip(*(islice(cycle(some), 3 * most) for some in texts.values()), strict=True)
    hard = [*one, *(dict(zip(raw.names, row, strict=True)) for row in every)]
    schema = dict.fromkeys(raw.names, pl.String)
    nasty = pl.DataFrame(hard, schema=schema)
    rest = delivered.get(raw.table.name, pl.DataFrame([good], schema=schema))
    copies = (ROWS - nasty.height) // rest.height + 1
    rows = pl.concat([nasty, *([rest] * copies)]).head(ROWS)
    assert nasty.height < ROWS == rows.height
    return rows


def written(rows: pl.DataFrame, raw: Contract, folder: Path) -> Path:
    """The rows as the contract says that they are delivered."""
    assert raw.delivery is not None
    path = folder / raw.delivery.file
    write: dict[str, Callable[[Any], Any]] = {
        "csv": lambda to: rows.write_csv(to, quote_style="always"),
        "jsonl": rows.write_ndjson,
        "parquet": rows.write_parquet,
    }
    with gzip.open(path, "wb") if raw.delivery.compression == "gzip" else path.open("wb") as file:
        write[raw.delivery.format](file)
    return path


def counts(gate: GateResult) -> dict[str, tuple[int, int, bool]]:
    return {r.rule.id: (r.evaluated, r.failed, r.success) for r in gate.results}


def test_three_places_say_the_same_of_ten_thousand_rows(
    raw: Contract,
    delivered: dict[str, pl.DataFrame],
    session: duckdb.DuckDBPyConnection,
    gate_module: Any,
    tmp_path: Path,
) -> None:
    rows = rows_for(raw, delivered)
    session.register("given", rows.to_arrow())
    session.execute("CREATE OR REPLACE TABLE stage.landed AS SELECT * FROM given")
    gate = gate_module.Gate({raw.table: raw}, tmp_path / "gx")
    ids = {"run_id": "run", "batch_id": "batch"}

    def query(text: str) -> pl.DataFrame:
        return pl.DataFrame(session.sql(to_duckdb(text)).to_arrow_table())

    by_gate = gate.check_frame(raw, rows, **ids)
    by_file = check_file(written(rows, raw, tmp_path), raw)
    in_sql = gate.check_relation(raw, "stage.landed", query, **ids)

    assert by_file.gate is not None, by_file.fault
    assert (by_file.malformed, by_gate.rows, by_file.rows, in_sql.rows) == ((), ROWS, ROWS, ROWS)
    assert counts(by_gate) == counts(by_file.gate)
    assert counts(by_gate) == counts(in_sql)
    assert {r.id for r in rules_of(raw)} == counts(by_gate).keys()
    # Each rule met rows that keep it, and those about a form met rows that break it.
    for result in by_gate.results:
        if result.rule.of_row and result.rule.kind != "unique":
            assert result.evaluated > result.failed, result.rule.id
        if result.rule.kind in ("not_null", "parses_as", "byte_length", "between"):
            assert result.failed, result.rule.id


def test_the_same_rows_break_each_rule(
    raw: Contract, delivered: dict[str, pl.DataFrame], session: duckdb.DuckDBPyConnection
) -> None:
    rows = rows_for(raw, delivered).with_row_index(LINE)
    rules = [replace(r, verdict="quarantine") for r in rules_of(raw) if r.of_row and r.kind != "unique"]
    broken = split(rows.lazy(), rules).broken.select(LINE, pl.col("broken_rules")).collect().explode("broken_rules")
    here = {rule.id: broken.filter(pl.col("broken_rules") == rule.id)[LINE].to_list() for rule in rules}
    session.register("given", rows.to_arrow())
    flags = ", ".join(f"CASE WHEN {broken_sql(rule)} THEN 1 ELSE 0 END AS r{n}" for n, rule in enumerate(rules))
    marked = pl.DataFrame(session.sql(to_duckdb(f"SELECT {LINE}, {flags} FROM given AS given")).to_arrow_table())
    assert marked.height == ROWS
    for n, rule in enumerate(rules):
        there = marked.filter(pl.col(f"r{n}") == 1)[LINE].sort().to_list()
        assert there == here[rule.id], rule.id


def test_redshift_would_take_the_sql_of_every_raw_rule(raw: Contract) -> None:
    """What the lint says of one row's conditions; the whole SELECT counts over `*` and is not for a file of SQL."""
    for rule in rules_of(raw):
        if rule.of_row and rule.kind != "unique":
            tree = parse_select(f"SELECT 1 AS broken FROM stage.landed AS landed WHERE {broken_sql(rule)}", rule.id)
            assert [(f.rule, f.message) for f in faults(tree)] == [], rule.id
