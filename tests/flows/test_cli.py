"""The command line: each command says how it is used, does what it says, and fails in one clear paragraph."""

from __future__ import annotations

import csv
import io
import re
import shlex
from pathlib import Path

import pytest
from conftest import Dw, Said
from small_shop import Shop, query

from flows import show
from flows.cli import app
from tasks.report import RunReport
from tasks.settings import Settings

COMMANDS = sorted(c.name or c.callback.__name__ for c in app.registered_commands if c.callback)
EPILOGS = {c.name or c.callback.__name__: c.epilog or "" for c in app.registered_commands if c.callback}


@pytest.fixture
def at_home(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`dw` with the loaded warehouse; a test may only read it."""
    monkeypatch.setenv("DW_HOME", str(shop.home))
    return shop.home


@pytest.fixture
def new_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`dw` with a home that does not exist yet."""
    monkeypatch.setenv("DW_HOME", str(tmp_path / "new"))
    return tmp_path / "new"


def words(text: str) -> str:
    """Text without the frames and line breaks of tables."""
    return " ".join(re.sub(r"[│┃╭╮╰╯─━┏┓┗┛┡┩├┤┼┴┬╇╋]", " ", text).split())


def fails(said: Said, *told: str) -> None:
    """One clear paragraph on standard error, nothing else, and an exit status that says so."""
    assert said.code == 1
    assert said.err.startswith("dw: ")
    assert "Traceback" not in said.err
    assert "\n\n" not in said.err.strip()
    assert said.out == ""
    for part in told:
        assert part in said.err


# Help


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command(dw: Dw, flag: str) -> None:
    said = dw(flag)
    assert said.code == 0
    for command in COMMANDS:
        assert re.search(rf"^\W*{command}\s", said.out, re.MULTILINE), command


def test_dw_alone_shows_its_help(dw: Dw) -> None:
    assert "Usage: dw" in words(dw().out)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_commands_help_shows_an_example_of_it(dw: Dw, command: str) -> None:
    said = dw(command, "--help")
    assert said.code == 0
    assert f"Example: dw {command}" in words(said.out)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c in ("render", "explain", "query")])
def test_the_examples_of_commands_that_only_read_work(dw: Dw, at_home: Path, command: str) -> None:
    _, *arguments = shlex.split(EPILOGS[command].removeprefix("Example: "))
    said = dw(*arguments)
    assert (said.code, said.err) == (0, "")
    assert said.out


@pytest.mark.parametrize(
    "arguments", [["moon"], ["render"], ["render", "core.fact_sales", "--engine", "oracle"], ["run", "--day", "soon"]]
)
def test_a_wrong_use_is_told_with_a_hint(dw: Dw, arguments: list[str]) -> None:
    said = dw(*arguments)
    assert said.code == 2
    assert "Usage: dw" in words(said.err)
    assert "Traceback" not in said.err


# generate and run


def test_generate_fills_the_inbox_and_refuses_to_mix_two_deliveries(dw: Dw, new_home: Path) -> None:
    said = dw("generate", "--seed", "3", "--first-day", "2026-03-01")
    assert (said.code, said.err) == (0, "")
    assert re.search(r"3 days \(2026-03-01 … 2026-03-03\): customers 1,\d{3}, ", words(said.out))
    assert sorted(p.name for p in (new_home / "inbox").iterdir()) == [
        "2026-03-01",
        "2026-03-02",
        "2026-03-03",
        "defects.parquet",
        "delivery.json",
    ]
    refused = dw("generate", "--seed", "4", "--first-day", "2026-03-01")
    assert refused.code == 1
    assert refused.err.startswith(f"dw: {new_home / 'inbox'} holds the delivery ")
    assert "--overwrite" in refused.err


def test_run_without_a_delivery_says_how_to_get_one(dw: Dw, new_home: Path) -> None:
    fails(dw("run"), f"no delivery in {new_home / 'inbox'}; `dw generate` makes one")
    fails(dw("run", "--source", "online-retail"), "`dw run --source online-retail --path FILE` maps one")


def test_run_of_a_day_that_was_not_delivered_is_refused(dw: Dw, at_home: Path) -> None:
    fails(dw("run", "--day", "2031-12-24"), f"no delivery of 2031-12-24 in {at_home / 'inbox'}")


def test_run_with_a_file_needs_a_source_that_maps_it(dw: Dw, new_home: Path) -> None:
    fails(dw("run", "--path", "sales.csv"), "--path goes with a source that maps files: --source online-retail")


def test_an_unknown_source_is_refused_with_those_that_exist(dw: Dw, new_home: Path) -> None:
    fails(dw("run", "--source", "moon"), "unknown source 'moon'; one of shop, online-retail")
    fails(dw("query", "select 1", "--source", "moon"), "unknown source 'moon'")


def test_a_source_file_that_is_not_there_is_told(dw: Dw, new_home: Path) -> None:
    said = dw("run", "--source", "online-retail", "--path", "nowhere.csv")
    assert said.code == 1
    assert said.err.startswith("dw: ")
    assert "nowhere.csv" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("command", [["run"], ["render", "core.fact_sales"], ["explain", "core.fact_sales"]])
def test_a_broken_contract_is_told_with_file_and_line(
    dw: Dw, at_home: Path, repository: Path, command: list[str]
) -> None:
    path = repository / "contracts" / "core" / "fact_sales.yaml"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:6], "domain: [unclosed", *lines[7:]]))
    said = dw(*command)
    fails(said, "contracts/core/fact_sales.yaml:8: not valid YAML")


# query


def test_query_prints_rows_and_says_how_many_there_are(dw: Dw, at_home: Path) -> None:
    said = dw("query", "select order_id, status from clean.orders order by order_id", "--limit", "2")
    (count,) = query(at_home, "select count(*) from clean.orders").row(0)
    assert "O00000001" in said.out
    assert f"{count:,} rows (the first 2 are shown; --limit or --csv for more)" in words(said.out)
    assert said.out.count("O0000000") == 2
    assert words(dw("query", "select 1 as one").out).endswith("1 row")


def test_query_as_csv_prints_every_row(dw: Dw, at_home: Path) -> None:
    sql = "select customer_id, city from core.dim_customer order by all"
    rows = list(csv.reader(io.StringIO(dw("query", "--csv", sql).out)))
    assert rows[0] == ["customer_id", "city"]
    assert rows[1:] == [[a, b or ""] for a, b in query(at_home, sql).rows()]


def test_query_shows_brackets_as_they_are(dw: Dw, at_home: Path) -> None:
    assert "[bold]x[/] [red]" in words(dw("query", "select '[bold]x[/] [red]' as text").out)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("selekt 1", "syntax error"),
        ("select colour from core.fact_sales", "colour"),
        ("select 1 from core.moon", "moon"),
        ("delete from core.fact_sales", "read-only"),
        ("drop table core.fact_sales", "read-only"),
        ("select interval 3 day as span", "interval"),
    ],
)
def test_a_query_that_fails_says_why(dw: Dw, at_home: Path, sql: str, told: str) -> None:
    fails(dw("query", sql), told)


def test_a_query_without_a_warehouse_says_how_to_get_one(dw: Dw, new_home: Path) -> None:
    fails(dw("query", "select 1"), f"there is no warehouse at {new_home / 'warehouse.duckdb'}; `dw run` makes one")
    assert not new_home.exists()


# render and explain


@pytest.mark.parametrize(
    ("engine", "part", "told"),
    [
        ("redshift", "select", "clean.orders"),
        ("redshift", "ddl", "DISTKEY"),
        ("redshift", "merge", "MERGE INTO core.fact_sales"),
        ("duckdb", "select", "clean.orders"),
        ("duckdb", "ddl", "CREATE TABLE IF NOT EXISTS core.fact_sales"),
        ("duckdb", "merge", "MERGE INTO core.fact_sales"),
        ("spark", "select", "clean.orders"),
        ("spark", "ddl", "CREATE TABLE IF NOT EXISTS core.fact_sales"),
    ],
)
def test_render_prints_a_tables_sql_for_an_engine(dw: Dw, engine: str, part: str, told: str) -> None:
    said = dw("render", "core.fact_sales", "--engine", engine, "--part", part)
    assert (said.code, said.err) == (0, "")
    assert told.upper() in words(said.out).upper()
    assert said.out.rstrip().endswith(";")


def test_render_shows_how_a_delivered_table_is_loaded(dw: Dw) -> None:
    said = dw("render", "clean.orders", "--part", "merge")
    assert "MERGE INTO clean.orders" in words(said.out)
    assert "DELETE FROM stage.clean__orders" in words(said.out)


def test_explain_tells_meaning_grain_columns_rules_and_readers(dw: Dw) -> None:
    said = dw("explain", "core.fact_sales")
    assert (said.code, said.err) == (0, "")
    text = words(said.out)
    for part in ("clean.orders", "mart.finance_daily_revenue", "contracts/core/fact_sales.yaml", "net_amount", "Grain"):
        assert part in text
    assert re.search(r"warn", text)


@pytest.mark.parametrize("layer", ["raw", "clean", "curated", "mart", "audit"])
def test_explain_works_for_a_table_of_every_layer(dw: Dw, layer: str) -> None:
    table = {
        "raw": "orders",
        "clean": "orders",
        "curated": "web_sessions",
        "mart": "customer_360",
        "audit": "load_ledger",
    }
    said = dw("explain", f"{layer}.{table[layer]}")
    assert (said.code, said.err) == (0, "")
    assert f"contracts/{layer}/{table[layer]}.yaml" in words(said.out)


@pytest.mark.parametrize("command", ["render", "explain"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("core.moon", "contracts/core/moon.yaml:1: no such contract; there are core.dim_channel"),
        ("fact_sales", "'fact_sales' is not <layer>.<table>, for example core.fact_sales"),
        ("moon.fact_sales", "unknown layer 'moon'"),
        ("core.Fact-Sales", "'Fact-Sales' is not snake_case"),
    ],
)
def test_an_unknown_table_is_told_with_those_that_exist(dw: Dw, command: str, name: str, told: str) -> None:
    fails(dw(command, name), told)


def test_a_delivered_table_has_no_select_to_render(dw: Dw) -> None:
    fails(dw("render", "clean.orders"), "clean.orders is not made by a SELECT")


# check


def test_check_tells_file_and_line_of_every_fault_and_writes_stale_suites_anew(dw: Dw, repository: Path) -> None:
    sql = repository / "sql" / "mart" / "web_funnel.sql"
    good = sql.read_text()
    sql.write_text(good + "\nHAVING 1 = 1 / 0 AND colour > 1\n")
    suite = repository / "expectations" / "suites" / "core" / "fact_sales.json"
    fresh = suite.read_text()
    suite.write_text("{}")
    said = dw("check")
    assert said.code == 1
    assert re.search(r"^sql/mart/web_funnel\.sql:\d+: ", said.err, re.MULTILINE)
    assert "expectations/suites/core/fact_sales.json" in said.err
    assert re.search(r"^dw check: \d+ faults$", said.err, re.MULTILINE)
    assert "Traceback" not in said.err

    sql.write_text(good)
    mended = dw("check", "--write")
    assert (mended.code, mended.err) == (0, "")
    assert "expectations/suites/core/fact_sales.json" in words(mended.out)
    assert "no fault" in mended.out
    assert suite.read_text() == fresh


def test_check_tells_the_faults_of_all_contracts_at_once(dw: Dw, repository: Path) -> None:
    for name in ("dim_date", "fact_sales"):
        path = repository / "contracts" / "core" / f"{name}.yaml"
        path.write_text(path.read_text().replace("apiVersion:", "colour: red\napiVersion:", 1))
    said = dw("check")
    assert said.code == 1
    assert "contracts/core/dim_date.yaml:1: not valid ODCS: unknown key 'colour'" in said.err
    assert "contracts/core/fact_sales.yaml:1: not valid ODCS: unknown key 'colour'" in said.err


# What a run says at its end


def test_rule_ids_in_brackets_reach_whoever_is_on_call(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    failure = (
        "core.x is blocked:\n  - column a: a is there [core.x.a.not_null, contracts/core/x.yaml:7]: 1 of 2 break it"
    )
    warning = "2026-01-05/x.csv: [red] is a column that contracts/raw/x.yaml does not have"
    report = RunReport(failures=[failure], warnings=[warning])
    show.summary(report, Settings(home=tmp_path), tmp_path / "index.html", 1.0)
    said = capsys.readouterr().out
    assert failure in said
    assert warning in said
