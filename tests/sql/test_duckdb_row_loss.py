"""DuckDB loses rows silently: an empty INSERT ... SELECT and a large one into one table in one transaction.

Seen on 1.0 to 2.0.0 with two or more threads: no error, COUNT(*) and COUNT(column) count the rows, no scan sees them.
`SET preserve_insertion_order = false` avoids it. When DuckDB has repaired it, the last two tests may go; the setting is
then a matter of speed only.
"""

from __future__ import annotations

from datetime import date

import duckdb
import pytest
from small_shop import read_repository
from sql_harness import Bench, contract, counts

from sql import merge
from sql.dialect import SESSION

ROWS = 122_880  # a row group: from here on DuckDB writes an INSERT's rows aside, in parallel
FAULTY_UP_TO = (2, 0, 0)
VERSION = tuple(int(part) for part in duckdb.__version__.split(".")[:3])
INSERT = "INSERT INTO t SELECT a, b FROM source"
MERGE = (
    "MERGE INTO t USING source AS s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = s.b "
    "WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, s.b)"
)


EMPTY = "INSERT INTO t SELECT a, b FROM source WHERE a < 0"


def filled(second: str, settings: tuple[str, ...], first: str = EMPTY) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"threads": 2})
    for setting in settings:
        connection.execute(setting)
    connection.execute("CREATE TABLE t (a BIGINT NOT NULL, b VARCHAR)")
    connection.execute(f"CREATE TABLE source AS SELECT i AS a, 'x' || i AS b FROM range({ROWS}) AS r(i)")
    connection.execute("BEGIN")
    connection.execute(first)
    connection.execute(second)
    connection.execute("COMMIT")
    return connection


def number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("second", [INSERT, MERGE], ids=["insert", "merge"])
def test_with_our_session_every_row_is_there(second: str) -> None:
    connection = filled(second, SESSION)
    assert number(connection, "SELECT SUM(a) FROM t") == ROWS * (ROWS - 1) // 2
    assert number(connection, "SELECT COUNT(DISTINCT b) FROM t") == ROWS


@pytest.mark.parametrize("second", [INSERT, MERGE], ids=["insert", "merge"])
def test_without_the_setting_rows_are_lost_and_counts_do_not_tell(second: str) -> None:
    connection = filled(second, ())
    expected = 0 if VERSION <= FAULTY_UP_TO else ROWS
    assert number(connection, "SELECT COUNT(DISTINCT b) FROM t") == expected
    assert number(connection, "SELECT COUNT(*) FROM t") == ROWS
    assert number(connection, "SELECT COUNT(a) FROM t") == ROWS


def test_an_order_overrules_the_setting_where_both_inserts_have_one() -> None:
    """Why a publish inserts into its table once."""
    by_a = " ORDER BY a"
    lost = 0 if VERSION <= FAULTY_UP_TO else ROWS
    assert number(filled(INSERT + by_a, SESSION, EMPTY + by_a), "SELECT COUNT(DISTINCT b) FROM t") == lost
    for first in (EMPTY, "DELETE FROM t", "DELETE FROM t USING source AS s WHERE t.a = s.a"):
        assert number(filled(INSERT + by_a, SESSION, first), "SELECT COUNT(DISTINCT b) FROM t") == ROWS


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_a_publish_inserts_into_its_table_at_most_once(*, first: bool, full: bool) -> None:
    registry, graph = read_repository()
    for made in registry.values():
        if made.table.layer != "raw":
            at_once = first and bool(made.key)
            plan = merge.publish(made, registry, graph, full=full, first=at_once)
            if at_once and made.table in graph.tables:
                plan += merge.build_stage(made, graph, registry, full=full, first=True)
            assert len([s for s in plan if s.sql.startswith(f"INSERT INTO {made.table} ")]) <= 1


@pytest.mark.parametrize("column", ["a", "b"])
def test_count_rows_tells_what_a_scan_sees(column: str) -> None:
    connection = filled(INSERT, ())
    assert number(connection, merge.count_rows("t", column)) == number(connection, "SELECT COUNT(DISTINCT a) FROM t")
    assert number(filled(INSERT, SESSION), merge.count_rows("t", column)) == ROWS


def test_a_large_build_and_publish_lose_nothing_on_two_threads() -> None:
    orders = contract("clean.orders", "order_id bigint key\norder_date date\namount integer", {"strategy": "append"})
    sales = contract(
        "core.sales",
        "order_id bigint key\norder_date date required\namount integer",
        {
            "strategy": "upsert",
            "date": "order_date",
            "increment": {"key": "order_id", "from": {"clean.orders": "order_id"}},
        },
    )
    text = {"core.sales": "SELECT order_id, order_date, amount FROM clean.orders"}
    bench = Bench([orders, sales], text, threads=2)
    day = date(2024, 1, 1)
    assert bench.load("clean.orders", []) == counts()
    for statement in merge.empty_stage(orders):
        bench.run(statement.sql)
    bench.connection.execute(
        f"INSERT INTO {orders.table.stage} SELECT i, DATE '{day}', 1 FROM range({ROWS + 1}) AS r(i)"
    )
    assert bench.publish("clean.orders") == counts(inserted=ROWS + 1)
    bench.connection.execute("BEGIN")
    for statement in merge.build_stage(sales, bench.graph, bench.registry, full=False):
        bench.run(statement.sql)
    bench.connection.execute("COMMIT")
    assert bench.publish("core.sales") == counts(inserted=ROWS + 1)
    assert number(bench.connection, "SELECT SUM(amount) FROM core.sales") == ROWS + 1
    bench.run("UPDATE clean.orders SET amount = 2")
    assert bench.build("core.sales", full=True) == counts(updated=ROWS + 1)
    assert number(bench.connection, "SELECT SUM(amount) FROM core.sales") == 2 * (ROWS + 1)
