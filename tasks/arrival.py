"""One file that has arrived: loaded by itself, with what its rows change; the rest of its day may come later."""

from __future__ import annotations

import re
from datetime import date

from contracts.ids import TableId
from tasks import delivery as work
from tasks.batches import Inbox, batch_of
from tasks.inbox import OtherVersion
from tasks.landing import contract_of
from tasks.report import Failure
from tasks.workspace import Workspace

_KEY = re.compile(r"(\d{4}-\d{2}-\d{2})/([^/]+)")


def parse(key: str) -> tuple[date, str]:
    """Day and file of `<YYYY-MM-DD>/<file>`, a key below the inbox; raise ValueError for any other."""
    found = _KEY.fullmatch(key)
    if found is None:
        raise ValueError(f"{key!r} is no delivered file: <YYYY-MM-DD>/<file>, below the inbox of its source")
    return date.fromisoformat(found[1]), found[2]


def find(space: Workspace, key: str, version: str = "") -> str | None:
    """Make the file the run's delivery; its name, or None where nothing is to be loaded, and the report says why.

    A file that is gone, or that no contract expects, is a failure; one that was replaced is announced by itself.
    """
    day, name = parse(key)
    contract = contract_of(name, space.registry.layer("raw"))
    space.loader.delivery = day
    space.inbox = Inbox((), (), ())
    if contract is None:
        told = f"{key}: no raw contract expects this file; it was left alone"
        space.report.failures.append(Failure(told, "file-unexpected", rule=key))
        return None
    try:
        path = space.deliveries.file(day, name, version) / name
    except OtherVersion as error:
        space.report.warnings.append(f"{error}; nothing was loaded, the version that stands is announced by itself")
        return None
    except FileNotFoundError as error:
        told = f"{error}; nothing was loaded"
        space.report.failures.append(Failure(told, "file-gone", table=contract.table, rule=key))
        return None
    space.inbox = Inbox((batch_of(contract, day, path),), (), ())
    return name


def finish(space: Workspace, day: date) -> None:
    """Reconcile and score the day as far as it has come, and build what reads the audit tables."""
    raw = space.registry.layer("raw")
    there = [contract_of(name, raw) for name in space.deliveries.sizes(day)]
    work.score(space, day, {day: {str(TableId("raw", c.table.name)) for c in there if c is not None}})
