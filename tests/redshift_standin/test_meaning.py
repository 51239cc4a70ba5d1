"""What expressions mean: as Redshift documents them, and as DuckDB answers the same text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
import redshift_connector
from documented_answers import ANSWERS, NULL_ORDERS
from hypothesis import given
from hypothesis import strategies as st

from redshift_standin import Standin
from sql.dialect import SESSION, to_duckdb

ANSWERS_HERE: list[tuple[str, Any]] = [
    ("(SELECT AVG(a) FROM (SELECT 1 AS a UNION ALL SELECT 4) AS x)", 2),
    ("(SELECT AVG(a) FROM (SELECT -1 AS a UNION ALL SELECT -4) AS x)", -2),
    ("(SELECT AVG(a) FROM (SELECT CAST(NULL AS BIGINT) AS a) AS x)", None),
    ("DATEADD(day, 1, CAST('2024-02-28' AS DATE))", datetime(2024, 2, 29)),
    ("DATE_TRUNC('month', CAST('2024-02-28' AS DATE))", datetime(2024, 2, 1)),
    ("DATEDIFF(year, CAST('2023-12-31' AS DATE), CAST('2024-01-01' AS DATE))", 1),
    ("DATEDIFF(week, CAST('2024-05-12' AS DATE), CAST('2024-05-13' AS DATE))", 1),
    ("CONCAT('a', NULL)", None),
    ("REGEXP_REPLACE('a1b2', '[0-9]', '')", "ab"),
    ("REGEXP_COUNT('a1b2', '[0-9]')", 2),
    ("ROUND(CAST(2.345 AS DOUBLE PRECISION), 1)", 2.3),
    ("OCTET_LENGTH('é')", 2),
    ("LEN('é')", 1),
    ("UPPER('é')", "É"),
    ("ISNULL(NULL, 3)", 3),
    ("STRTOL('ff', 16)", 255),
    ("DATE_PART(epoch, CAST('1970-01-02' AS TIMESTAMP))", 86400),
    ("CAST(1.5 AS DECIMAL)", Decimal("2")),
    ("'b' < 'Z'", False),
    ("(SELECT LISTAGG(a, '-') WITHIN GROUP (ORDER BY a DESC) FROM (SELECT 'x' AS a UNION ALL SELECT 'y') AS v)", "y-x"),
    ("(SELECT LISTAGG(a) FROM (SELECT 1 AS a UNION ALL SELECT 1) AS v)", "11"),
    ("(SELECT LISTAGG(DISTINCT a, ',') WITHIN GROUP (ORDER BY a) FROM (SELECT 1 AS a UNION ALL SELECT 1) AS v)", "1"),
    ("(SELECT MEDIAN(a) FROM (SELECT 1 AS a UNION ALL SELECT 4) AS v)", 2.5),
    ("(SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a) FROM (SELECT 1 AS a UNION ALL SELECT 2) AS v)", 1.5),
    ("(SELECT APPROXIMATE COUNT(DISTINCT a) FROM (SELECT 1 AS a UNION ALL SELECT 1) AS v)", 1),
    (
        "(SELECT a FROM (SELECT 1 AS a, 2 AS b UNION ALL SELECT 3, 4) AS v QUALIFY ROW_NUMBER() OVER (ORDER BY b) = 2)",
        3,
    ),
    ("(SELECT TOP 1 a FROM (SELECT 1 AS a UNION ALL SELECT 3) AS v ORDER BY a DESC)", 3),
    ("(SELECT BOOL_AND(a) FROM (SELECT TRUE AS a UNION ALL SELECT FALSE) AS v)", False),
    ("'it''s \\\\ \\t.'", "it's \\ \t."),
]


@pytest.fixture(scope="module")
def session(running_standin: Standin) -> Iterator[redshift_connector.Connection]:
    running_standin.reset()
    settings = {name: getattr(running_standin, name) for name in ("host", "port", "user", "password", "database")}
    with redshift_connector.connect(**settings) as connection:
        connection.autocommit = True
        connection.run(TABLE)
        yield connection


@pytest.mark.parametrize(
    ("expression", "answer"), ANSWERS + ANSWERS_HERE, ids=lambda v: v if isinstance(v, str) else ""
)
def test_an_expression_answers_as_redshift_documents(
    session: redshift_connector.Connection, expression: str, answer: object
) -> None:
    found = session.run(f"SELECT {expression} AS answer")[0][0]
    assert found == answer
    assert type(found) is type(answer)


@pytest.mark.parametrize(("order", "expected"), NULL_ORDERS)
def test_nulls_stand_where_redshift_puts_them(
    session: redshift_connector.Connection, order: str, expected: list[int | None]
) -> None:
    values = "(SELECT 1 AS a UNION ALL SELECT NULL UNION ALL SELECT 2) AS v"
    assert [row[0] for row in session.run(f"SELECT a FROM {values} ORDER BY {order}")] == expected


@pytest.mark.parametrize("wrong", ["1 / 0", "CAST(1 AS DOUBLE PRECISION) / 0", "LN(0)", "SQRT(-1)"])
def test_what_is_no_number_is_an_error(session: redshift_connector.Connection, wrong: str) -> None:
    with pytest.raises(redshift_connector.Error):
        session.run(f"SELECT {wrong} AS x")


# One row of each kind of value; every expression is asked of all rows in one statement, on both engines.
_TEXT = st.none() | st.text("aZé1-. ٣", max_size=5)
_WHOLE = st.none() | st.integers(-40, 40)
_MONEY = st.none() | st.integers(-5000, 5000).map(lambda n: Decimal(n) / 100)
_INSTANT = st.none() | st.datetimes(datetime(2023, 11, 1), datetime(2024, 4, 1)).map(
    lambda at: at if at.second % 3 else at.replace(minute=0, second=0, microsecond=0)
)
_ROW = st.tuples(_TEXT, _TEXT, _WHOLE, _WHOLE, _MONEY, _INSTANT, _INSTANT)
EXPRESSIONS = (
    "t || u",
    "t < u",
    "t = u",
    "COALESCE(t, u, '-')",
    "NULLIF(t, u)",
    "LENGTH(t)",
    "OCTET_LENGTH(t)",
    "UPPER(t)",
    "LOWER(t)",
    "LEFT(t, 2)",
    "RIGHT(t, 2)",
    "SUBSTRING(t, 2, 2)",
    "LPAD(t, 4, '0')",
    "RPAD(t, 4, 'x')",
    "TRIM(t)",
    "TRIM(BOTH ' -' FROM t)",
    "REPLACE(t, 'a', 'b')",
    "SPLIT_PART(t, '-', 2)",
    "STRPOS(t, '1')",
    "MD5(t)",
    "t ~ '^[a1-]+$'",
    "REGEXP_SUBSTR(t, '[aZ]+')",
    "TRY_CAST(t AS INTEGER)",
    "DECODE(t, NULL, 'n', 'a', 'b', 'c')",
    "NVL2(t, u, 'x')",
    "i / NULLIF(j, 0)",
    "MOD(i, NULLIF(j, 0))",
    "ABS(i)",
    "SIGN(i)",
    "GREATEST(i, j)",
    "LEAST(i, j, 3)",
    "CAST(i AS DECIMAL(10, 2)) + m",
    "ROUND(m, 1)",
    "FLOOR(m)",
    "CEIL(m)",
    "CAST(m AS INTEGER)",
    "CAST(m * i AS DECIMAL(18, 2))",
    "CAST(s AS DATE)",
    "DATE_TRUNC('week', s)",
    "DATE_TRUNC('quarter', s)",
    "DATEDIFF(day, s, v)",
    "DATEDIFF(month, s, v)",
    "DATEDIFF(quarter, s, v)",
    "DATEDIFF(hour, s, v)",
    "DATEDIFF(minute, s, v)",
    "DATEDIFF(second, s, v)",
    "DATEADD(month, i, s)",
    "DATEADD(day, i, s)",
    "DATEADD(second, i, s)",
    "LAST_DAY(s)",
    "EXTRACT(dow FROM s)",
    "EXTRACT(doy FROM s)",
    "EXTRACT(minute FROM s)",
    "TO_CHAR(s, 'YYYY-MM-DD HH24:MI:SS.US')",
    "CONVERT_TIMEZONE('UTC', 'Asia/Kolkata', s)",
    "s < v AND NOT i > j",
    "CASE WHEN i > j THEN 'more' WHEN i = j THEN 'same' END",
    "ROW_NUMBER() OVER (ORDER BY i DESC, t, n)",
    "SUM(i) OVER (PARTITION BY j ORDER BY n ROWS UNBOUNDED PRECEDING)",
    "LAG(i) OVER (ORDER BY n)",
    "COUNT(i) OVER (PARTITION BY j)",
    "NTILE(2) OVER (ORDER BY n)",
    "i IN (1, 2, NULL)",
)
ASKED = f"SELECT {', '.join(f'{e} AS x{n}' for n, e in enumerate(EXPRESSIONS))} FROM v ORDER BY n"
ASKED_OF_DUCKDB = to_duckdb(ASKED)
TABLE = (
    "CREATE TABLE v (n INTEGER, t VARCHAR(20), u VARCHAR(20), i INTEGER, j INTEGER, m DECIMAL(10, 2), s TIMESTAMP, "
    "v TIMESTAMP)"
)


@pytest.fixture(scope="module")
def embedded() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        for setting in SESSION:
            connection.execute(setting)
        connection.execute(TABLE)
        yield connection


@given(rows=st.lists(_ROW, min_size=1, max_size=6))
def test_duckdb_and_the_stand_in_answer_the_same(
    session: redshift_connector.Connection, embedded: duckdb.DuckDBPyConnection, rows: list[tuple[Any, ...]]
) -> None:
    insert = f"INSERT INTO v VALUES {', '.join(_row(n, row) for n, row in enumerate(rows))}"
    for statement in ("DELETE FROM v", insert):
        session.run(statement)
        embedded.execute(statement)
    here, there = session.run(ASKED), embedded.execute(ASKED_OF_DUCKDB).fetchall()
    for found, expected in zip(here, there, strict=True):
        for expression, one, other in zip(EXPRESSIONS, found, expected, strict=True):
            assert one == other, expression
            assert isinstance(one, bool) == isinstance(other, bool), expression


def _row(place: int, row: tuple[Any, ...]) -> str:
    texts = ("NULL" if value is None else "'" + str(value).replace("'", "''") + "'" for value in row)
    return f"({place}, {', '.join(texts)})"


def test_a_quotient_of_decimals_that_ends_in_a_half_is_rounded_as_redshift_does(
    session: redshift_connector.Connection, embedded: duckdb.DuckDBPyConnection
) -> None:
    # 1.17 / 6 is 0.195. DuckDB divides decimals as doubles, of which this one is a little less: its text divides
    # otherwise.
    text = "SELECT CAST(CAST(1.17 AS DECIMAL(18, 4)) / 6 AS DECIMAL(18, 2)) AS answer"
    assert session.run(text)[0][0] == Decimal("0.20")
    assert embedded.execute(to_duckdb(text)).fetchall()[0][0] == Decimal("0.20")
    assert embedded.execute(text).fetchall()[0][0] == Decimal("0.19")


def test_the_clock_is_that_of_the_statement_in_utc(session: redshift_connector.Connection) -> None:
    ((now, today),) = session.run("SELECT GETDATE(), CAST(SYSDATE AS DATE)")
    assert isinstance(now, datetime)
    assert isinstance(today, date)
    assert abs(now - datetime.now(tz=None)) < timedelta(days=1)
