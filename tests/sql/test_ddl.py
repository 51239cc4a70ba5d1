"""CREATE statements: their text on Redshift, and the table that DuckDB makes of it."""

from __future__ import annotations

import duckdb
import pytest
from sql_harness import contract

from contracts.model import Distribution
from sql import ddl
from sql.dialect import to_duckdb

SALES = contract(
    "core.fact_sales",
    """
    order_id varchar(8) key encode=zstd
    order_date date required
    amount decimal(18,2)
    share double precision
    is_open boolean
    sold_at timestamp
    """,
    {"strategy": "upsert", "increment": {"key": "order_date", "from": {"clean.orders": "order_date"}}},
    distribution=Distribution(style="key", column="order_id"),
    sort_key=("order_date", "order_id"),
)


def test_a_published_table_has_its_constraints_encoding_distribution_and_sort_key() -> None:
    assert " ".join(ddl.create_table(SALES).split()) == (
        "CREATE TABLE IF NOT EXISTS core.fact_sales ( order_id VARCHAR(8) NOT NULL ENCODE zstd, "
        "order_date DATE NOT NULL, amount DECIMAL(18,2), share DOUBLE PRECISION, is_open BOOLEAN, sold_at TIMESTAMP, "
        "PRIMARY KEY (order_id) ) DISTSTYLE KEY DISTKEY (order_id) COMPOUND SORTKEY (order_date, order_id)"
    )


@pytest.mark.parametrize(
    ("distribution", "said"),
    [
        (Distribution(), ""),
        (Distribution(style="all"), "DISTSTYLE ALL"),
        (Distribution(style="even"), "DISTSTYLE EVEN"),
    ],
)
def test_automatic_distribution_is_not_written(distribution: Distribution, said: str) -> None:
    table = contract("core.x", "a integer", distribution=distribution)
    assert ddl.create_table(table).endswith(f") {said}".strip())


def test_a_stage_takes_any_row_so_that_the_audit_can_tell() -> None:
    text = ddl.create_stage(SALES)
    assert "NOT NULL" not in text
    assert "PRIMARY KEY" not in text
    assert "DISTKEY (order_id)" in text


def test_the_queue_has_the_increment_key_or_a_word_for_everything() -> None:
    plain = contract("mart.x", "a integer")
    assert ddl.queue_column(SALES)[0] == "order_date"
    assert " ".join(ddl.create_pending(SALES).split()) == (
        "CREATE TABLE IF NOT EXISTS stage.pending__core__fact_sales ( order_date DATE NOT NULL )"
    )
    assert "pending_key VARCHAR(16) NOT NULL" in ddl.create_taken(plain)


def test_duckdb_makes_every_table_with_the_same_types_and_no_key_that_it_would_enforce() -> None:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    raw = contract("raw.orders", "a varchar(8)")
    for statement in ddl.create_all([raw, SALES]):
        connection.execute(to_duckdb(statement))
        connection.execute(to_duckdb(statement))
    described = connection.execute("DESCRIBE core.fact_sales").fetchall()
    assert [(row[0], row[1], row[2]) for row in described] == [
        ("order_id", "VARCHAR", "NO"),
        ("order_date", "DATE", "NO"),
        ("amount", "DECIMAL(18,2)", "YES"),
        ("share", "DOUBLE", "YES"),
        ("is_open", "BOOLEAN", "YES"),
        ("sold_at", "TIMESTAMP", "YES"),
    ]
    tables = connection.execute("SELECT table_schema || '.' || table_name FROM information_schema.tables").fetchall()
    assert {row[0] for row in tables} == {
        "core.fact_sales",
        "stage.pending__core__fact_sales",
        "stage.taken__core__fact_sales",
        ddl.RECONCILIATION_QUEUE,
    }
    connection.execute("INSERT INTO core.fact_sales (order_id, order_date) VALUES ('1', DATE '2024-01-01')")
    connection.execute("INSERT INTO core.fact_sales (order_id, order_date) VALUES ('1', DATE '2024-01-01')")


def test_comments_and_new_columns_run_on_duckdb() -> None:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    table = contract("core.x", "a integer\nb varchar(9) required encode=zstd")
    for statement in (*ddl.create_schemas(), ddl.create_table(contract("core.x", "a integer"))):
        connection.execute(to_duckdb(statement))
    connection.execute(to_duckdb(ddl.add_column(table.table, table.columns[1])))
    for statement in ddl.comments(table):
        connection.execute(to_duckdb(statement))
    comments = connection.execute(
        "SELECT column_name, comment, is_nullable FROM duckdb_columns() WHERE table_name = 'x' ORDER BY 1"
    ).fetchall()
    assert comments == [("a", "the a", True), ("b", "the b", True)]


def test_a_comment_may_hold_a_quote() -> None:
    quoted = contract("core.x", "a integer")
    quoted = type(quoted)(**{**quoted.__dict__, "description": "the shop's table"})
    assert ddl.comments(quoted)[0] == "COMMENT ON TABLE core.x IS 'the shop''s table'"
