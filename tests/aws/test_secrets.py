"""No secret is ever written: a load with known secrets, logged at DEBUG, with failures, and all it left is searched."""

from __future__ import annotations

import base64
import gzip
import inspect
import io
import json
import os
import re
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest
from cloud import as_environment, cloud_settings, cloud_tables
from command_line import Said
from glue_standin import SPARK_IS_MISSING, GlueStandIn, fails, glue_stand_in
from redshift_standin import Standin
from small_shop import read_repository

from contracts.registry import REPOSITORY
from tasks import aws
from tasks.generate import Size, generate_delivery
from tasks.glue_bundle import write_bundle
from tasks.s3 import Store
from tasks.settings import Settings

SECRETS = {
    "password": "hush-Redshift-7f3a9c",
    "wrong password": "hush-Mistaken-5d21e8",
    "secret access key": "hushAccess/Key+0b6c4d2e8f9a1b3c5d7e",
    "session token": "hushSession//Token==4e1f7a9b2c8d6053",
}
# At DEBUG, but for botocore and what it talks through: those write whole answers of AWS, and are not ours to lower.
_LOGGED = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, filename=sys.argv.pop(1), format="%(name)s %(levelname)s %(message)s")
for name in ("botocore", "boto3", "urllib3", "s3transfer"):
    logging.getLogger(name).setLevel(logging.INFO)
from flows.cli import main
main()
"""


def forms(secret: str) -> set[bytes]:
    """A secret as it could stand somewhere: as it is, quoted for an address, in JSON, in base64."""
    raw = secret.encode()
    quoted = urllib.parse.quote(secret, safe="").encode()
    return {raw, quoted, json.dumps(secret)[1:-1].encode(), base64.b64encode(raw).rstrip(b"=")[:-1]}


def found_in(places: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Each place that holds a secret, and which one."""
    return [
        (place, name)
        for place, content in places.items()
        for name, secret in SECRETS.items()
        if any(form in content for form in forms(secret))
    ]


def readable(name: str, content: bytes) -> bytes:
    """What a file says, beside its bytes: the rows of Parquet, the text behind gzip."""
    if name.endswith(".parquet"):
        return content + pl.read_parquet(io.BytesIO(content)).write_ndjson().encode()
    return content + gzip.decompress(content) if name.endswith(".gz") else content


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): readable(path.name, path.read_bytes()) for path in found}


def objects(url: str) -> dict[str, bytes]:
    store = Store(url)
    return {store.uri(key): readable(key, store.get(key)[0]) for key, _ in store.listed()}


@pytest.fixture
def place(local_aws: str, standin: Standin, tmp_path: Path) -> Iterator[tuple[Settings, GlueStandIn]]:
    """Settings, and a Glue whose job reads the bundle; Redshift has the known password."""
    before, standin.password = standin.password, SECRETS["password"]
    try:
        write_bundle(tmp_path / "bundle", *read_repository())
        with glue_stand_in(tmp_path / "glue", tmp_path / "bundle") as glue:
            yield cloud_settings(tmp_path / "home", standin), glue
    finally:
        standin.password = before


def test_a_secret_is_found_wherever_one_is_planted(bucket: str, tmp_path: Path) -> None:
    token = SECRETS["session token"]
    rows = pl.DataFrame({"text": ["a", f"x{token}y"]})
    rows.write_parquet(tmp_path / "rows.parquet", compression="zstd")
    (tmp_path / "text.gz").write_bytes(gzip.compress(f"?t={urllib.parse.quote(token, safe='')}".encode()))
    (tmp_path / "log").write_bytes(base64.b64encode(token.encode()))
    (tmp_path / "none").write_text("hush")
    Store(f"s3://{bucket}").send("a/b.json", json.dumps({"token": token}).encode())
    told = found_in(files(tmp_path) | objects(f"s3://{bucket}"))
    assert {(Path(where).name, name) for where, name in told} == {
        (name, "session token") for name in ("rows.parquet", "text.gz", "log", "b.json")
    }


@pytest.mark.skipif(find_spec("pyspark") is None, reason=SPARK_IS_MISSING)
def test_no_secret_is_written_anywhere(place: tuple[Settings, GlueStandIn], standin: Standin, tmp_path: Path) -> None:
    settings, glue = place
    made = generate_delivery(tmp_path / "made", size=Size(customers=10, products=10, orders=10, web_events=50, days=1))
    inbox = Store(settings.inbox_url)
    for (day, table), path in made.files.items():
        if table in ("web_events", "products"):
            inbox.send_file(f"{day}/{path.name}", path)

    def dw(name: str, *command: str, **more: str) -> Said:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")} | {
            **as_environment(settings),
            "AWS_SECRET_ACCESS_KEY": SECRETS["secret access key"],
            "AWS_SESSION_TOKEN": SECRETS["session token"],
            "PREFECT_LOGGING_LEVEL": "DEBUG",
            "PREFECT_SERVER_LOGGING_LEVEL": "DEBUG",
            "PREFECT_LOGGING_TO_API_ENABLED": "true",
            "DW_DEBUG": "1",
            "COLUMNS": "200",
            "PYTHONPATH": str(REPOSITORY),
            **more,
        }
        log = settings.home / f"{name}.log"
        log.parent.mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", _LOGGED, str(log), *command],
            cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    said: dict[str, Said] = {}
    sent = {"SecretId": settings.redshift_secret}
    wrong = json.dumps({"username": standin.user, "password": SECRETS["wrong password"]})
    right = json.dumps({"username": standin.user, "password": SECRETS["password"]})
    aws.client("secretsmanager").put_secret_value(**sent, SecretString=wrong)
    said["login"] = dw("login", "status")
    aws.client("secretsmanager").put_secret_value(**sent, SecretString=right)
    said["s3"] = dw("s3", "run", DW_LAKE_URL="s3://no-such-bucket-of-ours/lake")
    glue.outcomes.extend([fails("java.lang.RuntimeException: broken")] * 2)
    said["run"] = dw("run", "run")
    said["status"] = dw("status", "status")

    # Each went as it was meant to, and was logged.
    assert "lets warehouse not in: password" in said["login"].err
    assert "NoSuchBucket" in said["s3"].err
    assert said["run"].code == 1, said["run"]
    assert re.search(r"failed .*curated\.web_sessions.* Glue job curate, run jr_\w+, FAILED", said["run"].out)
    assert said["status"].code == 0
    logs = "".join((settings.home / f"{name}.log").read_text() for name in said)
    assert " DEBUG " in logs + said["run"].err
    assert "prefect" in logs + said["run"].err

    left = files(settings.home) | objects(settings.lake_url) | objects(settings.inbox_url)
    assert any(name.endswith("prefect.db") for name in left)
    assert any("/data_docs/" in name for name in left)
    assert any("/glue/curated.web_sessions/" in name for name in left)
    spoken = {f"{name} {stream}": getattr(s, stream).encode() for name, s in said.items() for stream in ("out", "err")}
    queries = {"query log": "\n".join(statement.text for statement in standin.statements).encode()}
    rows = {f"table {name}": frame.write_ndjson().encode() for name, frame in cloud_tables(settings).items()}
    assert len(queries["query log"]) > 100_000
    assert "table audit.load_ledger" in rows
    assert found_in(left | spoken | queries | rows) == []


def test_no_parameter_of_a_flow_and_no_setting_is_a_secret() -> None:
    """Prefect keeps parameters in its database: they name days, tables and sources, and never how to get in."""
    from flows.backfill import backfill
    from flows.daily import daily
    from flows.maintenance import maintenance
    from flows.redrive import redrive

    taken = {name for flow in (backfill, daily, maintenance, redrive) for name in inspect.signature(flow.fn).parameters}
    assert taken == {"source", "delivery", "first", "last", "table", "parallel", "rule", "batch", "docs"}
    assert not taken & set(Settings.model_fields) - {"source"}
    secret = re.compile(r"password|token|credential|access_key|(?<!kms)_key$")
    assert [name for name in Settings.model_fields if secret.search(name)] == []
