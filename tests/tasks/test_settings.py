"""Settings: read from `DW_*`, refused when they make no sense, and one home per source."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from contracts.registry import REPOSITORY
from tasks.settings import Settings
from tasks.sources import SOURCES, settings_for


def test_settings_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_HOME", str(tmp_path / "x" / ".." / "home"))
    monkeypatch.setenv("DW_SHOP_TIMEZONE", "Europe/London")
    monkeypatch.setenv("DW_REPORTING_CURRENCY", "GBP")
    monkeypatch.setenv("DW_ENVIRONMENT", "Dev")
    settings = Settings()
    assert settings.home == tmp_path / "home"
    assert (settings.shop_timezone, settings.reporting_currency, settings.environment) == (
        "Europe/London",
        "GBP",
        "dev",
    )
    assert settings.repository == REPOSITORY


def test_everything_that_is_written_lies_below_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    places = (settings.inbox, settings.lake, settings.scratch, settings.warehouse_file, settings.data_docs)
    assert len(set(places)) == 5
    assert all(place.parent == tmp_path for place in places)


def test_a_tilde_is_the_users_home() -> None:
    assert Settings(home=Path("~/dw")).home == Path.home() / "dw"


@pytest.mark.parametrize("zone", ["Asia/Atlantis", "", "../etc/passwd", "IST+5:30"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match=r"is not a time zone, for example Asia/Kolkata"):
        Settings(shop_timezone=zone)


@pytest.mark.parametrize("environment", ["dev-1", "1dev", "dev prod", "dev; drop schema core"])
def test_an_environment_that_is_no_schema_prefix_is_refused(environment: str) -> None:
    with pytest.raises(ValidationError, match=r"becomes a schema prefix: letters, digits and _ only"):
        Settings(environment=environment)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValidationError, match="mode"):
        Settings(mode="moon")  # type: ignore[arg-type]


def test_settings_do_not_change_under_whoever_holds_them(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(ValidationError, match="frozen"):
        settings.source = "other"


def test_a_source_has_its_own_home_clock_and_money(tmp_path: Path) -> None:
    base = Settings(home=tmp_path)
    assert settings_for("shop", base) is base
    mapped = settings_for("online-retail", base)
    assert mapped.home == tmp_path / "online-retail"
    assert (mapped.source, mapped.shop_timezone, mapped.reporting_currency) == ("online-retail", "Europe/London", "GBP")
    assert mapped.repository == base.repository


def test_an_unknown_source_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match=f"unknown source 'moon'; one of shop, {', '.join(SOURCES)}"):
        settings_for("moon")
