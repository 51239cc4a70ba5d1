"""The Data Docs site: one page for each table's latest validation, and an index with scores.

Great Expectations renders the pages. Its own site builder reads every stored result at each build and its pages load
styles, scripts and pictures from seven hosts; here each page is rendered from one file, and stands without a network.
"""

from __future__ import annotations

import html
import json
import logging
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView

from contracts.ids import LAYERS, TableId
from expectations.scorecard import Score, score

_STYLE = Path(__file__).with_name("data_docs.css")
_OUTSIDE = re.compile(
    r'<link[^>]*\bhref="https?://[^>]*>|<link rel="shortcut icon"[^>]*>|<script\b.*?</script>'
    r'|<nav class="navbar navbar-expand.*?</nav>\s*</div>\s*</nav>'
    r"|<img\b[^>]*>|<footer\b.*?</footer>",
    re.DOTALL,
)
_LINKS = re.compile(r'<a href="[^"#]*"[^>]*>(.*?)</a>', re.DOTALL)
# The one thing that the scripts did which a reader misses: hide what passed.
_SCRIPT = """<script>
function hidePassed(box) { document.body.classList.toggle("hide-passed", box.checked); }
for (const icon of document.querySelectorAll("td .fa-check-circle")) icon.closest("tr").classList.add("passed");
</script>"""
_SWITCH = '<label class="switch"><input type="checkbox" onchange="hidePassed(this)"> only what failed</label>'


@dataclass(frozen=True)
class _Page:
    """One stored validation: of a table, on the lake or in the warehouse."""

    table: TableId
    place: str
    body: dict[str, Any]

    @property
    def file(self) -> str:
        return f"{self.table}.{self.place}.html"


def build_site(results: Path, site: Path) -> Path:
    """Render the validations stored below `results` (by the gate) into `site`; pages without a result are removed."""
    site.mkdir(parents=True, exist_ok=True)
    pages = list(_pages(results))
    view, renderer = DefaultJinjaPageView(), ValidationResultsPageRenderer(run_info_at_end=True)
    style = _STYLE.read_text(encoding="utf-8")
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    written = {"index.html"}
    for page in pages:
        rendered: Any = view
        document = renderer.render(expectationSuiteValidationResultSchema.load(page.body))
        text = _offline(rendered.render(document), f"{page.table} ({page.place})", style)
        (site / page.file).write_text(text, encoding="utf-8")
        written.add(page.file)
    (site / "index.html").write_text(_index(pages, style), encoding="utf-8")
    for left in site.glob("*.html"):
        if left.name not in written:
            left.unlink()
    return site / "index.html"


def _pages(results: Path) -> Iterator[_Page]:
    for layer in LAYERS:
        for path in sorted((results / layer).glob("*.json")):
            name, _, place = path.stem.rpartition(".")
            yield _Page(TableId(layer, name), place, json.loads(path.read_text(encoding="utf-8")))


def _offline(page: str, title: str, style: str) -> str:
    page = _LINKS.sub(r"\1", _OUTSIDE.sub("", page))
    page = re.sub(r"<title>.*?</title>", "", page, flags=re.DOTALL)
    head = f"<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n</head>"
    bar = f'<body>\n<header><a href="index.html">Data quality</a> / <b>{html.escape(title)}</b> {_SWITCH}</header>'
    page = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    page = page.replace("</head>", head, 1).replace("<body>", bar, 1).replace("</body>", f"{_SCRIPT}\n</body>", 1)
    return re.sub(r"\n\s*\n+", "\n", page)


def _index(pages: list[_Page], style: str) -> str:
    rows = "\n".join(_row(page) for page in pages)
    return (
        '<!DOCTYPE html>\n<html>\n<head><meta charset="UTF-8"><meta name="viewport" content="width=device-width">'
        f"<title>Data quality</title>\n<style>\n{style}</style>\n</head>\n<body>\n<header><b>Data quality</b></header>"
        '\n<div class="container-fluid"><p>Each table\'s latest audit, of rows that one delivery changed. '
        "✗: a rule failed, and rows were moved aside or told of, or the table was stopped; the page says which.</p>"
        '<table class="table index"><thead><tr><th>Table</th><th>Checked</th>'
        "<th>Rules</th><th>Failed</th><th>Share of values that passed, by dimension</th><th>Run</th></tr></thead>"
        f"\n<tbody>\n{rows}\n</tbody></table></div>\n</body>\n</html>\n"
    )


def _row(page: _Page) -> str:
    counted, meta = page.body["statistics"], page.body["meta"]
    failed = counted["unsuccessful_expectations"]
    icon = "fa-times text-danger" if failed else "fa-check-circle text-success"
    shown = " ".join(_badge(s) for s in _scores(page))
    run = html.escape(str(meta["run_id"].get("run_name") or ""))
    return (
        f'<tr><td><i class="fas {icon}"></i> <a href="{page.file}">{page.table}</a></td><td>{page.place}</td>'
        f"<td>{counted['evaluated_expectations']}</td><td>{failed or ''}</td><td>{shown}</td>"
        f"<td>{run}<br><small>{html.escape(meta['validation_time'][:19].replace('T', ' '))} UTC</small></td></tr>"
    )


def _badge(found: Score) -> str:
    kind = "danger" if not found.passed else "secondary"
    # Rounded down: 100.00 % is said only where nothing failed.
    share = math.floor(found.score * 10_000) / 100
    return f'<span class="badge badge-{kind}">{found.dimension} {share:.2f}%</span>'


def _scores(page: _Page) -> list[Score]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for result in page.body["results"]:
        body, count = result["result"], counts[result["expectation_config"]["meta"]["dimension"]]
        is_map = "element_count" in body
        count[0] += body["element_count"] - (body.get("missing_count") or 0) if is_map else 1
        count[1] += body["unexpected_count"] if is_map else int(not result["success"])
    return [score(page.table, name, evaluated, failed) for name, (evaluated, failed) in sorted(counts.items())]
