"""The generator of deliveries: same bytes for the same seed, books that tie, and labels that tell the truth."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.generate import Delivery, Size, generate_delivery

SMALL = Size(customers=120, products=60, orders=200, web_events=1_500, days=3)
KEYS = {
    "customers": "customer_id",
    "products": "product_id",
    "orders": "order_id",
    "order_items": "order_item_id",
    "payments": "payment_id",
    "refunds": "refund_id",
    "inventory_movements": "movement_id",
    "web_events": "event_id",
}
DEFECTS = {
    ("bad_format", "customers", "email", "quarantined", "matches"),
    ("incomplete_lines", "orders", "total_amount", "warn", "condition"),
    ("inverted_pair", "products", "cost_price", "quarantined", "compare"),
    ("late_customer", "orders", "customer_id", "inferred", "foreign_key"),
    ("late_event", "web_events", "event_at", "loaded", None),
    ("missing_key", "orders", "customer_id", "quarantined", "not_null"),
    ("missing_key", "payments", "order_id", "quarantined", "not_null"),
    ("missing_key", "web_events", "visitor_id", "quarantined", "not_null"),
    ("out_of_order_change", "customers", "updated_at", "loaded", None),
    ("out_of_range", "order_items", "quantity", "quarantined", "between"),
    ("out_of_range", "refunds", "amount", "quarantined", "between"),
    ("redelivered", "payments", "payment_id", "duplicate", "unique"),
    ("redelivered", "web_events", "event_id", "duplicate", "unique"),
    ("too_long", "customers", "city", "quarantined", "byte_length"),
    ("too_long", "products", "product_name", "quarantined", "byte_length"),
    ("total_mismatch", "orders", "total_amount", "warn", "condition"),
    ("unknown_code", "customers", "loyalty_tier", "quarantined", "in_set"),
    ("unknown_code", "inventory_movements", "movement_type", "quarantined", "in_set"),
    ("unknown_code", "orders", "status", "quarantined", "in_set"),
    ("unknown_code", "payments", "tender", "quarantined", "in_set"),
    ("unknown_code", "products", "category", "quarantined", "in_set"),
    ("unknown_code", "refunds", "reason", "quarantined", "in_set"),
    ("unknown_code", "web_events", "event_type", "quarantined", "in_set"),
    ("unknown_customer", "orders", "customer_id", "inferred", "foreign_key"),
    ("unparsable", "customers", "birth_date", "quarantined", "parses_as"),
    ("unparsable", "orders", "ordered_at", "quarantined", "parses_as"),
    ("unparsable", "orders", "total_amount", "quarantined", "parses_as"),
    ("unparsable", "payments", "amount", "quarantined", "parses_as"),
    ("unparsable", "products", "list_price", "quarantined", "parses_as"),
    ("unparsable", "refunds", "refunded_at", "quarantined", "parses_as"),
    ("unparsable", "web_events", "event_at", "quarantined", "parses_as"),
    ("untidy_code", "orders", "currency_code", "loaded", None),
    ("untidy_code", "payments", "currency_code", "loaded", None),
    *(("duplicate_in_file", table, key, "duplicate", "unique") for table, key in KEYS.items()),
}


def read(path: Path) -> pl.DataFrame:
    """A delivered file, text as text."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    payload = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if ".jsonl" in path.name:
        return pl.read_ndjson(io.BytesIO(payload), infer_schema_length=None)
    return pl.read_csv(io.BytesIO(payload), infer_schema=False).fill_null("")


def table(delivery: Delivery, name: str) -> pl.DataFrame:
    """All days of a table, with `file` as the labels spell it."""
    parts = [
        read(path).with_columns(file=pl.lit(path.relative_to(delivery.root).as_posix()))
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
    wrong = labels.filter(pl.col("expected").is_in(["quarantined", "warn"]) | (pl.col("kind") == "untidy_code"))
    return {
        name: tables[name]
        .join(wrong.filter(table=name).select("file", pl.col("key").alias(key)), on=["file", key], how="anti")
        .unique(pl.exclude("file"), keep="first", maintain_order=True)
        for name, key in KEYS.items()
    }


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
    assert told == {name: table(delivery, name).height for name in told}
    assert sum(told.values()) == sum(delivery.rows.values())
    assert all(read(path).height == delivery.rows[key] for key, path in delivery.files.items())
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
    assert labels.columns == ["kind", "table", "delivery_date", "file", "key", "column", "value", "expected", "rule"]
    assert labels.height == delivery.defects
    assert set(labels.select("kind", "table", "column", "expected", "rule").unique().rows()) == DEFECTS


def test_every_label_names_a_row_with_the_planted_value(tables: dict[str, pl.DataFrame], labels: pl.DataFrame) -> None:
    for (name, column), part in labels.group_by("table", "column"):
        rows = tables[name].select("file", key=pl.col(KEYS[name]), value=pl.col(column).cast(pl.String)).unique()
        found = part.join(rows, on=["file", "key", "value"], how="semi", nulls_equal=True)
        assert_frame_equal(found, part)


def test_a_row_has_one_defect_at_most(labels: pl.DataFrame) -> None:
    assert not labels.select("table", "file", "key").is_duplicated().any()
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
            per_row = tables[name].filter(pl.col(KEYS[name]).is_in(keys)).group_by(pl.exclude("file")).agg("file")
            twice = per_row.filter(pl.col("file").list.len() == 2)
            assert twice.height == labels.filter(kind=kind, table=name).height
            assert (twice["file"].list.n_unique() == files).all()


def test_the_header_ties_to_its_lines_to_the_cent(clean: dict[str, pl.DataFrame]) -> None:
    lines = clean["order_items"].group_by("order_id").agg(subtotal=(pl.col("quantity") * money("unit_price")).sum())
    due = pl.col("subtotal") - money("discount_amount") + money("shipping_amount") + money("tax_amount")
    joined = clean["orders"].join(lines, on="order_id")
    assert joined.height > 5_000
    assert joined.filter(money("total_amount") != due).is_empty()
    assert joined.filter(money("total_amount") <= 0).is_empty()


def test_a_wrong_total_is_really_wrong(tables: dict[str, pl.DataFrame], labels: pl.DataFrame) -> None:
    loaded = tables["order_items"].filter(pl.col("quantity") > 0).unique("order_item_id")
    lines = loaded.group_by("order_id").agg(subtotal=(pl.col("quantity") * money("unit_price")).sum())
    warned = labels.filter(expected="warn").select(order_id="key")
    joined = tables["orders"].join(warned, on="order_id").join(lines, on="order_id", how="left")
    due = pl.col("subtotal") - money("discount_amount") + money("shipping_amount") + money("tax_amount")
    assert joined.height == warned.height
    assert joined.filter(money("total_amount") == due).is_empty()


def test_captures_sum_to_the_total(tables: dict[str, pl.DataFrame], clean: dict[str, pl.DataFrame]) -> None:
    payments = tables["payments"].unique("payment_id")
    # A payment that lost its order or its amount is known by neither: its order may fall short, no other may.
    lost = payments.filter((pl.col("order_id") == "") | pl.col("amount").str.ends_with("OO"))
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
    assert sorted(orphans["order_id"]) == sorted(labels.filter(expected="inferred")["key"])
    quarantined = labels.filter(table="customers", expected="quarantined").select("file", customer_id="key")
    sound = tables["customers"].join(quarantined, on=["file", "customer_id"], how="anti")
    late = labels.filter(expected="inferred").select(order_id="key")
    buyers = tables["orders"].filter(pl.col("customer_id") != "").join(late, on="order_id", how="anti")
    assert buyers.join(sound, on="customer_id", how="anti").is_empty()
    assert tables["web_events"].drop_nulls("customer_id").join(sound, on="customer_id", how="anti").is_empty()
    broken = labels.filter(table="products", expected="quarantined").select("file", product_id="key")
    shelf = tables["products"].join(broken, on=["file", "product_id"], how="anti")
    for name in ("order_items", "inventory_movements", "web_events"):
        assert tables[name].drop_nulls("product_id").join(shelf, on="product_id", how="anti").is_empty(), name
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


def test_rates_and_postal_codes(tables: dict[str, pl.DataFrame], delivery: Delivery) -> None:
    rates = tables["fx_rates"]
    assert not rates.select("rate_date", "from_currency_code").is_duplicated().any()
    assert rates.height == 3 * len(delivery.days)
    assert set(rates["to_currency_code"]) == {"INR"}
    assert rates["rate"].str.contains(r"^\d+\.\d{6}$").all()
    codes = tables["postal_codes"]
    assert not codes.select("country_code", "postal_code").is_duplicated().any()
    assert [day for day, name in delivery.files if name == "postal_codes"] == delivery.days[:1]
    shipped = tables["orders"].select(country_code="ship_country_code", postal_code="ship_postal_code")
    assert shipped.join(codes, on=["country_code", "postal_code"], how="anti").is_empty()


def test_long_text_counts_in_bytes(labels: pl.DataFrame) -> None:
    planted = labels.filter(kind="too_long")["value"]
    assert (planted.str.len_bytes() >= 300).all()
    assert (planted.str.len_bytes() > planted.str.len_chars() * 2).all()


def test_cost_stays_below_the_price(clean: dict[str, pl.DataFrame]) -> None:
    assert clean["products"].filter(money("cost_price") > money("list_price")).is_empty()
