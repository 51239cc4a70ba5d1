"""What landed: one version of one object, and what its key says of it. Pure; no request is made here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

from tasks.sources import DEFAULT, SOURCES

PREFIX = "inbox/"
Action = Literal["start", "reject", "none"]


class Misplaced(ValueError):
    """A key that says neither source nor day; the message says what was expected."""


class BadEvent(ValueError):
    """What called is no event of an object in a bucket that keeps versions."""


@dataclass(frozen=True)
class Arrival:
    """One version of an object. `size` is what the event said."""

    bucket: str
    key: str
    version: str
    size: int

    @classmethod
    def of(cls, detail: Mapping[str, Any]) -> Arrival:
        """From the `detail` of EventBridge's "Object Created"; raises BadEvent."""
        try:
            found = detail["object"]
            return cls(detail["bucket"]["name"], found["key"], found["version-id"], int(found["size"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BadEvent(f"no event of an object with a version: {error!r} (is versioning on?)") from error

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def idempotency_key(self) -> str:
        """The same for each event of this version, and for no other."""
        return hashlib.sha256(f"{self.bucket}/{self.key}?versionId={self.version}".encode()).hexdigest()


@dataclass(frozen=True)
class Place:
    """Whose delivery a file belongs to, and of which day."""

    source: str
    day: date
    file: str

    @classmethod
    def of(cls, key: str) -> Place:
        """`inbox/<day>/<file>` of the shop, `inbox/<source>/<day>/<file>` of another source; raises Misplaced."""
        parts = key.removeprefix(PREFIX).split("/")
        if not key.startswith(PREFIX) or len(parts) not in (2, 3):
            raise Misplaced(f"{key}: expected {PREFIX}<YYYY-MM-DD>/<file>, or {PREFIX}<source>/<YYYY-MM-DD>/<file>")
        *owner, day, file = parts
        source = owner[0] if owner else DEFAULT
        if source not in (DEFAULT, *SOURCES) or owner == [DEFAULT]:
            raise Misplaced(
                f"{key}: {source!r} is no source; there are {', '.join(SOURCES)}, and the shop has no folder"
            )
        try:
            found = date.fromisoformat(day)
        except ValueError:
            found = None
        if found is None or found.isoformat() != day:
            raise Misplaced(f"{key}: {day!r} is no day; expected YYYY-MM-DD, for example 2026-01-31")
        return cls(source, found, file)


@dataclass(frozen=True)
class Ruling:
    """What is to be done about an arrival, and why; `report` is what the check of the file said, masked."""

    action: Action
    verdict: str
    arrival: Arrival
    place: Place | None = None
    reason: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it, for the state machine; `parameters` are those of the flow that is started."""
        out: dict[str, Any] = {
            "action": self.action,
            "verdict": self.verdict,
            "reason": self.reason,
            "arrival": asdict(self.arrival),
            "report": dict(self.report),
        }
        if self.place is not None:
            day = self.place.day.isoformat()
            out["parameters"] = {
                "source": self.place.source,
                "key": f"{day}/{self.place.file}",
                "version": self.arrival.version,
            }
        return out
