"""A bad contract is refused with what is wrong, in which file, on which line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hand_made import contract

from contracts.ids import TableId
from contracts.model import Contract, RuleOverride
from contracts.reader import read_contract
from contracts.registry import Registry
from contracts.source import ContractError
from expectations.rules import rules_of

GOOD = """\
apiVersion: v3.2.0
kind: DataContract
id: clean.payments
version: 1.0.0
status: active
domain: finance
schema:
  - name: payments
    physicalName: payments
    description: >-
      Payments
      of orders.
    customProperties:
      - {property: load, value: {strategy: upsert}}
    properties:
      - name: payment_id
        logicalType: string
        physicalType: varchar(64)
        primaryKey: true
        description: Id.
        customProperties:
          - {property: normalise, value: [trim]}
      - name: order_id
        logicalType: string
        physicalType: varchar(64)
        description: Order.
        relationships:
          - to: clean.orders.order_id
            customProperties:
              - {property: rule, value: {verdict: warn}}
      - name: amount
        logicalType: number
        physicalType: decimal(18,2)
        required: true
        description: Amount.
        logicalTypeOptions: {minimum: 0}
    quality:
      - id: not_empty
        metric: rowCount
        mustBeGreaterOrEqualTo: 1
        dimension: coverage
        customProperties:
          - {property: verdict, value: warn}
      - id: amount_small
        type: custom
        engine: warehouse
        implementation: {rule: condition, columns: [amount], sql: amount < 1000000}
        dimension: accuracy
"""
RULES = "    quality:\n"


def read(folder: Path, text: str | bytes) -> Contract:
    path = folder / "payments.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_contract(path, file="p.yaml")


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, f"{old!r} stands {GOOD.count(old)} times"
    return GOOD.replace(old, new)


def faults(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(ContractError) as caught:
        rules_of(read(folder, text))
    return caught.value.faults


def test_a_good_contract_reads(tmp_path: Path) -> None:
    contract = read(tmp_path, GOOD)
    assert contract.table == TableId("clean", "payments")
    assert contract.key == ("payment_id",)
    assert contract.by_name["payment_id"].required, "a key column is never NULL"
    assert contract.by_name["payment_id"].normalise == ("trim",)
    assert contract.by_name["amount"].where == "p.yaml:31"
    assert contract.description == "Payments of orders."
    assert contract.default_verdict == "quarantine"
    (reference,) = contract.references
    assert (reference.to, reference.to_columns) == (TableId("clean", "orders"), ("order_id",))
    assert (reference.override, reference.where) == (RuleOverride(verdict="warn"), "p.yaml:28")


def test_what_reports_call_things_is_written_or_made_of_the_name(tmp_path: Path) -> None:
    plain = read(tmp_path, GOOD)
    assert (plain.business_name, plain.by_name["order_id"].business_name) == ("Payments", "Order id")
    text = changed("- name: payments\n", "- name: payments\n    businessName: Money in\n")
    named = read(tmp_path, text.replace("- name: amount\n", "- name: amount\n        businessName: Paid\n"))
    assert (named.business_name, named.by_name["amount"].business_name) == ("Money in", "Paid")


def measured(**measure: object) -> str:
    value = json.dumps({"name": "paid", "businessName": "Paid", "description": "Money.", **measure})
    load = "      - {property: load, value: {strategy: upsert}}\n"
    return changed(load, f"{load}      - {{property: measures, value: [{value}]}}\n")


def test_a_measure_reads(tmp_path: Path) -> None:
    (paid,) = read(tmp_path, measured(agg="sum", of="amount", where="amount > 0")).measures
    assert (paid.name, paid.business_name, paid.of, paid.made_of) == ("paid", "Paid", "amount", ())
    assert read(tmp_path, measured(ratio=["a", "b"])).measures[0].made_of == ("a", "b")


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ({}, "one of `agg`, `ratio` and `difference`"),
        ({"agg": "count", "ratio": ["a", "b"]}, "one of `agg`, `ratio` and `difference`"),
        ({"ratio": ["a", "b"], "where": "amount > 0"}, "belong to `agg`"),
        ({"agg": "sum"}, "every other `agg` needs `of`"),
        ({"agg": "count", "of": "amount"}, "`agg: count` counts rows"),
        ({"agg": "average", "of": "amount"}, "agg: Input should be"),
        (
            {"agg": "sum", "of": "amount", "last": "paid_on"},
            "column 'paid_on' is named but the table has no such column",
        ),
    ],
)
def test_a_measure_that_says_too_little_or_too_much(tmp_path: Path, measure: dict[str, object], message: str) -> None:
    (fault,) = faults(tmp_path, measured(**measure))
    assert message in fault


def test_rules_follow_from_the_schema_and_from_what_is_written(tmp_path: Path) -> None:
    rules = {rule.id.removeprefix("clean.payments."): rule for rule in rules_of(read(tmp_path, GOOD))}
    assert {name: (rule.kind, rule.verdict) for name, rule in rules.items()} == {
        "columns": ("columns", "block"),
        "types": ("types", "block"),
        "payment_id.not_null": ("not_null", "quarantine"),
        "payment_id.byte_length": ("byte_length", "quarantine"),
        "order_id.byte_length": ("byte_length", "quarantine"),
        "amount.not_null": ("not_null", "quarantine"),
        "amount.between": ("between", "quarantine"),
        "key.unique": ("unique", "block"),
        "order_id.foreign_key": ("foreign_key", "warn"),
        "not_empty": ("row_count", "warn"),
        "amount_small": ("condition", "quarantine"),
    }
    assert rules["amount_small"].where == "p.yaml:44"
    assert rules["order_id.foreign_key"].where == "p.yaml:28"
    assert rules["amount.between"].severity == "critical"
    assert rules["not_empty"].severity == "warning"


def test_file_with_a_byte_order_mark_and_windows_line_ends_reads(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()).names == (
        "payment_id",
        "order_id",
        "amount",
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ("domain: finance", "domian: finance", 6, "domian"),
        ("domain: finance", "colour: {a: 1}", 6, "colour"),
        ("physicalName: payments", "phsyicalName: payments", 9, "phsyicalName"),
        ("        required: true", "        reqiured: true", 34, "reqiured"),
        ("{minimum: 0}", "{minimun: 0}", 36, "minimun"),
    ],
)
def test_unknown_key_of_the_standard(tmp_path: Path, old: str, new: str, line: int, key: str) -> None:
    assert faults(tmp_path, changed(old, new)) == [f"p.yaml:{line}: not valid ODCS: unknown key '{key}'"]


def test_unknown_key_with_a_quote_is_not_lost(tmp_path: Path) -> None:
    found = faults(tmp_path, changed("domain: finance", "it's: finance"))
    assert found
    assert all("it's" in fault for fault in found)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("id: clean.payments\n", "", 1, "'id' is a required property"),
        ("kind: DataContract", "kind: Contract", 2, "'Contract' is not one of ['DataContract']"),
        ("        required: true", "        required: yep", 34, "'yep' is not of type 'boolean'"),
        ("order_id\n        logicalType: string\n", "order_id\n", 23, "'logicalType' is a required property"),
        ("dimension: coverage", "dimension: cover", 41, "'cover' is not one of ['accuracy', 'completeness', "),
        ("EqualTo: 1\n", "EqualTo: one\n", 40, "'one' is not of type 'number'"),
        ("      - name: order_id\n        logical", "      - logical", 23, "'name' is a required property"),
    ],
)
def test_value_that_the_standard_refuses(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    (found,) = faults(tmp_path, changed(old, new))
    assert found.startswith(f"p.yaml:{line}: not valid ODCS: {message}")


def test_every_fault_is_told_by_line(tmp_path: Path) -> None:
    text = changed("kind: DataContract", "kind: Contract").replace("id: clean.payments\n", "").replace("version:", "v:")
    assert faults(tmp_path, text) == [
        "p.yaml:1: not valid ODCS: 'version' is a required property",
        "p.yaml:1: not valid ODCS: 'id' is a required property",
        "p.yaml:2: not valid ODCS: 'Contract' is not one of ['DataContract']",
        "p.yaml:3: not valid ODCS: unknown key 'v'",
    ]


def test_unknown_custom_property_of_a_table(tmp_path: Path) -> None:
    text = changed("      - {property: load, ", "      - {property: loads, value: 1}\n      - {property: load, ")
    assert faults(tmp_path, text) == [
        "p.yaml:14: unknown custom property 'loads'; known here: controlTotals, delivery, distribution, load, "
        "measures, scoreMinimum, scoreVerdict, sortKey, thresholds, verdict"
    ]


def test_unknown_custom_property_of_a_column(tmp_path: Path) -> None:
    assert faults(tmp_path, changed("property: normalise", "property: normalize")) == [
        "p.yaml:22: unknown custom property 'normalize'; known here: businessDateOf, default, encode, formats, mask, "
        "normalise, rules, since, source"
    ]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{date: order_id}", "'order_id' must be a required column of type date"),
        ("{date: day, amounts: [cash]}", "'cash' must be a required column of type decimal or smallint or "),
        ("{date: day, currency: amount}", "'amount' must be a required column of type varchar"),
        ("{dates: day}", "controlTotals date: Field required"),
    ],
)
def test_control_totals_of_columns_that_a_row_may_lack(tmp_path: Path, written: str, told: str) -> None:
    text = changed(
        "      - {property: load, ",
        f"      - {{property: controlTotals, value: {written}}}\n      - {{property: load, ",
    )
    assert any(told in fault for fault in faults(tmp_path, text))


UPSERT = "{strategy: upsert}"
WARN = "rule, value: {verdict: warn}"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("[trim]", "[trimm]", 22, "normalise 0: Input should be 'trim', "),
        (UPSERT, "{strategy: merge}", 14, "load strategy: Input should be 'replace', "),
        (UPSERT, "{strategy: upsert, keys: [a]}", 14, "load keys: Extra inputs are not permitted"),
        (UPSERT, "{strategy: snapshot}", 14, "load: Value error, strategy snapshot needs `partition`"),
        (UPSERT, "{strategy: scd2}", 14, "load: Value error, strategy scd2 needs `effective`"),
        (WARN, "rule, value: {verdict: tell}", 30, "rule verdict: Input should be 'block', "),
        (WARN, "rule, value: {mostly: 95}", 30, "rule mostly: Input should be less than"),
    ],
)
def test_bad_value_of_a_custom_property(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    (found,) = faults(tmp_path, changed(old, new))
    assert found.startswith(f"p.yaml:{line}: {message}")


@pytest.mark.parametrize(
    ("property_", "message"),
    [
        ("since, value: 1.1", "p.yaml:22: since: Input should be a valid string"),
        ("since, value: later", "p.yaml:22: since: String should match pattern"),
        ("since, value: 1.0.0", "p.yaml:8: column 'payment_id' is of the key: what was delivered before cannot"),
    ],
)
def test_a_column_is_since_a_version_that_is_there(tmp_path: Path, property_: str, message: str) -> None:
    (found,) = faults(tmp_path, changed("property: normalise, value: [trim]", f"property: {property_}"))
    assert found.startswith(message)


def test_a_column_is_of_no_version_that_is_still_to_come(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"column 'b' is since 1\.0\.1, the contract is 1\.0\.0"):
        contract(tmp_path, "core.x", ["a", {"name": "b", "since": "1.0.1"}])
    assert contract(tmp_path, "core.x", ["a", {"name": "b", "since": "0.9.9"}]).by_name["b"].since == "0.9.9"


def test_missing_load(tmp_path: Path) -> None:
    text = changed("    customProperties:\n      - {property: load, value: {strategy: upsert}}\n", "")
    assert faults(tmp_path, text) == ["p.yaml:8: customProperties lack `load` (how new rows enter this table)"]


@pytest.mark.parametrize("name", ["versionedBy", "date", "partition"])
def test_load_by_a_column_that_is_not_there(tmp_path: Path, name: str) -> None:
    assert faults(tmp_path, changed("strategy: upsert", f"strategy: upsert, {name}: paid_on")) == [
        "p.yaml:13: column 'paid_on' is named but the table has no such column"
    ]


@pytest.mark.parametrize("strategy", ["replace", "snapshot, partition: payment_id"])
def test_a_clean_table_that_would_forget_deliveries_is_refused(tmp_path: Path, strategy: str) -> None:
    (found,) = faults(tmp_path, changed("strategy: upsert", f"strategy: {strategy}"))
    assert "a clean table keeps what was accepted of all deliveries: strategy append or upsert, not" in found


def test_upsert_without_a_key(tmp_path: Path) -> None:
    assert faults(tmp_path, changed("        primaryKey: true\n", "")) == [
        "p.yaml:8: load strategy upsert needs a primary key"
    ]


@pytest.mark.parametrize("type_", ["money", "varchar", "varchar(0)", "varchar(65536)", "decimal(39,2)", "decimal(2,3)"])
def test_bad_physical_type(tmp_path: Path, type_: str) -> None:
    (found,) = faults(tmp_path, changed("physicalType: decimal(18,2)", f"physicalType: {type_}"))
    assert found.startswith("p.yaml:33: ")
    assert type_.partition("(")[0] in found


def test_logical_type_that_the_physical_type_does_not_have(tmp_path: Path) -> None:
    assert faults(tmp_path, changed("decimal(18,2)", "varchar(18)")) == [
        "p.yaml:32: logical type number does not go with physical type varchar(18)"
    ]


def test_column_without_description(tmp_path: Path) -> None:
    assert faults(tmp_path, changed("        description: Order.\n", "")) == [
        "p.yaml:23: column 'order_id' has no description"
    ]


def test_column_that_stands_twice(tmp_path: Path) -> None:
    assert faults(tmp_path, changed("- name: order_id", "- name: amount")) == ["p.yaml:8: column 'amount' stands twice"]


def test_table_without_columns(tmp_path: Path) -> None:
    text = GOOD[: GOOD.index("    properties:")]
    assert "p.yaml:8: the table has no columns" in faults(tmp_path, text)


@pytest.mark.parametrize(
    ("id_", "fault"),
    [
        ("clean.payment", "p.yaml:8: schema name 'payments' is not the table of id 'clean.payment'"),
        (
            "cleaned.payments",
            "p.yaml:3: unknown layer 'cleaned' in cleaned.payments: one of raw, clean, curated, core, mart, audit",
        ),
        ("payments", "p.yaml:3: 'payments' is not <layer>.<table>, for example core.fact_sales"),
    ],
)
def test_wrong_id(tmp_path: Path, id_: str, fault: str) -> None:
    assert faults(tmp_path, changed("id: clean.payments", f"id: {id_}")) == [fault]


def test_raw_table_needs_a_delivery(tmp_path: Path) -> None:
    assert faults(tmp_path, changed("id: clean.payments", "id: raw.payments")) == [
        "p.yaml:8: a raw table needs the custom property `delivery` (file, format)"
    ]


@pytest.mark.parametrize("schema", ["schema: []", ""])
def test_a_contract_describes_one_table(tmp_path: Path, schema: str) -> None:
    text = GOOD[: GOOD.index("schema:")] + schema + "\n"
    (found,) = faults(tmp_path, text)
    assert found.endswith("a contract describes exactly one table")


def test_key_that_stands_twice(tmp_path: Path) -> None:
    assert faults(tmp_path, changed("domain: finance", "domain: finance\nstatus: draft")) == [
        "p.yaml:7: key 'status' stands twice"
    ]
    assert faults(
        tmp_path, changed("        description: Order.", "        description: a\n        description: b")
    ) == ["p.yaml:27: key 'description' stands twice"]


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n"])
def test_empty_file(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, text) == ["p.yaml:1: the file is empty"]


def test_not_utf8(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, changed("Order.", "Größe.").encode("latin-1"))
    assert found.startswith("p.yaml:1: not UTF-8 text (invalid ")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("id: a\nkind: [b\n", "p.yaml:3: not valid YAML: "),
        ("id: a\nname: b: c\n", "p.yaml:2: not valid YAML: mapping values are not allowed in this context"),
        ("id: a\nname: \x00\n", "p.yaml:1: not valid YAML: "),
    ],
)
def test_not_yaml(tmp_path: Path, text: str, fault: str) -> None:
    (found,) = faults(tmp_path, text)
    assert found.startswith(fault)


@pytest.mark.parametrize("text", ["- a\n- b\n", "just a text\n", "42\n"])
def test_yaml_that_is_no_contract(tmp_path: Path, text: str) -> None:
    found = faults(tmp_path, text)
    assert all(fault.startswith("p.yaml:1: not valid ODCS: ") for fault in found)
    path = tmp_path / "payments.yaml"
    with pytest.raises(ContractError, match="not the shape of a data contract"):
        read_contract(path, file="p.yaml", validate=False)


@pytest.mark.parametrize("value", ["2026-01-05", "2026-13-45", "!!timestamp soon", "!!int one"])
def test_dates_stay_text(tmp_path: Path, value: str) -> None:
    text = changed("        description: Order.", f"        description: Order.\n        examples: [{value}]")
    assert read(tmp_path, text).by_name["order_id"].examples == (value.split()[-1],)


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (
            "- {id: a, type: custom, engine: warehouse, implementation: {rule: sum}, dimension: accuracy}",
            "unknown rule 'sum'; one of aggregate, between, compare, condition, in_set, matches, unique",
        ),
        (
            "- {id: a, type: custom, engine: soda, implementation: {rule: compare}, dimension: accuracy}",
            "a custom rule has `engine: warehouse` and an `implementation` with the key `rule`",
        ),
        (
            "- {id: a, type: custom, engine: warehouse, implementation: {rule: condition}, dimension: accuracy}",
            "rule condition needs sql",
        ),
        (
            "- {id: a, type: custom, engine: warehouse, dimension: accuracy, "
            "implementation: {rule: compare, columns: [amount, amount], operator: '<>'}}",
            "rule compare needs two columns and an operator of < <= > >= = !=",
        ),
        (
            "- {id: a, type: custom, engine: warehouse, dimension: accuracy, implementation: {rule: between, min: 1}}",
            "rule between needs a column",
        ),
        (
            "- {id: a, type: custom, engine: warehouse, dimension: accuracy, "
            "implementation: {rule: condition, sql: a < 1, column: a}}",
            "rule condition has no argument 'column'",
        ),
        (
            "- {id: a, metric: invalidValues, mustBe: 0, dimension: accuracy}",
            "metric invalidValues needs a column (or arguments.properties at table level)",
        ),
        ("- {id: a, type: text, dimension: accuracy}", "a rule of type text cannot be checked; "),
        ("- {metric: rowCount, mustBeGreaterThan: 0, dimension: coverage}", "a written rule needs an `id`"),
        (
            "- {id: a, metric: nullValues, mustBe: 3, dimension: accuracy, arguments: {properties: [amount]}}",
            "a count of bad values must be 0, or mustBeLessOrEqualTo n with unit percent",
        ),
        (
            "- {id: a, metric: rowCount, mustBe: 1, dimension: coverage, "
            "customProperties: [{property: verdikt, value: warn}]}",
            "unknown custom property 'verdikt' of a rule; known: verdict, mostly",
        ),
        (
            "- {id: a, metric: rowCount, mustBe: 1, dimension: coverage, "
            "customProperties: [{property: verdict, value: tell}]}",
            "unknown verdict 'tell'; one of block, quarantine, warn",
        ),
        (
            "- {id: a, metric: rowCount, mustBe: 1, dimension: coverage, "
            "customProperties: [{property: mostly, value: 95}]}",
            "mostly 95.0 is not a share: more than 0, at most 1",
        ),
        (
            "- {id: a, metric: rowCount, mustBe: 1, dimension: coverage, "
            "customProperties: [{property: verdict, value: quarantine}]}",
            "clean.payments.a: a row_count rule is about the whole table; only rules about rows may quarantine",
        ),
        (
            "- {id: not_empty, metric: rowCount, mustBe: 1, dimension: coverage}",
            None,
        ),
        (
            "- {id: a, type: custom, engine: warehouse, dimension: accuracy, "
            "implementation: {rule: compare, columns: [amount, price], operator: <}}",
            "clean.payments.a: no column 'price' in clean.payments",
        ),
        ("- {id: a, metric: rowCount, mustBe: 1}", "a rule needs a dimension, one of completeness, accuracy, "),
        (
            "- {id: a, metric: rowCount, mustBe: 1, dimension: coverage, severity: error}",
            "severity 'error' is not one of info, warning, critical",
        ),
    ],
)
def test_rule_that_cannot_be(tmp_path: Path, rule: str, fault: str | None) -> None:
    found = faults(tmp_path, changed(RULES, f"{RULES}      {rule}\n"))
    if fault is None:  # told at the later of the two
        assert found == ["p.yaml:39: rule id clean.payments.not_empty stands twice (also at p.yaml:38)"]
    else:
        assert len(found) == 1
        assert found[0].startswith(f"p.yaml:38: {fault}")


@pytest.mark.parametrize(
    "kind", ["{rule: between}", "{rule: between, min_exclusive: true}", "{rule: aggregate, function: sum}"]
)
def test_rule_without_bounds_checks_nothing(tmp_path: Path, kind: str) -> None:
    old = "        logicalTypeOptions: {minimum: 0}\n"
    rule = f"- {{id: a, type: custom, engine: warehouse, dimension: accuracy, implementation: {kind}}}"
    (found,) = faults(tmp_path, changed(old, f"{old}        quality:\n          {rule}\n"))
    assert found.startswith("p.yaml:38: rule ")
    assert found.endswith(" needs min or max")


def test_verdict_of_a_rule_of_the_schema_may_be_another(tmp_path: Path) -> None:
    old = "        logicalTypeOptions: {minimum: 0}\n"
    custom = (
        "        customProperties:\n          - {property: rules, value: {between: {verdict: warn, mostly: 0.98}}}\n"
    )
    rules = {rule.id: rule for rule in rules_of(read(tmp_path, changed(old, old + custom)))}
    rule = rules["clean.payments.amount.between"]
    assert (rule.verdict, rule.severity, rule.mostly) == ("warn", "warning", 0.98)
    assert rules["clean.payments.amount.not_null"].verdict == "quarantine"


ORDERS = """\
apiVersion: v3.2.0
kind: DataContract
id: clean.orders
version: 1.0.0
status: active
schema:
  - name: orders
    customProperties:
      - {property: load, value: {strategy: upsert}}
    properties:
      - {name: order_id, logicalType: string, physicalType: varchar(64), primaryKey: true, description: Id.}
"""


def registry_faults(root: Path, **files: str) -> list[str]:
    for name, text in files.items():
        path = root / "contracts" / "clean" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with pytest.raises(ContractError) as caught:
        Registry.read(root, validate=True)
    return caught.value.faults


def test_relationship_to_a_table_without_contract(tmp_path: Path) -> None:
    assert registry_faults(tmp_path, payments=GOOD) == [
        "contracts/clean/payments.yaml:28: a relationship names clean.orders, which has no contract"
    ]


def test_relationship_to_a_column_that_is_not_there(tmp_path: Path) -> None:
    text = changed("clean.orders.order_id", "clean.orders.order_no")
    assert registry_faults(tmp_path, payments=text, orders=ORDERS) == [
        "contracts/clean/payments.yaml:28: a relationship names clean.orders.order_no, which does not exist"
    ]


@pytest.mark.parametrize("to", ["orders.order_id", "clean.orders/order_id"])
def test_relationship_to_what_is_no_column(tmp_path: Path, to: str) -> None:
    (found, *_) = faults(tmp_path, changed("clean.orders.order_id", to))
    assert found.startswith("p.yaml:28: ")


def test_contract_that_lies_elsewhere_than_its_id_says(tmp_path: Path) -> None:
    assert registry_faults(tmp_path, order=ORDERS) == [
        "contracts/clean/order.yaml:1: the contract's id is clean.orders; its file should be "
        "contracts/clean/orders.yaml"
    ]


def test_faults_of_all_contracts_are_told_at_once(tmp_path: Path) -> None:
    found = registry_faults(tmp_path, payments="", orders=ORDERS.replace("varchar(64)", "text"))
    assert [fault.split(": ")[0] for fault in found] == [
        "contracts/clean/orders.yaml:11",
        "contracts/clean/payments.yaml:1",
    ]


def test_table_without_contract_names_those_that_come_near(tmp_path: Path) -> None:
    folder = tmp_path / "contracts" / "clean"
    folder.mkdir(parents=True)
    (folder / "orders.yaml").write_text(ORDERS)
    registry = Registry.read(tmp_path)
    with pytest.raises(ContractError, match=r"contracts/core/orders.yaml:1: no such contract; there are clean\.orders"):
        registry[TableId("core", "orders")]
