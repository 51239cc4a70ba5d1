"""Control totals: rows and money of each batch, per business day and currency, by what became of them.

The totals of the delivered text are held against those of the rows that reach the warehouse before anything is
published, and written in the transaction that publishes them. What a batch replaces is taken off the batch that had
loaded it: so loaded less replaced is what stands in the clean table, batch by batch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import polars as pl

from contracts.counted import counted
from contracts.model import Contract
from sql.reconcile import LOADED, NO_CURRENCY, NO_DAY, REPLACED, source_checks
from tasks import reconcile
from tasks.batches import Batch, control_file
from tasks.ledger import LedgerImbalance
from tasks.load import Watch
from tasks.preprocess import blank_to_null, typed_columns
from tasks.quarantine import malformed_rule
from tasks.reading import LINE
from tasks.warehouse import Warehouse

TABLE = "audit.control_total"
DELIVERED, ACCEPTED, DUPLICATE = "delivered", "accepted", "duplicate"
QUARANTINED, DISCARDED = "quarantined", "discarded"
ROWS = "rows"
_AMOUNT = pl.Decimal(38, 6)
_PLACE = ("business_date", "currency_code", "measure")
_SCHEMA = pl.Schema(
    {
        "disposition": pl.String(),
        "business_date": pl.Date(),
        "currency_code": pl.String(),
        "measure": pl.String(),
        "row_count": pl.Int64(),
        "amount": _AMOUNT,
    }
)


class BadControlFile(ValueError):
    """A delivered control file that does not say rows and amounts."""


def of_text(
    rows: pl.LazyFrame,
    raw: Contract,
    clean: Contract,
    *,
    duplicate: pl.Series,
    aside: pl.Series,
    malformed: int,
    delivery: date,
    timezone: str,
) -> pl.DataFrame | None:
    """Totals of delivered rows (blank_to_null text and `source_line`) in one pass; None where none are asked for.

    Columns: disposition (delivered, accepted, duplicate, quarantined), _PLACE, row_count, amount. A row that has no
    day, no currency or lacks an amount stands under 1900-01-01 and XXX, as malformed records do.
    """
    if clean.control_totals is None:
        return None
    became = (
        pl.when(pl.col(LINE).is_in(aside.implode()))
        .then(pl.lit(QUARANTINED))
        .when(pl.col(LINE).is_in(duplicate.implode()))
        .then(pl.lit(DUPLICATE))
        .otherwise(pl.lit(ACCEPTED))
    )
    parts = _summed_text(rows, raw, clean, became, delivery, timezone)
    parts = pl.concat([parts, _unread(clean, QUARANTINED, malformed)])
    return pl.concat([_added(parts), _added(parts.with_columns(disposition=pl.lit(DELIVERED)))])


def of_discarded(
    rows: pl.DataFrame, raw: Contract, clean: Contract, delivery: date, timezone: str
) -> pl.DataFrame | None:
    """Totals of rows of the quarantine that are given up: delivered and discarded, by the text that they keep."""
    if clean.control_totals is None or rows.is_empty():
        return None
    is_malformed = pl.col("rule_ids").list.contains(malformed_rule(raw.table))
    payload = pl.col("payload").str.json_decode(pl.Struct(dict.fromkeys(raw.names, pl.String)))
    read = rows.filter(~is_malformed).select(LINE, payload).unnest("payload")
    parts = _summed_text(blank_to_null(read.lazy(), raw), raw, clean, pl.lit(DISCARDED), delivery, timezone)
    parts = pl.concat([parts, _unread(clean, DISCARDED, rows.height - read.height)])
    return pl.concat([_added(parts), _added(parts.with_columns(disposition=pl.lit(DELIVERED)))])


def _summed_text(
    rows: pl.LazyFrame, raw: Contract, clean: Contract, became: pl.Expr, delivery: date, timezone: str
) -> pl.DataFrame:
    totals = clean.control_totals
    assert totals is not None
    names = [totals.date, *([totals.currency] if totals.currency else []), *totals.amounts]
    typed = typed_columns(rows, raw, clean, names, delivery=delivery, timezone=timezone)
    currency = pl.col(totals.currency) if totals.currency else pl.lit(NO_CURRENCY)
    known = pl.all_horizontal(pl.col(names).is_not_null()) & (currency.str.len_bytes() == len(NO_CURRENCY))
    day = pl.lit(date.fromisoformat(NO_DAY))
    grouped = (
        typed.with_columns(is_known=known.fill_null(False))
        .group_by(
            disposition=became,
            business_date=pl.when("is_known").then(pl.col(totals.date)).otherwise(day),
            currency_code=pl.when("is_known").then(currency).otherwise(pl.lit(NO_CURRENCY)),
        )
        .agg(pl.len().alias("row_count"), *(pl.col(n).cast(_AMOUNT).sum() for n in totals.amounts))
        .collect(engine="streaming")
    )
    return _long(grouped, clean)


def of_relation(warehouse: Warehouse, clean: Contract, relation: str, where: str = "", by: str = "") -> pl.DataFrame:
    """Totals of rows of the clean table's columns: stage, images, or the table itself; `by` further columns."""
    totals = clean.control_totals
    assert totals is not None
    sums = "".join(f", SUM(CAST({n} AS DECIMAL(38, 6))) AS {n}" for n in totals.amounts)
    per = ", ".join(p for p in (by, totals.date, totals.currency) if p)
    currency = totals.currency or f"CAST('{NO_CURRENCY}' AS VARCHAR(3))"
    found = warehouse.query(
        f"SELECT {by + ', ' if by else ''}{totals.date} AS business_date, {currency} AS currency_code, "
        f"COUNT({clean.key[0]}) AS row_count{sums} FROM {relation}{where} GROUP BY {per}"
    )
    return _long(found, clean)


def _long(wide: pl.DataFrame, clean: Contract) -> pl.DataFrame:
    """One row per measure of rows that have a column for each."""
    totals = clean.control_totals
    measures = totals.amounts if totals else ()
    others = [n for n in wide.columns if n not in measures]
    parts = [
        wide.select(*others, measure=pl.lit(m), amount=(pl.col(m) if measures else pl.lit(0)).cast(_AMOUNT))
        for m in measures or (ROWS,)
    ]
    return pl.concat(parts).with_columns(pl.col("row_count").cast(pl.Int64))


def _unread(clean: Contract, disposition: str, count: int) -> pl.DataFrame:
    """Totals of records of which nothing can be read."""
    totals = clean.control_totals
    day = date.fromisoformat(NO_DAY)
    measures = (totals.amounts if totals else ()) or (ROWS,)
    rows = [(disposition, day, NO_CURRENCY, m, count, Decimal(0)) for m in measures] if count else []
    return pl.DataFrame(rows, _SCHEMA, orient="row").select(
        "disposition", *_PLACE[:2], "row_count", "measure", "amount"
    )


def _added(parts: pl.DataFrame) -> pl.DataFrame:
    per = ["disposition", *_PLACE]
    return parts.group_by(per).agg(pl.sum("row_count"), pl.sum("amount").cast(_AMOUNT)).select(_SCHEMA.names())


def _of(totals: pl.DataFrame, disposition: str) -> pl.DataFrame:
    return totals.filter(pl.col("disposition") == disposition)


def _less(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """The totals of `left` less those of `right`, where anything is left."""
    names = [*_PLACE, "row_count", "amount"]
    taken = right.select(*_PLACE, -pl.col("row_count"), -pl.col("amount"))
    both = pl.concat([left.select(names), taken], how="vertical_relaxed")
    rest = both.group_by(_PLACE).agg(pl.sum("row_count"), pl.sum("amount").cast(_AMOUNT))
    return rest.filter((pl.col("row_count") != 0) | (pl.col("amount") != 0)).sort(_PLACE)


class Account(Watch):
    """The control totals of one attempt to load a batch, followed into the warehouse."""

    def __init__(
        self, warehouse: Warehouse, clean: Contract, batch: Batch, totals: pl.DataFrame | None, *, attempt: int
    ) -> None:
        self._warehouse, self._clean, self._batch, self._attempt = warehouse, clean, batch, attempt
        self._totals = totals
        nothing = pl.DataFrame(schema=_SCHEMA)
        self._stage, self._loaded, self._replaced = nothing, nothing, nothing

    def staged(self, rows: str) -> None:
        """Hold what was accepted of the text against what came; raise LedgerImbalance where they differ."""
        if self._totals is None:
            return
        self._stage = self._loaded = of_relation(self._warehouse, self._clean, rows)
        accepted = _of(self._totals, ACCEPTED)
        for row in _less(accepted, self._stage).iter_rows(named=True):
            raise LedgerImbalance(
                f"{self._clean.table}, file {self._batch.path.name}: of {row['business_date']} {row['currency_code']} "
                f"{counted(row['row_count'], 'row')} and {row['amount']:f} {row['measure']} were accepted and did "
                "not reach the warehouse; nothing of the batch was loaded"
            )

    def deduplicated(self, rows: str) -> None:
        """Note what says something new: it is what is loaded."""
        if self._totals is not None:
            self._loaded = of_relation(self._warehouse, self._clean, rows)

    def imaged(self) -> None:
        """Note what is replaced, by the batch that had loaded it."""
        if self._totals is not None:
            where = " WHERE change_image = 'before'"
            changes, by = self._clean.table.changes, "batch_id, delivery_date"
            self._replaced = of_relation(self._warehouse, self._clean, changes, where, by)

    def record(self, at: datetime) -> None:
        """Write the totals; part of the transaction that publishes the batch."""
        if self._totals is None:
            return
        lost = _less(self._stage, self._loaded)
        duplicate = pl.concat([_of(self._totals, DUPLICATE), _said(lost, DUPLICATE)])
        kept = self._totals.filter(~pl.col("disposition").is_in([ACCEPTED, DUPLICATE]))
        own = pl.concat([kept, _said(self._loaded, LOADED), _added(duplicate)])
        self._write(
            own.with_columns(batch_id=pl.lit(self._batch.batch_id), delivery_date=pl.lit(self._batch.delivery)), at
        )
        self._write(self._replaced.with_columns(disposition=pl.lit(REPLACED)), at)
        checks = [check.name for check in source_checks(self._clean)]
        days = {*self._loaded["business_date"], *self._replaced["business_date"]}
        reconcile.enqueue_days(self._warehouse, checks, days)

    def _write(self, rows: pl.DataFrame, at: datetime) -> None:
        stamp = {
            "cause_batch_id": self._batch.batch_id,
            "attempt": self._attempt,
            "table_name": str(self._clean.table),
            "recorded_at": at,
        }
        stamped = [{**row, **stamp} for row in rows.iter_rows(named=True)]
        self._warehouse.insert_rows(TABLE, [*rows.columns, *stamp], stamped)


def _said(totals: pl.DataFrame, disposition: str) -> pl.DataFrame:
    return totals.with_columns(disposition=pl.lit(disposition)).select(_SCHEMA.names()).cast(_SCHEMA)


# What the source says itself


@dataclass(frozen=True)
class Declared:
    """A control file: rows of the data file, and sums per currency and column."""

    file: str
    rows: int
    amounts: Mapping[str, Mapping[str, Decimal]]

    def differences(self, totals: pl.DataFrame | None, delivered_rows: int) -> list[str]:
        """What the file declares otherwise than it was read, each as a clause with both figures."""
        found = (
            [f"{counted(self.rows, 'row was', 'rows were')} declared, {delivered_rows} came"]
            if self.rows != delivered_rows
            else []
        )
        read = {} if totals is None else _by_currency(_of(totals, DELIVERED))
        for currency, columns in self.amounts.items():
            for column, amount in columns.items():
                if (came := read.get((currency, column), Decimal(0))) != amount:
                    found.append(f"{amount} {currency} of {column} were declared, {came.normalize():f} came")
        return found


def _by_currency(totals: pl.DataFrame) -> dict[tuple[str, str], Decimal]:
    sums = totals.group_by("currency_code", "measure").agg(pl.sum("amount"))
    return {(currency, measure): amount for currency, measure, amount in sums.iter_rows()}


def declared(path: Path, clean: Contract) -> Declared | None:
    """What the control file beside a data file says, `{"rows": 3, "amounts": {"INR": {"total_amount": "9.99"}}}`.

    None where there is none. Raises BadControlFile on anything else, and on a column that has no control total.
    """
    file = control_file(path)
    if not file.exists():
        return None
    known = clean.control_totals.amounts if clean.control_totals else ()
    try:
        body: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
        amounts = {
            str(currency): {str(column): Decimal(amount) for column, amount in columns.items()}
            for currency, columns in body.get("amounts", {}).items()
        }
        said = Declared(file.name, int(body["rows"]), amounts)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise BadControlFile(
            f'{file.name}: expected {{"rows": …, "amounts": {{…}}}}, cannot read it: {error}'
        ) from error
    if unknown := sorted({c for columns in amounts.values() for c in columns} - set(known)):
        raise BadControlFile(f"{file.name}: {', '.join(unknown)} is no control total of {clean.file}")
    return said
