"""One change log, in any order and any batching: clean tables, then every table made from them, to the last value."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from case_warehouse import CaseWarehouse, graph, in_order, registry
from change_log import PROVENANCE, Change, batches, deliver, logs
from hypothesis import given, note, settings
from hypothesis import strategies as st

from contracts.ids import TableId

Rows = dict[str, list[tuple[str, ...]]]
LAYERS = ("curated", "core", "mart")
TABLES = graph().order()
# A gate may hold back any table; it and its readers then lag behind the rest until the next run.
HELD = st.sampled_from([None, *(t for t in TABLES if any(u in TABLES for u in graph().upstream(t)))])


@pytest.fixture(scope="module")
def built() -> Iterator[CaseWarehouse]:
    """Every table of an empty shop, built once."""
    warehouse = CaseWarehouse()
    warehouse.build_all(full=True)
    yield warehouse
    warehouse.connection.close()


@pytest.fixture(scope="module")
def oracle() -> Iterator[CaseWarehouse]:
    """Takes the whole log in one batch."""
    warehouse = CaseWarehouse()
    yield warehouse
    warehouse.connection.close()


def clean_rows(warehouse: CaseWarehouse) -> Rows:
    """Clean tables without what says by which of several equal records a row came first."""
    found: Rows = {}
    for contract in registry().layer("clean"):
        load = contract.load
        told = {load.versioned_by, *load.sequence}
        names = [n for n in contract.names if n not in PROVENANCE or n in told]
        found[str(contract.table)] = in_order(warehouse.rows(str(contract.table), names))
    return found


def rows(warehouse: CaseWarehouse, table: TableId, *, stage: bool = False) -> list[tuple[str, ...]]:
    return in_order(warehouse.rows(table.stage if stage else str(table), registry()[table].names))


@settings(max_examples=30)
@given(data=st.data(), log=logs())
def test_any_order_and_any_batching_of_a_log_gives_what_a_full_build_gives(
    built: CaseWarehouse, oracle: CaseWarehouse, data: st.DataObject, log: list[Change]
) -> None:
    with built.undone(), oracle.undone():
        deliver(oracle, log)
        for number, batch in enumerate(data.draw(batches(log))):
            held = data.draw(HELD)
            note(f"batch {number}: {batch}; held: {held}")
            deliver(built, batch)
            built.build_waiting(blocked=[held] if held else [])
        built.build_waiting()
        assert clean_rows(built) == clean_rows(oracle)
        changed = graph().reach({TableId.parse(table) for table, _ in log}, down=True)
        for table in (t for t in TABLES if t in changed):
            assert not built.waits(table), table
            built.stage(table, full=True)
            assert rows(built, table) == rows(built, table, stage=True), table
