"""Given rows, expected rows: every `tests/cases/<layer>/<table>.yaml` against the SELECT of that table on DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from case_warehouse import CaseWarehouse, graph, in_order, registry

from contracts.ids import TableId
from sql.graph import SQL_LAYERS

HERE = Path(__file__).parent


def read_cases() -> Iterator[tuple[TableId, dict[str, Any]]]:
    for path in sorted(p for layer in SQL_LAYERS for p in (HERE / layer).glob("*.yaml")):
        table = TableId(path.parent.name, path.stem)
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            yield table, case


CASES = list(read_cases())


@pytest.mark.parametrize(("table", "case"), CASES, ids=[f"{t}: {c['name']}" for t, c in CASES])
def test_case(table: TableId, case: dict[str, Any]) -> None:
    assert not case.keys() - {"name", "given", "where", "expect"}, f"unknown key in case {case['name']!r}"
    contract, read = registry()[table], graph().upstream(table)
    given = {TableId.parse(name): rows for name, rows in (case["given"] or {}).items()}
    assert not given.keys() - read, f"{table} does not read {sorted(map(str, given.keys() - read))}"

    warehouse = CaseWarehouse(read)
    for name, rows in given.items():
        warehouse.insert(str(name), registry()[name], rows)
    expected: list[dict[str, Any]] = case["expect"]
    columns = list(expected[0]) if expected else list(contract.names)
    assert all(list(row) == columns for row in expected), "each expected row names the same columns in the same order"

    found = warehouse.select(table, columns, where=case.get("where", "TRUE"))
    assert in_order(found) == in_order(warehouse.typed(contract, row) for row in expected)


def test_every_computed_table_has_cases() -> None:
    assert {t for t, _ in CASES} == set(graph().tables)


def test_names_of_cases_are_unique_within_their_table() -> None:
    names = [(t, c["name"]) for t, c in CASES]
    assert len(names) == len(set(names))
