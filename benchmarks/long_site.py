"""What the site costs with a long history: building it, building it again, its weight, and drawing its charts.

The history is written, not run (`long_history`); times are CPU seconds and, beside them, those of the clock.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from long_history import History
from rich.console import Console
from rich.table import Table

from tasks.settings import Settings
from tasks.site.make import make

# The pages with most charts.
DRAWN = ("quality/index.html", "quality/clean.customers.html", "quality/clean.orders.html", "runs/index.html")
_ALL_DRAWN = "[...document.querySelectorAll('figure.chart')].every(it => it.dataset.drawn)"


@contextmanager
def timed(told: Table, what: str) -> Iterator[None]:
    """A row of the account: CPU and clock seconds of what is done inside."""
    cpu, clock = time.process_time(), time.perf_counter()
    yield
    told.add_row(what, f"{time.process_time() - cpu:.1f} s", f"{time.perf_counter() - clock:.1f} s")


def run(folder: Path, days: int, console: Console) -> None:
    """Build the site of a history twice, weigh its pages, draw its charts, and tell."""
    told = Table(title=f"The site of {days} days", title_justify="left")
    for name in ("what", "CPU", "clock"):
        told.add_column(name, justify="left" if name == "what" else "right")
    history, settings = History(days=days), Settings(home=folder / "home")
    shutil.rmtree(settings.home, ignore_errors=True)
    history.write(settings.home)
    with timed(told, "build it"):
        first = make(settings).site
    with timed(told, "build it again, nothing changed"):
        again = make(settings).site
    console.print(told)
    site = first.index.parent
    sizes = sorted(((site / name).stat().st_size, name) for name in first.files if name.endswith(".html"))
    total = sum((site / name).stat().st_size for name in first.files)
    console.print(f"{len(sizes)} pages, {total / 1e6:.1f} MB with scripts; {again.changed} files written again.")
    console.print("The heaviest: " + ", ".join(f"{name} {size / 1000:.0f} kB" for size, name in sizes[:-4:-1]))
    for page, charts, cpu, clock in drawn(site):
        console.print(f"{page}: {charts} charts, opened and drawn in {cpu:.2f} s of CPU, {clock:.2f} s on the clock")


def drawn(site: Path) -> Iterator[tuple[str, int, float, float]]:
    """Pages, their charts, and seconds from the click until all are drawn; none without Chromium.

    CPU is that of the page's own thread: parsing, scripts, layout.
    """
    found = shutil.which("chromium")
    if found is None:
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        # As high as the pages are, so that no chart waits to be seen.
        tab = browser.new_page(viewport={"width": 1280, "height": 8_000})
        for page in DRAWN:
            inspected = tab.context.new_cdp_session(tab)
            inspected.send("Performance.enable", {"timeDomain": "threadTicks"})
            started = time.perf_counter()
            tab.goto((site / page).as_uri())
            tab.wait_for_function(_ALL_DRAWN)
            clock = time.perf_counter() - started
            counted = {it["name"]: it["value"] for it in inspected.send("Performance.getMetrics")["metrics"]}
            yield page, tab.locator("figure.chart").count(), counted["TaskDuration"], clock
            inspected.detach()
        browser.close()


def main() -> None:
    """Measure, in a folder of its own that is removed unless it is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--folder", type=Path, help="keep the home and its site there")
    asked = parser.parse_args()
    if asked.folder:
        run(asked.folder, asked.days, Console())
        return
    with tempfile.TemporaryDirectory(prefix="site-") as scratch:
        run(Path(scratch), asked.days, Console())


if __name__ == "__main__":
    main()
