"""A check as SQL: what it may be made of, and which days a change touches."""

from __future__ import annotations

import pytest

from contracts.ids import TableId
from contracts.registry import REPOSITORY, Registry
from sql.dialect import SqlError, parse_statement
from sql.reconcile import Check, per_day, per_key, read_checks, touched

GOOD = (
    "SELECT TRUE AS is_expected, o.order_date AS reconciliation_date, o.currency_code, o.order_id AS record_id, "
    "o.amount, 1 AS row_count FROM clean.orders AS o"
)
FOUND = GOOD.replace("TRUE", "FALSE").replace("clean.orders", "core.fact_orders")


def faults(text: str) -> list[str]:
    with pytest.raises(SqlError) as caught:
        _ = Check("orders", text, "orders.sql").arms
    return caught.value.faults


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{GOOD} UNION {FOUND}", "put together by UNION ALL"),
        (GOOD.replace("o.amount,", "o.amount AS money,"), "they should be is_expected, reconciliation_date,"),
        (GOOD.replace("o.order_date AS", "MIN(o.order_date) AS"), "reconciliation_date must be a column of a table"),
        (f"WITH o AS (SELECT 1 AS one) {GOOD}", "a check has no WITH"),
        (f"{GOOD} LEFT JOIN clean.order_items AS i ON i.order_id = o.order_id", "a check joins INNER"),
        (f"{GOOD} WHERE NOT EXISTS (SELECT 1 FROM clean.order_items AS i)", "no NOT EXISTS"),
        (f"{GOOD} WHERE o.order_id NOT IN (SELECT order_id FROM clean.order_items)", "no NOT EXISTS and no NOT IN"),
        (GOOD.replace("FROM clean.orders AS o", "FROM (SELECT 1 AS one) AS o"), "a check reads tables, not SELECTs"),
    ],
)
def test_what_a_check_is_not_made_of(text: str, told: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith("orders.sql:1: ")
    assert told in fault


def test_the_days_of_a_change_are_read_from_its_images() -> None:
    lines = GOOD.replace("o.amount", "i.amount") + " JOIN clean.order_items AS i ON i.order_id = o.order_id"
    check = Check("lines", f"{lines} UNION ALL {FOUND}", "lines.sql")
    of_items = touched(check, TableId.parse("clean.order_items"))
    assert of_items is not None
    read = " ".join(of_items.split())
    assert "FROM clean.orders AS o JOIN stage.changes__clean__order_items AS i ON i.order_id = o.order_id" in read
    assert "fact_orders" not in of_items
    assert touched(check, TableId.parse("clean.payments")) is None


def test_every_check_of_the_repository_is_whole_and_portable() -> None:
    registry = Registry.read()
    checks = read_checks(REPOSITORY, registry)
    assert len({check.name for check in checks}) == len(checks) > 20
    for check in checks:
        for text in (per_day(check), per_day(check, between=True, queued=True), per_key(check, limit=20)):
            parse_statement(text)
        for table in check.tables:
            if table.layer != "audit":
                assert touched(check, table), (check.name, table)
        assert check.masks(registry) == set(), f"{check.name} would tell personal data"
