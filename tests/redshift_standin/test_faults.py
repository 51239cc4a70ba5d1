"""Faults that are injected: which statement meets them, and what stands afterwards."""

from __future__ import annotations

import pytest
import redshift_connector

from redshift_standin import Standin
from redshift_standin.fixtures import Connect, code

BROKEN = redshift_connector.InterfaceError


@pytest.fixture
def counter(connect: Connect) -> redshift_connector.Connection:
    """A session that sees how many rows of `t` are committed."""
    connection = connect(autocommit=True)
    connection.run("CREATE TABLE t (a INTEGER)")
    return connection


def test_the_connection_breaks_at_a_statement_by_its_number(
    standin: Standin, connect: Connect, counter: redshift_connector.Connection
) -> None:
    connection = connect()
    # The driver's own BEGIN is the first.
    standin.faults.drop_connection(3)
    connection.run("INSERT INTO t VALUES (1)")
    with pytest.raises(BROKEN):
        connection.run("INSERT INTO t VALUES (2)")
    assert counter.run("SELECT COUNT(*) FROM t") == ([0],)
    again = connect()
    again.run("INSERT INTO t VALUES (3)")
    again.commit()
    assert counter.run("SELECT a FROM t") == ([3],)


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
def test_a_commit_whose_answer_is_lost_did_or_did_not_happen(
    standin: Standin, connect: Connect, counter: redshift_connector.Connection, when: str, rows: int
) -> None:
    connection = connect()
    connection.run("INSERT INTO t VALUES (1)")
    standin.faults.drop_connection(matching="^commit$", when=when)  # type: ignore[arg-type]
    with pytest.raises(BROKEN):
        connection.commit()
    assert counter.run("SELECT COUNT(*) FROM t") == ([rows],)


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
def test_so_it_is_with_a_statement_that_commits_itself(
    standin: Standin, connect: Connect, counter: redshift_connector.Connection, when: str, rows: int
) -> None:
    standin.faults.drop_connection(matching="insert", when=when)  # type: ignore[arg-type]
    with pytest.raises(BROKEN):
        connect(autocommit=True).run("INSERT INTO t VALUES (1)")
    assert counter.run("SELECT COUNT(*) FROM t") == ([rows],)


def test_what_a_transaction_did_before_the_break_is_gone(
    standin: Standin, connect: Connect, counter: redshift_connector.Connection
) -> None:
    connection = connect()
    connection.run("INSERT INTO t VALUES (1)")
    standin.faults.drop_connection(matching="values .2", when="after")
    with pytest.raises(BROKEN):
        connection.run("INSERT INTO t VALUES (2)")
    assert counter.run("SELECT COUNT(*) FROM t") == ([0],)


def test_a_serializable_violation_is_as_redshift_tells_it(
    standin: Standin, connect: Connect, counter: redshift_connector.Connection
) -> None:
    connection = connect()
    connection.run("INSERT INTO t VALUES (1)")
    standin.faults.serializable_violation(matching="INSERT")
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        connection.run("INSERT INTO t VALUES (2)")
    told = caught.value.args[0]
    assert (told["S"], told["C"], told["M"]) == ("ERROR", "XX000", "1023")
    assert told["D"].startswith("Serializable isolation violation on table - ")
    assert code(connection, "SELECT 1") == "25P02"
    connection.rollback()
    # It is met once.
    connection.run("INSERT INTO t VALUES (3)")
    connection.commit()
    assert counter.run("SELECT a FROM t") == ([3],)


def test_any_error_for_as_often_as_is_asked(standin: Standin, connect: Connect) -> None:
    connection = connect(autocommit=True)
    standin.faults.raise_error("57P03", "the database system is starting up", at=2, matching="select", times=2)
    assert connection.run("SELECT 1") == ([1],)
    assert code(connection, "SELECT 2") == "57P03"
    assert code(connection, "SELECT 3") == "57P03"
    assert connection.run("SELECT 4") == ([4],)
    standin.faults.raise_error("57P03")
    standin.faults.clear()
    assert connection.run("SELECT 5") == ([5],)
