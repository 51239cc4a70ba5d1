"""Quotients of decimals over the wire: the same exact values as of DuckDB in `tests/sql/test_quotients.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import quotients
import redshift_connector
from hypothesis import given, settings

from redshift_standin import Standin


@pytest.fixture(scope="module")
def session(running_standin: Standin) -> Iterator[redshift_connector.Connection]:
    running_standin.reset()
    login = {name: getattr(running_standin, name) for name in ("host", "port", "user", "password", "database")}
    with redshift_connector.connect(**login) as connection:
        connection.autocommit = True
        connection.run(quotients.TABLE)
        yield connection


# Behind the stand-in a quotient has 16 digits: of larger ones it could not tell a half.
@settings(max_examples=40)
@given(pairs=quotients.pairs(10**8, 10**5))
def test_a_quotient_is_rounded_as_its_exact_value_is(
    session: redshift_connector.Connection, pairs: list[quotients.Pair]
) -> None:
    session.run("DELETE FROM pairs")
    session.run(quotients.insert(pairs))
    for pair, found in zip(pairs, session.run(quotients.ASKED), strict=True):
        assert tuple(found) == quotients.expected(pair), pair
