"""SCD2 against an oracle in plain Python: any order and any batching of one change log gives one dimension."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sql_harness import Bench, contract

from contracts.ids import TableId
from sql import scd2
from sql.dialect import SqlError, to_duckdb

FIRST, OPEN = datetime(1900, 1, 1), datetime(9999, 12, 31)
LOG = contract(
    "clean.customers",
    """
    customer_id varchar(8) key
    updated_at timestamp key
    row_hash varchar(32) key
    city varchar(9)
    tier varchar(9)
    email varchar(9)
    is_deleted boolean
    """,
    {"strategy": "append"},
)
LOAD = {
    "strategy": "scd2",
    "effective": "changed_at",
    "sequence": ["row_hash"],
    "tracked": ["city", "tier"],
    "overwrite": ["email"],
    "increment": {"key": "customer_id", "from": {"clean.customers": "customer_id"}},
}
COLUMNS = """
    customer_key bigint key
    customer_id varchar(8) required
    city varchar(9)
    tier varchar(9)
    email varchar(9)
    effective_from timestamp required
    effective_to timestamp required
    is_current boolean required
"""
DIM = contract("core.dim_customer", COLUMNS, LOAD)
SELECT = "SELECT customer_id, updated_at AS changed_at, row_hash, city, tier, email FROM clean.customers"
WITH_DELETES = SELECT.replace("email", "email, is_deleted")
TEXT = {"core.dim_customer": SELECT}


class Change(NamedTuple):
    customer_id: str
    updated_at: datetime
    row_hash: str
    city: str | None
    tier: str | None
    email: str | None
    is_deleted: bool | None = None


Version = tuple[int, str, str | None, str | None, str | None, datetime, datetime, bool]


def oracle(log: list[Change], deletes: str = "keep") -> list[Version]:
    """What the dimension must be, told without SQL."""
    by_key: dict[str, dict[datetime, Change]] = defaultdict(dict)
    for change in log:
        if change.is_deleted and deletes == "keep":
            continue
        standing = by_key[change.customer_id].get(change.updated_at)
        if standing is None or change.row_hash > standing.row_hash:
            by_key[change.customer_id][change.updated_at] = change
    out: list[Version] = []
    for key, instants in by_key.items():
        intervals: list[tuple[Change, datetime, datetime]] = []
        open_: Change | None = None
        since, email = FIRST, None
        for at in sorted(instants):
            change = instants[at]
            if not change.is_deleted:
                email = change.email
            if open_ is not None and (change.is_deleted or change[3:5] != open_[3:5]):
                intervals.append((open_, since, at))
                open_ = None
            if open_ is None and not change.is_deleted:
                open_, since = change, at if intervals else FIRST
            if change.is_deleted and deletes == "close":
                break
        if open_ is not None:
            intervals.append((open_, since, OPEN))
        for change, start, end in intervals:
            text = f"{key}|{start.year:04}-{start.month:02}-{start.day:02} {start.strftime('%H:%M:%S.%f')}"
            surrogate = int(hashlib.md5(text.encode()).hexdigest()[:15], 16)
            out.append((surrogate, key, change.city, change.tier, email, start, end, end == OPEN))
    return sorted(out, key=lambda v: (v[1], v[5]))


VALUES = st.sampled_from(["x", "", None])
INSTANTS = [datetime(2024, 1, day, 12, 30, 0, micro) for day, micro in ((1, 0), (2, 1), (2, 2), (3, 0))]


@st.composite
def logs(draw: st.DrawFn, *, deleted: tuple[bool | None, ...] = (None,)) -> list[Change]:
    """Up to ten changes of two keys at four instants; (key, instant, hash) is unique, as in the clean layer."""
    drawn = draw(
        st.lists(
            st.builds(
                Change,
                st.sampled_from(["a", "b"]),
                st.sampled_from(INSTANTS),
                st.sampled_from(["h1", "h2"]),
                VALUES,
                VALUES,
                VALUES,
                st.sampled_from(deleted),
            ),
            max_size=10,
        )
    )
    return list({change[:3]: change for change in drawn}.values())


_BENCHES: dict[str, Bench] = {}


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench([LOG, DIM], TEXT)


@pytest.fixture(scope="module")
def on_redshift(redshift_bench: Callable[..., Bench]) -> Bench:
    return redshift_bench([LOG, DIM], TEXT)


def emptied(bench: Bench) -> Bench:
    for table in (LOG.table, DIM.table, DIM.table.pending, DIM.table.taken):
        bench.run(f"DELETE FROM {table}")
    return bench


def dimension(bench: Bench) -> list[Version]:
    return bench.rows("core.dim_customer", order="customer_id, effective_from")


def versions_of(bench: Bench, log: list[Change]) -> list[Version]:
    """The wrapped SELECT over a log, nothing else."""
    emptied(bench).insert("clean.customers", log)
    select = to_duckdb(scd2.versions(bench.graph.select(DIM.table), DIM))
    rows: list[Version] = bench.connection.execute(f"SELECT * FROM ({select}) AS v ORDER BY 2, 6").fetchall()
    return rows


@settings(max_examples=150, deadline=None, derandomize=True)
@given(log=logs(), data=st.data())
def test_any_order_of_a_log_gives_what_the_oracle_says(bench: Bench, log: list[Change], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(log))
    assert versions_of(bench, shuffled) == oracle(log)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(log=logs(), data=st.data())
def test_any_batching_gives_the_same_dimension_as_a_full_rebuild(
    bench: Bench, log: list[Change], data: st.DataObject
) -> None:
    check_batching(bench, log, data)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(log=logs(), data=st.data())
def test_any_batching_on_redshift_gives_the_same_dimension_as_a_full_rebuild(
    on_redshift: Bench, log: list[Change], data: st.DataObject
) -> None:
    check_batching(on_redshift, log, data)


def check_batching(bench: Bench, log: list[Change], data: st.DataObject) -> None:
    emptied(bench)
    rest = data.draw(st.permutations(log))
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        bench.load("clean.customers", rest[:size])
        bench.build("core.dim_customer")
        rest = rest[size:]
    built = dimension(bench)
    assert built == oracle(log)
    assert bench.build("core.dim_customer", full=True) == dict.fromkeys(
        ("inserted_count", "updated_count", "deleted_count"), 0
    )
    assert dimension(bench) == built


@settings(max_examples=60, deadline=None, derandomize=True)
@given(log=logs())
def test_a_history_has_no_gap_no_overlap_and_one_current_row(bench: Bench, log: list[Change]) -> None:
    rows = versions_of(bench, log)
    by_key: dict[str, list[Version]] = defaultdict(list)
    for row in rows:
        by_key[row[1]].append(row)
    assert set(by_key) == {change.customer_id for change in log}
    assert len({row[0] for row in rows}) == len(rows)
    for history in by_key.values():
        assert history[0][5] == FIRST
        assert [v[7] for v in history] == [False] * (len(history) - 1) + [True]
        assert [v[6] for v in history] == [*(v[5] for v in history[1:]), OPEN]
        assert all(v[5] < v[6] for v in history)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_of_changes_at_one_instant_the_one_delivered_last_counts_whatever_came_first(data: st.DataObject) -> None:
    """A row that is delivered again is no later word than it was: the first delivery of it counts."""
    delivered = st.tuples(st.sampled_from(["x", "y", "z"]), st.integers(1, 3), st.integers(1, 3))
    rows = data.draw(st.lists(delivered, min_size=1, max_size=6, unique_by=lambda row: row[1:]))
    first: dict[str, tuple[int, int]] = {}
    for city, day, line in rows:
        first[city] = min(first.get(city, (day, line)), (day, line))
    bench = _BENCHES.setdefault("delivered", Bench([_DELIVERED, _BY_DELIVERY], {"core.dim_customer": _DELIVERIES}))
    emptied(bench)
    rest = data.draw(st.permutations([("a", INSTANTS[0], city, day, line) for city, day, line in rows]))
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        # A file's own doubles have left before it is staged.
        batch = {row[2]: row for row in sorted(rest[:size], key=lambda row: row[3:], reverse=True)}
        bench.load("clean.customers", batch.values())
        bench.build("core.dim_customer")
        rest = rest[size:]
    assert bench.rows("clean.customers", "row_hash, delivery_day, source_line") == sorted(
        (city, *at) for city, at in first.items()
    )
    assert bench.rows("core.dim_customer", "city") == [(max(first, key=first.__getitem__),)]


_DELIVERED = contract(
    "clean.customers",
    """
    customer_id varchar(8) key
    updated_at timestamp key
    row_hash varchar(32) key
    delivery_day integer required
    source_line integer required
    """,
    {"strategy": "append", "sequence": ["delivery_day", "source_line"]},
)
_BY_DELIVERY = contract(
    "core.dim_customer",
    """
    customer_key bigint key
    customer_id varchar(8) required
    city varchar(9)
    effective_from timestamp required
    effective_to timestamp required
    is_current boolean required
    """,
    {**LOAD, "sequence": ["delivery_day", "source_line", "row_hash"], "tracked": ["city"], "overwrite": []},
)
_DELIVERIES = (
    "SELECT customer_id, updated_at AS changed_at, delivery_day, source_line, row_hash, row_hash AS city "
    "FROM clean.customers"
)


@pytest.mark.parametrize("then", ["keep", "close", "reopen"])
@settings(max_examples=15, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_deletion_ends_a_key_as_the_contract_says(data: st.DataObject, then: str) -> None:
    history = contract("core.dim_customer", COLUMNS, {**LOAD, "deletes": {"column": "is_deleted", "then": then}})
    bench = _BENCHES.setdefault(then, Bench([LOG, history], {"core.dim_customer": WITH_DELETES}))
    log = data.draw(logs(deleted=(None, False, True)))
    rest = data.draw(st.permutations(log))
    emptied(bench)
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        bench.load("clean.customers", rest[:size])
        bench.build("core.dim_customer")
        rest = rest[size:]
    assert dimension(bench) == oracle(log, then)
    assert not any(bench.build("core.dim_customer", full=True).values())


def test_of_several_rows_at_one_instant_without_sequence_the_greatest_counts_whatever_the_order(bench: Bench) -> None:
    loose = contract("core.dim_customer", COLUMNS, {**LOAD, "sequence": []})
    at = INSTANTS[0]
    rows = [Change("a", at, h, c, None, e) for h, c, e in (("1", "x", "p"), ("2", "y", None), ("3", "y", "q"))]
    found = set()
    for order in (rows, rows[::-1], [rows[1], rows[2], rows[0]]):
        emptied(bench).insert("clean.customers", order)
        select = to_duckdb(scd2.versions(bench.graph.select(DIM.table), loose))
        found.add(bench.connection.execute(f"SELECT city, email FROM ({select}) AS v").fetchone())
    assert found == {("y", "q")}


def test_a_row_without_its_place_in_the_sequence_comes_before_those_that_have_one(bench: Bench) -> None:
    by_email = contract("core.dim_customer", COLUMNS, {**LOAD, "sequence": ["email"]})
    emptied(bench).insert(
        "clean.customers", [Change("a", INSTANTS[0], h, h, None, e) for h, e in (("y", None), ("x", "p"))]
    )
    select = to_duckdb(scd2.versions(bench.graph.select(DIM.table), by_email))
    assert bench.connection.execute(f"SELECT city, email FROM ({select}) AS v").fetchall() == [("x", "p")]


def test_the_first_opening_instant_is_a_parameter(bench: Bench) -> None:
    emptied(bench).insert("clean.customers", [Change("a", INSTANTS[0], "h", "x", None, None)])
    select = scd2.versions(bench.graph.select(DIM.table), DIM, first_open="2000-02-03 00:00:00")
    row = bench.connection.execute(to_duckdb(select)).fetchone()
    assert row is not None
    assert row[5] == datetime(2000, 2, 3)


def test_a_source_without_change_instants_is_compared_delivery_by_delivery(bench: Bench) -> None:
    by_day = contract("core.dim_customer", COLUMNS, {**LOAD, "sequence": [], "effective": "delivery_date"})
    text = "SELECT customer_id, CAST(updated_at AS DATE) AS delivery_date, city, tier, email FROM clean.customers"
    days = [datetime(2024, 1, day) for day in (1, 2, 3)]
    log = [Change("a", at, "h", city, None, None) for at, city in zip(days, ("x", "x", "y"), strict=True)]
    delivered = Bench([LOG, by_day], {"core.dim_customer": text})
    for change in log:
        delivered.load("clean.customers", [change])
        delivered.build("core.dim_customer")
    assert [row[2:3] + row[5:7] for row in dimension(delivered)] == [("x", FIRST, days[2]), ("y", days[2], OPEN)]


def test_an_inferred_member_has_the_key_of_the_first_version(bench: Bench) -> None:
    [version] = versions_of(bench, [Change("a", INSTANTS[2], "h", "x", None, None)])
    key = scd2.surrogate("'a'", is_text=True, at=f"CAST('{scd2.FIRST_OPEN}' AS TIMESTAMP)")
    assert bench.run(f"SELECT {key} AS customer_key") == [(version[0],)]


def test_an_integer_durable_key_is_hashed_as_its_digits(bench: Bench) -> None:
    key = scd2.surrogate("42", is_text=False, at="CAST('1900-01-01' AS TIMESTAMP)")
    digest = hashlib.md5(b"42|1900-01-01 00:00:00.000000").hexdigest()
    assert bench.run(f"SELECT {key} AS customer_key") == [(int(digest[:15], 16),)]


def test_ctes_of_the_log_stay_usable(bench: Bench) -> None:
    emptied(bench).insert("clean.customers", [Change("a", INSTANTS[0], "h", "x", None, None)])
    text = (
        "WITH recent AS (SELECT customer_id, updated_at, row_hash, city, tier, email FROM clean.customers) "
        "SELECT customer_id, updated_at AS changed_at, row_hash, city, tier, email FROM recent "
        "UNION ALL SELECT customer_id, updated_at, row_hash, city, tier, email FROM recent"
    )
    nested = Bench([LOG, DIM], {"core.dim_customer": text})
    nested.load("clean.customers", [Change("a", INSTANTS[0], "h", "x", None, None)])
    nested.build("core.dim_customer")
    assert len(dimension(nested)) == 1


@pytest.mark.parametrize(
    ("columns", "load", "fault"),
    [
        (COLUMNS.replace("tier", "rank"), {**LOAD, "tracked": ["city"]}, "column rank is neither"),
        (COLUMNS.replace("    is_current boolean required\n", ""), LOAD, "a history has the column is_current"),
        (COLUMNS.replace("varchar(8) required", "varchar(8) key"), LOAD, "one surrogate key"),
        (COLUMNS, {**LOAD, "overwrite": ["email", "city"]}, "both tracked and overwritten"),
        (COLUMNS, {k: v for k, v in LOAD.items() if k != "increment"}, "its key is the durable key"),
    ],
)
def test_a_contract_that_is_no_history_is_refused(columns: str, load: dict[str, object], fault: str) -> None:
    wrong = contract("core.dim_customer", columns, load)
    with pytest.raises(SqlError, match=fault):
        scd2.versions(Bench([LOG, DIM], TEXT).graph.select(TableId.parse("core.dim_customer")), wrong)
