"""Data Docs inside the site: a page for each audit around what Great Expectations rendered of it, and an index."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from markupsafe import Markup

from contracts.ids import TableId
from expectations.audits import instant_of, latest, page_parts
from tasks.site.build import MANIFEST, replace, write_assets
from tasks.site.page import (
    CATALOG,
    DATA_DOCS,
    DOCS_INDEX,
    LINEAGE,
    QUALITY,
    RUNS,
    Page,
    audit_path,
    quality_path,
    table_path,
)
from tasks.site.render import Renderer


def pages(folder: Path, others: Collection[str] = ()) -> Iterator[Page]:
    """Pages of the audits that were rendered below a gate's folder; the index last, `others` are known to lie there."""
    bodies = {path.stem: path for path in sorted((folder / "pages").glob("*.html"))}
    audits = {name: audit for audit in latest(folder) if (name := f"{audit.table}.{audit.place}") in bodies}
    earlier: dict[str, list[str]] = defaultdict(list)
    for name in sorted({*bodies, *others}, reverse=True):
        table, place, audit = page_parts(name)
        if audit:
            earlier[f"{table}.{place}"].append(name)
    for name, path in bodies.items():
        table, place, audit = page_parts(name)
        if not audit and name not in audits:
            continue
        context = {
            "table": table,
            "place": place,
            "at": instant_of(audit) if audit else audits[name].checked_at,
            "is_latest": not audit,
            "body": Markup(path.read_text(encoding="utf-8")),
        }
        yield Page(audit_path(name), f"Audit of {table} ({place})", "audit.html", context)
    first = {audit.table: name for name, audit in reversed(audits.items())}
    rows = [
        {
            "audit": audit,
            "page": audit_path(name),
            "anchor": str(audit.table) if first[audit.table] == name else "",
            "earlier": [(audit_path(one), _instant(one)) for one in earlier[name]],
        }
        for name, audit in audits.items()
    ]
    yield Page(DOCS_INDEX, "Data Docs", "data_docs.html", {"rows": rows})


def _instant(name: str) -> str:
    at = instant_of(page_parts(name)[2])
    return f"{at:%Y-%m-%d %H:%M}" if at else name


def standing(site: Path) -> list[str]:
    """The files of the site that lies in a folder: what pages may link to."""
    manifest = site / MANIFEST
    return list(json.loads(manifest.read_text(encoding="utf-8"))) if manifest.is_file() else []


def promised(tables: Iterable[TableId]) -> list[str]:
    """The pages of a site that is about to be built."""
    parts = [CATALOG, LINEAGE, QUALITY, RUNS]
    return [*parts, *(path for table in tables for path in (table_path(table), quality_path(table)))]


def write(folder: Path, site: Path, known: Collection[str], others: Collection[str] = ()) -> Path:
    """Write Data Docs of a gate's folder into a site whose pages are `known`; pages without an audit are removed.

    Returns the index, which is written last: until then it names pages that are there.
    """
    made = list(pages(folder, others))
    paths = {page.path for page in made} | {audit_path(name) for name in others}
    renderer = Renderer({*known, *paths}, {"site_source": ""})
    write_assets(site)
    for page in made:
        replace(site / page.path, renderer.page(page).encode())
    for left in (site / DATA_DOCS).glob("*.html"):
        if f"{DATA_DOCS}/{left.name}" not in paths:
            left.unlink()
    return site / DOCS_INDEX
