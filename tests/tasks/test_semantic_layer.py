"""Every measure as MetricFlow computes it from the semantic layer, and as plain SQL does, on the sample."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow.sql.render.redshift import RedshiftSqlPlanRenderer
from metricflow_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
from metricflow_semantic_interfaces.parsing.dir_to_model import parse_yaml_file_paths_to_semantic_manifest
from metricflow_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
from small_shop import Shop, read_repository

from contracts.registry import REPOSITORY
from sql.dialect import parse_select
from sql.semantic import FILE
from tasks.settings import Settings
from tasks.warehouse import Warehouse, open_warehouse

SALES, REFUNDS, SESSIONS = "core.fact_sales", "core.fact_refunds", "core.fact_sessions"
STOCK, FUNNEL, SCORES = "core.fact_inventory_daily", "mart.web_funnel", "mart.data_quality_scorecard"
KPI, CUSTOMERS = ("mart.executive_kpi_daily", "kpi_date"), ("mart.customer_360", "registered_at")
OF_SALES, OF_SESSIONS = (SALES, "order_date"), (SESSIONS, "session_date")
_BALANCES = (
    "SELECT *, LAG(closing_quantity, 1, 0) OVER (ORDER BY snapshot_date) AS before FROM core.fact_inventory_totals"
)
# What each measure of rows is, said again: table, date, aggregate. Where a mart has the figure, it is the mart's.
PLAIN: dict[str, tuple[str, str, str]] = {
    "net_revenue": (*KPI, "SUM(net_reporting_amount)"),
    "orders": (*OF_SALES, "COUNT(DISTINCT order_id) FILTER (WHERE NOT is_cancelled)"),
    "cancelled_orders": (*KPI, "SUM(cancelled_order_count)"),
    "units_sold": (*KPI, "SUM(unit_count)"),
    "buyers": (*OF_SALES, "COUNT(DISTINCT NULLIF(customer_id, '(unknown)')) FILTER (WHERE NOT is_cancelled)"),
    "gross_margin": (
        *OF_SALES,
        "SUM(net_reporting_amount) FILTER (WHERE is_revenue AND cost_reporting_amount IS NOT NULL) "
        "- SUM(cost_reporting_amount) FILTER (WHERE is_revenue AND net_reporting_amount IS NOT NULL)",
    ),
    "refunds": (REFUNDS, "refund_date", "COUNT(refund_id)"),
    "refunded_revenue": (*KPI, "SUM(refund_reporting_amount)"),
    "payments_captured": ("core.fact_payments", "payment_date", "COUNT(*) FILTER (WHERE captured_amount > 0)"),
    "money_captured": ("core.fact_payments", "payment_date", "SUM(captured_reporting_amount)"),
    "sessions": (*KPI, "SUM(session_count)"),
    "visitors": (*OF_SESSIONS, "COUNT(DISTINCT visitor_id) FILTER (WHERE NOT is_bot)"),
    "bounces": ("mart.web_session_metrics", "session_date", "SUM(bounce_count)"),
    "sessions_with_purchase": ("mart.web_session_metrics", "session_date", "SUM(purchase_session_count)"),
    "session_seconds": ("mart.web_session_metrics", "session_date", "SUM(duration_seconds)"),
    "human_events": ("core.fact_web_events", "event_date", "COUNT(*) FILTER (WHERE NOT is_bot)"),
    "stock_on_hand": ("core.fact_inventory_totals", "snapshot_date", "SUM(closing_quantity)"),
    "stock_outs": (STOCK, "snapshot_date", "COUNT(*) FILTER (WHERE closing_quantity <= 0)"),
    "units_received": (STOCK, "snapshot_date", "SUM(received_quantity)"),
    "units_shipped": (STOCK, "snapshot_date", "SUM(sold_quantity)"),
    "stock_movements_made": ("core.fact_inventory_totals", "snapshot_date", "SUM(movement_count)"),
    "stock_change": (f"({_BALANCES})", "snapshot_date", "SUM(closing_quantity - before)"),
    "customers": (*CUSTOMERS, "COUNT(DISTINCT customer_id)"),
    "lifetime_value": (*CUSTOMERS, "SUM(lifetime_value_amount)"),
    "attributed_orders": (
        "mart.marketing_attribution",
        "conversion_date",
        "COUNT(DISTINCT CASE WHEN is_revenue THEN order_id END)",
    ),
    "attributed_revenue": ("mart.marketing_attribution", "conversion_date", "SUM(net_reporting_amount)"),
    "funnel_sessions": (*OF_SESSIONS, "COUNT(*) FILTER (WHERE NOT is_bot)"),
    "product_view_sessions": (FUNNEL, "session_date", "SUM(product_view_session_count)"),
    "cart_sessions": (FUNNEL, "session_date", "SUM(add_to_cart_session_count)"),
    "checkout_sessions": (FUNNEL, "session_date", "SUM(checkout_session_count)"),
    "new_customers": ("mart.customer_360", "first_order_date", "COUNT(first_order_date)"),
    "values_evaluated": (SCORES, "delivery_date", "SUM(evaluated_count)"),
    "values_kept": (SCORES, "delivery_date", "SUM(evaluated_count) - SUM(failed_count)"),
}
LAST_DAY = ("stock_on_hand", "stock_outs")
# Of these two days have none.
NONE = ("stock_outs", "units_received")
REGISTRY, _ = read_repository()
MEASURES = {m.name: m for contract in REGISTRY.values() for m in contract.measures}
By = dict[Any, Any]


class _Client:
    """What MetricFlow asks of a connection in order to write SQL."""

    def __init__(self, kind: SqlEngine, renderer: Any) -> None:
        self.sql_engine_type, self.sql_plan_renderer = kind, renderer

    def render_bind_parameter_key(self, key: str) -> str:
        return f":{key}"


class Layer:
    """Questions to the committed file, answered by MetricFlow's SQL."""

    def __init__(self, manifest: PydanticSemanticManifest, warehouse: Warehouse) -> None:
        self._warehouse, self._lookup = warehouse, SemanticManifestLookup(manifest)

    def sql(self, names: list[str], by: list[str], engine: SqlEngine = SqlEngine.DUCKDB) -> str:
        renderer = DuckDbSqlPlanRenderer() if engine is SqlEngine.DUCKDB else RedshiftSqlPlanRenderer()
        asked = MetricFlowQueryRequest.create(metric_names=names, group_by_names=by)
        flow = MetricFlowEngine(self._lookup, _Client(engine, renderer))  # type: ignore[arg-type]
        return str(flow.explain(asked).sql_statement.sql)

    def __call__(self, names: list[str], *by: str) -> list[dict[str, Any]]:
        return self._warehouse.native(self.sql(names, list(by))).to_dicts()


@pytest.fixture(scope="module")
def manifest() -> PydanticSemanticManifest:
    return parse_yaml_file_paths_to_semantic_manifest([str(REPOSITORY / FILE)]).semantic_manifest


@pytest.fixture(scope="module")
def warehouse(shop: Shop) -> Iterator[Warehouse]:
    with open_warehouse(Settings(home=shop.home), read_only=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def layer(manifest: PydanticSemanticManifest, warehouse: Warehouse) -> Layer:
    return Layer(manifest, warehouse)


@pytest.fixture(scope="module")
def plain(warehouse: Warehouse) -> dict[str, By]:
    """Each measure by day; under None in total, of what is not added up over days on the last."""
    found: dict[str, By] = {}
    for name, (table, day, aggregate) in PLAIN.items():
        rows = warehouse.native(f"SELECT CAST({day} AS DATE) AS day, {aggregate} AS value FROM {table} GROUP BY ALL")
        found[name] = {day: value for day, value in rows.iter_rows() if day is not None}
        total = warehouse.native(f"SELECT {aggregate} AS value FROM {table}").item()
        found[name][None] = found[name][max(found[name])] if name in LAST_DAY else total
    for name, measure in MEASURES.items():
        if measure.made_of:
            found[name] = _made(name, *(found[part] for part in measure.made_of))
    return found


def _made(name: str, first: By, second: By) -> By:
    if MEASURES[name].difference:
        return {at: (first.get(at) or 0) - (second.get(at) or 0) for at in {*first, *second}}
    return {at: float(first.get(at) or 0) / float(second[at]) if second.get(at) else None for at in {*first, *second}}


def _day(value: object) -> date | None:
    return value.date() if isinstance(value, datetime) else value  # type: ignore[return-value]


def _same(told: Any, expected: Any) -> bool:
    return float(told or 0) == pytest.approx(float(expected or 0), rel=1e-9)


def test_metricflows_own_rules_find_no_fault(manifest: PydanticSemanticManifest) -> None:
    found = SemanticManifestValidator[PydanticSemanticManifest]().validate_semantic_manifest(manifest)
    assert [issue.message for issue in found.all_issues] == []
    assert {metric.name for metric in manifest.metrics} == set(MEASURES)


def test_every_measure_of_rows_has_its_counterpart_in_plain_sql() -> None:
    assert set(PLAIN) == {name for name, measure in MEASURES.items() if not measure.made_of}


@pytest.fixture(scope="module")
def told(layer: Layer) -> dict[str, By]:
    """Each measure as MetricFlow has it, by day, under None in total; all of them are asked at once."""
    (total,) = layer([*MEASURES])
    # Customers who have not registered are of no day.
    days = [row for row in layer([*MEASURES], "metric_time") if row["metric_time__day"]]
    return {
        name: {None: total[name], **{_day(row["metric_time__day"]): row[name] for row in days}} for name in MEASURES
    }


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_is_what_plain_sql_makes_of_it_in_total_and_by_day(
    told: dict[str, By], plain: dict[str, By], name: str
) -> None:
    assert (float(plain[name][None]) == 0) == (name in NONE), "a sample that has none of it shows nothing"
    assert {day: told[name].get(day) for day in plain[name] if not _same(told[name].get(day), plain[name][day])} == {}
    assert {day for day, value in told[name].items() if value and day not in plain[name]} <= {None}


def test_what_is_not_added_up_over_days_is_less_than_all_days_together(told: dict[str, By]) -> None:
    for name in ("stock_on_hand", "visitors", "average_order_value"):
        assert float(told[name][None]) < sum(float(value or 0) for day, value in told[name].items() if day)


def test_facts_are_told_by_the_version_that_held_and_by_the_customer_of_today(
    layer: Layer, warehouse: Warehouse
) -> None:
    of_version = warehouse.native(
        "SELECT p.category, SUM(s.net_reporting_amount) FROM core.fact_sales AS s "
        "JOIN core.dim_product AS p ON p.product_id = s.product_id AND s.ordered_at >= p.effective_from "
        "AND s.ordered_at < p.effective_to WHERE s.is_revenue GROUP BY ALL"
    )
    found = {
        row["product_version__category"]: row["net_revenue"]
        for row in layer(["net_revenue"], "product_version__category")
    }
    assert {name: value for name, value in found.items() if value} == {n: v for n, v in of_version.iter_rows() if v}
    of_segment = warehouse.native("SELECT rfm_segment, SUM(order_count)::BIGINT FROM mart.customer_360 GROUP BY ALL")
    told = {row["customer__rfm_segment"]: row["orders"] for row in layer(["orders"], "customer__rfm_segment")}
    for segment, orders in of_segment.iter_rows():
        assert told.get(segment, 0) == orders


def test_what_metricflow_writes_for_redshift_is_redshifts(layer: Layer) -> None:
    for names in (["net_revenue", "average_order_value"], ["stock_on_hand"], ["net_revenue_after_refunds"]):
        text = layer.sql(names, ["metric_time"], SqlEngine.REDSHIFT)
        assert parse_select(text, "metricflow").named_selects[-1] == names[-1]
