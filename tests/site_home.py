"""The site in a browser: a home with its site, made once for all test processes, and Chromium that opens it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from small_shop import Shop

from tasks.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def make_once(root: Path, shop: Callable[[], Shop]) -> Path:
    """A copy of the shop's home below `root`, with its site; who comes second waits for the first."""
    from tasks.site.make import make

    root.mkdir(parents=True, exist_ok=True)
    home, done = root / "home", root / "done"
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(shop().home, home)
            make(Settings(home=home))
            done.touch()
    return home


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; without one the test is skipped, and fails where CI has to have it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: make test does it")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            "there is no Chromium: apt-get install chromium"
        )
    with sync_api.sync_playwright() as playwright:
        # Chromium has no sandbox for root, as whom CI runs; the pages are our own.
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def faultless_tab(browser: Browser, **options: Any) -> Iterator[Page]:
    """A tab; AssertionError at its end where a script failed, the console has an error, or a request found nothing."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    tab, faults = context.new_page(), list[str]()
    tab.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("requestfailed", lambda request: faults.append(f"{request.url}: {request.failure}"))
    tab.on(
        "request", lambda request: None if is_local(request.url) else faults.append(f"asks a network: {request.url}")
    )
    yield tab
    context.close()
    assert faults == []


def is_local(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:", "about:"))
