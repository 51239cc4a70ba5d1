"""Contracts as plain ODCS: out and in again they are equal; of a foreign document nothing is lost unseen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tree import contract_text

from contracts.ids import TableId
from contracts.model import Contract
from contracts.reader import read_contract
from contracts.registry import REPOSITORY, Registry
from contracts.source import ContractError, Document, read_document
from contracts.standard import schema_faults
from contracts.writer import yaml_text
from expectations.predicates import measure
from expectations.rules import Rule, rules_of
from sql import ddl
from tasks.draft.drafting import read
from tasks.odcs.exporting import exported
from tasks.odcs.importing import imported
from tasks.odcs.notes import Imported
from tasks.warehouse.duckdb import DuckDBWarehouse


def document(text: str, folder: Path) -> Document:
    path = folder / "foreign.yaml"
    path.write_text(text, encoding="utf-8")
    return read_document(path, name="foreign.yaml")


def placeless(contract: Contract) -> Contract:
    """A contract without the lines on which it stands."""
    return replace(
        contract,
        file="",
        columns=tuple(replace(column, where="") for column in contract.columns),
        references=tuple(replace(reference, where="") for reference in contract.references),
        quality=tuple(replace(quality, where="") for quality in contract.quality),
    )


def again(contract: Contract, source: Document, folder: Path) -> Imported:
    """A contract that was exported, and imported from that."""
    out = exported(source, contract)
    assert schema_faults(out) == []
    (found,), left_out = imported(document(yaml_text(out), folder))
    assert left_out == []
    return found


# Ours, out and in again


def test_every_contract_comes_back_equal(tmp_path: Path) -> None:
    for contract in Registry.read().values():
        found = again(contract, read_document(REPOSITORY / contract.file, name=contract.file), tmp_path)
        assert placeless(found.contract) == placeless(contract), contract.table
        assert [rule.id for rule in rules_of(found.contract)] == [rule.id for rule in rules_of(contract)]
        assert (found.changed, found.aside) == ((), ()), contract.table


KINDS = st.sampled_from(["varchar(8)", "integer", "bigint", "decimal(9,2)", "date", "timestamp", "boolean"])
OWN = {"type": "custom", "engine": "warehouse"}
RULES: list[dict[str, Any]] = [
    {
        "type": "custom",
        "engine": "warehouse",
        "implementation": {"rule": "compare", "columns": ["a", "b"], "operator": "<="},
    },
    {"type": "custom", "engine": "warehouse", "implementation": {"rule": "unique", "columns": ["a", "b"]}},
    {
        "type": "custom",
        "engine": "warehouse",
        "implementation": {"rule": "condition", "sql": "a IS NOT NULL", "columns": ["a"]},
    },
    {"metric": "rowCount", "mustBeGreaterOrEqualTo": 1},
    {"type": "sql", "query": "SELECT COUNT(a) FROM ${table}", "mustBe": 0},
    {"metric": "nullValues", "mustBe": 0, "arguments": {"properties": ["a"]}},
]


@settings(max_examples=40)
@given(
    st.sampled_from(["raw.t", "clean.t", "core.t", "mart.t"]),
    KINDS,
    st.sets(st.sampled_from(range(len(RULES)))),
    st.sampled_from([{}, {"mask": "redact"}, {"encode": "zstd"}, {"rules": {"not_null": {"verdict": "warn"}}}]),
    st.sampled_from([None, 0.9]),
)
def test_any_contract_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory,
    table: str,
    kind: str,
    chosen: set[int],
    custom: dict[str, Any],
    mostly: float | None,
) -> None:
    folder = tmp_path_factory.mktemp("odcs")
    is_raw = table.startswith("raw.")
    share = {"customProperties": [{"property": "mostly", "value": mostly}]} if mostly else {}
    row_rules = (0, 1, 2)
    text = contract_text(
        table,
        f"id varchar(8) key\na {'varchar(8)' if is_raw else kind} required\nb {'varchar(8)' if is_raw else kind}",
        quality=tuple({"id": f"r{n}", **RULES[n], **(share if n in row_rules else {})} for n in sorted(chosen)),
        of_columns={"a": {"custom": custom}} if custom else None,
    )
    source = document(text, folder)
    contract = read_contract(folder / "foreign.yaml", file="foreign.yaml")
    assert placeless(again(contract, source, folder).contract) == placeless(contract)


# What is exported runs

ROWS = pl.DataFrame(
    {"a": [1, 2, None, 4, 4], "b": [1, 1, 5, 9, 9], "c": ["x", "y", None, "z", "x"]},
    schema={"a": pl.Int64, "b": pl.Int64, "c": pl.String},
)
WRITTEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"rule": "compare", "columns": ["a", "b"], "operator": "<="}, {}),
    ({"rule": "compare", "columns": ["a", "b"], "operator": "<="}, {"mostly": 0.9}),
    ({"rule": "condition", "columns": ["a"], "sql": "a IS NOT NULL"}, {}),
    ({"rule": "between", "column": "a", "min": 2, "max": 3}, {}),
    ({"rule": "in_set", "column": "c", "values": ["x", "z"]}, {}),
    ({"rule": "matches", "column": "c", "pattern": "^[xy]$"}, {}),
    ({"rule": "unique", "columns": ["a", "b"]}, {}),
    ({"rule": "aggregate", "column": "b", "function": "sum", "min": 0, "max": 20}, {}),
    ({"rule": "aggregate", "column": "b", "function": "max", "max": 9}, {}),
]


def holds(number: Any, entry: dict[str, Any]) -> bool:
    """Whether a number is what ODCS says it must be: an oracle of the standard's words."""
    if number is None:
        return True
    if "mustBeBetween" in entry:
        low, high = entry["mustBeBetween"]
        return bool(low <= number <= high)
    return bool(
        number == entry.get("mustBe", number)
        and number <= entry.get("mustBeLessOrEqualTo", number)
        and number >= entry.get("mustBeGreaterOrEqualTo", number)
    )


@pytest.mark.parametrize(("implementation", "custom"), WRITTEN)
def test_the_sql_of_a_rule_says_what_the_gate_says(
    tmp_path: Path, implementation: dict[str, Any], custom: dict[str, Any]
) -> None:
    body = dict(implementation)
    column = body.pop("column", None)
    rule = {"id": "r", **OWN, "implementation": body, "dimension": "accuracy"}
    rule["customProperties"] = [{"property": name, "value": value} for name, value in custom.items()]
    where: dict[str, Any] = {"of_columns": {column: {"quality": [rule]}}} if column else {"quality": (rule,)}
    text = contract_text("core.t", "a bigint\nb bigint\nc varchar(8)", **where)
    source = document(text, tmp_path)
    contract = read_contract(tmp_path / "foreign.yaml", file="foreign.yaml")
    table = exported(source, contract)["schema"][0]
    (entry,) = (entry for owner in (table, *table["properties"]) for entry in owner.get("quality", ()))
    assert entry["type"] == "sql"
    written: Rule = rules_of(contract)[-1]
    with DuckDBWarehouse(None) as warehouse:
        for rows in (ROWS, ROWS.head(1), ROWS.clear()):
            warehouse.execute("DROP TABLE IF EXISTS core.t")
            warehouse.view_frame("core.t", rows)
            number = warehouse.query(entry["query"].replace("${table}", "core.t")).item()
            assert holds(number, entry) == measure(rows.lazy(), [written])[0].success, (rows, number)


def test_every_exported_rule_runs_in_the_warehouse() -> None:
    registry = Registry.read()
    ran = 0
    with DuckDBWarehouse(None) as warehouse:
        for statement in ddl.create_all(registry.values()):
            warehouse.execute(statement)
        for contract in registry.values():
            if contract.table.layer != "raw":
                body = exported(read_document(REPOSITORY / contract.file), contract)["schema"][0]
                for entry in (q for owner in (body, *body["properties"]) for q in owner.get("quality", ())):
                    if entry.get("type") == "sql":
                        warehouse.query(entry["query"].replace("${table}", str(contract.table)))
                        ran += 1
    assert ran > 100


# Foreign documents

FOREIGN = """
apiVersion: v3.0.2
kind: DataContract
id: 5358-foreign
version: 2.1.0
status: active
dataProduct: sales
price: {priceAmount: 9.95, priceCurrency: USD, priceUnit: megabyte}
slaProperties:
  - {property: latency, value: 4, unit: d, element: SalesOrders.OrderDate}
  - {property: latency, value: soon, element: elsewhere.day}
schema:
  - name: SalesOrders
    description: Orders of a shop elsewhere.
    tags: [sales]
    customProperties: [{property: businessKey, value: order-id}]
    relationships:
      - {from: [SalesOrders.OrderId], to: [Lines.OrderId]}
    properties:
      - {name: OrderId, physicalType: NVARCHAR, primaryKey: true, logicalTypeOptions: {maxLength: 20}}
      - {name: OrderDate, physicalType: date, partitioned: true, logicalTypeOptions: {format: yyyy-MM-dd}}
      - {name: Amount, logicalType: number, physicalType: money, transformLogic: sum of lines}
      - {name: Lines, logicalType: array, items: {logicalType: object, properties: [{name: sku, logicalType: string}]}}
      - name: Buyer
        logicalType: string
        physicalType: varchar(40)
        relationships: [{to: people.id}]
        quality:
          - {metric: nullValues, mustBe: 0, severity: error, schedule: daily}
          - {type: text, description: Somebody looks at it., dimension: accuracy}
          - {type: custom, engine: soda, implementation: 'duplicate_percent < 5'}
  - name: Lines
    properties:
      - {name: OrderId, physicalType: varchar(20), logicalType: string}
      - {name: Position, physicalType: int, logicalType: integer, required: true}
  - name: Blob
    properties: [{name: all, logicalType: object, properties: [{name: x, logicalType: string}]}]
"""


@pytest.fixture
def foreign(tmp_path: Path) -> tuple[list[Imported], list[str]]:
    return imported(document(FOREIGN, tmp_path), "core")


def test_a_foreign_document_becomes_a_contract_for_each_table(foreign: tuple[list[Imported], list[str]]) -> None:
    (orders, lines), left_out = foreign
    assert [str(one.table) for one in (orders, lines)] == ["core.sales_orders", "core.lines"]
    assert left_out == ["foreign.yaml:36: core.blob: no column that a contract can promise"]
    assert {c.name: str(c.type) for c in orders.contract.columns} == {
        "order_id": "varchar(80)",
        "order_date": "date",
        "amount": "double precision",
        "buyer": "varchar(40)",
    }
    assert orders.contract.key == ("order_id",)
    assert orders.contract.latency is not None
    assert [(str(r.to), r.to_columns) for r in orders.contract.references] == [("core.lines", ("order_id",))]
    assert [rule.kind for rule in rules_of(orders.contract) if rule.id.endswith("null_values_1")] == ["not_null"]
    assert str(lines.contract.by_name["position"].type) == "integer"


def test_what_is_not_understood_is_named_with_its_line(foreign: tuple[list[Imported], list[str]]) -> None:
    (orders, _), _ = foreign
    told = "\n".join((*orders.changed, *orders.aside))
    for words in (
        "foreign.yaml:2: apiVersion v3.0.2 → v3.2.0",
        "column OrderId → order_id",
        "column amount: physicalType money → double precision",
        "severity error → critical",
        "foreign.yaml:4: id: the contract is core.sales_orders here",
        "sales_orders.businessKey: no property of ours",
        "column Lines: no contract promises a column of type array",
        "buyer.relationships: it names no table of ours",
        "rule of type text cannot be checked",
        "buyer.quality.buyer_custom_3",
        "foreign.yaml:11: slaProperties.elsewhere.day",
        "says nothing here: dataProduct, price",
        "says nothing here: of columns: partitioned, transformLogic",
        "says nothing here: of logicalTypeOptions: format",
        "says nothing here: of rules: schedule",
    ):
        assert words in told, words


def leaves(value: Any) -> Iterator[str]:
    """Every single value of plain data, as text."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield str(value)


def test_nothing_of_a_foreign_document_is_lost(foreign: tuple[list[Imported], list[str]]) -> None:
    (orders, lines), _ = foreign
    body = yaml.safe_load(FOREIGN)
    kept = "\n".join((orders.text, lines.text, *orders.changed, *lines.changed))
    body["schema"] = body["schema"][:2]
    lost = [leaf for leaf in leaves(body) if leaf not in kept and leaf not in ("True", "False")]
    # Names of tables and columns in relationships and elements are said in our spelling.
    assert [leaf for leaf in lost if leaf.rpartition(".")[2] not in ("OrderId", "OrderDate")] == []


@pytest.mark.parametrize("layer", ["raw", "clean", "mart"])
def test_what_is_imported_can_be_read_in_every_layer(tmp_path: Path, layer: str) -> None:
    found, _ = imported(document(FOREIGN, tmp_path), layer)
    for one in found:
        assert read(one.text, one.table) == one.contract
        assert rules_of(one.contract)
    if layer == "raw":
        assert all(column.type.is_text for one in found for column in one.contract.columns)
        assert found[0].contract.by_name["Amount"].logical == "number"
    if layer == "clean":
        assert {"row_hash", "delivery_date", "batch_id", "source_line"} <= set(found[0].contract.names)
        assert found[1].contract.key == ("row_hash",)


def test_a_part_that_is_not_valid_is_cut_out_and_the_rest_is_read(tmp_path: Path) -> None:
    text = FOREIGN.replace("tags: [sales]", "tags: [sales]\n    nonsense: {of: mine}").replace(
        "primaryKey: true,", "primaryKey: true, colour: red,"
    )
    (orders, _), _ = imported(document(text, tmp_path), "core")
    told = "\n".join(orders.aside)
    assert "schema.0.nonsense: not valid ODCS" in told
    assert "colour: not valid ODCS" in told
    assert "mine" in orders.text
    assert "red" in orders.text


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("a: 1", ("core",), "`kind: DataContract` is missing"),
        ("kind: DataContract\nid: x", ("core",), "describes no table"),
        ("kind: DataContract\nid: x\nschema: [{name: t}]", (), "names no table of ours: say the layer"),
        ("kind: DataContract\nid: x\nschema: [{name: t}]", ("core",), "no column that a contract can promise"),
        (FOREIGN, ("core", "orders"), "3 tables in one document: give a layer only"),
        ("kind: DataContract\nid: x\nschema: [{name: a b}, {name: a_b}]", ("core",), "have one name in our spelling"),
    ],
)
def test_what_is_no_contract_is_refused(tmp_path: Path, text: str, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        imported(document(text, tmp_path), *arguments)


def test_a_document_may_be_taken_under_another_name(tmp_path: Path) -> None:
    text = contract_text("core.t", "id varchar(8) key\na integer")
    (found,), _ = imported(document(text, tmp_path), "mart", "other")
    assert (found.table, found.contract.key) == (TableId("mart", "other"), ("id",))
