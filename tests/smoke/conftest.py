"""The smoke test is tried against the stand-ins, on the same ground as the tests of the aws mode."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from local_aws import moto
from redshift_standin.fixtures import running_standin, standin

__all__ = ["running_standin", "standin"]


@pytest.fixture(scope="session")
def local_aws() -> Iterator[str]:
    """The address of a moto server that all AWS clients of the session use."""
    with moto() as address:
        yield address
