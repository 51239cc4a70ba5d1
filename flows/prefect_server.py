"""Prefect's server of one process: started while the rest is imported, ended with the process however that ends.

Prefect would start one by itself, but only once a flow begins, and it imports its whole server into the client for
that; where the process is killed, that server stays. With `pages` it shows the history instead of recording runs.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from flows.prefect_database import prepare
from flows.start_up import without_collections

# It may make its database first: minutes where the machine is small and busy.
_PATIENCE, _LAST_WRITES = 600, 60
_HOST = "127.0.0.1"
_RECORDING = {"PREFECT__SERVER_EPHEMERAL": "1"}


class PrefectServer:
    """A server on a free port of this machine, which keeps the history in `home`; `api` is its address.

    In `cache` lies the empty database of a home that is new.
    """

    def __init__(self, home: Path, port: int = 0, *, pages: bool = False, cache: Path | None = None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.log = home / ("pages.log" if pages else "server.log")
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind((_HOST, port))
            self._port = free.getsockname()[1]
        self.address = f"http://{_HOST}:{self._port}"
        self.api = f"{self.address}/api"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(self._port), *([str(cache)] if cache else [])],
                env={**os.environ, "PREFECT_HOME": str(home), **(self._showing(home) if pages else _RECORDING)},
                # It ends where this pipe does. Ctrl-C is for us alone: what it did is still to be recorded.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # Prefect's own threads send what they still have before this is called.
        atexit.register(self.stop)

    def _showing(self, home: Path) -> dict[str, str]:
        """The environment of a server that shows its pages and does nothing else, so that a run may go on beside it."""
        return {
            "PREFECT__SERVER_WEBSERVER_ONLY": "1",
            "PREFECT_UI_API_URL": self.api,
            # Not in Prefect's package, which may be another user's.
            "PREFECT_UI_STATIC_DIRECTORY": str(home / "pages"),
            # The first page would ask another host for news.
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        }

    def ready(self) -> None:
        """Wait until it answers; raise RuntimeError with the end of its log where it does not."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.api}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        said = self.log.read_text(errors="replace").strip()[-500:]
        raise RuntimeError(f"Prefect's server did not start ({self.log}): {said or 'it said nothing'}")

    def wait(self) -> int:
        """Wait until it ends by itself; returns its exit status."""
        return self._process.wait()

    def stop(self) -> None:
        """End it, once it has written what it was sent."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_LAST_WRITES)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        atexit.unregister(self.stop)


_STARTED: list[PrefectServer] = []


def start(cache: Path | None = None) -> None:
    """Start the server of this process, where no other is named; Prefect, imported after this, goes to it.

    Where Prefect is imported already it has read its settings, and starts a server by itself when it needs one.
    """
    if "PREFECT_API_URL" in os.environ or "prefect" in sys.modules:
        return
    _STARTED.append(PrefectServer(Path(os.environ["PREFECT_HOME"]), cache=cache))
    os.environ["PREFECT_API_URL"] = _STARTED[0].api


def ready() -> None:
    """Wait for the server of this process, if it has one."""
    for server in _STARTED:
        server.ready()


def _serve(port: int, cache: Path | None = None) -> None:
    """Serve until standard input ends: the process that started this one closes it, or has died."""
    prepare(Path(os.environ["PREFECT_HOME"]), cache)
    with without_collections():
        import uvicorn
        from prefect.server.api.server import create_app

        app = create_app()
    server = uvicorn.Server(uvicorn.Config(app, host=_HOST, port=port, log_level="error", lifespan="on"))

    def watch() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()
    server.run()
    # All is written. To take Prefect's modules apart one by one would be most of the time that who stops it waits.
    os._exit(0)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), *map(Path, sys.argv[2:]))
