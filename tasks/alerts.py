"""Alerts: what a person should know, told once, with the place, the run and the next step; nothing personal in it."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from expectations.masking import REDACTED, mask
from tasks.alert_log import AlertLog, open_log
from tasks.alert_sinks import open_sinks
from tasks.settings import Settings

Severity = Literal["critical", "warning"]

# The same trouble is told again after this long: an on-call shift.
WINDOW = timedelta(hours=6)
# More alerts than this in an hour are told as one: whoever is called for each of them hears none.
MOST_PER_HOUR = 20

_LONGEST = 1500
_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER = re.compile(r"\+\d[\d ()-]{6,}\d|(?<![\w:.-])\d{10,}(?![\w-])")
_SECRET = re.compile(
    r"(?i)(?<![\w:-])([\w-]*(?:password|passwd|secret|token|api[_-]?key))\b(\s*[=:]\s*)(?!arn:)[^\s,;]+"
)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alert:
    """`what` is the kind of trouble; `next_step` a command to type; `run_link` where the flow run is looked at."""

    severity: Severity
    what: str
    text: str
    environment: str
    source: str = ""
    flow: str = ""
    table: str = ""
    rule: str = ""
    batch: str = ""
    run_id: str = ""
    run_link: str = ""
    next_step: str = ""

    @property
    def key(self) -> str:
        """What makes two alerts the same one: the trouble and what it is about; not the run, not the words."""
        about = (self.environment, self.source, self.what, self.table or self.flow, self.rule, self.batch)
        return hashlib.sha256("|".join(about).encode()).hexdigest()[:32]

    @property
    def subject(self) -> str:
        """One line of at most 100 ASCII characters, as SNS and pagers take it."""
        about = self.table or self.flow or self.source
        line = " ".join(f"[{self.environment}] {self.severity}: {self.what} {about}".split())
        return line.encode("ascii", "replace").decode()[:100]

    @property
    def message(self) -> str:
        """The text, then what is known, a line each."""
        known = {k: v for k, v in asdict(self).items() if v and k not in ("severity", "what", "text")}
        return "\n".join([self.text, "", *(f"{name.replace('_', ' ')}: {value}" for name, value in known.items())])

    @property
    def attributes(self) -> dict[str, str]:
        """What subscribers filter by."""
        names = ("severity", "what", "environment", "source", "flow", "table")
        return {name: str(getattr(self, name)) for name in names if getattr(self, name)}

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "key": self.key}


def safe(text: str) -> str:
    """Text without addresses, telephone numbers and credentials, of a length that a message takes."""
    text = _CREDENTIALS.sub(REDACTED, _SECRET.sub(rf"\1\2{REDACTED}", text))
    text = _EMAIL.sub(lambda found: str(mask(found[0], "email")), _NUMBER.sub(REDACTED, text))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def tell(settings: Settings, alerts: Iterable[Alert], now: datetime | None = None) -> list[Alert]:
    """Tell what was not told within the window; returns what went out. A sink that fails is logged, never raised.

    Of more than `MOST_PER_HOUR` in an hour the rest is kept in the log and told as one alert.
    """
    now = now or datetime.now(UTC)
    chosen = sorted((replace(a, text=safe(a.text)) for a in alerts), key=lambda alert: alert.severity)
    if not chosen:
        return []
    try:
        log = open_log(settings)
        fresh = [alert for alert in chosen if _claim(log, alert, now)]
        going = [alert for alert in fresh if _has_room(log, now)]
        if rest := [alert for alert in fresh if alert not in going]:
            storm = _storm(settings, rest)
            going += [storm] if _claim(log, storm, now, timedelta(hours=1)) else []
    except OSError as error:
        # Whoever cannot remember tells once too often rather than not at all.
        logger.warning("alerts cannot be remembered: %s", error)
        log, going = None, chosen
    told = []
    for alert in going:
        if _send(settings, alert):
            told.append(alert)
        elif log is not None:
            _forget(log, alert)
    return told


def resolve(settings: Settings, keys: Iterable[str], now: datetime | None = None) -> list[Alert]:
    """Tell that what these open alerts said is over; returns what was told."""
    now, log, told = now or datetime.now(UTC), open_log(settings), []
    for key in sorted(keys):
        closed: list[Alert] = []

        def close(record: dict[str, Any] | None, closed: list[Alert] = closed) -> dict[str, Any] | None:
            closed.clear()
            if record is None or record["resolved_at"]:
                return None
            closed.append(Alert(**record["alert"]))
            return {**record, "resolved_at": now.isoformat()}

        if log.update(key, close):
            over = replace(closed[0], severity="warning", what=f"resolved: {closed[0].what}", next_step="")
            over = replace(over, text=f"It works again. It was: {over.text}")
            if _send(settings, over):
                told.append(over)
    return told


@dataclass(frozen=True)
class Told:
    """An alert as the log has it; `repeated`: how often it came again within the window and was not told."""

    alert: Alert
    told_at: datetime
    repeated: int
    resolved_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None


def told(settings: Settings) -> list[Told]:
    """What was told, the newest first."""
    found = [
        Told(
            Alert(**record["alert"]),
            _at(record),
            record["repeated"],
            datetime.fromisoformat(record["resolved_at"]) if record["resolved_at"] else None,
        )
        for name, record in open_log(settings).records()
        if name != _HOUR
    ]
    return sorted(found, key=lambda each: each.told_at, reverse=True)


_HOUR = "_hour"
_NEVER = "1970-01-01T00:00:00+00:00"


def _claim(log: AlertLog, alert: Alert, now: datetime, window: timedelta = WINDOW) -> bool:
    """Whether this call is the one that tells it; of several at once one is."""
    is_ours: list[bool] = []

    def change(record: dict[str, Any] | None) -> dict[str, Any]:
        is_known = record is not None and _at(record) > now - window
        # Of what was over the next case is news, but not the same run once more.
        if record is not None and record["resolved_at"]:
            is_known = is_known and bool(alert.run_id) and record["alert"]["run_id"] == alert.run_id
        is_ours[:] = [not is_known]
        if record is not None and is_known:
            return {**record, "repeated": record["repeated"] + 1}
        return {"alert": asdict(alert), "told_at": now.isoformat(), "repeated": 0, "resolved_at": None}

    log.update(alert.key, change)
    return is_ours[0]


def _at(record: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(record["told_at"])


def _has_room(log: AlertLog, now: datetime) -> bool:
    hour = now.strftime("%Y-%m-%dT%H")

    def count(record: dict[str, Any] | None) -> dict[str, Any] | None:
        told = record["told"] if record and record["hour"] == hour else 0
        return {"hour": hour, "told": told + 1} if told < MOST_PER_HOUR else None

    return log.update(_HOUR, count)


def _storm(settings: Settings, rest: Sequence[Alert]) -> Alert:
    counts = Counter(f"{alert.what} {alert.table or alert.flow}".strip() for alert in rest)
    listed = "; ".join(f"{what} ({count})" for what, count in counts.most_common(20))
    return Alert(
        severity="critical" if any(alert.severity == "critical" for alert in rest) else "warning",
        what="many-alerts",
        text=f"More than {MOST_PER_HOUR} alerts in an hour. Not told one by one: {listed}.",
        environment=settings.deployment,
        run_link=rest[0].run_link,
        next_step="dw alerts list",
    )


def _forget(log: AlertLog, alert: Alert) -> None:
    """Let the next run tell what nobody was told."""
    try:
        log.update(alert.key, lambda record: record and {**record, "told_at": _NEVER})
    except OSError as error:
        logger.warning("an alert that was not sent counts as told: %s", error)


def _send(settings: Settings, alert: Alert) -> bool:
    """Whether any sink took it."""
    logger.warning("%s", json.dumps(alert.to_dict(), ensure_ascii=False))
    taken = False
    for sink in open_sinks(settings):
        try:
            sink(alert.to_dict(), alert.subject, alert.message, alert.attributes)
            taken = True
        except Exception as error:
            # An alert is told about something that matters more than itself.
            logger.error("alert %s was not sent: %s", alert.subject, safe(str(error)))
    return taken
