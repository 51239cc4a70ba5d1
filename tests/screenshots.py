"""The pictures of docs/images/, taken anew: `make screenshots`, or `python tests/screenshots.py --only prefect`.

A shop of three days is generated and run in a temporary home, then Chromium looks at what it made: the end of the run,
Data Docs and the site as files, Prefect's pages from `dw ui`. A page of the site gets its picture by a line in `SITE`.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path

from playwright.sync_api import Page
from prefect_server import ask, free_port
from rich.console import Console
from rich.text import Text
from site_home import chromium

from contracts.registry import REPOSITORY
from flows.show import console
from tasks.settings import Settings

FOLDER = REPOSITORY / "docs" / "images"
WIDTH, HEIGHT, LARGEST = 1400, 900, 250_000
# Where to go on Prefect's pages, by the address of the API and the id of a run.
Look = Callable[[str, str], str]
# What pictures show in place of the temporary home.
SHOWN_HOME = "/home/ada/shop"

# Picture to page, below the site's folder.
SITE = {
    "site_catalog": "index.html",
    "site_table": "tables/mart.finance_daily_revenue.html",
    "site_lineage": "lineage/mart.finance_daily_revenue.html",
    "site_quality": "quality/index.html",
    "site_quality_table": "quality/clean.payments.html",
}
DATA_DOCS = {"data_docs": "index.html", "data_docs_table": "clean.orders.lake.html"}


def main() -> None:
    """Take all pictures, or those whose names begin with `--only`; with `--home` of a home that is there already."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder) / "home"
        said = "" if given.home else "".join(dw(home, *line) for line in (["generate"], ["run"], ["site"]))
        with chromium() as browser, pages(home) as address:
            taken = all_pictures(home, said, address)
            pictures = {name: take for name, take in taken.items() if name.startswith(given.only)}
            context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
            context.set_default_timeout(120_000)
            for name, take in pictures.items():
                tab = context.new_page()
                picture = take(tab)
                tab.close()
                if len(picture) > LARGEST:
                    raise SystemExit(f"{name}.png has {len(picture):,} bytes, more than {LARGEST:,}")
                (FOLDER / f"{name}.png").write_bytes(picture)
                console.print(f"docs/images/{name}.png  {len(picture):,} bytes")


def dw(home: Path, *arguments: str) -> str:
    """What a command prints on a terminal, in colour; SystemExit where it fails."""
    dropped = ("DW_", "PREFECT_", "NO_COLOR", "CI")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(dropped)}
    environment |= {"DW_HOME": str(home), "TERM": "xterm-256color", "COLUMNS": "130"}
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "flows.cli", *arguments]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=its, stderr=subprocess.DEVNULL)
    os.close(its)
    said = b""
    # Linux ends what a terminal says with an error.
    with suppress(OSError):
        while part := os.read(ours, 65536):
            said += part
    os.close(ours)
    if process.wait():
        raise SystemExit(f"dw {' '.join(arguments)} failed: {said.decode()[-500:]}")
    return said.decode().replace("\r\n", "\n")


def all_pictures(home: Path, said: str, address: str) -> dict[str, Callable[[Page], bytes]]:
    """Every picture, and how it is taken."""
    settings = Settings(home=home)
    files = {name: settings.data_docs / page for name, page in DATA_DOCS.items()}
    files |= {name: settings.site / page for name, page in SITE.items()}
    taken: dict[str, Callable[[Page], bytes]] = {"run": lambda tab: of_terminal(tab, said, home)} if said else {}
    taken |= {name: lambda tab, file=file: of_address(tab, file.as_uri(), home) for name, file in files.items()}
    return taken | {name: lambda tab, look=look: of_prefect(tab, address, look, home) for name, look in PREFECT.items()}


def of_terminal(tab: Page, said: str, home: Path) -> bytes:
    """The account at the end of a run, as a terminal shows it."""
    account = Text.from_ansi(said.replace(str(home), SHOWN_HOME))
    begin = account.plain.index("Rows, by the ledger")
    terminal = Console(record=True, width=130, file=StringIO())
    terminal.print(account[begin:])
    # The font that Rich names would be asked of another host.
    tab.set_content(re.sub(r"@font-face\s*{.*?}", "", terminal.export_svg(title="dw run"), flags=re.DOTALL))
    tab.add_style_tag(content="svg { width: 860px; height: auto }")
    return tab.locator("svg").first.screenshot()


def of_address(tab: Page, address: str, home: Path) -> bytes:
    """A page, once nothing moves any more."""
    tab.goto(address)
    tab.wait_for_load_state("networkidle")
    # Charts are drawn where they are seen.
    tab.wait_for_function(
        "[...document.querySelectorAll('figure.chart')].every("
        "it => it.dataset.drawn || it.getBoundingClientRect().top > innerHeight)"
    )
    return shot(tab, home)


def shot(tab: Page, home: Path) -> bytes:
    """What is seen, without the folder of this machine."""
    rename = """([old, shown]) => {
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
        while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replaceAll(old, shown)
    }"""
    tab.evaluate(rename, [str(home), SHOWN_HOME])
    return tab.screenshot(animations="disabled")


# Prefect's pages


@contextmanager
def pages(home: Path) -> Iterator[str]:
    """The address of `dw ui`."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("DW_", "PREFECT_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "ui", "--no-open", "--port", str(free_port())],
        cwd=REPOSITORY,
        env={**environment, "DW_HOME": str(home), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield re.findall(r"http://\S+", process.stdout.readline())[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def of_prefect(tab: Page, address: str, look: Look, home: Path) -> bytes:
    """One of Prefect's pages, about the second day of the home: there is something to warn of."""
    run = ask("POST", f"{address}/api/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 2})[1]["id"]
    tab.goto(address + look(f"{address}/api", run))
    if look is of_run:
        tab.get_by_text("Artifacts", exact=True).last.click()
    tab.wait_for_load_state("networkidle")
    # The drawing of a run comes last, and moves to its place.
    tab.wait_for_timeout(3000)
    return shot(tab, home)


def of_run(api: str, run: str) -> str:
    return f"/runs/flow-run/{run}"


def of_artifact(name: str) -> Look:
    def look(api: str, run: str) -> str:
        wanted = {"artifacts": {"flow_run_id": {"any_": [run]}, "key": {"any_": [name]}}}
        return f"/artifacts/artifact/{ask('POST', f'{api}/artifacts/filter', wanted)[0]['id']}"

    return look


def of_asset(api: str, run: str) -> str:
    wanted = {
        "event": {"name": ["prefect.asset.materialization.succeeded"]},
        "any_resource": {"id": [f"prefect.flow-run.{run}"]},
        "resource": {"id": ["warehouse://local/shop/core/fact_sales"]},
    }
    event = ask("POST", f"{api}/events/filter", {"filter": wanted})["events"][0]
    return f"/events/event/{event['occurred'][:10]}/{event['id']}"


PREFECT: dict[str, Look] = {
    "prefect_run": of_run,
    "prefect_summary": of_artifact("shop-run"),
    "prefect_rows": of_artifact("shop-rows"),
    "prefect_asset": of_asset,
}

if __name__ == "__main__":
    main()
