"""SELECTs with every column's table named, by the contracts; made once per graph."""

from __future__ import annotations

import re
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from sqlglot import MappingSchema, exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from contracts.ids import Node, TableId
from contracts.model import Contract
from contracts.registry import Registry
from sql.dialect import SqlError, line_of
from sql.graph import Graph

_MADE: WeakKeyDictionary[Graph, dict[TableId, exp.Query]] = WeakKeyDictionary()
_LINE = re.compile(r"Line: (\d+)")
_COLUMN = re.compile(r"Unknown column: (\w+)")


def qualified(graph: Graph, registry: Registry, table: TableId) -> exp.Query:
    """A table's SELECT, columns qualified and typed; not to be changed. SqlError names a table or column unknown."""
    made = _MADE.setdefault(graph, {})
    if table not in made:
        made[table] = _qualify(graph, registry, table)
    return made[table]


def _qualify(graph: Graph, registry: Registry, table: TableId) -> exp.Query:
    file = str(table.sql_file)
    if unknown := sorted(t for t in graph.upstream(table) if t not in registry):
        raise SqlError(f"{file}:1: {t} has no contract" for t in unknown)
    return qualified_select(graph.select(table), {t: types_of(registry[t]) for t in graph.upstream(table)}, file)


def types_of(contract: Contract) -> dict[str, str]:
    """The types of a table's columns, by name."""
    return {c.name: str(c.type) for c in contract.columns}


def qualified_select(select: exp.Query, types: Mapping[Node, Mapping[str, str]], file: str) -> exp.Query:
    """A SELECT over these tables, columns qualified and typed. SqlError names a table or column unknown."""
    schema = MappingSchema(dialect="redshift")
    for read, columns in types.items():
        schema.add_table(exp.table_(read.name, db=read.layer), dict(columns), match_depth=False)
    try:
        tree = qualify(select.copy(), schema=schema, dialect="redshift", quote_identifiers=False, identify=False)
    except OptimizeError as error:
        message = str(error).split("\n")[0]
        raise SqlError([f"{file}:{_line(message, select)}: {message}"]) from error
    tree = annotate_types(tree, schema=schema, dialect="redshift")
    assert isinstance(tree, exp.Query)
    return tree


def _line(message: str, select: exp.Query) -> int:
    """sqlglot tells the line of some faults; of an unknown column of a known table it tells the column only."""
    if line := _LINE.search(message):
        return int(line[1])
    named = _COLUMN.search(message)
    places = [line_of(c) for c in select.find_all(exp.Column) if named and c.name == named[1]]
    return min(places, default=1)
