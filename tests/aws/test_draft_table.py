"""A contract drafted from a table that stands, on DuckDB and on Redshift's stand-in: what it declares, and counts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest
import redshift_connector
from redshift_standin.fixtures import running_standin

from contracts.ids import TableId
from contracts.types import ColumnType
from tasks.draft.drafting import from_table
from tasks.draft.relation import contract_type
from tasks.warehouse.base import Warehouse, WarehouseError
from tasks.warehouse.duckdb import DuckDBWarehouse
from tasks.warehouse.redshift import RedshiftWarehouse

if TYPE_CHECKING:
    from redshift_standin import Standin

__all__ = ["running_standin"]
LEGACY = TableId("core", "legacy_orders")
CREATE = (
    "CREATE TABLE legacy.orders (order_id INTEGER NOT NULL, line SMALLINT NOT NULL, state VARCHAR(16), "
    "amount DECIMAL(12, 2), customer_email VARCHAR(100), ordered_at TIMESTAMP NOT NULL, day DATE, is_paid BOOLEAN, "
    "share DOUBLE PRECISION, PRIMARY KEY (order_id, line))"
)
ROWS = (
    "INSERT INTO legacy.orders (order_id, line, state, amount, customer_email, ordered_at, day, is_paid, share) "
    "SELECT :n AS order_id, 1 AS line, :state AS state, 12.50 AS amount, :email AS customer_email, "
    "CAST('2026-01-05 10:00:00' AS TIMESTAMP) AS ordered_at, CAST('2026-01-05' AS DATE) AS day, TRUE AS is_paid, "
    "0.5 AS share"
)


@pytest.fixture(params=["duckdb", "redshift"])
def warehouse(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    """A warehouse with a table that no contract knows."""
    if request.param == "duckdb":
        made: Warehouse = DuckDBWarehouse(None)
    else:
        standin: Standin = request.getfixturevalue("running_standin")
        standin.reset()
        login = {name: getattr(standin, name) for name in ("host", "port", "user", "password", "database")}
        made = RedshiftWarehouse(partial(redshift_connector.connect, **login, sslmode="verify-full"))
    with made as opened:
        opened.execute("CREATE SCHEMA legacy")
        # The adapter leaves keys out, which DuckDB would enforce; others who made the table did not.
        (opened.native if request.param == "duckdb" else opened.execute)(CREATE)
        yield opened


def fill(warehouse: Warehouse, count: int = 120) -> None:
    rows = [
        {"order_id": n, "line": 1, "state": ("paid", "sent")[n % 2], "customer_email": f"a{n}@b.org", "amount": n}
        for n in range(count)
    ]
    warehouse.execute("ALTER TABLE legacy.orders ADD COLUMN note VARCHAR(64)")
    warehouse.execute(ROWS, n=count, state="paid", email="x@y.org")
    values = ", ".join(
        f"({row['order_id']}, 1, '{row['state']}', {row['amount']}, '{row['customer_email']}', '2026-01-05 10:00:00')"
        for row in rows
    )
    warehouse.execute(
        f"INSERT INTO legacy.orders (order_id, line, state, amount, customer_email, ordered_at) VALUES {values}"
    )


def test_the_catalogue_is_kept_and_the_rows_keep_the_draft(warehouse: Warehouse) -> None:
    fill(warehouse)
    warehouse.execute("COMMENT ON TABLE legacy.orders IS 'Orders of the old shop.'")
    warehouse.execute("COMMENT ON COLUMN legacy.orders.amount IS 'What it cost.'")
    found = from_table(warehouse, "legacy.orders", LEGACY)
    contract = found.contract
    assert found.passes, found.broken
    assert found.checked > 10
    is_duckdb = warehouse.engine == "duckdb"
    # DuckDB knows no length of a text; the PostgreSQL behind the stand-in would enforce keys, so it is given none.
    assert contract.key == (("order_id", "line") if is_duckdb else ())
    assert contract.description == "Orders of the old shop."
    assert {c.name: str(c.type) for c in contract.columns} == {
        "order_id": "integer",
        "line": "smallint",
        "state": "varchar(64)" if is_duckdb else "varchar(16)",
        "amount": "decimal(12,2)",
        "customer_email": "varchar(64)" if is_duckdb else "varchar(100)",
        "ordered_at": "timestamp",
        "day": "date",
        "is_paid": "boolean",
        "share": "double precision",
        "note": "varchar(64)",
    }
    columns = contract.by_name
    assert columns["amount"].description == "What it cost."
    assert columns["amount"].options == {"minimum": 0}
    assert columns["state"].enum == ("paid", "sent")
    assert columns["customer_email"].mask == "email"
    assert {c.name for c in contract.columns if c.required} >= {"order_id", "line", "ordered_at", "state", "amount"}
    assert not columns["day"].required
    assert "1 of 121 rows have a value" in found.text
    assert "@b.org" not in found.text


def test_rows_that_break_a_draft_are_told(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(warehouse)
    monkeypatch.setattr("tasks.draft.relation._with_values", lambda house, name, facts: iter(facts))
    monkeypatch.setattr("tasks.draft.facts.Facts.has_all", property(lambda facts: True))
    found = from_table(warehouse, "legacy.orders", LEGACY)
    assert not found.passes
    assert {m.rule.id: m.failed for m in found.broken}["core.legacy_orders.day.not_null"] == 120


def test_an_empty_table_promises_what_it_declares(warehouse: Warehouse) -> None:
    found = from_table(warehouse, "legacy.orders", LEGACY)
    assert (found.passes, found.draft.columns[0].rows) == (True, 0)
    assert {c.name for c in found.contract.columns if c.required} == {"order_id", "line", "ordered_at"}


def test_a_table_that_is_not_there(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r"the warehouse has no table legacy\.nothing"):
        from_table(warehouse, "legacy.nothing", LEGACY)


def test_a_view_and_types_that_no_contract_promises() -> None:
    with DuckDBWarehouse(None) as warehouse:
        warehouse.native("CREATE SCHEMA legacy")
        warehouse.native(
            "CREATE VIEW legacy.wide AS SELECT 1 AS id, [1, 2] AS list, CAST('10:00' AS TIME) AS at, "
            "CAST('2026-01-05 10:00:00+02' AS TIMESTAMPTZ) AS seen, CAST(1 AS HUGEINT) AS big, 'x' AS word"
        )
        found = from_table(warehouse, "legacy.wide", TableId("mart", "wide"))
    assert found.passes
    assert [text.partition(":")[0] for text in found.draft.left_out] == ["column list", "column at"]
    assert {c.name: str(c.type) for c in found.contract.columns} == {
        "id": "integer",
        "seen": "timestamp",
        "big": "decimal(38,0)",
        "word": "varchar(64)",
    }
    assert "in UTC, without a zone" in found.text


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("character varying(10)", "varchar(10)"),
        ("character(3)", "varchar(3)"),
        ("VARCHAR", "varchar"),
        ("numeric(10,4)", "decimal(10,4)"),
        ("DECIMAL(7)", "decimal(7,0)"),
        ("timestamp without time zone", "timestamp"),
        ("timestamp(6) with time zone", "timestamp"),
        ("real", "double precision"),
        ("UINTEGER", "bigint"),
        ("UTINYINT", "smallint"),
        ("ENUM('a', 'b(1)')", "varchar"),
        ("super", None),
        ("varbyte(100)", None),
        ("INTEGER[]", None),
        ("STRUCT(a INTEGER, b VARCHAR(10))", None),
        ("time without time zone", None),
        ("interval", None),
    ],
)
def test_types_of_engines(text: str, type_: str | None) -> None:
    found: ColumnType | None = contract_type(text)[0]
    assert (None if found is None else str(found)) == type_
