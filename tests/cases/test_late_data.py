"""Data that come late, early, twice or corrected: `late_data/*.yaml` tells a story in deliveries, each with its result.

After each delivery every table that waits is built as a run builds it, and keeps the rules that block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from case_warehouse import CaseWarehouse, graph, in_order, registry
from change_log import deliver

from contracts.ids import TableId
from expectations.predicates_sql import SuiteSelect, suite_select
from expectations.rules import rules_of

HERE = Path(__file__).parent / "late_data"
STEP = {"deliver", "duplicate", "touched", "broken", "expect", "answers"}
Counts = dict[str, dict[str, int]]


def read_stories() -> Iterator[Any]:
    for path in sorted(HERE.glob("*.yaml")):
        for story in yaml.safe_load(path.read_text(encoding="utf-8")):
            name = f"{path.stem}: {story['name']}"
            yield pytest.param(name, story["steps"], id=name)


@pytest.fixture(scope="module")
def built() -> Iterator[CaseWarehouse]:
    """Every table of an empty shop, built once."""
    warehouse = CaseWarehouse()
    warehouse.build_all(full=True)
    yield warehouse
    warehouse.connection.close()


@pytest.fixture
def warehouse(built: CaseWarehouse) -> Iterator[CaseWarehouse]:
    with built.undone():
        yield built


@cache
def suite(table: TableId) -> SuiteSelect:
    return suite_select(rules_of(registry()[table]), table.stage)


class Run:
    """One delivery and what it caused: duplicates per table, changed rows per table, the rules that were broken."""

    def __init__(self, warehouse: CaseWarehouse, delivery: Mapping[str, list[dict[str, Any]]]) -> None:
        self._warehouse = warehouse
        self.broken: set[str] = set()
        of_each = deliver(warehouse, [(table, row) for table, rows in delivery.items() for row in rows])
        self.duplicate = {table: count for table, count in of_each.items() if count}
        counts = warehouse.build_waiting(audit=self._audit)
        self.touched: Counts = {
            table: changed
            for table, of in counts.items()
            if (changed := {name.removesuffix("_count"): n for name, n in of.items() if n})
        }

    def _audit(self, table: TableId) -> None:
        _, measured, _ = suite(table).read(pl.DataFrame(self._warehouse.frame(suite(table).text)))
        failed = [m.rule for m in measured if not m.success]
        blocking = [rule.id for rule in failed if rule.verdict == "block"]
        assert blocking == [], f"{table} would be blocked"
        self.broken |= {rule.id for rule in failed}

    def touched_by_key(self) -> Counts:
        """Of the tables that are made anew whole, nobody can say which rows a change was meant for."""
        return {t: c for t, c in self.touched.items() if registry()[TableId.parse(t)].load.increment is not None}


def not_as_rebuilt(warehouse: CaseWarehouse) -> list[str]:
    """Tables whose rows are not those that a full build would make of the clean tables."""
    off = []
    for table in graph().order():
        names = registry()[table].names
        warehouse.stage(table, full=True)
        if in_order(warehouse.rows(str(table), names)) != in_order(warehouse.rows(table.stage, names)):
            off.append(str(table))
    return off


def tell(warehouse: CaseWarehouse, steps: list[dict[str, Any]]) -> list[Run]:
    """Every delivery of a story, each held against what the story says of it."""
    runs = []
    for number, step in enumerate(steps, 1):
        assert not step.keys() - STEP, f"step {number}: unknown key"
        run = Run(warehouse, step["deliver"])
        runs.append(run)
        assert run.duplicate == step.get("duplicate", {}), f"step {number}: duplicates"
        if "touched" in step:
            assert run.touched_by_key() == step["touched"], f"step {number}: rows that were touched"
        if "broken" in step:
            assert sorted(run.broken) == step["broken"], f"step {number}: rules that were broken"
        for name, expected in step.get("expect", {}).items():
            contract = registry()[TableId.parse(name)]
            columns = list(expected[0]) if expected else list(contract.names)
            found = in_order(warehouse.rows(name, columns))
            assert found == in_order(warehouse.typed(contract, row) for row in expected), f"step {number}: {name}"
        for answer in step.get("answers", ()):
            found = in_order(warehouse.run(answer["query"]))
            assert found == in_order(map(tuple, answer["rows"])), f"step {number}: {answer['query']}"
    return runs


@dataclass(frozen=True)
class Outcome:
    """What a story came to: per delivery the rows touched and the rules broken, and the rows of every table."""

    runs: list[tuple[Counts, set[str]]]
    rows: dict[TableId, list[tuple[str, ...]]]
    not_as_rebuilt: list[str]


_OUTCOMES: dict[str, Outcome] = {}


def outcome(warehouse: CaseWarehouse, story: str, steps: list[dict[str, Any]]) -> Outcome:
    """A story on DuckDB; each is told once in a session."""
    if story not in _OUTCOMES:
        with warehouse.undone():
            runs = [(run.touched, run.broken) for run in tell(warehouse, steps)]
            rows = all_rows(warehouse)
            _OUTCOMES[story] = Outcome(runs, rows, not_as_rebuilt(warehouse))
    return _OUTCOMES[story]


def all_rows(warehouse: CaseWarehouse) -> dict[TableId, list[tuple[str, ...]]]:
    """The rows of every computed table."""
    return {table: in_order(warehouse.rows(str(table), registry()[table].names)) for table in graph().tables}


@pytest.mark.parametrize(("story", "steps"), list(read_stories()))
def test_story(built: CaseWarehouse, story: str, steps: list[dict[str, Any]]) -> None:
    assert outcome(built, story, steps).not_as_rebuilt == []


def test_a_late_event_moves_the_cuts_of_a_visit_without_pauses(warehouse: CaseWarehouse) -> None:
    start, half_hour = datetime(2026, 1, 5, 9), timedelta(minutes=30)
    walk = [{"event_id": f"E{n:03}", "visitor_id": "V1", "event_at": start + n * half_hour} for n in range(1, 146)]
    Run(warehouse, {"clean.web_events": [*walk, {"event_id": "F", "visitor_id": "V2", "event_at": start}]})
    cuts = "SELECT started_at, event_count FROM core.fact_sessions WHERE visitor_id = 'V1' ORDER BY 1"
    assert warehouse.run(cuts) == [(start + half_hour, 144), (start + half_hour + timedelta(days=3), 1)]
    late = Run(warehouse, {"clean.web_events": [{"event_id": "E000", "visitor_id": "V1", "event_at": start}]})
    assert warehouse.run(cuts) == [(start, 144), (start + timedelta(days=3), 2)]
    assert late.touched["curated.web_sessions"] == late.touched["core.fact_sessions"] == {"inserted": 2, "deleted": 2}


def test_customers_who_all_come_late_with_their_histories_are_completed_not_refused(warehouse: CaseWarehouse) -> None:
    at = datetime(2026, 1, 5, 9)
    ids = [f"C{n:03}" for n in range(120)]
    Run(warehouse, {"clean.orders": [{"order_id": f"O{c}", "customer_id": c, "ordered_at": at} for c in ids]})
    tiers = {"silver": at - timedelta(days=9), "gold": at + timedelta(days=9)}
    history = [{"customer_id": c, "loyalty_tier": tier, "updated_at": day} for c in ids for tier, day in tiers.items()]
    run = Run(warehouse, {"clean.customers": history})
    assert run.touched["core.dim_customer"] == {"inserted": 120, "updated": 120}
