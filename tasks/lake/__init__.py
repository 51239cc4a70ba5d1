"""The lake: delivered files, clean rows and quarantined rows, each under a key. The mode chooses where it lies."""

from __future__ import annotations

from tasks.lake.base import Lake, LakeFile, batch_key
from tasks.lake.folder import FolderLake
from tasks.settings import Settings


def open_lake(settings: Settings) -> Lake:
    """The lake of the settings' mode."""
    return FolderLake(settings.lake)


__all__ = ["FolderLake", "Lake", "LakeFile", "batch_key", "open_lake"]
