"""DuckDB takes a wrong range for SUM where rows were compared, not equated, with those of an aggregate without groups.

Seen on 2.0.0, which first reckons such ranges: what filters the sum finds nothing, what sorts it takes a wrong number.
Disabling `statistics_propagation` avoids it. When DuckDB has repaired it, the last test fails: the setting may go then.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from sql.dialect import SESSION

FAULTY = (2, 0, 0)
VERSION = tuple(int(part) for part in duckdb.__version__.split(".")[:3])
SOLD = "-SUM(CASE WHEN number > 2 THEN quantity ELSE 0 END) AS sold"
LAST = "(SELECT MAX(day) AS day FROM days) AS last"
JOINS = {
    "inner": f"FROM moves INNER JOIN {LAST} ON moves.day <= last.day",
    "left": f"FROM moves LEFT JOIN {LAST} ON moves.day <= last.day",
    "scalar": "FROM moves WHERE moves.day <= (SELECT MAX(day) FROM days)",
}


def asked(join: str, tail: str, settings: tuple[str, ...]) -> list[Any]:
    connection = duckdb.connect(":memory:")
    for setting in settings:
        connection.execute(setting)
    connection.execute(
        "CREATE TABLE moves AS SELECT i % 3 AS product, i AS number, DATE '2026-01-05' AS day, "
        "CAST(CASE WHEN i < 3 THEN 100 ELSE -1 END AS INTEGER) AS quantity FROM range(1000) AS r(i)"
    )
    connection.execute("CREATE TABLE days AS SELECT DATE '2026-01-05' AS day")
    sums = f"SELECT product, MAX(moves.day) AS day, {SOLD} {JOINS[join]} GROUP BY product"
    return connection.execute(f"SELECT product, sold FROM ({sums}) AS sums {tail}").fetchall()


@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize("tail", ["WHERE sold > 300", "ORDER BY day", "WHERE sold > 300 ORDER BY day"])
def test_with_our_session_sums_are_filtered_and_sorted_right(join: str, tail: str) -> None:
    assert sorted(asked(join, tail, SESSION)) == [(0, 333), (1, 332), (2, 332)]


@pytest.mark.parametrize("join", JOINS)
def test_without_the_setting_a_filter_finds_nothing(join: str) -> None:
    assert bool(asked(join, "WHERE sold > 300", ())) == (VERSION != FAULTY)
