"""`dw deploy` and `dw watch`: what Prefect's server is told, and what it is asked."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer


def deploy(
    pool: Annotated[
        Path,
        typer.Option(help="what `terraform output -json work_pool` says", exists=True, dir_okay=False, readable=True),
    ],
    version: Annotated[str, typer.Option(help="the version of all deployments: the image's tag")],
) -> None:
    """Set up work pool, queues, deployments and automations on the server at PREFECT_API_URL; safe to repeat."""
    import json

    from flows.prefect_defaults import set_defaults
    from flows.show import console
    from tasks.settings import Settings

    settings = Settings()
    set_defaults(settings.home)
    _server()
    from flows import deploy as work

    for line in work.deploy(settings.repository, json.loads(pool.read_text(encoding="utf-8")), version):
        console.print(line, soft_wrap=True)


def watch(
    every: Annotated[int, typer.Option(min=10, help="seconds between two looks")] = 60,
    once: Annotated[bool, typer.Option("--once", help="look once, print what was told, and end")] = False,
) -> None:
    """Tell of flow runs that hang, wait too long or were killed, by asking the server at PREFECT_API_URL."""
    from rich.markup import escape

    from flows.prefect_defaults import set_defaults
    from flows.show import console
    from tasks.settings import Settings

    settings = Settings()
    set_defaults(settings.home)
    _server()
    from flows import watch as work

    if not once:
        # Nobody reads a screen here: the log is where it tells that it cannot ask.
        logging.disable(logging.NOTSET)
        work.watch(settings, every)
    for alert in work.watch_once():
        console.print(escape(f"{alert.subject}. {alert.text}"), soft_wrap=True)


def _server() -> None:
    """Raise ValueError where no server is named: Prefect would start one of its own, which knows of nothing."""
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        raise ValueError("PREFECT_API_URL says no server, for example http://localhost:4200/api")
