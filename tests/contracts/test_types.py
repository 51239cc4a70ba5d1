"""Which type holds every value of another: held against a search through values that knows nothing of ranges."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, localcontext
from itertools import product
from typing import Any

import pytest

from contracts.types import ColumnType

INTEGERS = {"smallint": 2, "integer": 4, "bigint": 8}
DECIMALS = [
    *(f"decimal({p},{s})" for p in range(1, 6) for s in range(p + 1)),
    *("decimal(9,0)", "decimal(10,0)", "decimal(12,2)", "decimal(18,0)", "decimal(19,0)", "decimal(20,2)"),
    *("decimal(18,4)", "decimal(38,0)", "decimal(38,19)", "decimal(38,38)"),
]
OTHERS: dict[str, list[Any]] = {
    "boolean": [True, False],
    "date": [date(2026, 1, 5)],
    "timestamp": [datetime(2026, 1, 5)],
    "double precision": [0.1, 1e300],
}
TEXTS = ["", "a", "é", "aé", "éé", "aaaaa"]
ALL = [*INTEGERS, *DECIMALS, *OTHERS, *(f"varchar({n})" for n in range(1, 7))]


def values(name: str) -> Iterator[Any]:
    """All values of a small type; of a large one those at its ends and the finest."""
    type_ = ColumnType.parse(name)
    if name in OTHERS:
        yield from OTHERS[name]
    elif type_.is_text:
        yield from (text for text in [*TEXTS, "x" * (type_.length or 0)] if len(text.encode()) <= (type_.length or 0))
    elif name in INTEGERS:
        most = int.from_bytes(b"\x7f" + b"\xff" * (INTEGERS[name] - 1))
        yield from map(Decimal, (most, -most - 1, 0, 1))
    else:
        digits = type_.precision or 0
        whole = range(10**digits) if digits <= 3 else (0, 1, 10**digits - 1)
        for sign, number in product((0, 1), whole):
            yield Decimal((sign, tuple(map(int, str(number))), -(type_.scale or 0)))


def can_be(value: Any, name: str) -> bool:
    """Whether a type has this very value."""
    type_ = ColumnType.parse(name)
    if name in OTHERS:
        return any(type(value) is type(example) for example in OTHERS[name])
    if type_.is_text:
        return isinstance(value, str) and len(value.encode()) <= (type_.length or 0)
    if not isinstance(value, Decimal):
        return False
    if name in INTEGERS:
        if value != value.to_integral_value():
            return False
        try:
            int(value).to_bytes(INTEGERS[name], signed=True)
        except OverflowError:
            return False
        return True
    with localcontext(prec=100):
        moved = value.scaleb(type_.scale or 0)
        return moved == moved.to_integral_value() and len(str(abs(int(moved)))) <= (type_.precision or 0)


def test_a_type_holds_another_if_and_only_if_it_has_each_of_its_values() -> None:
    wrong = [
        (new, old)
        for new, old in product(ALL, ALL)
        if ColumnType.parse(new).holds(ColumnType.parse(old)) != all(can_be(value, new) for value in values(old))
    ]
    assert wrong == []


@pytest.mark.parametrize("other", ["varchar(1)", "varchar(65535)"])
def test_a_length_that_nobody_knows_is_no_bar(other: str) -> None:
    unknown = ColumnType("varchar")
    assert unknown.holds(ColumnType.parse(other))
    assert ColumnType.parse(other).holds(unknown)
    assert str(unknown) == "varchar"


def test_a_type_that_no_contract_has_holds_itself_only() -> None:
    assert not ColumnType.parse("bigint").holds(ColumnType("hugeint"))
    assert not ColumnType.parse("timestamp").holds(ColumnType("timestamp with time zone"))


def test_the_form_is_how_a_value_is_written_not_how_large_it_may_be() -> None:
    same = (
        ["smallint", "integer", "bigint", "decimal(5,0)"],
        ["decimal(9,2)", "decimal(18,2)"],
        ["varchar(1)", "varchar(9)"],
    )
    forms = [{ColumnType.parse(name).form for name in names} for names in same]
    assert [len(form) for form in forms] == [1, 1, 1]
    assert len(set.union(*forms)) == 3
