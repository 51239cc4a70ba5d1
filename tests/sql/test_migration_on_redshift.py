"""Tables follow their contracts on Redshift: what is planned is carried out over the wire, and no row is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import partial

import pytest
import redshift_connector
from redshift_standin import Standin
from small_shop import read_repository
from test_migration import OLD, ORDERS, WIDER, changed

from contracts.model import Contract
from contracts.registry import Registry
from tasks import migrate
from tasks.migrate import HISTORY, SchemaMismatch
from tasks.warehouse.redshift import RedshiftWarehouse

AT = datetime(2026, 1, 5, 9)
ROWS = [
    ("o1", "Pune", "x", 32_767, Decimal("9999999.99"), None),
    ("o2", None, None, -32_768, Decimal("-0.01"), "é" * 4),
    ("o3", "", "y", 0, None, "z"),
]


@pytest.fixture
def standin(running_standin: Standin) -> Standin:
    running_standin.reset()
    return running_standin


@pytest.fixture
def warehouse(standin: Standin) -> Iterator[RedshiftWarehouse]:
    """The table as it was, with rows, and its history."""
    login = {name: getattr(standin, name) for name in ("host", "port", "user", "password", "database")}
    with RedshiftWarehouse(partial(redshift_connector.connect, **login, sslmode="verify-full")) as opened:
        migrated(opened, ORDERS)
        opened.insert_rows("core.orders", ORDERS.names, [dict(zip(ORDERS.names, row, strict=True)) for row in ROWS])
        opened.insert_rows(ORDERS.table.pending, ["order_id"], [{"order_id": "o1"}])
        yield opened


def registry(contract: Contract) -> Registry:
    return Registry({c.table: c for c in (read_repository()[0][HISTORY], contract)})


def migrated(warehouse: RedshiftWarehouse, contract: Contract) -> list[str]:
    known = registry(contract)
    return migrate.apply(warehouse, known, migrate.plan(warehouse, known), run_id="r", at=AT)


def rows(warehouse: RedshiftWarehouse) -> list[tuple[object, ...]]:
    return warehouse.query(f"SELECT {', '.join(ORDERS.names)} FROM core.orders ORDER BY 1").rows()


def types(warehouse: RedshiftWarehouse, table: str = "core.orders") -> dict[str, str]:
    return {name: str(stands.type) for name, stands in warehouse.columns()[table].items()}


def test_a_second_plan_has_nothing_to_do(warehouse: RedshiftWarehouse) -> None:
    assert migrate.plan(warehouse, registry(ORDERS)).is_empty
    assert migrated(warehouse, ORDERS) == []


def test_a_column_is_added_and_a_text_lengthened_in_place(warehouse: RedshiftWarehouse, standin: Standin) -> None:
    new = changed(OLD.replace("city varchar(16)", "city varchar(32)") + "nickname varchar(64) encode=lzo\n")
    assert migrated(warehouse, new) == [
        "core.orders: column city widened from varchar(16) to varchar(32)",
        "core.orders: column nickname varchar(64) added",
    ]
    assert rows(warehouse) == ROWS
    assert (types(warehouse)["city"], types(warehouse)["nickname"]) == ("varchar(32)", "varchar(64)")
    # Redshift lengthens a text outside of a transaction only: the stand-in, too, refuses it within.
    kinds = ("ALTER", "BEGIN", "COMMIT", "DROP VIEW bi", "CREATE VIEW")
    said = [s.text for s in standin.statements if s.text.startswith(kinds)]
    assert "ALTER COLUMN city" in said[-7]
    # No table is altered below a view: it goes before, and stands again after.
    assert [text.split()[0] for text in said[-10:-7]] == ["BEGIN", "DROP", "COMMIT"]
    assert [text.split()[0] for text in said[-7:-3]] == ["ALTER", "BEGIN", "ALTER", "COMMIT"]
    assert [text.split()[0] for text in said[-3:]] == ["BEGIN", "CREATE", "COMMIT"]
    shown = warehouse.query("SELECT order_id, nickname FROM bi.orders ORDER BY order_id")
    assert shown.rows() == [(row[0], None) for row in ROWS]
    assert migrate.plan(warehouse, registry(new)).is_empty


def test_what_cannot_be_altered_is_copied_with_every_row(warehouse: RedshiftWarehouse, standin: Standin) -> None:
    new = changed(WIDER)
    # Six columns, and the key in both queues.
    assert len(migrated(warehouse, new)) == 8
    assert rows(warehouse) == ROWS
    assert types(warehouse) == {c.name: str(c.type) for c in new.columns}
    assert types(warehouse, ORDERS.table.pending) == {"order_id": "varchar(16)"}
    assert warehouse.query(f"SELECT order_id FROM {ORDERS.table.pending}").rows() == [("o1",)]
    assert "core.orders__copy" not in warehouse.columns()
    assert warehouse.query("SELECT order_id FROM bi.orders ORDER BY order_id").rows() == [(row[0],) for row in ROWS]
    told = warehouse.query(f"SELECT table_name, change FROM {HISTORY} ORDER BY change").rows()
    changed_ = [(table, change) for table, change in told if change != "created"]
    assert [table for table, change in changed_ if "view" not in change] == ["core.orders"]
    assert [table for table, change in changed_ if "view" in change] == ["bi.orders"] * 2
    assert any("DISTKEY (order_id) COMPOUND SORTKEY (note)" in s.text for s in standin.statements)
    assert migrate.plan(warehouse, registry(new)).is_empty


def test_a_copy_that_fails_leaves_the_table_as_it_was(warehouse: RedshiftWarehouse, standin: Standin) -> None:
    before = types(warehouse)
    standin.faults.raise_error("XX000", "no room", matching="^DROP TABLE core.orders")
    with pytest.raises(Exception, match="no room"):
        migrated(warehouse, changed(WIDER))
    assert (rows(warehouse), types(warehouse)) == (ROWS, before)
    assert migrated(warehouse, changed(WIDER)) != []
    assert rows(warehouse) == ROWS


def test_a_loss_is_refused_before_anything_is_written(warehouse: RedshiftWarehouse) -> None:
    before = types(warehouse)
    with pytest.raises(SchemaMismatch, match="size"):
        migrated(
            warehouse,
            changed(OLD.replace("city varchar(16)", "city varchar(64)").replace("size smallint", "size date")),
        )
    assert types(warehouse) == before
