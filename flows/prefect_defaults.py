"""Prefect's settings for a run in one process; import this before prefect, which reads its settings at import.

What stands in the environment already wins: in production the worker's own settings do.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # The in-process server makes its database on the first start: minutes where the machine is small and busy.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "600",
    # Else the last task runs are not recorded before the process ends.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "0.2",
    # Else every argument of every task is hashed.
    "PREFECT_TASKS_DEFAULT_NO_CACHE": "true",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "PREFECT_CLI_COLORS": "false",
}


def set_defaults(home: Path) -> None:
    """Fill in what the environment does not say; Prefect's own database lies in `home`."""
    for name, value in {**_DEFAULTS, "PREFECT_HOME": str(home / "prefect")}.items():
        os.environ.setdefault(name, value)


def let_go(error: BaseException | None) -> None:
    """Drop the frames of a failure that Prefect keeps: the engine in them would complain at the end of Python."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def end_orphans(home: Path) -> int:
    """End Prefect's in-process servers that killed runs of this home left behind; returns how many (Linux only).

    Call it with the home's lock held and before Prefect starts: no other run can be using one then.
    """
    wanted = {b"PREFECT__SERVER_EPHEMERAL=1", f"PREFECT_HOME={home / 'prefect'}".encode()}
    ended = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_left = wanted <= set((process / "environ").read_bytes().split(b"\0"))
            if is_left and int(process.name) != os.getpid():
                os.kill(int(process.name), signal.SIGTERM)
                ended += 1
        except OSError:
            continue  # it has ended, or is somebody else's
    return ended
