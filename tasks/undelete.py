"""Objects of a versioned bucket that were deleted, back again: the marks that hide them are removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tasks import aws
from tasks.lock import LEASE
from tasks.s3 import StorageError


@dataclass(frozen=True)
class Marker:
    """A delete marker that hides an object. `has_content`: a version of it is left that would be seen again."""

    bucket: str
    key: str
    version: str
    deleted_at: datetime
    has_content: bool


def deleted(url: str, since: datetime) -> list[Marker]:
    """What was deleted below `s3://bucket/prefix` at or after an instant and is deleted now, by key.

    What had been deleted before, what is there again, and the lease of runs are not. Raises ValueError where the bucket
    keeps no versions, StorageError.
    """
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or "{" in bucket:
        raise ValueError(f"{url!r} is not s3://bucket/prefix")
    s3 = aws.client("s3")
    try:
        if not s3.get_bucket_versioning(Bucket=bucket).get("Status"):
            raise ValueError(f"{bucket} keeps no versions: what was deleted is gone")
        hidden: dict[str, tuple[str, datetime]] = {}
        left: set[str] = set()
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            left |= {found["Key"] for found in page.get("Versions", ()) if not found["IsLatest"]}
            for found in page.get("DeleteMarkers", ()):
                if found["IsLatest"] and found["LastModified"] >= since and found["Key"].rpartition("/")[2] != LEASE:
                    hidden[found["Key"]] = (found["VersionId"], found["LastModified"])
    except (ClientError, BotoCoreError) as error:
        raise _told(url, "list the versions of", error) from error
    return [Marker(bucket, key, version, at, key in left) for key, (version, at) in sorted(hidden.items())]


def undelete(url: str, since: datetime, on_object: Callable[[str], None] = lambda key: None) -> int:
    """Remove the markers of `deleted` that hide something, until none is left; returns how many."""
    done = 0
    # An object that was deleted twice has two markers, one above the other.
    while found := [marker for marker in deleted(url, since) if marker.has_content]:
        _remove(found, on_object)
        done += len(found)
    return done


def _remove(found: Sequence[Marker], on_object: Callable[[str], None]) -> None:
    for first in range(0, len(found), 1000):
        some = found[first : first + 1000]
        bucket = some[0].bucket
        objects = [{"Key": marker.key, "VersionId": marker.version} for marker in some]
        try:
            answer = aws.client("s3").delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        except (ClientError, BotoCoreError) as error:
            raise _told(f"s3://{bucket}/{some[0].key}", "remove the delete marker of", error) from error
        for fault in answer.get("Errors", ()):
            code = str(fault.get("Code", ""))
            raise StorageError(f"s3://{bucket}/{fault.get('Key')}: cannot remove its delete marker: {code}", code)
        for marker in some:
            on_object(marker.key)


def _told(where: str, what: str, error: Any) -> StorageError:
    code = aws.error_code(error) or type(error).__name__
    return StorageError(f"{where}: cannot {what} it: {code}", code)
