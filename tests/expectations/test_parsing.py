"""Text reads as a value, or it does not: held against what Python's own parsers say."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.types import ColumnType
from expectations.parsing import blank_to_null, check_formats, parse

DIGITS = st.text("0123456789+-. e,", max_size=8)


def parsed(
    texts: list[str | None], logical: str, formats: tuple[str, ...] = (), type: str | None = None
) -> list[object]:
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    kind = ColumnType.parse(type) if type else None
    return frame.select(parse(pl.col("text"), logical, formats, kind)).to_series().to_list()


BY_FORM = {
    "2026-01-05T09:15:30Z": datetime(2026, 1, 5, 9, 15, 30),
    " 2026-01-05 09:15:30 ": datetime(2026, 1, 5, 9, 15, 30),
    "2026-01-05T09:15:30.123456Z": datetime(2026, 1, 5, 9, 15, 30, 123456),
    "2026-01-05T09:15:30.5": datetime(2026, 1, 5, 9, 15, 30, 500000),
    "2026-01-05T09:15:30.123+05": datetime(2026, 1, 5, 4, 15, 30, 123000),
    "2026-01-05T09:15:30+0530": datetime(2026, 1, 5, 3, 45, 30),
    "0001-01-01T00:00:00+01:00": None,
    "0000-12-31T23:00:00-02:00": datetime(1, 1, 1, 1),
    "0000-01-01T00:00:00Z": None,
    "2026-02-30T09:15:30Z": None,
    "2026-01-05T9:15:30Z": None,
    "soon": None,
    "": None,
}


@given(st.lists(st.sampled_from([*BY_FORM, None]), max_size=6))
@settings(max_examples=100, deadline=None)
def test_an_iso_instant_reads_the_same_whatever_forms_stand_beside_it(texts: list[str | None]) -> None:
    assert parsed(texts, "timestamp") == [None if text is None else BY_FORM[text] for text in texts]


@given(st.lists(DIGITS, min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_decimal_is_read_exactly_or_not_at_all(texts: list[str]) -> None:
    def oracle(text: str) -> Decimal | None:
        text = text.strip()
        if not re.fullmatch(r"[+-]?(\d+(\.\d+)?|\.\d+)", text):
            return None
        try:
            value = Decimal(text)
            rounded = value.quantize(Decimal("0.01"))
        except InvalidOperation:
            return None
        return rounded if rounded == value and abs(value) < 1000 else None

    assert parsed(list(texts), "number", type="decimal(5,2)") == [oracle(t) for t in texts]


@given(st.lists(DIGITS, min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_an_integer_is_read_if_it_fits_its_type(texts: list[str]) -> None:
    def oracle(text: str) -> int | None:
        text = text.strip()
        if not re.fullmatch(r"[+-]?\d+", text):
            return None
        return int(text) if -(2**15) <= int(text) < 2**15 else None

    assert parsed(list(texts), "integer", type="smallint") == [oracle(t) for t in texts]


DATES = st.one_of(
    st.text("0123456789-/ ", max_size=11),
    st.builds("{:04d}-{:02d}-{:02d}".format, st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32)),
    st.builds("{}/{}/{}".format, st.integers(0, 32), st.integers(0, 13), st.integers(1999, 2101)),
)


@given(st.lists(DATES, min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_date_in_a_given_format_is_what_strptime_says(texts: list[str]) -> None:
    def oracle(text: str) -> date | None:
        try:
            found = datetime.strptime(text.strip(), "%d/%m/%Y").date()
        except ValueError:
            return None
        return found

    assert parsed(list(texts), "date", ("%d/%m/%Y",)) == [oracle(t) for t in texts]


@given(st.lists(DATES, min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_date_without_a_format_is_iso_with_all_its_digits(texts: list[str]) -> None:
    def oracle(text: str) -> date | None:
        try:
            return date.fromisoformat(text.strip()) if re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()) else None
        except ValueError:
            return None

    assert parsed(list(texts), "date") == [oracle(t) for t in texts]


INSTANTS = st.builds(
    "{:04d}-{:02d}-{:02d}{}{:02d}:{:02d}:{:02d}{}{}".format,
    st.sampled_from([0, 1, 1999, 2024, 9999]),
    st.integers(1, 12),
    st.integers(1, 31),
    st.sampled_from(["T", " ", "t", ""]),
    st.integers(0, 24),
    st.sampled_from([0, 59, 60]),
    st.sampled_from([0, 59, 60]),
    st.sampled_from(["", ".5", ".123456", ".", ".1234567"]),
    st.sampled_from(["", "Z", "z", "+05:30", "-0800", "+05", "+24:00", " Z"]),
)


@given(st.lists(INSTANTS, min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_an_instant_without_a_format_is_iso_in_any_zone_and_comes_out_as_utc(texts: list[str]) -> None:
    def oracle(text: str) -> datetime | None:
        form = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)?"
        try:
            found = datetime.fromisoformat(text) if re.fullmatch(form, text) else None
            return found.astimezone(UTC).replace(tzinfo=None) if found and found.tzinfo else found
        except (ValueError, OverflowError):
            return None

    assert parsed(list(texts), "timestamp") == [oracle(t) for t in texts]


@pytest.mark.parametrize(
    ("text", "format_", "expected"),
    [
        ("05/01/2024 7:05", "%d/%m/%Y %H:%M", datetime(2024, 1, 5, 7, 5)),
        ("05/01/2024 07:05:01 PM", "%d/%m/%Y %I:%M:%S %p", datetime(2024, 1, 5, 19, 5, 1)),
        ("05 Jan 2024 07:05 +0530", "%d %b %Y %H:%M %z", datetime(2024, 1, 5, 1, 35)),
        ("2024-01-05 01:02:03.5", "%Y-%m-%d %H:%M:%S.%f", datetime(2024, 1, 5, 1, 2, 3, 500000)),
        ("2024-01-05", "%Y-%m-%d", datetime(2024, 1, 5)),
        ("24-01-05 01:02", "%Y-%m-%d %H:%M", None),
    ],
)
def test_an_instant_in_a_given_format(text: str, format_: str, expected: datetime | None) -> None:
    assert parsed([text], "timestamp", (format_,)) == [expected]


def test_the_first_format_that_reads_the_text_wins() -> None:
    assert parsed(["2024-01-05", "05/01/2024", "x"], "date", ("%Y-%m-%d", "%d/%m/%Y")) == [
        date(2024, 1, 5),
        date(2024, 1, 5),
        None,
    ]


def test_booleans_are_words_or_bits_in_any_case() -> None:
    texts = ["TRUE", "t", "Yes", "1", "false", "F", "NO", "0", "y", "", None]
    assert parsed(texts, "boolean") == [True] * 4 + [False] * 4 + [None] * 3


def test_a_double_is_finite() -> None:
    assert parsed(["1.5", "9" * 400, "nan", "inf"], "number") == [1.5, None, None, None]


def test_a_digit_of_another_script_is_no_digit() -> None:
    assert parsed(["\u0661", "1"], "integer") == [None, 1]


def test_blank_text_is_missing() -> None:
    frame = pl.DataFrame({"text": ["", " \t\u00a0", "a ", None]})
    assert frame.select(blank_to_null(pl.col("text"))).to_series().to_list() == [None, None, "a ", None]


def test_an_unknown_directive_is_refused() -> None:
    check_formats(["%Y-%m-%dT%H:%M:%S.%f%z"])
    with pytest.raises(ValueError, match="%j"):
        check_formats(["%Y-%j"])


@pytest.mark.parametrize(
    ("format_", "message"),
    [
        ("%m/%Y", "no whole date"),
        ("%Y-%m-%d %H", "no whole time"),
        ("%Y-%m-%d %S", "no whole time"),
        ("%Y-%m-%d %H:%M.%f", "no whole time"),
        ("%Y-%m-%d%z", "no whole time"),
        ("%Y-%m-%d %I:%M", "go together"),
        ("%Y-%m-%d %H:%M %p", "go together"),
        ("%Y-%y-%m-%d", "twice"),
        ("%d %d %m %Y", "twice"),
        ("%Y-%m-%d%", "not read here"),
        ("%Y-%m-%d %H:%M:%S%f", "not read here"),
    ],
)
def test_a_format_by_which_no_text_reads_is_refused(format_: str, message: str) -> None:
    """Some of these would stop Polars in the middle of a run, the others would read nothing."""
    with pytest.raises(ValueError, match=message):
        check_formats([format_])
