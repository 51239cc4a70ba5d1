"""Data Docs of a run: rendered from each table's latest validation; in aws mode on S3, with results and site."""

from __future__ import annotations

import shutil
from pathlib import Path

from tasks.s3 import Store
from tasks.workspace import Workspace

_RESULTS, _PAGE = "results/", "text/html; charset=utf-8"


def publish(space: Workspace) -> str:
    """Render the docs anew where a table was validated; returns where their index is. In aws mode the site follows."""
    # Great Expectations renders; who publishes nothing does not wait for its import.
    from expectations.data_docs import build_site

    results, site = space.gate.results, space.settings.data_docs
    if space.settings.mode == "local":
        return str(build_site(results, site))
    store = Store(space.settings.docs_at, space.settings.kms_key)
    _exchange(store, results)
    build_site(results, site)
    pages = {path.name: path for path in site.glob("*.html")}
    # The index last: until then it names pages that are there.
    for name in sorted(pages, key=lambda name: name == "index.html"):
        store.send(name, pages[name].read_bytes(), ContentType=_PAGE)
    store.delete(key for key, _ in store.listed() if key.endswith(".html") and key not in pages)
    # They lie on S3 now; kept here, a later publish would send them over newer ones.
    shutil.rmtree(results, ignore_errors=True)
    # Locally `dw site` builds it, for whoever sits there.
    from tasks.site.make import make_of

    make_of(space.settings, space.warehouse)
    return store.uri("index.html")


def _exchange(store: Store, results: Path) -> None:
    """Send what this run found out, and take what others did of the tables that it did not look at."""
    own = {path.relative_to(results).as_posix(): path for path in sorted(results.glob("*/*.json"))}
    for name, path in own.items():
        store.send(f"{_RESULTS}{name}", path.read_bytes(), ContentType="application/json")
    for key, _ in store.listed(_RESULTS):
        name = key.removeprefix(_RESULTS)
        if name not in own and name.count("/") == 1:
            target = results / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(store.get(key)[0])
