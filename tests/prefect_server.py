"""Prefect's own server on this machine: a process with all its services, which look often; found by its address."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

_OFTEN = {
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_TRIGGERS_PROACTIVE": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "DO_NOT_TRACK": "1",
}
_PATIENCE = 240


@contextmanager
def serve(home: Path) -> Iterator[str]:
    """Start a server with an empty database; gives the address of its API."""
    port = free_port()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env={**kept, **_OFTEN, "PREFECT_HOME": str(home)},
            stdout=log,
            stderr=log,
        )
        try:
            _wait(process, f"http://127.0.0.1:{port}/api", home)
            yield f"http://127.0.0.1:{port}/api"
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def ask(method: str, url: str, body: object) -> Any:
    """The answer of a server that is asked again while it is busy: on SQLite two writes at one time are a 503."""
    with httpx.Client(timeout=60) as client:
        for _ in range(20):
            answer = client.request(method, url, json=body)
            if answer.status_code != 503:
                break
            time.sleep(0.5)
        return answer.raise_for_status().json()


def _wait(process: subprocess.Popen[bytes], api: str, home: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            if process.poll() is None and httpx.get(f"{api}/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"Prefect's server did not start: {(home / 'server.log').read_text()[-2000:]}")
