"""`dw doctor` in aws mode: credentials, clock and rights are tried on the local AWS and the Redshift stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest
from cloud import cloud_settings
from redshift_standin import Standin

from tasks import aws
from tasks.doctor import Finding
from tasks.doctor_aws import cloud
from tasks.settings import Settings

pytestmark = pytest.mark.usefixtures("local_aws")


def by_name(settings: Settings) -> dict[str, Finding]:
    return {each.name.partition(":")[0]: each for each in cloud(settings)}


def test_each_right_is_tried_and_nothing_is_left_behind(tmp_path: Path, standin: Standin) -> None:
    settings = cloud_settings(tmp_path, standin)
    bucket = settings.lake_url.removeprefix("s3://").partition("/")[0]
    found = by_name(settings)
    assert {name for name, each in found.items() if each.is_ok} == {
        *("credentials", "clock", "inbox", f"lake {bucket}", "Redshift"),
    }
    assert "EntityNotFound" in found["Glue"].found
    assert found["Glue"].is_needed
    assert found["Glue"].remedy
    assert not found["alerts"].is_needed
    assert aws.client("s3").list_objects_v2(Bucket=bucket).get("KeyCount") == 0


def test_what_cannot_be_reached_is_told_by_its_name(tmp_path: Path, standin: Standin) -> None:
    settings = cloud_settings(tmp_path, standin).model_copy(
        update={
            "inbox_url": "s3://no-such-bucket-anywhere/inbox",
            "lake_url": "s3://no-such-bucket-{layer}/lake",
            "redshift_secret": "no-such-secret",
        }
    )
    found = by_name(settings)
    assert found["inbox"].found == "s3://no-such-bucket-anywhere/inbox: NoSuchBucket"
    assert [name for name in found if name.startswith("lake ")] == [
        f"lake no-such-bucket-{layer}" for layer in ("raw", "clean", "curated", "quarantine", "artifacts")
    ]
    assert "NoSuchBucket" in found["lake no-such-bucket-raw"].found
    assert not found["Redshift"].is_ok
    assert standin.password not in str(found)


def test_without_credentials_nothing_else_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(service: str, attempts: int = 8) -> object:
        raise RuntimeError("Unable to locate credentials")

    monkeypatch.setattr(aws, "client", refused)
    (one,) = cloud(Settings(home=tmp_path))
    assert (one.name, one.is_ok, one.found) == ("credentials", False, "Unable to locate credentials")
    assert "AWS_PROFILE" in one.remedy
