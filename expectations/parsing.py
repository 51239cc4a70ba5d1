"""Text to values: the one meaning of "reads as", shared by the gate (`parses_as`) and by the cleaning.

`parsing_sql` says the same in SQL, and tests hold the two together.

`parse` gives NULL where the text does not read as a value or does not fit its type exactly. Polars alone is too kind
for that: it takes `1e5` for a decimal, cuts digits that do not fit, and reads `2024-1-5` and `+2024-01-05` as
`%Y-%m-%d`. So every text is held against a strict regular expression first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from contracts.polars_types import polars_type
from contracts.types import ColumnType

# What Unicode calls white space, and what Polars strips unless told otherwise.
BLANKS = (
    " \t\n\x0b\x0c\r\x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
TRUE_TEXTS = ("true", "t", "yes", "1")
FALSE_TEXTS = ("false", "f", "no", "0")
DEFAULT_TYPES = {
    "integer": ColumnType("bigint"),
    "number": ColumnType("double precision"),
    "boolean": ColumnType("boolean"),
    "date": ColumnType("date"),
    "timestamp": ColumnType("timestamp"),
    "string": ColumnType("varchar", length=65_535),
}
# `[0-9]`, never `\d`: to Polars that is a digit of any script.
_NUMBER = r"^[+-]?([0-9]+(\.[0-9]+)?|\.[0-9]+)$"
_INTEGER = r"^[+-]?[0-9]+$"
_ISO_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_OFFSET = r"[+-]([01][0-9]|2[0-3])"
_ISO_TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    rf"(Z|{_OFFSET}(:?[0-5][0-9])?)?$"
)
# Most texts have one of three lengths; Polars reads these, given alone, five times as fast as the others.
_ISO_UTC = "%Y-%m-%dT%H:%M:%SZ"
_ISO_FORMS = (
    ("%Y-%m-%dT%H:%M:%S", pl.col("left").str.len_bytes() == 19),
    ("%Y-%m-%dT%H:%M:%S.%6f", pl.col("left").str.len_bytes() == 26),
    ("%Y-%m-%dT%H:%M:%S%.f", True),
    ("%Y-%m-%dT%H:%M:%S%.f%#z", True),
)
# Each directive as Python's strptime means it, but a year is always four digits.
DIRECTIVES = {
    "%Y": "[0-9]{4}",
    "%y": "[0-9]{2}",
    "%m": "[0-9]{1,2}",
    "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]{3,9}",
    "%d": "[0-9]{1,2}",
    "%H": "[0-9]{1,2}",
    "%I": "[0-9]{1,2}",
    "%p": "[AaPp][Mm]",
    "%M": "[0-5]?[0-9]",
    "%S": "[0-5]?[0-9]",
    ".%f": "[.][0-9]{1,9}",
    "%z": f"(Z|{_OFFSET}:?[0-5][0-9])",
}
_PARTS = ("%Y %y", "%m %b %B", "%d", "%H %I", "%p", "%M", "%S", ".%f", "%z")
_CHRONO = {".%f": "%.f", "%z": "%#z", "%": "%%"}


def blank_to_null(text: pl.Expr) -> pl.Expr:
    """The text, or NULL where it is empty or only blanks: what a raw table calls missing."""
    return pl.when(text.str.strip_chars() != "").then(text)


def parse(text: pl.Expr, logical: str, formats: Sequence[str] = (), type: ColumnType | None = None) -> pl.Expr:
    """Read text as a value of `type` (default: the widest of its logical type); NULL where it does not read so.

    A timestamp becomes a UTC instant without zone, whatever offset it was written with. Decimals are exact: text with
    more digits than the type holds does not parse, it is never rounded.
    """
    type = type or DEFAULT_TYPES.get(logical)
    trimmed = text.str.strip_chars()
    if type is None:
        raise ValueError(f"unknown logical type {logical!r}; one of {', '.join(sorted(DEFAULT_TYPES))}")
    if logical == "string":
        return text
    if logical == "integer":
        return _where(trimmed, _INTEGER).cast(polars_type(type), strict=False)
    if logical == "number":
        return _number(trimmed, type)
    if logical == "boolean":
        lower = trimmed.str.to_lowercase()
        return pl.when(lower.is_in(TRUE_TEXTS)).then(True).when(lower.is_in(FALSE_TEXTS)).then(False)
    if logical == "date":
        dates = [_strptime(trimmed, f, pl.Date()) for f in formats]
        return _first(dates or [_where(trimmed, _ISO_DATE).str.to_date("%Y-%m-%d", strict=False)])
    if logical == "timestamp":
        instants = [_strptime(trimmed, f, pl.Datetime("us")) for f in formats]
        return _first(instants) if instants else trimmed.map_batches(_instants, pl.Datetime("us"), is_elementwise=True)
    raise ValueError(f"a column of logical type {logical!r} is not read from text")


def check_formats(formats: Sequence[str]) -> None:
    """Raise ValueError for a directive that is not read here, and for a format by which no text reads."""
    for format_ in formats:
        found = directives(format_)
        year, month, day, hour, half, minute, second, fraction, zone = (
            sum(found.count(directive) for directive in part.split()) for part in _PARTS
        )
        if max(year, month, day, hour, half, minute, second, fraction, zone) > 1:
            raise ValueError(f"format {format_!r} says a part of the instant twice")
        if not year or not month or not day:
            raise ValueError(f"format {format_!r} is no whole date: it needs year, month and day")
        if hour != minute or second > minute or fraction > second or zone > minute:
            raise ValueError(f"format {format_!r} is no whole time: hour and minute, then seconds, fraction and zone")
        if half != found.count("%I"):
            raise ValueError(f"format {format_!r}: %I and %p go together")


def directives(format_: str) -> list[str]:
    """A strptime format in pieces: keys of DIRECTIVES, and the text between them; ValueError for another directive."""
    pieces = []
    for piece in re.split(r"(\.%f|%.)", format_):
        if "%" in piece and piece != "%%" and piece not in DIRECTIVES:
            raise ValueError(f"format {format_!r}: directive {piece} is not read here")
        pieces.append("%" if piece == "%%" else piece)
    return [piece for piece in pieces if piece]


def _where(text: pl.Expr, pattern: str) -> pl.Expr:
    return pl.when(text.str.contains(pattern)).then(text)


def _first(candidates: list[pl.Expr]) -> pl.Expr:
    return _of_our_years(candidates[0] if len(candidates) == 1 else pl.coalesce(candidates))


def _of_our_years(value: pl.Expr) -> pl.Expr:
    # Year 0 is a date for Polars only: neither Python nor the warehouses have it.
    return pl.when(value.dt.year().is_between(1, 9999)).then(value)


def _number(text: pl.Expr, type_: ColumnType) -> pl.Expr:
    number = _where(text, _NUMBER)
    if type_.kind == "decimal":
        scale = type_.scale or 0
        whole = (type_.precision or 0) - scale
        number = _where(number, rf"^[+-]?0*[0-9]{{0,{whole}}}(\.[0-9]{{0,{scale}}}0*)?$")
    value = number.cast(polars_type(type_), strict=False)
    return pl.when(value.is_finite()).then(value) if type_.kind == "double precision" else value


def _instants(texts: pl.Series) -> pl.Series:
    """ISO texts as UTC instants: each form is tried on what the ones before it left, the common ones first."""
    iso, utc = _where(pl.col("left"), _ISO_TIME), pl.when(pl.col("left").str.len_bytes() == 20).then("left")
    rows = texts.alias("left").to_frame().select(iso)
    rows = rows.with_columns(utc.str.to_datetime(_ISO_UTC, time_unit="us", strict=False, cache=False).alias("read"))
    if rows["read"].null_count() > rows["left"].null_count():
        rows = _read_others(rows)
    return rows.select(_of_our_years(pl.col("read"))).to_series().alias(texts.name)


def _read_others(rows: pl.DataFrame) -> pl.DataFrame:
    still = pl.when(pl.col("read").is_null()).then("left")
    rows = rows.with_columns(still.str.replace(" ", "T", literal=True).str.strip_suffix("Z").alias("left"))
    for form, is_likely in _ISO_FORMS:
        if rows["left"].null_count() == rows.height:
            break
        likely = pl.when(is_likely).then("left")
        found = likely.str.to_datetime(form, time_unit="us", strict=False).dt.replace_time_zone(None)
        rows = rows.with_columns(pl.coalesce("read", found).alias("read"))
        rows = rows.with_columns(pl.when(pl.col("read").is_null()).then("left").alias("left"))
    return rows


def _strptime(text: pl.Expr, format_: str, dtype: pl.DataType) -> pl.Expr:
    pattern, chrono = _translate(format_)
    matching = _where(text, pattern)
    if isinstance(dtype, pl.Date):
        return matching.str.to_date(chrono, strict=False)
    if not re.search("%[HI]", format_):
        # Chrono makes no instant of a date alone; Python's strptime says midnight.
        return matching.str.to_date(chrono, strict=False).cast(pl.Datetime("us"))
    instant = matching.str.to_datetime(chrono, time_unit="us", strict=False)
    return instant.dt.replace_time_zone(None) if "%z" in format_ else instant


def _translate(format_: str) -> tuple[str, str]:
    """A strptime format as the regular expression that its texts match, and as Chrono (Polars) writes it."""
    pattern, chrono = "", ""
    for piece in directives(format_):
        pattern += DIRECTIVES.get(piece) or re.escape(piece)
        chrono += _CHRONO.get(piece, piece)
    return f"^{pattern}$", chrono
