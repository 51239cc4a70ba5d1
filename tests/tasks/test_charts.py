"""The charts' colours: seen against the page, and told apart by those who see colours otherwise."""

from __future__ import annotations

from itertools import combinations

import pytest

from tasks.charts import MUTED, vega_config

PAGES = {False: "#ffffff", True: "#14191f"}
# What a colour looks like without one kind of cones (Viénot, Brettel and Mollon 1999), on linear light.
BLIND = {
    "protan": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deutan": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}
Light = tuple[float, float, float]


def linear(colour: str) -> Light:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return red, green, blue


def contrast(one: str, other: str) -> float:
    lights = sorted(sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear(c), strict=True)) for c in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def distance(one: Light, other: Light) -> float:
    """Between two colours as OKLab sees them: 0.02 is barely noticed."""
    return sum((a - b) ** 2 for a, b in zip(oklab(one), oklab(other), strict=True)) ** 0.5


def oklab(light: Light) -> Light:
    r, g, b = (max(part, 0.0) for part in light)
    cones = (
        (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3),
        (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3),
        (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3),
    )
    rows = (
        (0.2104542553, 0.7936177850, -0.0040720468),
        (1.9779984951, -2.4285922050, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.8086757660),
    )
    lightness, a, b = (sum(w * c for w, c in zip(row, cones, strict=True)) for row in rows)
    return lightness, a, b


@pytest.mark.parametrize("dark", [False, True])
def test_every_category_is_seen_against_the_page(dark: bool) -> None:
    colours = [*vega_config(dark)["range"]["category"], MUTED]
    assert {c: contrast(c, PAGES[dark]) for c in colours if contrast(c, PAGES[dark]) < 3} == {}


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_read_against_the_page(dark: bool) -> None:
    config = vega_config(dark)
    texts = [config["text"]["color"], config["axis"]["labelColor"], config["title"]["subtitleColor"]]
    assert all(contrast(text, PAGES[dark]) >= 4.5 for text in texts)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("kind", sorted(BLIND))
def test_the_first_four_categories_are_told_apart_by_the_colour_blind(dark: bool, kind: str) -> None:
    def seen(colour: str) -> Light:
        red, green, blue = (sum(w * part for w, part in zip(row, linear(colour), strict=True)) for row in BLIND[kind])
        return red, green, blue

    colours = vega_config(dark)["range"]["category"][:4]
    apart = {(a, b): distance(seen(a), seen(b)) for a, b in combinations(colours, 2)}
    assert {pair: d for pair, d in apart.items() if d < 0.08} == {}
