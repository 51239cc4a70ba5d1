"""Quotients of decimals as exact arithmetic gives them, beside the SQL that asks for them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Pair = tuple[Decimal | None, Decimal | None]
SCALES = range(10)
TABLE = "CREATE TABLE pairs (n INTEGER, a DECIMAL(26, 6), b DECIMAL(18, 2))"
QUOTIENT = "CAST(a AS DECIMAL(26, 6)) / NULLIF(b, 0)"
ASKED = "SELECT {} FROM pairs ORDER BY n".format(
    ", ".join(
        [
            *(f"CAST({QUOTIENT} AS DECIMAL(38, {scale})) AS c{scale}" for scale in SCALES),
            *(f"CAST(ROUND({QUOTIENT}, {scale}) AS DECIMAL(38, {scale})) AS r{scale}" for scale in SCALES),
            f"CAST(ROUND({QUOTIENT}, 2) AS DECIMAL(30, 6)) AS wide",
            f"CAST({QUOTIENT} AS BIGINT) AS whole",
            f"CAST(FLOOR({QUOTIENT}) AS BIGINT) AS low",
            f"CAST(CEIL({QUOTIENT}) AS BIGINT) AS high",
        ]
    )
)


def insert(pairs: Iterable[Pair]) -> str:
    """The statement that fills the table."""
    rows = (f"({n}, {'NULL' if a is None else a}, {'NULL' if b is None else b})" for n, (a, b) in enumerate(pairs))
    return f"INSERT INTO pairs VALUES {', '.join(rows)}"


def expected(pair: Pair) -> tuple[Decimal | int | None, ...]:
    """What `ASKED` gives for a pair: rounded half away from zero; NULL by NULL and by nought."""
    a, b = pair
    if a is None or not b:
        return (None,) * (2 * len(SCALES) + 4)
    exact = Fraction(a) / Fraction(b)
    rounded = [Decimal(_half_away(exact * 10**scale)).scaleb(-scale) for scale in SCALES]
    return (*rounded, *rounded, rounded[2], int(rounded[0]), math.floor(exact), math.ceil(exact))


def _half_away(number: Fraction) -> int:
    size = math.floor(abs(number) + Fraction(1, 2))
    return size if number >= 0 else -size


def pairs(largest: int, divisor: int) -> SearchStrategy[list[Pair]]:
    """Pairs of both signs, with NULL and nought, and such as lie on or one step beside where the rounding turns."""
    divisors = st.integers(-divisor, divisor).map(lambda n: Decimal(n) / 100)
    free = st.tuples(st.integers(-largest, largest).map(lambda n: Decimal(n) / 10_000), divisors)
    halves = st.builds(
        _half, divisors, st.integers(-largest // 10**6, largest // 10**6), st.sampled_from([-1, 0, 0, 1])
    )
    nulls = st.sampled_from(
        [(None, Decimal(1)), (Decimal(1), None), (Decimal(1), Decimal(0)), (Decimal(0), Decimal(3))]
    )
    return st.lists(free | halves | nulls, min_size=1, max_size=40)


def _half(divisor: Decimal, cents: int, beside: int) -> Pair:
    """A dividend whose quotient has half a cent, or a millionth more or less."""
    return (Decimal(cents) + Decimal("0.5")) / 100 * divisor + Decimal(beside) / 1_000_000, divisor
