"""A layered drawing of tables: ranks from left to right, few crossings, no box upon another, wires between the boxes.

Made when the site is built, as the browser would need seconds and a library of 1.5 MB for it (`docs/decisions/`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Id = TypeVar("Id", bound=Hashable)
# A wire that passes by a rank takes a lane there, of this height.
_LANE = 7.0
_SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Box:
    """A place on the drawing, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Drawing(Generic[Id]):
    """Where each box is, how each wire runs (points through which it passes), and how large the whole is."""

    boxes: dict[Id, Box]
    wires: dict[tuple[Id, Id], tuple[tuple[float, float], ...]]
    width: float
    height: float


def drawn(
    sizes: Mapping[Id, tuple[float, float]],
    edges: Iterable[tuple[Id, Id]],
    bands: Mapping[Id, int],
    *,
    across: float = 56,
    between: float = 14,
    margin: float = 16,
    top: float = 0,
) -> Drawing[Id]:
    """Place boxes of these sizes; a band begins right of the one before it, and takes as many ranks as it needs.

    Edges go from left to right, those that do not are left out; `across` lies between ranks, `between` in a rank, `top`
    above all.
    """
    ranks = _ranks(list(sizes), set(edges), bands)
    kept = sorted(((a, b) for a, b in set(edges) if a in ranks and b in ranks and ranks[a] < ranks[b]), key=str)
    columns: list[list[_Item[Id]]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
    items: dict[tuple[Id, int], _Item[Id]] = {}
    for node, rank in ranks.items():
        items[node, rank] = _Item(node, sizes[node][1], is_lane=False)
    for source, target in kept:
        for rank in range(ranks[source] + 1, ranks[target]):
            items.setdefault((source, rank), _Item(source, _LANE, is_lane=True))
    for (_, rank), item in items.items():
        columns[rank].append(item)
    _link(items, ranks, kept)
    _order(columns)
    _settle(columns, between)
    highest = min((item.y for item in items.values()), default=0.0)
    boxes: dict[Id, Box] = {}
    x, lefts, widths = margin, [], []
    for column in columns:
        widths.append(max((sizes[item.node][0] for item in column if not item.is_lane), default=0.0))
        lefts.append(x)
        for item in column:
            item.y += margin + top - highest
            if not item.is_lane:
                boxes[item.node] = Box(x, round(item.y, 1), *sizes[item.node])
        x += widths[-1] + across
    wires = {(source, target): _wire(items, ranks, lefts, widths, boxes, source, target) for source, target in kept}
    height = max((item.y + item.height for item in items.values()), default=0.0) + margin
    return Drawing(boxes, wires, max(x - across + margin, 0.0), round(height, 1))


class _Item(Generic[Id]):
    """A box or a lane in a rank, and what it is joined to in the ranks beside."""

    def __init__(self, node: Id, height: float, *, is_lane: bool) -> None:
        self.node, self.height, self.is_lane = node, height, is_lane
        self.y = 0.0
        self.before: list[_Item[Id]] = []
        self.after: list[_Item[Id]] = []

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def _ranks(nodes: Sequence[Id], edges: set[tuple[Id, Id]], bands: Mapping[Id, int]) -> dict[Id, int]:
    """Each node right of what it reads; a circle is cut where it is met."""
    reads: dict[Id, list[Id]] = defaultdict(list)
    for source, target in sorted(edges, key=str):
        reads[target].append(source)
    ranks: dict[Id, int] = {}
    start = 0
    for band in sorted(set(bands.values())):
        members = {node for node in nodes if bands[node] == band}

        def place(node: Id, path: frozenset[Id], members: set[Id] = members, start: int = start) -> int:
            if node not in ranks:
                inside = [at for at in reads[node] if at in members and at not in path]
                placed = [place(at, path | {node}) for at in inside]
                ranks[node] = max([start, *(rank + 1 for rank in placed)])
            return ranks[node]

        start = max((place(node, frozenset({node})) for node in sorted(members, key=str)), default=start - 1) + 1
    return ranks


def _link(items: dict[tuple[Id, int], _Item[Id]], ranks: dict[Id, int], edges: Iterable[tuple[Id, Id]]) -> None:
    for source, target in edges:
        chain = [items[source, rank] for rank in range(ranks[source], ranks[target])]
        for one, other in zip(chain, [*chain[1:], items[target, ranks[target]]], strict=True):
            if other not in one.after:
                one.after.append(other)
                other.before.append(one)


def _order(columns: list[list[_Item[Id]]]) -> None:
    """Each item near the mean place of what it is joined to, from the left and from the right in turn."""
    for column in columns:
        column.sort(key=lambda item: (item.is_lane, str(item.node)))
    for sweep in range(_SWEEPS):
        places = {id(item): i - len(column) / 2 for column in columns for i, item in enumerate(column)}
        rightwards = sweep % 2 == 0
        for column in columns if rightwards else reversed(columns):

            def wish(item: _Item[Id], rightwards: bool = rightwards, places: dict[int, float] = places) -> float:
                joined = item.before if rightwards else item.after
                return sum(places[id(at)] for at in joined) / len(joined) if joined else places[id(item)]

            column.sort(key=wish)
            places |= {id(item): i - len(column) / 2 for i, item in enumerate(column)}


def _settle(columns: list[list[_Item[Id]]], between: float) -> None:
    """Heights that follow what an item is joined to, in the order of its rank and without overlap."""
    for column in columns:
        total = sum(item.height for item in column) + between * (len(column) - 1)
        y = -total / 2
        for item in column:
            item.y = y
            y += item.height + between
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            for item in column:
                joined = [*item.before, *item.after]
                if joined:
                    item.y = sum(at.middle for at in joined) / len(joined) - item.height / 2
            _part(column, between)


def _part(column: list[_Item[Id]], between: float) -> None:
    """Push apart what overlaps, as far up as down: the mean of a pass from above and of one from below."""
    wished = [item.y for item in column]
    down, up, edge = list(wished), list(wished), float("-inf")
    for i, item in enumerate(column):
        down[i] = max(wished[i], edge)
        edge = down[i] + item.height + between
    edge = float("inf")
    for i, item in reversed(list(enumerate(column))):
        up[i] = min(wished[i], edge - item.height)
        edge = up[i] - between
    for i, item in enumerate(column):
        item.y = (down[i] + up[i]) / 2


def _wire(
    items: Mapping[tuple[Id, int], _Item[Id]],
    ranks: Mapping[Id, int],
    lefts: Sequence[float],
    widths: Sequence[float],
    boxes: Mapping[Id, Box],
    source: Id,
    target: Id,
) -> tuple[tuple[float, float], ...]:
    start, end = boxes[source], boxes[target]
    points = [(start.x + start.width, start.y + start.height / 2)]
    for rank in range(ranks[source] + 1, ranks[target]):
        y = round(items[source, rank].middle, 1)
        points += [(lefts[rank], y), (lefts[rank] + widths[rank], y)]
    return (*points, (end.x, end.y + end.height / 2))
