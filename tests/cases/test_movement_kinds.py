"""A day of stock with several movements of each kind, and days with one."""

from __future__ import annotations

from datetime import datetime

from case_warehouse import CaseWarehouse, graph, registry

from contracts.ids import TableId

DAILY = TableId.parse("core.fact_inventory_daily")
MOVEMENTS = TableId.parse("clean.inventory_movements")
KINDS = {"opening": "opening", "receipt": "received", "sale": "sold", "return": "returned", "adjustment": "adjusted"}


def stock(*moved: tuple[int, str, int]) -> list[tuple[object, ...]]:
    """Per day what each kind moved, the balance and whether nothing is left, from (day, kind, quantity)."""
    warehouse = CaseWarehouse(graph().upstream(DAILY))
    rows = [
        {"movement_id": f"M{i}", "product_id": "P", "warehouse_code": "W", "movement_type": kind, "quantity": quantity,
         "moved_at": datetime(2026, 1, day, 9)}
        for i, (day, kind, quantity) in enumerate(moved)
    ]  # fmt: skip
    warehouse.insert(str(MOVEMENTS), registry()[MOVEMENTS], rows)
    days = [{"snapshot_date": datetime(2026, 1, day).date()} for day in range(1, 8)]
    totals = TableId.parse("core.fact_inventory_totals")
    warehouse.insert(str(totals), registry()[totals], days)
    kinds = [f"{name}_quantity" for name in KINDS.values()]
    columns = ["snapshot_date", *kinds, "closing_quantity", "is_stockout"]
    found = warehouse.select(DAILY, columns)
    return [row[1:] for row in sorted(found)][: len({day for day, *_ in moved})]


def test_several_movements_of_a_kind_add_up_and_a_kind_that_did_not_move_is_zero() -> None:
    twice = [(1, kind, size) for kind in KINDS for size in ((-1, -2) if kind == "sale" else (1, 2))]
    assert stock(*twice, (2, "adjustment", -8)) == [(3, 3, 3, 3, 3, 9, False), (9, 0, 0, 0, -8, 1, False)]


def test_one_piece_that_is_left_is_no_stockout_and_none_is() -> None:
    one = [(1, "receipt", 2), (2, "sale", -1), (3, "sale", -1)]
    assert [row[-2:] for row in stock(*one)] == [(2, False), (1, False), (0, True)]
