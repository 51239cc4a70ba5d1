"""The site as a folder: every page is rendered before any is written; what an earlier build wrote and is gone goes."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tasks.site import catalog, lineage_pages, notebook_pages, quality_pages, run_pages, search
from tasks.site.facts import SiteFacts
from tasks.site.page import CATALOG, DATA_DOCS, DOCS_INDEX, File, Page, audit_path
from tasks.site.render import ASSETS, BY_HASH, NAV, Renderer

Family = Callable[[SiteFacts], Iterator[Page | File]]
FAMILIES: tuple[Family, ...] = (
    catalog.pages,
    lineage_pages.pages,
    quality_pages.pages,
    run_pages.pages,
    notebook_pages.pages,
)
# Names what a build wrote: what else lies in the folder is not ours to remove.
MANIFEST = "site.json"
# What the shell of every page loads.
_SHELL = frozenset({"vendor/minisearch.js"})
_FONT = "vendor/inter.woff2"


@dataclass(frozen=True)
class Site:
    """A built site: where it begins, its files, and how many of them are new or changed."""

    index: Path
    files: tuple[str, ...]
    changed: int


def build(facts: SiteFacts, out: Path) -> Site:
    """Write the site below `out`; raises ValueError where something else lies there. Data Docs in it are left alone."""
    standing = _standing(out)
    return _write(rendered(facts), out, standing)


def rendered(facts: SiteFacts) -> dict[str, bytes]:
    """Every file of the site by its path, the index last."""
    made = [made for family in FAMILIES for made in family(facts)]
    pages = [page for page in made if isinstance(page, Page)]
    # Data Docs lie beside what is built, and are linked to.
    docs = {DOCS_INDEX, *map(audit_path, facts.audit_pages)} if facts.audit_pages else set[str]()
    renderer = Renderer(docs.union(page.path for page in pages), _shared(facts))
    files: dict[str, bytes] = {}
    for page in pages:
        _add(files, page.path, renderer.page(page).encode())
    for file in (search.data(facts, pages), *(f for f in made if isinstance(f, File))):
        _add(files, file.path, file.body.encode() if isinstance(file.body, str) else file.body)
    for path, body in _assets(renderer.vendored):
        _add(files, path, body)
    return dict(sorted(files.items(), key=lambda item: item[0] == CATALOG))


def shell(title: str, body: str, path: str) -> str:
    """A page of the site around HTML that was made elsewhere (Great Expectations, notebooks)."""
    page = Page(path, title, "plain.html", {"body": Markup(body)})
    return Renderer({target for _, target, _ in NAV}, {"site_source": ""}).page(page)


def write_assets(out: Path) -> None:
    """The styles and scripts that every page of the shell loads."""
    for path, body in _assets(set()):
        replace(out / path, body)


def _shared(facts: SiteFacts) -> Mapping[str, Any]:
    return {"site_source": facts.settings.source}


def _add(files: dict[str, bytes], path: str, body: bytes) -> None:
    if path in files:
        raise ValueError(f"two pages of the site are called {path}")
    files[path] = body


def _assets(vendored: set[str]) -> Iterator[tuple[str, bytes]]:
    """Our own assets, and of the vendored ones those that a page loads, and all licences."""
    for path in sorted(p for p in ASSETS.iterdir() if p.is_file()):
        yield f"{BY_HASH}{path.name}", _with_font(path.read_bytes()) if path.suffix == ".css" else path.read_bytes()
    licences = {f"vendor/{path.name}" for path in (ASSETS / "vendor").glob("*.LICENSE.txt")}
    for name in sorted(_SHELL | vendored | licences):
        yield f"{BY_HASH}{name}", (ASSETS / name).read_bytes()


def _with_font(style: bytes) -> bytes:
    """The style with its font inside: a font of its own comes after the first text, and the page would jump."""
    font = base64.b64encode((ASSETS / _FONT).read_bytes())
    return style.replace(_FONT.encode(), b"data:font/woff2;base64," + font)


def _standing(out: Path) -> list[str]:
    """The files of the build that lies there."""
    manifest = out / MANIFEST
    if manifest.is_file():
        files: list[str] = json.loads(manifest.read_text(encoding="utf-8"))
        return files
    foreign = sorted(p for p in (out.iterdir() if out.is_dir() else ()) if p.name not in (DATA_DOCS, "assets"))
    if foreign:
        raise ValueError(f"{foreign[0]} is of no site, and stays: choose a folder of its own")
    return []


def _write(files: Mapping[str, bytes], out: Path, standing: list[str]) -> Site:
    gone = [name for name in standing if name not in files]
    # Before anything is written, so that a build which is killed leaves no file that the next one does not know.
    replace(out / MANIFEST, json.dumps(sorted({*files, *gone}), indent=0).encode())
    changed = sum(replace(out / path, body) for path, body in files.items())
    for name in gone:
        (out / name).unlink(missing_ok=True)
        _remove_empty((out / name).parent, out)
    replace(out / MANIFEST, json.dumps(sorted(files), indent=0).encode())
    return Site(out / CATALOG, tuple(files), changed)


def replace(path: Path, body: bytes) -> bool:
    """Write a file whole or not at all; one of the same content stays as it is. Whether it was written."""
    if path.is_file() and path.read_bytes() == body:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".part.")
    try:
        with os.fdopen(handle, "wb") as sink:
            sink.write(body)
        Path(part).chmod(0o644)
        Path(part).replace(path)
    finally:
        Path(part).unlink(missing_ok=True)
    return True


def _remove_empty(folder: Path, out: Path) -> None:
    while folder != out and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
