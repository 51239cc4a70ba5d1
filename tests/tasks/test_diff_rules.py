"""Rules that came, went, or became stricter or weaker."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from diff_shop import AMOUNTS, ORDERS, SHOP, Told, one, only, reached, with_rule
from hypothesis import given
from hypothesis import strategies as st

from expectations.rules import Rule
from tasks.diff.model import Level
from tasks.diff.rule_changes import is_stricter


@pytest.mark.parametrize(
    ("old", "new", "level", "text"),
    [
        ("block", "quarantine", Level.ADDITIVE, "verdict block → quarantine"),
        ("quarantine", "warn", Level.BREAKING, "verdict quarantine → warn"),
        ("warn", "block", Level.ADDITIVE, "verdict warn → block"),
    ],
)
def test_a_verdict_changes(diff: Told, old: str, new: str, level: Level, text: str) -> None:
    change = one(diff(with_rule(old, AMOUNTS), with_rule(new, AMOUNTS)), "checked")
    assert (change.level, change.text) == (level, text)


def test_rules_come_and_go(diff: Told) -> None:
    ruled = with_rule("block", AMOUNTS)
    assert one(diff(SHOP, ruled), "checked").level is Level.ADDITIVE
    assert one(diff(ruled, SHOP), "checked").level is Level.BREAKING
    assert diff(SHOP, with_rule("warn", AMOUNTS)).level is Level.NEUTRAL
    states = {"rule": "condition", "columns": ["state"], "sql": "state = 'paid'"}
    asked = with_rule("quarantine", states, "raw")
    assert one(diff(SHOP, asked), "checked").level is Level.BREAKING
    assert one(diff(asked, SHOP), "checked").level is Level.ADDITIVE


def test_rows_that_are_set_aside_are_rows_that_readers_lack(diff: Told) -> None:
    found = diff(SHOP, with_rule("quarantine", AMOUNTS))
    assert {str(r.table): r.is_of_rows for r in reached(found)} == {"core.fact": True, "mart.sales": True}
    assert diff(SHOP, with_rule("block", AMOUNTS)).reached == ()


def test_a_rule_that_follows_from_a_column_is_told_once(diff: Told) -> None:
    new = SHOP.with_contract(
        "clean.orders", ORDERS.replace("note varchar(64)", "note varchar(128) required") + "\nx date required"
    )
    assert [(c.subject, c.name) for c in only(diff(SHOP, new)).changes if c.name != "x"] == [("column", "note")] * 2


def test_a_condition_is_compared_without_its_layout(diff: Told) -> None:
    old, same, other = (
        with_rule("block", {"rule": "condition", "columns": ["amount"], "sql": sql})
        for sql in ("amount > 0 and state = 'x'", "state='x' AND  (amount > 0)", "amount > 1 and state = 'x'")
    )
    assert diff(old, same).is_empty
    change = one(diff(old, other), "checked")
    assert change.level is Level.BREAKING
    assert "cannot be told" in change.note


BOUNDS = st.one_of(st.none(), st.integers(-3, 3))
INTERVALS = st.builds(
    lambda low, high, open_low, open_high: {
        "min": low,
        "max": high,
        "min_exclusive": open_low,
        "max_exclusive": open_high,
    },
    BOUNDS,
    BOUNDS,
    st.booleans(),
    st.booleans(),
)


def kept_by(interval: dict[str, Any]) -> set[float]:
    """The halves from -4 to 4 that lie in an interval: an oracle that shares no code."""
    low, high = interval["min"], interval["max"]
    halves = [n / 2 for n in range(-8, 9)]
    above = [v for v in halves if low is None or v > low or (v == low and not interval["min_exclusive"])]
    return {v for v in above if high is None or v < high or (v == high and not interval["max_exclusive"])}


@given(INTERVALS, INTERVALS)
def test_a_stricter_interval_keeps_no_value_that_the_other_does_not(old: dict[str, Any], new: dict[str, Any]) -> None:
    before, after = kept_by(old), kept_by(new)
    rules = [Rule("r", "between", ("a",), args) for args in (old, new)]
    found = is_stricter(*rules)
    if found:
        assert after <= before
    elif found is False:
        assert before <= after
    elif before and after:
        assert not before <= after or not after <= before or before == after


@given(st.frozensets(st.sampled_from("abcd"), min_size=1), st.frozensets(st.sampled_from("abcd"), min_size=1))
def test_fewer_allowed_values_are_stricter(old: frozenset[str], new: frozenset[str]) -> None:
    rules = [Rule("r", "in_set", ("a",), {"values": sorted(values)}) for values in (old, new)]
    expected = True if new < old else False if old < new else None
    assert is_stricter(*rules) is expected


@pytest.mark.parametrize(("old", "new"), list(product(["<", "<=", ">", ">=", "="], repeat=2)))
def test_strictness_of_a_comparison(old: str, new: str) -> None:
    rules = [Rule("r", "compare", ("a", "b"), {"operator": operator}) for operator in (old, new)]
    holds = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}
    holds["="] = lambda a, b: a == b
    before, after = ({(a, b) for a, b in product(range(3), repeat=2) if holds[o](a, b)} for o in (old, new))
    if old != new and (found := is_stricter(*rules)) is not None:
        assert found == (after < before)
        assert after < before or before < after
