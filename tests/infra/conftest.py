"""Terraform beside one local AWS, for the tests of infra/."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import moto_shim
import pytest
import terraform
from local_aws import moto
from terraform import REGION, Root


def pytest_configure() -> None:
    if said := terraform.missing():
        pytest.exit(said, returncode=2)


@pytest.fixture(scope="session")
def aws_address() -> Iterator[str]:
    """The address of the moto server of these tests; boto3 finds it by itself, in the region of the environments."""
    with moto_shim.over_moto(), moto() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        yield address


@pytest.fixture(scope="session")
def empty(aws_address: str) -> Callable[[], str]:
    """Empty the server; gives its address."""

    def reset() -> str:
        request = urllib.request.Request(f"{aws_address}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=60).close()
        return aws_address

    return reset


@pytest.fixture
def empty_aws(empty: Callable[[], str]) -> str:
    """The address of the server, with nothing in it."""
    return empty()


@pytest.fixture
def copied_repository(tmp_path: Path) -> Path:
    """A copy of the infrastructure, free to be written to."""
    return terraform.copy_repository(tmp_path / "repository")


@pytest.fixture
def module(copied_repository: Path, empty_aws: str) -> Callable[..., Root]:
    """A module, in its small root, ready to be applied to an empty local AWS: `module("lake", variable=…)`."""

    def make(name: str, **variables: Any) -> Root:
        root = Root(terraform.module_root(copied_repository, name), empty_aws, variables)
        root.init()
        return root

    return make


@pytest.fixture
def environment(copied_repository: Path, empty_aws: str) -> Callable[..., Root]:
    """An environment, ready to be applied to an empty local AWS: `environment("dev", variable=…)`."""

    def make(name: str, **variables: Any) -> Root:
        root = Root(terraform.environment_root(copied_repository, name), empty_aws, variables)
        root.init()
        return root

    return make


@pytest.fixture(scope="session")
def session_client(aws_address: str) -> Callable[..., Any]:
    """A boto3 client of the local AWS, as its administrator."""

    def make(service: str, **arguments: Any) -> Any:
        return boto3.client(service, region_name=REGION, **arguments)

    return make


@pytest.fixture
def client(session_client: Callable[..., Any]) -> Callable[..., Any]:
    """The same, for one test."""
    return session_client
