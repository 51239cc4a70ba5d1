"""How every chart looks, on the site and in notebooks: one configuration of Vega-Lite, light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"
# What stands back, so that something else can be seen; readable on light and on dark.
MUTED = "#8a94a0"


@dataclass(frozen=True)
class _Ink:
    """Colours of one scheme. Categories differ in lightness too, so that they are told apart without colour."""

    text: str
    faint: str
    grid: str
    categories: tuple[str, ...]
    ramp: tuple[str, ...]
    diverging: tuple[str, ...]


# After Okabe and Ito: told apart with any kind of colour blindness; against the page each has a contrast of 3 or more.
_LIGHT = _Ink(
    text="#1c2733",
    faint="#5b6773",
    grid="#e3e7ec",
    categories=("#1f6fb2", "#c75b12", "#1d9a80", "#7d2a66", "#7a5c00", "#3e8ed0", "#5f6b77"),
    ramp=("#e8f1f9", "#b5d3ec", "#74aedb", "#3583c0", "#165a94", "#0b3a63"),
    diverging=("#b4500b", "#e39a63", "#f3e6dc", "#eef2f6", "#9cc3e3", "#3f88c1", "#165a94"),
)
_DARK = _Ink(
    text="#e4e9ee",
    faint="#a3aebb",
    grid="#2c3742",
    categories=("#62aeea", "#f2984f", "#8ee3cd", "#cf5f9f", "#d9bc4a", "#a6d2f5", "#a3aebb"),
    ramp=("#16293a", "#1d4466", "#286696", "#3f8cc6", "#79b6e3", "#c2e0f6"),
    diverging=("#f2984f", "#b06a34", "#4a3a2e", "#2c3742", "#2f587a", "#3f8cc6", "#8cc6f2"),
)


def vega_config(dark: bool = False) -> dict[str, Any]:
    """The `config` of a Vega-Lite specification: calm axes, no frame, labels that can be read, our colours."""
    ink = _DARK if dark else _LIGHT
    axis: dict[str, Any] = {
        "labelColor": ink.faint,
        "titleColor": ink.faint,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": ink.grid,
        "domainColor": ink.grid,
        "tickColor": ink.grid,
        "labelPadding": 6,
        "titlePadding": 10,
        "labelLimit": 220,
    }
    return {
        "background": "transparent",
        "font": FONT,
        "padding": 4,
        "view": {"stroke": None, "continuousWidth": 640, "continuousHeight": 260, "discreteWidth": 640},
        "title": {
            "anchor": "start",
            "frame": "group",
            "color": ink.text,
            "fontSize": 15,
            "fontWeight": 600,
            "offset": 14,
            "subtitleColor": ink.faint,
            "subtitleFontSize": 12,
            "subtitlePadding": 4,
        },
        "axis": axis,
        "axisX": {"grid": False},
        "axisY": {"domain": False, "ticks": False},
        "axisBand": {"grid": False, "ticks": False, "domain": False, "labelColor": ink.text},
        "legend": {
            "orient": "top",
            "direction": "horizontal",
            "labelColor": ink.text,
            "titleColor": ink.faint,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "symbolType": "circle",
        },
        "header": {"labelColor": ink.text, "titleColor": ink.faint, "labelFontSize": 12, "labelFontWeight": 600},
        "range": {
            "category": list(ink.categories),
            "ordinal": list(ink.ramp[1:]),
            "ramp": list(ink.ramp),
            # Labels in cells are dark on light and light on dark, on either page.
            "heatmap": list(_LIGHT.ramp),
            "diverging": list(ink.diverging),
        },
        "mark": {"color": ink.categories[0]},
        "bar": {"cornerRadiusEnd": 2},
        "line": {"strokeWidth": 2},
        "area": {"fillOpacity": 0.25},
        "point": {"filled": True, "size": 50},
        "rule": {"color": ink.faint},
        "text": {"color": ink.text, "fontSize": 12},
    }
