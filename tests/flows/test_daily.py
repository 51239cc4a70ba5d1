"""The daily flow through Prefect: what plain functions do, recorded run by run, and an exit status that tells."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from command_line import Run, Said, beside_steps
from prefect_server import free_port
from small_shop import Shop, built, differences, query

from contracts.registry import REPOSITORY

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def said(daily_run: Run) -> Said:
    return daily_run.end()


def test_a_run_with_a_rejected_file_tells_it_and_exits_1(said: Said, shop: Shop) -> None:
    assert said.code == 1
    assert f"{shop.last_day}/fx_rates.2.csv: rejected. fx_rates.2.csv: column " in said.out
    assert "Traceback" not in said.out + said.err
    assert beside_steps(said.err) == []


def test_a_run_gives_an_account_of_rows_tables_scores_and_places(said: Said, shop: Shop, daily_run: Run) -> None:
    day = shop.last_day
    for table, rows in ((t, n) for (d, t), n in shop.delivery.rows.items() if d == day):
        (counts,) = re.findall(rf"│ {table} +│ +([\d,]+) │ +([\d,]+) │ +([\d,]+) │ +([\d,]+) │", said.out)
        delivered, *parts = (int(count.replace(",", "")) for count in counts)
        assert delivered == rows == sum(parts)
    for words in ("core.fact_sales", "completeness", "accuracy", "consistency", "validity", "loaded already"):
        assert words in said.out
    assert str(daily_run.home / "warehouse.duckdb") in said.out
    assert (daily_run.home / "site" / "data_docs" / "index.html").exists()


def test_the_flow_builds_what_plain_functions_build(said: Said, shop: Shop, daily_run: Run) -> None:
    assert said.code == 1
    assert differences(built(shop.home), built(daily_run.home)) == {}
    statuses = query(daily_run.home, "SELECT status, COUNT(*) FROM audit.load_ledger GROUP BY 1 ORDER BY 1").rows()
    assert statuses == [("loaded", len(shop.delivery.files)), ("rejected", 1)]


def test_prefect_has_recorded_every_flow_and_task_run(said: Said, shop: Shop, daily_run: Run) -> None:
    assert said.code == 1
    with sqlite3.connect(daily_run.prefect / "prefect.db") as database:
        flows = database.execute("SELECT name, state_type FROM flow_run ORDER BY name").fetchall()
        tasks = database.execute("SELECT name, state_type FROM task_run ORDER BY name").fetchall()
    assert flows == [(f"daily-shop-{day}", "COMPLETED") for day in shop.delivery.days]
    batches = query(daily_run.home, "SELECT delivery_date, table_name, batch_id FROM audit.load_ledger").rows()
    files = {f"ingest-{day}-{table}-{batch[:8]}" for day, table, batch in batches}
    steps = {f"{step}-{day}" for step in ("find", "build", "finish") for day in shop.delivery.days} | {"begin-shop"}
    assert {name for name, _ in tasks} == files | steps
    assert {state for _, state in tasks} == {"COMPLETED"}


# Prefect's pages


@pytest.fixture(scope="module")
def pages(said: Said, daily_run: Run) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of `dw ui` on the run's history, and its process."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "ui", "--no-open", "--port", str(free_port())],
        cwd=REPOSITORY,
        env={**environment, "DW_HOME": str(daily_run.home), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    (address,) = re.findall(r"http://\S+", process.stdout.readline())
    yield address, process
    process.terminate()
    process.wait()


def test_the_pages_show_a_run_and_its_artifacts_and_ask_no_other_host(
    pages: tuple[str, subprocess.Popen[str]], daily_run: Run, browser: Browser
) -> None:
    with sqlite3.connect(daily_run.prefect / "prefect.db") as database:
        ((key,),) = database.execute(
            "SELECT artifact.id FROM artifact JOIN flow_run ON flow_run.id = flow_run_id WHERE key = 'shop-run' "
            "ORDER BY artifact.created DESC LIMIT 1"
        ).fetchall()
    address, asked = pages[0], set[str]()
    tab = browser.new_page()
    tab.on("request", lambda request: asked.add(request.url))
    tab.goto(f"{address}/artifacts/artifact/{uuid.UUID(key)}")
    tab.get_by_text("daily, shop: came to its end, with failures").wait_for()
    assert tab.get_by_text("file-rejected").is_visible()
    tab.close()
    assert {urlsplit(url).netloc for url in asked if url.startswith("http")} == {urlsplit(address).netloc}


def test_the_pages_end_cleanly_with_ctrl_c(pages: tuple[str, subprocess.Popen[str]]) -> None:
    address, process = pages
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "Ended.\n")
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", urlsplit(address).port or 0))
