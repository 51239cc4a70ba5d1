"""Which tests belong to which file: a mutant is held against these, in this order, the quick ones first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PYTHON = {
    "sql/scd2.py": ["tests/sql/test_rendered.py", "tests/sql/test_merge_history.py", "tests/sql/test_scd2.py"],
    "sql/merge.py": [
        "tests/sql/test_rendered.py",
        "tests/sql/test_merge.py",
        "tests/sql/test_merge_history.py",
        "tests/sql/test_restate.py",
        "tests/sql/test_incremental_equals_full.py",
    ],
    "sql/increment.py": [
        "tests/sql/test_increment.py",
        "tests/sql/test_lint.py",
        "tests/sql/test_incremental_equals_full.py",
    ],
    "sql/queues.py": [
        "tests/sql/test_queues.py",
        "tests/sql/test_rendered.py",
        "tests/sql/test_merge_history.py",
        "tests/sql/test_merge.py",
        "tests/sql/test_incremental_equals_full.py",
    ],
    "sql/restate.py": ["tests/sql/test_restate.py"],
    "tasks/batches.py": ["tests/tasks/test_batches.py", "tests/tasks/test_status.py"],
    "tasks/ledger.py": ["tests/tasks/test_ledger.py", "tests/tasks/test_backfill.py"],
    "tasks/load.py": [
        "tests/tasks/test_redefinition.py",
        "tests/tasks/test_backfill.py",
        "tests/tasks/test_rebuild.py",
    ],
}
# A mutant of a SELECT is held against the cases of its table (`cases_of.py`), not against `test_increments.py`: that
# holds the increments of a SELECT against its own full build.
SQL_LAYERS = ("curated", "core")


def selects(root: Path) -> Iterator[str]:
    """The SELECTs that are mutated."""
    for layer in SQL_LAYERS:
        yield from (path.relative_to(root).as_posix() for path in sorted((root / "sql" / layer).glob("*.sql")))
