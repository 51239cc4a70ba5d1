"""Notebooks as pages: prose, findings and charts, with the code folded away; run anew only where something changed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup

from sql.consumers import read_sound
from tasks import notebook_run
from tasks.charts import vega_config
from tasks.notebook_run import NotebookError, is_installed, kernel, notebooks
from tasks.settings import Settings
from tasks.site.facts import SiteFacts
from tasks.site.highlight import highlighted
from tasks.site.page import NOTEBOOKS, Page
from tasks.warehouse import open_warehouse

LEFT_OUT = "The notebooks were left out of this build: they need what `make notebooks` installs."
NOT_RUN = "The notebooks were not run: there is no warehouse yet; `dw run` makes one."
_VEGALITE = re.compile(r"application/vnd\.vegalite\.v\d+\+json")
_NUMBER = re.compile(r"[-−]?[\d,]+(\.\d+)?%?")
_LABEL = 56  # pixels
# What changes when a run, a re-drive or a rebuild has changed anything that a notebook may ask.
_STATE = """
    SELECT 'build' AS what, COUNT(run_id) AS row_count, MAX(built_at) AS newest_at FROM audit.table_build
    UNION ALL SELECT 'load', COUNT(batch_id), MAX(loaded_at) FROM audit.load_ledger
    UNION ALL SELECT 'check', COUNT(run_id), MAX(checked_at) FROM audit.quality_result
    UNION ALL SELECT 'action', COUNT(batch_id), MAX(acted_at) FROM audit.quarantine_action
    UNION ALL SELECT 'reconciliation', COUNT(run_id), MAX(checked_at) FROM audit.reconciliation
    ORDER BY what
"""


@dataclass(frozen=True)
class Chart:
    """A chart that the browser draws: what it says, its specification, and about how high it will be in all."""

    title: str
    subtitle: str
    spec: Mapping[str, Any]
    height: int


@dataclass(frozen=True)
class Rows:
    """A small table; `figures` are the columns of numbers."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: frozenset[int]


@dataclass(frozen=True)
class Part:
    """What a page shows at once: prose; or what came of code (charts, tables, words, text), and that code."""

    prose: Markup | None
    outputs: tuple[Chart | Rows | Markup | str, ...] = ()
    code: Markup | None = None


def pages(facts: SiteFacts) -> Iterator[Page]:
    """The list of notebooks and a page of each; where they cannot be run, the list with the reason."""
    found = notebooks(facts.root)
    if not found:
        return
    why_not = NOT_RUN if not facts.has_warehouse else "" if is_installed() else LEFT_OUT
    done = {} if why_not else run_all(found, facts.settings)
    asked = {c.file: sorted({str(t) for q in c.queries for t in q.scans}) for c in read_sound(facts.root)[0]}
    listed = []
    for path in found:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title, lead, questions = headings(cells)
        tables = [(name, f"tables/{name}.html") for name in asked.get(f"notebooks/{path.name}", ())]
        to = f"notebooks/{path.stem}.html"
        listed.append({"path": to, "title": title, "lead": lead, "questions": questions, "tables": tables})
        if path in done:
            outcome = done[path]
            failed = outcome if isinstance(outcome, str) else ""
            parts = [] if failed else list(parts_of(outcome["cells"]))
            context = {"parts": parts, "failed": failed, "tables": tables, "file": f"notebooks/{path.name}"}
            yield Page(to, title, "notebook.html", context)
    yield Page(NOTEBOOKS, "Notebooks", "notebooks.html", {"notebooks": listed, "why_not": why_not.replace("`", "")})


def run_all(found: list[Path], settings: Settings) -> dict[Path, Any]:
    """Each notebook with its outputs, or why it failed; what has not changed since it was run is not run again."""
    state = _state(settings)
    keys = {path: _key(path, state) for path in found}
    kept = {path: _kept(settings, path) for path in found}
    stale = [path for path in found if kept[path].get("key") != keys[path]]
    done: dict[Path, Any] = {path: kept[path].get("notebook") for path in found if path not in stale}
    if stale:
        with kernel(settings) as run:
            for path in stale:
                try:
                    done[path] = run(path)
                except NotebookError as error:
                    # One notebook is no reason to have no site.
                    done[path] = str(error)
                else:
                    _keep(settings, path, {"key": keys[path], "notebook": done[path]})
    return done


def headings(cells: list[Mapping[str, Any]]) -> tuple[str, str, list[str]]:
    """A notebook's title, its first paragraph, and the questions that it asks."""
    prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    title, _, rest = prose[0].partition("\n")
    questions = [line.removeprefix("## ") for text in prose for line in text.splitlines() if line.startswith("## ")]
    return title.removeprefix("# "), " ".join(rest.strip().split("\n\n")[0].split()).replace("*", ""), questions


def parts_of(cells: list[Mapping[str, Any]]) -> Iterator[Part]:
    """The cells of a notebook that was run, as its page shows them: code that stands together is one part."""
    for kind, group in groupby(cells, key=lambda cell: str(cell["cell_type"])):
        together = list(group)
        texts = ["".join(cell["source"]) for cell in together]
        if kind == "code":
            outputs = (output_of(_data(output)) for cell in together for output in cell["outputs"])
            yield Part(None, tuple(output for output in outputs if output), highlighted("\n\n".join(texts), "python"))
        else:
            yield from (Part(prose_of(text)) for text in texts)


def _data(output: Mapping[str, Any]) -> Mapping[str, Any]:
    """An output by its types; what was printed is plain text."""
    return output.get("data") or {"text/plain": output.get("text", "")}


def output_of(data: Mapping[str, Any]) -> Chart | Rows | Markup | str:
    """The richest thing that an output is, for a page without a network and without HTML that is not ours."""
    for kind, body in data.items():
        if _VEGALITE.fullmatch(kind):
            return chart_of(body)
    if "text/markdown" in data:
        return prose_of("".join(data["text/markdown"]))
    plain = "".join(data.get("text/plain", ""))
    if "<table" in (html := "".join(data.get("text/html", ""))):
        return rows_of(html) or plain
    return plain


def chart_of(spec: Mapping[str, Any]) -> Chart:
    """A specification that takes the page's width and look; its title is set as text, which can break and be read."""
    spec = {name: part for name, part in spec.items() if name not in ("config", "title")} | {"title": spec.get("title")}
    title = spec.pop("title") or {}
    title = title if isinstance(title, dict) else {"text": title}
    height = height_of(spec)
    if "layer" in spec or "mark" in spec:
        # A number, as Vega-Lite fits no width to a chart whose height is counted in steps without a warning.
        spec |= {"width": "container", "height": height, "autosize": {"type": "fit-x", "contains": "padding"}}
    if any(_is_end_label(layer.get("mark")) for layer in spec.get("layer", ())):
        spec["padding"] = {"left": 4, "top": 4, "bottom": 4, "right": _LABEL}
    # With its axis, and with its legend where colours are of a column: the page does not jump when it is drawn.
    full = height + 50 + 30 * ('"color": {"field"' in json.dumps(spec))
    return Chart(str(title.get("text", "")), str(title.get("subtitle", "")), spec, full)


def _is_end_label(mark: Any) -> bool:
    """Whether a mark is text that begins where a bar ends: Vega makes no room for it."""
    return isinstance(mark, dict) and mark.get("type") == "text" and mark.get("align") == "left"


def height_of(spec: Mapping[str, Any]) -> int:
    """How high a chart's plot is: that of its specification, where it gives steps those of all rows."""
    height = spec.get("height", vega_config()["view"]["continuousHeight"])
    if not isinstance(height, dict):
        return int(height)
    y = next((f["y"] for part in (spec, *spec.get("layer", ())) if "y" in (f := part.get("encoding", {}))), {})
    rows = (row for rows in spec.get("datasets", {}).values() for row in rows)
    steps = {value for row in rows if (value := row.get(y.get("field"))) is not None}
    return int(height["step"] * max(1, len(steps)))


def prose_of(text: str) -> Markup:
    """Markdown as HTML; tags in it are shown as text."""
    import mistune

    # Headings of a notebook stand below the page's own.
    html = mistune.create_markdown(escape=True, plugins=["table"])(text)
    return Markup(re.sub(r"<h1>.*?</h1>\s*", "", str(html), flags=re.DOTALL))


def rows_of(html: str) -> Rows | None:
    """The table in what a frame gives as HTML; None where it cannot be read."""
    found = re.search(r"<table.*</table>", html, flags=re.DOTALL)
    try:
        table = ElementTree.fromstring(found[0] if found else "")
    except ElementTree.ParseError:
        return None
    heads = ["".join(cell.itertext()) for cell in table.iterfind("thead/tr[1]/th")]
    # A frame sets text in quotes.
    rows = tuple(
        tuple("".join(c.itertext()).strip('"') for c in row.iterfind("td")) for row in table.iterfind("tbody/tr")
    )
    columns = enumerate(zip(*rows, strict=True))
    figures = frozenset(n for n, column in columns if all(_NUMBER.fullmatch(cell) for cell in column))
    return Rows(tuple(heads), rows, figures)


def _state(settings: Settings) -> str:
    with open_warehouse(settings, read_only=True) as warehouse:
        return str(warehouse.read(_STATE).rows())


def _key(path: Path, state: str) -> str:
    """What a notebook's outputs follow from: its text, the warehouse, and the code that asks and draws."""
    code = [Path(notebook_run.__file__).with_name(name).read_bytes() for name in ("notebook.py", "charts.py")]
    return hashlib.blake2b(b"\0".join([path.read_bytes(), state.encode(), *code]), digest_size=16).hexdigest()


def _file(settings: Settings, path: Path) -> Path:
    return settings.cache / "notebooks" / f"{path.stem}.json"


def _kept(settings: Settings, path: Path) -> Mapping[str, Any]:
    try:
        kept: Mapping[str, Any] = json.loads(_file(settings, path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept


def _keep(settings: Settings, path: Path, what: Mapping[str, Any]) -> None:
    file = _file(settings, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(what), encoding="utf-8")
    part.replace(file)
