"""The cases of a table against another SELECT than its own, in this process: what was transpiled once stays at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType

import case_warehouse
import pytest
import test_cases
import test_lookups
import test_movement_kinds
import test_sessions

from contracts.ids import TableId
from sql.graph import Graph

# Tests of a table besides its cases.
MODULES: tuple[ModuleType, ...] = (case_warehouse, test_cases, test_lookups, test_movement_kinds, test_sessions)
MORE: dict[TableId, list[Callable[[], None]]] = {
    test_sessions.SESSIONS: [test for name, test in vars(test_sessions).items() if name.startswith("test_")],
    test_movement_kinds.DAILY: [t for name, t in vars(test_movement_kinds).items() if name.startswith("test_")],
    **{TableId.parse(fact): [partial(test_lookups.check, fact)] for fact in test_lookups.FACTS},
}


def is_killed(table: TableId, text: str) -> bool:
    """Whether a test of the table notices that its SELECT is `text`."""
    own = case_warehouse.graph()
    try:
        graph = Graph({t: text if t == table else own.text(t) for t in own.tables})
    except Exception:
        return True
    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES:
            patch.setattr(module, "graph", lambda: graph)
        for test in tests_of(table):
            try:
                test()
            except Exception:
                return True
    return False


def tests_of(table: TableId) -> Iterator[Callable[[], None]]:
    """Each case of the table, and each further test."""
    for of, case in test_cases.CASES:
        if of == table:
            yield lambda case=case: test_cases.test_case(table, case)
    yield from MORE.get(table, ())
