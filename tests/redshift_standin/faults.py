"""Faults to be injected: the connection that breaks, and errors that only a busy cluster would give."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from redshift_standin.errors import RedshiftError, serializable_violation

When = Literal["before", "after", "late"]
Then = Callable[[], object]


@dataclass
class Fault:
    """What happens, at which statement: the `at`th that matches, counted from when the fault was armed.

    Where there is a `behind`, counting starts with the statement after one that matches it. `then` is called when the
    connection is about to break.
    """

    at: int = 1
    matching: re.Pattern[str] | None = None
    when: When = "before"
    error: RedshiftError | None = None
    times: int = 1
    behind: re.Pattern[str] | None = None
    then: Then = lambda: None
    seen: int = 0

    def meets(self, text: str) -> bool:
        if self.behind is not None:
            if self.behind.search(text):
                self.behind = None
            return False
        if self.matching is not None and not self.matching.search(text):
            return False
        self.seen += 1
        return self.at <= self.seen < self.at + self.times


class Faults:
    """The faults that are armed. Every statement counts that is executed: BEGIN and COMMIT of the driver too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Fault] = []

    def drop_connection(
        self,
        at: int = 1,
        *,
        matching: str = "",
        behind: str = "",
        when: When = "before",
        times: int = 1,
        then: Then = lambda: None,
    ) -> None:
        """Break the connection before a statement is executed, or after it was, and before its answer is sent.

        What a session has not committed is rolled back by the time the client notices. `late`: the client notices
        first, and the statement is executed when another session waits for a lock of this one (or after 2 seconds).
        """
        self._arm(Fault(at, _pattern(matching), when, None, times, _pattern(behind), then))

    def raise_error(
        self, code: str, message: str = "an injected error", *, at: int = 1, matching: str = "", times: int = 1
    ) -> None:
        """Answer a statement with an error in its place; an open transaction is aborted by it."""
        self._arm(Fault(at, _pattern(matching), "before", RedshiftError(code, message), times))

    def serializable_violation(self, at: int = 1, *, matching: str = "", times: int = 1) -> None:
        """Answer a statement with Redshift's error 1023."""
        self._arm(Fault(at, _pattern(matching), "before", serializable_violation(), times))

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def meet(self, text: str) -> Fault | None:
        """The fault that this statement meets; each armed one counts it."""
        with self._lock:
            met = [fault for fault in self._armed if fault.meets(text)]
            return met[0] if met else None

    def _arm(self, fault: Fault) -> None:
        with self._lock:
            self._armed.append(fault)


def _pattern(matching: str) -> re.Pattern[str] | None:
    return re.compile(matching, re.IGNORECASE) if matching else None
