"""Text reads on the warehouse as it reads on Polars: the same texts through both, value by value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nasty_texts import texts_of
from sqlglot import exp

from contracts.types import ColumnType
from expectations.parsing import BLANKS, blank_to_null, parse
from expectations.parsing_sql import blank_to_null_sql, reads_sql, value_sql
from sql.dialect import SESSION, parse_select, to_duckdb, to_redshift
from sql.portable import faults

FORMATS = {
    "iso": (),
    "slashes": ("%d/%m/%Y",),
    "digits": ("%Y%m%d",),
    "digits, day first": ("%d%m%Y",),
    "short year": ("%m/%d/%y",),
    "names": ("%d %b %Y", "%B %d %Y"),
    "several": ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%y"),
    "a literal of signs": ("%Y^%m$%d (%%)",),
}
TIMES = {
    "minutes": ("%Y-%m-%d %H:%M",),
    "seconds and fraction": ("%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d %H:%M:%S"),
    "half days": ("%m/%d/%Y %I:%M %p",),
    "offset": ("%Y-%m-%d %H:%M%z",),
    "offset, short year": ("%y%m%d%H%M%z",),
    "all digits": ("%Y%m%d%H%M%S",),
}
CASES = [
    *(("integer", (), type_) for type_ in ("smallint", "integer", "bigint")),
    *(("number", (), type_) for type_ in ("double precision", "decimal(5,2)", "decimal(38,10)")),
    ("boolean", (), "boolean"),
    *(("date", formats, "date") for formats in (*FORMATS.values(), *TIMES.values())),
    *(("timestamp", formats, "timestamp") for formats in (*FORMATS.values(), *TIMES.values())),
]
IDS = [f"{type_} {' | '.join(formats)}".strip() for _, formats, type_ in CASES]
# Small alphabets, and pieces that are nearly right: most texts come close to a value.
NUMBERS = st.text("019+-. e", max_size=7)
YEARS = ["0000", "0001", "1900", "2000", "2023", "2024", "9999", "24", "00", "69", "70"]
PARTS = ["0", "1", "01", "2", "02", "12", "13", "28", "29", "30", "31", "32", "23", "24", "59", "60"]
NAMES = ["Jan", "JANUARY", "feb", "May", "Sept", "sep", "december", "Foo"]
SIGNS = ["-", "/", " ", ":", "T", ".", "^", "$", " (%)", "", "Z", "+", "PM", "am"]
ENDS = [
    "",
    "",
    "Z",
    "z",
    "+05",
    "+05:30",
    "-0800",
    "+14:00",
    "-15:00",
    "+24:00",
    ".5",
    ".123456789",
    ".1234567890",
    " AM",
]


@st.composite
def moments(draw: st.DrawFn) -> str:
    """Text like a date or an instant, by one of the formats or by none."""
    year, end = draw(st.sampled_from(YEARS)), draw(st.sampled_from(ENDS))
    parts = [draw(st.sampled_from(PARTS)) for _ in range(5)]
    a, b = draw(st.sampled_from(SIGNS)), draw(st.sampled_from(SIGNS))
    name, order = draw(st.sampled_from(NAMES)), draw(st.integers(0, 5))
    day = (
        f"{year}-{parts[0]}-{parts[1]}",
        f"{parts[0]}/{parts[1]}/{year}",
        f"{parts[0]} {name} {year}",
        f"{name} {parts[0]} {year}",
        f"{year}{parts[0]}{parts[1]}",
        f"{year}{a}{parts[0]}{b}{parts[1]}",
    )[order]
    time = draw(
        st.sampled_from(["", f"T{parts[2]}:{parts[3]}:{parts[4]}", f" {parts[2]}:{parts[3]}", "".join(parts[2:])])
    )
    blank = draw(st.sampled_from(["", "", "", " ", "\u00a0", "\u3000", "\n"]))
    return f"{blank}{day}{time}{end}{blank}"


TEXTS = {
    "integer": NUMBERS,
    "number": NUMBERS,
    "boolean": st.text("truefalsyno01TF \u0130\u212a", max_size=5),
    "date": st.one_of(moments(), st.text("01249-/ ", max_size=10)),
    "timestamp": st.one_of(moments(), st.text("0129-: TZ.+", max_size=20)),
}


@pytest.fixture(scope="module")
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        for setting in SESSION:
            connection.execute(setting)
        yield connection


def in_sql(
    session: duckdb.DuckDBPyConnection, texts: Sequence[str | None], *expressions: str
) -> list[tuple[object, ...]]:
    given = pl.DataFrame({"place": range(len(texts)), "text": texts}, schema={"place": pl.Int64, "text": pl.String})
    session.register("given", given.to_arrow())
    named = ", ".join(f"{e} AS e{i}" for i, e in enumerate(expressions))
    return session.execute(to_duckdb(f'SELECT {named} FROM given ORDER BY "place"')).fetchall()


def agree(
    session: duckdb.DuckDBPyConnection, texts: Sequence[str | None], logical: str, formats: Sequence[str], type_: str
) -> int:
    """Hold both sides together; how many of the texts read."""
    kind = ColumnType.parse(type_)
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    here = frame.select(parse(pl.col("text"), logical, formats, kind)).to_series().to_list()
    ask = reads_sql('"text"', logical, formats, kind), value_sql('"text"', logical, formats, kind)
    there = in_sql(session, texts, *ask)
    expected = [(None if t is None else v is not None, v) for t, v in zip(texts, here, strict=True)]
    wrong = [(t, e, f) for t, e, f in zip(texts, expected, there, strict=True) if e != f]
    assert wrong == []
    return sum(value is not None for value in here)


@pytest.mark.parametrize(("logical", "formats", "type_"), CASES, ids=IDS)
def test_any_text_reads_alike(
    session: duckdb.DuckDBPyConnection, logical: str, formats: tuple[str, ...], type_: str
) -> None:
    @given(st.lists(TEXTS[logical], min_size=40, max_size=80))
    @settings(max_examples=8)
    def alike(texts: list[str]) -> None:
        agree(session, texts, logical, formats, type_)

    alike()


@pytest.mark.parametrize(("logical", "formats", "type_"), CASES, ids=IDS)
def test_texts_at_every_border_read_alike(
    session: duckdb.DuckDBPyConnection, logical: str, formats: tuple[str, ...], type_: str
) -> None:
    assert agree(session, [*texts_of(logical), None], logical, formats, type_) or formats


@pytest.mark.parametrize(("written", "formats"), [("{0:04d}-{1:02d}-{2:02d}", ()), ("{2}/{1}/{0:04d}", ("%d/%m/%Y",))])
def test_the_calendar_is_the_same_day_by_day(
    session: duckdb.DuckDBPyConnection, written: str, formats: tuple[str, ...]
) -> None:
    """29 February of every year that can be written, and every day of a leap year and of another, with what is near."""
    days = [(year, 2, 29) for year in range(10_000)]
    days += [(year, month, day) for year in (2023, 2024) for month in range(14) for day in range(33)]
    read = agree(session, [written.format(*day) for day in days], "date", formats, "date")
    assert read == 2_424 + 365 + 366


def test_two_digits_of_a_year_are_of_the_same_century(session: duckdb.DuckDBPyConnection) -> None:
    days = [f"{day}/{year:02d}" for day in ("2/29", "12/31") for year in range(100)]
    assert agree(session, days, "date", ("%m/%d/%y",), "date") == 25 + 100


@pytest.mark.parametrize("formats", [*FORMATS.values(), *TIMES.values()])
def test_what_a_format_writes_is_read_by_it(session: duckdb.DuckDBPyConnection, formats: tuple[str, ...]) -> None:
    """Every day of four years (one of them 1900) and every minute of a day, as strftime writes them."""
    days = pl.datetime_range(pl.datetime(1999, 12, 30), pl.datetime(2001, 3, 2), "23h59m59s", eager=True)
    old = pl.datetime_range(pl.datetime(1900, 2, 27), pl.datetime(1900, 3, 2), "1d", eager=True)
    for format_ in formats:
        chrono = format_.replace(".%f", "%.6f").replace("%z", "+05:30")
        texts = [*days.dt.strftime(chrono), *old.dt.strftime(chrono)]
        for logical in ("date", "timestamp"):
            assert agree(session, texts, logical, (format_,), logical) == len(texts)


@given(st.lists(st.text(f"{BLANKS}a\x1c\u200b\0", max_size=4), min_size=1, max_size=20))
def test_blank_text_is_missing_on_both_sides(texts: list[str]) -> None:
    here = pl.DataFrame({"text": texts}).select(blank_to_null(pl.col("text"))).to_series().to_list()
    with duckdb.connect(config={"threads": 1}) as connection:
        assert [row[0] for row in in_sql(connection, texts, blank_to_null_sql('"text"'))] == here


def test_blanks_are_what_unicode_and_polars_call_white_space() -> None:
    every = pl.Series([chr(n) for n in range(0x110000) if not 0xD800 <= n < 0xE000])
    assert set(every.filter(every.str.strip_chars() == "")) == set(BLANKS)


@pytest.mark.parametrize(("logical", "formats", "type_"), CASES, ids=IDS)
def test_the_sql_is_in_the_portable_subset_and_casts_nothing_that_may_fail(
    logical: str, formats: tuple[str, ...], type_: str
) -> None:
    kind = ColumnType.parse(type_)
    reads, value = (say("a.text_1", logical, formats, kind) for say in (reads_sql, value_sql))
    text = f"SELECT {value} AS v FROM core.a AS a WHERE {reads}"
    tree = parse_select(text, "rule.sql")
    assert [(f.rule, f.message) for f in faults(tree)] == []
    # POSIX expressions of Redshift know neither classes by letter nor groups with a question mark.
    assert "\\d" not in text
    assert "(?" not in text
    plain = [cast for cast in tree.find_all(exp.Cast) if not isinstance(cast, exp.TryCast) and cast.find(exp.Column)]
    assert [cast for cast in plain if cast.to.this not in exp.DataType.TEXT_TYPES] == []
    # sqlglot must not make CAST, which stops at a bad text, of TRY_CAST.
    for rendered in (to_redshift(tree, "dev"), to_duckdb(tree)):
        assert rendered.count("TRY_CAST") == text.count("TRY_CAST")


def test_a_type_that_is_not_read_from_text_is_refused() -> None:
    for say in (reads_sql, value_sql):
        with pytest.raises(ValueError, match="is not read from text"):
            say("t", "string")
