"""`dw quality`: scores by layer and table, their course over the deliveries, and what is unusual."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from contracts.counted import counted
from contracts.ids import LAYERS, TableId
from contracts.model import DIMENSIONS
from contracts.registry import Registry
from expectations.baseline import ENOUGH
from expectations.scorecard import Score, label
from flows import names
from flows.screen import console, print_json
from tasks import quality as scored
from tasks import trend
from tasks.settings import Settings
from tasks.sources import settings_for
from tasks.warehouse import WarehouseError, has_warehouse, open_warehouse

_BARS = "▁▂▃▄▅▆▇█"
_WORST = 12


def quality(source: str, table: str | None, days: int, *, as_json: bool, only_anomalies: bool) -> None:
    """Print the quality of the last deliveries; raise ValueError where there is nothing to print."""
    settings = settings_for(source)
    wanted = None if table is None else _known(settings, table)
    scores, measures = read(settings, days, wanted)
    if as_json and only_anomalies:
        scores, measures = scores.clear(), measures.filter(pl.col("status") == "anomaly")
    if as_json:
        _print_json(scores, measures)
        return
    days_shown = scores.get_column("delivery_date").unique().sort()
    course = (
        f", its course over {counted(len(days_shown), 'delivery', 'deliveries')} from {days_shown[0]} on"
        if len(days_shown) > 1
        else ""
    )
    console.print(f"[bold]Quality[/] of the delivery of {days_shown[-1]}{course}")
    if not only_anomalies:
        if wanted is None:
            console.print(_layers(scored.by_layer(scores)))
            _print_worst(scores)
        else:
            console.print(_table_scores(scores, str(wanted)))
            if measures.height:
                console.print(_measures(measures))
    last = pl.col("delivery_date") == pl.col("delivery_date").max()
    _print_anomalies(measures if only_anomalies else measures.filter(last))


def _known(settings: Settings, name: str) -> TableId:
    return names.table(Registry.read(settings.repository), name, option="--table").table


def is_scored(settings: Settings) -> bool:
    """Whether there is a warehouse, and a delivery that was scored in it."""
    if not has_warehouse(settings):
        return False
    with open_warehouse(settings, read_only=True) as warehouse:
        return warehouse.has_table(trend.TABLE) and not scored.daily_scores(warehouse, 1).is_empty()


def read(settings: Settings, days: int, table: TableId | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores and measures of the last deliveries; raise ValueError where there are none of them."""
    with open_warehouse(settings, read_only=True) as warehouse:
        if not warehouse.has_table(trend.TABLE):
            raise WarehouseError(
                f"{settings.warehouse_name} was made by an earlier version; the next `dw run` renews it"
            )
        scores, measures = scored.daily_scores(warehouse, days), trend.recorded(warehouse, days)
    if scores.is_empty():
        raise ValueError(
            f"no delivery has been scored yet in {settings.warehouse_name}; `dw run` loads and scores them"
        )
    if table is not None:
        # What was delivered is measured before the gates and after them: rows as raw, columns as clean.
        same = [f"{layer}.{table.name}" for layer in ("raw", "clean")] if table.layer in ("raw", "clean") else []
        scores = scores.filter(pl.col("table_name") == str(table))
        measures = measures.filter(pl.col("table_name").is_in(same))
        if scores.is_empty():
            raise ValueError(
                f"{table} was not scored in the last {counted(days, 'delivery', 'deliveries')}; "
                "--days looks further back"
            )
    return scores, measures


def _print_json(scores: pl.DataFrame, measures: pl.DataFrame) -> None:
    body = {
        "layers": scored.by_layer(scores).to_dicts(),
        "tables": scores.to_dicts(),
        "measures": measures.to_dicts(),
        "anomalies": trend.sentences(measures),
    }
    print_json(body)


def _layers(layers: pl.DataFrame) -> Table:
    shown = _score_table("Scores by layer", "layer")
    for layer in LAYERS:
        courses = _courses(layers.filter(pl.col("layer") == layer), ["dimension"])
        for n, dimension in enumerate(sorted(courses, key=lambda key: DIMENSIONS.index(key[0]))):
            shown.add_row(layer if n == 0 else "", *_score_cells(dimension[0], courses[dimension]))
        if courses:
            shown.add_section()
    return shown


def _table_scores(scores: pl.DataFrame, name: str) -> Table:
    shown = _score_table(f"Scores of {name}", "")
    for key, course in sorted(_courses(scores, ["dimension"]).items(), key=lambda item: DIMENSIONS.index(item[0][0])):
        shown.add_row("", *_score_cells(key[0], course))
    return shown


def _print_worst(scores: pl.DataFrame) -> None:
    """The tables of which values failed on the latest day: below threshold first, then those that come nearest."""
    courses = _courses(scores, ["table_name", "dimension"]).items()
    failing = [(key, course) for key, course in courses if course[-1].failed]
    if not failing:
        console.print("No value of any table failed a rule.")
        return
    failing.sort(key=lambda item: _margin(item[1][-1]))
    shown = _score_table("Tables, the worst first", "table")
    for (name, dimension), course in failing[:_WORST]:
        shown.add_row(name, *_score_cells(dimension, course))
    console.print(shown)
    if len(failing) > _WORST:
        console.print(f"{len(failing) - _WORST} more have failed values; --table and --json show them.")


def _margin(found: Score) -> tuple[bool, float]:
    """How far above its threshold a score is; dimensions that are only reported come last."""
    return found.threshold is None, found.score - (found.threshold or 0.0)


def _courses(scores: pl.DataFrame, key: list[str]) -> dict[tuple[Any, ...], list[Score]]:
    """Per key the scores of each day, oldest first; keys that the latest day does not have are left out."""
    day = scores.get_column("delivery_date").max()
    out: dict[tuple[Any, ...], list[Score]] = {}
    latest = scores.filter(pl.col("delivery_date") == day).select(key)
    for row in scores.join(latest, on=key, how="semi").sort("delivery_date").iter_rows(named=True):
        found = Score(None, row["dimension"], row["evaluated_count"], row["failed_count"], row["threshold"])
        out.setdefault(tuple(row[name] for name in key), []).append(found)
    return out


def _score_table(title: str, first: str) -> Table:
    shown = Table(title=title, title_justify="left", box=SIMPLE)
    shown.add_column(first, overflow="fold")
    shown.add_column("dimension")
    for name in ("score", "threshold", "evaluated", "failed"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("course", no_wrap=True)
    return shown


def _score_cells(dimension: str, course: list[Score]) -> tuple[str, ...]:
    found = course[-1]
    colour = "default" if found.threshold is None else "green" if found.passed else "red"
    wanted = "reported" if found.threshold is None else f"{found.threshold:.1%}"
    bottom = 0.9 if found.threshold is None else 2 * found.threshold - 1
    values = [s.score for s in course]
    return (
        label(dimension),
        f"[{colour}]{found.percent}[/]",
        wanted,
        f"{found.evaluated:,}",
        f"{found.failed:,}",
        f"{sparkline(values, min(bottom, *values), 1.0)} {arrow(values)}",
    )


def sparkline(values: Iterable[float], low: float, high: float) -> str:
    """One bar per value, between `low` and `high`."""
    span = (high - low) or 1.0
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] for value in values)


def arrow(values: list[float]) -> str:
    """Where the last value went from the one before; nothing where there is none."""
    if len(values) < 2:
        return ""
    return "→" if values[-1] == values[-2] else "↗" if values[-1] > values[-2] else "↘"


def _figure(measure: str, value: float) -> str:
    if measure == "null_share":
        return f"{value:.1%}"
    return f"{value:.1f} h" if measure == "age_hours" else f"{value:,.0f}"


def _measures(measures: pl.DataFrame) -> Table:
    shown = Table(title="Measures", title_justify="left", box=SIMPLE)
    for name in ("table", "measure", "column"):
        shown.add_column(name, no_wrap=True)
    for name in ("value", "usual", "z"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name in ("", "course"):
        shown.add_column(name, no_wrap=True)
    series = ["table_name", "measure", "column_name"]
    for _, course in measures.sort(*series, "delivery_date").group_by(series, maintain_order=True):
        row = course.row(-1, named=True)
        values = course.get_column("value").to_list()
        value, median, spread = (
            "" if row[name] is None else _figure(row["measure"], row[name]) for name in ("value", "median", "spread")
        )
        colour = {"anomaly": "red", "learning": "dim"}.get(row["status"], "default")
        status = f"learning {row['points']}/{ENOUGH}" if row["status"] == "learning" else row["status"]
        shown.add_row(
            row["table_name"],
            row["measure"],
            row["column_name"],
            value,
            median and f"{median} ± {spread}",
            "" if row["z"] is None else f"{row['z']:+.1f}",
            f"[{colour}]{status}[/]",
            f"{sparkline(values, 0.0, max(values))} {arrow(values)}",
        )
    return shown


def _print_anomalies(measures: pl.DataFrame) -> None:
    told = trend.sentences(measures)
    for text in told:
        console.print(f"[yellow]unusual[/]  {escape(text)}", soft_wrap=True)
    judged, learning = (measures.filter((pl.col("status") == "learning") == is_so) for is_so in (False, True))
    if not told and judged.height:
        console.print(f"Nothing unusual in {counted(judged.height, 'measure')}.")
    if learning.height:
        best = max(learning.get_column("points"))
        console.print(
            f"{counted(learning.height, 'measure')} cannot be judged yet: {ENOUGH} earlier days of the same weekday "
            f"are needed, the furthest have {best}."
        )
    if measures.is_empty():
        console.print("No measures of a delivery; only raw and clean tables are measured.")
