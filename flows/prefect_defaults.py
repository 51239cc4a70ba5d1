"""Prefect's settings for a run in one process; import this before prefect, which reads its settings at import.

What stands in the environment already wins: in production the worker's own settings do.
"""

from __future__ import annotations

import os
from pathlib import Path

_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Whole seconds, as Prefect cuts fractions off: with less than one its server would spin. In batches, else the last
    # task runs are not recorded before the process ends.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
    # A server that lives as long as one run has no automations to trigger and no blocks to offer.
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
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
