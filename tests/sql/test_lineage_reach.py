"""Reach over small made-up warehouses, against closures computed from what the SELECTs were made of."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from sql_harness import contract, graph, registry

from contracts.ids import ColumnId, ConsumerId, Node, TableId
from sql.consumers import Consumer, Query
from sql.lineage import Lineage

COLUMNS = ("a", "b", "c")
NODES: tuple[Node, ...] = (
    TableId("raw", "t"),
    TableId("clean", "t"),
    TableId("core", "u"),
    TableId("core", "v"),
    TableId("mart", "w"),
    ConsumerId("bi", "x"),
    ConsumerId("notebook", "y"),
)
MADE = NODES[2:]
Edges = frozenset[tuple[object, object]]


@dataclass(frozen=True)
class World:
    """What each SELECT is made of: the columns behind each of its columns, and those that filter it."""

    values: dict[ColumnId, frozenset[ColumnId]]
    filters: dict[Node, frozenset[ColumnId]]

    def text(self, node: Node) -> str:
        reads = sorted({c.table for c in self.named(node)}, key=NODES.index)
        assert reads
        select = ", ".join(
            f"{' + '.join(sorted(f'{c.table.name}.{c.column}' for c in self.values[ColumnId(node, name)])) or '1'} "
            f"AS {name}"
            for name in COLUMNS
        )
        conditions = [f"{c.table.name}.{c.column} > 0" for c in sorted(self.filters[node])]
        joins = " CROSS JOIN ".join(f"{read} AS {read.name}" for read in reads)
        return f"SELECT {select} FROM {joins}{' WHERE ' if conditions else ''}{' AND '.join(conditions)}"

    def named(self, node: Node) -> frozenset[ColumnId]:
        return self.filters[node].union(*(self.values[ColumnId(node, name)] for name in COLUMNS))

    def reads(self, node: Node) -> set[Node]:
        return {c.table for c in self.named(node)}

    def lineage(self) -> Lineage:
        tables = [contract(str(n), "\n".join(f"{c} integer" for c in COLUMNS)) for n in NODES[:5]]
        made = {str(n): self.text(n) for n in MADE if isinstance(n, TableId)}
        consumers = [Consumer(n, "", (Query(self.text(n), str(n)),)) for n in MADE if isinstance(n, ConsumerId)]
        return Lineage(graph(made), registry(*tables), consumers)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Each table reads some of those before it; the clean one is parsed from the delivered one, name by name."""
    values = {ColumnId(NODES[0], name): frozenset[ColumnId]() for name in COLUMNS}
    values |= {ColumnId(NODES[1], name): frozenset({ColumnId(NODES[0], name)}) for name in COLUMNS}
    filters: dict[Node, frozenset[ColumnId]] = {NODES[0]: frozenset(), NODES[1]: frozenset()}
    for place, node in enumerate(MADE, start=2):
        before = [ColumnId(at, name) for at, name in product(NODES[1:place], COLUMNS)]
        some = st.frozensets(st.sampled_from(before), max_size=2)
        values |= {ColumnId(node, name): draw(some) for name in COLUMNS}
        values[ColumnId(node, "a")] |= {draw(st.sampled_from(before))}  # a SELECT reads something
        filters[node] = draw(some)
    return World(values, filters)


def closure(edges: Edges) -> Edges:
    """Warshall's algorithm: every pair that a path joins."""
    paths = set(edges)
    at = {one for edge in edges for one in edge}
    for middle, start, end in product(at, at, at):
        if (start, middle) in paths and (middle, end) in paths:
            paths.add((start, end))
    return frozenset(paths)


@settings(max_examples=40)
@given(worlds())
def test_up_and_down_are_the_closures_of_what_the_selects_were_made_of(world: World) -> None:
    lineage = world.lineage()
    values = closure(frozenset((source, column) for column, of in world.values.items() for source in of))
    reads = {n: world.reads(n) if n in MADE else set(NODES[:1]) if n == NODES[1] else set() for n in NODES}
    tables = closure(frozenset((read, node) for node, of in reads.items() for read in of))
    for node in NODES:
        assert set(lineage.tables(node, down=True)) == {b for a, b in tables if a == node}
        assert set(lineage.tables(node, down=False)) == {a for a, b in tables if b == node}
        if node in MADE:
            assert lineage.named(node) == world.named(node)
            assert lineage.deciding(node) == world.filters[node]
    for column in world.values:
        at = column.table, column.column
        assert lineage.sources(*at) == world.values[column]
        assert set(lineage.upstream(*at)) == {a for a, b in values if b == column}
        assert set(lineage.downstream(*at)) == {b for a, b in values if a == column}
        readers = {n for n in MADE if column in world.named(n)} | {c.table for c in lineage.made_from(column)}
        assert set(lineage.readers(*at)) == readers


@settings(max_examples=40)
@given(worlds(), st.data())
def test_reach_goes_by_values_and_by_rows(world: World, data: st.DataObject) -> None:
    column = data.draw(st.sampled_from(sorted(world.values)))
    lineage = world.lineage()
    edges: set[tuple[object, object]] = {(source, made) for made, of in world.values.items() for source in of}
    values = closure(frozenset(edges))
    edges |= {(by, node) for node, of in world.filters.items() for by in of}
    edges |= {(read, node) for node in MADE for read in world.reads(node)}
    paths = closure(frozenset(edges))
    for values_only, expected in ((False, paths), (True, values)):
        hit = {b for a, b in expected if a == column}
        found = lineage.reached([column], values_only=values_only)
        assert {ColumnId(r.table, name) for r in found for name in r.columns} == {
            one for one in hit if isinstance(one, ColumnId)
        }
        assert {r.table for r in found if r.is_of_rows} == {one for one in hit if not isinstance(one, ColumnId)}
        for one in found:  # each step is one of the edges
            targets = {one.table, *(ColumnId(one.table, name) for name in one.columns)}
            assert all(any((by, target) in edges for target in targets) for by in one.through)
