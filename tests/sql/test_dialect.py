"""A statement and its other forms; and what DuckDB answers, beside what Redshift's manual says it answers."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest
from documented_answers import ANSWERS, NULL_ORDERS

from sql.dialect import (
    SESSION,
    SqlError,
    binds_of,
    parse_select,
    parse_statement,
    to_duckdb,
    to_redshift,
    to_spark,
)

FORMS = [
    ("SELECT NVL(a, b)", "SELECT COALESCE(a, b)", "SELECT COALESCE(a, b)"),
    ("SELECT a::VARCHAR(3)", "SELECT CAST(a AS TEXT(3))", "SELECT CAST(a AS VARCHAR(3))"),
    ("SELECT a || b", "SELECT a || b", "SELECT a || b"),
    ("SELECT LEN(a)", "SELECT LENGTH(a)", "SELECT LENGTH(a)"),
    ("SELECT :run_at", "SELECT $run_at", "SELECT :run_at"),
    ("SELECT STRTOL(a, 16)", "SELECT CAST('0x' || a AS BIGINT)", "SELECT CAST(CONV(a, 16, 10) AS BIGINT)"),
    ("SELECT DATE_TRUNC('month', a)", "SELECT DATE_TRUNC('MONTH', a)", "SELECT DATE_TRUNC('MONTH', a)"),
    (
        "SELECT TO_CHAR(a, 'YYYY-MM-DD HH24:MI:SS.US')",
        "SELECT STRFTIME(a, '%Y-%m-%d %H:%M:%S.%f')",
        "SELECT DATE_FORMAT(a, 'yyyy-MM-dd HH:mm:ss.SSSSSS')",
    ),
    ("SELECT DATEADD(day, 1, a)", "SELECT CAST(a AS TIMESTAMP) + INTERVAL 1 DAY", "SELECT DATE_ADD(a, 1)"),
    (
        "SELECT DATEDIFF(day, a, b)",
        "SELECT DATE_DIFF('DAY', CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP))",
        "SELECT DATEDIFF(b, a)",
    ),
    (
        "SELECT a FROM core.t ORDER BY a DESC NULLS LAST",
        "SELECT a FROM core.t ORDER BY a DESC",
        "SELECT a FROM core.t ORDER BY a DESC",
    ),
    (
        "SELECT a FROM core.t ORDER BY a DESC",
        "SELECT a FROM core.t ORDER BY a DESC NULLS FIRST",
        "SELECT a FROM core.t ORDER BY a DESC NULLS FIRST",
    ),
    (
        "DELETE FROM core.t USING stage.s AS s WHERE t.a = s.a",
        "DELETE FROM core.t USING stage.s AS s WHERE t.a = s.a",
        None,
    ),
    (
        "INSERT INTO core.t (a) WITH q AS (SELECT 1 AS a) SELECT a FROM q",
        "INSERT INTO core.t (a) WITH q AS (SELECT 1 AS a) SELECT a FROM q",
        None,
    ),
    (
        "MERGE INTO core.t USING stage.s AS s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = s.b "
        "WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, s.b)",
        "MERGE INTO core.t USING stage.s AS s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = s.b "
        "WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, s.b)",
        None,
    ),
    (
        "CREATE TABLE core.t (a BIGINT NOT NULL ENCODE az64, b DOUBLE PRECISION, PRIMARY KEY (a)) "
        "DISTSTYLE KEY DISTKEY (a) COMPOUND SORTKEY (b)",
        "CREATE TABLE core.t (a BIGINT NOT NULL, b DOUBLE)",
        "CREATE TABLE core.t (a BIGINT NOT NULL, b DOUBLE)",
    ),
]


def one_line(text: str) -> str:
    return " ".join(text.split()).replace("( ", "(").replace(" )", ")")


@pytest.mark.parametrize(("redshift", "on_duckdb", "on_spark"), FORMS)
def test_forms(redshift: str, on_duckdb: str, on_spark: str | None) -> None:
    assert one_line(to_duckdb(redshift)) == on_duckdb
    if on_spark is not None:
        assert one_line(to_spark(redshift)) == on_spark


@pytest.fixture(scope="module")
def session() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    for setting in SESSION:
        connection.execute(setting)
    connection.execute("CREATE TABLE n AS SELECT * FROM (VALUES (2), (NULL), (1)) AS v(a)")
    return connection


@pytest.mark.parametrize(("expression", "answer"), ANSWERS, ids=[a[0] for a in ANSWERS])
def test_duckdb_answers_as_redshift_does(session: duckdb.DuckDBPyConnection, expression: str, answer: object) -> None:
    row = session.execute(to_duckdb(f"SELECT {expression} AS answer")).fetchone()
    assert row == (answer,)
    assert row is not None
    assert isinstance(row[0], bool) == isinstance(answer, bool)


@pytest.mark.parametrize(("order", "expected"), NULL_ORDERS)
def test_nulls_stand_where_redshift_puts_them(
    session: duckdb.DuckDBPyConnection, order: str, expected: list[int | None]
) -> None:
    sorted_ = session.execute(to_duckdb(f"SELECT a FROM n ORDER BY {order}")).fetchall()
    numbered = session.execute(
        to_duckdb(f"SELECT a, ROW_NUMBER() OVER (ORDER BY {order}) AS place FROM n ORDER BY place")
    ).fetchall()
    assert [row[0] for row in sorted_] == expected
    assert [row[0] for row in numbered] == expected


@pytest.mark.parametrize("wrong", ["1 / 0", "CAST(1 AS DOUBLE PRECISION) / 0", "LN(0)", "SQRT(-1)"])
def test_what_is_no_number_is_an_error_as_on_redshift(session: duckdb.DuckDBPyConnection, wrong: str) -> None:
    with pytest.raises(duckdb.Error):
        session.execute(to_duckdb(f"SELECT {wrong} AS x")).fetchall()


def test_the_session_is_in_utc_wherever_the_machine_stands() -> None:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute("SET TimeZone = 'Asia/Kolkata'")
    for setting in SESSION:
        connection.execute(setting)
    row = connection.execute("SELECT CAST(TIMESTAMPTZ '2024-01-01 00:00:00+00' AS TIMESTAMP)").fetchone()
    assert row == (datetime(2024, 1, 1),)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("SELECT 1;\nSELECT 2", "one statement at a time, here are 2"),
        ("", "one statement at a time, here are 0"),
        ("DELETE FROM core.t", "this is DELETE"),
        ("SELECT a,\n  FOO(b)\nFROM core.t", "x.sql:2: function FOO is not in the portable subset"),
        ("SELECT $1", "write :name"),
        ("SELECT ?", "write :name"),
        ("SELECT a\nFROM core.t WHERE (a = 1", "x.sql:2: "),
        ("SELECT STRTOL(a, 10) FROM core.t", "base 16"),
        ("VACUUM core.t", "VACUUM is not in the portable subset"),
        ("UNLOAD ('SELECT 1') TO 's3://x'", "UNLOAD is not in the portable subset"),
        ("SELECT 'a", "x.sql:1: "),
    ],
)
def test_what_is_not_one_portable_select_is_refused_with_its_line(text: str, fault: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_select(text, "x.sql")
    assert fault in str(caught.value)


def test_every_fault_is_told() -> None:
    with pytest.raises(SqlError) as caught:
        parse_select("SELECT FOO(a),\nBAR(b) FROM core.t", "x.sql")
    assert [fault.split()[0] for fault in caught.value.faults] == ["x.sql:1:", "x.sql:2:"]


def test_an_environment_prefixes_every_schema_of_ours_and_nothing_else() -> None:
    text = "SELECT o.a FROM core.t AS o JOIN stage.s ON s.a = o.a JOIN information_schema.tables AS i ON i.a = o.a"
    for dialect in (to_duckdb, to_redshift, to_spark):
        assert one_line(dialect(text, "dev")) == one_line(
            text.replace("core.", "dev_core.").replace("stage.", "dev_stage.")
        )
    assert one_line(to_duckdb("CREATE SCHEMA IF NOT EXISTS core", "dev")) == "CREATE SCHEMA IF NOT EXISTS dev_core"
    assert "dev_core.t" in to_redshift("DROP TABLE IF EXISTS core.t", "dev")
    assert to_redshift(text) == text


def test_a_cte_that_is_called_like_a_schema_keeps_its_name() -> None:
    text = "WITH core AS (SELECT 1 AS a) SELECT core.a FROM core"
    assert one_line(to_duckdb(text, "dev")) == text


def test_binds_keep_their_names_on_redshift() -> None:
    tree = parse_select("SELECT a FROM core.t WHERE a < :run_at AND b LIKE '%x'", "x.sql")
    assert binds_of(tree) == {"run_at"}
    assert one_line(to_redshift(tree)) == "SELECT a FROM core.t WHERE a < :run_at AND b LIKE '%x'"


def test_rendering_leaves_the_tree_as_it_was() -> None:
    tree = parse_statement("CREATE TABLE core.t (a BIGINT NOT NULL ENCODE az64) DISTSTYLE EVEN SORTKEY (a)")
    before = tree.sql("redshift")
    to_duckdb(tree, "dev")
    assert tree.sql("redshift") == before
