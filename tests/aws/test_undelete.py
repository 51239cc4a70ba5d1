"""`dw undelete`: what was deleted from a versioned bucket since an instant comes back, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from command_line import Dw
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from tasks import aws
from tasks.s3 import StorageError
from tasks.undelete import deleted, undelete

NOW = datetime.now(UTC)
Do = Callable[..., object]


@pytest.fixture
def versioned(bucket: str) -> str:
    aws.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.fixture
def put(versioned: str) -> Do:
    return lambda key, body: aws.client("s3").put_object(Bucket=versioned, Key=key, Body=body.encode())


@pytest.fixture
def delete(versioned: str) -> Do:
    """Delete an object, some hours ago by S3's clock."""

    def do(key: str, hours: float = 0) -> None:
        answer = aws.client("s3").delete_object(Bucket=versioned, Key=key)
        keys = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[versioned].keys
        # What it hides is older still: moto goes by instants to say which is the latest.
        for version in keys.getlist(key):
            version.last_modified -= timedelta(hours=hours + (version.version_id != answer["VersionId"]))

    return do


def standing(bucket: str) -> dict[str, str]:
    s3 = aws.client("s3")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}


def test_what_was_deleted_since_comes_back_as_it_was_last(versioned: str, put: Do, delete: Do) -> None:
    put("clean/a", "1")
    put("clean/a", "2")
    delete("clean/a")
    put("clean/b", "1")
    put("other/c", "1")
    delete("other/c")
    put("clean/long-ago", "1")
    delete("clean/long-ago", hours=48)
    put("clean/again", "1")
    delete("clean/again")
    put("clean/again", "2")
    since = NOW - timedelta(hours=1)
    assert [marker.key for marker in deleted(f"s3://{versioned}/clean/", since)] == ["clean/a"]
    assert standing(versioned) == {"clean/b": "1", "clean/again": "2"}
    assert undelete(f"s3://{versioned}/clean/", since) == 1
    assert standing(versioned) == {"clean/a": "2", "clean/b": "1", "clean/again": "2"}
    assert undelete(f"s3://{versioned}/clean/", since) == 0


def test_an_object_that_was_deleted_twice_comes_back(versioned: str, put: Do, delete: Do) -> None:
    put("a", "1")
    delete("a")
    delete("a")
    assert undelete(f"s3://{versioned}", NOW - timedelta(hours=1)) == 2
    assert standing(versioned) == {"a": "1"}


def test_what_had_been_deleted_before_stays_deleted(versioned: str, put: Do, delete: Do) -> None:
    put("a", "1")
    delete("a", hours=48)
    delete("a")
    undelete(f"s3://{versioned}", NOW - timedelta(hours=1))
    assert standing(versioned) == {}


def test_more_than_a_page_of_objects_comes_back(versioned: str, put: Do, delete: Do) -> None:
    keys = [f"clean/{number:04}" for number in range(1010)]
    for key in keys:
        put(key, "x")
    for some in (keys[:600], keys[600:]):
        aws.client("s3").delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": key} for key in some]})
    assert undelete(f"s3://{versioned}/clean", NOW - timedelta(hours=1)) == 1010
    assert set(standing(versioned)) >= set(keys[:900])


def test_a_lease_does_not_come_back(versioned: str, put: Do, delete: Do) -> None:
    put("lake/_lock.json", "{}")
    delete("lake/_lock.json")
    assert deleted(f"s3://{versioned}", NOW - timedelta(hours=1)) == []


def test_what_no_version_is_left_of_is_told(dw: Dw, versioned: str, put: Do, delete: Do) -> None:
    version = aws.client("s3").put_object(Bucket=versioned, Key="gone", Body=b"1")["VersionId"]
    delete("gone")
    aws.client("s3").delete_object(Bucket=versioned, Key="gone", VersionId=version)
    said = dw("undelete", f"s3://{versioned}", "--since", "2020-01-01")
    assert "1 more have no version left" in said.out
    said = dw("undelete", f"s3://{versioned}", "--since", "2020-01-01", "--apply")
    assert "0 delete markers removed." in said.out


def test_it_only_shows_until_it_is_told_to_do_it(dw: Dw, versioned: str, put: Do, delete: Do) -> None:
    put("clean/a", "1")
    delete("clean/a")
    said = dw("undelete", f"s3://{versioned}/clean", "--since", "2020-01-01T00:00")
    assert "clean/a" in said.out
    assert "1 object would come back. Nothing was done" in said.out
    assert standing(versioned) == {}
    assert (
        "1 delete marker removed" in dw("undelete", f"s3://{versioned}/clean", "--since", "2020-01-01", "--apply").out
    )
    assert standing(versioned) == {"clean/a": "1"}


def test_where_nothing_can_come_back_it_says_so(dw: Dw, bucket: str) -> None:
    assert (
        "keeps no versions: what was deleted is gone" in dw("undelete", f"s3://{bucket}", "--since", "2020-01-01").err
    )
    with pytest.raises(ValueError, match=r"is not s3://bucket/prefix"):
        deleted("s3://name-{layer}/clean", NOW)
    with pytest.raises(StorageError, match="NoSuchBucket"):
        deleted(f"s3://{bucket}-none", NOW)
