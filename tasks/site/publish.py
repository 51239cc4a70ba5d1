"""The site on S3: what changed is sent, the index last, and pages of an earlier build that are gone are removed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from pathlib import Path

from tasks.s3 import ObjectMissing, Store
from tasks.site.build import MANIFEST, Site
from tasks.site.page import CATALOG
from tasks.site.render import BY_HASH

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
# Pages name their scripts and styles with the hash of what is in them; all else is asked for anew.
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK = "no-cache"
_AT_ONCE = 8


def publish(site: Site, store: Store) -> str:
    """Make what lies below the store's prefix this site; returns where its index is. Raises StorageError.

    Only what an earlier publish sent is removed; Data Docs are not of it.
    """
    folder = site.index.parent
    hashes = {path: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in site.files}
    known, there = _manifest(store), {key for key, _ in store.listed()}
    changed = [path for path, found in hashes.items() if known.get(path) != found or path not in there]
    # Told first: what a publish that is cut off has sent, the next one sends again or removes.
    _tell(store, {**known, **dict.fromkeys(changed, "")})
    # A page names scripts by what is in them, and the index names pages: neither before what it names.
    for _, paths in groupby(sorted(changed, key=_order), _order):
        with ThreadPoolExecutor(_AT_ONCE) as senders:
            list(senders.map(partial(_send, store, folder), paths))
    store.delete(sorted((known.keys() - hashes.keys()) & there))
    _tell(store, hashes)
    return store.uri(CATALOG)


def headers(path: str) -> dict[str, str]:
    """What a browser is told of a file: its type, and how long its copy is good."""
    kind = _TYPES.get(Path(path).suffix, "application/octet-stream")
    return {"ContentType": kind, "CacheControl": _FOR_GOOD if path.startswith(BY_HASH) else _ASK}


def _order(path: str) -> int:
    return 0 if path.startswith(BY_HASH) else 2 if path == CATALOG else 1


def _send(store: Store, folder: Path, path: str) -> None:
    store.send(path, (folder / path).read_bytes(), **headers(path))


def _manifest(store: Store) -> dict[str, str]:
    """Path to SHA-256 of what was sent before; an empty hash stands for what may not have been sent."""
    try:
        found: dict[str, str] = json.loads(store.get(MANIFEST)[0])
    except ObjectMissing:
        return {}
    return found


def _tell(store: Store, files: Mapping[str, str]) -> None:
    store.send(MANIFEST, json.dumps(files, indent=0, sort_keys=True).encode(), ContentType=_TYPES[".json"])
