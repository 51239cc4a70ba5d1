"""`dw site`: the static site of a warehouse, built into a folder; in aws mode published beside the Data Docs."""

from __future__ import annotations

import sys
import time
import webbrowser
from pathlib import Path

from flows import show
from tasks.notebook_run import is_installed
from tasks.site.make import make
from tasks.site.render import plural
from tasks.sources import settings_for


def site(source: str, out: Path | None, *, open_: bool) -> None:
    """Build the site, say where it is, and open it if that is wished."""
    settings, started = settings_for(source), time.perf_counter()
    with show.status("Building the site"):
        made = make(settings, out)
    site, seconds = made.site, time.perf_counter() - started
    pages = plural(sum(name.endswith(".html") for name in site.files), "page")
    changed = f"{plural(site.changed, 'file')} new or changed"
    show.console.print(f"{pages}, {changed}, {seconds:.1f} s: {made.where}", soft_wrap=True)
    if not is_installed():
        show.console.print("[bold]Notebooks[/]   left out; `make notebooks` installs what runs them")
    if open_ and not (site.index.exists() and webbrowser.open(site.index.as_uri())):
        sys.stderr.write(f"dw site: there is no browser here; open {made.where}\n")
