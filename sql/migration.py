"""What stands in a warehouse against what the contracts promise: each difference judged, and written as Redshift text.

A column is added by ADD COLUMN. A type is widened by ALTER COLUMN where the engine can: Redshift only lengthens a
varchar, outside of a transaction, and not one that is keyed, sorted or distributed by or that has certain encodings.
Everything else that loses no value is a copy: the table as the contract has it is filled from the one that stands and
takes its name, all in one transaction. (Adding, filling, dropping and renaming a column instead would rewrite every row
too, lose NOT NULL and the order of columns, and is refused for sort and distribution keys.)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from contracts.model import Column, Contract
from contracts.types import ColumnType
from sql import ddl
from sql.merge import count_rows

Engine = Literal["duckdb", "redshift"]

# ALTER TABLE … ALTER COLUMN … TYPE: Redshift's Database Developer Guide.
_NOT_ALTERED_WITH = frozenset({"bytedict", "runlength", "text255", "text32k"})
_REPORTED = {
    "character varying": "varchar",
    "numeric": "decimal",
    "double": "double precision",
    "timestamp without time zone": "timestamp",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A column as the engine reports it; a varchar has no length where the engine knows none."""

    type: ColumnType
    nullable: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """A column as it was declared when its table was last made or altered."""

    type: ColumnType
    key_position: int | None


@dataclass(frozen=True)
class Relation:
    """A table that must stand: a published one, or a queue of keys (`is_queue`)."""

    name: str
    contract: Contract
    is_queue: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:
        if not self.is_queue:
            return self.contract.columns
        name, type_ = ddl.queue_column(self.contract)
        return (Column(name, type_, type_.logical, "", required=True),)

    @property
    def fixed(self) -> frozenset[str]:
        """The columns that Redshift keys, sorts or distributes by."""
        if self.is_queue:
            return frozenset()
        named = (*self.contract.key, *self.contract.sort_key, self.contract.distribution.column)
        return frozenset(name for name in named if name)

    def create(self, name: str | None = None, nullable: Collection[str] = ()) -> str:
        """CREATE TABLE IF NOT EXISTS, under another name if one is given."""
        if self.is_queue:
            return ddl.create_queue(self.contract, name or self.name)
        return ddl.create_table(self.contract, name=name or self.name, nullable=nullable)


@dataclass(frozen=True, slots=True)
class AddColumn:
    """The contract has gained a column. `note` says what the steward should know."""

    table: str
    column: Column
    note: str = ""

    def __str__(self) -> str:
        return f"{self.table}: column {self.column.name} {self.column.type} added"


@dataclass(frozen=True, slots=True)
class WidenType:
    """A column's type now holds more; every value that stands is one of the new type."""

    table: str
    column: str
    old: ColumnType
    new: ColumnType
    note: str = ""

    def __str__(self) -> str:
        return f"{self.table}: column {self.column} widened from {self.old} to {self.new}"


@dataclass(frozen=True, slots=True)
class AllowNull:
    """A column that had to have a value need no longer have one."""

    table: str
    column: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.table}: column {self.column} may be empty now"


@dataclass(frozen=True, slots=True)
class RenewQueue:
    """A queue holds another key now. It is made anew: a table whose key of work changed is computed whole anyway."""

    table: str
    column: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.table}: made anew for the key {self.column}"


@dataclass(frozen=True, slots=True)
class Breaking:
    """A difference that no statement mends without losing something; `remedy` says what to do."""

    table: str
    column: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}"


Change = AddColumn | WidenType | AllowNull | RenewQueue


@dataclass(frozen=True, slots=True)
class Step:
    """One statement. `alone`: outside of a transaction. `check`: its one number must be 0, else nothing is altered."""

    sql: str
    alone: bool = False
    check: bool = False


@dataclass(frozen=True)
class Alteration:
    """What changes in one table, and the table as it stands."""

    relation: Relation
    stands: Mapping[str, Standing]
    changes: tuple[Change, ...]

    def steps(self, engine: Engine) -> list[Step]:
        """The statements in order, as Redshift text: those that stand alone first, the others for one transaction."""
        relation = self.relation
        if any(isinstance(change, RenewQueue) for change in self.changes):
            return [Step(ddl.drop_table(relation.name)), Step(relation.create())]
        if not all(in_place(change, relation, engine) for change in self.changes):
            return _copy(relation, self.stands)
        steps = []
        for change in self.changes:
            if isinstance(change, AddColumn):
                steps.append(Step(ddl.add_column(relation.name, change.column)))
            elif isinstance(change, WidenType):
                sql = f"ALTER TABLE {relation.name} ALTER COLUMN {change.column} TYPE {str(change.new).upper()}"
                steps.append(Step(sql, alone=engine == "redshift"))
        return sorted(steps, key=lambda step: not step.alone)


def relations(contract: Contract) -> list[Relation]:
    """The tables that a contract wants in the warehouse; raw tables stay in the lake."""
    table = contract.table
    if table.layer == "raw":
        return []
    queues = (table.pending, table.taken) if ddl.is_queued(contract) else ()
    return [Relation(str(table), contract), *(Relation(name, contract, is_queue=True) for name in queues)]


def reported(type_: str, length: int | None, precision: int | None, scale: int | None) -> ColumnType:
    """The type that an engine's catalogue reports; one that no contract can have keeps its own name."""
    kind = type_.lower().partition("(")[0].strip()
    kind = _REPORTED.get(kind, kind)
    if kind == "varchar":
        return ColumnType(kind, length=length)
    if kind == "decimal":
        return ColumnType(kind, precision=precision, scale=scale)
    return ColumnType(kind)


def definition(contract: Contract) -> str:
    """A table's columns as one line, `id varchar(8) key 1, amount decimal(18,2)`, for `read_definition`."""
    keys = {name: f" key {place}" for place, name in enumerate(contract.key, start=1)}
    return ", ".join(f"{c.name} {c.type}{keys.get(c.name, '')}" for c in contract.columns)


def read_definition(text: str) -> dict[str, Recorded]:
    """The columns of a definition."""
    columns = {}
    for part in text.split(", "):
        declared, _, place = part.partition(" key ")
        name, _, type_ = declared.partition(" ")
        columns[name] = Recorded(ColumnType.parse(type_), int(place) if place else None)
    return columns


def compare(
    relation: Relation,
    stands: Mapping[str, Standing],
    recorded: Mapping[str, Recorded],
    *,
    is_loaded: Callable[[], bool],
) -> tuple[list[Change], list[Breaking]]:
    """What a table lacks that its contract has, and what cannot be made so.

    `recorded` says what the engine does not know (a text's length, the key); it may be empty. `is_loaded` is asked only
    when it matters whether the table has rows.
    """
    if relation.is_queue:
        return _queue_changes(relation, stands), []
    contract, table = relation.contract, relation.name
    changes: list[Change] = []
    refused = [
        _breaking(contract, name, f"{table} has the column {name} in the warehouse, but not in {contract.file}")
        for name in stands
        if name not in contract.by_name
    ]
    for column in contract.columns:
        if column.name not in stands:
            found = _added(contract, column, is_loaded)
            if isinstance(found, Breaking):
                refused.append(found)
            else:
                changes.append(found)
            continue
        standing = stands[column.name]
        old = _declared(standing.type, recorded.get(column.name))
        if not column.type.holds(old):
            reason = f"{table} has another type in the warehouse than in {contract.file}: "
            refused.append(_breaking(contract, column.name, f"{reason}{column.name} ({old}, not {column.type})"))
        elif old != column.type and (old.length or not old.is_text):
            changes.append(WidenType(table, column.name, old, column.type, _of_hash(contract, column, old)))
        if not (standing.nullable or column.required):
            changes.append(AllowNull(table, column.name))
    # Columns that come or go are told already; of those that stay, none may enter or leave the key, or change place.
    old_key = _key((name, c.key_position) for name, c in recorded.items())
    if recorded and contract.key != old_key and not refused:
        keyed = f"{table} is keyed by ({', '.join(old_key)}) in the warehouse, but by ({', '.join(contract.key)}) in "
        refused.append(_breaking(contract, ", ".join(contract.key), keyed + contract.file))
    return changes, refused


def _queue_changes(relation: Relation, stands: Mapping[str, Standing]) -> list[Change]:
    (column,) = relation.columns
    if set(stands) != {column.name} or not column.type.holds(stands[column.name].type):
        return [RenewQueue(relation.name, column.name)]
    old = stands[column.name].type
    if old == column.type or (old.is_text and old.length is None):
        return []
    return [WidenType(relation.name, column.name, old, column.type)]


def _added(contract: Contract, column: Column, is_loaded: Callable[[], bool]) -> AddColumn | Breaking:
    table = str(contract.table)
    if column.key_position is not None:
        return _breaking(contract, column.name, f"{contract.file} adds the column {column.name} to the key of {table}")
    if column.required and contract.table.layer == "clean" and is_loaded():
        reason = f"{contract.file} adds the required column {column.name} to {table}, whose rows have no value for it"
        return Breaking(
            table, column.name, reason, "leave out `required`; a `default` fills rows that come from now on"
        )
    is_business = contract.table.layer == "clean" and column.business_date_of is None
    note = ""
    if is_business and column.since is None:
        note = (
            f"rows that are delivered again count as changed; `since: {contract.version}` on the column in "
            f"{contract.file} keeps them equal"
        )
    return AddColumn(table, column, note)


def _of_hash(contract: Contract, column: Column, old: ColumnType) -> str:
    if contract.table.layer != "clean" or column.type.form == old.form:
        return ""
    return f"{column.name} is written with more decimals now: rows that are delivered again count as changed"


def _declared(standing: ColumnType, recorded: Recorded | None) -> ColumnType:
    """The type that the engine reports; the record says how long a text may be where the engine does not."""
    if recorded and standing.is_text and standing.length is None and recorded.type.is_text:
        return recorded.type
    return standing


def _key(columns: Iterable[tuple[str, int | None]]) -> tuple[str, ...]:
    keyed = [(place, name) for name, place in columns if place is not None]
    return tuple(name for _, name in sorted(keyed))


def _breaking(contract: Contract, column: str, reason: str) -> Breaking:
    remedy = "take it back, or make the table anew: docs/schema-changes.md"
    if ddl.is_queued(contract):
        remedy = "take it back, or drop the table there: the next run computes it whole (docs/schema-changes.md)"
    return Breaking(str(contract.table), column, reason, remedy)


def in_place(change: Change, relation: Relation, engine: Engine) -> bool:
    """Whether an ALTER makes a change; if not, the table is copied."""
    if isinstance(change, AddColumn):
        return True
    if not isinstance(change, WidenType):
        return False
    if engine == "duckdb":
        return True
    column = next(c for c in relation.columns if c.name == change.column)
    is_free = change.column not in relation.fixed and (column.encode or "").lower() not in _NOT_ALTERED_WITH
    return change.new.is_text and is_free


def _copy(relation: Relation, stands: Mapping[str, Standing]) -> list[Step]:
    """Fill a new table from the one that stands, see that no row is lost, and put it in its place."""
    name, copy = relation.name, f"{relation.name}__copy"
    columns = [c for c in relation.columns if c.name in stands]
    names = ", ".join(c.name for c in columns)
    values = ", ".join(
        c.name
        if c.type == stands[c.name].type or c.type.is_text
        else f"CAST({c.name} AS {str(c.type).upper()}) AS {c.name}"
        for c in columns
    )
    # A column that was added to a table with rows may hold NULL, whatever its contract requires.
    nullable = {c.name for c in relation.columns if c.name not in stands or stands[c.name].nullable}
    rows = (count_rows(table, columns[0].name) for table in (name, copy))
    before, after = (f"({sql}) AS {alias}" for sql, alias in zip(rows, ("stood", "copied"), strict=True))
    return [
        Step(ddl.drop_table(copy)),
        Step(relation.create(copy, nullable)),
        Step(f"INSERT INTO {copy} ({names}) SELECT {values} FROM {name}"),
        Step(f"SELECT stood.row_count - copied.row_count AS row_count FROM {before} CROSS JOIN {after}", check=True),
        Step(f"DROP TABLE {name}"),
        Step(f"ALTER TABLE {copy} RENAME TO {name.partition('.')[2]}"),
    ]
