"""One statement of a plan: what it is for, its Redshift text, and whom it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Step = Literal[
    "take", "span", "stage", "dedupe", "check", "changes", "count", "enqueue", "delete", "merge", "insert", "clear"
]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a plan. `check`: its row_count must be 0, else `note` says what is refused. `count`: one row.
    `span`: one row of binds for the statements that follow.

    A note may name further columns of its check in braces.
    """

    step: Step
    sql: str
    note: str = ""
