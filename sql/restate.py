"""When a table is computed anew, and which keys a restatement queues: all that the sources hold, or a window's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from hashlib import md5

from contracts.ids import TableId
from contracts.model import Contract, Match
from contracts.registry import Registry
from sql import ddl, queues
from sql.graph import Graph


class NoWindow(ValueError):
    """A table that cannot be restated from a day on: nothing in it or its sources says of which day a row is."""


def definition_hash(contract: Contract, text: str) -> str:
    """MD5 of what decides a computed table's rows: its SELECT's text, its columns, its load.

    How long a text or how large a number may be decides none: a column that only got wider restates nothing.
    """
    columns = [(c.name, c.type.form, c.key_position) for c in contract.columns]
    # Without defaults, a version that knows more settings does not compute every table anew.
    load = contract.load.model_dump_json(exclude_defaults=True, exclude={"window", "max_closed_share"})
    return md5(f"{text}|{columns}|{load}".encode(), usedforsecurity=False).hexdigest()


def every_key(contract: Contract) -> list[str]:
    """INSERTs that queue every key which the sources hold (for a table whose rows are computed in the lake)."""
    return [_enqueue(contract, source, on, "") for source, on in _keyed(contract)]


def keys_since(contract: Contract, registry: Registry, day: date) -> list[str]:
    """INSERTs that queue the keys of the window: of the rows from that day on, in the table and in its sources.

    Of a history, the keys with a version that opens in the window. Raises NoWindow.
    """
    key, _ = ddl.queue_column(contract)
    own = [(str(contract.table), key)] if contract.load.increment else []
    statements = []
    for name, on in [*_keyed(contract), *own]:
        read = registry[TableId.parse(name)]
        if (column := day_column(read)) is not None:
            statements.append(_enqueue(contract, name, on, f" AND {column} >= {_day(read, column, day)}"))
    if not statements:
        raise NoWindow(f"{contract.table} has no day to restate it from; leave out --from, and it is restated whole")
    return statements


def readers_since(contract: Contract, registry: Registry, graph: Graph, day: date | None) -> list[str]:
    """INSERTs that queue the rows of the window (None: all) in each table that looks rows up in this one (by Match).

    What looks up holds a key that it found here: it is found again, whether or not the row here came out otherwise.
    """
    statements = []
    for other, on in queues.consumers(contract.table, registry, graph):
        if isinstance(on, Match) and not on.every:
            key, _ = ddl.queue_column(other)
            column = day_column(other)
            window = f" AND {column} >= {_day(other, column, day)}" if day and column else ""
            statements.append(_enqueue(other, str(other.table), key, window))
    return statements


def day_column(contract: Contract) -> str | None:
    """The column that says of which day a row is: date of the load, partition, opening of a version, or delivery."""
    load = contract.load
    opening = "effective_from" if load.strategy == "scd2" else None
    delivered = "delivery_date" if "delivery_date" in contract.by_name else None
    return next((c for c in (load.date, load.partition, opening, delivered) if c), None)


def _keyed(contract: Contract) -> Iterator[tuple[str, str]]:
    increment = contract.load.increment
    for source, on in increment.sources.items() if increment else ():
        if isinstance(on, str):
            yield source, on


def _enqueue(contract: Contract, source: str, on: str, window: str) -> str:
    column, _ = ddl.queue_column(contract)
    return (
        f"INSERT INTO {contract.table.pending} ({column}) "
        f"SELECT DISTINCT {on} FROM {source} WHERE {on} IS NOT NULL{window}"
    )


def _day(contract: Contract, column: str, day: date) -> str:
    kind = "DATE" if contract.by_name[column].type.logical == "date" else "TIMESTAMP"
    return f"CAST('{day.isoformat()}' AS {kind})"
