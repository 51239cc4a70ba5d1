"""A whole delivery, files to marts: nothing lost, nothing counted twice, and the order of work does not matter."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from small_shop import Shop, built, differences, load, open_home, query, tables, unaccounted

from tasks.generate.defects import KEYS

TABLES = (
    "core.dim_date",
    "core.dim_geography",
    "core.dim_customer",
    "core.dim_product",
    "core.dim_channel",
    "core.dim_promotion",
    "core.fact_sales",
    "core.fact_payments",
    "core.fact_refunds",
    "core.fact_inventory_daily",
    "core.fact_inventory_movements",
    "core.fact_web_events",
    "core.fact_sessions",
    "mart.finance_daily_revenue",
    "mart.finance_payment_reconciliation",
    "mart.marketing_channel_performance",
    "mart.marketing_attribution",
    "mart.merchandising_product_performance",
    "mart.merchandising_category_yoy",
    "mart.merchandising_basket_affinity",
    "mart.supply_inventory_health",
    "mart.customer_360",
    "mart.customer_cohort_retention",
    "mart.customer_lifetime_value",
    "mart.web_funnel",
    "mart.web_session_metrics",
    "mart.executive_kpi_daily",
    "mart.data_quality_scorecard",
    "mart.data_freshness",
)


@pytest.fixture(scope="module")
def labels(shop: Shop) -> pl.DataFrame:
    return pl.read_parquet(shop.delivery.root / "defects.parquet")


@pytest.fixture(scope="module")
def loaded(shop: Shop) -> dict[str, pl.DataFrame]:
    return tables(shop.home)


# What a load leaves behind


def test_every_delivery_loads_without_a_failure(shop: Shop) -> None:
    assert [report.failures for report in shop.reports] == [[], []]
    assert [{e.status for e in report.entries} for report in shop.reports] == [{"loaded"}] * 2
    assert not any(report.already_loaded for report in shop.reports)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_the_design_is_there_and_filled(loaded: dict[str, pl.DataFrame], name: str) -> None:
    assert loaded[name].height > 0


def test_every_batch_balances_and_every_file_has_one(shop: Shop, loaded: dict[str, pl.DataFrame]) -> None:
    ledger = loaded["audit.load_ledger"]
    parts = pl.sum_horizontal("loaded_rows", "duplicate_rows", "quarantined_rows", "excluded_rows")
    assert ledger.filter(pl.col("delivered_rows") != parts).is_empty()
    named = ledger.select("delivery_date", pl.col("table_name").str.strip_prefix("raw."), "delivered_rows").rows()
    assert sorted(named) == sorted((day, table, rows) for (day, table), rows in shop.delivery.rows.items())


def test_the_clean_tables_hold_what_the_ledger_calls_loaded(loaded: dict[str, pl.DataFrame]) -> None:
    """A loaded row is a new key or replaces one: fewer stand only where later ones replace earlier ones."""
    sums = (
        loaded["audit.load_ledger"]
        .group_by(pl.col("table_name").str.strip_prefix("raw."))
        .agg(pl.col("loaded_rows").sum())
    )
    for table, rows in sums.iter_rows():
        standing = loaded[f"clean.{table}"]
        assert standing.height == rows if table not in ("orders", "fx_rates") else 0 < standing.height <= rows, table


def test_every_row_of_a_computed_table_was_recorded_by_a_build(shop: Shop) -> None:
    assert unaccounted(shop.home) == {}


# Planted defects


def quarantine(shop: Shop) -> pl.DataFrame:
    """Every quarantined record: its file, its line and the rules that it broke."""
    parts = [pl.read_parquet(path) for path in sorted((shop.home / "lake" / "quarantine").rglob("*.parquet"))]
    ledger = query(shop.home, "SELECT batch_id, delivery_date FROM audit.load_ledger")
    file = pl.format("{}/{}", pl.col("delivery_date").cast(pl.String), "file_name")
    return pl.concat(parts).join(ledger, on="batch_id").select(file=file, line="source_line", rules="rule_ids")


def test_every_planted_fault_is_set_aside_for_its_reason_and_nothing_else_is(shop: Shop, labels: pl.DataFrame) -> None:
    found = quarantine(shop)
    planted = labels.filter(expected="quarantined").select("file", "line", "rule")
    assert planted.height > 100
    caught = planted.join(found, on=["file", "line"]).filter(pl.col("rules").list.contains(pl.col("rule")))
    missed = planted.join(caught, on=["file", "line"], how="anti")
    assert missed.is_empty(), missed
    wrongly = found.join(planted, on=["file", "line"], how="anti")
    assert wrongly.height <= found.height * 0.01, wrongly


def test_every_planted_duplicate_is_counted(loaded: dict[str, pl.DataFrame], labels: pl.DataFrame) -> None:
    counted = loaded["audit.load_ledger"].group_by("table_name").agg(pl.col("duplicate_rows").sum())
    found = {table.removeprefix("raw."): rows for table, rows in counted.iter_rows() if rows}
    assert found == dict(labels.filter(expected="duplicate").group_by("table").len().iter_rows())


def test_every_order_that_does_not_tie_to_its_lines_is_told_and_no_other(
    loaded: dict[str, pl.DataFrame], labels: pl.DataFrame
) -> None:
    paid = pl.sum_horizontal("net_amount", "shipping_amount", "tax_amount").sum()
    lines = loaded["core.fact_sales"].group_by("order_id").agg(total=paid)
    orders = loaded["clean.orders"].join(lines, on="order_id", how="left")
    off = orders.filter(pl.col("total") != pl.col("total_amount"))
    told = loaded["audit.quality_result"].filter(rule_id="core.fact_sales.lines_sum_to_total", is_success=False)
    assert set(told["verdict"]) == {"warn"}
    # An order whose only line is in quarantine has no sale at all; its payments say so.
    without = orders.filter(pl.col("total").is_null())
    payments = loaded["mart.finance_payment_reconciliation"].filter(reconciliation_status="order_missing")
    assert without.join(loaded["clean.payments"], on="order_id").join(payments, on="order_id", how="anti").is_empty()
    planted = labels.filter(rule="core.fact_sales.lines_sum_to_total")
    assert sorted([*off["order_id"], *without["order_id"]]) == sorted(planted["key"])


def test_a_customer_who_was_never_delivered_is_inferred_and_one_who_comes_late_is_filled_in(
    loaded: dict[str, pl.DataFrame], labels: pl.DataFrame
) -> None:
    customers = loaded["core.dim_customer"].filter("is_current")
    buyers = loaded["clean.orders"].select("order_id", "customer_id")
    for kind, inferred in (("unknown_customer", True), ("late_customer", False)):
        orders = labels.filter(kind=kind).select(order_id="key")
        members = orders.join(buyers, on="order_id").join(customers, on="customer_id")
        assert members.height == orders.height
        assert set(members["is_inferred"]) == {inferred}


def test_untidy_codes_late_events_and_older_changes_are_loaded(
    loaded: dict[str, pl.DataFrame], labels: pl.DataFrame
) -> None:
    for table, part in labels.filter(expected="loaded").group_by("table"):
        keys = part.select(pl.col("key").alias(KEYS[str(table[0])]))
        assert keys.join(loaded[f"clean.{table[0]}"], on=keys.columns, how="anti").is_empty(), table
    assert loaded["clean.orders"]["currency_code"].str.contains("^[A-Z]{3}$").all()


# Again, in another order, all at once


def test_a_second_run_of_everything_changes_no_table_and_writes_no_row(
    shop: Shop, tmp_path: Path, loaded: dict[str, pl.DataFrame]
) -> None:
    home = shop.copy(shop.home, tmp_path)
    reports = load(home)
    assert [len(r.already_loaded) for r in reports] == [len(r.entries) for r in shop.reports]
    assert [(r.entries, r.builds, r.failures) for r in reports] == [([], {}, [])] * 2
    assert differences(loaded, tables(home)) == {}


def test_deliveries_in_another_order_give_the_same_tables(shop: Shop, tmp_path: Path) -> None:
    shop.copy(shop.delivery.root, tmp_path / "inbox")
    first, second = shop.delivery.days
    reports = load(tmp_path, [second, first])
    assert [r.failures for r in reports] == [[], []]
    assert differences(built(shop.home), built(tmp_path)) == {}


def test_computing_everything_anew_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    home = shop.copy(shop.home, tmp_path)
    space = open_home(home)
    try:
        for table in space.graph.order():
            if table.layer != "curated":
                counts, _ = space.loader.build(table, full=True)
                assert (counts.inserted, counts.updated, counts.deleted) == (0, 0, 0), table
    finally:
        space.close()
    assert differences(built(shop.home), built(home)) == {}
