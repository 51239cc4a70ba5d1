"""`dw watch`: what no flow can tell of itself. It asks Prefect's server for runs that hang, wait, or were killed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType

from flows.running import ended, place
from tasks.alerts import Alert, safe, tell
from tasks.settings import Settings
from tasks.sources import settings_for

logger = logging.getLogger(__name__)

TAG = "warehouse"
_PAGE = 200
_OPEN = (StateType.PENDING, StateType.RUNNING, StateType.SCHEDULED)
_BAD = (StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)
# The API may be restarted; not answering for this many looks is told.
_SILENT = 5


@dataclass(frozen=True)
class Patience:
    """How long is normal: for a task to begin, for a run to wait for others, to run; and how far back ends are told."""

    pending: timedelta = timedelta(minutes=15)
    late: timedelta = timedelta(hours=2)
    running: timedelta = timedelta(hours=25)
    ended: timedelta = timedelta(hours=1)


NORMAL = Patience()


def look(client: SyncPrefectClient, now: datetime, patience: Patience = NORMAL) -> Iterator[tuple[Settings, Alert]]:
    """An alert for each run that hangs or ended badly, with the settings of its source."""
    flows: dict[object, str] = {}
    for run in _runs(client, now, patience):
        if run.state is None or (found := _trouble(run, run.state, now, patience)) is None:
            continue
        if run.flow_id not in flows:
            flows[run.flow_id] = client.read_flow(run.flow_id).name
        settings, flow = settings_for(str(run.parameters.get("source", "shop"))), flows[run.flow_id]
        what, text = found
        step = f"prefect flow-run inspect {run.id}"
        about = replace(place(settings, flow, str(run.id)), what=what, text=f"{run.name}: {text}", next_step=step)
        yield settings, about if what else ended(settings, flow, run, run.state)


def _trouble(run: FlowRun, state: State[object], now: datetime, patience: Patience) -> tuple[str, str] | None:
    """What is wrong with a run, if anything: kind and sentence; no kind where it ended."""
    since = now - state.timestamp
    minutes = int(since.total_seconds() // 60)
    if state.type in _BAD:
        return ("", "") if since <= patience.ended else None
    if state.type == StateType.PENDING and since > patience.pending:
        return "run-stuck", f"{state.name} for {minutes} minutes; its task has not begun"
    if state.type == StateType.RUNNING and since > patience.running:
        return "run-stuck", f"running for {minutes} minutes, which no flow may; its task was killed, or hangs"
    due = state.state_details.scheduled_time or run.expected_start_time
    if state.type == StateType.SCHEDULED and due is not None and now - due > patience.late:
        waited = int((now - due).total_seconds() // 60)
        return "run-late", f"{state.name}; it should have begun {waited} minutes ago. Is a worker at work?"
    return None


def _runs(client: SyncPrefectClient, now: datetime, patience: Patience) -> Iterator[FlowRun]:
    """Runs that should be under way, and those that ended badly of late."""
    tags = FlowRunFilterTags(all_=[TAG])
    due = FlowRunFilterExpectedStartTime(before_=now)
    late = FlowRunFilterEndTime(after_=now - patience.ended)
    for wanted in (
        FlowRunFilter(tags=tags, state=_in(_OPEN), expected_start_time=due),
        FlowRunFilter(tags=tags, state=_in(_BAD), end_time=late),
    ):
        offset = 0
        while page := client.read_flow_runs(flow_run_filter=wanted, limit=_PAGE, offset=offset):
            yield from page
            offset += len(page)


def _in(types: Sequence[StateType]) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))


def watch_once(patience: Patience = NORMAL) -> list[Alert]:
    """Look and tell; returns what was told."""
    with get_client(sync_client=True) as client:
        found = list(look(client, datetime.now(UTC), patience))
    return [told for settings, alert in found for told in tell(settings, [alert])]


def watch(settings: Settings, every: float) -> None:
    """Look and tell until the process is ended. A server that stays silent is told, too."""
    silent = 0
    while True:
        try:
            watch_once()
            silent = 0
        except Exception as error:
            silent += 1
            logger.warning("Prefect's server was asked in vain: %s", safe(str(error)))
            if silent >= _SILENT:
                logger.error("Prefect's server was asked %d times in vain", silent)
                text = f"Prefect's server was asked {silent} times in vain: {type(error).__name__}"
                step = "prefect version"
                tell(settings, [replace(place(settings, "", ""), what="prefect-silent", text=text, next_step=step)])
        time.sleep(every)
