"""What is usual: median and MAD of the same weekday in the weeks before; no model, no training."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

WEEKS = 8
ENOUGH = 4
LIMIT = 3.5
# Makes the median absolute deviation of a normal distribution its standard deviation.
_MAD_TO_SIGMA = 1.4826


def days_before(day: date) -> list[date]:
    """The same weekday of the earlier weeks, oldest first."""
    return [day - timedelta(weeks=week) for week in range(WEEKS, 0, -1)]


def judge(points: pl.LazyFrame, day: date, *, series: list[str], floor: pl.Expr, only_high: pl.Expr) -> pl.LazyFrame:
    """The day's value of each series against its usual: median, spread (both of `points`), z and status.

    `points` holds the columns of `series`, delivery_date and value; `floor` is the least spread, more than 0, and may
    read `median` and the day's other columns: a history that never moved would flag anything else. `only_high`: more
    than usual is an anomaly, less is not. Fewer than ENOUGH points are `learning`: no other weekday stands in.
    """
    history = points.filter(pl.col("delivery_date").is_in(days_before(day)))
    centre = pl.col("value").median()
    usual = history.group_by(series).agg(
        median=centre, mad=(pl.col("value") - centre).abs().median(), points=pl.len().cast(pl.Int64)
    )
    distance = pl.col("value") - pl.col("median")
    far = pl.when(only_high).then(pl.col("z")).otherwise(pl.col("z").abs()) >= LIMIT
    learning = pl.col("points") < ENOUGH
    return (
        points.filter(pl.col("delivery_date") == day)
        .join(usual, on=series, how="left")
        .with_columns(pl.col("points").fill_null(0))
        .with_columns(
            spread=pl.when(pl.col("points") > 0).then(pl.max_horizontal(pl.col("mad") * _MAD_TO_SIGMA, floor))
        )
        .with_columns(z=pl.when(~learning).then(distance / pl.col("spread")))
        .with_columns(
            status=pl.when(learning)
            .then(pl.lit("learning"))
            .when(far)
            .then(pl.lit("anomaly"))
            .otherwise(pl.lit("usual"))
        )
        .drop("mad")
    )
