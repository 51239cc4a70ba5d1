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
    places = (settings.inbox, settings.lake, settings.scratch, settings.warehouse_file, settings.site)
    assert len(set(places)) == 5
    assert all(place.parent == tmp_path for place in (*places, settings.audits))
    assert settings.data_docs.parent == settings.site


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


AWS = {
    "mode": "aws",
    "inbox_url": "s3://landing/shop/",
    "lake_url": "s3://lake",
    "glue_job": "curate",
    "redshift_workgroup": "warehouse",
}


def test_aws_mode_names_every_setting_that_it_lacks() -> None:
    with pytest.raises(ValueError, match="DW_INBOX_URL, DW_LAKE_URL, DW_GLUE_JOB, one of DW_REDSHIFT_SECRET"):
        Settings(mode="aws")


@pytest.mark.parametrize("second", ["redshift_secret", "redshift_cluster"])
def test_aws_mode_takes_one_way_to_the_password(second: str) -> None:
    with pytest.raises(ValueError, match="one of DW_REDSHIFT_SECRET"):
        Settings.model_validate({**AWS, second: "another"})


@pytest.mark.parametrize("url", ["http://lake", "s3:/lake", "s3://Lake", "/tmp/lake"])
def test_a_url_of_the_lake_is_one_of_s3(url: str) -> None:
    with pytest.raises(ValueError, match="is not s3://bucket/prefix"):
        Settings.model_validate({**AWS, "lake_url": url})


def test_a_lake_can_have_a_bucket_for_each_layer() -> None:
    given = Settings.model_validate({**AWS, "lake_url": "s3://lake-{layer}/shop/"})
    assert given.lake_url == "s3://lake-{layer}/shop"
    assert given.own_places[1:] == tuple(
        f"s3://lake-{layer}/shop" for layer in ("raw", "clean", "curated", "quarantine", "artifacts")
    )
    for wrong in ({"lake_url": "s3://lake-{table}"}, {"inbox_url": "s3://in-{layer}"}):
        with pytest.raises(ValueError, match="is not s3://bucket/prefix"):
            Settings.model_validate({**AWS, **wrong})


def test_another_source_has_prefixes_and_schemas_of_its_own() -> None:
    shop = Settings.model_validate({**AWS, "environment": "dev"})
    other = shop.for_source("online_retail", shop_timezone="Europe/London", reporting_currency="GBP")
    assert (other.inbox_url, other.lake_url) == ("s3://landing/shop/online_retail", "s3://lake/online_retail")
    assert other.environment == "dev_online_retail"
    assert shop.inbox_url == "s3://landing/shop"
    assert (shop.site_at, other.site_at) == ("s3://lake/site", "s3://lake/online_retail/site")
    assert shop.docs_at == "s3://lake/site/data_docs"
    apart = shop.model_copy(update={"site_url": "s3://pages"}).for_source(
        "o", shop_timezone="UTC", reporting_currency="EUR"
    )
    assert (apart.site_at, apart.docs_at) == ("s3://pages/o", "s3://pages/o/data_docs")


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ({}, "local"),
        ({"environment": "Dev"}, "dev"),
        ({"deployment": "prod"}, "prod"),
        ({"environment": "blue", "deployment": "prod-2"}, "prod-2"),
        (AWS, "aws"),
    ],
)
def test_a_warehouse_is_called_by_its_deployment_else_its_environment_else_its_mode(
    given: dict[str, str], called: str
) -> None:
    settings = Settings.model_validate(given)
    assert settings.deployment == called
    assert settings.for_source("o", shop_timezone="UTC", reporting_currency="EUR").deployment == called


@pytest.mark.parametrize("name", ["prod\nsubject", "prod eu", "a" * 65])
def test_a_deployment_that_does_not_fit_into_a_line_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is said in alerts and metrics"):
        Settings(deployment=name)


@pytest.mark.parametrize("topic", ["alerts", "arn:aws:sqs:ap-south-1:123456789012:alerts", "arn:aws:sns:x:12:alerts"])
def test_a_topic_is_the_arn_of_one(topic: str) -> None:
    with pytest.raises(ValidationError, match="is not the ARN of an SNS topic"):
        Settings(alert_topic=topic)
    assert Settings(alert_topic="arn:aws:sns:ap-south-1:123456789012:alerts").alert_topic
