"""What Redshift refuses, and with which SQLSTATE; beside each the form that it takes."""

from __future__ import annotations

import pytest
import redshift_connector

from redshift_standin.fixtures import code

MERGE = (
    "MERGE INTO s.t USING s.u AS u ON t.a = u.a "
    "WHEN MATCHED THEN UPDATE SET b = u.b WHEN NOT MATCHED THEN INSERT (a, b) VALUES (u.a, u.b)"
)


@pytest.fixture
def tables(redshift: redshift_connector.Connection) -> redshift_connector.Connection:
    redshift.run("CREATE SCHEMA s")
    for name in "tu":
        redshift.run(f"CREATE TABLE s.{name} (a INTEGER, b VARCHAR(8), c BOOLEAN, d DATE)")
    return redshift


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        (MERGE.replace("s.t USING", "s.t AS x USING").replace("t.a", "x.a"), "42601"),
        (MERGE.replace("MATCHED THEN UPDATE", "MATCHED AND u.a > 1 THEN UPDATE"), "42601"),
        (MERGE.replace("NOT MATCHED THEN", "NOT MATCHED AND u.a > 1 THEN"), "42601"),
        (MERGE.replace("WHEN NOT", "WHEN MATCHED THEN DELETE WHEN NOT"), "42601"),
        (MERGE.partition(" WHEN NOT")[0], "42601"),
        (MERGE.replace("t.a = u.a", "t.a >= u.a"), "0A000"),
        (MERGE.replace("t.a = u.a", "t.a = u.a OR t.b = u.b"), "0A000"),
        (MERGE.replace("t.a = u.a", "t.a = u.a AND t.b = 'x'"), "0A000"),
        (MERGE.replace("s.u AS u", "(SELECT a, b FROM s.u) AS u"), "0A000"),
        (f"WITH u AS (SELECT a, b FROM s.u) {MERGE.replace('s.u AS u', 'u')}", "42601"),
        ("CREATE INDEX i ON s.t (a)", "0A000"),
        ("CREATE UNIQUE INDEX i ON s.t (a)", "0A000"),
        ("CREATE SEQUENCE q", "0A000"),
        ("INSERT INTO s.t (a) VALUES (1) ON CONFLICT DO NOTHING", "42601"),
        ("INSERT INTO s.t (a) VALUES (1) RETURNING a", "42601"),
        ("DELETE FROM s.t RETURNING a", "42601"),
        ("SELECT a FROM s.t FOR UPDATE", "0A000"),
        ("SELECT c::VARCHAR FROM s.t", "42846"),
        ("SELECT CAST(c AS VARCHAR(5)) FROM s.t", "42846"),
        ("SELECT CAST(a > 1 AS CHAR(5)) FROM s.t", "42846"),
        ("SELECT 1; SELECT 2", "42601"),
        ("SELECT a AS tag FROM s.t", "42601"),
        ("CREATE TABLE s.v (offset INTEGER)", "42601"),
        ("CREATE SCHEMA IF NOT EXISTS raw", "42601"),
        ("CREATE TABLE s.v (j JSON)", "0A000"),
        ("CREATE TABLE s.v (j JSONB)", "0A000"),
        ("CREATE TABLE s.v (j UUID)", "0A000"),
        ("CREATE TABLE s.v (j SERIAL)", "0A000"),
        ("CREATE TABLE s.v (j INTEGER[])", "0A000"),
        ("CREATE TABLE s.v (j BYTEA)", "0A000"),
        ("SELECT CAST('{}' AS JSON)", "0A000"),
        ("CREATE TABLE s.v (a VARCHAR(65536))", "22023"),
        ("CREATE TABLE s.v (a DECIMAL(39, 2))", "22023"),
        ("CREATE TABLE s.v (a INTEGER CHECK (a > 0))", "42601"),
        ("CREATE TABLE s.v (a INTEGER, CHECK (a > 0))", "42601"),
        ("CREATE TABLE s.v (a INTEGER, b INTEGER GENERATED ALWAYS AS (a + 1) STORED)", "42601"),
        ("ALTER TABLE s.t ADD COLUMN x INTEGER, ADD COLUMN y INTEGER", "42601"),
        ("ALTER TABLE s.t ADD COLUMN IF NOT EXISTS x INTEGER", "42601"),
        ("ALTER TABLE s.t ADD COLUMN x INTEGER NOT NULL", "0A000"),
        ("ALTER TABLE s.t ALTER COLUMN a SET NOT NULL", "0A000"),
        ("ALTER TABLE s.t ALTER COLUMN a DROP DEFAULT", "0A000"),
        ("ALTER TABLE s.t ALTER COLUMN a TYPE BIGINT", "0A000"),
        ("SELECT SUM(a) FILTER (WHERE c) FROM s.t", "42601"),
        ("SELECT DISTINCT ON (a) a, b FROM s.t", "0A000"),
        ("SELECT t.a IS NOT DISTINCT FROM u.a FROM s.t CROSS JOIN s.u", "42601"),
        ("SELECT SUM(a) OVER (PARTITION BY b ORDER BY d) FROM s.t", "0A000"),
        ("SELECT SUM(a) OVER (ORDER BY d RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM s.t", "0A000"),
        ("SELECT COUNT(DISTINCT a) OVER (PARTITION BY b) FROM s.t", "0A000"),
        ("SELECT t.a FROM s.t FULL JOIN s.u ON t.a > u.a", "0A000"),
        ("SELECT STRING_AGG(b, ',') FROM s.t", "42883"),
        ("SELECT STRING_AGG(b, ',' ORDER BY a) FROM s.t", "42883"),
        ("SELECT ARRAY_AGG(b) FROM s.t", "42883"),
        ("SELECT GEN_RANDOM_UUID()", "42883"),
        ("SELECT JSONB_BUILD_OBJECT('a', a) FROM s.t", "42883"),
        ("INSERT INTO s.t (b) SELECT table_name FROM information_schema.tables", "0A000"),
        ("SELECT a, n FROM s.t CROSS JOIN GENERATE_SERIES(1, 3) AS g(n)", "0A000"),
        ("SAVEPOINT p", "42601"),
        ("COPY s.t FROM 's3://bucket/key' FORMAT AS PARQUET", "0A000"),
        ("COPY s.t FROM 's3://bucket/key' IAM_ROLE default FORMAT AS PARQUET REGION 'eu-west-1'", "0A000"),
        ("SELEC 1", "42601"),
        ("SELECT no_such_column FROM s.t", "42703"),
        ("SELECT a FROM s.no_such_table", "42P01"),
    ],
)
def test_what_is_refused(tables: redshift_connector.Connection, statement: str, state: str) -> None:
    assert code(tables, statement) == state
    assert tables.run("SELECT 1") == ([1],)


@pytest.mark.parametrize(
    "statement",
    [
        MERGE,
        MERGE.replace("UPDATE SET b = u.b", "DELETE"),
        MERGE.replace("t.a = u.a", "t.a = u.a AND t.d = u.d"),
        "CREATE TABLE s.v (a INTEGER IDENTITY(1, 1), b VARCHAR(8) ENCODE zstd NOT NULL DEFAULT 'encode zstd') "
        "DISTSTYLE KEY DISTKEY (a) COMPOUND SORTKEY (a, b)",
        "CREATE TABLE s.v (a INTEGER DISTKEY SORTKEY, b CHAR(3)) BACKUP NO SORTKEY AUTO",
        "CREATE TABLE s.v (LIKE s.t)",
        "CREATE TABLE s.v AS SELECT a, b FROM s.t",
        "ALTER TABLE s.t ALTER DISTKEY a",
        "ALTER TABLE s.t ALTER COLUMN a ENCODE az64",
        "ALTER TABLE s.t ADD COLUMN x INTEGER NOT NULL DEFAULT 0",
        "SELECT CASE WHEN c THEN 'true' ELSE 'false' END FROM s.t",
        'SELECT a AS "tag" FROM s.t',
        'SELECT A, T."B" FROM "S"."t" WHERE "A" = 1',
        'CREATE SCHEMA IF NOT EXISTS "raw"',
        "/* warehouse run=1; table='x' */ SELECT a FROM s.t -- and; more",
        "SELECT SUM(a) OVER (PARTITION BY b ORDER BY d ROWS UNBOUNDED PRECEDING) FROM s.t",
        "VACUUM SORT ONLY s.t",
        "ANALYZE s.t PREDICATE COLUMNS",
        "EXPLAIN SELECT a FROM s.t",
        "SELECT LISTAGG(b) FROM s.t",
        "SELECT LISTAGG(b, ',') FROM s.t",
        "SELECT COUNT(*) FROM information_schema.tables AS t JOIN pg_namespace AS n ON n.nspname = t.table_schema",
        "COMMENT ON COLUMN s.t.a IS 'it''s; $1'",
        "GRANT SELECT ON s.t TO PUBLIC",
    ],
)
def test_what_is_taken(tables: redshift_connector.Connection, statement: str) -> None:
    tables.run(statement)


def test_two_source_rows_for_one_target_row_are_an_error(tables: redshift_connector.Connection) -> None:
    tables.run("INSERT INTO s.t (a, b) VALUES (1, 'old')")
    tables.run("INSERT INTO s.u (a, b) VALUES (1, 'x'), (1, 'y')")
    assert code(tables, MERGE) == "XX000"
    tables.run("DELETE FROM s.u WHERE b = 'y'")
    tables.run(MERGE)
    assert tables.run("SELECT a, b FROM s.t") == ([1, "x"],)


def test_keys_are_noted_only_but_their_columns_must_have_a_value(redshift: redshift_connector.Connection) -> None:
    redshift.run("CREATE TABLE t (a INTEGER, b INTEGER UNIQUE, PRIMARY KEY (a))")
    redshift.run("INSERT INTO t VALUES (1, 1), (1, 1)")
    assert code(redshift, "INSERT INTO t VALUES (NULL, 1)") == "23502"


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE t (a VARCHAR(4))",
        "CREATE TABLE t (a VARCHAR(3)); ALTER TABLE t ALTER COLUMN a TYPE VARCHAR(4)",
        "CREATE TABLE t (b INTEGER); ALTER TABLE t ADD COLUMN a VARCHAR(4); ALTER TABLE t DROP COLUMN b",
        "CREATE TABLE t AS SELECT CAST('' AS VARCHAR(4)) AS a",
        "CREATE TABLE u (a VARCHAR(4)); CREATE TABLE t (LIKE u)",
        "CREATE TABLE u (a VARCHAR(4)); ALTER TABLE u RENAME TO t",
        "CREATE TABLE t (a CHAR(4))",
    ],
)
def test_text_is_measured_in_bytes(redshift: redshift_connector.Connection, made: str) -> None:
    for statement in made.split("; "):
        redshift.run(statement)
    redshift.run("INSERT INTO t (a) VALUES ('abcd')")
    if "CHAR(4)" not in made.replace("VARCHAR(4)", ""):
        redshift.run("INSERT INTO t (a) VALUES ('éé')")
    assert code(redshift, "INSERT INTO t (a) VALUES ('ééé')") == "22001"
    assert code(redshift, "INSERT INTO t (a) VALUES ('abcde')") == "22001"


def test_a_text_without_length_has_256_bytes(redshift: redshift_connector.Connection) -> None:
    redshift.run("CREATE TABLE t (a TEXT, b VARCHAR, c CHAR, d DECIMAL)")
    found = redshift.run(
        "SELECT data_type, character_maximum_length, numeric_precision, numeric_scale "
        "FROM information_schema.columns WHERE table_name = 't' ORDER BY ordinal_position"
    )
    text = ["character varying", 256, None, None]
    assert found == (text, text, ["character", 1, None, None], ["numeric", None, 18, 0])
