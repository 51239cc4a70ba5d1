"""`dw ui`: Prefect's pages on the history of this machine's runs."""

from __future__ import annotations

import os
import signal
import webbrowser
from pathlib import Path

from flows.prefect_defaults import set_defaults
from flows.prefect_server import PrefectServer
from flows.show import console
from tasks.lock import is_held
from tasks.sources import settings_for


def ui(source: str, port: int, *, open_browser: bool) -> None:
    """Serve the pages until Ctrl-C; raise ValueError where there is nothing to show, or nowhere to show it."""
    settings = settings_for(source)
    if settings.mode == "aws" or "PREFECT_API_URL" in os.environ:
        raise ValueError(_elsewhere())
    set_defaults(settings.home)
    home = Path(os.environ["PREFECT_HOME"])
    if not (home / "prefect.db").exists():
        raise ValueError(f"no run is recorded in {home}; `dw run` makes one")
    try:
        server = PrefectServer(home, port, pages=True)
    except OSError as error:
        raise ValueError(f"port {port} cannot be used ({error.strerror}); `dw ui --port {port + 1}`") from error
    # Who starts it in the background of a shell has Ctrl-C ignored; there it is ended by SIGTERM.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        server.ready()
        console.print(f"Prefect's pages: {server.address}  (Ctrl-C ends them)", soft_wrap=True)
        if is_held(settings.home):
            console.print("A run is under way; its pages show how far it is.")
        if open_browser:
            webbrowser.open(server.address)
        if code := server.wait():
            raise ValueError(f"Prefect's server ended with {code}; {server.log} says why")
    except KeyboardInterrupt:
        console.print("Ended.")
    finally:
        server.stop()


def _elsewhere() -> str:
    api = os.environ.get("PREFECT_API_URL", "")
    where = os.environ.get("PREFECT_UI_URL") or api.rstrip("/").removesuffix("/api")
    told = f"open {where}" if where else "PREFECT_API_URL does not say where"
    return f"runs are recorded by a Prefect server of its own, not in the home folder: {told}"
