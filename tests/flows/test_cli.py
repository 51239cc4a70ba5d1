"""The command line: each command says how it is used, does what it says, and fails in one clear paragraph."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import shlex
from datetime import date
from pathlib import Path

import pytest
from command_line import Dw, Said, words
from hand_made import colours
from small_shop import Shop, query

from flows import show
from flows.cli import app
from flows.run_command import Ended
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
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`dw` with a repository of three tables that a test may spoil."""
    monkeypatch.setenv("DW_REPOSITORY", str(tmp_path / "repository"))
    return colours(tmp_path / "repository")


@pytest.fixture
def new_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`dw` with a home that does not exist yet."""
    monkeypatch.setenv("DW_HOME", str(tmp_path / "new"))
    return tmp_path / "new"


def fails(said: Said, *told: str, code: int = 1) -> None:
    """One clear paragraph on standard error, nothing else, and an exit status that says so."""
    assert said.code == code
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


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c in ("render", "explain", "lineage", "impact", "query", "reconcile")]
)
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
    fails(said, "Example: dw " if arguments != ["moon"] else "`dw --help` lists what there is", code=2)
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("rnu", "No such command 'rnu'. Did you mean 'run'?"),
        ("explain core.fact_sale", "did you mean core.fact_sales"),
        ("explain fact_sales", "no table is called 'fact_sales'; did you mean core.fact_sales?"),
        ("render core.orders", "did you mean clean.orders or raw.orders?"),
        ("render core.fact_sales --engine oracle", "--engine: 'oracle' is not one of 'redshift', 'duckdb', 'spark'"),
        ("status --sorce shop", "No such option: --sorce (Possible options: --json, --source)"),
        ("status --source shp", "--source: no source is called 'shp'; there are shop, online-retail"),
        ("status --from 2026-13-01", "--from: '2026-13-01' is no day; write it as 2026-01-31"),
        ("status --from 2026-02-01 --to 2026-01-01", "--to 2026-01-01 lies before --from 2026-02-01"),
        ("reconcile --check sale_lines", "did you mean sales_lines?"),
        ("cost --environment prd", "no environment is called 'prd'; did you mean prod?"),
        ("quality --table clean.order", "--table: no table is called 'clean.order'; did you mean clean.orders"),
        ("backfill --from 2026-01-05 --to 2026-01-06 --table core.dim_date", "this is for raw and clean"),
        ("rebuild clean.orders", "clean.orders is of the layer clean; this is for curated and core and mart"),
        ("redrive --table mart.web_funnel", "it is made of raw.customers, raw.orders, raw.web_events"),
        ("quarantine list --rule clean.orders.statsu.in_set", "did you mean clean.orders.status.in_set"),
        ("quarantine list --batch zzz", "unknown batch 'zzz'"),
        ("quarantine lst", "Did you mean 'list'?"),
    ],
)
def test_a_wrong_name_ends_with_2_and_says_what_could_be_meant(
    dw: Dw, at_home: Path, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    fails(dw(*line.split()), told, code=2)


def test_a_batch_is_known_by_the_beginning_of_its_id(dw: Dw, at_home: Path) -> None:
    found = json.loads(dw("quarantine", "list", "--json").out)
    batch = found[0]["batch"]
    mine = [row for row in found if row["batch"] == batch]
    assert json.loads(dw("quarantine", "list", "--json", "--batch", batch[:10]).out) == mine
    ids = sorted(query(at_home, "select batch_id from audit.load_ledger")["batch_id"])
    first = next(a for a, b in itertools.pairwise(ids) if a[0] == b[0])[0]
    many = [id_ for id_ in ids if id_.startswith(first)]
    fails(dw("quarantine", "list", "--batch", first), f"{first!r} begins {len(many)} ids of batches", many[1], code=2)


def test_a_setting_that_does_not_exist_is_told(dw: Dw, at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_MEMORY_LIMT", "2GB")
    said = dw("query", "select 1 as one")
    assert said.code == 0
    assert said.err == "dw: DW_MEMORY_LIMT is no setting; did you mean DW_MEMORY_LIMIT?\n"


def test_a_place_that_cannot_be_made_is_told_with_what_to_do(dw: Dw, at_home: Path) -> None:
    fails(dw("export", "core.dim_date", "--to", "/proc/x"), "/proc/x: ", "choose a place that is there, or can be made")


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


def test_generate_spreads_a_size_over_more_days(dw: Dw, tmp_path: Path) -> None:
    said = dw("generate", "--days", "40", "--out", str(tmp_path / "long"))
    assert (said.code, said.err) == (0, "")
    assert re.search(r"40 days \(2026-01-05 … 2026-02-13\): .* orders 5,\d{3}, ", words(said.out))


def test_run_without_a_delivery_says_how_to_get_one(dw: Dw, new_home: Path) -> None:
    fails(dw("run"), f"no delivery in {new_home / 'inbox'}; `dw generate` makes one")
    fails(dw("run", "--source", "online-retail"), "`dw run --source online-retail --path FILE` maps one")


def test_run_of_a_day_that_was_not_delivered_is_refused(dw: Dw, at_home: Path) -> None:
    fails(dw("run", "--day", "2031-12-24"), f"no delivery of 2031-12-24 in {at_home / 'inbox'}")


def test_run_with_a_file_needs_a_source_that_maps_it(dw: Dw, new_home: Path) -> None:
    said = dw("run", "--path", "sales.csv")
    fails(said, "--path goes with a source that maps files: --source online-retail", code=2)


def test_an_unknown_source_is_refused_with_those_that_exist(dw: Dw, new_home: Path) -> None:
    fails(dw("run", "--source", "moon"), "no source is called 'moon'; there are shop, online-retail", code=2)
    fails(dw("query", "select 1", "--source", "moon"), "no source is called 'moon'", code=2)


def test_a_source_file_that_is_not_there_is_told(dw: Dw, new_home: Path) -> None:
    said = dw("run", "--source", "online-retail", "--path", "nowhere.csv")
    assert said.code == 1
    assert said.err.startswith("dw: ")
    assert "nowhere.csv" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("command", [["run"], ["render", "core.colour"], ["explain", "core.colour"], ["check"]])
def test_a_broken_contract_is_told_with_file_and_line(dw: Dw, at_home: Path, small: Path, command: list[str]) -> None:
    path = small / "contracts" / "core" / "colour.yaml"
    path.write_text(path.read_text() + "domain: [unclosed\n")
    said = dw(*command)
    line = len(path.read_text().splitlines()) + 1
    assert said.code == 1
    assert f"contracts/core/colour.yaml:{line}: not valid YAML" in said.err
    assert "Traceback" not in said.err + said.out


# query


def test_query_prints_rows_and_says_how_many_there_are(dw: Dw, at_home: Path) -> None:
    said = dw("query", "select order_id, status from clean.orders order by order_id", "--limit", "2")
    (count,) = query(at_home, "select count(*) from clean.orders").row(0)
    assert "O00000001" in said.out
    assert f"{count:,} rows (the first 2 are shown; --limit or --csv for more)" in words(said.out)
    assert said.out.count("O0000000") == 2
    assert words(dw("query", "select 1 as one").out).endswith("1 row")


def test_query_reads_what_a_file_holds(dw: Dw, at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("-- the answer\nselect 41 + 1 as answer\n"))
    assert "42" in dw("query", "-").out


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
        ("select 1; select 2", "one query at a time; here are 2"),
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
        ("redshift", "select", "COUNT(thing_id) AS thing_count FROM clean.things"),
        ("redshift", "ddl", "CREATE TABLE IF NOT EXISTS core.colour ( colour VARCHAR(64) NOT NULL"),
        ("redshift", "merge", "DELETE FROM core.colour USING stage.changes__core__colour"),
        ("duckdb", "select", "COUNT(thing_id) AS thing_count FROM clean.things"),
        ("duckdb", "ddl", "CREATE TABLE IF NOT EXISTS core.colour ( colour TEXT"),
        ("duckdb", "merge", "INSERT INTO core.colour"),
        ("spark", "select", "COUNT(thing_id) AS thing_count FROM clean.things"),
        ("spark", "ddl", "CREATE TABLE IF NOT EXISTS core.colour ( colour VARCHAR(64) NOT NULL"),
    ],
)
def test_render_prints_a_tables_sql_for_an_engine(dw: Dw, small: Path, engine: str, part: str, told: str) -> None:
    said = dw("render", "core.colour", "--engine", engine, "--part", part)
    assert (said.code, said.err) == (0, "")
    assert told in words(said.out)
    assert said.out.rstrip().endswith(";")


def test_rendered_duckdb_text_brings_the_macros_that_it_calls(dw: Dw) -> None:
    divides = dw("render", "mart.customer_lifetime_value", "--engine", "duckdb").out
    macro, _, select = divides.partition(";\n")
    assert macro.startswith("CREATE OR REPLACE TEMP MACRO rounded_quotient(")
    assert "ROUNDED_QUOTIENT(" in select
    assert "MACRO" not in dw("render", "core.fact_payments", "--engine", "duckdb").out


def test_render_shows_how_a_delivered_table_is_loaded(dw: Dw, small: Path) -> None:
    said = dw("render", "clean.things", "--part", "merge")
    assert "MERGE INTO clean.things" in words(said.out)
    assert "DELETE FROM stage.clean__things" in words(said.out)


def test_explain_tells_meaning_grain_columns_rules_and_readers(dw: Dw) -> None:
    said = dw("explain", "core.fact_sales")
    assert (said.code, said.err) == (0, "")
    text = words(said.out)
    for part in ("clean.orders", "mart.finance_daily_revenue", "contracts/core/fact_sales.yaml", "net_amount", "Grain"):
        assert part in text
    assert re.search(r"warn", text)


@pytest.mark.parametrize("table", ["raw.things", "clean.things"])
def test_explain_works_for_a_table_that_no_select_makes(dw: Dw, small: Path, table: str) -> None:
    said = dw("explain", table)
    assert (said.code, said.err) == (0, "")
    assert f"contracts/{table.replace('.', '/')}.yaml" in words(said.out)


@pytest.mark.parametrize("command", ["render", "explain"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mart.zzz", "no table is called 'mart.zzz'; there are clean.things, core.colour, raw.things"),
        ("colour", "no table is called 'colour'; did you mean core.colour?"),
        ("moon.colour", "no table is called 'moon.colour'; did you mean core.colour?"),
        ("core.color", "no table is called 'core.color'; did you mean core.colour?"),
    ],
)
def test_an_unknown_table_is_told_with_those_that_exist(
    dw: Dw, small: Path, command: str, name: str, told: str
) -> None:
    fails(dw(command, name), told, code=2)


def test_a_delivered_table_has_no_select_to_render(dw: Dw, small: Path) -> None:
    fails(dw("render", "clean.things"), "clean.things is not made by a SELECT")


# check


def test_check_writes_stale_suites_anew_and_then_finds_no_fault(dw: Dw, small: Path) -> None:
    before = dw("check")
    assert before.code == 1
    assert "expectations/suites/core/colour.json" in before.err
    written = dw("check", "--write")
    assert (written.code, written.err) == (0, "")
    assert "written: " in written.out
    suite = small / "expectations" / "suites" / "core" / "colour.json"
    assert "core.colour.colour.not_null" in suite.read_text()
    clean = dw("check")
    assert (clean.code, clean.err) == (0, "")
    assert "3 contracts with" in clean.out
    assert "no fault" in clean.out


@pytest.mark.parametrize(
    ("file", "good", "bad", "told"),
    [
        ("sql/core/colour.sql", "COUNT(thing_id)", "COUNT(size)", r"^sql/core/colour\.sql:3: .*size"),
        ("sql/core/colour.sql", "clean.things", "clean.moons", r"^sql/core/colour\.sql:\d+: .*clean\.moons"),
        ("sql/core/colour.sql", "GROUP BY colour", "GROUP BY", r"^sql/core/colour\.sql:\d+: "),
        ("contracts/core/colour.yaml", "bigint", "bignum", r"^contracts/core/colour\.yaml:\d+: unknown physical type"),
        (
            "contracts/core/colour.yaml",
            "apiVersion:",
            "colour: 1\napiVersion:",
            r"^contracts/core/colour\.yaml:1: .*unknown",
        ),
        ("contracts/core/colour.yaml", "core.colour", "core.color", r"^contracts/core/colour\.yaml:\d+: .*core\.color"),
    ],
    ids=["a column", "a table", "no SQL", "a type", "a key", "an id"],
)
def test_check_tells_file_and_line_of_a_fault(dw: Dw, small: Path, file: str, good: str, bad: str, told: str) -> None:
    assert dw("check", "--write").code == 0
    path = small / file
    assert good in path.read_text()
    path.write_text(path.read_text().replace(good, bad, 1))
    said = dw("check")
    assert said.code == 1
    assert re.search(told, said.err, re.MULTILINE), said.err
    assert re.search(r"^dw check: \d+ faults?$", said.err, re.MULTILINE)
    assert "Traceback" not in said.err + said.out


def test_check_tells_the_faults_of_all_contracts_at_once(dw: Dw, small: Path) -> None:
    for file in ("clean/things", "core/colour"):
        path = small / "contracts" / f"{file}.yaml"
        path.write_text("size: 1\n" + path.read_text())
    said = dw("check")
    assert said.code == 1
    for file in ("clean/things", "core/colour"):
        assert f"contracts/{file}.yaml:1: not valid ODCS: unknown key 'size'" in said.err


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


# rebuild


def test_rebuild_says_what_came_out_otherwise(
    dw: Dw, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DW_HOME", str(shop.copy(shop.home, tmp_path / "home")))
    said = dw("rebuild", "core.dim_channel")
    assert said.code == 0
    assert "core.dim_channel was computed anew: every row came out as it stood." in words(said.out)


def test_rebuild_without_a_warehouse_says_how_to_get_one(dw: Dw, new_home: Path) -> None:
    fails(dw("rebuild", "core.dim_channel"), "`dw run` makes one")


# status and backfill


def test_status_of_a_loaded_warehouse_has_no_gap(dw: Dw, at_home: Path, shop: Shop) -> None:
    said = dw("status")
    assert f"shop: 2 days from {shop.delivery.days[0]} to {shop.last_day}" in words(said.out)
    assert "No gap, nothing waits." in said.out
    files = json.loads(dw("status", "--json").out)["files"]
    assert {f["state"] for f in files} == {"loaded"}
    assert len(files) == len(shop.delivery.files)


def test_status_lists_what_waits(dw: Dw, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_HOME", str(shop.copy(shop.after_one_day, tmp_path / "home")))
    said = words(dw("status").out)
    assert f"{shop.last_day} raw.orders" in said
    assert f"`dw backfill --from {shop.delivery.days[0]} --to {shop.last_day}`" in said
    assert f"raw.orders {shop.delivery.days[0]} {shop.last_day}" in said, "done, not done"


def test_backfill_takes_the_days_that_are_not_loaded(
    dw: Dw, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import operate_commands

    asked: list[tuple[date, ...]] = []

    def ran(source: str, days: tuple[date, ...], flow: object, builds: int) -> Ended:
        asked.append(days)
        return Ended(RunReport(), Settings(), days, "", 0.0)

    monkeypatch.setattr(operate_commands, "run_flow", ran)
    monkeypatch.setenv("DW_HOME", str(shop.copy(shop.after_one_day, tmp_path / "home")))
    first, last = str(shop.delivery.days[0]), str(shop.last_day)
    assert "To load" in dw("backfill", "--from", first, "--to", last).out
    assert dw("backfill", "--from", first, "--to", last, "--table", "clean.orders").code == 0
    assert asked == [(shop.last_day,), (shop.last_day,)]
    said = dw("backfill", "--from", first, "--to", last, "--dry-run", "--parallel", "4")
    assert f"To load: {last}." in said.out
    assert "Nothing was done (--dry-run)." in said.out
    assert len(asked) == 2
    assert "Nothing to load" in dw("backfill", "--from", first, "--to", first).out
    fails(dw("backfill", "--from", last, "--to", first), f"--to {first} lies before --from {last}", code=2)
    named = dw("backfill", "--from", first, "--to", last, "--table", "raw.order")
    fails(named, "no table is called 'raw.order'; did you mean raw.orders", code=2)
