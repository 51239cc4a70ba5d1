"""The site of a warehouse, from its settings to the folder that holds it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tasks.settings import Settings
from tasks.site.build import Site, build
from tasks.site.facts import read_facts
from tasks.warehouse import has_warehouse, open_warehouse


def make(settings: Settings, out: Path | None = None) -> Site:
    """Build the site of the settings' warehouse, or of contracts and SQL alone where no run has made one."""
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    if has_warehouse(settings):
        with open_warehouse(settings, read_only=True) as warehouse:
            facts = read_facts(settings, warehouse, now)
    else:
        facts = read_facts(settings, None, now)
    return build(facts, out or settings.site)
