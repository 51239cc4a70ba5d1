"""What a notebook needs of the warehouse: `ask` it, `say` what was found, and draw charts that look like the site's.

Importing it sets Altair and the display of frames up; it needs the extra `notebooks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import altair as alt
import polars as pl
import polars.selectors as cs
from IPython.display import Markdown
from sqlglot import exp

from contracts.ids import TableId
from contracts.registry import Registry
from sql.dialect import parse_select
from tasks.charts import MUTED, vega_config
from tasks.settings import Settings
from tasks.sources import settings_for
from tasks.warehouse import open_warehouse

__all__ = ["MUTED", "ask", "count", "currency", "listed", "money", "say", "share"]

VEGALITE = f"application/vnd.vegalite.{alt.SCHEMA_VERSION.partition('.')[0]}+json"


class PersonalData(ValueError):
    """A question that would show personal data, which a notebook keeps in its output."""


def ask(select: str) -> pl.DataFrame:
    """The rows of one SELECT in Redshift's dialect, from the warehouse that `DW_*` names; it can change nothing.

    The connection lasts as long as the question, so that an open notebook never keeps `dw run` waiting. Raises
    SqlError, PersonalData where a personal column would be shown, WarehouseError.
    """
    tree = parse_select(select, "<question>")
    if shown := sorted(set(personal_columns(tree, _registry()))):
        raise PersonalData(f"personal data stay out of notebooks: {', '.join(shown)}. COUNT(...) is all they may ask")
    with open_warehouse(_settings(), read_only=True) as warehouse:
        return _whole_numbers(warehouse.read(select))


def personal_columns(tree: exp.Expr, registry: Registry) -> Iterator[str]:
    """The personal columns that a SELECT names, but inside of COUNT; a `*` names them all.

    They are found by their names at the table which has them: whatever a CTE makes of them, it must name them there.
    """
    tables = {TableId(t.db, t.name) for t in tree.find_all(exp.Table) if t.db}
    of_table = {table: set(registry[table].masks) for table in tables if table in registry}
    names = {name: table for table, masks in of_table.items() for name in masks}
    for node in tree.find_all(exp.Column, exp.Star):
        if node.find_ancestor(exp.Count):
            continue
        if isinstance(node, exp.Star) or isinstance(node.this, exp.Star):
            yield from (f"{table}.{name}" for name, table in names.items())
        elif node.name.lower() in names:
            yield f"{names[node.name.lower()]}.{node.name.lower()}"


def say(*sentences: str) -> Markdown:
    """What was found, in words, as a paragraph."""
    return Markdown(" ".join(sentences))


def currency() -> str:
    """The currency that marts report in."""
    return _settings().reporting_currency


def money(amount: Any) -> str:
    """An amount in the reporting currency: INR 9.80 million, INR 12,345."""
    value = float(amount or 0)
    for size, word in ((1e9, " billion"), (1e6, " million")):
        if abs(value) >= size:
            return f"{currency()} {value / size:,.2f}{word}"
    return f"{currency()} {value:,.0f}"


def share(part: Any, whole: Any = 1) -> str:
    """A part of a whole: 12.3%; of nothing: no share."""
    return f"{float(part or 0) / float(whole):.1%}" if whole else "no share"


def count(number: Any, noun: str = "", plural: str = "") -> str:
    """A number with its noun: 1 order, 1,234 orders."""
    value = int(number or 0)
    word = noun if value == 1 else plural or f"{noun}s"
    return f"{value:,} {word}" if noun else f"{value:,}"


def listed(names: Iterable[Any]) -> str:
    """Names in a sentence: a, b and c."""
    *most, last = [str(name) for name in names] or ["none"]
    return f"{', '.join(most)} and {last}" if most else last


@cache
def _settings() -> Settings:
    base = Settings()
    return settings_for(base.source, base)


@cache
def _registry() -> Registry:
    return Registry.read(_settings().repository)


def _whole_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with sums of whole numbers as such: engines give them as decimals without a fraction."""
    sums = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Decimal) and kind.scale == 0]
    return frame.with_columns(pl.col(sums).cast(pl.Int64))


@alt.theme.register("warehouse", enable=True)
def _theme() -> alt.theme.ThemeConfig:
    return {"config": vega_config()}  # type: ignore[typeddict-item]


def _rows(data: pl.DataFrame | None = None) -> Any:
    """Altair's rows of a frame: JSON knows neither decimals nor dates."""
    if data is None:
        return _rows
    plain = data.with_columns(
        cs.decimal().cast(pl.Float64), cs.date().dt.to_string("%Y-%m-%dT00:00:00"), cs.datetime().dt.to_string("iso")
    )
    return {"values": plain.to_dicts()}


def _drawn(spec: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A chart as its specification, for the site, and as a picture, which any notebook shows without a network."""
    import vl_convert

    return {VEGALITE: spec, "image/svg+xml": vl_convert.vegalite_to_svg(spec)}


alt.data_transformers.register("warehouse", _rows)
alt.data_transformers.enable("warehouse")
alt.renderers.register("warehouse", _drawn)
alt.renderers.enable("warehouse")
pl.Config(
    tbl_hide_dataframe_shape=True,
    tbl_hide_column_data_types=True,
    tbl_rows=20,
    tbl_cols=20,
    fmt_str_lengths=60,
    float_precision=2,
    thousands_separator=",",
)
