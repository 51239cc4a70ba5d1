"""Maintenance between runs: every table that stands is vacuumed and analysed, one after the other."""

from __future__ import annotations

from tasks.warehouse import WarehouseError
from tasks.workspace import Workspace


def maintain(space: Workspace) -> tuple[list[str], list[str]]:
    """Maintain each table of the contracts that the warehouse has; returns those done, and what failed, a line each."""
    done, failures = [], []
    standing = space.warehouse.columns()
    for table in sorted(str(c.table) for c in space.registry.values()):
        if table not in standing:
            continue
        space.warehouse.tags.table = table
        space.on_step("maintain", table)
        try:
            space.warehouse.maintain(table)
        except WarehouseError as error:
            failures.append(f"{table}: {error}")
        else:
            done.append(table)
    return done, failures
