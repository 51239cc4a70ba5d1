"""The stand-in and a local S3 for its own tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from local_aws import moto, new_bucket

from redshift_standin.fixtures import connect, redshift, running_standin, standin

__all__ = ["bucket", "connect", "local_aws", "redshift", "running_standin", "standin"]


@pytest.fixture(scope="session")
def local_aws() -> Iterator[str]:
    """The address of a moto server that all AWS clients of the session use."""
    with moto() as address:
        yield address


@pytest.fixture
def bucket(local_aws: str) -> str:
    """An empty bucket."""
    return new_bucket()
