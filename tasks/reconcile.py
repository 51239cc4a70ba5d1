"""Reconciliation: what should be against what is, per day and currency, and the keys that differ.

Days are compared when changes have touched them: each publish queues, in its own transaction, the days of the rows that
it changes. `record` empties the queue in the transaction that writes what it found, so that a killed run leaves its
days to the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from contracts.counted import counted
from contracts.ids import TableId
from contracts.registry import Registry
from expectations.masking import mask
from sql.ddl import RECONCILIATION_QUEUE as QUEUE
from sql.reconcile import MEASURES, PER_DAY, PER_KEY, Check, per_day, per_key, touched
from tasks.warehouse import Warehouse

TABLE = "audit.reconciliation"
KEYS = "audit.reconciliation_key"
CHECKS = "audit.reconciliation_check"
# How many of the keys that differ are told and kept per check; `dw reconcile` lists all.
TOLD = 20
_FIGURES = (*MEASURES, "different_key_count")


@dataclass(frozen=True)
class Window:
    """The days from `first` to `last`."""

    first: date
    last: date


@dataclass(frozen=True)
class Compared:
    """One check: rows per day and currency (figures, is_balanced), and keys that differ (PER_KEY, MEASURES)."""

    check: Check
    days: pl.DataFrame
    keys: pl.DataFrame

    @property
    def off(self) -> pl.DataFrame:
        """The days that do not balance."""
        return self.days.filter(~pl.col("is_balanced"))


def enqueue(warehouse: Warehouse, checks: Iterable[Check], table: TableId, images: str | None = None) -> None:
    """Queue the days that the images of a table's changes touch; part of the transaction that publishes them."""
    for statement in (touched(check, table, images) for check in checks):
        if statement is not None:
            warehouse.execute(statement)


def enqueue_days(warehouse: Warehouse, check_names: Iterable[str], days: Iterable[date]) -> None:
    """Queue days that are known by themselves."""
    columns = ["check_name", "reconciliation_date"]
    rows = [dict(zip(columns, (name, day), strict=True)) for name in check_names for day in sorted(set(days))]
    warehouse.insert_rows(QUEUE, columns, rows)


def is_waiting(warehouse: Warehouse) -> bool:
    """Whether days were touched that nobody compared since."""
    return bool(warehouse.scalar(f"SELECT COUNT(check_name) AS day_count FROM {QUEUE}") > 0)


def compare(
    warehouse: Warehouse, check: Check, registry: Registry, window: Window | None = None, *, limit: int | None = None
) -> Compared:
    """Compare all days of a check, or those of a window, with the keys that differ (the first `limit`); only reads."""
    binds = {"first_day": window.first, "last_day": window.last} if window else {}
    days = _judged(warehouse.query(per_day(check, between=window is not None), **binds))
    is_off = not days["is_balanced"].all()
    keys = warehouse.query(per_key(check, between=window is not None, limit=limit), **binds) if is_off else _no_keys()
    return Compared(check, days, _masked(keys, check, registry))


def record(
    warehouse: Warehouse, checks: Sequence[Check], registry: Registry, run_id: str, checked_at: datetime
) -> list[str]:
    """Compare the days that wait and those that did not balance, write what is news, return what differs.

    A check that was never recorded, or by another SELECT, is compared for all days. Call it inside a transaction.
    """
    known = dict(warehouse.query(f"SELECT check_name, definition_hash FROM {CHECKS}").iter_rows())
    _enqueue_unbalanced(warehouse)
    waiting = warehouse.query(
        f"SELECT check_name, MIN(reconciliation_date) AS first_day, MAX(reconciliation_date) AS last_day "
        f"FROM {QUEUE} GROUP BY check_name"
    )
    spans = {name: Window(first, last) for name, first, last in waiting.iter_rows()}
    waiting_latest = _latest(warehouse)
    told = []
    for check in checks:
        is_new = known.get(check.name) != check.definition_hash
        if not is_new and check.name not in spans:
            continue
        window = None if is_new else spans[check.name]
        latest = _latest(warehouse, check) if is_new else waiting_latest.filter(pl.col("check_name") == check.name)
        off = _record(warehouse, check, registry, window, latest, run_id, checked_at)
        told += [_told(off)] if off.days.height else []
        if is_new:
            _know(warehouse, check, checked_at)
    warehouse.execute(f"DELETE FROM {QUEUE}")
    return told


def _enqueue_unbalanced(warehouse: Warehouse) -> None:
    """Queue the days whose latest record says that they differ: they are told until they balance."""
    same = " AND ".join(f"later.{name} = recorded.{name}" for name in ("check_name", *PER_DAY))
    warehouse.execute(
        f"INSERT INTO {QUEUE} (check_name, reconciliation_date) "
        f"SELECT DISTINCT recorded.check_name, recorded.reconciliation_date FROM {TABLE} AS recorded "
        f"WHERE NOT recorded.is_balanced AND NOT EXISTS (SELECT 1 FROM {TABLE} AS later WHERE {same} AND "
        "(later.checked_at > recorded.checked_at "
        "OR (later.checked_at = recorded.checked_at AND later.run_id > recorded.run_id)))"
    )


def _record(
    warehouse: Warehouse,
    check: Check,
    registry: Registry,
    window: Window | None,
    latest: pl.DataFrame,
    run_id: str,
    checked_at: datetime,
) -> Compared:
    """Compare one check, write the days whose figures are new, and the keys of those that differ; returns these."""
    bounded = window is not None
    binds = {"first_day": window.first, "last_day": window.last} if window else {}
    found = warehouse.query(per_day(check, between=bounded, queued=bounded), **binds)
    # Days that have no row any more on either side balance again.
    gone = latest.join(found, on=PER_DAY, how="anti").with_columns(
        pl.lit(0).cast(found.schema[n]).alias(n) for n in _FIGURES
    )
    now = _judged(pl.concat([found, gone.select(found.columns).cast(dict(found.schema))]))
    news = now.join(latest.cast({n: now.schema[n] for n in _FIGURES}), on=[*PER_DAY, *_FIGURES], how="anti")
    stamp = {"check_name": check.name, "run_id": run_id, "checked_at": checked_at}
    difference = pl.col("actual_amount") - pl.col("expected_amount")
    _write(warehouse, TABLE, news.with_columns(difference_amount=difference), stamp)
    off = now.filter(~pl.col("is_balanced"))
    keys = _no_keys()
    if off.height:
        keys = warehouse.query(per_key(check, between=bounded, queued=bounded, limit=TOLD), **binds)
        keys = _masked(keys, check, registry)
        _write(warehouse, KEYS, keys.join(news, on=PER_DAY, how="semi").with_row_index("key_number", 1), stamp)
    return Compared(check, off.sort(PER_DAY), keys)


def _latest(warehouse: Warehouse, check: Check | None = None) -> pl.DataFrame:
    """`check_name`, PER_DAY and figures of the latest records: of all days of a check, or of the days that wait."""
    key, binds = ("check_name", *PER_DAY), {"check_name": check.name} if check else {}
    asked = (
        "recorded.check_name = :check_name"
        if check
        else f"EXISTS (SELECT 1 FROM {QUEUE} AS queue WHERE queue.check_name = recorded.check_name "
        "AND queue.reconciliation_date = recorded.reconciliation_date)"
    )
    names, per = (", ".join(f"recorded.{n}" for n in columns) for columns in ((*key, *_FIGURES), key))
    age = f"ROW_NUMBER() OVER (PARTITION BY {per} ORDER BY recorded.checked_at DESC, recorded.run_id DESC) AS age"
    rows = warehouse.query(
        f"SELECT {', '.join((*key, *_FIGURES))} FROM (SELECT {names}, {age} FROM {TABLE} AS recorded WHERE {asked}) "
        "AS aged WHERE age = 1",
        **binds,
    )
    # Records from before keys were counted have no count of them.
    return rows.with_columns(pl.col("different_key_count").fill_null(0))


def _judged(days: pl.DataFrame) -> pl.DataFrame:
    return days.with_columns(is_balanced=pl.col("different_key_count") == 0)


def _know(warehouse: Warehouse, check: Check, checked_at: datetime) -> None:
    warehouse.execute(f"DELETE FROM {CHECKS} WHERE check_name = :check_name", check_name=check.name)
    row = {"check_name": check.name, "definition_hash": check.definition_hash, "checked_at": checked_at}
    warehouse.insert_rows(CHECKS, list(row), [row])


def _write(warehouse: Warehouse, table: str, rows: pl.DataFrame, stamp: dict[str, object]) -> None:
    stamped = [{**row, **stamp} for row in rows.iter_rows(named=True)]
    warehouse.insert_rows(table, [*rows.columns, *stamp], stamped)


def _masked(keys: pl.DataFrame, check: Check, registry: Registry) -> pl.DataFrame:
    for how in sorted(check.masks(registry)):
        keys = keys.with_columns(mask(pl.col("record_id"), how))
    return keys


def _no_keys() -> pl.DataFrame:
    amounts, rows = dict.fromkeys(MEASURES[:2], pl.Decimal(38, 2)), dict.fromkeys(MEASURES[2:], pl.Int64)
    text = dict.fromkeys(PER_KEY, pl.String)
    return pl.DataFrame(schema={**text, "reconciliation_date": pl.Date, **amounts, **rows})


def _told(off: Compared) -> str:
    """One line per check that does not balance: how many days, the first of them, and the keys that differ."""
    name, row = off.check.name, off.days.row(0, named=True)
    count = int(off.days["different_key_count"].sum())
    keys = "; ".join(told_keys(off.keys))
    more = f"; and {count - off.keys.height} more" if count > off.keys.height else ""
    return (
        f"reconciliation {name}: {counted(off.days.height, 'day does', 'days do')} not balance, the first "
        f"{row['reconciliation_date']} "
        f"{row['currency_code']}: expected {row['expected_amount']} in {counted(row['expected_rows'], 'row')}, found "
        f"{row['actual_amount']} in {row['actual_rows']}. {counted(count, 'key differs', 'keys differ')}: {keys}{more} "
        f"({off.check.file}; `dw reconcile --check {name}` lists all)"
    )


def told_keys(keys: pl.DataFrame) -> Iterator[str]:
    """A clause for each key that differs: what was expected of it and what was found."""
    for row in keys.iter_rows(named=True):
        yield f"{row['record_id']} ({row['reconciliation_date']} {row['currency_code']}) {_difference(row)}"


def _difference(row: dict[str, object]) -> str:
    expected, actual = row["expected_rows"], row["actual_rows"]
    if expected != actual and 0 in (expected, actual):
        where = "is missing" if actual == 0 else "was not expected"
        return f"{where}: {row['expected_amount'] if actual == 0 else row['actual_amount']}"
    rows = f" in {counted(expected, 'row')} and in {actual:,}" if expected != actual else ""
    return f"expected {row['expected_amount']}, found {row['actual_amount']}{rows}"
