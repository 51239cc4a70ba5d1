"""The inbox of the landing tests, and the functions' package, which is made once per session."""

from __future__ import annotations

import fcntl
import sys
import zipfile
from pathlib import Path

import pytest
from landing_place import Landing
from local_aws import new_bucket

from tasks import aws, landing_package

MINE = ".".join(map(str, sys.version_info[:2]))


@pytest.fixture
def landing(local_aws: str) -> Landing:
    raw, quarantine = new_bucket(), new_bucket()
    aws.client("s3").put_bucket_versioning(Bucket=raw, VersioningConfiguration={"Status": "Enabled"})
    topic = aws.client("sns").create_topic(Name=raw)["TopicArn"]
    sqs = aws.client("sqs")
    heard = sqs.create_queue(QueueName=raw)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=heard, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return Landing(raw, quarantine, topic, heard)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> landing_package.Package:
    """The package for the Python that runs the tests: 15 s, so that processes which share the tests share it too."""
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if root.name.startswith("popen-") else root
    target, note = shared / "landing.zip", shared / "landing.zip.size"
    with (shared / "landing.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            made = landing_package.build(target, MINE)
            note.write_text(f"{made.unpacked} {int(made.bytecode)}")
    unpacked, bytecode = note.read_text().split()
    return landing_package.Package(target, target.stat().st_size, int(unpacked), bool(int(bytecode)))


@pytest.fixture(scope="session")
def package(built: landing_package.Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as Lambda unpacks it; read-only, as there."""
    folder = tmp_path_factory.mktemp("task") / "task"
    with zipfile.ZipFile(built.path) as archive:
        archive.extractall(folder)
    return folder
