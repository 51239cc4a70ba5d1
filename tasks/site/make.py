"""The site of a warehouse, from its settings to the folder that holds it, and in aws mode to S3."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tasks.s3 import Store
from tasks.settings import Settings
from tasks.site import docs_pages
from tasks.site.build import Site, build
from tasks.site.facts import read_facts
from tasks.site.publish import publish
from tasks.warehouse import Warehouse, has_warehouse, open_warehouse


@dataclass(frozen=True)
class Made:
    """A site and where its index is: a file, or an address of S3."""

    site: Site
    where: str


def make(settings: Settings, out: Path | None = None) -> Made:
    """Build the site of the settings' warehouse, or of contracts and SQL alone where no run has made one.

    Aws mode publishes it, unless a folder is named.
    """
    if not has_warehouse(settings):
        return make_of(settings, None, out)
    with open_warehouse(settings, read_only=True) as warehouse:
        return make_of(settings, warehouse, out)


def make_of(settings: Settings, warehouse: Warehouse | None, out: Path | None = None) -> Made:
    """The same of a warehouse that is open."""
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    site = build(read_facts(settings, warehouse, now), out or settings.site)
    if settings.mode == "local" and settings.audits.exists():
        docs_pages.write(settings.audits, site.index.parent, site.files)
    if settings.mode == "local" or out:
        return Made(site, str(site.index))
    return Made(site, publish(site, Store(settings.site_at, settings.kms_key)))
