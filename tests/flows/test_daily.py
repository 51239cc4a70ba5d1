"""The daily flow through Prefect: what plain functions do, recorded run by run, and an exit status that tells."""

from __future__ import annotations

import re
import sqlite3

import pytest
from command_line import Run, Said
from small_shop import Shop, built, differences, query


@pytest.fixture(scope="module")
def said(daily_run: Run) -> Said:
    return daily_run.end()


def test_a_run_with_a_rejected_file_tells_it_and_exits_1(said: Said, shop: Shop) -> None:
    assert said.code == 1
    assert f"{shop.last_day}/fx_rates.2.csv: rejected. fx_rates.2.csv: column " in said.out
    assert "Traceback" not in said.out + said.err
    assert said.err == ""


def test_a_run_gives_an_account_of_rows_tables_scores_and_places(said: Said, shop: Shop, daily_run: Run) -> None:
    day = shop.last_day
    for table, rows in ((t, n) for (d, t), n in shop.delivery.rows.items() if d == day):
        (counts,) = re.findall(rf"│ {table} +│ +([\d,]+) │ +([\d,]+) │ +([\d,]+) │ +([\d,]+) │", said.out)
        delivered, *parts = (int(count.replace(",", "")) for count in counts)
        assert delivered == rows == sum(parts)
    for words in ("core.fact_sales", "completeness", "accuracy", "consistency", "validity", "files are loaded already"):
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
