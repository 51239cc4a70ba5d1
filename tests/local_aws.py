"""AWS on this machine: a moto server over real HTTP, found by boto3 through its standard environment variables."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from contracts.ids import LAKE_BUCKETS
from tasks import aws
from tasks.s3 import Store


@contextmanager
def moto() -> Iterator[str]:
    """Start a moto server and point every AWS client of the process (and its children) to it; gives its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing-secret")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_ENDPOINT_URL", address)
        aws.client.cache_clear()
        yield address
    aws.client.cache_clear()
    server.stop()


def new_bucket() -> str:
    """An empty bucket with a name of its own."""
    name = f"warehouse-{uuid.uuid4().hex[:12]}"
    _create(name)
    return name


def new_buckets_by_layer() -> str:
    """The URL of empty buckets, one for each layer of a lake."""
    names = f"warehouse-{uuid.uuid4().hex[:12]}-{{layer}}"
    for layer in LAKE_BUCKETS:
        _create(names.replace("{layer}", layer))
    return f"s3://{names}"


def _create(bucket: str) -> None:
    aws.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


def age(store: Store, key: str, seconds: float) -> None:
    """Let an object have been written some time ago, by S3's clock."""
    found = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[store.bucket_of()].keys[store.prefix + key]
    found.last_modified -= timedelta(seconds=seconds)
