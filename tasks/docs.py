"""Data Docs of a run: what audits found, in the site's own pages; in aws mode on S3, with the results behind them."""

from __future__ import annotations

import shutil
from pathlib import Path

from expectations.audits import kept
from tasks.s3 import Store
from tasks.site import docs_pages
from tasks.site.make import make_of
from tasks.site.quality_facts import audit_pages_on_s3
from tasks.workspace import Workspace

_RESULTS, _PAGE = "results/", "text/html; charset=utf-8"


def publish(space: Workspace) -> str:
    """Render what this run audited, and pages around it; returns where their index is. In aws mode the site follows."""
    # Great Expectations renders; who publishes nothing does not wait for its import.
    from expectations.data_docs import render

    settings, folder = space.settings, space.gate.directory
    if settings.mode == "local":
        render(folder)
        return str(docs_pages.write(folder, settings.site, docs_pages.standing(settings.site)))
    store = Store(settings.docs_at, settings.kms_key)
    _exchange(store, folder / "results")
    found, there = render(folder), audit_pages_on_s3(store)
    # Audits that failed are rendered where they were made, and stay as they are.
    stay = kept(found | {name for name in there if name.count(".") > 2})
    index = docs_pages.write(folder, settings.site, docs_pages.promised(space.registry), stay - found)
    for page in sorted(index.parent.glob("*.html"), key=lambda page: page == index):
        store.send(page.name, page.read_bytes(), ContentType=_PAGE)
    store.delete(f"{name}.html" for name in there - stay)
    # They lie on S3 now; kept here, a later publish would send them over newer ones.
    shutil.rmtree(folder, ignore_errors=True)
    # Locally `dw site` builds it, for whoever sits there.
    make_of(settings, space.warehouse)
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
