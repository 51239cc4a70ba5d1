"""`dw` in aws mode, as people use it: every command on S3 and Redshift, and what each wrong use is told."""

from __future__ import annotations

import gc
import io
import json
import shutil
import socket
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from botocore.exceptions import ClientError
from cloud import as_environment, cloud_settings, load_cloud
from command_line import Dw, Said, beside_steps, words
from hand_made import DAY
from house_of_things import COLOUR, COLOURS, HEADER, House
from redshift_standin import Standin, certificates

from tasks import aws
from tasks.lock import Lease
from tasks.s3 import Store
from tasks.settings import Settings
from tasks.warehouse.redshift import RedshiftWarehouse

AT = "2026-01-05T10:00:00Z"
OWNER = {"name": "owner", "mask": "email"}
LINES = (f"a,red,1,{AT},a@example.net", f"b,green,2,{AT},b@example.net", f"c,blue,3,{AT},c@example.net")


def use(monkeypatch: pytest.MonkeyPatch, settings: Settings, **more: str) -> None:
    for name, value in {**as_environment(settings), **more}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def cloud(local_aws: str, standin: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """`dw` in aws mode, where nothing was delivered yet."""
    settings = cloud_settings(tmp_path / "home", standin)
    use(monkeypatch, settings)
    return settings


@pytest.fixture
def house(
    local_aws: str, standin: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[House, Settings]]:
    """`dw` in aws mode with a small repository and one delivery loaded, of which one row is in quarantine."""
    made = House(tmp_path)
    made.allow(COLOURS, 0, OWNER)
    made.deliver(0, *LINES, header=HEADER.replace("\n", ",owner\n"))
    settings = cloud_settings(tmp_path / "cloud", standin, made.root)
    (report,) = load_cloud(settings, made.home / "inbox", [DAY])
    assert report.failures == []
    use(monkeypatch, settings)
    yield made, settings
    # No command leaves its lease behind.
    assert Store(settings.lake_url).head("_lock.json") is None


def fails(said: Said, *told: str) -> None:
    assert said.code == 1
    assert said.err.startswith("dw: ")
    assert "Traceback" not in said.err
    assert "unexpected" not in said.err
    for part in told:
        assert part in said.err


def exported(url: str) -> pl.DataFrame:
    """The rows that an export's manifest names."""
    store = Store(url)
    told, _ = store.get("manifest")
    keys = [store.key_of(entry["url"]) for entry in json.loads(told)["entries"]]
    return pl.concat([pl.read_parquet(io.BytesIO(store.get(key)[0])) for key in keys if key])


# Every command


def test_reading_commands_answer_from_redshift_and_leave_no_local_copy(
    dw: Dw, house: tuple[House, Settings], standin: Standin
) -> None:
    _, settings = house
    shutil.rmtree(settings.home)
    asked: Mapping[tuple[str, ...], str] = {
        ("status",): "1 file loaded, 3 rows, 1 of them in quarantine",
        ("query", "select colour, thing_count from core.colour order by 1"): "blue 1 red 1 2 rows",
        ("query", "SHOW query_group"): "warehouse",
        ("quality",): "Quality of the delivery of 2026-01-05",
        ("quarantine", "list"): f"2026-01-05/things.csv {COLOUR} 1 1",
        ("quarantine", "show"): f"{COLOUR}: ",
        ("migrate",): "Nothing to do",
        ("reconcile",): "",
        ("explain", "core.colour"): "core.colour 1.0.0",
    }
    for command, told in asked.items():
        said = dw(*command)
        assert (said.code, said.err) == (0, ""), command
        assert told in words(said.out)
        assert str(settings.home) not in said.out
    assert [said.text for said in standin.statements if said.text.upper().startswith("BEGIN READ ONLY")]
    fails(dw("query", "delete from core.colour"), "read-only transaction")


def test_the_site_is_made_from_redshift_and_published(dw: Dw, house: tuple[House, Settings]) -> None:
    _, settings = house
    said = dw("site")
    assert (said.code, said.err) == (0, "")
    store = Store(settings.site_at)
    assert store.uri("index.html") in said.out
    page = store.get("tables/clean.things.html")[0].decode()
    assert "a***@e***" in page
    assert "a@example.net" not in page
    assert "2026-01-05" in page


def test_redrive_rebuild_and_discard_change_lake_and_redshift(dw: Dw, house: tuple[House, Settings]) -> None:
    made, _ = house
    made.allow((*COLOURS, "green"), 0, OWNER)
    said = dw("redrive")
    assert (said.code, beside_steps(said.err)) == (0, [])
    assert "1 row tried, 1 loaded" in said.out
    assert "blue 1 green 1 red 1" in words(dw("query", "select colour, thing_count from core.colour order by 1").out)
    said = dw("rebuild", "core.colour")
    assert (said.code, beside_steps(said.err)) == (0, [])
    assert "every row came out as it stood" in words(said.out)
    said = dw("backfill", "--from", "2026-01-05", "--to", "2026-01-06", "--dry-run")
    assert "No delivery at all: 2026-01-06" in said.out
    assert "Nothing to load" in said.out


def test_maintain_goes_on_after_a_table_that_fails_and_says_so(
    dw: Dw, house: tuple[House, Settings], standin: Standin
) -> None:
    said = dw("maintain")
    assert (said.code, said.err) == (0, "")
    count = int(words(said.out).split(" tables vacuumed")[0].split()[-1])
    done = [said.text.partition("*/ ")[2] for said in standin.statements if "VACUUM" in said.text]
    assert len(done) == count > 5
    assert 'VACUUM "core"."colour"' in done
    standin.faults.raise_error("42501", "must be owner of table", matching='VACUUM "clean"."things"')
    standin.faults.drop_connection(matching='ANALYZE "audit"."load_ledger"')
    said = dw("maintain")
    assert said.code == 1
    assert f"{count - 2} tables vacuumed" in said.out
    assert "failed clean.things: must be owner of table [SQLSTATE 42501]" in words(said.out)
    assert "failed audit.load_ledger: the connection to Redshift was lost" in words(said.out)


def test_an_export_is_unloaded_without_personal_data_and_replaced_only_when_told(
    dw: Dw, house: tuple[House, Settings]
) -> None:
    _, settings = house
    target = settings.lake_url.replace("/lake", "/out/things")
    said = dw("export", "clean.things", "--to", target)
    assert (said.code, said.err) == (0, "")
    assert "2 rows of clean.things" in said.out
    assert "personal data: owner." in said.out
    assert sorted(exported(target)["thing_id"]) == ["a", "c"]
    assert "owner" not in exported(target).columns
    fails(dw("export", "clean.things", "--to", target), f"{target}/ is not empty; --overwrite replaces")
    said = dw("export", "clean.things", "--to", f"{target}/", "--overwrite", "--with-personal-data")
    assert (said.code, said.err) == (0, "")
    assert sorted(exported(target)["owner"]) == ["a@example.net", "c@example.net"]


def test_what_no_export_wrote_is_never_removed(dw: Dw, house: tuple[House, Settings]) -> None:
    _, settings = house
    lake, bucket = Store(settings.lake_url), settings.lake_url.replace("/lake", "")
    before = list(lake.listed())
    target = f"{bucket}/out"
    Store(target).send("ours.csv", b"1")
    for place, told in {
        target: "ours.csv is from no export, and stays",
        bucket: "is from no export, and stays",
        settings.lake_url: "where the warehouse keeps its own files",
        f"{settings.lake_url}/clean/": "where the warehouse keeps its own files",
        f"{settings.inbox_url}/2026-01-05": "where the warehouse keeps its own files",
    }.items():
        fails(dw("export", "core.colour", "--to", place, "--overwrite"), told)
    assert list(lake.listed()) == before
    assert Store(target).get("ours.csv")[0] == b"1"


def test_an_export_uses_the_key_of_the_settings(
    dw: Dw, house: tuple[House, Settings], standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    monkeypatch.setenv("DW_KMS_KEY", key)
    said = dw("export", "core.colour", "--to", house[1].lake_url.replace("/lake", "/sealed"))
    assert (said.code, said.err) == (0, "")
    (unload,) = [said.text for said in standin.statements if "UNLOAD" in said.text]
    assert f"KMS_KEY_ID '{key}' ENCRYPTED" in unload


def test_wrong_exports_are_told(dw: Dw, house: tuple[House, Settings], tmp_path: Path) -> None:
    place = house[1].lake_url.replace("/lake", "/out")
    fails(dw("export", "core.colour", "--to", str(tmp_path / "out")), "Redshift unloads to s3://bucket/prefix/")
    fails(dw("export", "raw.things", "--to", place), "raw.things is not in the warehouse: the lake keeps")
    unknown = dw("export", "core.nothing", "--to", place)
    assert (unknown.code, unknown.out) == (2, "")
    fails(dw("export", "core.colour", "--to", f"s3://no-{uuid.uuid4().hex}/x"), "cannot list it: NoSuchBucket")
    assert list(Store(place).listed()) == []


def test_generate_delivers_to_s3_and_replaces_no_other_delivery(
    dw: Dw, cloud: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = dw("generate", "--first-day", "2026-03-01")
    assert (said.code, said.err) == (0, "")
    assert words(said.out).startswith(f"Delivered to {cloud.inbox_url}, 3 days (2026-03-01 … 2026-03-03)")
    inbox = Store(cloud.inbox_url)
    assert inbox.folders() == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert dw("generate", "--first-day", "2026-03-01").code == 0
    # Another machine, whose own folder is empty: what counts is what was delivered.
    inbox.send("2026-03-02/refunds.csv", b"real")
    monkeypatch.setenv("DW_HOME", str(tmp_path / "elsewhere"))
    fails(
        dw("generate", "--first-day", "2026-03-01"),
        f"{cloud.inbox_url}/2026-03-02 holds another delivery (refunds.csv); --overwrite replaces it",
    )
    assert inbox.get("2026-03-02/refunds.csv")[0] == b"real"


# Wrong uses


def test_settings_that_are_missing_or_wrong_are_named_as_they_are_set(
    dw: Dw, cloud: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DW_GLUE_JOB")
    monkeypatch.setenv("DW_REDSHIFT_WORKGROUP", "sales")
    said = dw("status")
    fails(said)
    assert said.err == (
        "dw: settings: mode aws needs DW_GLUE_JOB, one of DW_REDSHIFT_SECRET, DW_REDSHIFT_WORKGROUP, "
        "DW_REDSHIFT_CLUSTER\n"
    )
    monkeypatch.setenv("DW_LAKE_URL", "lake")
    monkeypatch.setenv("DW_REDSHIFT_PORT", "five")
    said = dw("status")
    fails(said, "settings: DW_LAKE_URL: 'lake' is not s3://bucket/prefix", "\nsettings: DW_REDSHIFT_PORT: Input should")
    assert "pydantic" not in said.err


@pytest.mark.parametrize("command", [["status"], ["query", "select 1"], ["quality"], ["migrate"], ["maintain"]])
def test_where_no_run_was_there_is_no_warehouse(dw: Dw, cloud: Settings, command: list[str]) -> None:
    said = dw(*command)
    fails(said, f"there is no warehouse at {cloud.warehouse_name}; `dw run` makes one")


def test_an_environment_is_named_with_its_schemas(dw: Dw, cloud: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_ENVIRONMENT", "dev")
    fails(dw("status"), "there is no warehouse at Redshift localhost/dev, schemas dev_*; `dw run` makes one")


def test_an_empty_inbox_a_bucket_that_is_not_there_and_one_without_rights(
    dw: Dw, cloud: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(dw("run"), f"no delivery in {cloud.inbox_url}; `dw generate` makes one")

    def refuse(**_: Any) -> None:
        said = {"Code": "AccessDenied", "Message": "not authorized to perform: s3:ListBucket, key AKIAABCDEFGHIJKLMNOP"}
        raise ClientError({"Error": said, "ResponseMetadata": {"HTTPStatusCode": 403}}, "ListObjectsV2")

    events = aws.client("s3").meta.events
    events.register("before-call.s3.ListObjectsV2", refuse)
    try:
        said = dw("run")
    finally:
        events.unregister("before-call.s3.ListObjectsV2", refuse)
    fails(said, f"{cloud.inbox_url}/: cannot list it: AccessDenied not authorized to perform: s3:ListBucket")
    assert "AKIA" not in said.err
    monkeypatch.setenv("DW_INBOX_URL", f"s3://no-{uuid.uuid4().hex}/inbox")
    fails(dw("run"), "cannot list it: NoSuchBucket")


def test_a_secret_that_is_not_there_or_no_credentials_at_all(
    dw: Dw, cloud: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DW_REDSHIFT_SECRET", "nothing")
    fails(dw("status"), "no credentials for Redshift: ", "ResourceNotFoundException")


def test_a_login_that_is_refused_is_not_tried_again(
    dw: Dw, cloud: Settings, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    body = json.dumps({"username": "warehouse", "password": "another-Secret-7"})
    aws.client("secretsmanager").put_secret_value(SecretId=cloud.redshift_secret, SecretString=body)
    said = dw("status")
    fails(said, "lets warehouse not in: password authentication failed", "SQLSTATE 28000")
    assert "another-Secret-7" not in said.err
    assert pauses == []


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """What the warehouse waited between tries, in seconds; it does not wait."""
    waited: list[float] = []
    monkeypatch.setitem(RedshiftWarehouse.__init__.__kwdefaults__, "sleep", waited.append)
    yield waited
    # The driver leaves the socket of a login that failed to the garbage collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_a_host_that_refuses_connections_is_tried_for_a_while_and_told(
    dw: Dw, cloud: Settings, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("DW_REDSHIFT_PORT", str(port))
    for command in (["status"], ["maintain"], ["rebuild", "core.dim_date"]):
        pauses.clear()
        fails(
            dw(*command), f"Redshift at localhost:{port}/dev cannot be reached: ", "Connection refused; tried 6 times"
        )
        assert len(pauses) == 5
        assert 3 < sum(pauses) < 16


def test_a_host_that_comes_up_late_is_waited_for(
    dw: Dw, cloud: Settings, standin: Standin, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    standin.faults.raise_error("57P03", "the cluster is resuming", matching="query_group", times=2)
    fails(dw("status"), "there is no warehouse at")
    assert len(pauses) == 2


def test_a_host_that_never_answers_is_given_up(
    dw: Dw, cloud: Settings, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """A listener whose queue is full drops what comes, as a firewall does."""
    monkeypatch.setattr("tasks.warehouse.redshift_login._ANSWER", 0.05)
    started = time.monotonic()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        with socket.create_connection(server.getsockname()), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(server.getsockname())
            monkeypatch.setenv("DW_REDSHIFT_HOST", "127.0.0.1")
            monkeypatch.setenv("DW_REDSHIFT_PORT", str(server.getsockname()[1]))
            fails(dw("status"), "cannot be reached: ", "timed out; tried 6 times")
    assert time.monotonic() - started < 10
    assert len(pauses) == 5


@pytest.mark.parametrize("kind", ["unknown authority", "expired", "other host"])
def test_a_certificate_that_cannot_be_trusted_ends_it_at_once(
    dw: Dw,
    cloud: Settings,
    standin: Standin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
    kind: str,
) -> None:
    if kind == "unknown authority":
        monkeypatch.delenv("SSL_CERT_FILE")
        told = "unable to get local issuer certificate"
    else:
        hosts = ("elsewhere.example",) if kind == "other host" else ("localhost",)
        told = "Hostname mismatch" if kind == "other host" else "certificate has expired"
        made = certificates.make(tmp_path / "tls", hosts, days=-1 if kind == "expired" else 2)
        standin.context.load_cert_chain(made.server)
        monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    try:
        said = dw("status")
    finally:
        standin.context.load_cert_chain(standin.ca_file.with_name("server.pem"))
    fails(said, f"Redshift at localhost:{standin.port}/dev is not trusted: ", told, "SSL_CERT_FILE names")
    assert pauses == []


@pytest.mark.parametrize("command", [["redrive"], ["rebuild", "core.colour"], ["maintain"], ["migrate", "--apply"]])
def test_a_second_run_is_refused_and_told_who_holds_the_lease(
    dw: Dw, house: tuple[House, Settings], command: list[str]
) -> None:
    first = Lease(Store(house[1].lake_url))
    first.acquire("first-run")
    try:
        fails(dw(*command), f"another run holds {house[1].lake_url}/_lock.json (run first-run, ", "wait for it to end")
        assert dw("status").code == 0
    finally:
        first.release()
