"""The smoke test is tried against the stand-ins, on the same ground as the tests of the aws mode."""

from __future__ import annotations

from redshift_standin.fixtures import running_standin, standin

__all__ = ["running_standin", "standin"]
