"""What a file holds, column by column: a look at its head, then one pass over all rows that checks what was seen there.

Every count is made by the expressions by which the gate and the cleaning read text, so a draft says of a file what they
will say of it. Nothing is held but counts, and hashes of the columns that may be a key, one column at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import polars as pl

from contracts.types import ColumnType
from expectations.parsing import FALSE_TEXTS, TRUE_TEXTS, blank_to_null, parse
from tasks.draft.facts import EARLIEST, FEW_ROWS, MOST_VALUES, Facts, is_flag, is_identifier, room

_HEAD = 20_000
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d")
_TIMES = ("%H:%M", "%H:%M:%S")
_EMAIL = r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$"
_ZONED = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
_MOST_KEYS = 8
_MOST_PAIRS = 10


@dataclass(frozen=True)
class Reading:
    """A way to read text: as a logical type, in one written format or (none) the standard one."""

    logical: str
    format: str | None = None

    @property
    def formats(self) -> tuple[str, ...]:
        return (self.format,) if self.format else ()

    @property
    def label(self) -> str:
        return f"{self.logical}|{self.format or ''}"


READINGS = (
    Reading("boolean"),
    Reading("integer"),
    Reading("number"),
    Reading("date"),
    Reading("timestamp"),
    *(Reading("date", day) for day in _DAYS),
    *(Reading("timestamp", f"{day} {time}") for day in ("%Y-%m-%d", *_DAYS) for time in _TIMES),
)


def profile(rows: pl.LazyFrame, names: Sequence[str]) -> list[Facts]:
    """The facts of text columns; blank text is no value, as in a raw table."""
    head = rows.select(names).head(_HEAD).collect(engine="streaming").lazy()
    counts = _head(head, names)
    alive = {name: [r for r in READINGS if _all_read(counts, name, r)] for name in names}
    asked = {name: list(_questions(name, alive[name])) for name in names}
    expressions = [pl.len().alias("rows")]
    expressions += [e.alias(f"{name}\x00{what}") for name in names for what, e in asked[name]]
    found = rows.select(expressions).collect(engine="streaming").row(0, named=True)
    facts = [_facts(name, alive[name], _of(found, name), int(found["rows"]), _of(counts, name)) for name in names]
    return list(_with_values(rows, list(_with_keys(rows, facts))))


def key_pair(rows: pl.LazyFrame, facts: Sequence[Facts]) -> tuple[str, str] | None:
    """Two columns that are together unique, where none is by itself: ids and dates first; None if none is found."""
    if any(f.is_unique for f in facts) or not facts or facts[0].rows < 2:
        return None
    able = [f for f in facts if f.has_all and (is_identifier(f.name) or f.logical in ("date", "timestamp", "integer"))]
    pairs = [(a, b) for a, b in combinations(able, 2) if (a.distinct or 0) * (b.distinct or 0) >= a.rows]
    for a, b in pairs[:_MOST_PAIRS]:
        hashed = pl.struct(a.name, b.name).hash(seed=7).n_unique()
        if rows.select(hashed).collect(engine="streaming").item() == a.rows:
            return a.name, b.name
    return None


def _head(head: pl.LazyFrame, names: Sequence[str]) -> dict[str, Any]:
    expressions = []
    for name in names:
        text = blank_to_null(pl.col(name))
        expressions.append(text.count().alias(f"{name}\x00filled"))
        expressions += [parse(text, r.logical, r.formats).count().alias(f"{name}\x00{r.label}") for r in READINGS]
    return head.select(expressions).collect().row(0, named=True)


def _all_read(counts: dict[str, Any], name: str, reading: Reading) -> bool:
    return bool(counts[f"{name}\x00{reading.label}"] == counts[f"{name}\x00filled"])


def _of(found: dict[str, Any], name: str) -> dict[str, Any]:
    return {key.partition("\x00")[2]: value for key, value in found.items() if key.startswith(f"{name}\x00")}


def _questions(name: str, alive: Sequence[Reading]) -> Iterator[tuple[str, pl.Expr]]:
    text = blank_to_null(pl.col(name))
    trimmed = text.str.strip_chars()
    yield "filled", text.count()
    yield "bytes", pl.col(name).str.len_bytes().max()
    yield "distinct", text.approx_n_unique()
    yield "emails", trimmed.str.contains(_EMAIL).sum()
    kinds = {r.logical for r in alive}
    for reading in alive:
        value = parse(text, reading.logical, reading.formats)
        yield reading.label, value.count()
        if reading.logical in ("date", "timestamp"):
            yield f"{reading.label}.early", (value.dt.date() < pl.lit(EARLIEST).str.to_date()).sum()
    if "boolean" in kinds:
        lower = trimmed.str.to_lowercase()
        yield "true", lower.is_in(TRUE_TEXTS).sum()
        yield "false", lower.is_in(FALSE_TEXTS).sum()
        yield "words", trimmed.str.contains("[A-Za-z]").sum()
    if kinds & {"integer", "number"}:
        number = parse(text, "number")
        yield "led", trimmed.str.contains(r"^[+]|^-?0[0-9]").sum()
        yield "whole", trimmed.str.extract(r"^[+-]?0*([0-9]*)").str.len_chars().max()
        yield "scale", trimmed.str.extract(r"\.([0-9]*?)0*$").str.len_chars().max()
        yield "least", number.min()
        yield "most", number.max()
    if Reading("timestamp") in alive:
        yield "zoned", trimmed.str.contains(_ZONED).sum()


def _facts(name: str, alive: Sequence[Reading], seen: dict[str, Any], rows: int, head: dict[str, Any]) -> Facts:
    filled = int(seen["filled"])
    sure = [r for r in alive if filled and seen[r.label] == filled]
    type_, reading, note = _chosen(name, sure, seen, filled)
    if filled and not note and (nearly := _nearly(head)):
        note = [nearly]
    return Facts(
        name,
        rows,
        filled,
        type_,
        reading.logical if reading else "string",
        reading.formats if reading else (),
        distinct=min(int(seen["distinct"]), filled),
        least=seen.get("least"),
        most=seen.get("most"),
        is_early=bool(reading and seen.get(f"{reading.label}.early")),
        emails=int(seen["emails"] or 0),
        notes=tuple(note),
        other={"bytes": int(seen["bytes"] or 0)},
    )


def _nearly(head: dict[str, Any]) -> str:
    """What nearly all texts of the head read as; a few that do not are dirt, or a reason to stay text."""
    filled = int(head["filled"])
    best = max(READINGS, key=lambda reading: int(head[reading.label]))
    count = int(head[best.label])
    if count == filled or 10 * count < 9 * filled:
        return ""
    written = f" ({best.format})" if best.format else ""
    return f"review: {count:,} of the first {filled:,} values read as {best.logical}{written}, the others do not: text"


def _chosen(
    name: str, sure: Sequence[Reading], seen: dict[str, Any], filled: int
) -> tuple[ColumnType, Reading | None, list[str]]:
    """The type, the reading (None: text) and why. Whatever could be read in two ways stays text."""
    text = ColumnType("varchar", length=room(int(seen["bytes"] or 0)))
    if not filled:
        return text, None, ["no value was seen: type unknown"]
    kinds = {r.logical: r for r in reversed(sure)}
    plain = not seen.get("led")
    all_read = f"all {filled:,} values read as"
    if "boolean" in kinds and seen["true"] and seen["false"] and (seen["words"] == filled or is_flag(name)):
        return ColumnType("boolean"), kinds["boolean"], [f"{all_read} true ({seen['true']:,}) or false"]
    if "number" in kinds and (is_identifier(name) or not plain):
        why = "leading zeros or signs would be lost" if not plain else "the name is that of an id or code"
        return text, None, [f"digits, kept as text: {why}"]
    if "integer" in kinds:
        # A column's next value may be ten times its largest.
        small = max(abs(seen["least"]), abs(seen["most"])) < 2**31 / 10
        return ColumnType("integer" if small else "bigint"), kinds["integer"], [f"{all_read} whole numbers"]
    if "number" in kinds:
        return _decimal(text, kinds["number"], seen, all_read)
    if "date" in kinds or "timestamp" in kinds:
        return _dated(text, [r for r in sure if r.logical in ("date", "timestamp")], seen, filled, all_read)
    return text, None, []


def _decimal(
    text: ColumnType, reading: Reading, seen: dict[str, Any], all_read: str
) -> tuple[ColumnType, Reading | None, list[str]]:
    whole, scale = int(seen["whole"] or 0), int(seen["scale"] or 0)
    if whole + scale > 38:
        return text, None, [f"{whole} digits before the point and {scale} behind it: more than a decimal holds"]
    if not scale and whole > 18:
        return text, None, [f"{whole} digits: more than a whole number holds, so an id"]
    exact = ColumnType("decimal", precision=min(38, max(18, whole + scale + 2)), scale=scale)
    said = f"{all_read} numbers of at most {whole} digits before the point and {scale} behind it: {exact}"
    return exact, reading, [said]


def _dated(
    text: ColumnType, sure: Sequence[Reading], seen: dict[str, Any], filled: int, all_read: str
) -> tuple[ColumnType, Reading | None, list[str]]:
    standard = [r for r in sure if r.format is None]
    chosen = standard or list(sure)
    if len(chosen) > 1:
        ways = " and as ".join(str(r.format or r.logical) for r in chosen)
        return text, None, [f"review: reads as {ways}, so it stays text; `formats` says which is meant"]
    (reading,) = chosen
    said = f"{all_read} {reading.logical}s, written {reading.format or 'by ISO 8601'}"
    if reading.logical == "timestamp":
        zoned = int(seen.get("zoned") or 0)
        zone = {0: "none has a zone: review, they are taken as UTC", filled: "all have a zone"}
        said += f"; {zone.get(zoned, f'{zoned:,} of them with a zone, the others are taken as UTC: review')}"
    return ColumnType(reading.logical), reading, [said]


def _with_keys(rows: pl.LazyFrame, facts: Sequence[Facts]) -> Iterator[Facts]:
    """Which columns have no value twice. Hashes may fall together, so they can deny a key but never invent one."""
    able = [f for f in facts if f.has_all and f.rows > 1 and 10 * (f.distinct or 0) >= 9 * f.rows]
    able = [f for f in able if f.logical in ("string", "integer", "timestamp")][:_MOST_KEYS]
    for one in facts:
        if one in able:
            hashed = pl.col(one.name).str.strip_chars().hash(seed=7).n_unique()
            count = int(rows.select(hashed).collect(engine="streaming").item())
            one = replace(one, is_unique=count == one.rows, distinct=count)
        yield one


def _with_values(rows: pl.LazyFrame, facts: Sequence[Facts]) -> Iterator[Facts]:
    """All values of the columns that seem to have few."""
    wanted = [
        f.name
        for f in facts
        if f.rows >= FEW_ROWS and f.logical == "string" and 0 < (f.distinct or 0) <= 2 * MOST_VALUES and not f.personal
    ]
    lists = pl.collect_all(
        [rows.select(blank_to_null(pl.col(name)).alias(name)).drop_nulls().unique() for name in wanted],
        engine="streaming",
    )
    values = {name: sorted(found[name].to_list()) for name, found in zip(wanted, lists, strict=True)}
    for one in facts:
        seen = values.get(one.name)
        yield one if seen is None else replace(one, values=tuple(seen), distinct=len(seen))
