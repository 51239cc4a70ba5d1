"""The embedded warehouse: Redshift text in, rows out; what fails says so in words, and changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from hand_made import contract

from contracts.ids import TableId
from sql import ddl
from sql.dialect import SqlError
from tasks.lake import LakeFile
from tasks.settings import Settings
from tasks.warehouse import open_warehouse
from tasks.warehouse.base import WarehouseBusy, WarehouseError
from tasks.warehouse.duckdb import DuckDBWarehouse

AWKWARD = ["o'brien", 'say "hi"', "; DROP TABLE core.things; --", "$x :y %s ?", "", "Zoë 😀", "back\\slash\nline"]


@pytest.fixture
def warehouse() -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(None, binds={"reporting_currency": "INR"}) as opened:
        opened.execute("CREATE SCHEMA IF NOT EXISTS core")
        opened.execute("CREATE TABLE core.things (id BIGINT, name VARCHAR(64))")
        yield opened


def ids(warehouse: DuckDBWarehouse) -> list[int]:
    return warehouse.query("SELECT id FROM core.things ORDER BY id").get_column("id").to_list()


# Statements and binds


def test_values_are_bound_by_name_never_pasted(warehouse: DuckDBWarehouse) -> None:
    for number, text in enumerate(AWKWARD):
        warehouse.execute(
            "INSERT INTO core.things (id, name) SELECT :number AS id, :text AS name", number=number, text=text
        )
    assert warehouse.query("SELECT name FROM core.things ORDER BY id").get_column("name").to_list() == AWKWARD
    assert warehouse.scalar("SELECT id FROM core.things WHERE name = :text", text=AWKWARD[2]) == 2


def test_binds_keep_their_types(warehouse: DuckDBWarehouse) -> None:
    values = {"a": 7, "b": Decimal("1.50"), "c": date(2026, 1, 5), "d": datetime(2026, 1, 5, 9), "e": True, "f": None}
    found = warehouse.query(f"SELECT {', '.join(f':{name} AS {name}' for name in values)}", **values)
    assert found.row(0, named=True) == values


def test_binds_of_the_warehouse_are_there_and_a_statements_own_win(warehouse: DuckDBWarehouse) -> None:
    assert warehouse.scalar("SELECT :reporting_currency AS code") == "INR"
    assert warehouse.scalar("SELECT :reporting_currency AS code", reporting_currency="GBP") == "GBP"


def test_a_bind_without_a_value_is_an_error_not_a_null(warehouse: DuckDBWarehouse) -> None:
    with pytest.raises(WarehouseError, match="no value is given for :from_date, :to_date"):
        warehouse.query("SELECT 1 AS one WHERE :from_date < :to_date")


def test_a_dollar_sign_inside_text_is_text(warehouse: DuckDBWarehouse) -> None:
    assert warehouse.query("SELECT 'it''s $five' AS price, :x AS x", x=1).rows() == [("it's $five", 1)]


def test_an_apostrophe_in_a_comment_opens_no_text(warehouse: DuckDBWarehouse) -> None:
    assert warehouse.query("-- A visit's $start.\nSELECT :x AS x, 'y' AS y", x=1).rows() == [(1, "y")]


def test_statements_are_read_as_redshift_means_them(warehouse: DuckDBWarehouse) -> None:
    assert warehouse.scalar("SELECT 7 / 2 AS quotient") == 3
    ordered = warehouse.query(
        "SELECT x FROM (SELECT 1 AS x UNION ALL SELECT CAST(NULL AS INTEGER)) AS t ORDER BY x DESC"
    )
    assert ordered.get_column("x").to_list() == [None, 1]
    with pytest.raises(WarehouseError, match=r"(?i)division by zero"):
        warehouse.query("SELECT 1 / CAST(0 AS INTEGER) AS quotient")


def test_a_query_without_rows_still_has_its_columns(warehouse: DuckDBWarehouse) -> None:
    found = warehouse.query("SELECT id, name FROM core.things WHERE id < 0")
    assert found.schema == pl.Schema({"id": pl.Int64, "name": pl.String})


def test_an_error_says_what_the_engine_said_and_shows_the_statement(warehouse: DuckDBWarehouse) -> None:
    with pytest.raises(WarehouseError, match=r"nothing does not exist.* \[in: SELECT .*core\.nothing") as caught:
        warehouse.query("SELECT id\nFROM core.nothing")
    assert "\n" not in str(caught.value)


def test_what_is_not_portable_is_refused_before_it_runs(warehouse: DuckDBWarehouse) -> None:
    with pytest.raises(SqlError, match="one statement at a time, here are 2"):
        warehouse.execute("DELETE FROM core.things; DELETE FROM core.things")
    with pytest.raises(SqlError, match="not in the portable subset"):
        warehouse.query("SELECT list_sum([1, 2]) AS s")


def test_the_analysts_own_text_runs_as_it_is(warehouse: DuckDBWarehouse) -> None:
    assert warehouse.native("SELECT list_sum([1, 2]) AS s").rows() == [(3,)]
    with pytest.raises(WarehouseError, match="syntax error"):
        warehouse.native("SELEKT 1")


def test_describe_plans_a_select_without_running_it(warehouse: DuckDBWarehouse) -> None:
    assert warehouse.describe("SELECT id AS number FROM core.things") == [("number", "BIGINT")]
    with pytest.raises(WarehouseError, match="colour"):
        warehouse.describe("SELECT colour FROM core.things")


# Transactions


def test_a_transaction_that_fails_leaves_nothing(warehouse: DuckDBWarehouse) -> None:
    warehouse.transaction(lambda: warehouse.execute("INSERT INTO core.things (id) SELECT 1 AS id"))

    def fail() -> None:
        warehouse.execute("DELETE FROM core.things")
        warehouse.execute("CREATE TABLE core.more (id BIGINT)")
        warehouse.execute("INSERT INTO core.nothing (id) SELECT 2 AS id")

    with pytest.raises(WarehouseError, match="nothing"):
        warehouse.transaction(fail)
    assert ids(warehouse) == [1]
    assert not warehouse.has_table("core.more")


def test_a_transaction_that_is_interrupted_leaves_nothing_and_the_next_one_works(warehouse: DuckDBWarehouse) -> None:
    def interrupted() -> None:
        warehouse.execute("INSERT INTO core.things (id) SELECT 1 AS id")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        warehouse.transaction(interrupted)
    warehouse.transaction(lambda: warehouse.execute("INSERT INTO core.things (id) SELECT 2 AS id"))
    assert ids(warehouse) == [2]


# Rows and files


def test_rows_are_inserted_by_column_name(warehouse: DuckDBWarehouse) -> None:
    rows = [{"name": text, "id": number} for number, text in enumerate(AWKWARD)]
    warehouse.insert_rows("core.things", ["name", "id"], rows)
    warehouse.insert_rows("core.things", ["id", "name"], [])
    warehouse.insert_rows("core.things", ["id", "name"], [{"id": 99}])
    found = warehouse.query("SELECT id, name FROM core.things ORDER BY id").rows()
    assert found == [*enumerate(AWKWARD), (99, None)]


def test_parquet_files_are_loaded_by_column_name(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    first, second = tmp_path / "it's first.parquet", tmp_path / "second.parquet"
    pl.DataFrame({"name": ["a"], "id": [1], "more": [True]}).write_parquet(first)
    pl.DataFrame({"name": ["b"], "id": [2], "more": [False]}).write_parquet(second)
    warehouse.load_parquet("core.things", ["id", "name"], [LakeFile.local(first), LakeFile.local(second)])
    warehouse.load_parquet("core.things", ["id", "name"], [])
    assert warehouse.query("SELECT id, name FROM core.things ORDER BY id").rows() == [(1, "a"), (2, "b")]


def test_a_view_of_no_files_has_the_contracts_columns(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    things = contract(tmp_path, "clean.things", [{"name": "id", "type": "bigint"}, {"name": "at", "type": "timestamp"}])
    warehouse.view_parquet("lake.clean__things", [], things)
    found = warehouse.native("SELECT * FROM lake.clean__things")
    assert found.schema == pl.Schema({"id": pl.Int64, "at": pl.Datetime("us")})


def test_a_view_of_files_from_before_a_column_has_it_empty(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    columns = [{"name": "id", "type": "bigint", "key": 1}, {"name": "seen_at", "type": "timestamp"}, "name"]
    things = contract(tmp_path, "clean.things", columns)
    old, new = tmp_path / "old.parquet", tmp_path / "new.parquet"
    pl.DataFrame({"id": [1], "gone": [True]}, schema_overrides={"id": pl.Int32}).write_parquet(old)
    pl.DataFrame({"id": [2], "name": ["b"]}).write_parquet(new)
    warehouse.view_parquet("lake.clean__things", [LakeFile.local(old), LakeFile.local(new)], things)
    found = warehouse.native("SELECT id, seen_at, name FROM lake.clean__things ORDER BY id")
    assert found.schema == pl.Schema({"id": pl.Int64, "seen_at": pl.Datetime("us"), "name": pl.String})
    assert found.rows() == [(1, None, None), (2, None, "b")]


def test_the_columns_of_every_table_are_told_in_order_with_what_the_engine_knows(warehouse: DuckDBWarehouse) -> None:
    warehouse.execute("CREATE TABLE core.orders (b DECIMAL(18,2) NOT NULL, a VARCHAR(9), c TIMESTAMP)")
    warehouse.execute("CREATE SCHEMA elsewhere")
    warehouse.execute("CREATE TABLE elsewhere.orders (a INTEGER)")
    found = warehouse.columns()
    assert {name: (str(c.type), c.nullable) for name, c in found["core.orders"].items()} == {
        "b": ("decimal(18,2)", False),
        "a": ("varchar", True),
        "c": ("timestamp", True),
    }
    assert list(found["core.orders"]) == ["b", "a", "c"]
    assert "elsewhere.orders" not in found


def test_a_table_is_there_or_not(warehouse: DuckDBWarehouse) -> None:
    assert warehouse.has_table("core.things")
    assert not warehouse.has_table("core.others")
    assert not warehouse.has_table("mart.things")


# Environments


def test_an_environment_is_a_prefix_of_every_schema(tmp_path: Path) -> None:
    things = contract(tmp_path, "core.things", [{"name": "id", "type": "bigint", "key": 1}])
    path = tmp_path / "warehouse.duckdb"
    with DuckDBWarehouse(path, environment="dev") as dev:
        for statement in ddl.create_all([things]):
            dev.execute(statement)
        dev.insert_rows("core.things", ["id"], [{"id": 1}])
        assert dev.has_table("core.things")
        assert dev.scalar("SELECT COUNT(core.things.id) AS n FROM core.things") == 1
        assert dev.native("SELECT id FROM dev_core.things").rows() == [(1,)]
        schemas = dev.native("SELECT DISTINCT table_schema FROM information_schema.tables ORDER BY 1")
    assert schemas.get_column("table_schema").to_list() == ["dev_core", "dev_stage"]
    with DuckDBWarehouse(path) as production:
        assert not production.has_table(str(TableId("core", "things")))


# The file


def test_read_only_answers_and_refuses_to_write(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with open_warehouse(settings) as warehouse:
        warehouse.execute("CREATE SCHEMA core")
        warehouse.execute("CREATE TABLE core.things AS SELECT 1 AS id")
    with open_warehouse(settings, read_only=True) as reader:
        assert reader.scalar("SELECT id FROM core.things") == 1
        assert reader.scalar("SELECT :reporting_currency AS code") == "INR"
        with pytest.raises(WarehouseError, match="read-only"):
            reader.execute("DELETE FROM core.things")


def test_a_warehouse_that_is_not_there_is_not_made_by_reading_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "nowhere")
    with pytest.raises(WarehouseError, match=r"there is no warehouse at .*warehouse\.duckdb; `dw run` makes one"):
        open_warehouse(settings, read_only=True)
    assert not settings.home.exists()


def test_a_file_that_is_no_warehouse_is_told(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(WarehouseError, match=r"cannot open .*warehouse\.duckdb"):
        DuckDBWarehouse(path)


def test_a_file_that_another_process_holds_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    held = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", held, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        for read_only in (False, True):
            with pytest.raises(WarehouseBusy, match=r"warehouse\.duckdb is in use by another process; wait for it"):
                DuckDBWarehouse(path, read_only=read_only)
        other.communicate()
    DuckDBWarehouse(path).close()


def test_many_rows_are_inserted_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {
            "id": number,
            "name": "Łódź 'quoted'" if number % 2 else None,
            "amount": Decimal(number) / 100 if number % 3 else None,
            "day": date(2026, 1, 1 + number % 28),
            "at": datetime(2026, 1, 5, 12, 0, 0, number),
            "is_open": number % 2 == 0,
            "never": None,
        }
        for number in range(12)
    ]
    found = []
    for most in (len(rows) * len(rows[0]), 1):
        monkeypatch.setattr("tasks.warehouse.duckdb._MOST_BINDS", most)
        with DuckDBWarehouse(None) as warehouse:
            warehouse.execute("CREATE SCHEMA core")
            warehouse.execute(
                "CREATE TABLE core.kinds (id INTEGER, name VARCHAR(64), amount DECIMAL(18, 2), day DATE, "
                '"at" TIMESTAMP, is_open BOOLEAN, never VARCHAR(8))'
            )
            warehouse.transaction(partial(warehouse.insert_rows, "core.kinds", list(rows[0]), rows))
            found.append(warehouse.query("SELECT * FROM core.kinds ORDER BY id"))
    assert found[0].equals(found[1])
    assert found[0].rows(named=True) == rows


def test_many_rows_of_which_one_does_not_fit_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.warehouse.duckdb._MOST_BINDS", 1)
    with DuckDBWarehouse(None) as warehouse:
        warehouse.execute("CREATE SCHEMA core")
        warehouse.execute("CREATE TABLE core.things (id INTEGER NOT NULL)")
        rows = [{"id": 1}, {"id": None}]
        with pytest.raises(WarehouseError, match="NOT NULL"):
            warehouse.transaction(partial(warehouse.insert_rows, "core.things", ["id"], rows))
        assert warehouse.query("SELECT id FROM core.things").is_empty()
        warehouse.insert_rows("core.things", ["id"], [{"id": 2}, {"id": 3}])
        assert warehouse.query("SELECT id FROM core.things ORDER BY id")["id"].to_list() == [2, 3]


def test_one_row_has_the_values_that_a_frame_has() -> None:
    select = (
        'SELECT SUM(id) AS total, MAX(amount) AS amount, MAX(day) AS day, MAX("at") AS "at", MAX(never) AS never, '
        "CAST(:text AS VARCHAR(8)) AS text FROM core.kinds"
    )
    with DuckDBWarehouse(None) as warehouse:
        warehouse.execute("CREATE SCHEMA core")
        warehouse.execute(
            'CREATE TABLE core.kinds (id BIGINT, amount DECIMAL(18, 2), day DATE, "at" TIMESTAMP, never VARCHAR(8))'
        )
        row = {
            "id": 7,
            "amount": Decimal("1.10"),
            "day": date(2026, 1, 2),
            "at": datetime(2026, 1, 2, 3),
            "never": None,
        }
        warehouse.insert_rows("core.kinds", list(row), [row, row])
        found = warehouse.row(select, text="it's")
        assert found == warehouse.query(select, text="it's").row(0, named=True)
        assert found == {"total": 14, **dict(list(row.items())[1:]), "text": "it's"}
        for select in ("SELECT id FROM core.kinds", "SELECT id FROM core.kinds WHERE id = 0"):
            with pytest.raises(ValueError, match="unpack"):
                warehouse.row(select)
        with pytest.raises(ValueError, match="unpack"):
            warehouse.scalar("SELECT MIN(id) AS a, MAX(id) AS b FROM core.kinds")
        with pytest.raises(WarehouseError, match="nothing_here"):
            warehouse.scalar("SELECT MIN(nothing_here) AS a FROM core.kinds")
