"""The generator of deliveries: same bytes for the same seed, books that tie, and labels that tell the truth."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from contracts.registry import REPOSITORY, Registry
from expectations.rules import rules_of
from tasks.generate import Delivery, Size, generate_delivery
from tasks.generate.defects import DEFECTS, KEYS, REPETITIONS
from tasks.generate.write import EXTENSIONS

SMALL = Size(customers=120, products=60, orders=200, web_events=1_500, days=3)
# What the builders and the consequences of other defects add to those that are planted one by one.
OTHERS = {
    ("incomplete_lines", "orders", "warned"),
    ("late_customer", "orders", "inferred"),
    ("late_event", "web_events", "loaded"),
    ("missing_order", "order_items", "warned"),
    ("missing_order", "payments", "warned"),
    ("out_of_order_change", "customers", "loaded"),
    ("unknown_customer", "orders", "inferred"),
}


def read(path: Path) -> pl.DataFrame:
    """A delivered file, text as text, with the `line` of each record; a malformed record keeps its key only."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path).with_row_index("line", offset=1)
    payload = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if ".csv" in path.name:
        header, *lines = csv.reader(io.StringIO(payload.decode()))
        rows = [line if len(line) == len(header) else [line[0]] + [""] * (len(header) - 1) for line in lines]
        return pl.DataFrame(rows, schema=header, orient="row").with_row_index("line", offset=2)
    records = [{"line": line, **record_of(text)} for line, text in enumerate(payload.decode().splitlines(), start=1)]
    return pl.DataFrame(records, infer_schema_length=None)


def record_of(text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except ValueError:
        found = re.match(r'{"(\w+)":"(\w+)"', text)
        assert found, text
        return {found[1]: found[2]}


def table(delivery: Delivery, name: str) -> pl.DataFrame:
    """All days of a table, with `file` as the labels spell it."""
    parts = [
        read(path).with_columns(pl.col("line").cast(pl.Int64), file=pl.lit(path.relative_to(delivery.root).as_posix()))
        for (_, table), path in delivery.files.items()
        if table == name
    ]
    return pl.concat(parts, how="diagonal_relaxed")


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    return generate_delivery(tmp_path_factory.mktemp("delivery"))


@pytest.fixture(scope="module")
def tables(delivery: Delivery) -> dict[str, pl.DataFrame]:
    return {name: table(delivery, name) for name in {name for _, name in delivery.files}}


@pytest.fixture(scope="module")
def labels(delivery: Delivery) -> pl.DataFrame:
    return pl.read_parquet(delivery.root / "defects.parquet")


@pytest.fixture(scope="module")
def clean(tables: dict[str, pl.DataFrame], labels: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables without repeated rows and without any row whose planted value is wrong."""
    wrong = labels.filter(
        pl.col("expected").is_in(["quarantined", "duplicate", "warned"]) | (pl.col("kind") == "untidy_code")
    )
    return {name: tables[name].join(wrong, on=["file", "line"], how="anti").drop("line") for name in KEYS}


def money(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Decimal(18, 2))


def instant(name: str) -> pl.Expr:
    return pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")


def shop_day(at: pl.Expr) -> pl.Expr:
    return at.dt.convert_time_zone("Asia/Kolkata").dt.date()


def file_day() -> pl.Expr:
    return pl.col("file").str.slice(0, 10).str.to_date()


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (generate_delivery(tmp_path / name, size=SMALL) for name in ("one", "two"))
    again = generate_delivery(one.root, size=SMALL)
    files = sorted(path.relative_to(one.root) for path in one.root.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(two.root) for path in two.root.rglob("*") if path.is_file())
    assert all((one.root / file).read_bytes() == (two.root / file).read_bytes() for file in files)
    assert again.rows == two.rows


def test_another_seed_gives_other_rows(tmp_path: Path) -> None:
    one, two = (generate_delivery(tmp_path / str(seed), size=SMALL, seed=seed) for seed in (1, 2))
    for name in KEYS:
        assert not table(one, name).equals(table(two, name)), name


def test_a_folder_of_another_delivery_is_refused_unless_overwritten(tmp_path: Path) -> None:
    longer = Size(customers=120, products=60, orders=200, web_events=1_500, days=4)
    kept = tmp_path / "2026-01-05" / "notes.txt"
    last = tmp_path / "2026-01-08"
    generate_delivery(tmp_path, size=longer)
    kept.write_text("mine")
    with pytest.raises(ValueError, match="overwrite=True"):
        generate_delivery(tmp_path, size=SMALL)
    assert last.exists()
    generate_delivery(tmp_path, size=SMALL, overwrite=True)
    assert not last.exists()
    assert kept.read_text() == "mine"


def test_a_folder_with_files_of_its_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(ValueError, match="no delivery"):
        generate_delivery(tmp_path, size=SMALL)


@pytest.mark.parametrize(
    "size",
    [Size(1, 1, 1, 1, 1), Size(30, 5, 40, 90, 2), Size(500, 40, 10, 3_000, 1), Size(50, 300, 900, 20, 12)],
)
def test_odd_sizes_work(size: Size, tmp_path: Path) -> None:
    delivery = generate_delivery(tmp_path, size=size)
    assert table(delivery, "orders")["order_id"].n_unique() == size.orders
    assert table(delivery, "web_events")["event_id"].n_unique() == size.web_events


def test_a_size_without_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"Size\.orders"):
        Size(orders=0)


def test_counts_and_progress(tmp_path: Path) -> None:
    told: dict[str, int] = {}
    delivery = generate_delivery(tmp_path, size=SMALL, on_progress=told.__setitem__)
    last_lines = {key: read(path)["line"].max() for key, path in delivery.files.items()}
    lines = {key: line - (".csv" in delivery.files[key].name) for key, line in last_lines.items()}
    assert lines == delivery.rows
    assert told == {name: sum(n for (_, t), n in delivery.rows.items() if t == name) for name in told}
    assert delivery.days == [date(2026, 1, 5) + timedelta(days=day) for day in range(3)]


def test_distinct_keys_are_as_many_as_asked(tables: dict[str, pl.DataFrame]) -> None:
    size = Size.dev()
    assert tables["customers"]["customer_id"].n_unique() == size.customers
    assert tables["products"]["product_id"].n_unique() == size.products
    assert tables["orders"]["order_id"].n_unique() == size.orders
    assert tables["web_events"]["event_id"].n_unique() == size.web_events
    assert 2.2 < tables["order_items"]["order_item_id"].n_unique() / size.orders < 2.6


def test_keys_repeat_only_where_labelled(tables: dict[str, pl.DataFrame], labels: pl.DataFrame) -> None:
    """Entities and orders come again when they change; every other repetition is a labelled duplicate."""
    for name, key in KEYS.items():
        version = [key, "updated_at"] if name in ("customers", "products", "orders") else [key]
        more = tables[name].height - tables[name].select(version).unique().height
        assert more == labels.filter(table=name, expected="duplicate").height, name


def test_every_kind_of_defect_is_there(delivery: Delivery, labels: pl.DataFrame) -> None:
    assert labels.columns == [
        *("kind", "table", "delivery_date", "file", "line"),
        *("key", "column", "value", "expected", "rule"),
    ]
    assert labels.height == delivery.defects
    wanted = {(d.kind, d.table, d.expected) for d in DEFECTS}
    wanted |= {(again.kind, name, "duplicate") for again in REPETITIONS for name in again.counts}
    assert set(labels.select("kind", "table", "expected").unique().rows()) == wanted | OTHERS


# Kinds of rule, by layer and verdict, that no planted row breaks, and why.
UNPLANTED = {
    ("raw", "columns", "block"): "about a whole file: tests/tasks/test_faults.py, test_reading.py",
    ("clean", "columns", "block"): "about the frame that our own step makes: tests/tasks/test_clean.py",
    ("clean", "types", "block"): "likewise; rows whose text does not fit a type have the defect too_precise",
    ("clean", "row_count", "warn"): "about a whole file: tests/expectations/test_engines.py",
    ("clean", "not_null", "warn"): "about a share of a file (mostly): tests/expectations/test_predicates.py",
    ("clean", "not_null", "quarantine"): "what is NULL here was NULL or unreadable in the raw table, and stopped there",
}


def test_every_kind_of_rule_is_broken_by_a_planted_defect(labels: pl.DataFrame) -> None:
    delivered = [c for c in Registry.read(REPOSITORY).values() if c.table.name in EXTENSIONS]
    rules = {rule.id: rule for c in delivered for rule in rules_of(c) if c.table.layer in ("raw", "clean")}
    kinds = {rule_id: (rule_id.split(".")[0], rule.kind, rule.verdict) for rule_id, rule in rules.items()}
    planted = {rule for rule in labels["rule"].drop_nulls().unique() if not rule.startswith("core.")}
    no_rules = {rule for rule in planted - rules.keys() if not rule.endswith((".malformed", ".types"))}
    assert no_rules == set()
    unbroken = set(kinds.values()) - {kinds[rule] for rule in planted & rules.keys()}
    assert unbroken == UNPLANTED.keys()


def test_every_label_names_the_line_with_the_planted_value(
    tables: dict[str, pl.DataFrame], labels: pl.DataFrame
) -> None:
    for (name, column), part in labels.group_by("table", "column"):
        value = pl.col(column).cast(pl.String)
        rows = tables[name].select("file", "line", key=pl.col(KEYS[name]), value=value)
        found = part.join(rows, on=["file", "line", "key", "value"], how="semi", nulls_equal=True)
        assert_frame_equal(found, part)


def test_a_malformed_record_is_no_row(delivery: Delivery, labels: pl.DataFrame) -> None:
    planted = labels.filter(kind="malformed_record")
    assert set(planted["table"]) == {"orders", "web_events"}
    for file, line, key in planted.select("file", "line", "key").rows():
        lines = gzip.decompress((delivery.root / file).read_bytes()).splitlines()
        text = lines[line - 1].decode()
        assert key in text
        if "jsonl" in file:
            with pytest.raises(json.JSONDecodeError):
                json.loads(text)
        else:
            assert text.count(",") == lines[0].decode().count(",") + 1


def test_swapped_columns_hold_each_others_values(tables: dict[str, pl.DataFrame], labels: pl.DataFrame) -> None:
    swapped = tables["customers"].join(labels.filter(kind="swapped_columns"), on=["file", "line"], how="semi")
    assert swapped.height
    assert swapped["birth_date"].is_in(["F", "M", "X"]).all()
    assert swapped["gender"].str.to_date("%Y-%m-%d").is_not_null().all()


def test_a_record_has_one_label_at_most(labels: pl.DataFrame) -> None:
    assert not labels.select("file", "line").is_duplicated().any()
    repeated = labels.filter(expected="duplicate")
    others = labels.filter(pl.col("expected") != "duplicate")
    assert (
        repeated.join(others, on=["table", "key"], how="semi")
        .filter(~pl.col("table").is_in(["customers", "products"]))
        .is_empty()
    )


def test_duplicates_are_exact(tables: dict[str, pl.DataFrame], labels: pl.DataFrame) -> None:
    for kind, files in (("duplicate_in_file", 1), ("redelivered", 2)):
        for name in labels.filter(kind=kind)["table"].unique():
            keys = labels.filter(kind=kind, table=name)["key"].implode()
            rows = tables[name].drop("line")
            per_row = rows.filter(pl.col(KEYS[name]).is_in(keys)).group_by(pl.exclude("file")).agg("file")
            twice = per_row.filter(pl.col("file").list.len() == 2)
            assert twice.height == labels.filter(kind=kind, table=name).height
            assert (twice["file"].list.n_unique() == files).all()


def test_a_conflicting_duplicate_is_the_older_of_two_versions(
    tables: dict[str, pl.DataFrame], labels: pl.DataFrame
) -> None:
    planted = labels.filter(kind="conflicting_duplicate").select("file", "line", order_item_id="key")
    both = tables["order_items"].join(planted, on=["file", "order_item_id"], suffix="_planted")
    older = both.filter(pl.col("line") == pl.col("line_planted"))
    newer = both.filter(pl.col("line") != pl.col("line_planted")).rename({"updated_at": "newer_at", "quantity": "was"})
    pairs = older.join(newer, on=["file", "order_item_id"])
    assert pairs.height == planted.height > 0
    assert pairs.filter((pl.col("updated_at") >= pl.col("newer_at")) | (pl.col("quantity") == pl.col("was"))).is_empty()


def test_the_header_ties_to_its_lines_to_the_cent(clean: dict[str, pl.DataFrame]) -> None:
    lines = clean["order_items"].group_by("order_id").agg(subtotal=(pl.col("quantity") * money("unit_price")).sum())
    due = pl.col("subtotal") - money("discount_amount") + money("shipping_amount") + money("tax_amount")
    joined = clean["orders"].join(lines, on="order_id")
    assert joined.height > 5_000
    assert joined.filter(money("total_amount") != due).is_empty()
    assert joined.filter(money("total_amount") <= 0).is_empty()


def test_a_wrong_total_is_really_wrong(tables: dict[str, pl.DataFrame], labels: pl.DataFrame) -> None:
    lost = labels.filter(pl.col("expected").is_in(["quarantined", "duplicate"]))
    loaded = tables["order_items"].join(lost, on=["file", "line"], how="anti")
    lines = loaded.group_by("order_id").agg(subtotal=(pl.col("quantity") * money("unit_price")).sum())
    warned = labels.filter(expected="warned", rule="core.fact_sales.lines_sum_to_total").select(order_id="key")
    joined = tables["orders"].join(warned, on="order_id").join(lines, on="order_id", how="left")
    due = pl.col("subtotal") - money("discount_amount") + money("shipping_amount") + money("tax_amount")
    assert joined.height == warned.height
    assert joined.filter(money("total_amount") == due).is_empty()


def test_captures_sum_to_the_total(
    tables: dict[str, pl.DataFrame], clean: dict[str, pl.DataFrame], labels: pl.DataFrame
) -> None:
    payments = tables["payments"].unique("payment_id", keep="first", maintain_order=True)
    bad = labels.filter(table="payments").filter(
        (pl.col("expected") == "quarantined") | (pl.col("kind") == "unknown_order")
    )
    # A payment that lost its order, or is set aside, is missed by an order; no other order may fall short.
    lost = payments.join(bad, on=["file", "line"], how="semi")
    captures = payments.join(lost, on="payment_id", how="anti").filter(kind="capture")
    paid = captures.group_by("order_id").agg(paid=money("amount").sum())
    standing = clean["orders"].unique("order_id").filter(pl.col("status") != "cancelled")
    joined = standing.join(paid, on="order_id", how="left")
    short = joined.filter(pl.col("paid").is_null() | (pl.col("paid") != money("total_amount")))
    assert joined.height > 4_000
    assert short.height <= lost.height
    assert captures.group_by("order_id").len().filter(pl.col("len") > 1).height > 100


def test_a_card_is_authorised_before_it_is_charged(clean: dict[str, pl.DataFrame]) -> None:
    cards = clean["payments"].filter(tender="card").with_columns(at=instant("paid_at"), due=money("amount"))
    granted = cards.filter(kind="authorisation").select("order_id", granted="at", granted_due="due")
    taken = cards.filter(kind="capture").join(granted, on="order_id")
    assert taken.height > 500
    assert taken.filter((pl.col("granted") >= pl.col("at")) | (pl.col("granted_due") != pl.col("due"))).is_empty()
    cancelled = clean["orders"].filter(status="cancelled")
    assert clean["payments"].filter(kind="capture").join(cancelled, on="order_id", how="semi").is_empty()


def test_a_refund_never_exceeds_its_order_and_follows_it(clean: dict[str, pl.DataFrame]) -> None:
    joined = clean["refunds"].join(clean["orders"].unique("order_id"), on="order_id")
    assert joined.height > 30
    assert joined.filter((money("amount") > money("total_amount")) | (money("amount") < 0)).is_empty()
    assert joined.filter(instant("refunded_at") <= instant("ordered_at")).is_empty()
    owner = clean["order_items"].select("order_item_id", line_order_id="order_id")
    assert joined.join(owner, on="order_item_id").filter(pl.col("order_id") != pl.col("line_order_id")).is_empty()


def test_what_happened_on_a_shop_day_is_delivered_on_it(
    tables: dict[str, pl.DataFrame], clean: dict[str, pl.DataFrame], labels: pl.DataFrame
) -> None:
    """18:30 UTC of the day before until 18:30 UTC; what is late or comes again is labelled."""
    windows = {
        "orders": instant("updated_at"),
        "order_items": pl.col("updated_at"),
        "payments": instant("paid_at"),
        "refunds": instant("refunded_at"),
        "inventory_movements": pl.col("moved_at"),
        "web_events": instant("event_at"),
    }
    for name, at in windows.items():
        outside = clean[name].filter(shop_day(at) != file_day())
        late = labels.filter(table=name, kind="late_event").select("file", event_id="key")
        if name == "web_events":
            assert outside.select("file", "event_id").sort("event_id").equals(late.sort("event_id"))
        else:
            assert outside.is_empty(), name
    changes = clean["customers"].filter(instant("updated_at") >= datetime(2026, 1, 4, 18, 30, tzinfo=UTC))
    stale = changes.filter(shop_day(instant("updated_at")) != file_day())
    expected = labels.filter(kind="out_of_order_change")["key"].to_list()
    arriving = labels.filter(kind="late_customer").join(tables["orders"], left_on="key", right_on="order_id")
    assert sorted(stale["customer_id"]) == sorted([*expected, *arriving["customer_id"]])


def test_updates_of_orders_come_the_next_day_with_the_same_money(clean: dict[str, pl.DataFrame]) -> None:
    again = clean["orders"].filter(shop_day(instant("ordered_at")) < file_day())
    first = clean["orders"].filter(shop_day(instant("ordered_at")) == file_day())
    both = again.join(first, on="order_id")
    assert 0.05 < again.height / first.filter(file_day() < date(2026, 1, 7)).height < 0.15
    assert both.filter(
        shop_day(instant("updated_at")).dt.offset_by("-1d") != shop_day(instant("ordered_at"))
    ).is_empty()
    assert (both["status"] != both["status_right"]).all()
    assert (both["total_amount"] == both["total_amount_right"]).all()


def test_an_older_change_arrives_after_a_newer_one(tables: dict[str, pl.DataFrame], labels: pl.DataFrame) -> None:
    stale = labels.filter(kind="out_of_order_change").select("file", customer_id="key", stale="value")
    assert stale.height
    joined = tables["customers"].join(stale, on="customer_id", suffix="_stale")
    earlier = joined.filter((pl.col("file") < pl.col("file_stale")) & (pl.col("updated_at") > pl.col("stale")))
    assert earlier["customer_id"].n_unique() == stale.height


def test_references_hold_but_for_the_labelled_orders(tables: dict[str, pl.DataFrame], labels: pl.DataFrame) -> None:
    known = tables["customers"].select("customer_id", since="file").unique()
    first = known.group_by("customer_id").agg(pl.col("since").min().str.slice(0, 10).str.to_date())
    orders = tables["orders"].filter(pl.col("customer_id") != "").join(first, on="customer_id", how="left")
    orphans = orders.filter(pl.col("since").is_null() | (pl.col("since") > file_day()))
    malformed = labels.filter(table="orders", kind="malformed_record").select("file", "line")
    orphans = orphans.join(malformed, on=["file", "line"], how="anti")
    assert sorted(orphans["order_id"]) == sorted(labels.filter(table="orders", expected="inferred")["key"])
    quarantined = labels.filter(table="customers", expected="quarantined").select("file", customer_id="key")
    sound = tables["customers"].join(quarantined, on=["file", "customer_id"], how="anti")
    late = labels.filter(table="orders", expected="inferred").select(order_id="key")
    buyers = tables["orders"].filter(pl.col("customer_id") != "").join(late, on="order_id", how="anti")
    assert buyers.join(sound, on="customer_id", how="anti").is_empty()
    assert tables["web_events"].drop_nulls("customer_id").join(sound, on="customer_id", how="anti").is_empty()
    broken = labels.filter(table="products", expected="quarantined").select("file", product_id="key")
    shelf = tables["products"].join(broken, on=["file", "product_id"], how="anti")
    for name in ("order_items", "inventory_movements", "web_events"):
        orphans = tables[name].drop_nulls("product_id").join(shelf, on="product_id", how="anti")
        unknown = labels.filter(table=name, kind="unknown_product")["key"]
        assert sorted(orphans[KEYS[name]]) == sorted(unknown), name
    assert tables["order_items"].join(tables["orders"], on="order_id", how="anti").is_empty()
    assert tables["refunds"].join(tables["order_items"], on="order_id", how="anti").is_empty()


def test_stock_opens_once_and_is_never_negative(tables: dict[str, pl.DataFrame]) -> None:
    place = ["product_id", "warehouse_code"]
    moves = tables["inventory_movements"].unique("movement_id").sort("moved_at", "movement_id")
    opening = moves.filter(movement_type="opening")
    assert not opening.select(place).is_duplicated().any()
    # An opening may itself be a planted row with an unknown type; every other movement has one before it.
    unopened = moves.join(opening, on=place, how="anti").select(place).unique()
    assert unopened.height <= moves.filter(movement_type="teleport").height
    balance = moves.select(units=pl.col("quantity").cum_sum().over(place))
    assert balance["units"].min() >= 0


def test_purchases_are_orders_and_sessions_look_like_sessions(clean: dict[str, pl.DataFrame]) -> None:
    events = clean["web_events"]
    bought = events.filter(event_type="purchase")
    orders = clean["orders"].unique("order_id")
    matched = bought.join(orders, on="order_id")
    assert matched.height > 400
    assert bought["order_id"].n_unique() == bought.height
    assert (matched["event_at"] == matched["ordered_at"]).all()
    assert events.filter(pl.col("order_id").is_not_null() & (pl.col("event_type") != "purchase")).is_empty()
    funnel = [
        events.filter(event_type=step).height
        for step in ("page_view", "product_view", "add_to_cart", "checkout", "purchase")
    ]
    assert funnel == sorted(funnel, reverse=True)
    bots = events.filter(device="bot")
    assert 0.02 < bots.height / events.height < 0.1
    assert bots["customer_id"].null_count() == bots.height
    assert events.filter(
        (pl.col("event_type") == "product_view") != pl.col("page_url").str.contains("/product/")
    ).is_empty()


def test_rates_and_postal_codes(
    tables: dict[str, pl.DataFrame], clean: dict[str, pl.DataFrame], delivery: Delivery
) -> None:
    rates = tables["fx_rates"]
    assert not rates.select("rate_date", "from_currency_code").is_duplicated().any()
    assert rates.height == 3 * len(delivery.days)
    assert set(rates["to_currency_code"]) == {"INR"}
    assert rates["rate"].str.contains(r"^\d+\.\d{6}$").all()
    codes = tables["postal_codes"]
    assert not codes.select("country_code", "postal_code").is_duplicated().any()
    assert [day for day, name in delivery.files if name == "postal_codes"] == delivery.days[:1]
    shipped = clean["orders"].select(country_code="ship_country_code", postal_code="ship_postal_code")
    assert shipped.join(codes, on=["country_code", "postal_code"], how="anti").is_empty()


def test_long_text_counts_in_bytes(labels: pl.DataFrame) -> None:
    planted = labels.filter(kind="too_long", column="city")["value"]
    assert (planted.str.len_bytes() > 128).all()
    assert (planted.str.len_bytes() > planted.str.len_chars() * 2).all()


def test_cost_stays_below_the_price(clean: dict[str, pl.DataFrame]) -> None:
    assert clean["products"].filter(money("cost_price") > money("list_price")).is_empty()
