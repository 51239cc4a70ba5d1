"""Pages to HTML: one Jinja environment, the words and figures that all templates write alike, and their links."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.site import figures
from tasks.site.page import CATALOG, LINEAGE, NOTEBOOKS, QUALITY, RUNS, Page, relative

ASSETS = Path(__file__).with_name("assets")
# Files below it are named with what is in them, and nothing else lies there.
BY_HASH = "assets/"
_TEMPLATES = Path(__file__).with_name("templates")
NAV = (
    ("Catalog", CATALOG, ("index.html", "tables/", "contracts/")),
    ("Lineage", LINEAGE, ("lineage/",)),
    ("Quality", QUALITY, ("quality/", "data_docs/")),
    ("Runs", RUNS, ("runs/",)),
    ("Notebooks", NOTEBOOKS, ("notebooks/",)),
)


class Renderer:
    """Renders pages of one build; `vendored` collects the vendored files that they load.

    `paths` are the pages of the build: a link to another one is not written. `shared` is in every page's context.
    """

    def __init__(self, paths: Collection[str], shared: Mapping[str, Any]) -> None:
        self._paths = frozenset(paths)
        self.vendored: set[str] = set()
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "number": number,
            "plural": plural,
            "percent": percent,
            "day": day,
            "instant": instant,
            "json_script": json_script,
        }
        self._environment.globals |= {**shared, "exists": self._paths.__contains__, "chart_theme": figures.theme()}
        self._environment.tests["page"] = self._paths.__contains__

    def page(self, page: Page) -> str:
        """One page as a whole HTML document."""
        template = self._environment.get_template(page.template)
        return template.render(
            {
                **page.context,
                "title": page.title,
                "path": page.path,
                "url": partial(relative, start=page.path),
                "asset": partial(self._asset, start=page.path),
                "nav": list(self._nav(page.path)),
            }
        )

    def _asset(self, name: str, *, start: str) -> str:
        if not (ASSETS / name).is_file():
            raise FileNotFoundError(f"the site has no asset {name}; it should stand in {ASSETS / name}")
        if name.startswith("vendor/"):
            self.vendored.add(name)
        return f"{relative(BY_HASH + name, start)}?v={_version(name)}"

    def _nav(self, path: str) -> Iterable[tuple[str, str, bool]]:
        """Label, link and whether the page is of this part, for the parts that the build has."""
        for label, target, inside in NAV:
            if target in self._paths:
                yield label, relative(target, path), path.startswith(inside)


@cache
def _version(name: str) -> str:
    """Another one for another content, so that a browser may keep its copy for good."""
    return hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()[:8]


def number(value: float | None, digits: int = 0) -> str:
    """1,234; an en dash for nothing."""
    return "–" if value is None else f"{value:,.{digits}f}"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def percent(share: float | None, digits: int = 2) -> str:
    """A share for people, rounded down: 100 % is said only where it is all."""
    if share is None:
        return "–"
    scale = 10**digits
    # What a float lacks of a share that was said in full is no reason to say less.
    return f"{int(share * 100 * scale + 1e-6) / scale:.{digits}f}%"


def day(value: date | None) -> Markup:
    """A day, machine-readable."""
    return Markup('<time datetime="{0}">{0}</time>').format(value.isoformat()) if value else Markup("–")


def instant(value: datetime | None) -> Markup:
    """An instant (UTC, as all of the warehouse's), to the minute."""
    if value is None:
        return Markup("–")
    shown = Markup('<time datetime="{}Z">{} UTC</time>')
    return shown.format(value.strftime("%Y-%m-%dT%H:%M:%S"), value.strftime("%Y-%m-%d %H:%M"))


def json_script(value: Any, id_: str = "") -> Markup:
    """Data for a script, inside the page: nothing in it can end the element."""
    text = as_json(value)
    return Markup('<script type="application/json"{}>{}</script>').format(
        Markup(' id="{}"').format(id_) if id_ else "", Markup(text)
    )


def as_json(value: Any) -> str:
    """Compact JSON that may stand in a script element; what JSON lacks goes as text."""
    text = json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
