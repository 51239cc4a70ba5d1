"""Raw text to typed, normalised, deduplicated rows: the whole of it follows from the raw and the clean contract."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date
from functools import partial

import polars as pl
import polars_hash as plh

from contracts.model import Column, Contract, Normaliser
from contracts.polars_types import polars_schema
from expectations import parsing
from expectations.expressions import parsed_column
from expectations.parsing import DEFAULT_TYPES, parse
from expectations.predicates import Marks, mark
from tasks.reading import LINE

SHARED = ("row_hash", "delivery_date", "batch_id", LINE)
_TEXT = "__text_"
# As many texts of a piece tell whether it has few different ones.
_SOME = 1000
_NULL = "\x00"
_SEPARATOR = "\x1f"


def blank_to_null(rows: pl.LazyFrame, raw: Contract) -> pl.LazyFrame:
    """Delivered text as the raw gate sees it: a blank field is NULL."""
    return rows.with_columns(pl.col(c).map_batches(_blank_to_null, pl.String(), is_elementwise=True) for c in raw.names)


def _blank_to_null(texts: pl.Series) -> pl.Series:
    # What begins with a visible character of ASCII is not blank: that is seen without a look at the whole text.
    if not ((texts < "!") | (texts > "~")).any():
        return texts
    return _applied(parsing.blank_to_null, texts)


def _applied(function: Callable[[pl.Expr], pl.Expr], texts: pl.Series) -> pl.Series:
    return texts.to_frame().select(function(pl.first())).to_series()


def parse_once(rows: pl.LazyFrame, raw: Contract, clean: Contract) -> pl.LazyFrame:
    """blank_to_null rows, and beside them what both the raw rules and to_clean would else read from the same text."""
    known = {_parsed(c, raw): raw.by_name[c.source or c.name] for c in clean.columns if _parsed(c, raw)}
    return rows.with_columns(parse(pl.col(d.name), d.logical, d.formats).alias(name) for name, d in known.items())


def to_clean(
    rows: pl.LazyFrame,
    raw: Contract,
    clean: Contract,
    *,
    delivery: date,
    batch_id: str,
    timezone: str,
    beside: Sequence[str] = (),
) -> tuple[pl.LazyFrame, Marks]:
    """Rows of the clean contract's columns, and those `beside` them; the columns whose type cannot hold their text.

    Takes blank_to_null rows (text columns and source_line); one row out for each row in.
    """
    own = [c for c in clean.columns if c.name not in SHARED]
    parsed = [c for c in own if c.business_date_of is None]
    checked = [c for c in parsed if not c.type.is_text]
    known = rows.collect_schema().names()
    # Step by step, for each text is to be read once: Polars would read it again wherever its value is used.
    read = rows.select(
        LINE, *beside, *(_read(c, raw, known) for c in parsed), *(_text(c, raw).alias(_TEXT + c.name) for c in checked)
    )
    # Too large, or too many decimals.
    lost = [(c.name, pl.col(_TEXT + c.name).is_not_null() & pl.col(c.name).is_null()) for c in checked]
    marked, marks = mark(read, lost, "types")
    typed = marked.with_columns(_filled(pl.col(c.name), c).alias(c.name) for c in parsed if c.default is not None)
    dates = [_business_date(c, timezone) for c in own if c.business_date_of is not None]
    shared = [
        _row_hash(parsed),
        pl.lit(delivery, dtype=pl.Date).alias("delivery_date"),
        pl.lit(batch_id).alias("batch_id"),
    ]
    schema = polars_schema(clean)
    out = (
        typed.with_columns(dates)
        .with_columns(shared)
        .select(*(pl.col(name).cast(type_) for name, type_ in schema.items()), *beside, *marks.columns)
    )
    return out, marks


def typed_columns(
    rows: pl.LazyFrame, raw: Contract, clean: Contract, names: Sequence[str], *, delivery: date, timezone: str
) -> pl.LazyFrame:
    """`source_line` and these clean columns of blank_to_null rows; NULL where the text is not a value of the type."""
    wanted = [clean.by_name[name] for name in names]
    origins = {c.business_date_of: clean.by_name[c.business_date_of] for c in wanted if c.business_date_of}
    parsed = {c.name: c for c in [*wanted, *origins.values()] if not c.business_date_of and c.name not in SHARED}
    dates = [_business_date(c, timezone) for c in wanted if c.business_date_of]
    return rows.select(
        LINE, pl.lit(delivery, dtype=pl.Date).alias("delivery_date"), *(_typed(c, raw) for c in parsed.values())
    ).with_columns(dates)


def _business_date(column: Column, timezone: str) -> pl.Expr:
    instant = pl.col(str(column.business_date_of))
    return instant.dt.replace_time_zone("UTC").dt.convert_time_zone(timezone).dt.date().alias(column.name)


def _text(column: Column, raw: Contract) -> pl.Expr:
    return normalised(pl.col(raw.by_name[column.source or column.name].name), column.normalise)


def _read(column: Column, raw: Contract, known: Collection[str] = ()) -> pl.Expr:
    """The column as its text reads; NULL where the text is not a value of the type. `known`: columns of the rows."""
    if (name := _parsed(column, raw)) in known:
        return pl.col(name).alias(column.name)
    delivered, text = raw.by_name[column.source or column.name], _text(column, raw)
    if column.type.is_text:
        steps = partial(normalised, steps=column.normalise)
        value = by_value(pl.col(delivered.name), steps) if column.normalise else text
    else:
        value = parse(text, delivered.logical, delivered.formats, column.type)
    return value.alias(column.name)


def _parsed(column: Column, raw: Contract) -> str:
    """Where parse_once puts the column; nowhere if it reads another text or another type than the raw rules do."""
    if column.name in SHARED or column.business_date_of or column.normalise or column.type.is_text:
        return ""
    delivered = raw.by_name[column.source or column.name]
    same = column.type == DEFAULT_TYPES.get(delivered.logical)
    return parsed_column(delivered.name, delivered.logical, delivered.formats) if same else ""


def _filled(value: pl.Expr, column: Column) -> pl.Expr:
    missing = pl.lit(column.default)
    return value.fill_null(missing if column.type.is_text else parse(missing, column.logical, (), column.type))


def _typed(column: Column, raw: Contract) -> pl.Expr:
    value = _read(column, raw)
    return value if column.default is None else _filled(value, column).alias(column.name)


def by_value(text: pl.Expr, function: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """A function of single texts; where few of them come again and again, it is asked once about each of these."""

    def each(texts: pl.Series) -> pl.Series:
        some = texts.head(_SOME)
        if some.n_unique() * 8 > len(some):
            return _applied(function, texts)
        few = texts.unique()
        return texts.replace_strict(few, _applied(function, few), return_dtype=pl.String())

    return text.map_batches(each, pl.String(), is_elementwise=True)


def normalised(text: pl.Expr, steps: tuple[Normaliser, ...]) -> pl.Expr:
    """Text after the contract's normalisers, in their order."""
    for step in steps:
        text = _NORMALISERS[step](text)
    return text


_NORMALISERS = {
    "trim": lambda text: text.str.strip_chars(),
    # A single space stands as it is: most texts have no other, and are not copied then.
    "collapse_space": lambda text: text.str.replace_all(r"\s{2,}|[^\S ]", " "),
    "lower": lambda text: text.str.to_lowercase(),
    "upper": lambda text: text.str.to_uppercase(),
    "title": lambda text: text.str.to_titlecase(),
    "empty_to_null": lambda text: pl.when(text != "").then(text),
    "digits": lambda text: text.str.replace_all(r"[^0-9+]", ""),
}


def _row_hash(columns: list[Column]) -> pl.Expr:
    """MD5 of the business columns as text; NULL is told from the empty text.

    A column that came later (`since`) adds nothing where it is NULL: a row that was delivered before it came has the
    same hash when it is delivered again.
    """
    text = {c.name: pl.col(c.name).cast(pl.String) for c in columns}
    joined = plh.concat_str([text[c.name].fill_null(_NULL) for c in columns if c.since is None], separator=_SEPARATOR)
    later = [(pl.lit(f"{_SEPARATOR}{c.name}=") + text[c.name]).fill_null("") for c in columns if c.since is not None]
    if later:
        joined = pl.concat_str(joined, *later)
    return joined.nchash.md5().alias("row_hash")


def duplicate_lines(rows: pl.LazyFrame, clean: Contract) -> pl.Series:
    """The `source_line`s of rows that lose to another row of the same key.

    The greatest (`versionedBy`, `row_hash`) stays, of equals the first line: the warehouse decides by the same order.
    """
    key = pl.struct(clean.key)
    # Hashes of all keys, sorted, cost far less than a group-by on text; only colliding ones are looked at again.
    hashes = rows.select(key.hash().alias("hash")).collect(engine="streaming").get_column("hash").sort()
    # Two views of the same memory: a shifted copy would be another 8 bytes a row.
    doubled = hashes[1:].filter(hashes[1:] == hashes[:-1]).unique()
    if doubled.is_empty():
        return pl.Series(LINE, [], dtype=pl.Int64)
    version = [clean.load.versioned_by] if clean.load.versioned_by else []
    columns = [*dict.fromkeys([*clean.key, *version, "row_hash", LINE])]
    suspects = rows.filter(key.hash().is_in(doubled.implode())).select(columns).collect(engine="streaming")
    order = [*version, "row_hash", LINE]
    ordered = suspects.sort(order, descending=[*(True for _ in version), True, False], nulls_last=True)
    winners = ordered.unique(subset=list(clean.key), keep="first", maintain_order=True)
    return suspects.join(winners, on=LINE, how="anti").get_column(LINE)
