"""Quotients of decimals on DuckDB, which divides them as DOUBLE: exact to the last digit all the same."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest
import quotients
from hypothesis import given, settings
from hypothesis import strategies as st

from sql.dialect import SESSION, to_duckdb

ASKED = to_duckdb(quotients.ASKED)
# Amounts of a shop, and what is too large for a DOUBLE to tell halves.
SIZES = st.sampled_from([(10**9, 10**6), (10**13, 10**6), (10**20, 10**9)])


@pytest.fixture(scope="module")
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        for setting in SESSION:
            connection.execute(setting)
        connection.execute(quotients.TABLE)
        yield connection


@settings(max_examples=25)
@given(pairs=SIZES.flatmap(lambda size: quotients.pairs(*size)))
def test_a_quotient_is_rounded_as_its_exact_value_is(
    session: duckdb.DuckDBPyConnection, pairs: list[quotients.Pair]
) -> None:
    session.execute("DELETE FROM pairs")
    session.execute(quotients.insert(pairs))
    for pair, found in zip(pairs, session.execute(ASKED).fetchall(), strict=True):
        assert found == quotients.expected(pair), pair


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        # As DOUBLE 4899.525 is a little less, 0.3 / 0.1 is less than 3.
        ("CAST(CAST(9799.05 AS DECIMAL(18, 4)) / 2 AS DECIMAL(18, 2))", Decimal("4899.53")),
        ("CAST(ROUND(CAST(-9799.05 AS DECIMAL(18, 4)) / 2, 2) AS DECIMAL(18, 2))", Decimal("-4899.53")),
        ("FLOOR(CAST(0.3 AS DECIMAL(18, 4)) / CAST(0.1 AS DECIMAL(18, 4)))", 3),
        ("CEIL(CAST(-0.3 AS DECIMAL(18, 4)) / CAST(0.1 AS DECIMAL(18, 4)))", -3),
        ("CAST(CAST(1 AS DECIMAL(18, 4)) / 2 AS INTEGER)", 1),
        # One quotient in another.
        (
            "CAST(CAST(CAST(9799.05 AS DECIMAL(18, 4)) / 2 AS DECIMAL(18, 2)) / 2 AS DECIMAL(18, 2))",
            Decimal("2449.77"),
        ),
        # Integers divide as integers, floats as floats.
        ("CAST(7 / 2 AS DECIMAL(9, 2))", Decimal("3.00")),
        ("CAST(CAST(7 AS INTEGER) / 2 AS DECIMAL(9, 2))", Decimal("3.00")),
        ("CAST(CAST(7 AS DOUBLE PRECISION) / 2 AS DECIMAL(9, 2))", Decimal("3.50")),
        # The float within is no operand's type.
        (
            "CAST(CAST(CAST(9799.05 AS DOUBLE PRECISION) AS DECIMAL(18, 4)) / 2 AS DECIMAL(18, 2))",
            Decimal("4899.53"),
        ),
    ],
)
def test_a_quotient(session: duckdb.DuckDBPyConnection, expression: str, answer: object) -> None:
    assert session.execute(to_duckdb(f"SELECT {expression} AS answer")).fetchone() == (answer,)


def test_a_divisor_of_nought_is_an_error_as_on_redshift(session: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.Error):
        session.execute(to_duckdb("SELECT CAST(CAST(1 AS DECIMAL(18, 4)) / 0 AS DECIMAL(18, 2)) AS x")).fetchall()
