"""`dw site`: the static site of a warehouse, built into a folder; in aws mode published beside the Data Docs."""

from __future__ import annotations

import sys
import time
import webbrowser
from pathlib import Path

from flows import show
from tasks.site.make import make
from tasks.sources import settings_for


def site(source: str, out: Path | None, *, open_: bool) -> None:
    """Build the site, say where it is, and open it if that is wished."""
    settings, started = settings_for(source), time.perf_counter()
    with show.status("Building the site"):
        made = make(settings, out)
    pages = sum(name.endswith(".html") for name in made.files)
    seconds = time.perf_counter() - started
    show.console.print(
        f"{pages} pages, {made.changed} files new or changed, {seconds:.1f} s: {made.index}", soft_wrap=True
    )
    if open_ and not webbrowser.open(made.index.as_uri()):
        sys.stderr.write(f"dw site: there is no browser here; open {made.index}\n")
