"""`dw deploy` and `dw watch`: what Prefect's server is told, and what it is asked."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from rich.markup import escape

from flows.prefect_defaults import set_defaults
from flows.show import console
from tasks.settings import Settings


def deploy(pool: Path, version: str) -> None:
    """Make the server what prefect.yaml and the outputs of Terraform say."""
    settings = _ready()
    from flows import deploy as work

    for line in work.deploy(settings.repository, json.loads(pool.read_text(encoding="utf-8")), version):
        console.print(line, soft_wrap=True)


def watch(every: int, *, once: bool) -> None:
    """Look once, or until the process is ended."""
    settings = _ready()
    from flows import watch as work

    if not once:
        # Nobody reads a screen here: the log is where it tells that it cannot ask.
        logging.disable(logging.NOTSET)
        work.watch(settings, every)
    for alert in work.watch_once():
        console.print(escape(f"{alert.subject}. {alert.text}"), soft_wrap=True)


def _ready() -> Settings:
    """The settings, before Prefect is imported; ValueError where no server is named: it would start one of its own."""
    settings = Settings()
    set_defaults(settings.home)
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        raise ValueError("PREFECT_API_URL says no server, for example http://localhost:4200/api")
    return settings
