"""What each delivery measured, kept day by day, and whether it is unusual for its weekday (`expectations.baseline`).

Measures of a delivery day: `delivered_rows` and `loaded_rows` of each delivered table (0 where its file is missing),
`null_share` of each optional column, and `age_hours`: how old, at the end of the day, the newest instant is that any
delivery so far has brought, in the column that the contract's latency names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

import polars as pl

from contracts.counted import counted
from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from expectations.baseline import days_before, judge
from tasks.batches import Batch
from tasks.lake import LakeFile
from tasks.settings import Settings
from tasks.warehouse import Warehouse

TABLE, PROFILE = "audit.trend", "audit.column_profile"
_SERIES = ["table_name", "measure", "column_name"]
_POINT = [*_SERIES, "delivery_date", "value", "row_count"]

# The least spread that counts as usual: what chance alone does to a count or a share, and a figure below which nobody
# wants to be called: a twentieth of the rows, a percentage point, an hour. Eight values say little about their own
# spread; docs/quality.md has the rate of false alarms.
_SHARE = (pl.col("median") * pl.col("row_count") + 1) / (pl.col("row_count") + 2)
_FLOOR = (
    pl.when(pl.col("measure") == "null_share")
    .then(pl.max_horizontal((_SHARE * (1 - _SHARE) / pl.col("row_count")).sqrt(), pl.lit(0.01)))
    .when(pl.col("measure") == "age_hours")
    .then(pl.lit(1.0))
    .otherwise(pl.max_horizontal(pl.col("median").sqrt(), pl.col("median") * 0.05, pl.lit(1.0)))
)
# Fewer rows are as odd as more; fewer gaps and newer data are not.
_ONLY_HIGH = pl.col("measure").is_in(["null_share", "age_hours"])


def record_profile(warehouse: Warehouse, settings: Settings, clean: Contract, batch: Batch, file: LakeFile) -> None:
    """Count the gaps of a clean batch's optional columns and find its newest instant, in one pass over the file.

    What lies after the end of the delivery day is a fault of some clock, and no news. Call it inside the transaction
    that publishes the batch.
    """
    optional = [c.name for c in clean.columns if not c.required]
    newest = clean.latency.column if clean.latency else None
    is_date = newest is not None and str(clean.by_name[newest].type) == "date"
    wanted = [pl.len().alias("rows"), *(pl.col(name).null_count().alias(f"nulls {name}") for name in optional)]
    if newest is not None:
        limit = batch.delivery if is_date else settings.day_end(batch.delivery)
        wanted.append(pl.col(newest).filter(pl.col(newest) <= limit).max().alias("newest"))
    (found,) = file.scan().select(wanted).collect(engine="streaming").to_dicts()
    latest = found.get("newest")
    if latest is not None and is_date:
        latest = settings.day_end(latest)
    rows = [
        {
            "batch_id": batch.batch_id,
            "delivery_date": batch.delivery,
            "table_name": str(clean.table),
            "column_name": name,
            "row_count": found["rows"],
            "null_count": found.get(f"nulls {name}", 0),
            "newest_at": latest if name == newest else None,
        }
        for name in dict.fromkeys([*optional, *([newest] if newest else [])])
    ]
    warehouse.execute(f"DELETE FROM {PROFILE} WHERE batch_id = :batch_id", batch_id=batch.batch_id)
    if rows:
        warehouse.insert_rows(PROFILE, list(rows[0]), rows)


def is_recorded(warehouse: Warehouse, day: date) -> bool:
    """Whether the day was measured."""
    return bool(warehouse.scalar(f"SELECT COUNT(*) AS rows_found FROM {TABLE} WHERE delivery_date = :day", day=day))


def record(
    warehouse: Warehouse,
    registry: Registry,
    settings: Settings,
    run_id: str,
    day: date,
    in_inbox: Collection[str] = (),
) -> list[str]:
    """Measure a delivery day, write it down anew, and return a sentence for each anomaly.

    A table whose file is `in_inbox`, but not in the ledger, is still to be loaded and not measured. Call it inside a
    transaction.
    """
    entered = warehouse.query("SELECT table_name FROM audit.load_ledger WHERE delivery_date = :day", day=day)
    waiting = [TableId.parse(table).name for table in {*in_inbox} - {*entered.get_column("table_name")}]
    of_waiting = (pl.col("delivery_date") == day) & pl.col("table_name").str.split(".").list.last().is_in(waiting)
    points = measured(warehouse, registry, settings, [*days_before(day), day]).filter(~of_waiting)
    judged = judge(points.lazy(), day, series=_SERIES, floor=_FLOOR, only_high=_ONLY_HIGH).sort(_SERIES).collect()
    warehouse.execute(f"DELETE FROM {TABLE} WHERE delivery_date = :day", day=day)
    columns = [*_POINT, "median", "spread", "z", "points", "status"]
    rows = judged.select(columns).with_columns(run_id=pl.lit(run_id))
    warehouse.insert_rows(TABLE, rows.columns, rows.to_dicts())
    return sentences(judged)


def measured(warehouse: Warehouse, registry: Registry, settings: Settings, days: Iterable[date]) -> pl.DataFrame:
    """The measures of those of the days on which anything was delivered, and of the last one, one row each.

    Of what lies before the first of the days, only each table's first delivery and its newest instant are read.
    """
    *earlier, day = days
    since = min(earlier, default=day)
    tables = [c.table.name for c in registry.layer("clean") if TableId("raw", c.table.name) in registry]
    ours = pl.col("table_name").is_in([f"raw.{name}" for name in tables])
    ledger = warehouse.query(_DELIVERED, since=since).filter(ours)
    first = warehouse.query(_FIRST_DELIVERY).filter(ours)
    delivered = ledger.get_column("delivery_date").unique().to_list()
    ends = {d: settings.day_end(d) for d in (*earlier, day) if d == day or d in delivered}
    calendar = pl.DataFrame(
        {"delivery_date": ends.keys(), "day_end": ends.values()},
        schema={"delivery_date": pl.Date, "day_end": pl.Datetime("us")},
    )
    profile = warehouse.query(_PROFILE, since=since)
    newest = pl.concat([warehouse.query(_NEWEST_BEFORE, since=since), profile.select(_NEWEST)], how="vertical_relaxed")
    optional = {
        (str(c.table), column.name) for c in registry.layer("clean") for column in c.columns if not column.required
    }
    parts = [_volume(ledger, first, calendar), _null_share(profile, optional, calendar), _age(newest, calendar)]
    return pl.concat([part.select(_POINT) for part in parts])


_NEWEST = ["table_name", "column_name", "delivery_date", "newest_at"]
_DELIVERED = (
    "SELECT table_name, delivery_date, delivered_rows, loaded_rows FROM audit.load_ledger WHERE delivery_date >= :since"
)
_FIRST_DELIVERY = "SELECT table_name, MIN(delivery_date) AS first FROM audit.load_ledger GROUP BY table_name"
_OF_LOADED = (
    f"FROM {PROFILE} AS profile INNER JOIN audit.load_ledger AS ledger ON ledger.batch_id = profile.batch_id "
    "WHERE ledger.status = 'loaded'"
)
_PROFILE = (
    "SELECT profile.table_name, profile.column_name, profile.delivery_date, profile.newest_at, profile.row_count, "
    f"profile.null_count {_OF_LOADED} AND profile.delivery_date >= :since"
)
_NEWEST_BEFORE = (
    "SELECT profile.table_name, profile.column_name, MAX(profile.delivery_date) AS delivery_date, "
    f"MAX(profile.newest_at) AS newest_at {_OF_LOADED} AND profile.delivery_date < :since "
    "GROUP BY profile.table_name, profile.column_name"
)


def _volume(ledger: pl.DataFrame, first: pl.DataFrame, calendar: pl.DataFrame) -> pl.DataFrame:
    """Rows per table and day, from the table's first delivery on; a day without its file has none."""
    counts = ["delivered_rows", "loaded_rows"]
    sums = ledger.group_by("table_name", "delivery_date").agg(pl.sum(*counts))
    return (
        first.join(calendar, how="cross")
        .filter(pl.col("delivery_date") >= pl.col("first"))
        .join(sums, on=["table_name", "delivery_date"], how="left")
        .unpivot(counts, index=["table_name", "delivery_date"], variable_name="measure")
        .with_columns(pl.col("value").fill_null(0).cast(pl.Float64), column_name=pl.lit(""))
        .with_columns(row_count=pl.lit(None, pl.Int64))
    )


def _null_share(profile: pl.DataFrame, optional: set[tuple[str, str]], calendar: pl.DataFrame) -> pl.DataFrame:
    keys = pl.DataFrame(sorted(optional), schema={"table_name": pl.String, "column_name": pl.String}, orient="row")
    return (
        profile.join(keys, on=["table_name", "column_name"])
        .join(calendar, on="delivery_date")
        .group_by("table_name", "column_name", "delivery_date")
        .agg(pl.sum("row_count", "null_count"))
        .filter(pl.col("row_count") > 0)
        .with_columns(measure=pl.lit("null_share"), value=pl.col("null_count") / pl.col("row_count"))
    )


def _age(newest: pl.DataFrame, calendar: pl.DataFrame) -> pl.DataFrame:
    """Per table and day, the hours from the newest instant that was delivered until then to the day's end."""
    return (
        calendar.join(newest.drop_nulls("newest_at"), how="cross", suffix="_of")
        .filter(pl.col("delivery_date_of") <= pl.col("delivery_date"))
        .group_by("table_name", "column_name", "delivery_date", "day_end")
        .agg(pl.max("newest_at"))
        .with_columns(
            measure=pl.lit("age_hours"),
            value=(pl.col("day_end") - pl.col("newest_at")).dt.total_seconds() / 3600,
            row_count=pl.lit(None, pl.Int64),
        )
    )


def recorded(warehouse: Warehouse, days: int) -> pl.DataFrame:
    """What was measured on the last `days` delivery days, oldest first."""
    columns = ", ".join([*_POINT, "median", "spread", "z", "points", "status"])
    latest = f"SELECT DISTINCT delivery_date FROM {TABLE} ORDER BY delivery_date DESC LIMIT {int(days)}"
    return warehouse.query(
        f"SELECT {columns} FROM {TABLE} WHERE delivery_date IN ({latest}) "
        "ORDER BY delivery_date, table_name, measure, column_name"
    )


def sentences(judged: pl.DataFrame) -> list[str]:
    """A sentence per anomaly, by day and table; fewer loaded rows are not told where fewer were delivered."""
    odd = judged.filter(pl.col("status") == "anomaly")
    told = odd.filter(pl.col("measure") == "delivered_rows").select(
        "delivery_date", "table_name", measure=pl.lit("loaded_rows")
    )
    rest = odd.join(told, on=told.columns, how="anti").sort("delivery_date", *_SERIES)
    return [_sentence(row) for row in rest.iter_rows(named=True)]


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _sentence(row: dict[str, Any]) -> str:
    table, day, column = row["table_name"], row["delivery_date"], row["column_name"]
    value, median, spread = row["value"], row["median"], row["spread"]
    weekday = _WEEKDAYS[day.weekday()]
    over = f"over {counted(row['points'], weekday)}"
    on = f"{weekday} {day.isoformat()}"
    if row["measure"] == "null_share":
        usual = f"usual {median:.1%} ± {spread:.1%} {over}"
        return f"{table}: {column} is missing in {value:.1%} of {counted(row['row_count'], 'row')} on {on}, {usual}"
    if row["measure"] == "age_hours":
        usual = f"usual {median:.1f} ± {spread:.1f} {over}"
        return f"{table}: the newest {column} is {value:.1f} hours old at the end of {on}, {usual}"
    what = row["measure"].removesuffix("_rows")
    return f"{table}: {counted(round(value), 'row')} {what} on {on}, usual {median:,.0f} ± {spread:,.0f} {over}"
