"""The stand-in, for its own tests."""

from __future__ import annotations

from redshift_standin.fixtures import connect, redshift, running_standin, standin

__all__ = ["connect", "redshift", "running_standin", "standin"]
