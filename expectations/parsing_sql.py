"""Text to values in Redshift's SQL: what `parsing` says in Polars, over a column of text.

Whether text reads is told by regular expressions alone, the calendar with its leap years included: no engine can stop
at a bad text, and none is asked what it takes for a date. What Redshift's POSIX expressions lack is not used (`\\d`,
look-ahead, `(?:`). A value is cast only from text that reads, and by TRY_CAST, because an engine may well compute a
branch of CASE that it does not need.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp

from contracts.types import ColumnType
from expectations.parsing import BLANKS, DEFAULT_TYPES, DIRECTIVES, FALSE_TEXTS, TRUE_TEXTS, directives

_LIMITS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
# The least whole number that is nearer to infinity than to any double.
_INFINITY = 2**1024 - 2**970
_INTEGER = "^[+-]?[0-9]+$"
_NUMBER = "^[+-]?([0-9]+([.][0-9]+)?|[.][0-9]+)$"
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_LONG, _SHORT = (1, 3, 5, 7, 8, 10, 12), (4, 6, 9, 11)
_YEAR = {"%Y": "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])", "%y": "[0-9]{2}"}
_BY_FOUR = "0[48]|[2468][048]|[13579][26]"
_LEAP_YEAR = {"%Y": f"([0-9]{{2}}({_BY_FOUR})|({_BY_FOUR})00)", "%y": f"(00|{_BY_FOUR})"}
_FIRST, _LAST = "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"


def blank_to_null_sql(text: str) -> str:
    """The text, or NULL where it is empty or only blanks: what a raw table calls missing."""
    return f"CASE WHEN {_trimmed(text)} <> '' THEN {text} END"


def reads_sql(text: str, logical: str, formats: Sequence[str] = (), type: ColumnType | None = None) -> str:
    """A condition: whether text reads as a value of `type` (default: the widest of its logical type); NULL of NULL."""
    type, trimmed = type or DEFAULT_TYPES[logical], _trimmed(text)
    if logical == "integer":
        limit = _LIMITS[type.kind]
        low, high = (_at_most(trimmed, most) for most in (limit, limit - 1))
        return f"({_matches(trimmed, _INTEGER)} AND ({high} OR (LEFT({trimmed}, 1) = '-' AND {low})))"
    if logical == "number" and type.kind == "decimal":
        scale = type.scale or 0
        digits = f"^[+-]?0*[0-9]{{0,{(type.precision or 0) - scale}}}([.][0-9]{{0,{scale}}}0*)?$"
        return f"({_matches(trimmed, _NUMBER)} AND {_matches(trimmed, digits)})"
    if logical == "number":
        return f"({_matches(trimmed, _NUMBER)} AND {_at_most(trimmed, _INFINITY - 1)})"
    if logical == "boolean":
        return f"(LOWER({trimmed}) IN ({', '.join(map(_literal, (*TRUE_TEXTS, *FALSE_TEXTS)))}))"
    if logical in ("date", "timestamp"):
        return f"({' OR '.join(_written_as(trimmed, form, logical) for form in _forms(formats, logical))})"
    raise ValueError(f"a column of logical type {logical!r} is not read from text")


def value_sql(text: str, logical: str, formats: Sequence[str] = (), type: ColumnType | None = None) -> str:
    """The value, NULL where text does not read; of several formats the first that reads it says what it means."""
    type, trimmed = type or DEFAULT_TYPES[logical], _trimmed(text)
    if logical in ("date", "timestamp"):
        cases = (
            f"WHEN {_written_as(trimmed, form, logical)} THEN {_moment(trimmed, form, logical)}"
            for form in _forms(formats, logical)
        )
        return f"CASE {' '.join(cases)} END"
    reads = reads_sql(text, logical, formats, type)
    if logical == "boolean":
        return f"CASE WHEN {reads} THEN LOWER({trimmed}) IN ({', '.join(map(_literal, TRUE_TEXTS))}) END"
    return f"CASE WHEN {reads} THEN TRY_CAST({trimmed} AS {type}) END"


def _trimmed(text: str) -> str:
    return f"TRIM(BOTH {_literal(BLANKS)} FROM {text})"


def _matches(text: str, pattern: str) -> str:
    return f"{text} ~ {_literal(pattern)}"


@lru_cache(maxsize=1024)
def _literal(text: str) -> str:
    return exp.Literal.string(text).sql("redshift")


def _at_most(number: str, most: int) -> str:
    """Whether the whole part of a number, its sign aside, is at most that: compared as text, for any length of it."""
    digits, length = f"SPLIT_PART(LTRIM({number}, '+-0'), '.', 1)", len(str(most))
    return f"(LENGTH({digits}) < {length} OR (LENGTH({digits}) = {length} AND {digits} <= '{most}'))"


# Dates and instants


@dataclass(frozen=True)
class _Piece:
    """One piece of a format: its directive (or none), the text that it takes, whether a number has all its digits."""

    directive: str
    pattern: str
    whole: bool = False


_Form = tuple[_Piece, ...]


def _form(format_: str) -> _Form:
    """A format in pieces. Polars takes as many digits as it can: before a digit, a number has all of its own."""
    texts = directives(format_)
    before_digit = [text in _NUMBERS or text[:1].isdecimal() for text in [*texts[1:], ""]]
    return tuple(
        _Piece(text, _NAMES if text == "%B" else DIRECTIVES[text], whole) if text in DIRECTIVES else _between(text)
        for text, whole in zip(texts, before_digit, strict=True)
    )


def _between(text: str) -> _Piece:
    return _Piece("", re.sub(r"([][.^$*+?(){}|\\])", r"\\\1", text))


def _any_case(name: str) -> str:
    return "".join(f"[{c.upper()}{c.lower()}]" for c in name)


def _either(month: str) -> str:
    """A month's name, or its first three letters: Polars reads both as %B."""
    return _any_case(month[:3]) + (f"({_any_case(month[3:])})?" if month[3:] else "")


_NUMBERS = frozenset({"%Y", "%y", "%m", "%d", "%H", "%I", "%M", "%S"})
_NAMES = f"({'|'.join(map(_either, _MONTHS))})"
_ISO_DATE = (
    _Piece("%Y", "[0-9]{4}"),
    _Piece("", "-"),
    _Piece("%m", "[0-9]{2}", True),
    _Piece("", "-"),
    _Piece("%d", "[0-9]{2}", True),
)
_ISO_INSTANT = (
    *_ISO_DATE,
    _Piece("", "[T ]"),
    _Piece("%H", "[0-9]{2}", True),
    _Piece("", ":"),
    _Piece("%M", "[0-9]{2}", True),
    _Piece("", ":"),
    _Piece("%S", "[0-9]{2}", True),
    _Piece(".%f", "([.][0-9]{1,9})?"),
    _Piece("%z", "(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"),
)


def _forms(formats: Sequence[str], logical: str) -> list[_Form]:
    return [_form(format_) for format_ in formats] or [_ISO_DATE if logical == "date" else _ISO_INSTANT]


def _has(form: _Form, directive: str) -> bool:
    return any(piece.directive == directive for piece in form)


def _written_as(text: str, form: _Form, logical: str) -> str:
    reads = _matches(text, _pattern(form))
    if logical == "date" or not _has(form, "%z") or _has(form, "%y"):
        return reads
    # An offset may carry the first and the last instants out of the calendar. CASE spares all others the arithmetic.
    inside = f"{_instant(text, form)} BETWEEN CAST('{_FIRST}' AS TIMESTAMP) AND CAST('{_LAST}' AS TIMESTAMP)"
    return f"({reads} AND CASE WHEN {_matches(text, '0001|9999')} THEN {inside} ELSE TRUE END)"


@lru_cache(maxsize=256)
def _pattern(form: _Form) -> str:
    """All texts of a format that are a moment of the calendar: days 1 to 31, to 30, to 28, and 29 February."""
    ways = (
        ("({0}[1-9]|[12][0-9]|3[01])", _LONG, _YEAR),
        ("({0}[1-9]|[12][0-9]|30)", _SHORT, _YEAR),
        ("({0}[1-9]|1[0-9]|2[0-8])", (2,), _YEAR),
        ("29", (2,), _LEAP_YEAR),
    )
    texts = ("".join(_written(piece, *way) for piece in form) for way in ways)
    return f"^({'|'.join(texts)})$"


def _written(piece: _Piece, days: str, months: Sequence[int], years: Mapping[str, str]) -> str:
    zero, some = ("0", "") if piece.whole else ("0?", "?")
    match piece.directive:
        case "%Y" | "%y":
            return years[piece.directive]
        case "%m":
            return f"({'|'.join(str(month) if month > 9 else f'{zero}{month}' for month in months)})"
        case "%b":
            return f"({'|'.join(_any_case(_MONTHS[month - 1][:3]) for month in months)})"
        case "%B":
            return f"({'|'.join(_either(_MONTHS[month - 1]) for month in months)})"
        case "%d":
            return days.format(zero)
        case "%H":
            return f"([01]{some}[0-9]|2[0-3])"
        case "%I":
            return f"({zero}[1-9]|1[0-2])"
        case "%M" | "%S":
            return f"[0-5]{some}[0-9]"
    return piece.pattern


def _moment(text: str, form: _Form, logical: str) -> str:
    return f"TRY_CAST({_day(text, form)} AS DATE)" if logical == "date" else _instant(text, form)


def _field(text: str, form: _Form, directive: str) -> str:
    """The text of one piece, found by what stands before it; empty where that piece may be missing and is."""
    place = next(i for i, piece in enumerate(form) if piece.directive == directive)
    before = "".join(piece.pattern for piece in form[:place])
    rest = f"SUBSTRING({text}, 1 + LENGTH(REGEXP_SUBSTR({text}, {_literal('^' + before)})))" if before else text
    return f"REGEXP_SUBSTR({rest}, {_literal('^' + form[place].pattern)})"


def _day(text: str, form: _Form) -> str:
    """The date of text that reads, as YYYY-MM-DD."""
    if _has(form, "%Y"):
        year = _field(text, form, "%Y")
    else:
        short = _field(text, form, "%y")
        year = f"CASE WHEN {short} < '70' THEN '20' ELSE '19' END || {short}"
    if _has(form, "%m"):
        month = _two_digits(_field(text, form, "%m"))
    else:
        name = f"LOWER(LEFT({_field(text, form, '%b' if _has(form, '%b') else '%B')}, 3))"
        names = " ".join(f"WHEN '{m[:3].lower()}' THEN '{n:02d}'" for n, m in enumerate(_MONTHS, start=1))
        month = f"CASE {name} {names} END"
    return f"{year} || '-' || {month} || '-' || {_two_digits(_field(text, form, '%d'))}"


def _instant(text: str, form: _Form) -> str:
    """The UTC instant of text that reads; what is finer than a microsecond is cut off."""
    parts = [f"{_day(text, form)} || ' ' || {_hour(text, form)} || ':'"]
    parts += [_two_digits(_field(text, form, "%M")) if _has(form, "%M") else "'00'"]
    parts += [f"':' || {_two_digits(_field(text, form, '%S'))}" if _has(form, "%S") else "':00'"]
    parts += [f"LEFT({_field(text, form, '.%f')}, 7)"] if _has(form, ".%f") else []
    here = f"TRY_CAST({' || '.join(parts)} AS TIMESTAMP)"
    if not _has(form, "%z"):
        return here
    zone = f"REPLACE({_field(text, form, '%z')}, ':', '')"
    hours = f"COALESCE(TRY_CAST(LEFT({zone}, 3) AS INTEGER), 0)"
    minutes = f"COALESCE(TRY_CAST(LEFT({zone}, 1) || SUBSTRING({zone}, 4, 2) AS INTEGER), 0)"
    return f"DATEADD(minute, -(60 * {hours} + {minutes}), {here})"


def _hour(text: str, form: _Form) -> str:
    if not _has(form, "%I"):
        return _two_digits(_field(text, form, "%H")) if _has(form, "%H") else "'00'"
    hour, half = _field(text, form, "%I"), f"LOWER({_field(text, form, '%p')})"
    afternoon = _two_digits(f"CAST(TRY_CAST({hour} AS INTEGER) + 12 AS VARCHAR(2))")
    noon = f"WHEN {hour} = '12' THEN CASE WHEN {half} = 'pm' THEN '12' ELSE '00' END"
    return f"CASE {noon} WHEN {half} = 'pm' THEN {afternoon} ELSE {_two_digits(hour)} END"


def _two_digits(number: str) -> str:
    return f"LPAD({number}, 2, '0')"
