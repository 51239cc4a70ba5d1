"""Settings: read once from `DW_*` at the edge (command line, flow entry) and handed down; nothing else reads them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.registry import REPOSITORY


class Settings(BaseSettings):
    """Where data lie and what the shop's clock and money are. `home` holds everything that local mode writes."""

    model_config = SettingsConfigDict(env_prefix="DW_", frozen=True, extra="ignore")

    mode: Literal["local"] = "local"
    environment: str = ""
    repository: Path = REPOSITORY
    home: Path = REPOSITORY / ".warehouse"
    source: str = "shop"
    shop_timezone: str = "Asia/Kolkata"
    reporting_currency: str = "INR"
    threads: int | None = None
    memory_limit: str | None = None

    @field_validator("home", "repository")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("shop_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{value!r} is not a time zone, for example Asia/Kolkata") from error
        return value

    @field_validator("environment")
    @classmethod
    def _prefix(cls, value: str) -> str:
        if value and not value.isidentifier():
            raise ValueError(f"environment {value!r} becomes a schema prefix: letters, digits and _ only")
        return value.lower()

    def for_source(self, source: str, *, shop_timezone: str, reporting_currency: str) -> Settings:
        """The same place and mode for another source: its own folder, warehouse file, clock and money."""
        return self.model_copy(
            update={
                "source": source,
                "home": self.home / source,
                "shop_timezone": shop_timezone,
                "reporting_currency": reporting_currency,
            }
        )

    def day_end(self, day: date, after: timedelta = timedelta()) -> datetime:
        """The instant (UTC) at which a day of the shop is over, or `after` has gone by on its clock since then."""
        end = datetime.combine(day, time()) + timedelta(days=1) + after
        return end.replace(tzinfo=ZoneInfo(self.shop_timezone)).astimezone(UTC).replace(tzinfo=None)

    @property
    def inbox(self) -> Path:
        """Delivered files: `<inbox>/<YYYY-MM-DD>/<file>`."""
        return self.home / "inbox"

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def scratch(self) -> Path:
        return self.home / "scratch"

    @property
    def warehouse_file(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def data_docs(self) -> Path:
        return self.home / "data_docs"
