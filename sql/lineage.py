"""Which column is made from which: the whole way from the delivered files to views and notebooks.

Three kinds of edge. A value: a column is made from another. Rows: a column decides which rows there are (filters,
joins, groups, where a version of a history begins). Named: a SELECT names a column for neither, and breaks without.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from sqlglot import exp
from sqlglot.optimizer.scope import build_scope

from contracts.ids import ColumnId, ConsumerId, Node, TableId, by_layer
from contracts.model import Contract
from contracts.registry import Registry
from sql.consumers import Consumer, Query
from sql.dialect import SqlError
from sql.graph import Graph
from sql.meaning import meaning
from sql.qualified import qualified, qualified_select, types_of
from sql.scd2 import INTERVAL
from sql.trace import Tracer, scanned

Sources = Mapping[str, frozenset[ColumnId]]
_At = TypeVar("_At")


@dataclass(frozen=True, slots=True)
class Reached:
    """What reads something that changed: the columns made from it, and whether its rows may be others."""

    table: Node
    columns: tuple[str, ...]
    is_of_rows: bool
    through: tuple[ColumnId | Node, ...]


class Lineage:
    """Lineage of tables and of what consumes them; every SELECT is traced once.

    `tables`: those that are followed of the graph's, if not all. SqlError on a table or column that the SQL misnames.
    """

    def __init__(
        self,
        graph: Graph,
        registry: Registry,
        consumers: Iterable[Consumer] = (),
        *,
        tables: Iterable[TableId] | None = None,
    ) -> None:
        self._graph, self._registry = graph, registry
        self._consumers = {consumer.id: consumer for consumer in consumers}
        self._followed = frozenset(graph.tables if tables is None else tables)
        self._of: dict[Node, Sources] = {}
        self._qualified: dict[ConsumerId, tuple[exp.Query, ...]] = {}

    # One step

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every table that has a contract or a SELECT, and every consumer, in the order in which rows flow."""
        return tuple(sorted({*self._registry, *self._followed, *self._consumers}, key=by_layer))

    @property
    def consumers(self) -> Mapping[ConsumerId, Consumer]:
        """What reads tables and makes none, by name."""
        return self._consumers

    def file(self, node: Node) -> str:
        """Where it is written how a table is made, or what a consumer asks; of a table without SELECT, its contract."""
        if isinstance(node, ConsumerId):
            return self._consumers[node].file
        return str(node.sql_file if node in self._followed else node.contract_file)

    def columns(self, node: Node) -> tuple[str, ...]:
        """A table's columns by its contract; of a view or notebook, those that its queries give."""
        if isinstance(node, TableId) and node in self._registry:
            return self._registry[node].names
        return tuple(self._traced(node))

    def sources(self, table: Node, column: str) -> frozenset[ColumnId]:
        """The columns that a column's value is made from, one step up; none for a constant or a delivered column."""
        return self._traced(table).get(column, frozenset())

    def made_from(self, column: ColumnId) -> frozenset[ColumnId]:
        """The columns whose value is made from a column, one step down."""
        return self._made_from.get(column, frozenset())

    def deciding(self, node: Node) -> frozenset[ColumnId]:
        """The columns that decide which rows a table, view or notebook has: its filters, joins, groups, limits."""
        return self._deciding.get(node, frozenset())

    def decided_by(self, column: ColumnId) -> frozenset[Node]:
        """Whose rows a column decides, one step down."""
        return self._decided_by.get(column, frozenset())

    def named(self, node: Node) -> frozenset[ColumnId]:
        """Every column that the SELECTs of a table, view or notebook name, for whatever purpose."""
        return self._named.get(node, frozenset())

    def readers(self, table: Node, column: str) -> list[Node]:
        """Whose SELECT names a column, be it in a filter or a join only: what breaks when it goes.

        A clean column reads the delivered one that it is made from.
        """
        wanted = ColumnId(table, column)
        made = {at.table for at in self.made_from(wanted)}
        return [node for node in self.nodes if wanted in self.named(node) or node in made]

    def reads(self, node: Node) -> frozenset[Node]:
        """The tables (and views) that a table, view or notebook reads, one step up."""
        return self._reads.get(node, frozenset())

    def read_by(self, node: Node) -> frozenset[Node]:
        """What reads a table or view, one step down."""
        return self._read_by.get(node, frozenset())

    # The whole way

    def upstream(self, table: Node, column: str) -> list[ColumnId]:
        """All columns, up to the delivered ones, that a column's value is made from."""
        return sorted(_closure([ColumnId(table, column)], lambda at: self.sources(at.table, at.column)))

    def downstream(self, table: Node, column: str) -> list[ColumnId]:
        """All columns, down to the views and notebooks, whose value is made from a column."""
        return sorted(_closure([ColumnId(table, column)], self.made_from))

    def tables(self, node: Node, *, down: bool) -> list[Node]:
        """All that lies downstream (or upstream) of a table, however far."""
        return sorted(_closure([node], self.read_by if down else self.reads), key=by_layer)

    def reached(
        self, columns: Iterable[ColumnId], rows: Iterable[Node] = (), *, values_only: bool = False
    ) -> list[Reached]:
        """Whom other values of columns and other rows of tables reach, however far, and through what.

        Where a table's rows change, so may those of all that read it. `values_only`: what joins and filters by a column
        stays, since its values do.
        """
        start: list[ColumnId | Node] = [*columns, *rows]
        edges: dict[ColumnId | Node, set[ColumnId | Node]] = defaultdict(set)

        def step(at: ColumnId | Node) -> Iterator[ColumnId | Node]:
            ahead: Iterable[ColumnId | Node]
            if isinstance(at, ColumnId):
                ahead = self.made_from(at) if values_only else [*self.made_from(at), *self.decided_by(at)]
            else:
                ahead = self.read_by(at)
            for one in ahead:
                edges[one].add(at)
                yield one

        _closure(start, step)
        return merged_reach(
            Reached(at.table, (at.column,), False, tuple(through))
            if isinstance(at, ColumnId)
            else Reached(at, (), True, tuple(through))
            for at, through in edges.items()
        )

    # What is derived once

    @cached_property
    def _made_from(self) -> dict[ColumnId, frozenset[ColumnId]]:
        return _turned({ColumnId(node, name): of for node in self.nodes for name, of in self._traced(node).items()})

    @cached_property
    def _deciding(self) -> dict[Node, frozenset[ColumnId]]:
        found: dict[Node, frozenset[ColumnId]] = {}
        for node in self.nodes:
            found[node] = frozenset().union(*(meaning(tree).rows.of for tree in self._trees(node)))
            if isinstance(node, TableId) and node in self._followed and self._registry[node].load.strategy == "scd2":
                # Where a version begins and ends decides which rows there are.
                found[node] |= frozenset().union(*(self.sources(node, name) for name in self._registry[node].key))
        return found

    @cached_property
    def _decided_by(self) -> dict[ColumnId, frozenset[Node]]:
        return _turned(self._deciding)

    @cached_property
    def _named(self) -> dict[Node, frozenset[ColumnId]]:
        return {n: frozenset(named for tree in self._trees(n) for named in scanned(tree)) for n in self.nodes}

    @cached_property
    def _reads(self) -> dict[Node, frozenset[Node]]:
        found: dict[Node, frozenset[Node]] = {}
        for node in self.nodes:
            if isinstance(node, ConsumerId):
                found[node] = frozenset(at for query in self._consumers[node].queries for at in query.scans)
            elif node in self._followed:
                found[node] = frozenset(self._graph.upstream(node))
            elif delivered := _delivered(node, self._registry):
                found[node] = frozenset({delivered.table})
        return found

    @cached_property
    def _read_by(self) -> dict[Node, frozenset[Node]]:
        return _turned(self._reads)

    def _traced(self, node: Node) -> Sources:
        if node not in self._of:
            self._of[node] = self._trace(node)
        return self._of[node]

    def _trace(self, node: Node) -> Sources:
        made: dict[str, frozenset[ColumnId]] = {}
        for tree in self._trees(node):
            scope = build_scope(tree)
            assert scope is not None
            tracer = Tracer()
            for position, name in enumerate(tree.named_selects):
                made[name] = made.get(name, frozenset()) | tracer.columns(scope, position)
        if isinstance(node, ConsumerId) or node not in self._registry:
            return made
        contract = self._registry[node]
        if node not in self._followed:
            return _of_delivery(contract, self._registry)
        return _of_history(made, contract) if contract.load.strategy == "scd2" else made

    def _trees(self, node: Node) -> tuple[exp.Query, ...]:
        if isinstance(node, TableId):
            return (qualified(self._graph, self._registry, node),) if node in self._followed else ()
        if node not in self._qualified and node in self._consumers:
            self._qualified[node] = tuple(self._qualify(query) for query in self._consumers[node].queries)
        return self._qualified.get(node, ())

    def _qualify(self, query: Query) -> exp.Query:
        return qualified_select(query.select, {read: self._types(read, query) for read in query.scans}, query.where)

    def _types(self, read: Node, query: Query) -> dict[str, str]:
        if isinstance(read, TableId) and read in self._registry:
            return types_of(self._registry[read])
        if isinstance(read, ConsumerId) and read in self._consumers:
            return {one.alias_or_name: str(one.type) for tree in self._trees(read) for one in tree.selects}
        raise SqlError([f"{query.where}: reads {read}, which does not exist"])


def upstream_columns(graph: Graph, registry: Registry, table: TableId, column: str) -> list[ColumnId]:
    """All columns that a column's value is made from. For more than one question keep a `Lineage`."""
    return Lineage(graph, registry).upstream(table, column)


def downstream_columns(graph: Graph, registry: Registry, table: TableId, column: str) -> list[ColumnId]:
    """All columns whose value is made from a column. For more than one question keep a `Lineage`."""
    return Lineage(graph, registry).downstream(table, column)


def sound_consumers(
    graph: Graph, registry: Registry, consumers: Iterable[Consumer], *, unread: Collection[Node] = ()
) -> tuple[tuple[Consumer, ...], list[str]]:
    """The consumers whose SQL names what there is, and the faults of the others; none is told of a table `unread`."""
    consumers = tuple(consumers)
    lineage = Lineage(graph, registry, consumers)
    sound: list[Consumer] = []
    faults: list[str] = []
    for consumer in consumers:
        try:
            lineage.columns(consumer.id)
        except SqlError as error:
            faults += error.faults if not any(query.scans & set(unread) for query in consumer.queries) else []
        else:
            sound.append(consumer)
    return tuple(sound), faults


def merged_reach(*found: Iterable[Reached]) -> list[Reached]:
    """What several changes reach, as one list in the order in which rows flow."""
    by_table: dict[Node, list[Reached]] = defaultdict(list)
    for one in (reached for part in found for reached in part):
        by_table[one.table].append(one)
    return [
        Reached(
            node,
            tuple(sorted({name for one in parts for name in one.columns})),
            any(one.is_of_rows for one in parts),
            tuple(sorted({by for one in parts for by in one.through}, key=str)),
        )
        for node, parts in sorted(by_table.items(), key=lambda item: by_layer(item[0]))
    ]


def _delivered(table: TableId, registry: Registry) -> Contract | None:
    """The contract of the delivery that a clean table is made of."""
    raw = TableId("raw", table.name)
    return registry[raw] if table.layer == "clean" and raw in registry else None


def _of_delivery(clean: Contract, registry: Registry) -> Sources:
    """What a clean table's columns are parsed from; marks of the batch (`row_hash`, `batch_id`, …) are made of none."""
    raw = _delivered(clean.table, registry)
    if raw is None:
        return {}
    origin = {c.name: clean.by_name.get(c.business_date_of or "", c) for c in clean.columns}
    names = {name: column.source or column.name for name, column in origin.items()}
    return {
        name: frozenset({ColumnId(raw.table, source)} if source in raw.by_name else ())
        for name, source in names.items()
    }


def _of_history(log: Sources, contract: Contract) -> Sources:
    """From the change log's columns to the history's: what `scd2.versions` wraps around it."""
    load = contract.load
    assert load.increment is not None
    # A column that the log lacks is told by the lint.
    made = defaultdict[str, frozenset[ColumnId]](frozenset, log)
    durable, effective = made[load.increment.key], made[load.effective or ""]
    # Where a version begins depends on what is tracked, and on which of several rows at one instant counts.
    opening = effective.union(*(made[n] for n in (*load.tracked, *load.sequence)))
    out = {name: made[name] for name in (load.increment.key, *load.tracked, *load.overwrite)}
    out |= dict.fromkeys(INTERVAL, opening)
    return out | dict.fromkeys(contract.key, durable | opening)


def _closure(start: Iterable[_At], step: Callable[[_At], Iterable[_At]]) -> set[_At]:
    """All that steps from the start lead to; of the start itself only what a step leads back to."""
    seen: set[_At] = set()
    ahead = list(start)
    while ahead:
        for one in step(ahead.pop()):
            if one not in seen:
                seen.add(one)
                ahead.append(one)
    return seen


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _turned(edges: Mapping[_Key, Iterable[_Value]]) -> dict[_Value, frozenset[_Key]]:
    turned: dict[_Value, set[_Key]] = defaultdict(set)
    for one, others in edges.items():
        for other in others:
            turned[other].add(one)
    return {other: frozenset(ones) for other, ones in turned.items()}
