"""`dw quality`: what it prints of a warehouse with a history, of one without, and of a small shop's real deliveries."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import Dw, words
from hypothesis import given
from hypothesis import strategies as st
from small_shop import Shop, load, query

from contracts.ids import TableId
from contracts.registry import Registry
from flows.quality_commands import arrow, sparkline
from sql import ddl
from tasks import quality, trend
from tasks.settings import Settings
from tasks.warehouse import open_warehouse

MONDAY = date(2026, 3, 16)
LEDGER = "audit.load_ledger"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose warehouse knows ten weeks of deliveries; on the last day, a Monday, few orders came."""
    settings, registry = Settings(home=tmp_path_factory.mktemp("history")), Registry.read()
    columns = [c.name for c in registry[TableId.parse(LEDGER)].columns]
    with open_warehouse(settings) as warehouse:
        for statement in ddl.create_all(c for c in registry.values() if c.table.layer == "audit"):
            warehouse.execute(statement)
        rows = [_batch(columns, table, day) for day in _days() for table in ("raw.orders", "raw.payments")]
        warehouse.insert_rows(LEDGER, columns, rows)
        for number, day in enumerate(_days()[-3:]):
            run = f"r{number}"
            result = {"run_id": run, "batch_id": f"raw.orders|{day}", "verdict": "warn", "severity": "warning"}
            result |= {"kind": "compare", "is_success": False, "checked_at": datetime(2026, 3, 17)}
            found = [("clean.orders", "accuracy", 1000, [0, 10, 30][number]), ("clean.orders", "conformity", 1000, 0)]
            warehouse.insert_rows(
                "audit.quality_result",
                [*result, "table_name", "dimension", "evaluated_count", "failed_count", "rule_id"],
                [
                    {**result, "table_name": t, "dimension": d, "evaluated_count": n, "failed_count": bad, "rule_id": d}
                    for t, d, n, bad in found
                ],
            )
            warehouse.execute(
                f"UPDATE {LEDGER} SET run_id = :run WHERE batch_id = :batch", run=run, batch=f"raw.orders|{day}"
            )
            quality.record_scores(warehouse, registry, settings, run, day, datetime(2026, 3, 17))
            trend.record(warehouse, registry, settings, run, day)
    return settings.home


def _days() -> list[date]:
    return [MONDAY - timedelta(days=n) for n in range(70, -1, -1)]


def _batch(columns: list[str], table: str, day: date) -> dict[str, Any]:
    rows = 12 if (table, day) == ("raw.orders", MONDAY) else 400
    known = {"batch_id": f"{table}|{day}", "table_name": table, "delivery_date": day, "status": "loaded", "run_id": "r"}
    known |= {"delivered_rows": rows, "loaded_rows": rows, "loaded_at": datetime.combine(day, datetime.min.time())}
    rest = {name: 0 if name.endswith(("_rows", "bytes")) else "" for name in columns if name not in known}
    return {**rest, **known}


@pytest.fixture
def at_history(history: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DW_HOME", str(history))
    return history


SENTENCE = "raw.orders: 12 rows delivered on Monday 2026-03-16, usual 400 ± 20 over 8 Mondays"


def test_it_prints_layers_the_worst_tables_and_what_is_unusual(dw: Dw, at_history: Path) -> None:
    said = dw("quality")
    assert (said.code, said.err) == (0, "")
    text = words(said.out)
    assert "Quality of the delivery of 2026-03-16, its course over 3 deliveries from 2026-03-14 on" in text
    assert "clean accuracy 97.00% 98.0% 1,000 30 █▆▃ ↘" in text
    assert "validity (conformity) 100.00% 97.0% 1,000 0 ███ →" in text
    assert "clean.orders accuracy 97.00% 98.0% 1,000 30 █▆▃ ↘" in text
    assert f"unusual {SENTENCE}" in text
    assert "cannot be judged yet" not in text


def test_days_says_how_far_to_look_back(dw: Dw, at_history: Path) -> None:
    text = words(dw("quality", "--days", "1").out)
    assert "Quality of the delivery of 2026-03-16 Scores" in text
    assert "clean accuracy 97.00% 98.0% 1,000 30 ▃ " in text


def test_one_table_shows_its_scores_and_its_measures(dw: Dw, at_history: Path) -> None:
    said = dw("quality", "--table", "clean.orders")
    assert (said.code, said.err) == (0, "")
    text = words(said.out)
    assert "Scores of clean.orders" in text
    assert "raw.orders delivered_rows 12 400 ± 20 -19.4 anomaly ██▁ ↘" in text
    assert "raw.payments" not in text
    assert SENTENCE in text


def test_only_what_is_unusual(dw: Dw, at_history: Path) -> None:
    said = dw("quality", "--anomalies")
    assert "Scores" not in said.out
    assert SENTENCE in words(said.out)
    # The deliveries before were as ever.
    assert said.out.count("unusual") == 1


def test_json_has_every_count(dw: Dw, at_history: Path) -> None:
    said = dw("quality", "--json")
    assert (said.code, said.err) == (0, "")
    body = json.loads(said.out)
    assert sorted(body) == ["anomalies", "layers", "measures", "tables"]
    assert body["anomalies"] == [SENTENCE]
    accuracy = [row for row in body["tables"] if row["dimension"] == "accuracy"]
    assert [(row["delivery_date"], row["evaluated_count"], row["failed_count"]) for row in accuracy] == [
        ("2026-03-14", 1000, 0),
        ("2026-03-15", 1000, 10),
        ("2026-03-16", 1000, 30),
    ]
    assert {row["status"] for row in body["measures"]} == {"usual", "anomaly"}
    assert {row["layer"] for row in body["layers"]} == {"raw", "clean"}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--table", "clean.moon"], 2, "no table is called 'clean.moon'"),
        (["--table", "orders"], 2, "did you mean clean.orders or raw.orders?"),
        (
            ["--table", "mart.customer_360"],
            1,
            "mart.customer_360 was not scored in the last 8 deliveries; --days looks",
        ),
        (["--source", "moon"], 2, "no source is called 'moon'; there are shop, online-retail"),
    ],
)
def test_what_is_not_there_is_told(dw: Dw, at_history: Path, arguments: list[str], code: int, told: str) -> None:
    said = dw("quality", *arguments)
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith("dw: ")
    assert told in said.err


def test_a_home_without_a_warehouse_says_how_to_get_one(
    dw: Dw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DW_HOME", str(tmp_path / "new"))
    said = dw("quality")
    assert (said.code, said.out) == (1, "")
    assert "there is no warehouse at" in said.err
    assert "`dw run` makes one" in said.err


def test_an_empty_warehouse_and_an_older_one_are_told(dw: Dw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_HOME", str(tmp_path))
    registry = Registry.read()
    for tables, told in ((["quality_score"], "made by an earlier version"), (["trend"], "no delivery has been scored")):
        with open_warehouse(Settings()) as warehouse:
            for statement in ddl.create_all(registry[TableId("audit", name)] for name in tables):
                warehouse.execute(statement)
        said = dw("quality")
        assert (said.code, said.out) == (1, "")
        assert told in said.err


# The real thing


def test_what_is_printed_can_be_asked_of_the_warehouse(dw: Dw, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_HOME", str(shop.home))
    said = dw("quality", "--json")
    assert (said.code, said.err) == (0, "")
    body = json.loads(said.out)
    day = shop.last_day
    mine = {
        (row["table_name"], row["dimension"]): (row["evaluated_count"], row["failed_count"])
        for row in body["tables"]
        if row["delivery_date"] == day.isoformat()
    }
    # Counted from the rules' results and the ledger, by SQL that shares nothing with the code.
    by_hand = f"""
        SELECT r.table_name, r.dimension, SUM(r.evaluated_count)::BIGINT, SUM(r.failed_count)::BIGINT
        FROM audit.quality_result r JOIN {LEDGER} l USING (batch_id, run_id)
        WHERE l.delivery_date = '{day}' AND r.dimension <> 'uniqueness' GROUP BY ALL
    """
    found = {(t, d): (n, bad) for t, d, n, bad in query(shop.home, by_hand).iter_rows()}
    assert len(found) > 20
    assert found == {key: mine[key] for key in found}
    duplicates = (
        f"SELECT table_name, SUM(loaded_rows + duplicate_rows)::BIGINT, SUM(duplicate_rows)::BIGINT FROM {LEDGER} "
    )
    for table, came, twice in query(shop.home, f"{duplicates} WHERE delivery_date = '{day}' GROUP BY 1").iter_rows():
        assert mine[table, "uniqueness"] == (came, twice)
    assert {row["measure"] for row in body["measures"]} == {"delivered_rows", "loaded_rows", "null_share", "age_hours"}
    assert {row["status"] for row in body["measures"]} == {"learning"}
    assert "4 earlier days of the same weekday are needed, the furthest have 0" in words(dw("quality").out)


def test_running_again_adds_nothing(shop: Shop, tmp_path: Path) -> None:
    home = shop.copy(shop.home, tmp_path)
    kept = "SELECT (SELECT COUNT(*) FROM audit.trend)::INT, (SELECT COUNT(*) FROM audit.quality_score)::INT"
    before = query(home, kept).rows()
    load(home)
    assert query(home, kept).rows() == before


def test_a_delivery_without_files_is_measured_once(shop: Shop, tmp_path: Path) -> None:
    home = shop.copy(shop.home, tmp_path)
    empty = shop.last_day + timedelta(days=1)
    (home / "inbox" / empty.isoformat()).mkdir()
    kept = (
        "SELECT run_id, table_name, value FROM audit.trend "
        f"WHERE delivery_date = '{empty}' AND measure = 'delivered_rows'"
    )
    load(home, [empty])
    first = query(home, kept).rows()
    assert first
    assert {value for _, _, value in first} == {0.0}
    load(home, [empty])
    assert query(home, kept).rows() == first


# Bars and arrows


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_bars_rise_with_the_values(values: list[float]) -> None:
    bars = sparkline(values, 0.0, 1.0)
    assert len(bars) == len(values)
    order = sorted(range(len(values)), key=values.__getitem__)
    assert [bars[n] for n in order] == sorted(bars)


def test_bars_of_one_value_and_of_nothing_at_all() -> None:
    assert (sparkline([0.0, 1.0], 0.0, 1.0), sparkline([0.0, 0.0], 0.0, 0.0)) == ("▁█", "▁▁")


@pytest.mark.parametrize(("values", "shown"), [([1], ""), ([1, 2], "↗"), ([2, 1], "↘"), ([3, 1, 1], "→")])
def test_an_arrow_shows_the_last_step(values: list[float], shown: str) -> None:
    assert arrow(values) == shown
