"""Runs: the last ones and what they cost, and a page a month with every run's files, tables and alerts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from contracts.ids import TableId
from tasks.site import figures
from tasks.site.facts import SiteFacts
from tasks.site.page import RUNS, Page
from tasks.site.run_facts import RunFacts

_LATEST = 30
_SLOWEST = 15
_COUNTS = ["delivered_rows", "loaded_rows", "duplicate_rows", "quarantined_rows", "other_rows"]
Row = dict[str, Any]


def month_path(month: str) -> str:
    """The page of the runs of a month, `YYYY-MM`."""
    return f"runs/{month}.html"


def pages(facts: SiteFacts) -> Iterator[Page]:
    """The overview and the months; nothing where nothing was ever run."""
    found = facts.runs
    if found is None:
        return
    runs = summaries(found)
    months = _months(runs)
    yield Page(RUNS, "Runs", "runs.html", _overview(found, runs, months))
    batches, builds, alerts = (_cut(frame) for frame in (found.batches, found.builds, found.alerts))
    for month, rows in months.items():
        shown = [
            {**row, "batches": _rows(batches, row), "builds": _rows(builds, row), "alerts": _rows(alerts, row)}
            for row in rows
        ]
        yield Page(month_path(month), f"Runs of {month}", "run_month.html", {"month": month, "runs": shown})


def summaries(found: RunFacts) -> pl.DataFrame:
    """A row per run, newest first: its days, files, rows by what became of them, tables built, seconds, alerts."""
    counted = found.batches.group_by("run_id").agg(
        pl.col("delivery_date").min().alias("first"),
        pl.col("delivery_date").max().alias("last"),
        pl.len().alias("files"),
        (pl.col("status") == "rejected").sum().alias("rejected"),
        *(pl.col(name).sum() for name in _COUNTS),
    )
    built = found.builds.group_by("run_id").agg(
        pl.len().alias("tables"),
        pl.col("inserted_rows").sum(),
        pl.col("updated_rows").sum(),
        pl.col("deleted_rows").sum(),
        pl.col("seconds").sum().alias("build_seconds"),
    )
    told = found.alerts.group_by("run_id").agg(pl.len().alias("told"))
    out = found.runs
    for part in (counted, built, told):
        out = out.join(part, on="run_id", how="left", maintain_order="left")
    counts = [
        name for name in out.columns if name not in ("run_id", "at", "flow", "ended_at", "stages", "first", "last")
    ]
    of_metrics = ["seconds", "failures", "warnings"]
    return out.with_columns(pl.col([name for name in counts if name not in of_metrics]).fill_null(0))


def _months(runs: pl.DataFrame) -> dict[str, list[Row]]:
    """Runs by month, newest first; each knows where on its month's page it stands."""
    out: dict[str, list[Row]] = {}
    for row in runs.iter_rows(named=True):
        month = f"{row['at']:%Y-%m}"
        out.setdefault(month, []).append({**row, "anchor": f"run-{row['run_id']}", "days": _days(row), "month": month})
    return out


def _days(row: Row) -> str:
    """The deliveries that a run loaded, in short."""
    if row["first"] is None:
        return ""
    return f"{row['first']}" if row["first"] == row["last"] else f"{row['first']} … {row['last']}"


def _cut(frame: pl.DataFrame) -> dict[str, list[Row]]:
    parts = frame.partition_by("run_id", as_dict=True, maintain_order=True)
    return {str(run): part.to_dicts() for (run,), part in parts.items()}


def _rows(parts: dict[str, list[Row]], run: Row) -> list[Row]:
    """A run's rows, each with the table that it is about."""
    rows = parts.get(run["run_id"], [])
    return [{**row, "of": _table(row.get("table_name") or row.get("table") or "")} for row in rows]


def _table(name: str) -> TableId | None:
    return TableId.parse(name) if name.count(".") == 1 else None


def _overview(found: RunFacts, runs: pl.DataFrame, months: dict[str, list[Row]]) -> Row:
    rows = [row for group in months.values() for row in group][:_LATEST]
    totals = [
        {
            "month": month,
            "page": month_path(month),
            "runs": len(group),
            "delivered": sum(row["delivered_rows"] for row in group),
            "aside": sum(row["quarantined_rows"] for row in group),
            "seconds": sum(row["seconds"] or row["build_seconds"] for row in group),
            "failed": sum(bool(row["failures"]) for row in group),
        }
        for month, group in months.items()
    ]
    return {
        "runs": rows,
        "count": runs.height,
        "months": totals,
        # The bars of one day say less than the list below them.
        "charts": [_time_chart(runs), _row_chart(runs)] if runs["at"].dt.date().n_unique() > 1 else [],
        "slowest": _slowest(found),
        "has_times": runs.get_column("seconds").count() > 0,
    }


def _by_day(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Sums by the day of the run, oldest first."""
    by = frame.group_by(pl.col("at").dt.date().alias(figures.DAY)).agg(pl.sum(*names))
    return by.sort(figures.DAY)


def _time_chart(runs: pl.DataFrame) -> tuple[figures.Figure, figures.Data]:
    """Seconds by stage and day where metrics tell of stages, else those of builds."""
    stages = (
        runs.select("at", "seconds", "stages")
        .explode("stages")
        .unnest("stages", separator=".")
        .drop_nulls("stages.stage")
    )
    if stages.is_empty():
        wide = _by_day(runs, ["build_seconds"]).rename({"build_seconds": "building tables"})
        title = "Seconds spent on building tables, by day of the run"
    else:
        order = stages.get_column("stages.stage").unique(maintain_order=True).to_list()
        wide = (
            stages.group_by(pl.col("at").dt.date().alias(figures.DAY), "stages.stage")
            .agg(pl.sum("stages.seconds"))
            .pivot("stages.stage", index=figures.DAY, values="stages.seconds")
            .sort(figures.DAY)
            .select(figures.DAY, *order)
        )
        title = "Seconds by stage, by day of the run"
    return _bars(title, "times", "Seconds by day", wide.with_columns(pl.exclude(figures.DAY).round(1)), "seconds")


def _row_chart(runs: pl.DataFrame) -> tuple[figures.Figure, figures.Data]:
    renamed = {name: name.removesuffix("_rows").replace("quarantined", "set aside") for name in _COUNTS[2:4]}
    wide = _by_day(runs, list(renamed)).rename(renamed)
    return _bars("Rows that were not loaded, by day of the run", "rows", "Rows not loaded, by day", wide, "rows")


def _bars(title: str, id_: str, caption: str, wide: pl.DataFrame, unit: str) -> tuple[figures.Figure, figures.Data]:
    figure = figures.bars_figure(title, id_, wide.columns[1:], unit, _span(wide), height=150)
    return figure, figures.data(id_, caption, wide)


def _span(wide: pl.DataFrame) -> int:
    days = wide.get_column(figures.DAY)
    return len(days) and int((days[-1] - days[0]).days) + 1


def _slowest(found: RunFacts) -> list[Row]:
    """The tables that took longest to build in the newest run that built any, each as a share of the longest."""
    builds = found.builds.join(found.runs.select("run_id", "at"), on="run_id")
    if builds.is_empty():
        return []
    newest: datetime = builds.get_column("at").max()  # type: ignore[assignment]
    top = builds.filter(pl.col("at") == newest).sort("seconds", descending=True).head(_SLOWEST)
    longest = max(top.item(0, "seconds"), 0.001)
    usual = dict(found.builds.group_by("table_name").agg(pl.median("seconds")).iter_rows())
    return [
        {
            "of": TableId.parse(row["table_name"]),
            "seconds": row["seconds"],
            "share": row["seconds"] / longest,
            "usual": usual[row["table_name"]],
            "rows": row["inserted_rows"] + row["updated_rows"],
        }
        for row in top.iter_rows(named=True)
    ]
