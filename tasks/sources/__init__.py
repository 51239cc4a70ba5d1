"""Where data come from. `shop` delivers our raw tables itself; any other source is mapped into them by one module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.settings import Settings

DEFAULT = "shop"


@dataclass(frozen=True)
class Source:
    """A source: its shop's clock and money, and the module whose `deliver` turns its files into a delivery."""

    name: str
    description: str
    shop_timezone: str
    reporting_currency: str
    module: str

    def deliver(self, settings: Settings, files: list[Path]) -> Any:
        """Map the source's files into the inbox; returns the mapping's account of every row."""
        mapping: Callable[[Settings, list[Path]], Any] = import_module(self.module).deliver
        return mapping(settings, files)


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            "online-retail",
            "invoice lines of a UK gift shop (UCI Online Retail and Online Retail II)",
            "Europe/London",
            "GBP",
            "tasks.sources.online_retail",
        ),
    )
}


def settings_for(source: str, base: Settings | None = None) -> Settings:
    """The settings of a source: its own home folder and warehouse; raise ValueError with the sources that exist."""
    if base is None:
        # Imported here: the landing functions know the sources by name and have no settings.
        from tasks.settings import Settings

        base = Settings()
    if source == DEFAULT:
        return base
    if source not in SOURCES:
        raise ValueError(f"unknown source {source!r}; one of {', '.join([DEFAULT, *SOURCES])}")
    known = SOURCES[source]
    return base.for_source(source, shop_timezone=known.shop_timezone, reporting_currency=known.reporting_currency)
