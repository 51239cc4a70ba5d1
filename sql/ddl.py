"""CREATE statements from contracts, as Redshift text; `dialect.to_duckdb` drops what only Redshift knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from contracts.ids import STAGE_SCHEMA, WAREHOUSE_LAYERS, TableId
from contracts.model import Column, Contract
from contracts.types import ColumnType

# The layers whose tables a SELECT makes, and so have a queue of keys to compute anew.
QUEUED_LAYERS = ("curated", "core", "mart")
EVERYTHING = "all"
# Days that changes have touched and that were not compared since: tasks/reconcile.py.
RECONCILIATION_QUEUE = f"{STAGE_SCHEMA}.pending__reconciliation"
_WHOLE = ("pending_key", ColumnType("varchar", length=16))


def queue_column(contract: Contract) -> tuple[str, ColumnType]:
    """Name and type of the column of a table's queue: its increment key, or `pending_key`, which only holds `all`."""
    increment = contract.load.increment
    return (increment.key, contract.by_name[increment.key].type) if increment else _WHOLE


def is_queued(contract: Contract) -> bool:
    """Whether a table is computed from others (and has a queue), rather than delivered."""
    return contract.table.layer in QUEUED_LAYERS


def create_schemas(schemas: Iterable[str] = (*WAREHOUSE_LAYERS, STAGE_SCHEMA)) -> list[str]:
    """One CREATE SCHEMA IF NOT EXISTS each."""
    return [f"CREATE SCHEMA IF NOT EXISTS {schema}" for schema in schemas]


def create_table(contract: Contract, *, name: str | None = None, nullable: Collection[str] = ()) -> str:
    """CREATE TABLE IF NOT EXISTS for a published table: NOT NULL, ENCODE, distribution, sort key, noted key.

    Columns that are `nullable` may be NULL even where the contract requires a value.
    """
    lines = [_column(c, constraints=c.name not in nullable) for c in contract.columns]
    if contract.key:
        lines.append(f"PRIMARY KEY ({', '.join(contract.key)})")
    sort = f" COMPOUND SORTKEY ({', '.join(contract.sort_key)})" if contract.sort_key else ""
    return _create(name or str(contract.table), lines, if_not_exists=True) + _distribution(contract) + sort


def create_stage(contract: Contract) -> str:
    """CREATE TABLE for rows that wait for their audit: all columns may be NULL, so that the audit is what tells."""
    lines = [_column(c, constraints=False) for c in contract.columns]
    return _create(contract.table.stage, lines) + _distribution(contract)


def create_changes(contract: Contract) -> str:
    """CREATE TABLE for the images of changed rows: the contract's columns and `change_image` (before or after)."""
    lines = [*(_column(c, constraints=False) for c in contract.columns), "change_image VARCHAR(8)"]
    return _create(contract.table.changes, lines) + _distribution(contract)


def create_pending(contract: Contract) -> str:
    """CREATE TABLE IF NOT EXISTS for the queue of keys whose rows must be computed anew."""
    return create_queue(contract, contract.table.pending)


def create_taken(contract: Contract) -> str:
    """CREATE TABLE IF NOT EXISTS for the keys that a build has taken out of the queue."""
    return create_queue(contract, contract.table.taken)


def create_queue(contract: Contract, name: str) -> str:
    """CREATE TABLE IF NOT EXISTS for a table of keys of a table."""
    column, type_ = queue_column(contract)
    return _create(name, [f"{column} {str(type_).upper()} NOT NULL"], if_not_exists=True)


def create_all(contracts: Iterable[Contract]) -> list[str]:
    """Every statement that an empty warehouse needs: schemas, tables, queues. Raw tables stay in the lake."""
    statements = create_schemas()
    for contract in contracts:
        if contract.table.layer == "raw":
            continue
        statements.append(create_table(contract))
        if is_queued(contract):
            statements += [create_pending(contract), create_taken(contract)]
    return [*statements, create_reconciliation_queue()]


def create_reconciliation_queue() -> str:
    """CREATE TABLE IF NOT EXISTS for the days that checks must compare anew."""
    columns = ["check_name VARCHAR(128) NOT NULL", "reconciliation_date DATE NOT NULL"]
    return _create(RECONCILIATION_QUEUE, columns, if_not_exists=True)


def comments(contract: Contract) -> list[str]:
    """COMMENT ON for the table and its columns, so that the contract's words stand where an analyst looks."""
    table = contract.table
    told = [f"COMMENT ON TABLE {table} IS {literal(contract.description or contract.title)}"]
    return told + [f"COMMENT ON COLUMN {table}.{c.name} IS {literal(c.description)}" for c in contract.columns]


def drop_table(name: str) -> str:
    return f"DROP TABLE IF EXISTS {name}"


def add_column(table: TableId | str, column: Column) -> str:
    """ALTER TABLE for a column that a new contract version adds; without NOT NULL, as standing rows have no value."""
    return f"ALTER TABLE {table} ADD COLUMN {column.name} {str(column.type).upper()}{_encode(column)}"


def _create(name: str, lines: list[str], *, if_not_exists: bool = False) -> str:
    body = ",\n  ".join(lines)
    return f"CREATE TABLE {'IF NOT EXISTS ' if if_not_exists else ''}{name} (\n  {body}\n)"


def _column(column: Column, *, constraints: bool) -> str:
    not_null = " NOT NULL" if constraints and column.required else ""
    return f"{column.name} {str(column.type).upper()}{not_null}{_encode(column)}"


def _encode(column: Column) -> str:
    return f" ENCODE {column.encode}" if column.encode else ""


def _distribution(contract: Contract) -> str:
    """Nothing for `auto`, which is what Redshift does when nothing is said."""
    style, column = contract.distribution.style, contract.distribution.column
    if style == "auto":
        return ""
    return f" DISTSTYLE {style.upper()}" + (f" DISTKEY ({column})" if column else "")


def literal(words: str) -> str:
    """A text as SQL."""
    return "'" + words.replace("'", "''") + "'"
