"""The queues of keys: who must hear of a change, which keys it touches, how many wait, and how a build takes them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from contracts.ids import TableId
from contracts.model import Contract, Match
from contracts.registry import Registry
from sql import ddl
from sql.graph import Graph
from sql.increment import read_of_a_version
from sql.memo import memoised
from sql.plan import Statement


def queue_length(contract: Contract) -> str:
    """SELECT of one number: keys that wait, whether queued or taken by a build that was not published."""
    column, _ = ddl.queue_column(contract)
    return (
        f"SELECT COUNT(DISTINCT {column}) AS key_count FROM (SELECT {column} FROM {contract.table.pending} "
        f"UNION ALL SELECT {column} FROM {contract.table.taken}) AS waiting"
    )


def take(contract: Contract) -> list[Statement]:
    """Move the waiting keys from `pending` to `taken`; keys that an unpublished build took stay taken."""
    column, _ = ddl.queue_column(contract)
    pending, taken = contract.table.pending, contract.table.taken
    return [
        Statement(
            "take",
            f"INSERT INTO {taken} ({column}) SELECT DISTINCT p.{column} FROM {pending} AS p "
            f"WHERE NOT EXISTS (SELECT 1 FROM {taken} AS t WHERE t.{column} = p.{column})",
        ),
        Statement("take", f"DELETE FROM {pending} WHERE {column} IN (SELECT {column} FROM {taken})"),
    ]


def consumers(table: TableId, registry: Registry, graph: Graph) -> list[tuple[Contract, str | Match | None]]:
    """The computed tables that must hear of a change in `table`, and how a change finds their keys (None: all)."""
    out: list[tuple[Contract, str | Match | None]] = []
    for other in registry.values():
        if not ddl.is_queued(other):
            continue
        increment = other.load.increment
        if increment is None:
            if table in graph.upstream(other.table):
                out.append((other, None))
        elif (on := increment.sources.get(str(table))) is not None:
            out.append((other, on))
    return out


def enqueue(
    contract: Contract, registry: Registry, graph: Graph, changes: str, unbuilt: Collection[TableId], *, first: bool
) -> Iterator[Statement]:
    """Tell each consumer the keys that a publish touches; `changes` holds the images (`first`: all rows are new)."""
    for other, on in consumers(contract.table, registry, graph):
        column, type_ = ddl.queue_column(other)
        one = " LIMIT 1" if other.table in unbuilt else ""
        insert = f"INSERT INTO {other.table.pending} ({column}) "
        note = str(other.table)
        if on is None:
            everything = f"CAST('{ddl.EVERYTHING}' AS {str(type_).upper()})"
            sql = f"SELECT DISTINCT {everything} FROM {changes}"
        elif isinstance(on, Match) and on.every:
            sql = f"SELECT DISTINCT t.{column} FROM {other.table} AS t WHERE EXISTS (SELECT 1 FROM {changes})"
        elif isinstance(on, Match):
            matched = " AND ".join(f"t.{ours} = c.{theirs}" for ours, theirs in on.on.items())
            rows = changes
            if on.at and first:
                matched += f" AND t.{on.at} >= c.effective_from AND t.{on.at} < c.effective_to"
            elif on.at:
                matched += f" AND t.{on.at} >= c.changed_from AND t.{on.at} < c.changed_to"
                rows = f"({_changed_instants(contract, other, on, graph)})"
            sql = f"SELECT DISTINCT t.{column} FROM {other.table} AS t JOIN {rows} AS c ON {matched}"
        else:
            sql = f"SELECT DISTINCT {on} FROM {changes} WHERE {on} IS NOT NULL"
        yield Statement("enqueue", insert + sql + one, note)


def _changed_instants(history: Contract, reader: Contract, match: Match, graph: Graph) -> str:
    """SELECT of the intervals at whose instants the reader finds another version than before, or another value in it.

    A version that was only closed has two images that are equal in all that is read, up to the end of the shorter: not
    each row of its time is computed anew for each change that came later.
    """
    assert match.at is not None
    read = memoised(
        *("read of a version", graph.text(reader.table), history.names, match.at),
        make=lambda: " ".join(read_of_a_version(graph.select(reader.table), history, match.at or "")),
    )
    equal = ", ".join(dict.fromkeys(["effective_from", *match.on.values(), *read.split()]))
    has_both = "MIN(change_image) < MAX(change_image)"
    return (
        f"SELECT {', '.join(match.on.values())}, MAX(effective_to) AS changed_to, "
        f"CASE WHEN {has_both} THEN MIN(effective_to) ELSE effective_from END AS changed_from "
        f"FROM {history.table.changes} GROUP BY {equal} "
        f"HAVING MIN(change_image) = MAX(change_image) OR MIN(effective_to) < MAX(effective_to)"
    )
