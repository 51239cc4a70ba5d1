"""The query benchmark: its queries are portable and answer, and it tells which scans spare row groups."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import queries
from queries import AIM_MS, Scan
from rich.console import Console
from small_shop import Shop, read_repository

from contracts.ids import TableId
from contracts.registry import Registry
from sql import ddl, portable
from tasks.settings import Settings
from tasks.warehouse.duckdb import DuckDBWarehouse

FOUND = queries.read_queries()
IDS = [query.name for query in FOUND]
# Every value that a bind can have, so that each query becomes text without a warehouse.
VALUES = {name: "x" for query in FOUND for name in query.binds}
GROUPS = 4


@pytest.fixture(scope="module")
def opened(shop: Shop) -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(shop.home / "warehouse.duckdb", threads=1, read_only=True) as warehouse:
        yield warehouse


@pytest.fixture(scope="module")
def values(opened: DuckDBWarehouse) -> list[dict[str, object]]:
    return queries.parameters(opened)


def test_every_kind_is_asked_from_facts_and_from_marts() -> None:
    layers = {
        kind: {t.db for q in FOUND if q.kind == kind for t in q.select.find_all(queries.exp.Table)} for kind in AIM_MS
    }
    assert {kind for kind, found in layers.items() if {"core", "mart"} <= found} == set(AIM_MS)


@pytest.mark.parametrize("query", FOUND, ids=IDS)
def test_a_query_keeps_to_the_portable_subset(query: queries.Query) -> None:
    faults = portable.faults(query.bound(VALUES))
    assert [f"{query.name}.sql: {fault.rule}: {fault.message}" for fault in faults] == []


@pytest.mark.parametrize("query", FOUND, ids=IDS)
def test_a_query_answers(query: queries.Query, opened: DuckDBWarehouse, values: list[dict[str, object]]) -> None:
    statements = queries.texts(query, values)
    assert any(opened.native(statement).height for statement in statements)


def test_a_file_that_names_no_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.sql").write_text("-- report: what is asked.\nSELECT 1 AS one\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"odd\.sql:1: begin with `-- kind"):
        queries.read_queries(tmp_path)


@pytest.mark.parametrize(
    ("scan", "spared"),
    [
        (Scan("core.fact_sales", "(order_date = '2026-01-05'::DATE)", 300, 122_880, 1, 40), True),
        # 300 rows may lie across two row groups, and a row group of late rows comes on top.
        (Scan("core.fact_sales", "(order_date = '2026-01-05'::DATE)", 300, 245_760, 5, 40), True),
        (Scan("core.fact_sales", "(order_date = '2026-01-05'::DATE)", 300, 2_000_000, 20, 40), False),
        # Nothing can be spared of a small table, or where most rows are wanted.
        (Scan("core.fact_sales", "(order_date > '2026-01-05'::DATE)", 300, 2_000, 2, 2), True),
        (Scan("core.fact_sales", "(order_date > '2026-01-05'::DATE)", 4_900_000, 4_915_200, 40, 40), True),
        # The key orders by order_date first: no other column promises anything.
        (Scan("core.fact_sales", "(order_id = 'O1')", 3, 4_915_200, 40, 40), None),
        (Scan("core.fact_sales", "(order_date_2 = 'O1')", 3, 4_915_200, 40, 40), None),
    ],
)
def test_a_filter_by_the_sort_key_should_spare_row_groups(scan: Scan, spared: bool | None) -> None:
    assert scan.is_spared(Registry.read()[TableId.parse(scan.table)].sort_key) is spared


@pytest.mark.parametrize(("order", "spared"), [("i", True), ("HASH(i)", False)])
def test_scans_tell_sorted_rows_from_scattered_ones(tmp_path: Path, order: str, spared: bool) -> None:
    rows = GROUPS * queries.ROW_GROUP
    with DuckDBWarehouse(tmp_path / "w.duckdb", threads=1) as warehouse:
        warehouse.native("CREATE SCHEMA core")
        warehouse.native(
            f"CREATE TABLE core.t AS SELECT i AS day, i % 7 AS b FROM range({rows}) AS r(i) ORDER BY {order}"
        )
        (scan,) = queries.scans(warehouse, f"SELECT SUM(b) FROM core.t WHERE day = {rows // 2}")
        assert (scan.table, scan.row_count, scan.groups) == ("core.t", 1, GROUPS)
        assert scan.scanned_groups == (1 if spared else GROUPS)
        assert scan.is_spared(["day", "b"]) is spared


def test_the_stock_of_a_day_lies_in_the_row_groups_of_its_month(tmp_path: Path) -> None:
    """Its table is too large to be sorted: the SELECT gives it month by month."""
    registry, graph = read_repository()
    movements, totals, stock = (
        registry[TableId.parse(name)]
        for name in ("clean.inventory_movements", "core.fact_inventory_totals", "core.fact_inventory_daily")
    )
    with DuckDBWarehouse(tmp_path / "w.duckdb", threads=2) as warehouse:
        for statement in (
            *ddl.create_schemas(["clean", "core"]),
            *(ddl.create_table(made) for made in (movements, stock)),
            ddl.create_table(totals, nullable=totals.names),
        ):
            warehouse.execute(statement)
        warehouse.native(
            "INSERT INTO core.fact_inventory_totals (snapshot_date) "
            "SELECT DATE '2026-01-01' + i::INT FROM range(240) AS r(i)"
        )
        warehouse.native(
            "INSERT INTO clean.inventory_movements SELECT 'M' || i, 'P' || i, 'W1', 'opening', 5, "
            "TIMESTAMP '2026-01-01', DATE '2026-01-01', 'h', DATE '2026-01-02', 'b', i FROM range(5000) AS r(i)"
        )
        warehouse.execute(f"INSERT INTO {stock.table} {graph.text(stock.table)}")
        (scan,) = queries.scans(
            warehouse,
            "SELECT SUM(closing_quantity) FROM core.fact_inventory_daily WHERE snapshot_date = DATE '2026-04-15'",
        )
    assert scan.groups > 8
    assert scan.scanned_groups < scan.groups / 3


def test_the_command_measures_and_tells(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "queries.json"
    command = ["queries.py", "--home", str(shop.home), "--json", str(target), "--executions", "3", "--cold", "1"]
    monkeypatch.setattr("sys.argv", [*command, "--only", "stock"])
    queries.main()
    found = {row["name"]: row for row in json.loads(target.read_text())}
    assert found.keys() == {"stock_on_day", "stock_value_on_day"}
    one = found["stock_on_day"]
    assert 0 < one["p50_ms"] <= one["p95_ms"]
    assert one["cold_p50_ms"] > 0
    assert (one["bench"], one["kind"], one["aim_ms"], one["met"]) == ("queries", "aggregate", 200, one["p95_ms"] < 200)
    assert 0 < one["scanned_share"] <= 1
    said = capsys.readouterr().out
    assert "of 2 aims are met." in said
    assert "2 of 2 filters by a sort key spare row groups." in said


def test_a_scan_that_spares_nothing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    result = queries.Result("queries", "by_day", "aggregate", 1.0, 2.0, 1.0, 3.0, 4.0, 1.0, 200, True)
    scan = Scan("core.fact_sales", "(order_date = '2026-01-05'::DATE)", 300, 2_000_000, 20, 40)
    queries.report(Settings(threads=2), [(result, [scan])], Console(width=200))
    said = " ".join(capsys.readouterr().out.split())
    assert "0 of 1 filters by a sort key spare row groups." in said
    assert "by_day: core.fact_sales gives 300 rows, and 20 of 40 row groups are read" in said
