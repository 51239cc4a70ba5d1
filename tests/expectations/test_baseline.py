"""The baseline: what same weekdays say about a day, held against an oracle in plain Python and against its promises."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.baseline import ENOUGH, LIMIT, WEEKS, days_before, judge

DAY = date(2026, 3, 2)  # a Monday
SMALL = st.integers(-3, 3).map(float)
HISTORY = st.lists(SMALL, min_size=ENOUGH, max_size=WEEKS)
FLOOR = st.sampled_from([0.25, 1.0, 2.0])


def points(history: Sequence[float], value: float, series: str = "a") -> pl.DataFrame:
    """The history on the Mondays before the day, the latest last, and the day's value."""
    days = [*days_before(DAY)[WEEKS - len(history) :], DAY]
    return pl.DataFrame({"series": series, "delivery_date": days, "value": [*map(float, history), float(value)]})


def judged(frame: pl.DataFrame, floor: float = 1.0, *, only_high: bool = False) -> list[dict[str, Any]]:
    found = judge(frame.lazy(), DAY, series=["series"], floor=pl.lit(floor), only_high=pl.lit(only_high))
    return found.sort("series").collect().to_dicts()


def one(history: Sequence[float], value: float, floor: float = 1.0, *, only_high: bool = False) -> dict[str, Any]:
    (found,) = judged(points(history, value), floor, only_high=only_high)
    return found


@given(HISTORY, SMALL, FLOOR)
def test_it_is_median_and_mad_of_the_days_before(history: list[float], value: float, floor: float) -> None:
    found = one(history, value, floor)
    median = statistics.median(history)
    spread = max(1.4826 * statistics.median([abs(x - median) for x in history]), floor)
    assert found["median"] == median
    assert found["spread"] == pytest.approx(spread)
    assert found["z"] == pytest.approx((value - median) / spread)
    assert found["points"] == len(history)
    assert found["status"] == ("anomaly" if abs(value - median) / spread >= LIMIT else "usual")


@given(SMALL, st.integers(ENOUGH, WEEKS), FLOOR)
def test_what_never_changed_is_usual_and_anything_far_is_not(value: float, weeks: int, floor: float) -> None:
    assert one([value] * weeks, value, floor)["status"] == "usual"
    assert one([value] * weeks, value + LIMIT * floor, floor)["status"] == "anomaly"
    assert one([value] * weeks, value + (LIMIT - 0.01) * floor, floor)["status"] == "usual"


@given(HISTORY, SMALL, FLOOR, st.sampled_from([0.5, 2.0, 8.0]), SMALL)
def test_shift_and_scale_change_nothing(
    history: list[float], value: float, floor: float, scale: float, shift: float
) -> None:
    plain = one(history, value, floor)
    other = one([scale * x + shift for x in history], scale * value + shift, scale * floor)
    assert other["z"] == pytest.approx(plain["z"])
    assert other["status"] == plain["status"]


@given(SMALL, st.integers(ENOUGH, WEEKS), st.integers(0, WEEKS - 1), st.sampled_from([-1000.0, 1000.0]))
def test_an_outlier_in_the_past_does_not_hide_the_next(usual: float, weeks: int, at: int, far: float) -> None:
    history = [usual] * weeks
    history[at % weeks] = usual + far
    assert one(history, usual + far)["status"] == "anomaly"
    assert one(history, usual)["status"] == "usual"


@given(HISTORY, SMALL)
def test_where_only_more_is_odd_less_is_not(history: list[float], value: float) -> None:
    both, high = one(history, value, 0.25), one(history, value, 0.25, only_high=True)
    assert (high["status"] == "anomaly") == (both["status"] == "anomaly" and both["z"] > 0)


@given(st.lists(SMALL, max_size=ENOUGH - 1), SMALL)
def test_too_few_days_are_learning_and_flag_nothing(history: list[float], value: float) -> None:
    found = one(history, 1000 * value + 1000, 0.25)
    assert (found["status"], found["points"], found["z"]) == ("learning", len(history), None)
    assert found["median"] == (statistics.median(history) if history else None)


def test_other_weekdays_later_days_and_older_weeks_do_not_count() -> None:
    noise = [DAY - timedelta(days=n) for n in (1, 6, 8, 7 * WEEKS + 7)] + [DAY + timedelta(days=7)]
    elsewhere = pl.DataFrame({"series": "a", "delivery_date": noise, "value": 999.0})
    assert judged(pl.concat([points([1, 2, 3, 4], 5), elsewhere])) == judged(points([1, 2, 3, 4], 5))


def test_series_are_judged_apart() -> None:
    frame = pl.concat([points([1] * 4, 9, "a"), points([9] * 4, 9, "b"), points([], 9, "c")])
    assert [row["status"] for row in judged(frame)] == ["anomaly", "usual", "learning"]
