"""Rules on frames: against an oracle in plain Python, and against the same rules as SQL on DuckDB."""

from __future__ import annotations

import operator
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from expectation_samples import DAY, Duck, rule
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from expectations.predicates import Unsupported, measure, samples, split
from expectations.predicates_sql import read_samples, sample_select, suite_select
from expectations.rules import Rule

SCHEMA = {
    "i": pl.Int64,
    "j": pl.Int64,
    "m": pl.Decimal(18, 2),
    "s": pl.String,
    "d": pl.Date,
    "t": pl.Datetime("us"),
    "b": pl.Boolean,
    "f": pl.Float64,
}
VALUES: dict[str, list[Any]] = {
    "i": [None, 0, 1, 2],
    "j": [None, 0, 1],
    "m": [None, Decimal("-0.01"), Decimal("0.00"), Decimal("1.10")],
    "s": [None, "", " ", "a", "ab", "é", "A1", "it's"],
    "d": [None, date(2024, 1, 1), DAY],
    "t": [None, datetime(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5)],
    "b": [None, True, False],
    "f": [None, -1.5, 0.0, 2.0],
}
ROWS = st.lists(st.tuples(*(st.sampled_from(v) for v in VALUES.values())), max_size=6)
KNOWN = [("a", 0), ("ab", 1), (None, 2)]
RULES = [
    rule("not_null", "s"),
    rule("in_set", "i", values=[1, 2, None]),
    rule("in_set", "m", values=[0, 1.1, -0.011]),
    rule("in_set", "s", values=["a", "it's"]),
    rule("in_set", "b", values=[True]),
    rule("in_set", "d", values=["2024-01-02"]),
    rule("matches", "s", pattern=r"^[a-z]"),
    rule("matches", "s", pattern=r"\d"),
    rule("between", "i", min=0, max=1),
    rule("between", "i", min=0, max=2, min_exclusive=True, max_exclusive=True),
    rule("between", "m", min=0),
    rule("between", "f", max=0.5),
    rule("between", "d", max="2024-01-01"),
    rule("between", "t", min="2024-01-02T01:00:00"),
    rule("length", "s", min=1, max=1),
    rule("byte_length", "s", max=1),
    *(rule("compare", "i", "j", operator=sign) for sign in ("<", "<=", ">", ">=", "=", "!=")),
    rule("compare", "d", "t", operator="<="),
    rule("condition", sql="i > j OR b"),
    rule("condition", sql="s IS NOT NULL"),
    rule("condition", sql="b"),
    rule("condition", sql="d >= '2024-01-02' AND COALESCE(i, 0) < 2"),
    rule("condition", sql="CASE WHEN b THEN m >= 0 ELSE s LIKE 'a%' END"),
    rule("condition", sql="t BETWEEN '2024-01-02 00:00:00' AND '2024-01-02 02:00:00' OR LENGTH(TRIM(s)) IN (1, 2)"),
    rule("unique", "i"),
    rule("unique", "s"),
    rule("unique", "m", "b"),
    rule("foreign_key", "s", table="core.known", to_columns=["name"]),
    rule("foreign_key", "s", "i", table="core.known", to_columns=["name", "number"]),
]
ROW_RULES = [Rule(f"r{n}", r.kind, r.columns, r.args, verdict="quarantine") for n, r in enumerate(RULES)]
TABLE_RULES = [
    rule("row_count", min=1, max=3),
    rule("columns", names=list(SCHEMA)),
    rule("columns", names=["i"]),
    rule("types", types={"m": "decimal(18,2)", "t": "timestamp", "i": "integer"}),
    *(rule("aggregate", "m", function=f, min=0) for f in ("sum", "mean", "min", "max", "stddev", "distinct_count")),
    rule("aggregate", "d", function="max", max="2024-01-01"),
    rule("sql", query="SELECT SUM(m) FROM ${table} WHERE i > 0", min=0),
    rule("sql", query="SELECT COUNT(*) FROM ${table} WHERE s = 'a' -- of them", max=1),
]
SIGNS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}


def frame_of(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def references() -> dict[str, pl.LazyFrame]:
    return {"core.known": pl.LazyFrame(KNOWN, schema={"name": pl.String, "number": pl.Int64}, orient="row")}


def outside(value: Any, args: dict[str, Any], read: Any = lambda bound: bound) -> bool:
    low, high = args.get("min"), args.get("max")
    below = low is not None and (value < read(low) or (args.get("min_exclusive", False) and value == read(low)))
    above = high is not None and (value > read(high) or (args.get("max_exclusive", False) and value == read(high)))
    return below or above


def oracle(rule: Rule, row: dict[str, Any], rows: list[dict[str, Any]]) -> bool | None:
    """Whether a row breaks a rule; None where the rule says nothing. Conditions are told apart by their text."""
    values = [row[c] for c in rule.columns]
    if rule.kind == "not_null":
        return values[0] is None
    if rule.kind == "condition":
        return CONDITIONS[rule.args["sql"]](row)
    if None in values:
        return None
    value, args = values[0], rule.args
    if rule.kind == "unique":
        return sum([r[c] for c in rule.columns] == values for r in rows) > 1
    if rule.kind == "foreign_key":
        return tuple(values) not in [known[: len(values)] for known in KNOWN]
    if rule.kind == "in_set":
        return value not in [_like(value, v) for v in args["values"]]
    if rule.kind == "matches":
        return re.search(args["pattern"], value) is None
    if rule.kind == "between":
        return outside(value, args, lambda bound: _like(value, bound))
    if rule.kind == "length":
        return outside(len(value), args)
    if rule.kind == "byte_length":
        return len(value.encode()) > args["max"]
    if isinstance(values[1], datetime):
        values[0] = datetime(values[0].year, values[0].month, values[0].day)
    return not SIGNS[args["operator"]](*values)


def _like(value: Any, given: Any) -> Any:
    """What stands in a contract, as the value of a column."""
    if isinstance(value, Decimal):
        return Decimal(str(given))
    return type(value).fromisoformat(given) if isinstance(value, date) else given


def breaks(kept: bool | None) -> bool | None:
    return None if kept is None else not kept


def either(*parts: bool | None) -> bool | None:
    return True if True in parts else None if None in parts else False


def both(*parts: bool | None) -> bool | None:
    return False if False in parts else None if None in parts else True


def told(value: Any, ask: Any) -> bool | None:
    return None if value is None else ask(value)


CONDITIONS: dict[str, Any] = {
    "i > j OR b": lambda r: breaks(
        either(None if r["i"] is None or r["j"] is None else r["i"] > r["j"], r["b"]),
    ),
    "s IS NOT NULL": lambda r: r["s"] is None,
    "b": lambda r: breaks(r["b"]),
    "d >= '2024-01-02' AND COALESCE(i, 0) < 2": lambda r: breaks(
        both(told(r["d"], lambda d: d >= DAY), (r["i"] or 0) < 2),
    ),
    "CASE WHEN b THEN m >= 0 ELSE s LIKE 'a%' END": lambda r: breaks(
        told(r["m"], lambda m: m >= 0) if r["b"] else told(r["s"], lambda s: s.startswith("a")),
    ),
    "t BETWEEN '2024-01-02 00:00:00' AND '2024-01-02 02:00:00' OR LENGTH(TRIM(s)) IN (1, 2)": lambda r: breaks(
        either(
            told(r["t"], lambda t: datetime(2024, 1, 2) <= t <= datetime(2024, 1, 2, 2)),
            told(r["s"], lambda s: len(s.strip(" ")) in (1, 2)),
        ),
    ),
}


@given(ROWS)
@settings(max_examples=120, deadline=None)
def test_rules_mean_on_frames_what_they_mean_in_plain_python(rows: list[tuple[Any, ...]]) -> None:
    frame = frame_of(rows)
    dicts = frame.to_dicts()
    for found in measure(frame.lazy(), ROW_RULES, references()):
        said = [oracle(found.rule, row, dicts) for row in dicts]
        expected = (sum(s is not None for s in said), sum(s is True for s in said))
        assert (found.evaluated, found.failed) == expected, (found.rule, dicts)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_a_split_keeps_each_row_once_and_names_what_it_breaks(rows: list[tuple[Any, ...]]) -> None:
    frame = frame_of(rows)
    dicts = frame.to_dicts()
    broken_by = [[r.id for r in ROW_RULES if oracle(r, row, dicts)] for row in dicts]
    kept, rejected = split(frame.lazy(), ROW_RULES, references()).collect()
    assert kept.to_dicts() == [row for row, ids in zip(dicts, broken_by, strict=True) if not ids]
    expected = [row | {"broken_rules": ids} for row, ids in zip(dicts, broken_by, strict=True) if ids]
    assert rejected.to_dicts() == expected


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_frames_and_the_warehouse_agree_on_every_rule(rows: list[tuple[Any, ...]]) -> None:
    frame = frame_of(rows)
    known = references()["core.known"].collect()
    duck = Duck(stage__t=frame, core__known=known)
    rules = [*ROW_RULES, *TABLE_RULES]
    select = suite_select(rules, "stage.t")
    counted, in_warehouse, schema = select.read(duck.query(select.text))
    assert counted == frame.height
    assert schema == frame.schema
    assert len(duck.statements) == 1
    for here, there in zip(measure(frame.lazy(), rules, references()), in_warehouse, strict=True):
        assert (here.rule, here.evaluated, here.failed) == (there.rule, there.evaluated, there.failed), frame
        assert here.observed == (pytest.approx(there.observed) if isinstance(there.observed, float) else there.observed)


def test_samples_are_the_same_rows_on_both_sides() -> None:
    frame = frame_of([(1, 1, None, "zz", None, None, False, None), (2, None, None, "a", None, None, True, None)])
    rules = [
        rule("foreign_key", "s", table="core.known", to_columns=["name"]),
        rule("condition", sql="b OR i > 1"),
        rule("in_set", "i", values=[1]),
        rule("unique", "s"),
    ]
    duck = Duck(stage__t=frame, core__known=references()["core.known"].collect())
    there = read_samples(rules, duck.query(sample_select(rules, "stage.t", booleans=["b"])))
    here = samples(frame.lazy(), rules, references())
    assert here == [[{"s": "zz"}], [{"b": False, "i": 1}], [{"i": 2}], []]
    assert there == [[{"s": "zz"}], [{"b": "false", "i": "1"}], [{"i": "2"}], []]


def test_samples_are_bounded() -> None:
    frame = pl.LazyFrame({"i": list(range(100))})
    [found] = samples(frame, [rule("in_set", "i", values=[-1])], most=20)
    assert len(found) == 20


def test_only_quarantine_rules_take_part_in_a_split() -> None:
    frame = pl.LazyFrame({"i": [1, None]})
    blocking = Rule("x", "not_null", ("i",), verdict="block")
    kept, rejected = split(frame, [blocking]).collect()
    assert_frame_equal(kept, frame.collect())
    assert rejected.is_empty()
    assert rejected.schema["broken_rules"] == pl.List(pl.String)


def test_more_rules_than_one_integer_has_bits() -> None:
    frame = pl.LazyFrame({"i": [1, 2]})
    rules = [
        Rule(f"r{n:03d}", "in_set", ("i",), {"values": [1, 2] if n % 5 else [1]}, verdict="quarantine")
        for n in range(200)
    ]
    kept, rejected = split(frame, rules).collect()
    assert kept["i"].to_list() == [1]
    assert rejected["broken_rules"].to_list() == [[r.id for n, r in enumerate(rules) if n % 5 == 0]]


def test_the_source_is_read_once() -> None:
    reads = []

    def source(frame: pl.DataFrame) -> pl.DataFrame:
        reads.append(frame.height)
        return frame

    frame = pl.LazyFrame({"i": [1, None, 1], "s": ["a", "b", "c"]}).map_batches(source)
    rules = [rule("not_null", "i"), rule("unique", "i"), rule("unique", "i", "s")]
    kept, rejected = split(frame, rules).collect()
    assert (kept.height, rejected.height, len(reads)) == (0, 3, 1)
    measure(frame, [*rules, rule("sql", query="SELECT SUM(i) FROM ${table}", min=0)])
    assert len(reads) == 2


def test_blank_text_of_a_raw_table_is_null() -> None:
    frame = pl.LazyFrame({"s": ["", " ", "x", None, "7"]})
    raw = [
        Rule("n", "not_null", ("s",), blank_is_null=True),
        Rule("p", "parses_as", ("s",), {"logical": "integer", "formats": []}, blank_is_null=True),
        Rule("c", "condition", (), {"sql": "s IS NOT NULL"}, blank_is_null=True),
        Rule("b", "between", ("s",), {"logical": "integer", "formats": [], "min": 8}, blank_is_null=True),
    ]
    found = {m.rule.id: (m.evaluated, m.failed) for m in measure(frame, raw)}
    assert found == {"n": (5, 3), "p": (2, 1), "c": (5, 3), "b": (1, 1)}


def test_a_rule_whose_column_is_missing_is_broken_even_by_an_empty_table() -> None:
    [found] = measure(pl.LazyFrame({"i": []}), [rule("not_null", "j")])
    assert not found.success
    assert found.observed == "no column j"
    with pytest.raises(Unsupported, match="no column j"):
        split(pl.LazyFrame({"i": [1]}), [rule("not_null", "j")])


def test_a_foreign_key_without_its_table_is_an_error() -> None:
    key = rule("foreign_key", "i", table="core.dim", to_columns=["i"])
    with pytest.raises(Unsupported, match=r"core\.dim"):
        measure(pl.LazyFrame({"i": [1]}), [key])


def test_a_query_over_other_tables_is_an_error_on_a_frame() -> None:
    with pytest.raises(Unsupported, match="cannot run this query"):
        measure(pl.LazyFrame({"i": [1]}), [rule("sql", query="SELECT COUNT(*) FROM core.other", min=0)])


def test_a_query_rule_is_exactly_one_query() -> None:
    for text in ("DROP TABLE x", "SELECT 1; SELECT 2", "SELECT COUNT(*) FROM t WHERE a < :run_at"):
        with pytest.raises(Unsupported):
            suite_select([rule("sql", query=text, min=0)], "stage.t")


def test_mostly_is_a_share_of_what_was_evaluated() -> None:
    frame = pl.LazyFrame({"i": [1, 1, 1, 2, None]})
    lenient = Rule("x", "in_set", ("i",), {"values": [1]}, mostly=0.75)
    strict = Rule("y", "in_set", ("i",), {"values": [1]}, mostly=0.76)
    assert [m.success for m in measure(frame, [lenient, strict])] == [True, False]


def test_nothing_is_promised_about_a_total_of_nothing() -> None:
    [found] = measure(
        pl.LazyFrame({"i": [None]}, schema={"i": pl.Int64}), [rule("aggregate", "i", function="sum", min=1)]
    )
    assert (found.evaluated, found.failed, found.success) == (0, 0, True)


def test_values_whose_hashes_collide_are_compared_as_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.Series, "hash", lambda self: pl.Series([0] * len(self), dtype=pl.UInt64))
    frame = pl.LazyFrame({"s": ["a", "b", None, "a", None], "i": [1, 1, 1, 2, 1]})
    counts = [m.failed for m in measure(frame, [rule("unique", "s"), rule("unique", "s", "i"), rule("unique", "i")])]
    assert counts == [2, 0, 4]
