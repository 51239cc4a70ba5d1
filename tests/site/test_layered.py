"""Drawings of small made-up graphs: nothing upon anything else, and every wire from left to right."""

from __future__ import annotations

from itertools import pairwise, product

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.site.layered import Box, Drawing, drawn

NAMES = st.integers(0, 11)
SIZES = st.dictionaries(NAMES, st.tuples(st.sampled_from([60.0, 140.0]), st.sampled_from([24.0, 200.0])), max_size=10)
EDGES = st.frozensets(st.tuples(NAMES, NAMES), max_size=25)


def made(sizes: dict[int, tuple[float, float]], edges: frozenset[tuple[int, int]]) -> Drawing[int]:
    inside = [(a, b) for a, b in edges if a in sizes and b in sizes and a != b]
    return drawn(sizes, inside, {node: node // 4 for node in sizes})


def are_apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y + 0.2
        or other.y + other.height <= one.y + 0.2
    )


@settings(max_examples=150)
@given(SIZES, EDGES)
def test_boxes_lie_apart_inside_the_drawing_and_bands_from_left_to_right(
    sizes: dict[int, tuple[float, float]], edges: frozenset[tuple[int, int]]
) -> None:
    drawing = made(sizes, edges)
    assert drawing.boxes.keys() == sizes.keys()
    for one, other in product(drawing.boxes, repeat=2):
        a, b = drawing.boxes[one], drawing.boxes[other]
        assert one == other or are_apart(a, b)
        if one // 4 < other // 4:
            assert a.x + a.width < b.x
    for box in drawing.boxes.values():
        assert min(box.x, box.y) >= 0
        assert box.x + box.width <= drawing.width
        assert box.y + box.height <= drawing.height


@settings(max_examples=150)
@given(SIZES, EDGES)
def test_each_edge_to_the_right_has_a_wire_that_passes_no_box(
    sizes: dict[int, tuple[float, float]], edges: frozenset[tuple[int, int]]
) -> None:
    forward = frozenset((a, b) for a, b in edges if a < b)
    drawing = made(sizes, forward)
    assert set(drawing.wires) == {(a, b) for a, b in forward if a in sizes and b in sizes}
    for (source, target), points in drawing.wires.items():
        assert all(a[0] < b[0] for a, b in pairwise(points))
        others = [box for node, box in drawing.boxes.items() if node not in (source, target)]
        lanes = list(pairwise(points))[1::2]  # the level parts, beside the boxes of a rank
        for ((left, y), (right, _)), box in product(lanes, others):
            assert right <= box.x or box.x + box.width <= left or y <= box.y or y >= box.y + box.height


def test_a_circle_is_drawn_without_the_edge_that_goes_back() -> None:
    drawing = drawn({"a": (50, 20), "b": (50, 20)}, [("a", "b"), ("b", "a")], {"a": 0, "b": 0})
    assert len(drawing.wires) == 1


def test_nothing_is_a_drawing_too() -> None:
    assert drawn({}, [], {}) == Drawing({}, {}, 0.0, 16.0)
