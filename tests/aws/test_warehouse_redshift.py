"""The Redshift adapter over the wire: values, transactions that are run again, and what is never run twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import partial

import polars as pl
import pytest
import redshift_connector
from redshift_standin import Standin

from tasks import aws
from tasks.warehouse.base import Tags, WarehouseError
from tasks.warehouse.redshift import TOKENS, RedshiftWarehouse
from tasks.warehouse.redshift_answers import Interrupted

AWKWARD = ["it's", 'a "quoted" one', "50 %", "a:b :c ::d", "ünïcødé 漢字 🙂", "two\nlines", "", " padded ", "?", "$1"]


@pytest.fixture
def pauses() -> list[float]:
    """What the warehouse waited between tries, in seconds."""
    return []


@pytest.fixture
def connect(standin: Standin) -> Callable[[], redshift_connector.Connection]:
    return partial(
        redshift_connector.connect,
        host=standin.host,
        port=standin.port,
        database=standin.database,
        user=standin.user,
        password=standin.password,
        sslmode="verify-full",
    )


@pytest.fixture
def warehouse(
    connect: Callable[[], redshift_connector.Connection], standin: Standin, pauses: list[float]
) -> Iterator[RedshiftWarehouse]:
    with RedshiftWarehouse(connect, binds={"reporting_currency": "INR"}, sleep=pauses.append) as opened:
        opened.execute("CREATE SCHEMA core")
        opened.execute("CREATE TABLE core.things (id BIGINT, name VARCHAR(100))")
        yield opened


def insert(warehouse: RedshiftWarehouse, number: int) -> None:
    warehouse.execute("INSERT INTO core.things (id) SELECT :number AS id", number=number)


def ids(warehouse: RedshiftWarehouse) -> list[int]:
    return warehouse.query("SELECT id FROM core.things ORDER BY id").get_column("id").to_list()


def texts(standin: Standin, word: str) -> list[str]:
    return [said.text for said in standin.statements if word in said.text]


# Values


def test_values_come_back_in_the_types_of_the_columns(warehouse: RedshiftWarehouse) -> None:
    columns = {
        "small": ("SMALLINT", 7, pl.Int16),
        "number": ("INTEGER", -7, pl.Int32),
        "big": ("BIGINT", 2**62, pl.Int64),
        "amount": ("DECIMAL(18, 4)", Decimal("-12.3400"), pl.Decimal(18, 4)),
        "share": ("DOUBLE PRECISION", 0.1, pl.Float64),
        "is_open": ("BOOLEAN", True, pl.Boolean),
        "code": ("CHAR(3)", "INR", pl.String),
        "name": ("VARCHAR(20)", "ü", pl.String),
        "day": ("DATE", date(2026, 2, 28), pl.Date),
        "at": ("TIMESTAMP", datetime(2026, 2, 28, 23, 59, 59, 999999), pl.Datetime("us")),
    }
    types = ", ".join(f'"{name}" {type_}' for name, (type_, _, _) in columns.items())
    warehouse.execute(f"CREATE TABLE core.kinds ({types})")
    row = {name: value for name, (_, value, _) in columns.items()}
    warehouse.insert_rows("core.kinds", list(row), [row, dict.fromkeys(row)])
    names = ", ".join(f'"{name}"' for name in columns)
    found = warehouse.query(f'SELECT {names} FROM core.kinds ORDER BY "big"')
    assert found.schema == {name: type_ for name, (_, _, type_) in columns.items()}
    assert found.row(0, named=True) == row
    assert found.row(1) == (None,) * len(row)


def test_an_answer_without_rows_has_its_columns(warehouse: RedshiftWarehouse) -> None:
    found = warehouse.query("SELECT id, name FROM core.things")
    assert found.schema == {"id": pl.Int64, "name": pl.String}
    assert found.height == 0


def test_awkward_text_is_inserted_and_found_by_bind(warehouse: RedshiftWarehouse) -> None:
    rows = [{"name": text, "id": number} for number, text in enumerate(AWKWARD)]
    warehouse.insert_rows("core.things", ["name", "id"], rows)
    warehouse.insert_rows("core.things", ["id", "name"], [])
    assert warehouse.query("SELECT name FROM core.things ORDER BY id").get_column("name").to_list() == AWKWARD
    for number, text in enumerate(AWKWARD):
        assert warehouse.scalar("SELECT id FROM core.things WHERE name = :text", text=text) == number


def test_more_rows_than_a_statement_takes_binds(warehouse: RedshiftWarehouse) -> None:
    warehouse.insert_rows("core.things", ["id", "name"], [{"id": n, "name": str(n)} for n in range(12_345)])
    counted = warehouse.query("SELECT COUNT(*) AS n, COUNT(DISTINCT name) AS names, MAX(id) AS last FROM core.things")
    assert counted.row(0) == (12_345, 12_345, 12_344)


def test_a_word_behind_a_colon_is_a_bind_only_outside_of_text(warehouse: RedshiftWarehouse) -> None:
    text = """SELECT ':a' AS "b:c", 1::BIGINT AS d, :e AS e /* :f */ -- :g"""
    assert warehouse.query(text, e=5).row(0) == (":a", 1, 5)
    assert warehouse.scalar("SELECT :reporting_currency AS code") == "INR"
    with pytest.raises(WarehouseError, match="no value is given for :e"):
        warehouse.query(text)


def test_tables_and_columns_are_reported_as_they_were_made(warehouse: RedshiftWarehouse) -> None:
    warehouse.execute("CREATE SCHEMA stage")
    warehouse.execute("CREATE TABLE stage.a (id BIGINT NOT NULL, amount DECIMAL(18, 2), name VARCHAR(7), at TIMESTAMP)")
    warehouse.transaction(lambda: None)
    found = warehouse.columns()
    assert sorted(found) == ["core.things", "stage.a"]  # the tokens of transactions are nobody's business
    assert {name: (str(stands.type), stands.nullable) for name, stands in found["stage.a"].items()} == {
        "id": ("bigint", False),
        "amount": ("decimal(18,2)", True),
        "name": ("varchar(7)", True),
        "at": ("timestamp", True),
    }
    assert warehouse.has_table("stage.a")
    assert not warehouse.has_table("stage.b")


def test_an_environment_has_schemas_of_its_own(connect: Callable[[], redshift_connector.Connection]) -> None:
    with RedshiftWarehouse(connect, environment="dev") as warehouse:
        warehouse.execute("CREATE SCHEMA dev_core")
        warehouse.execute("CREATE TABLE core.things (id BIGINT)")
        warehouse.transaction(lambda: warehouse.insert_rows("core.things", ["id"], [{"id": 1}]))
        assert warehouse.native("SELECT id FROM dev_core.things").rows() == [(1,)]
        assert [*warehouse.columns()] == ["core.things"]


# Transactions


def test_a_transaction_is_all_or_nothing(warehouse: RedshiftWarehouse, pauses: list[float]) -> None:
    assert warehouse.transaction(lambda: insert(warehouse, 1) or "done") == "done"

    def fail() -> None:
        insert(warehouse, 2)
        warehouse.execute("INSERT INTO core.nothing (id) SELECT 3 AS id")

    with pytest.raises(
        WarehouseError, match=r'"core\.nothing" does not exist.*SQLSTATE 42P01.*INSERT INTO core\.nothing'
    ):
        warehouse.transaction(fail)
    assert ids(warehouse) == [1]
    assert pauses == []


def test_an_interruption_leaves_nothing_and_the_next_transaction_works(warehouse: RedshiftWarehouse) -> None:
    def interrupted() -> None:
        insert(warehouse, 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        warehouse.transaction(interrupted)
    warehouse.transaction(lambda: insert(warehouse, 2))
    assert ids(warehouse) == [2]


@pytest.mark.parametrize("fault", ["lost", "violation", "violation at commit"])
def test_a_transaction_is_run_again_from_its_start(
    warehouse: RedshiftWarehouse, standin: Standin, pauses: list[float], fault: str
) -> None:
    runs: list[int] = []

    def work() -> int:
        runs.append(1)
        insert(warehouse, len(runs) * 10)
        insert(warehouse, 1)
        return len(runs)

    if fault == "lost":
        standin.faults.drop_connection(2, matching="INTO core.things", times=2)
    elif fault == "violation":
        standin.faults.serializable_violation(2, matching="INTO core.things", times=1)
    else:
        standin.faults.serializable_violation(1, matching="^COMMIT")
    again = warehouse.transaction(work)
    assert again == len(runs) > 1
    assert ids(warehouse) == [1, again * 10]
    assert len(pauses) == again - 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_whose_answer_is_lost_takes_place_once(
    warehouse: RedshiftWarehouse, standin: Standin, when: str
) -> None:
    """Before: the server never saw it, the work is done again. After: it is there, and is not done again."""
    runs: list[int] = []

    def work() -> int:
        runs.append(1)
        insert(warehouse, 1)
        return len(runs)

    standin.faults.drop_connection(1, matching="^COMMIT", when=when)  # type: ignore[arg-type]
    assert warehouse.transaction(work) == len(runs) == (2 if when == "before" else 1)
    assert ids(warehouse) == [1]
    assert warehouse.scalar(f"SELECT COUNT(*) AS n FROM {TOKENS}") == 1


def test_a_commit_that_takes_place_after_its_client_gave_up_is_waited_for(
    warehouse: RedshiftWarehouse, standin: Standin
) -> None:
    """What is asked at once would not see it yet: the tokens' lock waits for the session that was lost."""
    warehouse.transaction(lambda: None)
    took_place = threading.Event()
    standin.faults.drop_connection(1, matching="^COMMIT", when="late", then=took_place.set)
    warehouse.transaction(lambda: insert(warehouse, 1))
    assert took_place.wait(10)
    assert ids(warehouse) == [1]


def test_doubt_after_doubt_ends_with_the_work_done_once(warehouse: RedshiftWarehouse, standin: Standin) -> None:
    standin.faults.drop_connection(1, matching="^COMMIT", when="before")
    standin.faults.drop_connection(2, matching="^COMMIT", when="after")
    standin.faults.drop_connection(1, matching="^LOCK")
    warehouse.transaction(lambda: insert(warehouse, 1))
    assert ids(warehouse) == [1]


def test_pauses_grow_and_there_is_an_end(warehouse: RedshiftWarehouse, standin: Standin, pauses: list[float]) -> None:
    standin.faults.serializable_violation(matching="INTO core.things", times=100)
    with pytest.raises(Interrupted, match="1023"):
        warehouse.transaction(lambda: insert(warehouse, 1))
    assert len(pauses) == 5
    assert all(0.25 * 2**n <= pause <= 0.5 * 2**n for n, pause in enumerate(pauses))
    standin.faults.clear()
    warehouse.transaction(lambda: insert(warehouse, 2))
    assert ids(warehouse) == [2]


@pytest.mark.parametrize("code", ["42501", "57014", "53100", "XX000", "22001"])
def test_other_errors_are_raised_at_once(
    warehouse: RedshiftWarehouse, standin: Standin, pauses: list[float], code: str
) -> None:
    standin.faults.raise_error(code, "no", matching="INTO core.things")
    with pytest.raises(WarehouseError, match=f"no .SQLSTATE {code}"):
        warehouse.transaction(lambda: insert(warehouse, 1))
    assert pauses == []
    assert ids(warehouse) == []


def test_a_read_is_asked_again_on_a_new_connection(
    warehouse: RedshiftWarehouse, standin: Standin, pauses: list[float]
) -> None:
    warehouse.transaction(lambda: insert(warehouse, 1))
    standin.faults.drop_connection(matching="^SELECT id")
    assert ids(warehouse) == [1]
    assert len(pauses) == 1


def test_a_write_outside_of_a_transaction_is_not_sent_twice(
    warehouse: RedshiftWarehouse, standin: Standin, pauses: list[float]
) -> None:
    standin.faults.drop_connection(matching="INTO core.things", when="after")
    with pytest.raises(Interrupted, match="the connection to Redshift was lost"):
        insert(warehouse, 1)
    # The next one, be it a write too, has a new connection.
    insert(warehouse, 2)
    assert pauses == []
    assert ids(warehouse) == [1, 2]


@pytest.mark.parametrize("setting", ["query_group", "statement_timeout"])
@pytest.mark.parametrize("fault", ["lost", "refused"])
def test_no_session_works_without_its_settings(
    warehouse: RedshiftWarehouse, standin: Standin, setting: str, fault: str
) -> None:
    warehouse.close()
    if fault == "lost":
        standin.faults.drop_connection(matching=f"SET {setting}")
    else:
        standin.faults.serializable_violation(matching=f"SET {setting}")
    standin.statements.clear()
    warehouse.transaction(lambda: insert(warehouse, 1))
    (inserted,) = [said.session for said in standin.statements if "INTO core.things" in said.text]
    settings = [said.text for said in standin.statements if said.session == inserted and said.text.startswith("SET ")]
    assert settings == ["SET query_group TO 'warehouse'", "SET statement_timeout TO 3600000"]


def test_a_write_of_its_own_asks_first_whether_it_may(warehouse: RedshiftWarehouse) -> None:
    def refuse() -> None:
        raise WarehouseError("not ours any more")

    warehouse.guard = refuse
    with pytest.raises(WarehouseError, match="not ours"):
        insert(warehouse, 1)
    with pytest.raises(WarehouseError, match="not ours"):
        warehouse.transaction(lambda: insert(warehouse, 2))
    assert ids(warehouse) == []


# The query log


def test_every_statement_says_for_which_run_and_table_it_is(warehouse: RedshiftWarehouse, standin: Standin) -> None:
    warehouse.tags = Tags("ab12", "core.things")
    warehouse.transaction(lambda: insert(warehouse, 1))
    warehouse.tags = Tags("*/ DROP TABLE core.things", "a'b")
    assert ids(warehouse) == [1]
    (tagged,) = texts(standin, "INTO core.things")
    assert tagged.startswith("/* warehouse run=ab12 table=core.things */ INSERT")
    assert texts(standin, "DROP TABLE") == []


def test_a_session_has_its_queue_and_its_limit(warehouse: RedshiftWarehouse, standin: Standin) -> None:
    assert texts(standin, "SET ") == ["SET query_group TO 'warehouse'", "SET statement_timeout TO 3600000"]


def test_a_statement_that_takes_too_long_is_ended(
    connect: Callable[[], redshift_connector.Connection], pauses: list[float]
) -> None:
    with RedshiftWarehouse(connect, statement_timeout=1, sleep=pauses.append) as warehouse:
        numbers = " UNION ALL ".join(["SELECT 1 AS n"] * 10)
        joins = " CROSS JOIN ".join(f"numbers AS n{place}" for place in range(12))
        with pytest.raises(WarehouseError, match="SQLSTATE 57014"):
            warehouse.query(f"WITH numbers AS ({numbers}) SELECT COUNT(*) AS n FROM {joins}")
    assert pauses == []


# Export


def test_a_query_is_unloaded_with_the_quotes_and_backslashes_that_it_has(
    warehouse: RedshiftWarehouse, bucket: str
) -> None:
    insert(warehouse, 1)
    select = r"SELECT id, 'it''s \\d+' AS pattern FROM core.things"
    assert warehouse.export(select, f"s3://{bucket}/out/") == 1
    rows = [
        pl.read_parquet(aws.client("s3").get_object(Bucket=bucket, Key=found["Key"])["Body"].read()).row(0)
        for found in aws.client("s3").list_objects_v2(Bucket=bucket, Prefix="out/")["Contents"]
        if found["Key"].endswith(".parquet")
    ]
    assert rows == warehouse.query(select).rows() == [(1, r"it's \d+")]


def test_a_table_without_rows_is_unloaded_as_nothing(warehouse: RedshiftWarehouse, bucket: str) -> None:
    assert warehouse.export("SELECT id, name FROM core.things", f"s3://{bucket}/out/") == 0
    insert(warehouse, 1)
    assert warehouse.export("SELECT id, name FROM core.things", f"s3://{bucket}/out/") == 1
    with pytest.raises(WarehouseError, match="not empty"):
        warehouse.export("SELECT id, name FROM core.things", f"s3://{bucket}/out/")


# What the analyst asks


def test_the_analysts_own_text_runs_as_it_is_and_writes_nothing(warehouse: RedshiftWarehouse) -> None:
    warehouse.transaction(lambda: insert(warehouse, 1))
    assert warehouse.native("SELECT id AS a, id AS a FROM core.things").to_dict(as_series=False) == {
        "a": [1],
        "a_2": [1],
    }
    with pytest.raises(WarehouseError, match="read-only"):
        warehouse.native("DELETE FROM core.things")
    with pytest.raises(WarehouseError, match="syntax error"):
        warehouse.native("SELEKT 1")
    assert ids(warehouse) == [1]
