"""What the tests of the aws mode share."""

from __future__ import annotations

from redshift_standin.fixtures import running_standin, standin

__all__ = ["running_standin", "standin"]
