"""A table that holds nothing is filled itself, in one transaction with its audit: what is refused leaves it empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hand_made import DAY, contract
from house_of_things import House
from small_shop import load_day

from tasks.report import RunReport
from tasks.warehouse.duckdb import DuckDBWarehouse

COUNTED = [{"name": "colour", "key": 1}, {"name": "thing_count", "type": "bigint", "required": True}]
BY_COLOUR = {"strategy": "upsert", "increment": {"key": "colour", "from": {"clean.things": "colour"}}}
SELECT = "SELECT\n    colour,\n    {count} AS thing_count\nFROM clean.things\nGROUP BY colour\n"
WHOLE = SELECT.format(count="COUNT(thing_id)")
LINES = ("a,red,1,2026-01-05T10:00:00Z", "b,blue,2,2026-01-05T10:00:00Z", "c,blue,3,2026-01-05T10:00:00Z")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def make(house: House, select: str, **promised: Any) -> None:
    contract(house.root, "core.colour", COUNTED, load=BY_COLOUR, **promised)
    (house.root / "sql" / "core" / "colour.sql").write_text(select)


def run(house: House) -> RunReport:
    house.deliver(0, *LINES)
    space = house.open()
    try:
        return load_day(space, DAY)
    finally:
        space.close()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the warehouse, in order."""
    sent: list[str] = []
    for name in ("_begin", "_native"):
        whole = getattr(DuckDBWarehouse, name)

        def noted(self: DuckDBWarehouse, *given: Any, _whole: Any = whole) -> None:
            sent.append(given[0] if given else "BEGIN")
            _whole(self, *given)

        monkeypatch.setattr(DuckDBWarehouse, name, noted)
    return sent


def test_each_row_is_written_once_and_one_key_waits_for_what_was_never_built(
    house: House, statements: list[str]
) -> None:
    make(house, WHOLE)
    assert run(house).failures == []
    assert house.counted() == {"red": 1, "blue": 2}
    for table in ("clean.things", "core.colour"):
        assert len([s for s in statements if s.startswith(f"INSERT INTO {table} ")]) == 1
    assert not [s for s in statements if "stage.clean__things" in s or "stage.core__colour" in s]
    [told] = [s for s in statements if s.startswith("INSERT INTO stage.pending__core__colour")]
    assert told.endswith("LIMIT 1")


def test_later_rows_go_by_the_stage_and_queue_the_keys_of_what_is_built(house: House, statements: list[str]) -> None:
    make(house, WHOLE)
    assert run(house).failures == []
    statements.clear()
    house.run(1, "d,red,4,2026-01-06T10:00:00Z")
    assert house.counted() == {"red": 2, "blue": 2}
    assert [s for s in statements if s.startswith("INSERT INTO stage.pending__core__colour")]
    assert [s for s in statements if s.startswith("INSERT INTO stage.clean__things")]


def test_what_a_constraint_refuses_is_told_by_the_rule_with_its_rows(house: House) -> None:
    make(house, SELECT.format(count="NULLIF(COUNT(thing_id), 1)"))
    [failure] = run(house).failures
    assert failure.what == "gate-blocked"
    for word in ("thing_count", "not_null", "1 of 2"):
        assert word in str(failure)
    assert house.counted() == {}
    make(house, WHOLE)
    assert run(house).failures == []
    assert house.counted() == {"red": 1, "blue": 2}


def test_what_the_audit_blocks_leaves_the_table_empty_until_it_is_mended(house: House) -> None:
    few = [
        {"id": "few", "type": "sql", "query": "SELECT MAX(thing_count) FROM ${table}", "mustBe": 1,
         "dimension": "accuracy", "description": "few"}
    ]  # fmt: skip
    make(house, WHOLE, quality=few)
    [failure] = run(house).failures
    assert (failure.what, failure.rule) == ("gate-blocked", "core.colour.few")
    assert house.counted() == {}
    make(house, WHOLE)
    assert run(house).failures == []
    assert house.counted() == {"red": 1, "blue": 2}
