"""What lies in the warehouses: every movement of every product, with an opening balance before the first sale."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.generate import vocabulary as v
from tasks.generate.entities import Built, delivered
from tasks.generate.orders import CANCELLED, Returns, Sales
from tasks.generate.plan import DAY_S, Flags, Ints, Plan
from tasks.generate.text import datetimes, ids, words

OPENING, RECEIPT, SALE, RETURN, ADJUSTMENT = range(5)
SAFETY_STOCK = 10
ADJUSTED_SHARE = 0.02


def inventory_movements(plan: Plan, book: Sales, back: Returns) -> Built:
    """One row per movement (signed units). Receipts cover the coming period's sales, so the balance stays positive."""
    rng = plan.stream("inventory")
    places = len(v.WAREHOUSES)
    line = np.flatnonzero(book.status[book.line_order] != CANCELLED)
    order = book.line_order[line]
    # A product is shipped from its home warehouse, seldom from the next one.
    sold_pair = _pair(book.line_product[line], rng.random(len(line)) < 0.15)
    sold_at = np.minimum(book.at[order] + rng.integers(60, 4 * 3_600, len(line)), plan.day_end(book.day[order]))
    units = book.line_quantity[line]

    came_back = np.flatnonzero((back.line >= 0) & (back.reason != 0))
    back_pair = _pair(book.line_product[back.line[came_back]], np.zeros(len(came_back), dtype=bool))

    pairs = np.unique(np.concatenate([sold_pair, back_pair]))
    period = 14 if plan.size.days > 28 else 2
    periods = -(-plan.size.days // period)
    cell = np.searchsorted(pairs, sold_pair) * periods + book.day[order] // period
    demand = (
        np.bincount(cell, weights=units, minlength=len(pairs) * periods).astype(np.int64).reshape(len(pairs), periods)
    )
    ordered = -(-demand * 11 // 10)
    opening = ordered[:, 0] + SAFETY_STOCK + rng.integers(0, 40, len(pairs))
    who, later = np.nonzero(ordered[:, 1:])
    # Receipts arrive on the evening before their period begins.
    arrives = plan.start + (later + 1) * period * DAY_S - rng.integers(1, 4 * 3_600, len(who))

    adjusted = np.flatnonzero(rng.random(len(pairs)) < ADJUSTED_SHARE)
    counted_at = plan.start + rng.integers(1, plan.size.days * DAY_S, len(adjusted))
    parts: list[tuple[int, Ints, Ints, Ints]] = [
        (OPENING, pairs, opening, np.full(len(pairs), plan.start)),
        (RECEIPT, pairs[who], ordered[who, later + 1], arrives),
        (SALE, sold_pair, -units, sold_at),
        (RETURN, back_pair, book.line_quantity[back.line[came_back]], back.at[came_back]),
        (ADJUSTMENT, pairs[adjusted], rng.choice([-3, -2, -1, 1, 2], len(adjusted)), counted_at),
    ]
    kind = np.repeat([part[0] for part in parts], [len(part[1]) for part in parts])
    pair, quantity, at = (np.concatenate([part[i] for part in parts]) for i in (1, 2, 3))
    by_time = np.argsort(at, kind="stable")
    kind, pair, quantity, at = kind[by_time], pair[by_time], quantity[by_time], at[by_time]
    frame = pl.select(
        movement_id=ids("M", 9, np.arange(1, len(at) + 1)),
        product_id=ids("P", 6, pair // places + 1),
        warehouse_code=words(v.WAREHOUSES, pair % places),
        movement_type=words(v.MOVEMENT_TYPES, kind),
        quantity=pl.Series(quantity.astype(np.int32)),
        moved_at=datetimes(at),
    )
    return Built(delivered(frame, plan.day_of(at), np.ones(len(at), dtype=bool)), {})


def _pair(product: Ints, elsewhere: Flags) -> Ints:
    """One number per product and warehouse."""
    places = len(v.WAREHOUSES)
    return product * places + (product + elsewhere) % places
