"""Which tests belong to which file: a mutant of the file is held against these, in this order, the quick ones first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PYTHON = {
    "sql/scd2.py": ["tests/sql/test_scd2.py", "tests/sql/test_merge_history.py"],
    "sql/merge.py": [
        "tests/sql/test_merge.py",
        "tests/sql/test_merge_history.py",
        "tests/sql/test_incremental_equals_full.py",
    ],
    "sql/increment.py": [
        "tests/sql/test_increment.py",
        "tests/sql/test_lint.py",
        "tests/sql/test_incremental_equals_full.py",
    ],
    "sql/restate.py": ["tests/tasks/test_rebuild.py"],
    "tasks/batches.py": ["tests/tasks/test_batches.py", "tests/tasks/test_status.py"],
    "tasks/ledger.py": ["tests/tasks/test_ledger.py", "tests/tasks/test_faults.py"],
    "tasks/load.py": ["tests/tasks/test_redefinition.py", "tests/tasks/test_rebuild.py", "tests/tasks/test_faults.py"],
}
SQL_LAYERS = ("curated", "core")
SQL = ["tests/cases/test_cases.py", "tests/cases/test_sessions.py", "tests/cases/test_increments.py"]


def targets(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Each file that is mutated, with what pytest is asked for it."""
    yield from PYTHON.items()
    for layer in SQL_LAYERS:
        for path in sorted((root / "sql" / layer).glob("*.sql")):
            # Of the cases only those of the table itself: others are given its rows, they do not compute them.
            others = f"not test_case or {layer}.{path.stem}:"
            yield path.relative_to(root).as_posix(), [*SQL, "-k", others]
