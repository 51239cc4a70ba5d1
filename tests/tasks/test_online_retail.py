"""Online Retail: what each line of an export becomes, that none is lost, and that overlaps double nothing."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.registry import Registry
from tasks import delivery as work
from tasks.batches import read_inbox
from tasks.delivery import delivered_order
from tasks.inbox import FolderInbox
from tasks.ledger import LedgerImbalance
from tasks.reading import LINE, UnreadableFile, read_delivered
from tasks.settings import Settings
from tasks.sources import SOURCES, settings_for
from tasks.sources.account import Account, FileAccount, accounts_in
from tasks.sources.online_retail import EXCLUDED_PREFIX, TABLE, deliver
from tasks.sources.online_retail.lines import SERVICES
from tasks.workspace import Workspace

UK = "United Kingdom"
COLUMNS = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
OTHER_COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)


@dataclass(frozen=True)
class Line:
    """One line of an export as text, and what it must become."""

    became: str
    invoice: str
    code: str
    description: str
    quantity: str
    at: str
    price: str
    customer: str = "13085.0"
    country: str = UK

    @property
    def texts(self) -> tuple[str, ...]:
        return (
            self.invoice,
            self.code,
            self.description,
            self.quantity,
            self.at,
            self.price,
            self.customer,
            self.country,
        )

    @property
    def other_texts(self) -> tuple[str, ...]:
        """The same line as the other export writes it: US dates without seconds, whole customer numbers."""
        at = datetime.fromisoformat(self.at)
        date_ = f"{at.month}/{at.day}/{at:%y} {at.hour}:{at:%M}"
        customer = self.customer.removesuffix(".0")
        return (*self.texts[:4], date_, self.price, customer, self.country)


SALE, REFUND, STOCK, DUPLICATE, BROKEN = "sale", "refund", "stock adjustment", "duplicate", "quarantined"
SLICE = (
    Line(SALE, "489434", "85048", "GLASS BALL 20 LIGHTS", "12", "2009-12-01 07:45:00", "6.95"),
    Line(DUPLICATE, "489434", "85048", "GLASS BALL 20 LIGHTS", "12", "2009-12-01 07:45:00", "6.95"),
    Line(DUPLICATE, " 489434", "85048 ", " GLASS  BALL 20 LIGHTS ", "12", "2009-12-01 07:45:59", "6.950", "13085"),
    Line(SALE, "489434", "79323P", "PINK LIGHTS £", "12", "2009-12-01 07:46:00", "6.75"),
    Line(SALE, "489434", "79323p", "PINK LIGHTS £", "1", "2009-12-01 07:46:00", "2.1"),
    Line(DUPLICATE, "489434", "79323P", "PINK LIGHTS £", "1", "2009-12-01 07:46:00", "2.10"),
    Line(REFUND, "C489449", "85048", "GLASS BALL 20 LIGHTS", "-2", "2009-12-02 10:00:00", "6.95"),
    Line(REFUND, "C489449", "79323P", "PINK LIGHTS £", "1", "2009-12-02 10:00:00", "0.5"),
    Line(STOCK, "489450", "21000", "damaged", "-5", "2009-12-02 11:00:00", "0", ""),
    Line(STOCK, "489451", "21000", "", "10", "2009-12-02 11:01:00", "0.0", ""),
    Line(SALE, "489452", "21001", "GIFT BOX", "1", "2009-12-02 11:02:00", "0.0", "13086.0"),
    Line(STOCK, "C489453", "21001", "GIFT BOX", "-1", "2009-12-02 11:03:00", "0.0", "13086.0"),
    Line("excluded: bad debt", "A506401", "B", "Adjust bad debt", "1", "2009-12-03 12:00:00", "-53594.36", ""),
    Line("excluded: bad debt", "A506402", "85048", "GLASS BALL", "1", "2009-12-03 12:01:00", "5"),
    Line("excluded: bad debt", "489454", "B", "Adjust bad debt", "1", "2009-12-03 12:01:00", "-1"),
    Line("excluded: postage", "489455", "POST", "POSTAGE", "1", "2009-12-03 13:00:00", "18"),
    Line("excluded: postage", "489456", "DOT", "DOTCOM POSTAGE", "1", "2009-12-03 13:00:00", "59.17", ""),
    Line("excluded: postage", "C489457", "POST", "POSTAGE", "-1", "2009-12-03 13:00:00", "18"),
    Line("excluded: manual entry", "489455", "m", "Manual", "1", "2009-12-03 13:00:00", "3.3"),
    Line("excluded: manual entry", "C489458", "M", "Manual", "1", "2009-12-03 13:00:00", "373.57"),
    Line("excluded: carriage", "489455", "C2", "CARRIAGE", "1", "2009-12-03 13:00:00", "50"),
    Line("excluded: carriage", "489459", "C3", "", "-4999", "2009-12-03 13:00:00", "0", ""),
    Line("excluded: discount", "C489458", "D", "Discount", "-1", "2009-12-03 13:00:00", "7.5"),
    Line("excluded: samples", "C489458", "S", "SAMPLES", "-1", "2009-12-03 13:00:00", "12", ""),
    Line("excluded: adjustment", "489460", "ADJUST2", "Adjustment by Peter", "1", "2009-12-03 13:00:00", "731.05"),
    Line("excluded: bank charges", "C489461", "BANK  CHARGES", " Bank Charges", "-1", "2009-12-03 13:00:00", "15"),
    Line("excluded: marketplace fee", "C489461", "AMAZONFEE", "AMAZON FEE", "-1", "2009-12-03 13:00:00", "1.5", ""),
    Line("excluded: test", "489462", "TEST001", "This is a test product.", "5", "2009-12-03 13:00:00", "4.5"),
    Line(
        "excluded: gift voucher", "489463", "gift_0001_30", "Gift Voucher £30.00", "1", "2009-12-03 13:00:00", "25.53"
    ),
    Line("excluded: gift voucher", "489464", "GIFT", "", "-9", "2009-12-03 13:00:00", "0", ""),
    Line("excluded: charity", "489465", "CRUK", "CRUK Commission", "-1", "2009-12-03 13:00:00", "1.6"),
    Line("excluded: negative quantity with a price", "489466", "85048", "BALL", "-1", "2009-12-03 13:00:00", "6.95"),
    Line(SALE, "489467", "PADS", "PADS TO MATCH ALL CUSHIONS", "1", "2009-12-04 09:00:00", "0.001"),
    Line(SALE, "489467", "85048", "GLASS BALL", "2", "2009-12-04 09:00:00", "6.95"),
    Line(SALE, "489467", "DCGS0058", "MISO PRETTY GUM", "1", "2009-12-04 09:00:00", "0.83"),
    Line(SALE, "489467", "SP1002", "KID'S EASEL", "1", "2009-12-04 09:00:00", "3"),
    Line(SALE, "489468", "85048", "GLASS BALL 20 LIGHTS", "1", "2009-12-04 10:00:00", "12.5", "", "EIRE"),
    Line(SALE, "489469", "21002", "MUG", "1", "2009-12-05 10:00:00", "1", "12431", "Belgium"),
    Line(SALE, "489470", "21002", "MUG, BLUE", "1", "2009-12-06 10:00:00", "1", "12431", "Australia"),
    Line(SALE, "489471", "21002", "MUG", "1", "2009-12-07 10:00:00", "1", "12431", "Belgium"),
    Line(SALE, "489472", "21002", "MUG", "1", "2009-12-08 10:00:30", "1", "12431", "Belgium"),
    Line(SALE, "489473", "21002", "MUG", "1", "2009-12-08 10:00:00", "1", "12600", "Unspecified"),
    Line(SALE, "489474", "21002", "MUG", "1", "2010-03-28 01:30:00", "1", "12601", "Channel Islands"),
    Line(SALE, "489475", "21002", "MUG", "1", "2010-10-31 01:30:00", "1", "12602", "RSA"),
)
# Broken lines cannot be written in the other export's way.
BROKEN_LINES = (
    Line(BROKEN, "489480", "85048", "BALL", "twelve", "2009-12-01 09:00:00", "1"),
    Line(BROKEN, "489480", "85048", "BALL", "", "2009-12-01 09:00:00", "1"),
    Line(BROKEN, "489480", "85048", "BALL", "3", "2009-13-01 09:00:00", "1.25"),
    Line(BROKEN, "489480", "85048", "BALL", "3", "13/1/10 8:26", "1"),
    Line(BROKEN, "489480", "85048", "BALL", "3", "2009-12-01 09:00:00", "a pound"),
    Line(BROKEN, "489480", "85048", "BALL", "3", "2009-12-01 09:00:00", "1.2345678"),
    Line(BROKEN, "", "85048", "BALL", "3", "2009-12-01 09:00:00", "2"),
    Line(BROKEN, "489480", " ", "BALL", "9999999999", "2009-12-01 09:00:00", "2"),
)
DIRTY = (*SLICE, *BROKEN_LINES)
TABLES = ("customers", "products", "orders", "order_items", "refunds", "inventory_movements")


@pytest.fixture(scope="module", autouse=True)
def _contracts_read_once() -> Iterator[None]:
    """Reading all contracts takes longer than mapping forty lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Registry, "read", staticmethod(cache(Registry.read)))
        yield


def csv_bytes(header: Sequence[str], rows: Sequence[Sequence[str]], encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode(encoding)


def export(folder: Path, lines: Sequence[Line], name: str = "online_retail_II.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(csv_bytes(COLUMNS, [line.texts for line in lines]))
    return path


def other_export(folder: Path, lines: Sequence[Line], name: str = "Online Retail.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(csv_bytes(OTHER_COLUMNS, [line.other_texts for line in lines], "windows-1252"))
    return path


def typed_export(folder: Path, lines: Sequence[Line], name: str = "online_retail.parquet") -> Path:
    """Numbers as numbers, as pandas writes the workbook: customer ids and prices as floats, dates as timestamps."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    rows = pl.DataFrame([line.texts for line in lines], schema=list(COLUMNS), orient="row")
    blank = pl.when(pl.col(pl.String) != "").then(pl.col(pl.String))
    rows.with_columns(blank).with_columns(
        pl.col("Quantity").cast(pl.Int64),
        pl.col("Price", "Customer ID").cast(pl.Float64),
        pl.col("InvoiceDate").str.to_datetime("%Y-%m-%d %H:%M:%S"),
    ).write_parquet(path)
    return path


def home(path: Path) -> Settings:
    return settings_for("online-retail", Settings(home=path))


def run(path: Path, *files: Path) -> tuple[Settings, Account]:
    mine = home(path)
    return mine, deliver(mine, list(files))


def counted(account: Account) -> dict[str, tuple[int, Decimal]]:
    return {row.became: (row.lines, row.amount) for row in account.rows()}


def expected(lines: Sequence[Line]) -> dict[str, tuple[int, Decimal]]:
    """What the account must say, counted by hand: quantity times price, 0 where either cannot be read."""
    found: dict[str, tuple[int, Decimal]] = {}
    for line in lines:
        count, amount = found.get(line.became, (0, Decimal(0)))
        found[line.became] = count + 1, amount + worth(line)
    return found


def worth(line: Line) -> Decimal:
    unreadable = {"twelve", "", "9999999999"} & {line.quantity} or {"a pound", "1.2345678"} & {line.price}
    return Decimal(0) if unreadable else int(line.quantity) * Decimal(line.price)


def table(settings_: Settings, name: str) -> pl.DataFrame:
    """All delivered rows of a raw table, over the files and days of the inbox, as the pipeline reads them."""
    registry = Registry.read()
    frames = []
    inbox = FolderInbox(settings_.inbox)
    for day in inbox.days():
        for batch in read_inbox(inbox, day, delivered_order(registry)).batches:
            if batch.contract.table.name == name:
                delivered = read_delivered(batch.path, batch.contract, settings_.scratch)
                assert delivered.malformed.is_empty()
                frames.append(delivered.rows.drop(LINE).collect())
    if not frames:
        return pl.DataFrame()
    text = pl.when(pl.col(pl.String) != "").then(pl.col(pl.String))
    return pl.concat(frames).with_columns(text)


def keyed(rows: pl.DataFrame, key: str) -> dict[str, dict[str, Any]]:
    found = {row[key]: row for row in rows.to_dicts()}
    assert len(found) == rows.height
    return found


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# --- what lines become


def test_every_line_becomes_one_thing_and_the_amounts_add_up(tmp_path: Path) -> None:
    _, account = run(tmp_path, export(tmp_path, DIRTY))
    assert counted(account) == expected(DIRTY)
    assert sum(row.lines for row in account.rows()) == len(DIRTY)
    assert sum(row.amount for row in account.rows()) == sum(worth(line) for line in DIRTY)


@pytest.mark.parametrize("line", [x for x in SLICE if x.became != DUPLICATE], ids=lambda x: f"{x.invoice}-{x.code}")
def test_each_kind_of_line_alone(tmp_path: Path, line: Line) -> None:
    _, account = run(tmp_path, export(tmp_path, [line]))
    assert counted(account) == {line.became: (1, worth(line))}


@pytest.mark.parametrize(
    "change",
    [
        {"invoice": "489435"},
        {"code": "85048A"},
        {"description": "GLASS BALL 21 LIGHTS"},
        {"quantity": "13"},
        {"at": "2009-12-01 07:46:00"},
        {"price": "6.96"},
        {"customer": "13086.0"},
        {"customer": ""},
        {"country": "EIRE"},
    ],
    ids=str,
)
def test_lines_that_differ_in_one_value_are_two(tmp_path: Path, change: dict[str, str]) -> None:
    _, account = run(tmp_path, export(tmp_path, [SLICE[0], replace(SLICE[0], **change)]))
    assert {row.became: row.lines for row in account.rows()} == {SALE: 2}


def test_every_service_pattern_is_tried(tmp_path: Path) -> None:
    told = {f"excluded: {reason}" for _, reason in SERVICES}
    assert told <= {line.became for line in SLICE}


def test_broken_lines_lie_in_the_quarantine_as_they_came_with_their_rules(tmp_path: Path) -> None:
    mine, account = run(tmp_path, export(tmp_path, DIRTY))
    (file,) = (mine.lake / TABLE.quarantine_prefix).rglob("*.parquet")
    rows = pl.read_parquet(file).sort(LINE)
    first = len(SLICE) + 2
    assert rows[LINE].to_list() == list(range(first, first + len(BROKEN_LINES)))
    rules = [[rule.rpartition("lines.")[2] for rule in ids] for ids in rows["rule_ids"].to_list()]
    assert rules == [
        ["quantity.parses_as"],
        ["quantity.not_null"],
        ["invoiced_at.parses_as"],
        ["invoiced_at.parses_as"],
        ["price.parses_as", "price_digits"],
        ["price_digits"],
        ["invoice.not_null"],
        ["stock_code.not_null", "quantity.between"],
    ]
    assert json.loads(rows["payload"][0])["quantity"] == "twelve"
    assert account.files[0].broken_rules["raw.online_retail_lines.invoiced_at.parses_as"] == 2


def test_excluded_lines_are_kept_with_the_reason(tmp_path: Path) -> None:
    mine, _ = run(tmp_path, export(tmp_path, DIRTY))
    (file,) = (mine.lake / EXCLUDED_PREFIX).rglob("*.parquet")
    rows = pl.read_parquet(file)
    wanted = [line for line in SLICE if line.became.startswith("excluded: ")]
    assert [f"excluded: {reason}" for reason in rows["reason"]] == [line.became for line in wanted]
    assert rows["invoice"].to_list() == [line.invoice for line in wanted]
    assert rows["amount"].sum() == sum(worth(line) for line in wanted)


def test_the_file_itself_is_kept(tmp_path: Path) -> None:
    source = export(tmp_path, SLICE)
    mine, account = run(tmp_path, source)
    (kept,) = (mine.lake / TABLE.lake_prefix).rglob("*.csv")
    assert kept.read_bytes() == source.read_bytes()
    assert kept.parent.name == account.files[0].batch_id


# --- the delivered tables


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory, _contracts_read_once: None) -> Settings:
    folder = tmp_path_factory.mktemp("mapped")
    return run(folder, export(folder, DIRTY))[0]


def test_files_are_named_by_table_and_source_file(mapped: Settings) -> None:
    (day,) = mapped.inbox.iterdir()
    assert day.name == "2010-10-31"
    found = read_inbox(FolderInbox(mapped.inbox), date(2010, 10, 31), delivered_order(Registry.read()))
    assert found.unexpected == ()
    assert {b.contract.table.name for b in found.batches} == set(TABLES)


def test_orders_begin_with_their_first_line_and_total_what_can_be_charged(mapped: Settings) -> None:
    orders = keyed(table(mapped, "orders"), "order_id")
    assert orders["489434"] | {"promotion_code": None} == {
        "order_id": "489434",
        "customer_id": "13085",
        "ordered_at": "2009-12-01T07:45:00Z",
        "status": "delivered",
        "channel": "web",
        "promotion_code": None,
        "currency_code": "GBP",
        "discount_amount": "0.00",
        "shipping_amount": "0.00",
        "tax_amount": "0.00",
        "total_amount": "166.5",
        "ship_postal_code": None,
        "ship_country_code": "GB",
        "updated_at": "2009-12-01T07:45:00Z",
    }
    # The line of 0.001 goes to the quarantine; the order must not go with it.
    assert orders["489467"]["total_amount"] == "17.73"
    assert orders["489468"]["customer_id"] == "guest"
    assert orders["489468"]["ship_country_code"] == "IE"
    # Only excluded lines, or only stock: no order.
    assert not orders.keys() & {"489455", "489450", "C489449", "A506402"}


def test_prices_stay_as_exact_as_they_came(mapped: Settings) -> None:
    items = table(mapped, "order_items")
    by_order = items.group_by("order_id", maintain_order=True).agg("product_id", "quantity", "unit_price")
    found = {row["order_id"]: row for row in by_order.to_dicts()}
    assert found["489434"]["unit_price"] == ["6.95", "6.75", "2.1"]
    assert found["489434"]["product_id"] == ["85048", "79323P", "79323P"]
    assert found["489467"]["unit_price"] == ["0.001", "6.95", "0.83", "3"]
    assert found["489452"]["unit_price"] == ["0"]
    assert items["line_number"].null_count() == items.height


def test_refunds_are_positive_and_name_the_cancelling_invoice(mapped: Settings) -> None:
    refunds = table(mapped, "refunds")
    assert refunds["order_id"].to_list() == ["C489449", "C489449"]
    # A cancelled line with a positive quantity is dirt: the gate, not the mapping, sets it aside.
    assert refunds["amount"].to_list() == ["13.9", "-0.5"]
    assert set(refunds["reason"]) == {"other"}
    assert refunds["order_item_id"].null_count() == 2


def test_free_lines_move_stock(mapped: Settings) -> None:
    moved = table(mapped, "inventory_movements").select("product_id", "movement_type", "quantity").rows()
    assert moved == [("21000", "adjustment", "-5"), ("21000", "adjustment", "10"), ("21001", "return", "1")]


def test_instants_are_utc_whatever_the_clock_did(mapped: Settings) -> None:
    at = {row["order_id"]: row["ordered_at"] for row in table(mapped, "orders").to_dicts()}
    assert at["489474"] == "2010-03-28T01:30:00Z"  # 01:30 is left out: the clock shows 02:30, summer time
    assert at["489475"] == "2010-10-31T00:30:00Z"  # 01:30 comes twice: the first is still summer time


def test_customers_change_with_their_country(mapped: Settings) -> None:
    rows = table(mapped, "customers").select("customer_id", "country_code", "updated_at")
    assert rows.filter(pl.col("customer_id") == "12431").rows() == [
        ("12431", "BE", "2009-12-05T10:00:00Z"),
        ("12431", "AU", "2009-12-06T10:00:00Z"),
        ("12431", "BE", "2009-12-07T10:00:00Z"),
    ]
    country = dict(rows.select("customer_id", "country_code").rows())
    assert set(country) == {"guest", "12431", "12600", "12601", "12602", "13085", "13086"}
    assert country["12600"] is None
    assert (country["12601"], country["12602"]) == ("JE", "ZA")
    assert rows.filter(pl.col("customer_id") == "guest").rows() == [("guest", None, "2000-01-01T00:00:00Z")]


def test_products_change_with_their_name_and_notes_name_nothing(mapped: Settings) -> None:
    rows = table(mapped, "products").select("product_id", "product_name", "updated_at")
    assert rows.filter(pl.col("product_id") == "21002").rows() == [
        ("21002", "MUG", "2009-12-05T10:00:00Z"),
        ("21002", "MUG, BLUE", "2009-12-06T10:00:00Z"),
        ("21002", "MUG", "2009-12-07T10:00:00Z"),
    ]
    assert rows.filter(pl.col("product_id") == "21000").rows() == [("21000", "21000", "2000-01-01T00:00:00Z")]
    assert rows.filter(pl.col("product_id") == "21001")["product_name"].to_list() == ["GIFT BOX"]
    assert not set(rows["product_id"]) & {"POST", "M", "B", "C3"}


# --- exports in other dress


@pytest.mark.parametrize("make", [other_export, typed_export])
def test_another_export_of_the_same_lines_gives_the_same_rows(tmp_path: Path, make: Any) -> None:
    one, _ = run(tmp_path / "one", export(tmp_path, SLICE))
    two, _ = run(tmp_path / "two", make(tmp_path, SLICE))
    for name in TABLES:
        assert table(one, name).equals(table(two, name)), name


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_compression_and_byte_order_mark_do_not_matter(tmp_path: Path, delimiter: str, packed: bool) -> None:
    rows = [COLUMNS, *(line.texts for line in SLICE if "," not in line.description)]
    text = "\n".join(delimiter.join(row) for row in rows).encode("utf-8-sig")
    source = tmp_path / ("retail.csv.gz" if packed else "retail.csv")
    source.write_bytes(gzip.compress(text) if packed else text)
    _, account = run(tmp_path, source)
    assert counted(account) == expected([line for line in SLICE if "," not in line.description])


def test_malformed_records_are_accounted_for(tmp_path: Path) -> None:
    source = tmp_path / "retail.csv"
    source.write_bytes(csv_bytes(COLUMNS, [*(line.texts for line in SLICE), ("489500", "85048", "BALL")]))
    mine, account = run(tmp_path, source)
    assert counted(account)[BROKEN] == (1, Decimal(0))
    (file,) = (mine.lake / TABLE.quarantine_prefix).rglob("*.parquet")
    assert pl.read_parquet(file)["rule_ids"].to_list() == [["raw.online_retail_lines.malformed"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"PK\x03\x04workbook", "Excel workbook"),
        (b"PAR1 and nothing more", "not a Parquet file"),
        ("Invoice,StockCode\n".encode("utf-16"), "zero bytes"),
        (csv_bytes(COLUMNS[:5], [SLICE[0].texts[:5]]), "no column for Price or UnitPrice; found Invoice, StockCode"),
        (csv_bytes((*COLUMNS, "UnitPrice"), [(*SLICE[0].texts, "1")]), "two columns for Price or UnitPrice"),
        (b"just some words\n", "not an Online Retail export: no column for Invoice or InvoiceNo"),
        (csv_bytes(COLUMNS, [SLICE[0].texts])[:-1] + b"\x81\n", "neither UTF-8 nor windows-1252"),
        (csv_bytes(COLUMNS, []), "no line keeps the rules"),
        (csv_bytes(COLUMNS, [BROKEN_LINES[0].texts]), "no line keeps the rules"),
        (gzip.compress(csv_bytes(COLUMNS, [line.texts for line in SLICE]))[:-20], "cannot be read"),
        (csv_bytes(COLUMNS, [replace(SLICE[0], at="31/12/2009 8:26").texts]), "put the day first"),
    ],
)
def test_a_file_that_is_no_export_is_refused_and_leaves_nothing(tmp_path: Path, content: bytes, message: str) -> None:
    source = tmp_path / "some.csv"
    source.write_bytes(content)
    with pytest.raises(UnreadableFile, match=message):
        run(tmp_path, source)
    assert tree(home(tmp_path).home) == {}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        run(tmp_path, tmp_path / "nothing.csv")


def test_a_parquet_clock_with_a_zone_is_refused(tmp_path: Path) -> None:
    source = typed_export(tmp_path, SLICE[:1])
    pl.read_parquet(source).with_columns(pl.col("InvoiceDate").dt.replace_time_zone("UTC")).write_parquet(source)
    with pytest.raises(UnreadableFile, match="has a time zone"):
        run(tmp_path, source)


def test_the_order_of_the_lines_does_not_matter(tmp_path: Path) -> None:
    # Two names and two countries at one instant.
    lines = [
        *SLICE,
        replace(SLICE[0], invoice="489490", description="BALL", country="EIRE"),
        replace(SLICE[0], invoice="489491", description="A BALL", country="Belgium"),
    ]
    one, _ = run(tmp_path / "one", export(tmp_path, lines))
    two, _ = run(tmp_path / "two", export(tmp_path, lines[::-1], "other.csv"))
    for name in TABLES:
        key = table(one, name).columns
        assert table(one, name).sort(key).equals(table(two, name).sort(key)), name


# --- twice, half, and in the ledger


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    source = export(tmp_path, DIRTY)
    mine, _ = run(tmp_path, source)
    once = tree(mine.home)
    deliver(mine, [source])
    assert tree(mine.home) == once
    elsewhere, _ = run(tmp_path / "elsewhere", source)
    assert tree(elsewhere.home) == once
    packed = [data for name, data in once.items() if name.startswith("inbox/") and name.endswith(".gz")]
    assert [data[4:8] for data in packed] == [bytes(4)] * 3  # the time in the header


def test_two_files_of_one_day_lie_side_by_side(tmp_path: Path) -> None:
    mine, account = run(tmp_path, export(tmp_path, DIRTY), other_export(tmp_path, SLICE[-3:]))
    (day,) = mine.inbox.iterdir()
    assert len(list(day.glob("orders.*.csv.gz"))) == 2
    assert list(accounts_in(day)) == sorted(account.files, key=lambda file: file.content_hash[:8])


def test_what_a_crash_left_is_no_delivery_and_is_cleared_by_the_next_mapping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = export(tmp_path, DIRTY)
    mine = home(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("tasks.inbox.os.fsync", lambda _: (_ for _ in ()).throw(OSError("power cut")))
        with pytest.raises(OSError, match="power cut"):
            deliver(mine, [source])
    assert not (mine.inbox / "2010-10-31").exists()
    deliver(mine, [source])
    elsewhere, _ = run(tmp_path / "elsewhere", source)
    assert tree(mine.inbox) == tree(elsewhere.inbox)


def test_a_line_that_is_lost_stops_the_mapping_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.sources import online_retail

    classified = online_retail.classified
    monkeypatch.setattr(online_retail, "classified", lambda lines: classified(lines).filter(pl.col(LINE) != 2))
    with pytest.raises(LedgerImbalance, match=f"{len(DIRTY)} lines of .* in all, but {len(DIRTY) - 1} lines"):
        run(tmp_path, export(tmp_path, DIRTY))
    assert tree(home(tmp_path).home) == {}


def test_a_row_that_is_doubled_stops_the_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.sources.online_retail import tables

    items = tables.order_items
    monkeypatch.setattr(tables, "order_items", lambda *args: pl.concat([items(*args)] * 2))
    with pytest.raises(LedgerImbalance, match="lines became sale, but order_items has"):
        run(tmp_path, export(tmp_path, DIRTY))


def test_the_account_reads_back_and_balances_in_the_ledger(tmp_path: Path) -> None:
    mine, account = run(tmp_path, export(tmp_path, DIRTY))
    (file,) = account.files
    assert FileAccount.from_json(file.to_json()) == file
    assert list(accounts_in(mine.inbox / "2010-10-31")) == [file]
    entry = file.entry("run-1", "online-retail", datetime(2026, 1, 5))
    parts = Counter(line.became.partition(":")[0] for line in DIRTY)
    assert entry.is_balanced
    assert (entry.delivered_rows, entry.duplicate_rows) == (len(DIRTY), parts[DUPLICATE])
    assert (entry.excluded_rows, entry.quarantined_rows) == (parts["excluded"], parts[BROKEN])
    assert entry.loaded_rows == parts[SALE] + parts[REFUND] + parts[STOCK]


def test_the_source_is_registered() -> None:
    source = SOURCES["online-retail"]
    assert (source.module, source.shop_timezone, source.reporting_currency) == (
        "tasks.sources.online_retail",
        "Europe/London",
        "GBP",
    )


# --- whatever the lines are

# Few values each, so that lines of one invoice, equal lines and ties at one instant come often.
_DAY_OF = {"489434": 1, "489435": 2, "489436": 3, "C489437": 1, "C489438": 3, "A489439": 2, "": 2}


@st.composite
def _line(draw: st.DrawFn) -> Line:
    invoice = draw(st.sampled_from(sorted(_DAY_OF)))
    return Line(
        "",
        invoice,
        draw(st.sampled_from(["85048", "85048 ", "79323p", "79323P", "POST", "M", "PADS", ""])),
        draw(st.sampled_from(["BALL", " BALL ", "BALL, RED", "damaged", ""])),
        draw(st.sampled_from(["1", "2", "-1", "0", "1.0", "many"])),
        draw(st.sampled_from([f"2009-12-0{_DAY_OF[invoice]} 0{hour}:00:00" for hour in (8, 9)] + ["soon"])),
        draw(st.sampled_from(["0", "2.1", "2.10", "0.001", "12.5", "-3", "free"])),
        draw(st.sampled_from(["", "13085", "13085.0", "13086"])),
        draw(st.sampled_from([UK, "EIRE", "Unspecified"])),
    )


# One good line at least: a file without any is refused.
_GOOD = Line(SALE, "489440", "85048", "BALL, BLUE", "1", "2009-12-03 09:00:00", "1")
_exports = st.lists(_line(), max_size=14).map(lambda drawn: [*drawn, _GOOD])


def plain_worth(line: Line) -> Decimal:
    if line.quantity == "many" or line.price == "free":
        return Decimal(0)
    return int(Decimal(line.quantity)) * Decimal(line.price)


@settings(max_examples=40)
@given(lines=_exports)
def test_lines_and_amounts_always_add_up(tmp_path_factory: pytest.TempPathFactory, lines: list[Line]) -> None:
    folder = tmp_path_factory.mktemp("any")
    mine, account = run(folder, export(folder, lines))
    rows = account.rows()
    assert sum(row.lines for row in rows) == len(lines)
    assert sum(row.amount for row in rows) == sum(map(plain_worth, lines))
    # And the tables hold the money that the account says.
    held = {
        SALE: _sum(table(mine, "order_items"), lambda row: int(row["quantity"]) * Decimal(row["unit_price"])),
        REFUND: -_sum(table(mine, "refunds"), lambda row: Decimal(row["amount"])),
    }
    assert held == {became: counted(account).get(became, (0, Decimal(0)))[1] for became in held}


def _sum(rows: pl.DataFrame, amount: Any) -> Decimal:
    return sum((amount(row) for row in rows.to_dicts()), Decimal(0))


@settings(max_examples=30)
@given(lines=_exports, first=st.integers(1, 3))
def test_an_overlapping_export_says_nothing_new(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Line], first: int
) -> None:
    """The last days once more, in the other dress: no new key, and every change log tells the same history."""
    folder = tmp_path_factory.mktemp("overlap")
    last = [x for x in lines if x.at >= f"2009-12-0{first}" and x.at != "soon"]
    whole, _ = run(folder / "whole", export(folder, lines))
    both, _ = run(folder / "both", export(folder, lines), other_export(folder, last))
    for name, key in (
        ("orders", "order_id"),
        ("order_items", "order_item_id"),
        ("refunds", "refund_id"),
        ("inventory_movements", "movement_id"),
    ):
        one, two = table(whole, name), table(both, name)
        assert two.unique().sort(key).equals(one.sort(key)) if one.height else two.is_empty()
    assert _history(table(both, "customers"), "customer_id", "country_code") == _history(
        table(whole, "customers"), "customer_id", "country_code"
    )
    assert _latest(table(both, "products")) == _latest(table(whole, "products"))


def _history(rows: pl.DataFrame, key: str, value: str) -> dict[str, list[Any]]:
    """Each key's values in the order of time, neighbours that are equal once: what the dimension makes of the log."""
    out: dict[str, list[Any]] = {}
    if rows.is_empty():
        return out
    for row in rows.sort(key, "updated_at").to_dicts():
        values = out.setdefault(row[key], [])
        if not values or values[-1] != row[value]:
            values.append(row[value])
    return out


def _latest(rows: pl.DataFrame) -> dict[str, str]:
    """Each product's last name, which the dimension shows in all versions."""
    if rows.is_empty():
        return {}
    return dict(rows.sort("updated_at").select("product_id", "product_name").iter_rows())


# --- through the pipeline


def load(mine: Settings) -> Workspace:
    """Every delivery of the inbox, from files to marts, as the flow does it."""
    space = Workspace.open(mine)
    for day in FolderInbox(mine.inbox).days():
        space.begin()
        for file in work.find(space, day):
            work.ingest(space, file)
        work.curate_and_build(space, day)
        work.finish(space, day)
        assert space.report.failures == []
    return space


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, _contracts_read_once: None) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("loaded")
    space = load(run(folder, export(folder, DIRTY))[0])
    yield space
    space.close()


_FACTS = """
    SELECT 'sale' AS fact, order_item_id AS id, order_id, customer_key, product_key, quantity, gross_amount
    FROM core.fact_sales
    UNION ALL SELECT 'refund', refund_id, order_id, customer_key, product_key, 1, refund_amount FROM core.fact_refunds
    UNION ALL SELECT movement_type, movement_id, '', 0, product_key, quantity, 0 FROM core.fact_inventory_movements
    ORDER BY fact, id
"""


def test_the_ledger_accounts_for_the_source_and_every_delivery(loaded: Workspace) -> None:
    entries = loaded.warehouse.query("SELECT * FROM audit.load_ledger").to_dicts()
    by_table = {entry["table_name"]: entry for entry in entries}
    assert set(by_table) == {str(TABLE), *(f"raw.{name}" for name in TABLES)}
    parts = Counter(line.became.partition(":")[0] for line in DIRTY)
    source = by_table[str(TABLE)]
    assert (source["delivered_rows"], source["excluded_rows"]) == (len(DIRTY), parts["excluded"])
    assert (source["duplicate_rows"], source["quarantined_rows"]) == (parts[DUPLICATE], parts[BROKEN])
    mapped_rows = sum(by_table[f"raw.{name}"]["delivered_rows"] for name in TABLES[3:])
    assert source["loaded_rows"] == mapped_rows == parts[SALE] + parts[REFUND] + parts[STOCK]
    for entry in entries:
        assert entry["delivered_rows"] == sum(
            entry[f"{what}_rows"] for what in ("loaded", "duplicate", "quarantined", "excluded")
        )
    # What the gates set aside of the mapped rows: the price of 0.001 and the negative refund.
    assert by_table["raw.order_items"]["quarantined_rows"] == 1
    assert by_table["raw.refunds"]["quarantined_rows"] == 1
    rules = loaded.warehouse.query("SELECT rule_id FROM audit.quarantine ORDER BY rule_id").get_column("rule_id")
    assert {"clean.order_items.unit_price.types", "clean.refunds.amount.between"} < set(rules)
    assert "raw.online_retail_lines.quantity.parses_as" in set(rules)


def test_signed_revenue_ties_out_from_source_to_facts(loaded: Workspace) -> None:
    (account,) = accounts_in(loaded.settings.inbox / "2010-10-31")
    by_part = {part.became: part.amount for part in account.parts}
    sold = loaded.warehouse.scalar("SELECT SUM(gross_amount) FROM core.fact_sales")
    refunded = loaded.warehouse.scalar("SELECT SUM(refund_amount) FROM core.fact_refunds")
    set_aside = Decimal("0.001") + Decimal("0.5")
    elsewhere = sum(v for k, v in by_part.items() if k not in (SALE, REFUND))
    assert sold - refunded + set_aside + elsewhere == sum(worth(line) for line in DIRTY)
    revenue = loaded.warehouse.scalar("SELECT SUM(net_after_refund_amount) FROM mart.finance_daily_revenue")
    assert revenue == sold - refunded


def test_guests_are_one_member_and_no_order_is_lost(loaded: Workspace) -> None:
    guests = loaded.warehouse.query(
        "SELECT customer_id, is_inferred FROM core.dim_customer WHERE customer_id = 'guest'"
    )
    assert guests.rows() == [("guest", False)]
    orders = loaded.warehouse.scalar("SELECT COUNT(DISTINCT order_id) FROM core.fact_sales")
    assert orders == len({line.invoice.strip() for line in SLICE if line.became == SALE})
    versions = loaded.warehouse.query(
        "SELECT country_code FROM core.dim_customer WHERE customer_id = '12431' ORDER BY effective_from"
    )
    assert versions.get_column("country_code").to_list() == ["BE", "AU", "BE"]


def test_loading_again_or_an_overlapping_export_changes_no_fact(loaded: Workspace, tmp_path: Path) -> None:
    mine = loaded.settings
    before = loaded.warehouse.query(_FACTS)
    members = loaded.warehouse.query("SELECT * FROM core.dim_customer ORDER BY customer_key")
    loaded.close()
    deliver(mine, [export(tmp_path, DIRTY), other_export(tmp_path, SLICE[37:])])
    space = load(mine)
    try:
        assert space.warehouse.query(_FACTS).equals(before)
        assert space.warehouse.query("SELECT * FROM core.dim_customer ORDER BY customer_key").equals(members)
        files = space.warehouse.query(f"SELECT file_name FROM audit.load_ledger WHERE table_name = '{TABLE}'")
        assert set(files.get_column("file_name")) == {"online_retail_II.csv", "Online Retail.csv"}
        assert len(space.report.already_loaded) == len(TABLES)
    finally:
        space.close()


def test_the_other_order_of_the_exports_gives_the_same_facts(loaded: Workspace, tmp_path: Path) -> None:
    mine, _ = run(tmp_path, other_export(tmp_path, SLICE[37:]))
    load(mine).close()
    deliver(mine, [export(tmp_path, DIRTY)])
    space = load(mine)
    try:
        assert space.warehouse.query(_FACTS).equals(loaded.warehouse.query(_FACTS))
    finally:
        space.close()
