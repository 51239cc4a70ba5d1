"""Lineage: all tables from left to right, and a page per table with its columns, drawn and as lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from contracts.ids import BI_SCHEMA, ColumnId, ConsumerId, Node, TableId, by_layer
from sql.lineage import Lineage
from tasks.site.facts import SiteFacts
from tasks.site.layered import Box, Drawing, drawn
from tasks.site.page import LINEAGE, Page, lineage_path

# Layers that stand one above the other are of one band of the drawing.
_BANDS = {"raw": 0, "clean": 1, "curated": 2, "audit": 2, "core": 3, "mart": 4, "bi": 5, "notebook": 6}
_HEAD, _ROW, _FOOT = 32.0, 19.0, 7.0
# Widths of a letter, so wide that no name is cut in the fonts that a system may have instead of ours.
_LETTER, _BOLD_LETTER, _LONGEST_LINE = 7.0, 7.9, 20
# What stands above the boxes: the name of the layer.
_TOP = 24.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A table, view or notebook on a drawing, with those of its columns that are shown."""

    node: Node
    box: Box
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wire:
    """A line from one box or column to another: `kind` is reads (tables), value or rows."""

    kind: str
    start: str
    end: str
    path: str


@dataclass(frozen=True, slots=True)
class Caption:
    """Layers that begin at one place."""

    layers: tuple[str, ...]
    x: float


@dataclass(frozen=True)
class Graph:
    """A drawing for the template."""

    shown: tuple[Shown, ...]
    wires: tuple[Wire, ...]
    captions: tuple[Caption, ...]
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Group:
    """Columns of one table on the way of a column."""

    node: Node
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Way:
    """One column: what it is made from, what it goes into, and whose rows it decides; the counts are of columns."""

    column: str
    up: tuple[Group, ...]
    down: tuple[Group, ...]
    rows: tuple[Node, ...]
    up_count: int
    down_count: int


def pages(facts: SiteFacts) -> Iterator[Page]:
    """The whole warehouse, then a page per table."""
    lineage = facts.lineage
    drawn_nodes = [node for node in lineage.nodes if node.layer in _BANDS]
    context = {
        "graph": whole(lineage, drawn_nodes),
        "focus": None,
        "rows": [_row(lineage, n) for n in drawn_nodes],
        **_FOR_TEMPLATES,
    }
    yield Page(LINEAGE, "Lineage", "lineage.html", context)
    for table in facts.registry:
        yield Page(lineage_path(table), f"Lineage of {table}", "lineage_table.html", _table(lineage, table))


def _row(lineage: Lineage, node: Node) -> dict[str, object]:
    return {"node": node, "reads": _sorted(lineage.reads(node)), "read_by": _sorted(_unchecked(lineage.read_by(node)))}


def _table(lineage: Lineage, table: TableId) -> dict[str, object]:
    checks = [node for node in lineage.tables(table, down=True) if node.layer == "reconciliation"]
    return {
        **_FOR_TEMPLATES,
        "focus": table,
        "graph": around(lineage, table),
        "ways": [way(lineage, ColumnId(table, name)) for name in lineage.columns(table)],
        "reads": _sorted(lineage.reads(table)),
        "read_by": _sorted(_unchecked(lineage.read_by(table))),
        "deciding": _grouped(lineage.deciding(table)),
        "checks": checks,
    }


def way(lineage: Lineage, column: ColumnId) -> Way:
    """The whole way of one column."""
    up = lineage.upstream(column.table, column.column)
    down = [at for at in lineage.downstream(column.table, column.column) if at.table.layer in _BANDS]
    rows = _sorted(_unchecked(lineage.decided_by(column)))
    return Way(column.column, _grouped(up), _grouped(down), tuple(rows), len(up), len(down))


def whole(lineage: Lineage, nodes: Collection[Node]) -> Graph:
    """Tables and notebooks, without columns; left out: what is joined to none, and views of one table."""
    nodes = [node for node in nodes if node.layer != BI_SCHEMA or lineage.read_by(node)]
    edges = {(read, node) for node in nodes for read in lineage.reads(node) if read in set(nodes)}
    nodes = _sorted({node for edge in edges for node in edge})
    sizes = {node: (_name_width(node), _name_height(node)) for node in nodes}
    drawing = drawn(sizes, edges, {node: _BANDS[node.layer] for node in nodes}, across=36, between=8, top=_TOP)
    return _graph(drawing, dict.fromkeys(nodes, ()), [])


def around(lineage: Lineage, table: TableId) -> Graph:
    """A table and all that its columns are made from, go into, or filter; of other tables only these columns."""
    columns: dict[Node, set[str]] = defaultdict(set)
    columns[table] = set(lineage.columns(table))
    near = [ColumnId(table, name) for name in columns[table]]
    for one in near:
        for at in (*lineage.upstream(table, one.column), *lineage.downstream(table, one.column)):
            columns[at.table].add(at.column)
        for node in lineage.decided_by(one):
            columns[node] |= set()
    for at in lineage.deciding(table):
        columns[at.table].add(at.column)
    for node in (*lineage.reads(table), *lineage.read_by(table)):
        columns[node] |= set()
    kept = {node: _in_order(lineage, node, columns[node]) for node in _sorted(columns) if node.layer in _BANDS}
    edges = {(read, node) for node in kept for read in lineage.reads(node) if read in kept}
    sizes = {node: _size(node, names) for node, names in kept.items()}
    drawing = drawn(sizes, edges, {node: _BANDS[node.layer] for node in kept}, top=_TOP)
    return _graph(drawing, kept, [*_values(lineage, kept), *_rows(lineage, kept)])


def _values(lineage: Lineage, kept: Mapping[Node, tuple[str, ...]]) -> Iterator[tuple[str, ColumnId, Node, str]]:
    """Kind, from, to: a view or notebook is shown without columns, so that its own are one."""
    for node, names in kept.items():
        inside = names if isinstance(node, TableId) else lineage.columns(node)
        found = {
            (source, name if isinstance(node, TableId) else "")
            for name in inside
            for source in lineage.sources(node, name)
        }
        yield from (("value", source, node, name) for source, name in sorted(found))


def _rows(lineage: Lineage, kept: Mapping[Node, tuple[str, ...]]) -> Iterator[tuple[str, ColumnId, Node, str]]:
    for node in kept:
        yield from (("rows", source, node, "") for source in sorted(lineage.deciding(node)))


def _graph(
    drawing: Drawing[Node],
    kept: Mapping[Node, tuple[str, ...]],
    edges: Iterable[tuple[str, ColumnId, Node, str]],
) -> Graph:
    wires = [Wire("reads", str(a), str(b), _path(points)) for (a, b), points in drawing.wires.items()]
    for kind, source, node, name in edges:
        points = drawing.wires.get((source.table, node))
        if points is None or source.column not in kept[source.table]:
            continue
        start = points[0][0], _height_of(drawing, kept, source.table, source.column)
        end = points[-1][0], _height_of(drawing, kept, node, name)
        to = f"{node}.{name}" if name else str(node)
        wires.append(Wire(kind, str(source), to, _path((start, *points[1:-1], end))))
    shown = tuple(Shown(node, drawing.boxes[node], kept[node]) for node in sorted(kept, key=by_layer))
    return Graph(shown, tuple(wires), tuple(_captions(shown)), drawing.width, drawing.height)


def _captions(shown: Iterable[Shown]) -> Iterator[Caption]:
    """The names of the layers, where each begins."""
    lefts: dict[str, float] = {}
    for it in shown:
        lefts[it.node.layer] = min(it.box.x, lefts.get(it.node.layer, it.box.x))
    for x in sorted(set(lefts.values())):
        yield Caption(tuple(layer for layer in _BANDS if lefts.get(layer) == x), x)


def _height_of(drawing: Drawing[Node], kept: Mapping[Node, tuple[str, ...]], node: Node, name: str) -> float:
    box = drawing.boxes[node]
    return box.y + (_HEAD + (kept[node].index(name) + 0.5) * _ROW if name else _HEAD / 2)


def _path(points: tuple[tuple[float, float], ...]) -> str:
    """Curves between ranks, level lines past them."""
    text = f"M{points[0][0]:g} {points[0][1]:g}"
    for number, ((x, y), (to_x, to_y)) in enumerate(pairwise(points)):
        if number % 2:
            text += f"H{to_x:g}"
        else:
            middle = (x + to_x) / 2
            text += f"C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}"
    return text


def _in_order(lineage: Lineage, node: Node, names: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in lineage.columns(node) if name in names) if isinstance(node, TableId) else ()


def _size(node: Node, names: tuple[str, ...]) -> tuple[float, float]:
    longest = max(map(len, names), default=0)
    width = max(26 + _BOLD_LETTER * len(node.name), 26 + _LETTER * longest, 120)
    return round(width), _HEAD + (_ROW * len(names) + _FOOT if names else 0)


def _name_width(node: Node) -> float:
    return round(26 + _BOLD_LETTER * max(len(line) for line in lines(node.name)))


def _name_height(node: Node) -> float:
    return 10 + 17.0 * len(lines(node.name))


def lines(name: str, focus: TableId | None = None) -> list[str]:
    """A long name on two lines, parted at the underscore that is nearest to its middle; above columns on one."""
    if focus is not None:
        return [name]
    places = [i + 1 for i, letter in enumerate(name) if letter == "_"]
    if len(name) <= _LONGEST_LINE or not places:
        return [name]
    cut = min(places, key=lambda i: abs(i - len(name) / 2))
    return [name[:cut], name[cut:]]


def _grouped(columns: Iterable[ColumnId]) -> tuple[Group, ...]:
    groups: dict[Node, list[str]] = defaultdict(list)
    for column in sorted(columns):
        groups[column.table].append(column.column)
    return tuple(Group(node, tuple(names)) for node, names in groups.items())


def _unchecked(nodes: Iterable[Node]) -> list[Node]:
    return [node for node in nodes if node.layer in _BANDS]


def _sorted(nodes: Iterable[Node]) -> list[Node]:
    return sorted(nodes, key=by_layer)


def link_of(node: Node) -> str:
    """The page on which a box or name leads; none where the build has no such page."""
    if isinstance(node, ConsumerId):
        return f"notebooks/{node.name}.html" if node.layer == "notebook" else ""
    return lineage_path(node)


_FOR_TEMPLATES = {"link_of": link_of, "lines": lines}
