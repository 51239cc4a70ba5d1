"""A realistic delivery of files: ten tables over some days, and a label for each planted defect.

The same seed, size and first day give the same bytes. Per day and table there is one file
`<YYYY-MM-DD>/<table>.<ext>`; a table with nothing to tell on a day has no file. Beside the days stand `defects.parquet`
(the labels) and `delivery.json` (what the folder was made of).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tasks.generate import entities, orders, stock, vocabulary, web, write
from tasks.generate.dirt import Soiled, soil
from tasks.generate.plan import Plan, Size

__all__ = ["Delivery", "Size", "generate_delivery"]


@dataclass(frozen=True)
class Delivery:
    """What was written: path and row count (duplicates included) per day and table, and the number of labels."""

    root: Path
    days: list[date]
    files: dict[tuple[date, str], Path]
    rows: dict[tuple[date, str], int]
    defects: int


def generate_delivery(
    root: Path,
    *,
    size: Size | None = None,
    seed: int = 7,
    first_day: date = date(2026, 1, 5),
    overwrite: bool = False,
    on_progress: Callable[[str, int], None] | None = None,
) -> Delivery:
    """Writes a delivery of the given size (default: `Size.dev()`) below `root`; tells each table's rows once written.

    A folder that holds another delivery, or files that are none, is refused with a ValueError unless `overwrite`.
    """
    plan = Plan(size or Size.dev(), seed, first_day)
    write.prepare(root, plan, overwrite=overwrite)
    dates, files = plan.dates, dict[tuple[date, str], Path]()
    rows: dict[tuple[date, str], int] = {}
    # Drawing of numbers, formatting and compressing leave the interpreter free.
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="generate") as pool:
        soiled = _draw(plan, pool)
        for table in write.EXTENSIONS:
            writing, malformed = [], soiled.malformed(table)
            # Popped, so that a table's memory is free again once it is written.
            for index, part in write.by_day(soiled.frames.pop(table), soiled.extra.pop(table, None), plan.size.days):
                day = dates[index]
                path = root / write.file_name(table, day)
                writing.append(pool.submit(write.write_file, path, part, malformed.get(index, ())))
                files[day, table], rows[day, table] = path, part.height
            for written in writing:
                written.result()
            if on_progress:
                on_progress(table, sum(rows.get((day, table), 0) for day in dates))
    defects = write.labels(plan, soiled.labels)
    write.write_file(root / write.LABELS, defects)
    return Delivery(root, dates, files, rows, defects.height)


def _draw(plan: Plan, pool: Executor) -> Soiled:
    """All tables of the plan, with their defects. Each draws from streams of its own, in whatever order they come."""
    geography = vocabulary.draw_geography(plan)
    home = entities.homes(plan, geography)
    products, prices = entities.products(plan)
    book = orders.sales(plan, home, geography, prices)
    events = pool.submit(web.web_events, plan, book)
    back = orders.returns(plan, book)
    return soil(
        plan,
        {
            "customers": entities.customers(plan, geography, home, book.late_registered(plan)),
            "products": products,
            "orders": orders.orders(plan, book, geography),
            "order_items": orders.order_items(book),
            "payments": orders.payments(plan, book),
            "refunds": orders.refunds(plan, book, back),
            "inventory_movements": stock.inventory_movements(plan, book, back),
            "web_events": events.result(),
            "fx_rates": entities.fx_rates(plan),
            "postal_codes": entities.postal_codes(geography),
        },
    )
