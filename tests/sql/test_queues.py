"""Whom a change of a history wakes: every two histories of four instants, against what a reader finds in each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise, product

import polars as pl
import pytest
from sql_harness import Bench
from test_merge_history import CUSTOMERS, DIM, FACT, HISTORY, VISITS

from sql import ddl
from sql.queues import enqueue

INSTANTS = [datetime(2024, 1, day) for day in (1, 2, 3, 4)]
Version = tuple[datetime, datetime, str]


def histories() -> Iterator[tuple[Version, ...]]:
    """All rows of versions, with and without gaps, of two cities."""
    spans = [(a, b) for a in INSTANTS for b in INSTANTS if a < b]
    for chosen in product((False, True), repeat=len(spans)):
        rows = [span for span, is_in in zip(spans, chosen, strict=True) if is_in]
        if all(before[1] <= after[0] for before, after in pairwise(rows)):
            for cities in product("xy", repeat=len(rows)):
                yield tuple((a, b, city) for (a, b), city in zip(rows, cities, strict=True))


def found(history: tuple[Version, ...], instant: datetime) -> tuple[datetime, str] | None:
    """Opening and city of the version at an instant."""
    return next(((a, city) for a, b, city in history if a <= instant < b), None)


def versions(key: str, history: tuple[Version, ...]) -> list[tuple[object, ...]]:
    last = history[-1:]
    return [(0, key, city, "e", a, b, (a, b, city) in last) for a, b, city in history]


@pytest.fixture
def bench() -> Bench:
    return Bench([CUSTOMERS, DIM, VISITS, FACT], HISTORY)


def woken(bench: Bench, changes: str, rows: list[tuple[object, ...]], keys: list[str], *, first: bool) -> set[str]:
    """The visits that are queued, named `<customer> <number of the instant>`, of one at each instant."""
    names = [*DIM.names, *([] if first else ["change_image"])]
    images = pl.DataFrame(rows, schema=names, orient="row")
    visits = pl.DataFrame(
        [(f"{key} {n}", key, instant) for key in keys for n, instant in enumerate(INSTANTS)],
        schema=["visit_id", "customer_id", "visited_at"],
        orient="row",
    )
    assert (len(images), len(visits)) == (len(rows), len(keys) * len(INSTANTS))
    bench.connection.execute(f"INSERT INTO {changes} BY NAME SELECT * FROM images")
    bench.connection.execute("INSERT INTO core.fact_visits BY NAME SELECT * FROM visits")
    for statement in enqueue(DIM, bench.registry, bench.graph, changes, (), first=first):
        bench.run(statement.sql)
    return {key for (key,) in bench.rows(FACT.table.pending)}


def test_a_change_wakes_the_facts_that_find_another_version(bench: Bench) -> None:
    all_histories = list(histories())
    pairs = {f"{i}/{j}": (a, b) for i, a in enumerate(all_histories) for j, b in enumerate(all_histories)}
    bench.run(ddl.create_changes(DIM))
    rows = []
    for key, (before, after) in pairs.items():
        old, new = versions(key, before), versions(key, after)
        rows += [(*row, "before") for row in old if row not in new]
        rows += [(*row, "after") for row in new if row not in old]
    expected = {
        f"{key} {n}"
        for key, (before, after) in pairs.items()
        for n, instant in enumerate(INSTANTS)
        if found(before, instant) != found(after, instant)
    }
    assert woken(bench, DIM.table.changes, rows, list(pairs), first=False) == expected


def test_a_first_load_wakes_the_facts_that_find_a_version(bench: Bench) -> None:
    known = {str(i): history for i, history in enumerate(histories())}
    rows = [row for key, history in known.items() for row in versions(key, history)]
    rows = [(n, *row[1:]) for n, row in enumerate(rows)]
    expected = {f"{key} {n}" for key, one in known.items() for n, at in enumerate(INSTANTS) if found(one, at)}
    assert woken(bench, str(DIM.table), rows, list(known), first=True) == expected
