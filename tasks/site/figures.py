"""Charts of the site: Vega-Lite specifications over tables that stand beside them, and the tables.

The figures are in the page once, as the table that is the chart's text alternative; `assets/charts.js` reads them from
there. Specifications are plain dictionaries: they are few kinds, and cost neither an import nor a check at each build.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.charts import vega_config

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
# No column has such a name, so that columns may be series.
DAY = "Day"
# A chart of more days than this shows weeks where it adds up.
_MOST_BARS = 120
_POINTS = 45

Spec = dict[str, Any]


@dataclass(frozen=True)
class Data:
    """The figures behind charts: `rows` begin with a day, a text each; `caption` says what the numbers are."""

    id: str
    caption: str
    names: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Figure:
    """One chart: a title that says what is seen, and the table of which it shows the series."""

    title: str
    data: str
    spec: Spec
    height: int
    note: str = ""


def theme() -> Mapping[str, Any]:
    """The look of all charts, for both schemes."""
    return {"light": vega_config(), "dark": vega_config(dark=True)}


def data(id_: str, caption: str, frame: pl.DataFrame, unusual: Mapping[str, pl.Series] | None = None) -> Data:
    """A table of a frame: a date first, then numbers, those that are unusual with a ! behind them."""
    first, *others = frame.columns
    texts = frame.select(
        pl.col(first).cast(pl.String),
        *(_text(frame.schema[name], name) for name in others),
    )
    if unusual:
        marked = [
            pl.when(flags).then(pl.col(name) + " !").otherwise(pl.col(name)).alias(name)
            for name, flags in unusual.items()
        ]
        texts = texts.with_columns(marked)
    return Data(id_, caption, tuple(frame.columns), texts.fill_null("").rows())


def _text(kind: pl.DataType, name: str) -> pl.Expr:
    """A number as short as can be read: counts whole, others to three digits behind the point."""
    return pl.col(name).cast(pl.String) if kind.is_integer() else pl.col(name).round(3).cast(pl.String)


def _x(days: int) -> Spec:
    # Days are dates, not instants of the reader's time zone.
    ticks = {"interval": "day", "step": 1} if days <= 7 else 5
    axis = {"title": None, "format": "%e %b" if days <= 60 else "%b %y", "tickCount": ticks, "labelOverlap": True}
    return {"field": DAY, "type": "temporal", "scale": {"type": "utc"}, "axis": axis}


def _y(title: str, **scale: Any) -> Spec:
    axis = {"title": None, "tickCount": 4, "format": "~s"} if scale.pop("counts", False) else {"tickCount": 4}
    return {"field": "value", "type": "quantitative", "axis": {"title": None, **axis}, "scale": scale, "title": title}


def _tooltip(unit: str) -> list[Spec]:
    day = {"field": DAY, "type": "temporal", "timeUnit": "utcyearmonthdate", "format": "%a %e %b %Y", "title": "Day"}
    return [day, {"field": "series", "title": "What"}, {"field": "value", "type": "quantitative", "title": unit}]


def _only(series: Iterable[str]) -> Spec:
    return {"filter": {"field": "series", "oneOf": list(series)}}


def _base(height: int, days: int) -> Spec:
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": height,
        "data": {"name": "long"},
        "encoding": {"x": _x(days)},
    }


def _line(days: int, **more: Any) -> Spec:
    point = {"point": {"size": 18}} if days <= _POINTS else {}
    return {"mark": {"type": "line", "strokeWidth": 1.5, "interpolate": "linear", **point, **more}}


def score_figure(title: str, table: str, series: str, threshold: float | None, low: float, days: int) -> Figure:
    """A score, per cent, over days, `low` the lowest: its line, the threshold, and a mark on each day below it."""
    bottom = min(low, threshold if threshold is not None else low)
    y = _y("score, %", domain=[max(0.0, bottom - max(0.2, (100 - bottom) * 0.15)), 100], nice=False)
    layers: list[Spec] = [{**_line(days), "encoding": {"y": y, "tooltip": _tooltip("score, %")}}]
    if threshold is not None:
        rule = {"type": "rule", "strokeDash": [4, 3], "color": {"expr": "statusBad"}, "opacity": 0.8}
        layers.append({"data": {"values": [{}]}, "mark": rule, "encoding": {"x": None, "y": {"datum": threshold}}})
        if low < threshold:
            layers.append(_marks(f"datum.value < {threshold}", y, _tooltip("score, % (below the threshold)")))
    return _figure(title, table, {**_base(120, days), "transform": [_only([series])], "layer": layers})


def _marks(test: str, y: Spec, tooltip: list[Spec]) -> Spec:
    mark = {
        "type": "point",
        "shape": "diamond",
        "filled": True,
        "size": 46,
        "color": {"expr": "statusBad"},
        "opacity": 1,
    }
    return {"transform": [{"filter": test}], "mark": mark, "encoding": {"y": y, "tooltip": tooltip}}


def layer_figure(
    title: str, table: str, layers: Sequence[str], dimension: str, threshold: float, low: float, days: int
) -> Figure:
    """One dimension's score by layer, with its threshold; each layer has one colour in all such charts."""
    bottom = min(low, threshold)
    y = _y("score, %", domain=[max(0.0, bottom - max(0.2, (100 - bottom) * 0.15)), 100], nice=False)
    # Five layers in one line, on a telephone too.
    legend = {"symbolType": "stroke", "symbolStrokeWidth": 3, "symbolSize": 60, "columnPadding": 4}
    colour = {"field": "layer", "type": "nominal", "scale": {"domain": list(layers)}, "title": None, "legend": legend}
    rule = {"type": "rule", "strokeDash": [4, 3], "color": {"expr": "statusBad"}, "opacity": 0.8}
    drawn = [
        {**_line(days), "encoding": {"y": y, "color": colour, "tooltip": _tooltip("score, %")}},
        {"data": {"values": [{}]}, "mark": rule, "encoding": {"x": None, "y": {"datum": threshold}}},
    ]
    transform = [
        _only(f"{layer} {dimension}" for layer in layers),
        {"calculate": "split(datum.series, ' ')[0]", "as": "layer"},
    ]
    return _figure(title, table, {**_base(150, days), "transform": transform, "layer": drawn}, extra=30)


def band_figure(
    title: str, table: Data, unit: str, *, is_judged: bool, is_unusual: bool, counts: bool, height: int = 150
) -> Figure:
    """A measure over days (a table's second column) on the band of what is usual (its third to fourth), unusual days
    marked."""
    _, series, low, high = table.names
    days = len(table.rows)
    # Where nothing is measured but zeros, Vega has no axis to choose.
    flat = {} if any(text.strip("0. !") for row in table.rows for text in row[1:]) else {"domain": [0, 1]}
    y = {**_y(unit, zero=counts, counts=counts, **flat), "field": series}
    tooltip = [
        _tooltip("")[0],
        *({"field": name, "type": "quantitative", "title": name, "format": ",.5~r"} for name in (series, low, high)),
    ]
    area = {"type": "area", "opacity": 1, "fillOpacity": 0.28, "line": False, "interpolate": "linear"}
    drawn: list[Spec] = [{**_line(days), "encoding": {"y": y, "tooltip": tooltip}}]
    if is_judged:
        usual = {"y": {**y, "field": high}, "y2": {"field": low}}
        drawn.insert(0, {"mark": area, "encoding": usual, "transform": [{"filter": f"isValid(datum['{low}'])"}]})
    if is_unusual:
        drawn.append(_marks(f"datum['{series} unusual']", y, tooltip))
    return _figure(title, table.id, {**_base(height, days), "data": {"name": "wide"}, "layer": drawn})


def share_figure(title: str, table: str, series: str, days: int, *, is_unusual: bool) -> Figure:
    """A small chart of one share, per cent, unusual days marked."""
    y = _y("missing, %", zero=True)
    layers = [{**_line(days), "encoding": {"y": y, "tooltip": _tooltip("missing, %")}}]
    if is_unusual:
        layers.append(_marks("datum.unusual", y, _tooltip("missing, % (unusual)")))
    return _figure(title, table, {**_base(64, days), "transform": [_only([series])], "layer": layers})


def bars_figure(title: str, table: str, series: Sequence[str], unit: str, days: int, height: int = 180) -> Figure:
    """Counts stacked by series, by day, or by week where days are many."""
    by = "utcyearweek" if days > _MOST_BARS else "utcyearmonthdate"
    x = {**_x(days), "timeUnit": by}
    y = {**_y(unit, counts=True), "aggregate": "sum"}
    what = "Week of" if days > _MOST_BARS else "Day"
    tooltip = [
        {"field": DAY, "timeUnit": by, "type": "temporal", "format": "%e %b %Y", "title": what},
        {"field": "series", "title": "What"},
        {"field": "value", "aggregate": "sum", "type": "quantitative", "title": unit, "format": ",.1~f"},
    ]
    encoding = {"x": x, "y": y, "tooltip": tooltip}
    columns = 5 if max(map(len, series)) < 15 else 3 if max(map(len, series)) < 40 else 1
    if len(series) > 1:
        legend = {"columns": columns, "labelLimit": 420}
        encoding["color"] = {
            "field": "series",
            "type": "nominal",
            "sort": list(series),
            "title": None,
            "legend": legend,
        }
    spec = {**_base(height, days), "transform": [_only(series)], "mark": {"type": "bar"}, "encoding": encoding}
    return _figure(title, table, spec, extra=24 * -(-len(series) // columns) if len(series) > 1 else 0)


def _figure(title: str, table: str, spec: Spec, extra: int = 0) -> Figure:
    # The one colour that stands for trouble, by the scheme; what the site's style calls --bad.
    params = [{"name": "statusBad", "value": "#a3201b"}]
    return Figure(title, table, {**spec, "params": params}, spec["height"] + 34 + extra)
