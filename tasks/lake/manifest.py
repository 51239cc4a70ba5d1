"""Manifests: which objects together are one Parquet file of the lake. The form is what Redshift's COPY reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One object of a Parquet file: its address and its length in bytes."""

    uri: str
    length: int


def manifest_key(key: str) -> str:
    """`…/rows.parquet` is told by `…/rows.manifest`."""
    return f"{key.removesuffix('.parquet')}.manifest"


def to_json(parts: Iterable[Part]) -> str:
    """The manifest of some objects; COPY fails where one is missing or has another length."""
    entries = [{"url": p.uri, "mandatory": True, "meta": {"content_length": p.length}} for p in parts]
    return json.dumps({"entries": entries}, indent=1) + "\n"


def from_json(text: str | bytes) -> tuple[Part, ...]:
    """The objects of a manifest; raise ValueError for what is none."""
    try:
        entries = json.loads(text)["entries"]
        parts = tuple(Part(str(e["url"]), int(e["meta"]["content_length"])) for e in entries)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a manifest of S3 objects with their lengths: {error!r}") from error
    if not parts or not all(part.uri.startswith("s3://") for part in parts):
        raise ValueError("a manifest that names no object of S3")
    return parts
