"""The driver over the wire: values both ways, transactions, settings, errors, TLS and passwords."""

from __future__ import annotations

import gc
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redshift_connector

from redshift_standin import Standin
from redshift_standin.fixtures import Connect, code

ROW = {
    "text": "Grüße, मुंबई 'and' \\ $1 ; 🛒",
    "small": 7,
    "whole": 2**31 - 5,
    "big": -(2**62),
    "amount": Decimal("12345678901234.56"),
    "ratio": 0.1,
    "day": date(2024, 2, 29),
    "instant": datetime(2024, 2, 29, 23, 59, 59, 123456),
    "yes": True,
}
TABLE = (
    "CREATE TABLE t (text_value VARCHAR(64), small SMALLINT, whole INTEGER, big BIGINT, amount DECIMAL(18, 2), "
    "ratio DOUBLE PRECISION, day DATE, instant TIMESTAMP, yes BOOLEAN)"
)
INSERT = f"INSERT INTO t VALUES ({', '.join(f':{name}' for name in ROW)})"


def test_the_driver_meets_a_server_as_it_expects_one(redshift: redshift_connector.Connection) -> None:
    assert (b"server_version", b"8.0.2") in redshift.parameter_statuses
    assert redshift.run("SELECT 1 AS one") == ([1],)
    assert redshift.description[0][0] == b"one" or redshift.description[0][0] == "one"


def test_values_come_back_as_they_went(redshift: redshift_connector.Connection) -> None:
    cursor = redshift.cursor()
    cursor.paramstyle = "named"
    cursor.execute(TABLE)
    cursor.execute(INSERT, ROW)
    cursor.execute(INSERT, dict.fromkeys(ROW))
    cursor.execute("SELECT * FROM t ORDER BY small")
    assert [list(row) for row in cursor.fetchall()] == [list(ROW.values()), [None] * len(ROW)]
    cursor.execute("SELECT COUNT(*) FROM t WHERE text_value = :text AND day = :day AND instant = :instant", ROW)
    assert cursor.fetchone() == [1]


def test_a_bind_may_come_twice_and_stand_beside_casts_and_text(redshift: redshift_connector.Connection) -> None:
    cursor = redshift.cursor()
    cursor.paramstyle = "named"
    cursor.execute("SELECT :a::integer + CAST(:b AS BIGINT) + :a, ':a $1', -- :c\n 'it''s'", {"a": 1, "b": 2})
    assert cursor.fetchone() == [4, ":a $1", "it's"]


def test_rows_that_were_changed_are_counted(redshift: redshift_connector.Connection) -> None:
    cursor = redshift.cursor()
    cursor.execute("CREATE TABLE t (a INTEGER)")
    cursor.execute("INSERT INTO t VALUES (1), (2), (3)")
    assert cursor.rowcount == 3
    cursor.execute("DELETE FROM t WHERE a > 1")
    assert cursor.rowcount == 2


def test_nothing_is_seen_before_the_commit(connect: Connect) -> None:
    writer, reader = connect(), connect(autocommit=True)
    writer.run("CREATE TABLE t (a INTEGER)")
    writer.commit()
    writer.run("INSERT INTO t VALUES (1)")
    assert reader.run("SELECT COUNT(*) FROM t") == ([0],)
    writer.commit()
    assert reader.run("SELECT COUNT(*) FROM t") == ([1],)
    writer.run("INSERT INTO t VALUES (2)")
    writer.rollback()
    assert reader.run("SELECT COUNT(*) FROM t") == ([1],)


def test_after_an_error_a_transaction_takes_nothing_but_its_end(connect: Connect) -> None:
    connection = connect()
    connection.run("CREATE TABLE t (a INTEGER)")
    assert code(connection, "SELECT 1 / 0") == "22012"
    assert code(connection, "SELECT 1") == "25P02"
    connection.rollback()
    assert code(connection, "SELECT COUNT(*) FROM t") == "42P01"
    connection.rollback()
    assert connection.run("SELECT 1") == ([1],)


def test_what_the_front_refuses_aborts_the_transaction_too(connect: Connect) -> None:
    connection = connect()
    assert code(connection, "CREATE INDEX i ON t (a)") == "0A000"
    assert code(connection, "SELECT 1") == "25P02"
    connection.rollback()
    assert connection.run("SELECT 1") == ([1],)


def test_truncate_commits(connect: Connect) -> None:
    connection = connect()
    connection.run("CREATE TABLE t (a INTEGER)")
    connection.run("CREATE TABLE u (a INTEGER)")
    connection.run("INSERT INTO t VALUES (1)")
    connection.run("TRUNCATE t")
    assert not connection.in_transaction
    connection.rollback()
    assert connection.run("SELECT COUNT(*) FROM t") == ([0],)
    assert connection.run("SELECT COUNT(*) FROM u") == ([0],)


@pytest.mark.parametrize(
    "statement",
    [
        "VACUUM t",
        "VACUUM FULL t TO 100 PERCENT BOOST",
        "ALTER TABLE t APPEND FROM u",
        "ALTER TABLE t ALTER a TYPE VARCHAR(9)",
    ],
)
def test_some_statements_stand_alone(connect: Connect, statement: str) -> None:
    connection = connect()
    connection.run("CREATE TABLE t (a VARCHAR(8))")
    connection.run("CREATE TABLE u (a VARCHAR(8))")
    connection.run("INSERT INTO u VALUES ('moved')")
    connection.commit()
    assert code(connection, statement) == "25001"
    connection.rollback()
    connection.autocommit = True
    connection.run(statement)
    if "APPEND" in statement:
        assert connection.run("SELECT (SELECT COUNT(*) FROM t), (SELECT COUNT(*) FROM u)") == ([1, 0],)


def test_settings(redshift: redshift_connector.Connection) -> None:
    for statement in (
        "SET query_group TO 'nightly'",
        "SET enable_case_sensitive_identifier TO false",
        "SET enable_result_cache_for_session TO off",
        "SET statement_timeout TO 200",
        "ANALYZE",
    ):
        redshift.run(statement)
    assert redshift.run("SHOW query_group") == (["nightly"],)
    started = time.monotonic()
    assert code(redshift, "SELECT pg_sleep(30)") == "57014"
    assert time.monotonic() - started < 15
    redshift.run("RESET query_group")
    assert code(redshift, "SET no_such_setting TO 1") == "42704"


@contextmanager
def forgotten_sockets() -> Iterator[None]:
    """The driver leaves the socket of a login that is refused to the collector, which would blame any later test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def test_a_wrong_password_or_database_is_refused(standin: Standin, connect: Connect) -> None:
    with forgotten_sockets():
        for replaced, state in (
            ({"password": "wrong"}, "28000"),
            ({"user": "nobody"}, "28000"),
            ({"database": "other"}, "3D000"),
        ):
            with pytest.raises(redshift_connector.Error) as caught:
                connect(**replaced)
            assert caught.value.args[0]["C"] == state
            assert caught.value.args[0]["S"] == "FATAL"
        del caught


def test_an_authority_that_is_not_trusted_is_refused(
    standin: Standin, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "CERTIFICATE_VERIFY_FAILED" in _refused(connect)


def test_a_certificate_for_another_host_is_refused(connect: Connect, tmp_path: Path, monkeypatch: Any) -> None:
    with Standin.start(tmp_path, hosts=("elsewhere.example",)) as other:
        monkeypatch.setenv("SSL_CERT_FILE", str(other.ca_file))
        assert "Hostname mismatch" in _refused(connect, port=other.port)
        assert connect(port=other.port, sslmode="verify-ca").run("SELECT 1") == ([1],)


def _refused(connect: Connect, **replaced: Any) -> str:
    with forgotten_sockets():
        with pytest.raises(redshift_connector.InterfaceError, match="communication error") as caught:
            connect(**replaced)
        told = str(caught.value)
        del caught
    return told


def test_plain_connections_are_taken_too(connect: Connect) -> None:
    assert connect(ssl=False).run("SELECT 1") == ([1],)


def test_what_arrived_is_known_by_session(standin: Standin, connect: Connect) -> None:
    one, two = connect(autocommit=True), connect()
    one.run("SELECT 1")
    two.run("SELECT 2")
    two.commit()
    assert code(one, "CREATE INDEX i ON t (a)") == "0A000"
    told = [(entry.session, entry.text.lower(), entry.refused) for entry in standin.statements]
    first, second = told[0][0], told[1][0]
    assert first != second
    assert told == [
        (first, "select 1", ""),
        (second, "begin transaction", ""),
        (second, "select 2", ""),
        (second, "commit", ""),
        (first, "create index i on t (a)", "0A000"),
    ]


def test_reset_leaves_nothing(standin: Standin, redshift: redshift_connector.Connection, connect: Connect) -> None:
    redshift.run("CREATE SCHEMA core")
    redshift.run("CREATE TABLE core.t (a INTEGER)")
    redshift.run("CREATE TABLE u (a INTEGER)")
    standin.faults.raise_error("XX000", at=3)
    standin.reset()
    assert standin.statements == []
    with pytest.raises(redshift_connector.InterfaceError):
        redshift.run("SELECT 1")
    again = connect(autocommit=True)
    assert code(again, "SELECT 1 FROM core.t") == "42P01"
    again.run("CREATE TABLE u (a INTEGER)")
    assert again.run("SELECT 1") == ([1],)


def test_several_sessions_at_once_and_a_conflict_of_two(connect: Connect) -> None:
    setup, one, two = connect(autocommit=True), connect(), connect()
    setup.run("CREATE TABLE a (n INTEGER)")
    setup.run("CREATE TABLE b (n INTEGER)")
    # Each reads what the other writes: in no order would both have seen an empty table.
    assert one.run("SELECT COUNT(*) FROM a") == ([0],)
    assert two.run("SELECT COUNT(*) FROM b") == ([0],)
    one.run("INSERT INTO b VALUES (1)")
    two.run("INSERT INTO a VALUES (1)")
    one.commit()
    with pytest.raises(redshift_connector.Error) as caught:
        two.commit()
    assert caught.value.args[0]["C"] == "XX000"
    assert caught.value.args[0]["M"] == "1023"
    assert "Serializable isolation violation on table" in caught.value.args[0]["D"]


def _psql(standin: Standin, statements: str) -> subprocess.CompletedProcess[str]:
    address = f"host=localhost port={standin.port} dbname={standin.database} user={standin.user} sslmode=disable"
    return subprocess.run(
        [standin.cluster.binaries / "psql", "-XAtq", address, "-c", statements],
        capture_output=True,
        text=True,
        env={"PGPASSWORD": standin.password},
        check=False,
    )


def test_the_simple_protocol_takes_several_statements(standin: Standin) -> None:
    told = _psql(standin, "SELECT NVL(NULL, 'x;y') AS a; SELECT DATEDIFF(day, '2024-01-01', '2024-03-01')")
    assert told.stdout.split() == ["x;y", "60"], told.stderr
    told = _psql(standin, "CREATE TABLE t (a VARCHAR(2) ENCODE zstd); INSERT INTO t VALUES ('a;b')")
    assert "value too long for type character varying(2)" in told.stderr
    assert 'syntax error at or near "tag"' in _psql(standin, "SELECT 1 AS one; SELECT 1 AS tag").stderr
