"""Raw text to clean rows: types, normalisers, the shop's calendar, hashes that stay, and which duplicate wins."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hand_made import DAY, SHARED_COLUMNS, contract, raw_things
from hypothesis import given
from hypothesis import strategies as st

from contracts.model import Contract
from contracts.polars_types import polars_schema
from contracts.types import ColumnType
from expectations.parsing import BLANKS
from expectations.predicates import mark_broken
from expectations.rules import rules_of
from tasks.preprocess import blank_to_null, by_value, duplicate_lines, normalised, parse_once, to_clean

BATCH = "b" * 32
BROKEN_TYPES = "broken_types"


def cleaned(
    folder: Path,
    raw_columns: list[Any],
    clean_columns: list[Any],
    rows: dict[str, list[str | None]],
    timezone: str = "Asia/Kolkata",
) -> pl.DataFrame:
    """What to_clean makes of rows of text, numbered from 2, and the names of the columns that do not fit."""
    raw = raw_things(folder, *raw_columns)
    clean = contract(folder, "clean.things", [*clean_columns, *SHARED_COLUMNS])
    height = len(next(iter(rows.values())))
    frame = pl.LazyFrame({"source_line": range(2, height + 2), **rows}, schema_overrides=dict.fromkeys(rows, pl.String))
    out, marks = to_clean(frame, raw, clean, delivery=DAY, batch_id=BATCH, timezone=timezone)
    found = out.with_columns(marks.broken.alias(BROKEN_TYPES)).drop(marks.columns).collect()
    assert found.drop(BROKEN_TYPES).schema == polars_schema(clean)
    assert found.height == height
    return found


def one(folder: Path, column: dict[str, Any], *texts: str | None, logical: str = "string", **raw: Any) -> list[Any]:
    """What the column `x` becomes of each text."""
    found = cleaned(folder, [{"name": "x", "logicalType": logical, **raw}], [{"name": "x", **column}], {"x": [*texts]})
    return found.get_column("x").to_list()


def broken(folder: Path, type_: str, logical: str, *texts: str | None) -> list[bool]:
    """For each text: whether `x` is told as a value that its clean type cannot hold."""
    found = cleaned(folder, [{"name": "x", "logicalType": logical}], [{"name": "x", "type": type_}], {"x": [*texts]})
    return [names == ["x"] for names in found.get_column(BROKEN_TYPES).to_list()]


# Types


@pytest.mark.parametrize(
    ("type_", "logical", "text", "value"),
    [
        ("varchar(8)", "string", " a ", " a "),
        ("integer", "integer", "-007", -7),
        ("bigint", "integer", "9223372036854775807", 9223372036854775807),
        ("decimal(18,2)", "number", "1.5", Decimal("1.50")),
        (
            "decimal(38,10)",
            "number",
            "1234567890123456789012345678.0123456789",
            Decimal("1234567890123456789012345678.0123456789"),
        ),
        ("double precision", "number", "0.1", 0.1),
        ("boolean", "boolean", "Yes", True),
        ("boolean", "boolean", "0", False),
        ("date", "date", "2026-02-28", date(2026, 2, 28)),
        ("timestamp", "timestamp", "2026-01-05T09:00:00.5Z", datetime(2026, 1, 5, 9, 0, 0, 500_000)),
        ("timestamp", "timestamp", "2026-01-05T09:00:00+05:30", datetime(2026, 1, 5, 3, 30)),
        ("timestamp", "timestamp", "2026-01-05 09:00:00", datetime(2026, 1, 5, 9)),
    ],
)
def test_text_becomes_a_value_of_the_clean_type(
    tmp_path: Path, type_: str, logical: str, text: str, value: Any
) -> None:
    assert one(tmp_path, {"type": type_}, text, None, logical=logical) == [value, None]


def test_a_date_in_the_sources_own_format_is_read_by_that_format_only(tmp_path: Path) -> None:
    found = one(tmp_path, {"type": "date"}, "31/12/2025", "12/31/2025", logical="date", formats=["%d/%m/%Y"])
    assert found == [date(2025, 12, 31), None]


def test_a_clean_column_may_be_made_of_a_raw_one_of_another_name(tmp_path: Path) -> None:
    found = cleaned(tmp_path, ["ID"], [{"name": "id", "source": "ID"}], {"ID": ["a"]})
    assert found.get_column("id").to_list() == ["a"]


def test_a_default_stands_where_nothing_was_delivered(tmp_path: Path) -> None:
    assert one(tmp_path, {"default": "none"}, None, "", "a") == ["none", "", "a"]
    assert one(tmp_path, {"type": "boolean", "default": "false"}, None, "true", logical="boolean") == [False, True]


def test_every_row_says_where_it_came_from(tmp_path: Path) -> None:
    found = cleaned(tmp_path, ["id"], ["id"], {"id": ["a", "b"]})
    assert found.select("delivery_date", "batch_id", "source_line").rows() == [(DAY, BATCH, 2), (DAY, BATCH, 3)]


@pytest.mark.parametrize(
    ("type_", "logical", "good", "bad"),
    [
        (
            "decimal(6,2)",
            "number",
            ["9999.99", "-9999.99", "0001.500", ".5", None],
            ["10000.00", "0.001", "1e3", "1,5", "NaN"],
        ),
        ("smallint", "integer", ["32767", "-32768", None], ["32768", "1.0", "1e2", "٣"]),
        ("date", "date", ["2024-02-29", None], ["2026-02-29", "2026-1-5", "0000-01-01"]),
        ("timestamp", "timestamp", ["2026-01-05T23:59:59Z", None], ["2026-01-05T24:00:00Z", "2026-01-05", "soon"]),
        ("boolean", "boolean", ["true", "F", None], ["2", "maybe"]),
        ("double precision", "number", ["1.0", None], ["1e999", "inf", "1" * 400]),
    ],
)
def test_text_that_the_clean_type_cannot_hold_is_told_and_never_rounded(
    tmp_path: Path, type_: str, logical: str, good: list[str | None], bad: list[str]
) -> None:
    assert broken(tmp_path, type_, logical, *good) == [False] * len(good)
    assert broken(tmp_path, type_, logical, *bad) == [True] * len(bad)


def test_every_column_that_does_not_fit_is_told(tmp_path: Path) -> None:
    raw = [{"name": n, "logicalType": "number"} for n in ("a", "b", "c")]
    clean = [{"name": n, "type": "decimal(3,1)"} for n in ("a", "b", "c")]
    found = cleaned(tmp_path, raw, clean, {"a": ["100.0", "1"], "b": ["1", "2"], "c": ["0.01", "3"]})
    assert found.get_column(BROKEN_TYPES).to_list() == [["a", "c"], []]


def test_a_table_of_text_alone_has_nothing_that_does_not_fit(tmp_path: Path) -> None:
    assert cleaned(tmp_path, ["id"], ["id"], {"id": ["a"]}).get_column(BROKEN_TYPES).to_list() == [[]]


# Blank fields and normalisers


def test_a_blank_field_is_null(tmp_path: Path) -> None:
    rows = pl.LazyFrame({"source_line": [2, 3, 4], "id": ["", "  \t", " a "], "name": [None, "b", "c"]})
    found = blank_to_null(rows, raw_things(tmp_path)).collect()
    assert found.get_column("id").to_list() == [None, None, " a "]
    assert found.get_column("name").to_list() == [None, "b", "c"]


@given(st.lists(st.none() | st.text(" \t\x1f\x85\u00a0\u3000a!~\x7fé", max_size=3), max_size=8))
def test_text_of_white_space_alone_is_blank(tmp_path_factory: pytest.TempPathFactory, texts: list[str | None]) -> None:
    rows = pl.LazyFrame({"id": texts, "name": ["b"] * len(texts)}, schema={"id": pl.String, "name": pl.String})
    found = blank_to_null(rows, raw_things(tmp_path_factory.mktemp("raw"))).collect()
    white = set(BLANKS)
    expected = [text if text and not white.issuperset(text) else None for text in texts]
    assert found.get_column("id").to_list() == expected


@given(texts=st.lists(st.none() | st.text(" aÀ", max_size=2), max_size=6), times=st.sampled_from([1, 3, 500]))
def test_a_text_reads_the_same_however_often_it_comes(texts: list[str | None], times: int) -> None:
    frame = pl.DataFrame({"x": texts * times}, schema={"x": pl.String})
    steps = partial(normalised, steps=("trim", "lower", "empty_to_null"))
    each = [(text.strip().lower() or None) if text is not None else None for text in texts]
    assert frame.select(by_value(pl.col("x"), steps)).to_series().to_list() == each * times


@pytest.mark.parametrize("type_", ["timestamp", "date", "bigint", "integer", "boolean", "decimal(9,2)"])
def test_what_is_parsed_once_reads_the_same(tmp_path: Path, type_: str) -> None:
    texts = ["2026-01-05T09:15:30Z", "2026-01-05T09:15:30.5+05:30", "2026-01-05", "1.5", "-7", "3000000000", "yes", "x"]
    logical = ColumnType.parse(type_).logical
    raw = raw_things(tmp_path, {"name": "x", "logicalType": logical}, {"name": "y", "logicalType": logical})
    shaped = {"name": "y", "type": type_, "normalise": ["trim"]}
    clean = contract(tmp_path, "clean.things", [{"name": "x", "type": type_}, shaped, *SHARED_COLUMNS])
    given_rows = pl.LazyFrame({"source_line": range(len(texts)), "x": texts, "y": texts})
    once = parse_once(given_rows, raw, clean)
    known = set(once.collect_schema().names()) - {"source_line", "x", "y"}
    assert len(known) == (type_ in ("timestamp", "date", "bigint", "boolean"))
    rules = [rule for rule in rules_of(raw) if rule.kind == "parses_as"]
    outcomes = []
    for rows in (given_rows, once):
        marked, marks = mark_broken(rows, [replace(rule, verdict="quarantine") for rule in rules], "raw")
        out, _ = to_clean(marked, raw, clean, delivery=DAY, batch_id=BATCH, timezone="UTC", beside=marks.columns)
        outcomes.append(out.collect())
    assert outcomes[0].equals(outcomes[1])
    assert outcomes[0].get_column("x").drop_nulls().len() > 0


@pytest.mark.parametrize(
    ("steps", "text", "value"),
    [
        (["trim"], "  Ab c \t", "Ab c"),
        (["collapse_space"], "a \t\n b", "a b"),
        (["lower"], "ÀB", "àb"),
        (["upper"], "straße é", "STRASSE É"),
        (["title"], "new DELHI", "New Delhi"),
        (["digits"], "+91 (98) 76-5", "+9198765"),
        (["empty_to_null"], "", None),
        (["empty_to_null"], " ", " "),
        (["trim", "empty_to_null"], " ", None),
        (["empty_to_null", "trim"], " ", ""),
        (["trim", "upper", "empty_to_null"], " inr ", "INR"),
        ([], " a ", " a "),
    ],
)
def test_normalisers_apply_in_their_order(tmp_path: Path, steps: list[str], text: str, value: str | None) -> None:
    assert one(tmp_path, {"normalise": steps}, text, None) == [value, None]


@given(st.text(" \t\n\u00a0\u2003ab", max_size=12))
def test_each_run_of_white_space_collapses_to_one_space(text: str) -> None:
    assert pl.select(normalised(pl.lit(text), ("collapse_space",))).item() == re.sub(r"\s+", " ", text)


def test_a_number_is_read_after_its_text_was_normalised(tmp_path: Path) -> None:
    assert one(tmp_path, {"type": "integer", "normalise": ["digits"]}, "1 200", logical="integer") == [1200]


# The shop's calendar


@pytest.mark.parametrize(
    ("timezone", "instant", "day"),
    [
        ("Asia/Kolkata", "2026-01-05T18:29:59.999Z", date(2026, 1, 5)),
        ("Asia/Kolkata", "2026-01-05T18:30:00Z", date(2026, 1, 6)),
        ("Asia/Kolkata", "2026-01-06T00:00:00+05:30", date(2026, 1, 6)),
        ("Europe/London", "2026-03-28T23:59:59Z", date(2026, 3, 28)),
        ("Europe/London", "2026-03-29T22:59:59Z", date(2026, 3, 29)),
        ("Europe/London", "2026-03-29T23:00:00Z", date(2026, 3, 30)),
        ("Europe/London", "2025-10-25T22:59:59Z", date(2025, 10, 25)),
        ("Europe/London", "2025-10-25T23:00:00Z", date(2025, 10, 26)),
        ("Europe/London", "2025-10-26T00:30:00Z", date(2025, 10, 26)),
        ("Europe/London", "2025-10-26T01:30:00Z", date(2025, 10, 26)),
        ("Europe/London", "2025-10-26T23:30:00Z", date(2025, 10, 26)),
        ("America/New_York", "2026-01-01T04:59:59Z", date(2025, 12, 31)),
        ("UTC", "2026-01-05T23:59:59Z", date(2026, 1, 5)),
    ],
)
def test_the_business_date_is_the_day_on_the_shops_clock(
    tmp_path: Path, timezone: str, instant: str, day: date
) -> None:
    found = cleaned(
        tmp_path,
        [{"name": "at", "logicalType": "timestamp"}],
        [{"name": "at", "type": "timestamp"}, {"name": "at_date", "type": "date", "businessDateOf": "at"}],
        {"at": [instant, None]},
        timezone,
    )
    assert found.get_column("at_date").to_list() == [day, None]


# Row hashes

COLUMNS = ["id", "name", {"name": "amount", "logicalType": "number"}, {"name": "at", "logicalType": "timestamp"}]
CLEAN = [
    "id",
    "name",
    {"name": "amount", "type": "decimal(18,2)"},
    {"name": "at", "type": "timestamp"},
    {"name": "at_date", "type": "date", "businessDateOf": "at"},
]


def hashes(folder: Path, *rows: tuple[str | None, str | None, str | None, str | None], **options: Any) -> list[str]:
    columns: dict[str, list[str | None]] = {
        n: [r[i] for r in rows] for i, n in enumerate(("id", "name", "amount", "at"))
    }
    return cleaned(folder, COLUMNS, CLEAN, columns, **options).get_column("row_hash").to_list()


def test_the_row_hash_stays_what_it_is(tmp_path: Path) -> None:
    """Literals: hashes of earlier deliveries stand in warehouses, and a new one would make every row a change."""
    found = hashes(tmp_path, ("O1", "Zoë", "1.5", "2026-01-05T09:15:30Z"), ("O2", None, None, None))
    assert found == ["88372200c0c51e76d1c2f55ae142a002", "48ca14f0a527f82a67605202e9ff18e9"]
    texts = ("O1\x1fZoë\x1f1.50\x1f2026-01-05 09:15:30.000000", "O2\x1f\x00\x1f\x00\x1f\x00")
    assert found == [hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in texts]


def test_null_and_the_empty_text_have_different_hashes(tmp_path: Path) -> None:
    assert len(set(hashes(tmp_path, ("a", None, None, None), ("a", "", None, None), (None, "a", None, None)))) == 3


def test_the_same_values_written_otherwise_have_the_same_hash(tmp_path: Path) -> None:
    same = [("a", "b", "1.5", "2026-01-05T09:00:00Z"), ("a", "b", "+01.500", "2026-01-05 14:30:00+05:30")]
    assert len(set(hashes(tmp_path, *same))) == 1


def test_the_hash_is_of_what_was_said_not_of_when_or_by_which_clock(tmp_path: Path) -> None:
    row = ("a", "b", "1", "2026-01-05T20:00:00Z")
    assert hashes(tmp_path, row, row)[0] == hashes(tmp_path, row, timezone="America/New_York")[0]


def test_a_column_that_came_later_changes_the_hash_of_rows_that_have_it_only(tmp_path: Path) -> None:
    """What an earlier contract made of a row stands in warehouses: the row must be known when it comes again."""
    row = {"id": ["O1", "O2"], "name": ["Zoë", None], "amount": ["1.5", None], "at": ["2026-01-05T09:15:30Z", None]}
    raw = [*COLUMNS[:2], {"name": "owner", "since": "1.0.0"}, *COLUMNS[2:], {"name": "rank", "since": "1.0.0"}]
    clean = [*CLEAN[:2], {"name": "owner", "since": "1.0.0"}, *CLEAN[2:], {"name": "rank", "since": "1.0.0"}]

    def found(owner: list[str | None], rank: list[str | None]) -> list[str]:
        frame = cleaned(tmp_path, raw, clean, {**row, "owner": owner, "rank": rank})
        return frame.get_column("row_hash").to_list()

    before = ["88372200c0c51e76d1c2f55ae142a002", "48ca14f0a527f82a67605202e9ff18e9"]
    assert found([None, None], [None, None]) == before
    later = [found(["x", "x"], [None, None]), found([None, None], ["x", "x"]), found(["x", "x"], ["x", "x"])]
    assert len({*before, *(h for pair in later for h in pair)}) == 8


# Duplicates

KEY_PART = st.sampled_from(["a", "b"])
ROW = st.tuples(KEY_PART, KEY_PART, st.one_of(st.none(), st.integers(0, 2)), st.sampled_from(["h1", "h2"]))


def losers(rows: list[tuple[str, str, int | None, str]], *, versioned: bool) -> set[int]:
    """The lines that a loop in plain Python takes out: it keeps one row per key, and NULL is the earliest version."""
    best: dict[tuple[str, str], tuple[Any, int]] = {}
    for line, (left, right, version, row_hash) in enumerate(rows, start=1):
        rank = ((version is not None, version or 0) if versioned else (), row_hash)
        if (left, right) not in best or rank > best[left, right][0]:
            best[left, right] = (rank, line)
    return set(range(1, len(rows) + 1)) - {line for _, line in best.values()}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Contract]:
    columns = [{"name": "left", "key": 1}, {"name": "right", "key": 2}, {"name": "version", "type": "integer"}]
    loads = {True: {"strategy": "upsert", "versionedBy": "version"}, False: {"strategy": "upsert"}}
    return {
        versioned: contract(tmp_path_factory.mktemp("keyed"), "clean.things", [*columns, *SHARED_COLUMNS], load=load)
        for versioned, load in loads.items()
    }


@given(rows=st.lists(ROW, max_size=8), versioned=st.booleans(), at_random=st.randoms(use_true_random=False))
def test_of_several_rows_of_a_key_the_greatest_stays(
    keyed: dict[bool, Contract], rows: list[Any], versioned: bool, at_random: Any
) -> None:
    frame = pl.DataFrame(
        [(*row, line) for line, row in enumerate(rows, start=1)],
        schema={
            "left": pl.String,
            "right": pl.String,
            "version": pl.Int32,
            "row_hash": pl.String,
            "source_line": pl.Int64,
        },
        orient="row",
    )
    order = list(range(frame.height))
    at_random.shuffle(order)
    found = duplicate_lines(frame[order].lazy(), keyed[versioned])
    assert found.n_unique() == len(found)
    assert set(found) == losers(rows, versioned=versioned)
