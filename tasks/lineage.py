"""What people ask of lineage: the steps up and down from a table or column, and what a change of it hits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from sqlglot import exp

from contracts.ids import ColumnId, Node, TableId, by_layer
from contracts.model import Contract, Match
from contracts.registry import Registry
from expectations.predicates import rule_columns
from expectations.rules import Rule
from sql.consumers import Query, checks_as_consumers, read_sound, views_as_consumers
from sql.dialect import SqlError
from sql.graph import Graph
from sql.lineage import Lineage, Reached, sound_consumers
from sql.reconcile import read_checks

# value: made from it. rows: it decides which rows there are. named: a SELECT names it for neither. reads: of tables.
Kind = Literal["value", "rows", "named", "reads"]
Place = Node | ColumnId


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a walk from `at` to `to`, at this distance from where it began."""

    at: Place
    to: Place
    kind: Kind
    depth: int


@dataclass(frozen=True, slots=True)
class Hit:
    """What a change reaches: the columns made of it, whether rows may differ, and the rules that look at these.

    `breaks`: its SELECT, load or relationship names what changes, and fails without it.
    """

    node: Node
    columns: tuple[str, ...]
    is_of_rows: bool
    breaks: bool
    rules: tuple[str, ...]
    file: str


def read_lineage(root: Path, registry: Registry, graph: Graph, *, strict: bool = True) -> Lineage:
    """Lineage of a repository with its reconciliation checks, views and notebooks.

    SqlError where a notebook's SQL is wrong; if not `strict`, that notebook is left out (`dw check` tells of it).
    """
    notebooks, faults = read_sound(root)
    consumers, of_their_sql = sound_consumers(graph, registry, [*views_as_consumers(registry), *notebooks])
    if strict and (faults or of_their_sql):
        raise SqlError([*faults, *of_their_sql])
    return Lineage(graph, registry, (*checks_as_consumers(read_checks(root, registry)), *consumers))


def find(lineage: Lineage, text: str) -> Place:
    """The table, view, notebook or column of a name such as `core.fact_sales.net_amount`; ValueError names the near."""
    nodes = {str(node): node for node in lineage.nodes}
    if text in nodes:
        return nodes[text]
    name, _, column = text.rpartition(".")
    if name in nodes:
        columns = lineage.columns(nodes[name])
        if column in columns:
            return ColumnId(nodes[name], column)
        near = get_close_matches(column, columns, n=5) or columns
        raise ValueError(f"{name} has no column {column!r}; there are {', '.join(near)}")
    near = get_close_matches(text, nodes, n=5) or get_close_matches(name, nodes, n=5)
    raise ValueError(
        f"{text!r} is no table or column, for example core.fact_sales or core.fact_sales.net_amount"
        + (f"; did you mean {', '.join(near)}?" if near else "")
    )


def steps(lineage: Lineage, at: Place, *, down: bool) -> list[tuple[Place, Kind]]:
    """One step up or down; of a column up: what it is made from, and what decides the rows of its table."""
    if not isinstance(at, ColumnId):
        ahead = lineage.read_by(at) if down else lineage.reads(at)
        return [(node, "reads") for node in sorted(ahead, key=by_layer)]
    if not down:
        values = lineage.sources(at.table, at.column)
        rows = lineage.deciding(at.table) - values
        return [*((one, _VALUE) for one in sorted(values)), *((one, _ROWS) for one in sorted(rows))]
    made, decided = lineage.made_from(at), lineage.decided_by(at)
    touched = {column.table for column in made} | decided
    named = [node for node in lineage.readers(at.table, at.column) if node not in touched]
    return [
        *((one, _VALUE) for one in sorted(made)),
        *((node, _ROWS) for node in sorted(decided, key=by_layer)),
        *((node, _NAMED) for node in named),
    ]


_VALUE: Kind = "value"
_ROWS: Kind = "rows"
_NAMED: Kind = "named"


def walk(lineage: Lineage, start: Place, *, down: bool, depth: int | None = None) -> list[Step]:
    """Every step up or down as far as `depth`, nearest first; values and tables are followed, the rest is only told.

    What decides the rows of a table is told for the start alone: it holds for each of its columns.
    """
    found: list[Step] = []
    seen, ahead, away = {start}, [start], 0
    while ahead and (depth is None or away < depth):
        away += 1
        here, ahead = ahead, []
        for at in here:
            for to, kind in steps(lineage, at, down=down):
                if kind == "rows" and not down and at != start:
                    continue
                found.append(Step(at, to, kind, away))
                if kind in ("value", "reads") and to not in seen:
                    seen.add(to)
                    ahead.append(to)
    return found


def impact(
    lineage: Lineage, registry: Registry, rules: Mapping[TableId, Iterable[Rule]], place: Place
) -> tuple[Hit, ...]:
    """What breaks or changes when a table or column changes or goes, itself first, then in the order of the layers."""
    table = place.table if isinstance(place, ColumnId) else place
    names = (place.column,) if isinstance(place, ColumnId) else lineage.columns(table)
    changed = {ColumnId(table, name) for name in names}
    is_table = not isinstance(place, ColumnId)
    found = {reached.table: reached for reached in lineage.reached(changed, [table] if is_table else [])}
    breaking = {node for name in names for node in lineage.readers(table, name)}
    breaking |= lineage.read_by(table) if is_table else set()
    breaking |= {contract.table for contract in registry.values() if changed & set(_of_load(contract))}
    looking = {at: tuple(rule for rule in of if changed & set(_looks_at(at, rule))) for at, of in rules.items()}
    elsewhere = {at for at, of in looking.items() if of}
    hits = [Hit(table, tuple(names), is_table, True, _ids(looking.get(table, ())), lineage.file(table))]
    for node in sorted({*found, *breaking, *elsewhere} - {table}, key=by_layer):
        reached = found.get(node, Reached(node, (), False, ()))
        made = {ColumnId(node, name) for name in reached.columns}
        judging = [rule for rule in rules.get(node, ()) if made & set(_looks_at(node, rule))] if made else []
        hits.append(
            Hit(
                node,
                reached.columns,
                reached.is_of_rows,
                node in breaking or node in elsewhere,
                _ids([*judging, *looking.get(node, ())]),
                lineage.file(node),
            )
        )
    return tuple(hits)


def _ids(rules: Iterable[Rule]) -> tuple[str, ...]:
    return tuple(sorted({rule.id for rule in rules}))


def _of_load(contract: Contract) -> Iterator[ColumnId]:
    """The columns of other tables by which a load finds what to compute anew."""
    increment = contract.load.increment
    for source, by in (increment.sources if increment else {}).items():
        names = [*by.on.values()] if isinstance(by, Match) else [by] if by else []
        yield from (ColumnId(TableId.parse(source), name) for name in names)


def _looks_at(table: Node, rule: Rule) -> Iterator[ColumnId]:
    """The columns that a rule of a table reads, also those of other tables."""
    yield from (ColumnId(table, name) for name in rule_columns(rule))
    if rule.kind == "foreign_key":
        yield from (ColumnId(TableId.parse(rule.args["table"]), name) for name in rule.args["to_columns"])
    elif rule.kind == "sql":
        query = Query(rule.args["query"].replace("${table}", str(table)), rule.where)
        columns = {column.name for column in query.select.find_all(exp.Column)}
        yield from (ColumnId(read, name) for read in query.scans for name in columns)
