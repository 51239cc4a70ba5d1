"""The increment, derived: a SELECT over whole tables becomes one over the rows whose key stands in the queue."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from contracts.ids import TableId
from contracts.model import Contract, Match
from contracts.registry import Registry
from sql.graph import read_by

# The least and the greatest of the keys that a statement is about, as binds: an engine that knows the range of each
# block (DuckDB's row groups, Redshift's zone maps) reads those blocks only, which a list of keys does not tell it.
FIRST_KEY, LAST_KEY = "first_key", "last_key"


def span(column: str, keys: str) -> str:
    """SELECT of one row, the binds of `spanned`, from a table of keys; both are NULL where it holds none."""
    return f"SELECT MIN({column}) AS {FIRST_KEY}, MAX({column}) AS {LAST_KEY} FROM {keys}"


def spanned(column: str) -> str:
    """The condition that a column lies in the span; beside a list of the keys it changes no row."""
    return f"{column} BETWEEN :{FIRST_KEY} AND :{LAST_KEY}"


def scoped(select: exp.Query, contract: Contract, registry: Registry, *, in_span: bool = False) -> exp.Query:
    """A copy that reads, of each source with a column mapping, only rows whose key the build has taken.

    Sources by Match and null sources stay whole, and so does everything where the contract has no increment.
    `in_span`: the statement is run with the binds of `span`, and reads no block that lies outside.
    """
    increment = contract.load.increment
    select = select.copy()
    if increment is None:
        return select
    columns = {TableId.parse(name): on for name, on in increment.sources.items() if isinstance(on, str)}
    for scan in list(select.find_all(exp.Table)):
        if not scan.db:  # a CTE: every table of ours stands in a schema
            continue
        source = TableId.parse(f"{scan.db}.{scan.name}")
        if source not in columns:
            continue
        taken = exp.select(exp.column(increment.key)).from_(exp.to_table(contract.table.taken))
        rows = (
            exp.select(*(exp.column(name) for name in registry[source].names))
            .from_(exp.to_table(str(source)))
            .where(exp.In(this=exp.column(columns[source]), query=exp.Subquery(this=taken)))
        )
        if in_span:
            rows = rows.where(spanned(columns[source]), dialect="redshift")
        scan.replace(exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier(scan.alias_or_name))))
    return select


def read_of_a_version(select: exp.Query, history: Contract, at: str) -> tuple[str, ...]:
    """The columns of a history that a SELECT may read for more than to find the version of the instant `at`.

    A column of this name that it reads of another table counts too: one too many only makes more of a change.
    """
    read = {c.name for c in select.find_all(exp.Column) if not _ends_before(c, at)}
    is_any = any(not isinstance(star.parent, exp.Count) for star in select.find_all(exp.Star))
    return tuple(name for name in history.names if is_any or name in read)


def _ends_before(column: exp.Column, at: str) -> bool:
    """Whether this is the end in `<at> < <end>`."""
    compared = column.parent
    if column.name != "effective_to" or not isinstance(compared, exp.LT) or compared.expression is not column:
        return False
    return isinstance(compared.this, exp.Column) and compared.this.name == at


def faults(select: exp.Query, contract: Contract, registry: Registry) -> Iterator[str]:
    """What is wrong between a SELECT and its contract's increment, each as a message without its place."""
    increment = contract.load.increment
    if increment is None:
        if contract.load.strategy == "scd2":
            yield "strategy scd2 needs an increment: its key is the durable key"
        elif contract.load.window is None:
            yield (
                "without load.increment each run computes the table from the whole history: "
                "name the rows that a change touches, or say `window: all`"
            )
        return
    if not contract.by_name[increment.key].required:
        yield f"increment key {increment.key} must be required: a row with a NULL key would never be computed anew"
    if contract.load.strategy == "snapshot" and increment.key != contract.load.partition:
        yield f"strategy snapshot computes whole partitions: the increment key must be {contract.load.partition}"
    read, named = read_by(select), {TableId.parse(name) for name in increment.sources}
    for table in sorted(read - named):
        yield f"the SELECT reads {table}, which load.increment.from does not name"
    for table in sorted(named - read):
        yield f"load.increment.from names {table}, which the SELECT does not read"
    for name, on in increment.sources.items():
        source = TableId.parse(name)
        if source in registry:
            yield from _mapping_faults(contract, registry[source], on)
        if isinstance(on, Match) and on.on and any(_is_inner(join, source) for join in select.find_all(exp.Join)):
            yield f"{source} is matched with rows that we have, its new rows have none: join it LEFT, or match `every`"


def _is_inner(join: exp.Join, source: TableId) -> bool:
    scan = join.this
    is_source = isinstance(scan, exp.Table) and (scan.db, scan.name) == (source.layer, source.name)
    return is_source and join.side.upper() != "LEFT"


def _mapping_faults(contract: Contract, source: Contract, on: str | Match | None) -> Iterator[str]:
    if isinstance(on, str):
        if on not in source.names:
            yield f"load.increment.from maps {source.table} by column {on}, which it does not have"
    elif on is not None:
        for ours, theirs in on.on.items():
            if ours not in contract.names:
                yield f"load.increment.from matches {source.table} on our column {ours}, which we do not have"
            if theirs not in source.names:
                yield f"load.increment.from matches {source.table} on its column {theirs}, which it does not have"
        if on.at is not None and on.at not in contract.names:
            yield f"load.increment.from matches {source.table} at {on.at}, which we do not have"
        if on.at is not None and not {"effective_from", "effective_to"} <= set(source.names):
            yield f"load.increment.from matches {source.table} at an instant, but it has no effective_from/effective_to"
