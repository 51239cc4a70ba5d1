"""Plants the defects, each with a label that says what must become of its record.

A record carries at most one label. Defects of customers and products stand only on entities nobody refers to or, where
a day brings many changes, on later versions; those of orders only on orders delivered once. So the loss of a row
changes nothing that is labelled elsewhere, with two consequences that are labelled too: the lines, payments and refunds
of an order that is set aside refer to an order that was never loaded (`missing_order`), and the header of an order that
lost a line no longer ties to its lines (`incomplete_lines`). No rule of one row tells the third: a payment that is set
aside leaves its order's captures short of the total.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tasks.generate.defects import (
    DEFECTS,
    DUPLICATE,
    INFERRED,
    KEYS,
    LOADED,
    MALFORMED,
    QUARANTINED,
    REPETITIONS,
    WARNED,
    Defect,
    Repetition,
)
from tasks.generate.entities import Built
from tasks.generate.plan import Flags, Ints, Plan

# Rows that the builders flagged: kind, table, column, what becomes of them, and by which rule.
FLAGGED = (
    ("out_of_order_change", "customers", "updated_at", LOADED, None),
    ("late_event", "web_events", "event_at", LOADED, None),
    ("late_customer", "orders", "customer_id", INFERRED, "clean.orders.customer_id.foreign_key"),
    ("unknown_customer", "orders", "customer_id", INFERRED, "clean.orders.customer_id.foreign_key"),
)
_OF_ORDERS = ("order_items", "payments", "refunds")


@dataclass
class Soiled:
    """The tables with their defects: `extra` rows are further deliveries, `labels` are one row per planted defect.

    `labels` counts `record`s from 1 within a file, without its header.
    """

    frames: dict[str, pl.DataFrame]
    extra: dict[str, pl.DataFrame]
    labels: pl.DataFrame

    def malformed(self, table: str) -> dict[int, list[int]]:
        """The records of each day's file that are to be broken when they are written."""
        records = self.labels.filter(kind=MALFORMED, table=table).group_by("_day", maintain_order=True).agg("record")
        return dict(records.iter_rows())


def soil(plan: Plan, built: dict[str, Built]) -> Soiled:
    """Plants every kind of defect that the size has room for."""
    ground = _Ground(plan, built)
    for kind, table, column, expected, rule in FLAGGED:
        ground.label(kind, table, column, expected, rule, built[table].flagged[kind])
    for defect in DEFECTS:
        ground.plant(defect)
    for repetition in REPETITIONS:
        for table in repetition.counts:
            ground.repeat(repetition, table)
    extra = {table: pl.concat(more) for table, more in ground.extra.items()}
    return Soiled(ground.frames, extra, pl.concat(ground.labels))


@dataclass
class _Ground:
    """The tables while they are being soiled: which rows are free, and the labels so far."""

    plan: Plan
    built: dict[str, Built]
    frames: dict[str, pl.DataFrame] = field(init=False)
    free: dict[str, Flags] = field(init=False)
    extra: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    labels: list[pl.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.frames = {table: one.frame.drop("_free") for table, one in self.built.items()}
        self.free = {table: one.frame["_free"].to_numpy().copy() for table, one in self.built.items()}

    def label(self, kind: str, table: str, column: str, expected: str, rule: str | None, rows: Ints) -> None:
        """Labels rows of a table as they now stand."""
        days = self.frames[table]["_day"].to_numpy()
        record = rows - np.searchsorted(days, days[rows]) + 1
        self._label(kind, table, column, expected, rule, self.frames[table][rows], record)

    def _label(
        self, kind: str, table: str, column: str, expected: str, rule: str | None, rows: pl.DataFrame, record: Ints
    ) -> None:
        self.labels.append(
            rows.select(
                kind=pl.lit(kind),
                table=pl.lit(table),
                _day="_day",
                record=pl.Series(record, dtype=pl.Int64),
                key=KEYS[table],
                column=pl.lit(column),
                value=pl.col(column).cast(pl.String),
                expected=pl.lit(expected),
                rule=pl.lit(rule, dtype=pl.String),
            )
        )

    def plant(self, defect: Defect) -> None:
        """Spoils some free rows, and takes out of the free ones whatever is touched by it."""
        table, rng = defect.table, self.plan.stream(f"dirt {defect.kind} {defect.table} {defect.column}")
        frame = self.frames[table]
        wanted = max(defect.at_least, round(defect.per_million * frame.height / 1_000_000))
        if table == "order_items":
            rows = self._first_lines(rng, wanted, loses_line=defect.expected == QUARANTINED)
        else:
            among = np.ones(frame.height, dtype=bool)
            if defect.among is not None:
                among = frame.select(defect.among.fill_null(False)).to_series().to_numpy()
            rows = _draw(rng, self.free[table] & among, wanted)
        self.free[table][rows] = False
        self.frames[table] = frame.with_columns(_spoiled(frame, rows, defect, rng))
        self.label(defect.kind, table, defect.column, defect.expected, defect.rule, rows)
        if table == "orders" and defect.expected == QUARANTINED:
            self._take_from(frame["order_id"].gather(rows))

    def _first_lines(self, rng: np.random.Generator, wanted: int, *, loses_line: bool) -> Ints:
        """The first lines of some free orders, which are not free any more."""
        orders = _draw(rng, self.free["orders"], wanted)
        self.free["orders"][orders] = False
        if loses_line:
            rule = "core.fact_sales.lines_sum_to_total"
            self.label("incomplete_lines", "orders", "total_amount", WARNED, rule, orders)
        items = self.frames["order_items"]
        chosen = self.frames["orders"]["order_id"].gather(orders).implode()
        return _where(items["order_id"].is_in(chosen) & (items["line_number"] == 1))

    def _take_from(self, orders: pl.Series) -> None:
        """Labels what refers to orders that are set aside."""
        for table in _OF_ORDERS:
            rows = _where(self.frames[table]["order_id"].is_in(orders.implode()))
            rule = f"clean.{table}.order_id.foreign_key"
            self.label("missing_order", table, "order_id", WARNED, rule, rows)
            self.free[table][rows] = False

    def repeat(self, repetition: Repetition, table: str) -> None:
        """Delivers some free rows again, at the end of their file or of a later day's."""
        at_least, per_million = repetition.counts[table]
        rng, frame = self.plan.stream(f"dirt {repetition.kind} {table}"), self.frames[table]
        wanted = max(at_least, round(per_million * frame.height / 1_000_000))
        in_time = frame["_day"].to_numpy() + repetition.days_later < self.plan.size.days
        rows = _draw(rng, self.free[table] & in_time, wanted)
        self.free[table][rows] = False
        again = frame[rows].with_columns(pl.col("_day") + repetition.days_later, *repetition.differs)
        before = [frame["_day"], *(more["_day"] for more in self.extra.get(table, []))]
        in_file = np.bincount(pl.concat(before).to_numpy(), minlength=self.plan.size.days)
        nth_of_day = again.select(pl.int_range(pl.len()).over("_day")).to_series().to_numpy()
        record = in_file[again["_day"].to_numpy()] + nth_of_day + 1
        self.extra.setdefault(table, []).append(again)
        rule = f"clean.{table}.key.unique"
        self._label(repetition.kind, table, KEYS[table], DUPLICATE, rule, again, record)


def _spoiled(frame: pl.DataFrame, rows: Ints, defect: Defect, rng: np.random.Generator) -> list[pl.Series]:
    """The columns that a defect changes; none for a record that is broken when it is written."""
    was = frame[defect.column].gather(rows)
    if defect.swapped_with:
        other = frame[defect.swapped_with].gather(rows)
        changed = {defect.column: other, defect.swapped_with: was}
    else:
        changed = {defect.column: defect.spoil(was, rng)} if defect.spoil else {}
    return [frame[column].scatter(rows, values) for column, values in changed.items()]


def _draw(rng: np.random.Generator, free: Flags, wanted: int) -> Ints:
    """Rows for a defect, in order; never more than a tenth of those that are still free (but one, if there is one)."""
    rows = np.flatnonzero(free)
    count = min(wanted, -(-len(rows) // 10))
    return np.sort(rng.choice(rows, count, replace=False)).astype(np.int64)


def _where(chosen: pl.Series) -> Ints:
    return np.flatnonzero(chosen.to_numpy()).astype(np.int64)
