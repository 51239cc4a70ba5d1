"""The cases of a table against another SELECT than its own, in this process: what was transpiled once stays at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType

import case_warehouse
import pytest
import test_calendar
import test_cases
import test_lookups
import test_movement_kinds
import test_sessions

from contracts.ids import TableId
from sql.graph import Graph

# Tests of a table besides its cases.
OF = {
    test_sessions.SESSIONS: test_sessions,
    test_movement_kinds.DAILY: test_movement_kinds,
    test_calendar.CALENDAR: test_calendar,
}
MODULES: tuple[ModuleType, ...] = (case_warehouse, test_cases, test_lookups, *OF.values())
MORE: dict[TableId, list[Callable[[], None]]] = {
    **{table: [t for name, t in vars(of).items() if name.startswith("test_")] for table, of in OF.items()},
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
    """Each further test of the table, which tells more at once, and each of its cases."""
    yield from MORE.get(table, ())
    for of, case in test_cases.CASES:
        if of == table:
            yield lambda case=case: test_cases.test_case(table, case)
