"""Objects of S3: sent whole, read back whole, and every fault told with bucket and key and without a credential."""

from __future__ import annotations

import hashlib
import os
import random
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError, HTTPClientError, IncompleteReadError

from contracts.ids import LAKE_BUCKETS, lake_bucket
from tasks import aws

# Few threads: several files may be on their way at once, and memory is parts times threads.
TRANSFER = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20, max_concurrency=4)
_CHUNK = 8 << 20
_TRIES = 4
_BROKEN_OFF = (IncompleteReadError, HTTPClientError, FlexibleChecksumError, ConnectionError)
_ABSENT = {"404", "NoSuchKey", "NotFound"}
_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")


class StorageError(OSError):
    """S3 did not do what was asked. `code` is what it answered (`AccessDenied`), or the kind of fault on the way."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class ObjectMissing(StorageError):
    """There is no such object."""


class ObjectChanged(StorageError):
    """The object is not the one that was asked for."""


class Head(NamedTuple):
    """What is known of an object without reading it."""

    etag: str
    length: int


@dataclass(frozen=True)
class Store:
    """The objects below `s3://bucket/prefix`. `kms_key`: what encrypts them; without it the bucket's own setting does.

    Keys of its methods are relative to the prefix. A `{layer}` in the bucket's name stands for a key's first part.
    """

    url: str
    kms_key: str = ""
    transfer: TransferConfig = field(default=TRANSFER, repr=False, compare=False)

    def bucket_of(self, key: str = "") -> str:
        """Where a key lies."""
        return self.url.removeprefix("s3://").partition("/")[0].replace("{layer}", lake_bucket(key))

    @property
    def prefix(self) -> str:
        """What all keys begin with: empty, or with a stroke at the end."""
        path = self.url.removeprefix("s3://").partition("/")[2].rstrip("/")
        return f"{path}/" if path else ""

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket_of(key)}/{self.prefix}{key}"

    def key_of(self, uri: str) -> str | None:
        """The key of an address below this prefix, None for any other."""
        key = uri.removeprefix("s3://").partition("/")[2].removeprefix(self.prefix)
        return key if key and self.uri(key) == uri else None

    def send_file(self, key: str, source: Path) -> Head:
        """Upload a file, large ones in parts; it appears when it is whole. Raises StorageError."""
        with self._told("write", key):
            self._s3.upload_file(str(source), **self._at(key), ExtraArgs=self._encryption, Config=self.transfer)
        sent, found = source.stat().st_size, self.head(key)
        if found is None or found.length != sent:
            raise StorageError(f"{self.uri(key)}: {sent} bytes were sent, but {found.length if found else 'none'} came")
        return found

    def send(self, key: str, body: bytes, **conditions: str) -> Any:
        """Write bytes, if the conditions (`IfMatch`, `IfNoneMatch`) hold; raises ObjectChanged if not. S3's answer."""
        with self._told("write", key):
            return self._s3.put_object(**self._at(key), Body=body, **self._encryption, **conditions)

    def head(self, key: str) -> Head | None:
        """ETag and length of an object; None if there is none."""
        try:
            with self._told("look at", key):
                found = self._s3.head_object(**self._at(key))
        except ObjectMissing:
            return None
        return Head(found["ETag"], int(found["ContentLength"]))

    def version(self, key: str) -> str | None:
        """The id of the version that stands; "null" in a bucket that keeps none, None if there is no object."""
        try:
            with self._told("look at", key):
                found = self._s3.head_object(**self._at(key))
        except ObjectMissing:
            return None
        return str(found.get("VersionId", "null"))

    def get(self, key: str) -> tuple[bytes, Any]:
        """A small object whole, and S3's answer; raises ObjectMissing."""
        for left in reversed(range(_TRIES)):
            with self._told("read", key):
                answer = self._s3.get_object(**self._at(key))
                try:
                    return answer["Body"].read(), answer
                except _BROKEN_OFF:
                    if not left:
                        raise
                    _pause(left)
        raise AssertionError("not reached")

    def fetch(self, key: str, target: Path, etag: str) -> None:
        """Download the object that has this ETag, whole or not at all; raises ObjectMissing, ObjectChanged."""
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part.")
        part = Path(name)
        try:
            os.close(handle)
            for left in reversed(range(_TRIES)):
                with self._told("read", key):
                    answer = self._s3.get_object(**self._at(key), IfMatch=etag)
                    try:
                        with part.open("wb") as sink:
                            for chunk in answer["Body"].iter_chunks(_CHUNK):
                                sink.write(chunk)
                        break
                    except _BROKEN_OFF:
                        if not left:
                            raise
                        _pause(left)
            self.expect(key, int(answer["ContentLength"]), part.stat().st_size)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def cached(self, key: str, cache: Path, expected: int | None = None) -> Path:
        """The object as a file below `cache`, downloaded unless it is there; raises ObjectMissing, ObjectChanged."""
        head = self.head(key)
        if head is None:
            size = "" if expected is None else f"; expected {expected} bytes"
            raise ObjectMissing(f"{self.uri(key)} is not there{size}", "NoSuchKey")
        if expected is not None:
            self.expect(key, expected, head.length)
        target = self.cache_path(key, cache, head)
        if not (target.is_file() and target.stat().st_size == head.length):
            self.fetch(key, target, head.etag)
        return target

    def cache_path(self, key: str, cache: Path, head: Head) -> Path:
        """Where an object of this content is kept; the file's name stays."""
        digest = hashlib.sha256(f"{self.uri(key)}|{head.etag}".encode()).hexdigest()
        return cache / digest[:32] / key.rpartition("/")[2]

    def expect(self, key: str, expected: int, found: int) -> None:
        """Raise ObjectChanged if an object has another length than was said."""
        if found != expected:
            raise ObjectChanged(f"{self.uri(key)}: expected {expected} bytes, found {found}")

    def listed(self, prefix: str = "") -> Iterator[tuple[str, Head]]:
        """All objects whose key begins with `prefix`, by bucket and key, with what is known of each."""
        for page in self._pages(prefix):
            for found in page.get("Contents", ()):
                yield found["Key"].removeprefix(self.prefix), Head(found["ETag"], int(found["Size"]))

    def folders(self) -> list[str]:
        """The first parts of all keys that have a further one."""
        found = [p["Prefix"] for page in self._pages("", Delimiter="/") for p in page.get("CommonPrefixes", ())]
        return [name.removeprefix(self.prefix).rstrip("/") for name in found]

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, in the order given by thousands; those that are not there are gone already."""
        for bucket, own in groupby(list(keys), self.bucket_of):
            while some := list(islice(own, 1000)):
                with self._told("remove", some[0]):
                    answer = self._s3.delete_objects(
                        Bucket=bucket, Delete={"Objects": [{"Key": self.prefix + k} for k in some], "Quiet": True}
                    )
                for fault in answer.get("Errors", ()):
                    code = str(fault.get("Code", ""))
                    raise StorageError(f"s3://{bucket}/{fault.get('Key')}: cannot remove it: {code}", code)

    def delete_if(self, key: str, etag: str) -> None:
        """Remove an object that has this ETag; raises ObjectChanged if it has another, ObjectMissing."""
        with self._told("remove", key):
            self._s3.delete_object(**self._at(key), IfMatch=etag)

    def _pages(self, prefix: str, **more: str) -> Iterator[Any]:
        # What begins a key only in part can lie in any bucket.
        some = (prefix,) if "/" in prefix else LAKE_BUCKETS
        with self._told("list", prefix):
            pages = self._s3.get_paginator("list_objects_v2")
            for bucket in dict.fromkeys(map(self.bucket_of, some)):
                yield from pages.paginate(Bucket=bucket, Prefix=self.prefix + prefix, **more)

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket_of(key), "Key": self.prefix + key}

    @property
    def _s3(self) -> Any:
        return aws.client("s3")

    @property
    def _encryption(self) -> dict[str, str]:
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key} if self.kms_key else {}

    @contextmanager
    def _told(self, what: str, key: str) -> Iterator[None]:
        """Turn what boto3 raises into a StorageError that names bucket and key."""
        try:
            yield
        except (ClientError, BotoCoreError, Boto3Error, ConnectionError) as error:
            cause = _client_error(error)
            answer = cause.response.get("Error", {}) if cause else {}
            code = str(answer.get("Code") or type(error).__name__)
            # What S3 says of itself; its other fields hold key ids and what was signed.
            said = str(answer.get("Message") or ("" if cause else " ".join(str(error).split())[:300]))
            message = f"{self.uri(key)}: cannot {what} it: {code} {_KEY_ID.sub('(key id)', said)}".rstrip()
            if code in _ABSENT:
                raise ObjectMissing(message, code) from error
            if code in ("PreconditionFailed", "412", "ConditionalRequestConflict"):
                raise ObjectChanged(message, code) from error
            raise StorageError(message, code) from error


def _client_error(error: BaseException) -> ClientError | None:
    """The answer of S3 behind an error: boto3's upload wraps it."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ClientError):
        seen = seen.__cause__ or seen.__context__
    return seen


def _pause(left: int) -> None:
    time.sleep(random.uniform(0, 0.2 * 2 ** (_TRIES - left)))


__all__: Sequence[str] = ("Head", "ObjectChanged", "ObjectMissing", "StorageError", "Store")
