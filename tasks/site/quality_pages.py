"""Quality over time: an overview of the newest delivery, and a page for each table that was scored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl

from contracts.ids import LAYERS, TableId
from contracts.model import DIMENSIONS
from expectations.audits import names_of
from expectations.scorecard import THRESHOLDS, Score, label
from tasks import trend
from tasks.site import figures
from tasks.site.catalog import freshness
from tasks.site.facts import SiteFacts
from tasks.site.page import QUALITY, Page, audit_path, lineage_path, quality_path
from tasks.site.quality_facts import DAYS, QualityFacts

# As expectations.baseline: farther from the median than this is unusual.
_LIMIT = 3.5
_MOST_RULES = 6
Row = dict[str, Any]


def pages(facts: SiteFacts) -> Iterator[Page]:
    """The overview and the tables' pages; nothing where no delivery was scored yet."""
    found = facts.quality
    if found is None:
        return
    by_table = _Parts(found)
    yield Page(QUALITY, "Quality", "quality.html", _overview(facts, found, by_table))
    for table in by_table.tables:
        yield Page(
            quality_path(table), f"Quality of {table}", "quality_table.html", _table(facts, found, table, by_table)
        )


class _Parts:
    """The frames of all tables, each cut once."""

    def __init__(self, found: QualityFacts) -> None:
        self.latest = _cut(found.latest)
        self.scores = _cut(found.scores)
        self.measures = _cut(found.measures)
        self.failed = _cut(found.failed)
        self.standings = _cut(found.standings)
        self.audits = _cut(found.audits)
        self.open = _cut(found.open)

    @property
    def tables(self) -> list[TableId]:
        """The scored tables, in order of layers."""
        known = [TableId.parse(name) for name in self.scores]
        return sorted(known, key=lambda table: (LAYERS.index(table.layer), table.name))


def _cut(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    parts = frame.partition_by("table_name", as_dict=True, maintain_order=True)
    return {str(name): part for (name,), part in parts.items()}


# The overview


def _overview(facts: SiteFacts, found: QualityFacts, parts: _Parts) -> Row:
    days = found.scores.get_column("delivery_date").unique().sort()
    rows = [_row(facts, found, table, parts) for table in parts.tables]
    below = [(row["table"], cell) for row in rows for cell in row["cells"] if cell and not cell.passed]
    failing = found.standings.filter(pl.col("since").is_not_null())
    return {
        "day": found.day,
        "first": days[0],
        "days": len(days),
        "most_days": DAYS,
        "dimensions": [(name, label(name), THRESHOLDS.get(name)) for name in _dimensions(found.latest)],
        "layers": _layer_rows(found),
        "rows": rows,
        "below": below,
        "unusual": _linked(found.unusual),
        "failing": [_standing(row) for row in failing.iter_rows(named=True)],
        "open": [{**row, "table": TableId.parse(row["table_name"])} for row in found.open.iter_rows(named=True)],
        "open_rows": int(found.open.get_column("row_count").sum()) if found.open.height else 0,
        **_overview_charts(found, len(days)),
    }


def _dimensions(scores: pl.DataFrame) -> list[str]:
    known = set(scores.get_column("dimension"))
    return [name for name in DIMENSIONS if name in known]


def _score(row: Row) -> Score:
    return Score(None, row["dimension"], row["evaluated_count"], row["failed_count"], row["threshold"])


def _layer_rows(found: QualityFacts) -> list[Row]:
    """Per layer its score by dimension on the newest day on which the layer was scored."""
    last = pl.col("delivery_date") == pl.col("delivery_date").max().over("layer")
    newest = found.layers.filter(last)
    cells = {(row["layer"], row["dimension"]): _score(row) for row in newest.iter_rows(named=True)}
    shown = [layer for layer in LAYERS if any(key[0] == layer for key in cells)]
    dimensions = _dimensions(found.latest)
    return [{"layer": layer, "cells": [cells.get((layer, name)) for name in dimensions]} for layer in shown]


def _row(facts: SiteFacts, found: QualityFacts, table: TableId, parts: _Parts) -> Row:
    """A line of the overview: scores by dimension, what is open and unusual, how fresh."""
    name, newest = str(table), parts.latest[str(table)]
    cells = {row["dimension"]: _score(row) for row in newest.iter_rows(named=True)}
    measured = parts.measures.get(name)
    odd = 0
    if measured is not None:
        odd = measured.filter((pl.col("delivery_date") == found.day) & (pl.col("status") == "anomaly")).height
    waiting = parts.open.get(name)
    return {
        "table": table,
        "day": newest.item(0, "delivery_date"),
        "cells": [cells.get(dimension) for dimension in _dimensions(found.latest)],
        "unusual": odd,
        "open": 0 if waiting is None else int(waiting.get_column("row_count").sum()),
        "fresh": freshness(table, facts.tables.get(table), found.day),
    }


def _linked(sentences: list[str]) -> list[tuple[TableId, str]]:
    """Sentences by the table that they begin with."""
    split = [text.partition(": ") for text in sentences]
    return [(TableId.parse(table), rest) for table, _, rest in split]


def _standing(row: Row) -> Row:
    table = TableId.parse(row["table_name"])
    return {**row, "table": table, "rule": row["rule_id"].removeprefix(f"{table}.")}


def _overview_charts(found: QualityFacts, days: int) -> Row:
    layers = found.layers.filter(pl.col("dimension").is_in(list(THRESHOLDS))).with_columns(
        series=pl.col("layer") + " " + pl.col("dimension"), score=pl.col("score") * 100
    )
    wide = layers.pivot("series", index="delivery_date", values="score").sort("delivery_date")
    lowest = dict(layers.group_by("dimension").agg(pl.min("score")).iter_rows())
    shown = [layer for layer in LAYERS if layer in set(layers.get_column("layer"))]
    charts = []
    for dimension, threshold in THRESHOLDS.items():
        if dimension in lowest:
            title = f"{label(dimension).capitalize()} by layer, against {threshold:.0%}"
            low = lowest[dimension]
            charts.append(figures.layer_figure(title, "layer-scores", shown, dimension, threshold * 100, low, days))
    aside = _aside(found.failed, "table_name")
    return {
        "charts": charts,
        "data": figures.data("layer-scores", "Scores of layers, per cent", wide.rename({"delivery_date": figures.DAY})),
        "aside": _aside_chart(aside, "aside", "Broken quarantine rules by table: values as they were delivered", days),
    }


def _aside(failed: pl.DataFrame, by: str) -> pl.DataFrame:
    """Values that broke a quarantine rule, by day and `by`: the largest, and the rest as one."""
    broken = failed.filter((pl.col("verdict") == "quarantine") & (pl.col("failed_count") > 0))
    if broken.is_empty():
        return broken
    largest = broken.group_by(by).agg(pl.sum("failed_count")).sort("failed_count", by, descending=[True, False])
    kept = largest.get_column(by).head(_MOST_RULES).to_list()
    name = pl.when(pl.col(by).is_in(kept)).then(pl.col(by)).otherwise(pl.lit("others"))
    return (
        broken.group_by("delivery_date", name.alias("series"))
        .agg(pl.sum("failed_count"))
        .pivot("series", index="delivery_date", values="failed_count")
        .sort("delivery_date")
        .select("delivery_date", *kept, *(["others"] if largest.height > len(kept) else []))
    )


def _aside_chart(wide: pl.DataFrame, id_: str, title: str, days: int) -> tuple[figures.Figure, figures.Data] | None:
    if wide.is_empty():
        return None
    shown = wide.rename({"delivery_date": figures.DAY})
    figure = figures.bars_figure(title, id_, shown.columns[1:], "values", days)
    return figure, figures.data(id_, "Values that broke a rule whose rows are moved aside", shown)


# A table's page


def _table(facts: SiteFacts, found: QualityFacts, table: TableId, parts: _Parts) -> Row:
    name = str(table)
    scores, latest = parts.scores[name], parts.latest[name]
    day: date = latest.item(0, "delivery_date")
    measures = _measures_of(table, parts)
    standings = [_standing(row) for row in _of(parts.standings, name)]
    odd = measures.filter(pl.col("status") == "anomaly") if measures.height else measures
    docs = facts.audit_pages
    return {
        "table": table,
        "more": [
            ("Lineage", lineage_path(table)),
            *((f"Data Docs ({place})", path) for place, path in facts.latest_audits.get(table, ())),
        ],
        "day": day,
        "days": scores.get_column("delivery_date").n_unique(),
        "today": [_score(row) for row in sorted(latest.iter_rows(named=True), key=_by_dimension)],
        "label": label,
        "charts": _charts(table, scores, measures, parts.failed.get(name)),
        "unusual": _linked(trend.sentences(odd.filter(pl.col("delivery_date") >= day)) if odd.height else []),
        "odd_before": list(reversed(_linked(trend.sentences(odd.filter(pl.col("delivery_date") < day)))))[:12]
        if odd.height
        else [],
        "measured": measures.height > 0,
        "failing": [row for row in standings if row["since"]],
        "held": [row for row in standings if not row["since"]],
        "open": list(_of(parts.open, name)),
        "audits": [{**row, "pages": _audit_pages(docs, name, row, n)} for n, row in enumerate(_of(parts.audits, name))],
        "fresh": freshness(table, facts.tables.get(table), found.day),
    }


def _of(parts: dict[str, pl.DataFrame], name: str) -> Iterator[Row]:
    frame = parts.get(name)
    if frame is not None:
        yield from frame.iter_rows(named=True)


def _by_dimension(row: Row) -> int:
    return DIMENSIONS.index(row["dimension"])


def _measures_of(table: TableId, parts: _Parts) -> pl.DataFrame:
    """What was delivered is measured before the gates and after them: rows as raw, columns as clean."""
    names = [f"{layer}.{table.name}" for layer in ("raw", "clean")] if table.layer in ("raw", "clean") else []
    found = [parts.measures[name] for name in names if name in parts.measures]
    return pl.concat(found) if found else pl.DataFrame(schema={"status": pl.String})


def _audit_pages(docs: frozenset[str], table: str, audit: Row, position: int) -> list[tuple[str, str]]:
    """Place and page of what Great Expectations found in an audit: by its name, or the latest for the newest."""
    out = {}
    for page in docs:
        place, _, rest = page.removeprefix(f"{table}.").partition(".")
        if page.startswith(f"{table}.") and (
            names_of(audit["run_id"], audit["batch_id"], rest) or (position == 0 and not rest)
        ):
            out[place] = audit_path(page)
    return sorted(out.items())


def _charts(table: TableId, scores: pl.DataFrame, measures: pl.DataFrame, failed: pl.DataFrame | None) -> Row:
    out: Row = {"scores": [], "rows": [], "shares": [], "ages": [], "aside": None, "data": []}
    _score_charts(scores, out)
    if measures.height:
        _row_chart(measures, out)
        _share_charts(measures, out)
        _age_chart(measures, out)
    if failed is not None:
        named = failed.with_columns(pl.col("rule_id").str.strip_prefix(f"{table}."))
        days = scores.get_column("delivery_date").n_unique()
        title = "Values that broke a quarantine rule, by rule, as they were delivered"
        out["aside"] = _aside_chart(_aside(named, "rule_id"), "aside", title, days)
    return out


def _score_charts(scores: pl.DataFrame, out: Row) -> None:
    wide = scores.pivot("dimension", index="delivery_date", values="score").sort("delivery_date")
    names = _dimensions(scores)
    shown = wide.select(pl.col("delivery_date").alias(figures.DAY), *(pl.col(name) * 100 for name in names))
    thresholds = dict(scores.select("dimension", "threshold").iter_rows())  # the last one counts
    for name in names:
        course, wanted = shown.get_column(name).drop_nulls(), thresholds[name]
        below = course.filter(course < wanted * 100).len() if wanted is not None else 0
        against = f"threshold {wanted:.1%}" if wanted is not None else "reported, no threshold"
        kept = f", below it on {_days(below)}" if below else ", never below it" if wanted is not None else ""
        title = f"{label(name).capitalize()}: {against}{kept}"
        target = None if wanted is None else wanted * 100
        lowest = float(course.min() or 0.0)  # type: ignore[arg-type]
        out["scores"].append(figures.score_figure(title, "scores", name, target, lowest, shown.height))
    out["data"].append(figures.data("scores", "Scores, per cent", shown))


def _days(count: int) -> str:
    return f"{count} {'day' if count == 1 else 'days'}"


def _banded(course: pl.DataFrame, name: str) -> tuple[pl.DataFrame, pl.Series]:
    """A measure's days with the band outside of which a value is unusual, and which days were."""
    low = pl.max_horizontal(pl.col("median") - _LIMIT * pl.col("spread"), pl.lit(0.0))
    high = pl.col("median") + _LIMIT * pl.col("spread")
    judged = pl.col("status") != "learning"
    ordered = course.sort("delivery_date")
    shown = ordered.select(
        pl.col("delivery_date").alias(figures.DAY),
        pl.col("value").alias(name),
        pl.when(judged).then(low).alias("usual from"),
        pl.when(judged).then(high).alias("usual to"),
    )
    return shown, ordered.get_column("status") == "anomaly"


def _unusual_words(flags: pl.Series) -> str:
    count = int(flags.sum())
    return f"unusual on {_days(count)}" if count else "nothing unusual"


def _band_chart(course: pl.DataFrame, id_: str, name: str, title: str, caption: str, **look: Any) -> tuple[Any, Any]:
    shown, odd = _banded(course, name)
    if look["counts"]:
        shown = shown.with_columns(pl.exclude(figures.DAY).round(0).cast(pl.Int64))
    table = figures.data(id_, caption, shown, {name: odd})
    is_judged = bool(shown.get_column("usual to").count())
    text = f"{title}: {_unusual_words(odd) if is_judged else 'too few days yet to say what is usual'}"
    return figures.band_figure(text, table, name, is_judged=is_judged, is_unusual=bool(odd.any()), **look), table


def _row_chart(measures: pl.DataFrame, out: Row) -> None:
    for measure, name in (("delivered_rows", "rows delivered"), ("loaded_rows", "rows loaded")):
        course = measures.filter(pl.col("measure") == measure)
        if course.height:
            title, id_ = f"{name.capitalize()}, with what is usual for the weekday", measure.replace("_", "-")
            chart, table = _band_chart(course, id_, name, title, f"{name.capitalize()} by delivery day", counts=True)
            out["rows"].append(chart)
            out["data"].append(table)


def _share_charts(measures: pl.DataFrame, out: Row) -> None:
    shares = measures.filter(pl.col("measure") == "null_share").select(
        pl.col("delivery_date").alias(figures.DAY),
        "column_name",
        value=pl.col("value") * 100,
        odd=pl.col("status") == "anomaly",
    )
    if shares.is_empty():
        return
    wide, flags = (
        shares.pivot("column_name", index=figures.DAY, values=values).sort(figures.DAY) for values in ("value", "odd")
    )
    odd = {name: flags.get_column(name).fill_null(False) for name in flags.columns[1:]}
    for name, unusual in odd.items():
        last = wide.get_column(name).drop_nulls().item(-1)
        title = f"{name}: missing in {last:.1f}%, {_unusual_words(unusual)}"
        is_unusual = bool(unusual.any())
        out["shares"].append(figures.share_figure(title, "shares", name, wide.height, is_unusual=is_unusual))
    out["data"].append(figures.data("shares", "Rows in which an optional column is empty, per cent", wide, odd))


def _age_chart(measures: pl.DataFrame, out: Row) -> None:
    course = measures.filter(pl.col("measure") == "age_hours")
    if course.is_empty():
        return
    column = course.item(0, "column_name")
    title = f"Age of the newest {column} at the end of the day, hours"
    caption = f"Hours from the newest {column} to the end of the delivery day"
    chart, table = _band_chart(course, "ages", "hours", title, caption, counts=False, height=110)
    out["ages"].append(chart)
    out["data"].append(table)
