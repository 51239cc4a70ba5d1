"""The ledger: rows that are unaccounted for are refused before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any

import pytest

from contracts.registry import Registry
from sql import ddl
from tasks import ledger
from tasks.ledger import Entry, LedgerImbalance
from tasks.warehouse.duckdb import DuckDBWarehouse

LOADED = Entry(
    batch_id="b1",
    run_id="r1",
    source="shop",
    table_name="raw.orders",
    delivery_date=date(2026, 1, 5),
    file_name="orders.csv.gz",
    content_hash="c" * 64,
    bytes=100,
    delivered_rows=10,
    loaded_rows=6,
    duplicate_rows=2,
    quarantined_rows=1,
    excluded_rows=1,
    status="loaded",
    error=None,
    contract_version="1.0.0",
    loaded_at=datetime(2026, 1, 6, 3),
)
NOTHING = dict.fromkeys(("delivered_rows", "loaded_rows", "duplicate_rows", "quarantined_rows", "excluded_rows"), 0)
REJECTED = replace(LOADED, status="rejected", error="orders.csv.gz: the file is empty", **NOTHING)


@pytest.fixture
def warehouse() -> Iterator[DuckDBWarehouse]:
    contracts = [c for c in Registry.read().values() if str(c.table) == ledger.TABLE]
    with DuckDBWarehouse(None) as opened:
        for statement in ddl.create_all(contracts):
            opened.execute(statement)
        yield opened


def entries(warehouse: DuckDBWarehouse) -> list[dict[str, Any]]:
    return warehouse.query(f"SELECT * FROM {ledger.TABLE} ORDER BY batch_id").to_dicts()


def test_an_entry_is_written_as_it_is(warehouse: DuckDBWarehouse) -> None:
    ledger.record(warehouse, LOADED)
    assert entries(warehouse) == [asdict(LOADED)]


@pytest.mark.parametrize(
    "column", ["delivered_rows", "loaded_rows", "duplicate_rows", "quarantined_rows", "excluded_rows", "discarded_rows"]
)
def test_rows_unaccounted_for_are_refused_and_what_stands_is_left_alone(
    warehouse: DuckDBWarehouse, column: str
) -> None:
    ledger.record(warehouse, REJECTED)
    with pytest.raises(LedgerImbalance, match=r"raw\.orders, file orders\.csv\.gz: \d+ rows delivered but \d+ loaded"):
        ledger.record(warehouse, replace(LOADED, **{column: getattr(LOADED, column) + 1}))
    assert entries(warehouse) == [asdict(REJECTED)]


def test_what_the_ledger_says_of_a_batch_is_the_entry_and_no_count_of_discarded_rows_is_none(
    warehouse: DuckDBWarehouse,
) -> None:
    some = replace(LOADED, delivered_rows=13, discarded_rows=3)
    ledger.record(warehouse, some)
    assert ledger.entry_of(warehouse, "b1") == some
    assert ledger.entry_of(warehouse, "b2") is None
    warehouse.execute(f"UPDATE {ledger.TABLE} SET discarded_rows = NULL")
    assert ledger.entry_of(warehouse, "b1") == replace(some, discarded_rows=0)


def test_the_newest_delivery_is_the_last_that_was_loaded(warehouse: DuckDBWarehouse) -> None:
    assert ledger.newest_delivery(warehouse) is None
    ledger.record(warehouse, LOADED)
    ledger.record(warehouse, replace(REJECTED, batch_id="b2", delivery_date=date(2026, 1, 9)))
    assert ledger.newest_delivery(warehouse) == date(2026, 1, 5)


def test_a_loaded_batch_takes_the_place_of_its_rejection(warehouse: DuckDBWarehouse) -> None:
    ledger.record(warehouse, REJECTED)
    ledger.record(warehouse, replace(LOADED, batch_id="b2"))
    ledger.record(warehouse, LOADED)
    assert [(e["batch_id"], e["status"]) for e in entries(warehouse)] == [("b1", "loaded"), ("b2", "loaded")]


def test_a_rejection_is_known_by_its_reason_however_long(warehouse: DuckDBWarehouse) -> None:
    long = replace(REJECTED, error="x" * 5000)
    assert not ledger.is_rejected_as(warehouse, long)
    ledger.record(warehouse, long)
    assert ledger.is_rejected_as(warehouse, long)
    assert not ledger.is_rejected_as(warehouse, REJECTED)
    ledger.record(warehouse, LOADED)
    assert not ledger.is_rejected_as(warehouse, replace(LOADED, error=None))


def test_only_loaded_batches_count_as_loaded(warehouse: DuckDBWarehouse) -> None:
    ledger.record(warehouse, LOADED)
    ledger.record(warehouse, replace(REJECTED, batch_id="b2"))
    assert ledger.loaded(warehouse, ["b1", "b2", "b3"]) == {"b1"}
    assert ledger.loaded(warehouse, []) == set()


def test_a_tables_loaded_batches_come_oldest_delivery_first(warehouse: DuckDBWarehouse) -> None:
    days = {"b3": 5, "b1": 7, "b2": 5}
    for batch, day in days.items():
        ledger.record(warehouse, replace(LOADED, batch_id=batch, delivery_date=date(2026, 1, day)))
    ledger.record(warehouse, replace(LOADED, batch_id="b4", table_name="raw.payments"))
    ledger.record(warehouse, replace(REJECTED, batch_id="b5"))
    found = ledger.loaded_batches_of(warehouse, "raw.orders")
    assert found == [("b2", date(2026, 1, 5)), ("b3", date(2026, 1, 5)), ("b1", date(2026, 1, 7))]
