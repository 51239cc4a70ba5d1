"""What all flows share: tries, time limits, a workspace for one run, and who hears of its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from prefect import Flow, Task, tags, task
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.exceptions import PrefectHTTPStatusError
from prefect.runtime import flow_run as this_run
from prefect.task_engine import TaskRunTimeoutError
from prefect.tasks import exponential_backoff
from prefect.utilities.urls import url_for

from flows import artifacts, assets
from tasks.alerts import Alert, safe, tell
from tasks.metrics import measured
from tasks.settings import Settings
from tasks.sources import settings_for
from tasks.transient import is_transient
from tasks.trouble import tell_about
from tasks.workspace import Workspace, close, is_open, workspace

logger = logging.getLogger(__name__)

_ENDS = {
    "FAILED": "flow-failed",
    "CRASHED": "flow-crashed",
    "CANCELLED": "flow-cancelled",
    "CANCELLING": "flow-cancelled",
}
MINUTE, HOUR = 60, 3600


def passes(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether a step that failed is tried again: its error is one that passes by itself.

    A step that ran out of time is not: it would do so again.
    """
    error = state.result(raise_on_failure=False)
    if isinstance(error, TaskRunTimeoutError):
        return False
    if isinstance(error, PrefectHTTPStatusError):
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(error, BaseException) and (isinstance(error, httpx.TransportError) or is_transient(error))


# The layers below try for seconds; these tries (20, 40, 80 s, each up to half as much longer) outlast a fail-over.
RETRIED: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(20),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": passes,
}
# Who finds another run at work waits for it: 30 s to 16 min, half an hour and more in all.
PATIENT: dict[str, Any] = {**RETRIED, "retries": 6, "retry_delay_seconds": exponential_backoff(30)}


@task(task_run_name="begin-{source}", timeout_seconds=HOUR, **PATIENT)
def begin(source: str) -> None:
    """Take the warehouse for this run, and make its tables what contracts say."""
    workspace(settings_for(source)).begin()


@contextmanager
def opened(source: str, flow: str) -> Iterator[Workspace]:
    """The workspace of one run of a flow, begun; at the end its metrics, artifacts and troubles are told.

    Its tasks have tags of source and mode. A workspace that the process had open before (`dw run`) stays open.
    """
    settings = settings_for(source)
    is_ours, is_done = not is_open(settings), False
    space = workspace(settings)
    try:
        with measured(space, flow), tags(*labels(settings)):
            begin(source)
            yield space
        is_done = True
    finally:
        where = place(settings, flow, this_run.get_id() or "")
        assets.emit(space)
        artifacts.publish(space, where, is_done=is_done)
        tell_account(space, where, is_done=is_done)
        if is_ours:
            close(settings)


def labels(settings: Settings, table: str = "") -> list[str]:
    """The tags by which runs are found: whose data, where, and the table, if it is about one."""
    about = [f"table:{table}", f"layer:{table.partition('.')[0]}"] if table else []
    return [f"source:{settings.source}", f"mode:{settings.mode}", *about]


def tell_account(space: Workspace, where: Alert, *, is_done: bool) -> None:
    """Tell what went wrong in a run; that it cannot be told is logged and stops nothing."""
    try:
        space.report.alerts += [
            alert.subject for alert in tell_about(space.settings, space.report, where, is_done=is_done)
        ]
    except Exception as error:
        logger.error("alerts of this run were not told: %s", safe(str(error)))


def place(settings: Settings, flow: str, run_id: str) -> Alert:
    """What all alerts of a flow run share."""
    link = url_for("flow-run", obj_id=run_id) if run_id else None
    return Alert(
        severity="critical",
        what="failed",
        text="",
        environment=settings.deployment,
        source=settings.source,
        flow=flow,
        run_id=run_id,
        run_link=link or "",
    )


def ended(settings: Settings, flow: str, run: FlowRun, state: State[Any]) -> Alert:
    """The alert that a flow run ended badly."""
    text = f"{run.name}: {state.name}. {(state.message or '').strip()}"
    about = {"what": _ENDS[state.type.value], "text": text, "next_step": f"prefect flow-run logs {run.id}"}
    return Alert(**{**vars(place(settings, flow, str(run.id))), **about})


def tell_end(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Tell that a run failed, crashed or was cancelled."""
    settings = settings_for(str((flow_run.parameters or {}).get("source", "shop")))
    tell(settings, [ended(settings, flow.name, flow_run, state)])


TOLD: dict[str, Any] = {"on_failure": [tell_end], "on_crashed": [tell_end], "on_cancellation": [tell_end]}
