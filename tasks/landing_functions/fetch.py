"""One version of an object as a file, held against the length and the checksums that S3 has of it."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tasks import aws
from tasks.landing_functions.arrival import Arrival
from tasks.landing_functions.faults import TemporaryFault, told

_CHUNK = 8 << 20


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, chunk: bytes) -> None:
        self._value = zlib.crc32(chunk, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_DIGESTS: dict[str, Callable[[], Any]] = {
    "ChecksumSHA256": hashlib.sha256,
    "ChecksumSHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "ChecksumCRC32": _Crc32,
    "ETag": lambda: hashlib.md5(usedforsecurity=False),
}


def download(arrival: Arrival, target: Path) -> None:
    """Read exactly that version; raises TemporaryFault where other bytes came than S3 holds."""
    with told(f"read {arrival}"):
        answer = aws.client("s3").get_object(
            Bucket=arrival.bucket, Key=arrival.key, VersionId=arrival.version, ChecksumMode="ENABLED"
        )
        expected = checksums(answer)
        digests, length = {name: _DIGESTS[name]() for name in expected}, 0
        with target.open("wb") as sink:
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                sink.write(chunk)
                length += len(chunk)
                for digest in digests.values():
                    digest.update(chunk)
    if length != int(answer["ContentLength"]):
        raise TemporaryFault(f"{arrival}: {length:,} bytes came, S3 holds {int(answer['ContentLength']):,}")
    for name, digest in digests.items():
        if digest.digest() != expected[name]:
            raise TemporaryFault(f"{arrival}: {name} of what came is not what S3 holds")


def checksums(answer: Mapping[str, Any]) -> dict[str, bytes]:
    """S3's checksums of the whole object that can be computed here.

    Of an object that was sent in parts S3 may know those of the parts only. An ETag is the content's MD5 unless there
    were parts, or KMS or a key of the sender's encrypts it.
    """
    found = {}
    if answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT":
        for name in ("ChecksumSHA256", "ChecksumSHA1", "ChecksumCRC32"):
            value = str(answer.get(name) or "-")
            if "-" not in value:
                found[name] = base64.b64decode(value)
    etag = str(answer.get("ETag", "")).strip('"')
    is_plain = answer.get("ServerSideEncryption", "AES256") == "AES256" and "SSECustomerAlgorithm" not in answer
    if len(etag) == 32 and is_plain:
        found["ETag"] = bytes.fromhex(etag)
    return found
