"""Data Docs: what each stored audit found, as Great Expectations renders it.

Its own site builder reads every stored result at each build, and its pages load styles, scripts and pictures from seven
hosts. Here an audit is rendered once, from one file, to the body of a page that stands without a network; who publishes
puts the site's head and navigation around it.
"""

from __future__ import annotations

import hashlib
import logging
import re
from functools import cache
from pathlib import Path
from typing import Any

from great_expectations import __version__ as gx_version
from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView

from expectations import own  # noqa: F401 -- importing it registers our expectations, of which results are read
from expectations.audits import stored

# Changes with what is cut from a page: bodies that were rendered by another one are rendered anew.
_EDITION = "2"
_OUTSIDE = re.compile(
    r"<script\b.*?</script>|<style\b.*?</style>|<img\b[^>]*>|<footer\b.*?</footer>"
    r'|<nav class="navbar navbar-expand.*?</nav>\s*</div>\s*</nav>|<link\b[^>]*>|<!--.*?-->'
    r'|<div class="card mb-3">.*?</label>\s*</div>\s*</div>\s*</div>\s*</div>\s*</div>',
    re.DOTALL,
)
_LINKS = re.compile(r'<a href="[^"#]*"[^>]*>(.*?)</a>', re.DOTALL)
_BODY = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL)
_NOISE = re.compile(r'\s(?:style|data-toggle|data-\w+|role|aria-\w+)="[^"]*"|\sid="[^"]*-cell-[^"]*"')
_PLAIN = re.compile(r"<span\s*>([^<]*)</span>")
# Below the title of the page.
_HEADINGS = {"4": "2", "5": "2", "6": "3"}
_HEADING = re.compile(r"(</?h)([456])")
_BLANK = re.compile(r"\s*\n\s*")


def render(folder: Path) -> set[str]:
    """Render the audits stored below a gate's folder to `<folder>/pages/<page>.html`; returns the names of all pages.

    What was rendered of the same result stays, what has no result goes.
    """
    pages = folder / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    done: dict[str, str] = {}
    found = stored(folder)
    for name, path in found.items():
        result = path.read_bytes()
        mark = f"<!-- {hashlib.sha256(f'{gx_version} {_EDITION} '.encode() + result).hexdigest()[:24]} -->\n"
        page = pages / f"{name}.html"
        if _begins_with(page, mark):
            continue
        # The latest audit of a table is among those that failed, too.
        body = done.get(mark) or _rendered(result)
        done[mark] = body
        page.write_text(mark + body, encoding="utf-8")
    for left in pages.glob("*.html"):
        if left.stem not in found:
            left.unlink()
    return set(found)


def _begins_with(page: Path, mark: str) -> bool:
    if not page.exists():
        return False
    with page.open(encoding="utf-8") as text:
        return text.readline() == mark


@cache
def _renderers() -> tuple[ValidationResultsPageRenderer, Any]:
    # A view compiles its templates once.
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    view = DefaultJinjaPageView()
    # Else each block of a page, of which there are a hundred and more, looks whether its template has changed.
    view.env.auto_reload = False
    return ValidationResultsPageRenderer(run_info_at_end=True), view


def _rendered(result: bytes) -> str:
    renderer, view = _renderers()
    page = view.render(renderer.render(expectationSuiteValidationResultSchema.loads(result.decode())))
    (body,) = _BODY.findall(page)
    body = _LINKS.sub(r"\1", _OUTSIDE.sub("", body))
    body = _HEADING.sub(lambda found: found[1] + _HEADINGS[found[2]], body)
    return _BLANK.sub("\n", _PLAIN.sub(r"\1", _PLAIN.sub(r"\1", _NOISE.sub("", body)))).strip() + "\n"
