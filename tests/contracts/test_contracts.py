"""What holds for every contract of this repository: valid, complete, named and masked as the house agreed."""

from __future__ import annotations

import pytest

from contracts.ids import LAYERS, TableId
from contracts.model import Column, Contract
from contracts.polars_types import polars_schema
from contracts.reader import read_contract
from contracts.registry import REPOSITORY, Registry
from contracts.source import read_document
from expectations.rules import rules_of

FILES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for layer in LAYERS
    for path in (REPOSITORY / "contracts" / layer).glob("*.yaml")
)
DELIVERED = (
    "customers",
    "fx_rates",
    "inventory_movements",
    "order_items",
    "orders",
    "payments",
    "postal_codes",
    "products",
    "refunds",
    "web_events",
)
SHARED = {"row_hash": "varchar(32)", "delivery_date": "date", "batch_id": "varchar(32)", "source_line": "bigint"}
# Parts of a column's name that say it is about a person.
PERSONAL = {"email", "phone", "street", "birth", "ip", "firstname", "lastname"}
# Named by the source, against our convention, and kept as delivered.
# Files of other sources, which are mapped into the delivered tables and have no clean table of their own.
MAPPED = {"online_retail_lines"}
AS_DELIVERED = {"launched_on"}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.read()


@pytest.mark.parametrize("file", FILES)
def test_contract_is_valid_odcs_readable_and_has_rules(file: str) -> None:
    contract = read_contract(REPOSITORY / file, file=file, validate=True)
    assert str(contract.table.contract_file) == file
    assert rules_of(contract)
    assert contract.description
    assert contract.grain
    assert contract.domain
    assert contract.columns
    assert polars_schema(contract)


def test_every_delivered_table_has_a_raw_and_a_clean_contract(registry: Registry) -> None:
    assert tuple(c.table.name for c in registry.layer("clean")) == DELIVERED
    raw = {c.table.name for c in registry.layer("raw")}
    assert raw - set(DELIVERED) == MAPPED


def test_every_reference_has_a_target(registry: Registry) -> None:
    references = [r for contract in registry.layer("clean") for r in contract.references]
    assert references
    for reference in references:
        assert reference.to in registry
        assert set(reference.to_columns) <= set(registry[reference.to].names)
        # An early fact is normal: it is told, and gets an inferred member.
        assert reference.override.verdict == "warn"


@pytest.mark.parametrize("file", FILES)
def test_personal_data_is_masked_and_confidential(file: str) -> None:
    for column in read_contract(REPOSITORY / file, file=file, validate=False).columns:
        words = {*column.name.split("_"), column.name.replace("_", "")}
        if words & PERSONAL and column.type.kind != "boolean":
            assert column.is_pii, f"{file}: {column.name} holds personal data but has no mask"
        if column.is_pii:
            assert column.classification == "confidential", f"{file}: {column.name}"


@pytest.mark.parametrize("file", FILES)
def test_names_tell_types(file: str) -> None:
    contract = read_contract(REPOSITORY / file, file=file, validate=False)
    for column in contract.columns:
        expected = _logical_type_told_by_name(column)
        if expected and column.name not in AS_DELIVERED:
            assert column.logical in expected, f"{file}: {column.name} is a {column.logical}"
        if column.name.endswith("_amount") and contract.table.layer != "raw":
            assert column.type.kind == "decimal", f"{file}: {column.name}"
        told_by_prefix = column.name.startswith(("is_", "has_"))
        assert told_by_prefix == (column.logical == "boolean"), f"{file}: {column.name}"
        assert (column.logical == "timestamp") <= column.name.endswith(("_at", "_from", "_to")), (
            f"{file}: {column.name}"
        )
    amounts = [c.name for c in contract.columns if c.name == "amount" or c.name.endswith("_amount")]
    if amounts and contract.table.layer in ("raw", "clean", "audit"):
        assert "currency_code" in contract.names, f"{file}: {amounts[0]} has no currency beside it"


def _logical_type_told_by_name(column: Column) -> set[str] | None:
    told = {
        "_at": {"timestamp"},
        "_date": {"date"},
        "_amount": {"number"},
        "_code": {"string"},
        "_count": {"integer"},
        "_rows": {"integer"},
        "_pct": {"number"},
    }
    return next((types for suffix, types in told.items() if column.name.endswith(suffix)), None)


def _pairs() -> list[str]:
    return [name for name in DELIVERED if f"contracts/clean/{name}.yaml" in FILES]


@pytest.mark.parametrize("name", _pairs())
def test_clean_ends_with_the_shared_columns(registry: Registry, name: str) -> None:
    clean = registry[TableId("clean", name)]
    assert {c.name: str(c.type) for c in clean.columns[-4:]} == SHARED
    assert clean.names[-4:] == tuple(SHARED)
    assert all(c.required for c in clean.columns[-4:])


def _business_columns(clean: Contract) -> list[Column]:
    return [c for c in clean.columns if c.name not in SHARED and c.business_date_of is None]


@pytest.mark.parametrize("name", _pairs())
def test_clean_columns_come_from_delivered_ones_in_their_order(registry: Registry, name: str) -> None:
    raw, clean = registry[TableId("raw", name)], registry[TableId("clean", name)]
    assert [c.source or c.name for c in _business_columns(clean)] == list(raw.names)


@pytest.mark.parametrize("name", _pairs())
def test_raw_column_takes_all_that_its_clean_column_takes(registry: Registry, name: str) -> None:
    raw, clean = registry[TableId("raw", name)], registry[TableId("clean", name)]
    for column in _business_columns(clean):
        delivered = raw.by_name[column.source or column.name]
        assert delivered.type.is_text, f"{name}.{column.name}: the raw gate sees text only"
        assert delivered.logical == column.logical, f"{name}.{column.name}"
        assert delivered.required == (column.required and column.default is None), f"{name}.{column.name}"
        assert delivered.mask == column.mask, f"{name}.{column.name}"
        # Room for blanks that the cleaning trims: ` inr ` is a currency code.
        assert (delivered.type.length or 0) >= max(64, column.type.length or 0), f"{name}.{column.name}"
        if column.normalise:
            assert "empty_to_null" in column.normalise, f"{name}.{column.name}: empty text must not pass for a value"


@pytest.mark.parametrize("name", _pairs())
def test_business_date_stands_behind_its_instant(registry: Registry, name: str) -> None:
    clean = registry[TableId("clean", name)]
    for position, column in enumerate(clean.columns):
        if column.business_date_of:
            assert column.type.kind == "date"
            assert clean.columns[position - 1].name == column.business_date_of
            assert clean.columns[position - 1].type.kind == "timestamp"


@pytest.mark.parametrize("name", _pairs())
def test_merge_columns_are_never_null(registry: Registry, name: str) -> None:
    clean = registry[TableId("clean", name)]
    load = clean.load
    for column in {*clean.key, load.versioned_by, load.date} - {None}:
        assert clean.by_name[column].required, f"clean.{name}.{column}"


def test_change_logs_keep_every_version(registry: Registry) -> None:
    for name, key in (("customers", "customer_id"), ("products", "product_id")):
        clean = registry[TableId("clean", name)]
        assert clean.key == (key, "updated_at", "row_hash")
        assert clean.load.strategy == "append"


def test_what_is_joined_by_order_lies_by_order(registry: Registry) -> None:
    for name in ("orders", "order_items", "payments", "refunds"):
        assert registry[TableId("clean", name)].distribution.column == "order_id"


def test_verdicts_of_the_delivered_layers(registry: Registry) -> None:
    for layer in ("raw", "clean"):
        for contract in registry.layer(layer):
            rules = rules_of(contract)
            blocking = {r.id for r in rules if r.verdict == "block"}
            structure = {f"{contract.table}.columns"}
            if layer == "clean":
                structure |= {f"{contract.table}.types", f"{contract.table}.key.unique"}
            # A bad row is moved aside or told; only a table of another shape stops the layer.
            assert blocking == structure


@pytest.mark.parametrize(
    ("rule_id", "verdict"),
    [
        ("clean.products.category.in_set", "quarantine"),
        ("clean.products.cost_not_above_list", "quarantine"),
        ("clean.customers.email.matches", "quarantine"),
        ("clean.customers.registered_before_updated", "warn"),
        ("clean.order_items.quantity.between", "quarantine"),
        ("clean.refunds.amount.between", "quarantine"),
        ("clean.orders.customer_id.not_null", "quarantine"),
        ("clean.orders.customer_id.foreign_key", "warn"),
        ("clean.orders.not_empty", "warn"),
        ("clean.inventory_movements.sign_fits_type", "quarantine"),
        ("clean.web_events.purchase_has_order", "warn"),
        ("raw.customers.birth_date.parses_as", "quarantine"),
        ("raw.customers.city.byte_length", "quarantine"),
    ],
)
def test_verdict_that_the_shop_agreed(registry: Registry, rule_id: str, verdict: str) -> None:
    table = TableId.parse(".".join(rule_id.split(".")[:2]))
    assert {r.id: r.verdict for r in rules_of(registry[table])}[rule_id] == verdict


def test_what_analysts_read_has_names_of_its_own_for_reports(registry: Registry) -> None:
    shown = [*registry.layer("core"), *registry.layer("mart")]
    assert len({c.business_name for c in shown}) == len(shown)
    for contract in shown:
        written = read_document(REPOSITORY / contract.file).data["schema"][0]
        assert written["businessName"]
        assert all(column.get("businessName") for column in written["properties"])
        names = [c.business_name for c in contract.columns]
        assert len(set(names)) == len(names), contract.table
        assert all(name[:1].isupper() and "_" not in name for name in names), contract.table
