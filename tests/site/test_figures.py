"""The figures behind charts: what a table says is what is drawn, and what is unusual has a mark in both."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from tasks.site import figures

DAYS = [date(2026, 1, 5) + timedelta(days=n) for n in range(3)]
FRAME = pl.DataFrame({"Day": DAYS, "rows": [1200, None, 7], "share": [0.12345, 99.0, None]})


def test_a_table_has_every_number_as_short_as_it_can_be_read_and_nothing_where_there_is_none() -> None:
    table = figures.data("t", "Rows", FRAME)
    assert table.names == ("Day", "rows", "share")
    assert table.rows == [
        ("2026-01-05", "1200", "0.123"),
        ("2026-01-06", "", "99.0"),
        ("2026-01-07", "7", ""),
    ]


def test_what_is_unusual_is_said_in_the_table() -> None:
    table = figures.data("t", "Rows", FRAME, {"rows": pl.Series([False, False, True])})
    assert [row[1] for row in table.rows] == ["1200", "", "7 !"]


def test_a_score_is_marked_only_where_a_day_lies_below_the_threshold() -> None:
    above = figures.score_figure("Completeness", "t", "completeness", 95.0, 97.0, 3)
    below = figures.score_figure("Completeness", "t", "completeness", 95.0, 94.0, 3)
    assert len(below.spec["layer"]) == len(above.spec["layer"]) + 1
    assert above.spec["layer"][1]["encoding"]["y"] == {"datum": 95.0}
    (low, _) = below.spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert low < 94.0


def test_many_days_are_added_up_to_weeks() -> None:
    units = {days: figures.bars_figure("Rows", "t", ["a", "b"], "rows", days).spec for days in (100, 400)}
    assert [spec["encoding"]["x"]["timeUnit"] for spec in units.values()] == ["utcyearmonthdate", "utcyearweek"]
