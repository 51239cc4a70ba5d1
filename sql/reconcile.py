"""Reconciliation as SQL text: what should be and what is, key by key, for all days or those that changes have touched.

A check is one SELECT, or several joined by UNION ALL (its arms), of COLUMNS: rows that are expected and rows that are
found. Whatever is asked of it is wrapped around that text. The days that a change touches are those which an arm gives
when it reads the images of the changed rows in place of their table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import md5
from pathlib import Path

from sqlglot import exp

from contracts.ids import TableId
from contracts.model import Contract, Mask
from contracts.registry import Registry
from sql.ddl import RECONCILIATION_QUEUE
from sql.dialect import SqlError, line_of, parse_select, to_redshift
from sql.memo import memoised

COLUMNS = ("is_expected", "reconciliation_date", "currency_code", "record_id", "amount", "row_count")
PER_DAY = ("reconciliation_date", "currency_code")
PER_KEY = (*PER_DAY, "record_id")
MEASURES = ("expected_amount", "actual_amount", "expected_rows", "actual_rows")
DIFFERS = "(expected_amount <> actual_amount OR expected_rows <> actual_rows)"
FOLDER = "sql/reconciliation"
# Where figures of rows stand that have no business day or no currency which can be read.
NO_DAY, NO_CURRENCY = "1900-01-01", "XXX"
LOADED, REPLACED = "loaded", "replaced"


@dataclass(frozen=True)
class Check:
    """One comparison: its name, its SELECT in Redshift's dialect, and the file that says it."""

    name: str
    text: str
    file: str

    @cached_property
    def arms(self) -> tuple[exp.Select, ...]:
        """The SELECTs that are put together; raise SqlError where they are not what a check is made of."""
        return tuple(_arms(parse_select(self.text, self.file), self.file))

    @cached_property
    def tables(self) -> frozenset[TableId]:
        """The tables that it reads."""
        return frozenset(TableId(t.db, t.name) for arm in self.arms for t in arm.find_all(exp.Table))

    @property
    def definition_hash(self) -> str:
        """MD5 of the text: another one has to be compared for all days once."""
        return md5(self.text.encode(), usedforsecurity=False).hexdigest()

    def masks(self, registry: Registry) -> set[Mask]:
        """The masks of the columns that its keys are made of."""
        found = set()
        for arm in self.arms:
            tables = _scanned(arm)
            for column in _projection(arm, "record_id").find_all(exp.Column):
                for table in [tables[column.table]] if column.table in tables else tables.values():
                    if table in registry and column.name in (by_name := registry[table].by_name):
                        found.add(by_name[column.name].mask)
        return {mask for mask in found if mask is not None}


def read_checks(root: Path, registry: Registry) -> tuple[Check, ...]:
    """Every check: those of `sql/reconciliation/*.sql`, and one for each measure of control totals in a contract."""
    files = sorted((root / FOLDER).glob("*.sql"))
    written = [Check(p.stem, p.read_text(encoding="utf-8"), f"{FOLDER}/{p.name}") for p in files]
    return (*(check for contract in registry.layer("clean") for check in source_checks(contract)), *written)


def source_checks(contract: Contract) -> Iterator[Check]:
    """What batches have loaded, less what later ones replaced, against a clean table: per batch, one check a measure.

    Batches from before control totals were kept are left out.
    """
    totals, table = contract.control_totals, contract.table
    if totals is None:
        return
    known = (
        f"SELECT batch_id FROM audit.control_total WHERE table_name = '{table}' AND disposition = 'delivered' "
        "AND attempt = 1"
    )
    currency = totals.currency or f"CAST('{NO_CURRENCY}' AS VARCHAR(3)) AS currency_code"
    currency = currency if totals.currency in (None, "currency_code") else f"{currency} AS currency_code"
    for measure in totals.amounts or ("rows",):
        amount = f"CAST({measure} AS DECIMAL(18, 2))" if totals.amounts else "CAST(0 AS DECIMAL(18, 2))"
        sign = f"CASE WHEN disposition = '{REPLACED}' THEN -1 ELSE 1 END"
        text = f"""-- What batches loaded into {table}, less what was replaced, against its rows: {measure}.
SELECT
    TRUE AS is_expected,
    business_date AS reconciliation_date,
    currency_code,
    batch_id AS record_id,
    {sign} * amount AS amount,
    {sign} * row_count AS row_count
FROM audit.control_total
WHERE table_name = '{table}'
    AND measure = '{measure}'
    AND disposition IN ('{LOADED}', '{REPLACED}')
    AND batch_id IN ({known})
UNION ALL
SELECT
    FALSE AS is_expected,
    {totals.date} AS reconciliation_date,
    {currency},
    batch_id AS record_id,
    {amount} AS amount,
    1 AS row_count
FROM {table}
WHERE batch_id IN ({known})
"""
        yield Check(f"source_{table.name}_{measure}", text, contract.file)


def per_day(check: Check, *, between: bool = False, queued: bool = False) -> str:
    """SELECT of PER_DAY, MEASURES and `different_key_count`; of all days, or see `per_key`."""
    sums = ", ".join(
        f"CAST(SUM({name}) AS {'DECIMAL(18, 2)' if name.endswith('amount') else 'BIGINT'}) AS {name}"
        for name in MEASURES
    )
    return (
        f"SELECT {', '.join(PER_DAY)}, {sums}, CAST(SUM(CASE WHEN {DIFFERS} THEN 1 ELSE 0 END) AS BIGINT) "
        f"AS different_key_count FROM ({_summed(check, between=between, queued=queued)}) AS by_key "
        f"GROUP BY {', '.join(PER_DAY)} ORDER BY {', '.join(PER_DAY)}"
    )


def per_key(check: Check, *, between: bool = False, queued: bool = False, limit: int | None = None) -> str:
    """SELECT of the keys that differ: PER_KEY and MEASURES, the first `limit` of them.

    `between` keeps the days from :first_day to :last_day, `queued` those that wait in the queue.
    """
    names = ", ".join((*PER_KEY, *MEASURES))
    return (
        f"SELECT {names} FROM ({_summed(check, between=between, queued=queued)}) AS by_key WHERE {DIFFERS} "
        f"ORDER BY {', '.join(PER_KEY)}{f' LIMIT {limit}' if limit else ''}"
    )


def touched(check: Check, table: TableId, images: str | None = None) -> str | None:
    """INSERT into the queue of the days of a check that the images of a table's changes touch; None: it is not read.

    `images` is where they stand, by default the table of changes.
    """
    found = images or table.changes
    return memoised("touched", check, table, found, make=lambda: _touched(check, table, found)) or None


def _touched(check: Check, table: TableId, images: str) -> str:
    days = [days for arm in check.arms for days in _days_of_changes(arm, table, images)]
    if not days:
        return ""
    return (
        f"INSERT INTO {RECONCILIATION_QUEUE} (check_name, reconciliation_date) "
        f"SELECT DISTINCT CAST('{check.name}' AS VARCHAR(128)), reconciliation_date "
        f"FROM ({' UNION ALL '.join(days)}) AS touched WHERE reconciliation_date IS NOT NULL"
    )


def _summed(check: Check, *, between: bool, queued: bool) -> str:
    return memoised("summed", check, between, queued, make=lambda: _sums(check, between=between, queued=queued))


def _sums(check: Check, *, between: bool, queued: bool) -> str:
    arms = " UNION ALL ".join(_of_days(check.name, arm, between=between, queued=queued) for arm in check.arms)
    sides = ", ".join(
        f"CAST(SUM(CASE WHEN {'' if side == 'expected' else 'NOT '}is_expected THEN {value} ELSE 0 END) AS {type_}) "
        f"AS {side}_{name}"
        for value, name, type_ in (("COALESCE(amount, 0)", "amount", "DECIMAL(18, 2)"), ("row_count", "rows", "BIGINT"))
        for side in ("expected", "actual")
    )
    key = ", ".join(PER_KEY)
    return f"SELECT {key}, {sides} FROM ({arms}) AS compared GROUP BY {key}"


def _of_days(name: str, arm: exp.Select, *, between: bool, queued: bool) -> str:
    """An arm with the days asked for; the condition stands on the column itself, so that only their blocks are read."""
    day = _projection(arm, "reconciliation_date").sql("redshift")
    asked = [f"{day} IS NOT NULL"]
    if between:
        asked.append(f"{day} >= CAST(:first_day AS DATE) AND {day} <= CAST(:last_day AS DATE)")
    if queued:
        asked.append(
            f"{day} IN (SELECT queue.reconciliation_date FROM {RECONCILIATION_QUEUE} AS queue "
            f"WHERE queue.check_name = '{name}')"
        )
    return to_redshift(arm.copy().where(*asked, dialect="redshift"))


def _days_of_changes(arm: exp.Select, table: TableId, images: str) -> Iterator[str]:
    places = [i for i, scan in enumerate(arm.find_all(exp.Table)) if _is(scan, table)]
    for place in places:
        read = arm.copy()
        scan = list(read.find_all(exp.Table))[place]
        alias = exp.TableAlias(this=exp.to_identifier(scan.alias_or_name))
        changes = exp.to_table(images)
        changes.set("alias", alias)
        scan.replace(changes)
        day = _projection(read, "reconciliation_date")
        read.set("expressions", [exp.alias_(day.copy(), "reconciliation_date")])
        read.set("group", None)
        yield to_redshift(read)


def _arms(tree: exp.Query, file: str) -> Iterator[exp.Select]:
    if isinstance(tree, exp.Union):
        if tree.args.get("distinct"):
            raise SqlError([f"{file}:{line_of(tree)}: the SELECTs of a check are put together by UNION ALL"])
        yield from _arms(tree.left, file)
        yield from _arms(tree.right, file)
    elif isinstance(tree, exp.Select):
        if faults := [f"{file}:{line_of(node)}: {fault}" for node, fault in _faults(tree)]:
            raise SqlError(faults)
        yield tree
    else:
        raise SqlError([f"{file}:{line_of(tree)}: a check is one SELECT or several, joined by UNION ALL"])


def _faults(arm: exp.Select) -> Iterator[tuple[exp.Expr, str]]:
    """Why the days that a change touches could not be told from the changed rows alone."""
    if tuple(arm.named_selects) != COLUMNS:
        yield arm, f"the columns are {', '.join(arm.named_selects)}; they should be {', '.join(COLUMNS)}"
        return
    day = _projection(arm, "reconciliation_date")
    if not isinstance(day, exp.Column):
        yield arm, "reconciliation_date must be a column of a table, so that a run reads the days that it changed"
    if arm.args.get("with_") or arm.args.get("with"):
        yield arm, "a check has no WITH: what it compares must be seen row by row"
    for node in arm.walk():
        if isinstance(node, exp.Join) and (node.side or node.kind == "CROSS"):
            yield node, "a check joins INNER: rows that a join does not find have no day that a change could touch"
        if isinstance(node, exp.Not) and node.find(exp.Subquery, exp.Exists):
            yield node, "a check has no NOT EXISTS and no NOT IN: a change would touch all other days"
    if arm.find(exp.From) and any(isinstance(n.parent, exp.From | exp.Join) for n in arm.find_all(exp.Subquery)):
        yield arm, "a check reads tables, not SELECTs"


def _projection(arm: exp.Select, name: str) -> exp.Expr:
    place = next(i for i, n in enumerate(arm.named_selects) if n == name)
    return arm.selects[place].unalias()


def _scanned(arm: exp.Select) -> dict[str, TableId]:
    """The tables that an arm scans itself, by the name that it gives them."""
    scans = [arm.args.get("from_") or arm.args.get("from"), *(arm.args.get("joins") or ())]
    tables = [scan.this for scan in scans if scan is not None and isinstance(scan.this, exp.Table)]
    return {t.alias_or_name: TableId(t.db, t.name) for t in tables}


def _is(scan: exp.Table, table: TableId) -> bool:
    return (scan.db, scan.name) == (table.layer, table.name)
