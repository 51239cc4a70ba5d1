"""What is wrong with the warehouse's SQL, told before it runs: `file:line: rule: message`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from contracts.ids import TableId
from contracts.model import Column, Contract
from contracts.registry import Registry
from contracts.types import ColumnType
from sql import ddl, increment, portable, scd2
from sql.dialect import BINDS, SqlError, binds_of, line_of, to_duckdb, to_spark
from sql.graph import Graph
from sql.qualified import qualified

# Plans a DuckDB SELECT over empty tables under `dialect.SESSION`: names and types of its columns, or an error.
Describe = Callable[[str], list[tuple[str, str]]]


def lint(registry: Registry, graph: Graph, *, describe: Describe | None = None) -> list[str]:
    """Every fault of every SELECT and of the names in the contracts; empty if there is none.

    `describe` runs on a DuckDB that holds `probe_tables(registry)`; without it, that last check is left out.
    """
    faults: list[str] = []
    for table in graph.tables:
        faults += _table_faults(table, registry, graph, describe)
    for contract in registry.values():
        faults += naming(contract)
    return faults


def probe_tables(registry: Registry) -> list[str]:
    """DuckDB statements that make every table of the contracts, empty."""
    return [to_duckdb(s) for s in ddl.create_all(registry.values())]


def naming(contract: Contract) -> Iterator[str]:
    """Columns whose name promises another type than they have, or that Redshift reserves; raw names are delivered."""
    if contract.table.layer == "raw":
        return
    for column in contract.columns:
        for ending, kinds in _ENDINGS.items():
            if column.name.endswith(ending) and column.type.kind not in kinds:
                kind = " or ".join(kinds)
                yield f"{_at(contract, column)}: naming: {column.name} is {column.type}; {ending} is {kind}"
        if column.name.startswith(("is_", "has_")) and column.type.kind != "boolean":
            yield f"{_at(contract, column)}: naming: {column.name} is {column.type}; is_ and has_ are boolean"
        if portable.is_reserved(column.name):
            yield f"{_at(contract, column)}: naming: {column.name} is a reserved word of Redshift"


_INTEGERS = ("smallint", "integer", "bigint")
_ENDINGS: dict[str, tuple[str, ...]] = {
    "_at": ("timestamp",),
    "_date": ("date",),
    "_amount": ("decimal",),
    "_count": _INTEGERS,
    "_key": ("bigint", "integer"),
    "_code": ("varchar",),
}


def _table_faults(table: TableId, registry: Registry, graph: Graph, describe: Describe | None) -> Iterator[str]:
    file, select = str(table.sql_file), graph.select(table)
    curated = table.layer == "curated"
    syntactic = [f"{file}:{line_of(f.node)}: {f.rule}: {f.message}" for f in portable.faults(select, spark=curated)]
    yield from dict.fromkeys(syntactic)
    for dialect in (to_duckdb, to_spark) if curated else (to_duckdb,):
        try:
            dialect(select)
        except SqlError as error:
            yield from (fault.replace("<sql>", file, 1) for fault in error.faults)
    if table not in registry:
        yield f"{file}:1: contract: {table} has no contract"
        return
    contract = registry[table]
    structural = [f"{file}:1: increment: {message}" for message in increment.faults(select, contract, registry)]
    if contract.load.strategy == "scd2":
        structural += [f"{contract.file}:1: scd2: {message}" for message in scd2.faults(contract)]
    structural += _output_faults(select, contract)
    yield from structural
    if contract.load.date is not None and not contract.by_name[contract.load.date].required:
        yield f"{contract.file}:1: merge: {contract.load.date} is merged by, so it must be required"
    try:
        tree = qualified(graph, registry, table)
    except SqlError as error:
        yield from (_with_rule(fault, "column") for fault in error.faults)
        return
    yield from _typed_faults(tree, file)
    if describe is not None and not syntactic and not structural:
        yield from _probe_faults(select, contract, registry, describe)


def _output_faults(select: exp.Query, contract: Contract) -> Iterator[str]:
    found, file = list(select.named_selects), str(contract.table.sql_file)
    if contract.load.strategy == "scd2":
        expected = list(scd2.log_columns(contract))
        if sorted(found) != sorted(expected):
            yield f"{file}:1: output: the change log gives ({', '.join(found)}), not ({', '.join(expected)})"
    elif found != list(contract.names):
        missing = [n for n in contract.names if n not in found]
        extra = [n for n in found if n not in contract.names]
        what = "; ".join(
            part
            for part in (
                f"missing {', '.join(missing)}" if missing else "",
                f"not in the contract {', '.join(extra)}" if extra else "",
                "another order than the contract's" if not missing and not extra else "",
            )
            if part
        )
        yield f"{file}:1: output: {what}"


def _typed_faults(tree: exp.Query, file: str) -> Iterator[str]:
    """What needs scopes or types: correlated subqueries that give a value, text made of booleans."""
    for scope in traverse_scope(tree):
        at = scope.expression.parent
        if isinstance(at, exp.Subquery) and scope.is_correlated_subquery:
            yield (
                f"{file}:{line_of(scope.expression)}: subquery: a correlated subquery that gives a value: "
                "Redshift runs few of them; write a join"
            )
    for cast in tree.find_all(exp.Cast):
        if cast.to.this in exp.DataType.TEXT_TYPES and cast.this.is_type("boolean"):
            yield f"{file}:{line_of(cast)}: cast: Redshift casts no boolean to text; write CASE"


def _probe_faults(select: exp.Query, contract: Contract, registry: Registry, describe: Describe) -> Iterator[str]:
    """What an engine says of the statement that fills the stage, and whether it makes the contract's types."""
    file = str(contract.table.sql_file)
    probe = increment.scoped(select, contract, registry)
    if contract.load.strategy == "scd2":
        probe = scd2.versions(probe, contract)
    for bind in binds_of(probe):
        value = exp.cast(exp.Null(), BINDS[bind], dialect="redshift")
        probe = probe.transform(lambda n, b=bind, v=value: v if isinstance(n, exp.Placeholder) and n.name == b else n)
    try:
        columns = describe(to_duckdb(probe))
    except Exception as error:
        yield f"{file}:1: engine: {' '.join(str(error).split())[:500]}"
        return
    for (name, made), column in zip(columns, contract.columns, strict=True):
        if wrong := _type_fault(made, column.type):
            yield f"{file}:{_output_line(select, name)}: type: {name} is {wrong}"


def _type_fault(made: str, promised: ColumnType) -> str | None:
    """Why a DuckDB type does not go into a column without a loss that the SQL should have said; None if it does."""
    kind = made.upper()
    if kind == '"NULL"':
        return f"a NULL without a type; write CAST(NULL AS {promised})"
    if kind in _DUCKDB_INTEGERS:
        fits = promised.kind in (*_INTEGERS, "decimal", "double precision")
    elif match := _DECIMAL.fullmatch(kind):
        scale = int(match[1])
        if promised.kind == "decimal" and scale > (promised.scale or 0):
            return f"{kind}, which {promised} would round; CAST it"
        fits = promised.kind in ("decimal", "double precision") or (promised.kind in _INTEGERS and scale == 0)
    elif kind == "DATE":  # DATE_TRUNC of a date is a date on DuckDB and an instant on Redshift
        fits = promised.kind in ("date", "timestamp")
    else:
        fits = promised.kind == _KINDS.get(kind)
    return None if fits else f"{kind}, the contract has {promised}; CAST it"


_DUCKDB_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "INTEGER_LITERAL")
_DECIMAL = re.compile(r"DECIMAL\(\d+,\s*(\d+)\)")
_KINDS = {"DOUBLE": "double precision", "VARCHAR": "varchar", "BOOLEAN": "boolean", "TIMESTAMP": "timestamp"}


def _output_line(select: exp.Query, name: str) -> int:
    for projection in select.selects:
        if projection.alias_or_name == name:
            return line_of(projection)
    return 1


def _with_rule(fault: str, rule: str) -> str:
    file, line, message = fault.split(":", 2)
    return f"{file}:{line}: {rule}:{message}"


def _at(contract: Contract, column: Column) -> str:
    return column.where or f"{contract.file}:1"
