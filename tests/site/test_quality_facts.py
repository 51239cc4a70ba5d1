"""What the quality pages are made of: rules that fail and since when, the last audits, as the audit tables say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from contracts.registry import Registry
from sql import ddl
from tasks.site import quality_pages
from tasks.site.quality_facts import AUDITS, QualityFacts, read_quality
from tasks.warehouse.duckdb import DuckDBWarehouse

MONDAY = date(2026, 1, 5)
ORDERS, SALES = "raw.orders", "core.fact_sales"


def day(n: int) -> date:
    return MONDAY + timedelta(days=n)


def at(n: int, hour: int = 10) -> datetime:
    return datetime(2026, 1, 5, hour) + timedelta(days=n)


class House:
    """The audit tables of a warehouse, filled by hand."""

    def __init__(self, warehouse: DuckDBWarehouse, registry: Registry) -> None:
        self.warehouse, self._registry = warehouse, registry

    def insert(self, table: str, **values: Any) -> None:
        columns = next(c for c in self._registry.layer("audit") if c.table.name == table).columns
        rest = {c.name: _anything(str(c.type)) for c in columns if c.required and c.name not in values}
        row = {**rest, **values}
        self.warehouse.insert_rows(f"audit.{table}", list(row), [row])

    def result(self, table: str, rule: str, n: int, failed: int = 0, **more: Any) -> None:
        """A rule of ten values on the day `n`, checked by the run `r<n>`: of its batch, or of a build."""
        run = more.pop("run", f"r{n}")
        of = {"batch_id": f"b{n}"} if table == ORDERS else {"batch_id": "", "delivery_date": day(n)}
        common = {"run_id": run, "table_name": table, "rule_id": f"{table}.{rule}", "checked_at": at(n), **of}
        counts = {"evaluated_count": 10, "failed_count": failed, "is_success": failed == 0}
        names = {"verdict": "quarantine", "dimension": "conformity", "severity": "critical", "kind": "in_set"}
        self.insert("quality_result", **{**common, **counts, **names, **more})

    def delivered(self, *days: int) -> None:
        for n in days:
            ids = {"batch_id": f"b{n}", "run_id": f"r{n}", "table_name": ORDERS, "file_name": f"orders.{n}.csv"}
            rows = {"delivered_rows": 10, "loaded_rows": 9, "quarantined_rows": 1}
            self.insert("load_ledger", delivery_date=day(n), status="loaded", loaded_at=at(n), **ids, **rows)
            score = {"delivery_date": day(n), "table_name": ORDERS, "layer": "raw", "dimension": "conformity"}
            counts = {"evaluated_count": 10, "failed_count": 1, "score": 0.9, "threshold": 0.97, "is_passed": False}
            self.insert("quality_score", run_id=f"r{n}", scored_at=at(n), **score, **counts)

    def read(self) -> QualityFacts:
        found = read_quality(self.warehouse)
        assert found is not None
        return found

    def standings(self) -> dict[str, dict[str, Any]]:
        return {row["rule_id"]: row for row in self.read().standings.iter_rows(named=True)}


def _anything(kind: str) -> Any:
    if kind in ("date", "timestamp"):
        return MONDAY if kind == "date" else at(0)
    return "" if kind.startswith("varchar") else False if kind == "boolean" else 0


@pytest.fixture
def house() -> Iterator[House]:
    registry = Registry.read()
    with DuckDBWarehouse(None) as warehouse:
        for statement in ddl.create_all(registry.layer("audit")):
            warehouse.execute(statement)
        yield House(warehouse, registry)


def test_where_nothing_was_scored_there_is_nothing_to_show(house: House) -> None:
    assert read_quality(house.warehouse) is None


def test_a_rule_fails_since_the_first_day_after_it_last_held(house: House) -> None:
    house.delivered(0, 1, 2, 3, 4)
    for n, failed in enumerate((2, 0, 1, 3, 4)):
        house.result(ORDERS, "status.in_set", n, failed)
    (found,) = house.standings().values()
    assert (found["since"], found["failed_on"], found["checked_on"]) == (day(2), day(4), day(4))
    assert (found["days_failed"], found["days_checked"], found["failed_count"]) == (4, 5, 4)


def test_a_rule_that_holds_again_has_no_since_and_comes_after_those_that_fail(house: House) -> None:
    house.delivered(0, 1, 2)
    for n, (one, two) in enumerate(((1, 0), (1, 0), (0, 1))):
        house.result(ORDERS, "a.not_null", n, one)
        house.result(ORDERS, "b.not_null", n, two)
    house.result(ORDERS, "c.not_null", 2)
    assert {rule: row["since"] for rule, row in house.standings().items()} == {
        "raw.orders.b.not_null": day(2),
        "raw.orders.a.not_null": None,
    }
    assert list(house.standings()) == ["raw.orders.b.not_null", "raw.orders.a.not_null"]


def test_a_built_table_counts_by_the_last_build_of_a_day(house: House) -> None:
    house.delivered(0)
    house.result(SALES, "key", 0, 5, run="early", checked_at=at(0, 8))
    house.result(SALES, "key", 0, 0, run="late", checked_at=at(0, 9))
    assert house.standings() == {}


def test_a_redrive_counts_for_no_day(house: House) -> None:
    house.delivered(0)
    house.result(ORDERS, "status.in_set", 0)
    house.result(ORDERS, "status.in_set", 0, 7, run="redrive", checked_at=at(9))
    found = house.read()
    assert found.standings.is_empty()
    assert found.audits.get_column("run_id").to_list() == ["redrive", "r0"]


def test_the_last_audits_of_each_table_come_with_their_file_and_what_failed(house: House) -> None:
    days = range(AUDITS + 2)
    house.delivered(*days)
    for n in days:
        house.result(ORDERS, "a.not_null", n, n % 2)
        house.result(ORDERS, "b.not_null", n, 3)
        house.result(SALES, "key", n)
    audits = house.read().audits
    orders = audits.filter(audits["table_name"] == ORDERS)
    assert orders.get_column("delivery_date").to_list() == [day(n) for n in reversed(days)][:AUDITS]
    assert orders.select("file_name", "rule_count", "failed_rules", "failed_count").row(0) == ("orders.11.csv", 2, 2, 4)
    assert audits.filter(audits["table_name"] == SALES).height == AUDITS


def test_what_is_open_is_added_up_by_rule(house: House) -> None:
    house.delivered(0, 1)
    for n in (0, 1):
        rule = {"table_name": ORDERS, "rule_id": "raw.orders.malformed", "row_count": 3}
        house.insert("quarantine", batch_id=f"b{n}", quarantined_at=at(n), **rule)
    assert house.read().open.rows() == [(ORDERS, "raw.orders.malformed", 6, 2, at(0))]


def test_a_column_may_have_any_name(house: House) -> None:
    """Also that of the day which the figures are by."""
    house.delivered(0)
    for column in ("delivery_date", "day", "value"):
        measure = {"measure": "null_share", "column_name": column, "value": 0.25, "row_count": 4, "points": 0}
        of = {"delivery_date": MONDAY, "table_name": "clean.orders", "status": "learning", "run_id": "r0"}
        house.insert("trend", **measure, **of)
    found, out = house.read(), {"shares": [], "data": []}
    quality_pages._share_charts(found.measures, out)
    assert out["data"][0].names == ("Day", "day", "delivery_date", "value")
    assert out["data"][0].rows == [("2026-01-05", "25.0", "25.0", "25.0")]
