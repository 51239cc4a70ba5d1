"""The container's health: a worker answers on its port; any other container is well where its settings can be read."""

from __future__ import annotations

import os
import sys
import urllib.request
from pathlib import Path

_SECONDS = 5


def is_worker(command: bytes) -> bool:
    """Whether a process (its command line as the kernel has it) is Prefect's worker with its health server."""
    return b"--with-healthcheck" in command.split(b"\0")


def check(command: bytes, port: str) -> None:
    """Raise OSError where the worker does not answer, ValueError where the settings make no sense."""
    if is_worker(command):
        # An answer that is no success raises HTTPError, which is an OSError.
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=_SECONDS):
            return
    from tasks.settings import Settings

    Settings()


def main() -> None:
    """Exit 1 with one line where the container is not well."""
    try:
        check(Path("/proc/1/cmdline").read_bytes(), os.environ.get("PREFECT_WORKER_WEBSERVER_PORT", "8080"))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"not well: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
