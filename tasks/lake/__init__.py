"""The lake: delivered files, clean rows and quarantined rows, each under a key. The mode chooses where it lies."""

from __future__ import annotations

from collections.abc import Callable

from tasks.lake.base import Lake, LakeFile, batch_key
from tasks.lake.folder import FolderLake
from tasks.settings import Settings


def open_lake(settings: Settings, guard: Callable[[], None] = lambda: None) -> Lake:
    """The lake of the settings' mode; on S3 `guard` is called before anything appears or goes, and may raise."""
    if settings.mode == "local":
        return FolderLake(settings.lake)
    from tasks.lake.s3 import S3Lake
    from tasks.s3 import Store

    return S3Lake(Store(settings.lake_url, settings.kms_key), settings.scratch, guard=guard)


__all__ = ["FolderLake", "Lake", "LakeFile", "batch_key", "open_lake"]
