"""The lake: the same cases in a folder and on S3, then what only S3 has to prove."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_aws import new_buckets_by_layer

from contracts.ids import TableId
from tasks import aws
from tasks.lake import FolderLake, Lake, batch_key, open_lake
from tasks.lake.manifest import Part, from_json, manifest_key, to_json
from tasks.lake.s3 import S3Lake
from tasks.lock import LeaseLost
from tasks.s3 import ObjectChanged, ObjectMissing, StorageError, Store
from tasks.settings import Settings
from tasks.warehouse.duckdb import DuckDBWarehouse

KEY = "clean/things/delivery_date=2026-01-05/b1/rows.parquet"
ROWS = pl.DataFrame({"id": [1, 2], "name": ["a", None]})
SMALL = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=2)


@pytest.fixture
def s3_lake(bucket: str, tmp_path: Path) -> S3Lake:
    return S3Lake(Store(f"s3://{bucket}/some/lake"), tmp_path / "scratch")


@pytest.fixture(params=["folder", "s3", "s3 by layer"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    if request.param == "folder":
        return FolderLake(tmp_path / "lake")
    if request.param == "s3 by layer":
        request.getfixturevalue("local_aws")
        return S3Lake(Store(f"{new_buckets_by_layer()}/some/lake"), tmp_path / "scratch")
    made: S3Lake = request.getfixturevalue("s3_lake")
    return made


def again(lake: Lake) -> Lake:
    """The same lake from another machine: nothing is in its scratch folder."""
    if isinstance(lake, S3Lake):
        return S3Lake(lake.store, lake._scratch.with_name("elsewhere"))
    return lake


def failing() -> pl.LazyFrame:
    def break_off(values: pl.Series) -> pl.Series:
        raise RuntimeError("no more rows")

    return pl.LazyFrame({"id": [1, 2]}).select(pl.col("id").map_batches(break_off, return_dtype=pl.Int64))


def objects(lake: S3Lake) -> list[str]:
    return [key for key, _ in lake.store.listed()]


# Both


def test_what_is_put_is_read_back_by_its_key_from_anywhere(lake: Lake, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"\x00\xff" * 5000)
    put = lake.put_frame(KEY, ROWS.lazy()), lake.put_text("n/note.json", "{é}"), lake.put_file("n/copy.bin", source)
    there = again(lake)
    for file, of_key in zip(put, (KEY, "n/note.json", "n/copy.bin"), strict=True):
        assert there.exists(of_key)
        assert (file.key, file.uri) == (of_key, there.file(of_key).uri)
    for reader in (lake, there):
        assert reader.file(KEY).scan().collect().equals(ROWS)
        assert reader.file("n/note.json").path().read_text(encoding="utf-8") == "{é}"
        assert reader.file("n/copy.bin").path().read_bytes() == source.read_bytes()
        assert reader.file("n/copy.bin").path().name == "copy.bin"


def test_a_parquet_file_that_was_delivered_stays_the_file_that_it_is(lake: Lake, tmp_path: Path) -> None:
    key = "raw/things/delivery_date=2026-01-05/b1/things.parquet"
    ROWS.write_parquet(tmp_path / "source")
    lake.put_file(key, tmp_path / "source")
    there = again(lake)
    assert there.exists(key)
    assert there.file(key).path().read_bytes() == (tmp_path / "source").read_bytes()
    assert there.file(key).path().name == "things.parquet"
    there.remove(key)
    assert not there.exists(key)


def test_a_write_that_fails_leaves_what_was_there(lake: Lake) -> None:
    with pytest.raises(RuntimeError, match="no more rows"):
        lake.put_frame(KEY, failing())
    assert not lake.exists(KEY)
    lake.put_frame(KEY, ROWS.lazy())
    with pytest.raises(RuntimeError, match="no more rows"):
        lake.put_frame(KEY, failing())
    assert again(lake).file(KEY).scan().collect().equals(ROWS)


def test_no_rows_are_no_file_and_nothing_stays_of_an_earlier_try(lake: Lake) -> None:
    assert lake.put_rows(KEY, ROWS) == lake.file(KEY)
    assert lake.put_rows(KEY, ROWS.clear()) is None
    assert not lake.exists(KEY)
    lake.remove(KEY)
    with pytest.raises(OSError, match=r"rows"):
        lake.file(KEY).scan().collect()


def test_batches_that_are_not_kept_go_with_all_their_files(lake: Lake) -> None:
    table = TableId("clean", "things")
    for batch in ("b1", "b2", "b3"):
        lake.put_frame(batch_key(table.lake_prefix, date(2026, 1, 5), batch, "rows.parquet"), ROWS.lazy())
        lake.put_text(batch_key(table.lake_prefix, date(2026, 1, 5), batch, "note.txt"), batch)
    for other in ("things_2", "others"):
        lake.put_frame(KEY.replace("things", other), ROWS.lazy())
    lake.drop_batches(table, keep={"b2", "b4"})
    left = [
        b
        for b in ("b1", "b2", "b3")
        if lake.exists(KEY.replace("b1", b)) or lake.exists(KEY.replace("b1/rows.parquet", f"{b}/note.txt"))
    ]
    assert left == ["b2"]
    assert lake.exists(KEY.replace("things", "others"))
    assert lake.exists(KEY.replace("things", "things_2"))


def test_the_warehouse_loads_a_file_of_either_lake(lake: Lake) -> None:
    lake.put_frame(KEY, ROWS.lazy())
    with DuckDBWarehouse(None) as warehouse:
        warehouse.execute("CREATE SCHEMA core")
        warehouse.execute("CREATE TABLE core.things (id BIGINT, name VARCHAR(10))")
        warehouse.load_parquet("core.things", ["id", "name"], [again(lake).file(KEY)])
        assert warehouse.query("SELECT id, name FROM core.things ORDER BY id").rows() == ROWS.rows()


STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.one_of(st.none(), st.integers(0, 3))), max_size=8)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_after_any_writes_and_removals_each_key_has_what_was_last_put(
    lake: Lake, steps: list[tuple[str, int | None]]
) -> None:
    keys = {name: KEY.replace("b1", name) for name in "ab"}
    for key in keys.values():
        lake.remove(key)
    last: dict[str, int | None] = {"a": None, "b": None}
    for name, rows in steps:
        lake.put_rows(keys[name], pl.DataFrame({"id": list(range(rows or 0))}))
        last[name] = rows or None
    for name, rows in last.items():
        assert lake.exists(keys[name]) == (rows is not None)
        if rows:
            assert lake.file(keys[name]).scan().collect()["id"].to_list() == list(range(rows))
    if isinstance(lake, S3Lake):
        # A manifest and one object for each key, and nothing left of earlier writes.
        assert len(objects(lake)) == 2 * sum(rows is not None for rows in last.values())


# S3 alone


def test_the_mode_chooses_the_lake(bucket: str, tmp_path: Path) -> None:
    on_s3 = Settings(
        mode="aws", home=tmp_path, inbox_url=f"s3://{bucket}/inbox", lake_url=f"s3://{bucket}/lake/", glue_job="j",
        redshift_secret="s",
    )  # fmt: skip
    file = open_lake(on_s3).put_frame(KEY, ROWS.lazy())
    assert file.uri == f"s3://{bucket}/lake/{manifest_key(KEY)}"
    assert isinstance(open_lake(Settings(home=tmp_path)), FolderLake)


def test_what_is_published_is_a_manifest_that_copy_reads(s3_lake: S3Lake) -> None:
    file = s3_lake.put_frame(KEY, ROWS.lazy())
    assert file.uri == s3_lake.store.uri(KEY.replace(".parquet", ".manifest"))
    body = json.loads(s3_lake.store.get(manifest_key(KEY))[0])
    (entry,) = body["entries"]
    own = s3_lake.store.key_of(entry["url"])
    assert own is not None
    assert own.startswith(KEY.removesuffix("parquet"))
    assert own != KEY
    head = s3_lake.store.head(own)
    assert head is not None
    assert entry == {"url": s3_lake.store.uri(own), "mandatory": True, "meta": {"content_length": head.length}}


def test_rows_without_a_manifest_are_not_there_and_go_with_the_next_removal(
    s3_lake: S3Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Store, "send", _killed)
        with pytest.raises(KeyboardInterrupt):
            s3_lake.put_frame(KEY, ROWS.lazy())
    assert len(objects(s3_lake)) == 1
    assert not s3_lake.exists(KEY)
    with pytest.raises(ObjectMissing, match=r"rows\.manifest is not there"):
        again(s3_lake).file(KEY).paths()
    s3_lake.put_frame(KEY, pl.LazyFrame({"id": [7]}))
    s3_lake.remove(KEY)
    assert objects(s3_lake) == []


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_write_that_is_killed_before_its_manifest_leaves_the_earlier_rows(
    s3_lake: S3Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_lake.put_frame(KEY, ROWS.lazy())
    with monkeypatch.context() as patch:
        patch.setattr(Store, "send", _killed)
        with pytest.raises(KeyboardInterrupt):
            s3_lake.put_frame(KEY, pl.LazyFrame({"id": [7]}))
    assert again(s3_lake).file(KEY).scan().collect().equals(ROWS)


def test_readers_see_the_old_rows_or_the_new_ones_while_they_are_replaced(s3_lake: S3Lake) -> None:
    s3_lake.put_frame(KEY, pl.LazyFrame({"id": [0]}))
    stop, seen, faults = threading.Event(), set(), []

    def read() -> None:
        lake = S3Lake(s3_lake.store, s3_lake._scratch.with_name("reader"))
        while not stop.is_set():
            try:
                ids = lake.file(KEY).scan().collect()["id"].to_list()
                seen.add((ids[0], len(set(ids))))
            except StorageError as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for round_ in range(1, 30):
        s3_lake.put_frame(KEY, pl.LazyFrame({"id": [round_] * 1000}))
    stop.set()
    reader.join()
    assert all(distinct == 1 for _, distinct in seen)
    # Three writes in the time of one read are what it may give up on; a short file is never read.
    assert [f for f in faults if not isinstance(f, ObjectMissing)] == []
    assert len(objects(s3_lake)) == 2


def test_the_same_rows_again_stay_there(s3_lake: S3Lake) -> None:
    s3_lake.put_frame(KEY, ROWS.lazy())
    before = objects(s3_lake)
    s3_lake.put_frame(KEY, ROWS.lazy())
    assert objects(s3_lake) == before
    assert again(s3_lake).file(KEY).scan().collect().equals(ROWS)


def test_a_reader_whose_manifest_was_replaced_reads_what_replaced_it(
    s3_lake: S3Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_lake.put_frame(KEY, pl.LazyFrame({"id": [1]}))
    cached, calls = Store.cached, []

    def late(self: Store, *args: Any) -> Path:
        calls.append(args)
        if len(calls) == 1:
            s3_lake.put_frame(KEY, pl.LazyFrame({"id": [2]}))
        return cached(self, *args)

    monkeypatch.setattr(Store, "cached", late)
    assert again(s3_lake).file(KEY).scan().collect()["id"].to_list() == [2]
    assert len(calls) == 2


@pytest.mark.parametrize("removed", [False, True])
def test_several_parts_are_one_file_as_a_job_of_many_writers_leaves_them(
    s3_lake: S3Lake, tmp_path: Path, removed: bool
) -> None:
    parts = []
    for n in range(3):
        pl.DataFrame({"id": [n]}).write_parquet(tmp_path / "part")
        head = s3_lake.store.send_file(f"curated/x/part-{n}.parquet", tmp_path / "part")
        parts.append(Part(s3_lake.store.uri(f"curated/x/part-{n}.parquet"), head.length))
    s3_lake.store.send(manifest_key("curated/x/rows.parquet"), to_json(parts).encode())
    file = s3_lake.file("curated/x/rows.parquet")
    assert len(file.paths()) == 3
    assert file.scan().collect()["id"].to_list() == [0, 1, 2]
    if removed:
        s3_lake.remove(file.key)
        assert objects(s3_lake) == []
        return
    s3_lake.put_frame("curated/x/rows.parquet", pl.LazyFrame({"id": [9]}))
    assert again(s3_lake).file(file.key).scan().collect()["id"].to_list() == [9]
    assert len(objects(s3_lake)) == 2


@pytest.mark.parametrize("harm", ["gone", "shorter", "longer"])
@pytest.mark.parametrize("warm", [False, True])
def test_an_object_that_is_gone_or_of_another_length_is_told_with_its_place(
    s3_lake: S3Lake, harm: str, warm: bool
) -> None:
    s3_lake.put_frame(KEY, ROWS.lazy())
    reader = s3_lake if warm else again(s3_lake)
    (own,) = [key for key in objects(s3_lake) if key.endswith(".parquet")]
    body, _ = s3_lake.store.get(own)
    if harm == "gone":
        s3_lake.store.delete([own])
        told = rf"{s3_lake.store.uri(own)} is not there; expected {len(body)} bytes"
    else:
        other = body[:-1] if harm == "shorter" else body + b"x"
        s3_lake.store.send(own, other)
        told = rf"{s3_lake.store.uri(own)}: expected {len(body)} bytes, found {len(other)}"
    with pytest.raises(StorageError, match=told):
        reader.file(KEY).paths()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"entries": []}',
        '{"entries": [{"url": "s3://b/k"}]}',
        '{"entries": [{"url": "http://x", "meta": {"content_length": 1}}]}',
    ],
)
def test_a_manifest_that_is_none_is_told_and_may_be_written_over(s3_lake: S3Lake, text: str) -> None:
    s3_lake.store.send(manifest_key(KEY), text.encode())
    with pytest.raises(StorageError, match=r"rows\.manifest: .*manifest"):
        s3_lake.file(KEY).paths()
    s3_lake.put_frame(KEY, ROWS.lazy())
    assert again(s3_lake).file(KEY).scan().collect().equals(ROWS)


def test_a_manifest_never_leads_out_of_the_lake(s3_lake: S3Lake, bucket: str) -> None:
    outside = Store(f"s3://{bucket}/some")
    outside.send("lake-of-others/x.parquet", b"theirs")
    s3_lake.store.send(manifest_key(KEY), to_json([Part(f"s3://{bucket}/some/lake-of-others/x.parquet", 6)]).encode())
    with pytest.raises(StorageError, match="outside the lake"):
        s3_lake.file(KEY).paths()
    s3_lake.remove(KEY)
    assert outside.head("lake-of-others/x.parquet") is not None


@given(
    parts=st.lists(st.builds(Part, st.text(min_size=1).map("s3://b/{}".format), st.integers(0, 1 << 50)), min_size=1)
)
def test_a_manifest_reads_back_as_it_was_written(parts: list[Part]) -> None:
    assert from_json(to_json(parts)) == tuple(parts)


def test_a_file_that_changed_is_downloaded_anew(s3_lake: S3Lake) -> None:
    s3_lake.put_text("note.txt", "one")
    reader = again(s3_lake)
    assert reader.file("note.txt").path().read_text() == "one"
    s3_lake.put_text("note.txt", "two")
    assert reader.file("note.txt").path().read_text() == "two"


def test_a_cut_off_copy_is_not_taken_for_the_file(s3_lake: S3Lake) -> None:
    s3_lake.put_text("note.txt", "all of it")
    copy = s3_lake.file("note.txt").path()
    copy.write_text("all")
    assert s3_lake.file("note.txt").path().read_text() == "all of it"


def test_large_files_go_in_parts_and_keep_their_encryption(bucket: str, tmp_path: Path, local_aws: str) -> None:
    key = (
        boto3.client("kms").create_key()["KeyMetadata"]["Arn"] if False else "arn:aws:kms:eu-west-1:123456789012:key/k"
    )
    lake = S3Lake(Store(f"s3://{bucket}/lake", key, SMALL), tmp_path / "scratch")
    source = tmp_path / "large.bin"
    source.write_bytes(bytes(range(256)) * (50 << 10))  # 12.5 MB: three parts
    lake.put_file("large.bin", source)
    lake.put_text("small.txt", "x")
    lake.put_frame(KEY, ROWS.lazy())
    s3 = aws.client("s3")
    for name in objects(lake):
        head = s3.head_object(Bucket=bucket, Key=f"lake/{name}")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key), name
    assert s3.head_object(Bucket=bucket, Key="lake/large.bin")["ETag"].endswith('-3"')
    assert again(lake).file("large.bin").path().read_bytes() == source.read_bytes()


def test_an_upload_that_breaks_off_leaves_no_object_and_no_parts(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = S3Lake(Store(f"s3://{bucket}/lake", transfer=SMALL), tmp_path / "scratch")
    (tmp_path / "large.bin").write_bytes(b"x" * (12 << 20))
    s3 = aws.client("s3")

    def refuse(**kwargs: Any) -> None:
        raise EndpointConnectionError(endpoint_url="http://s3")

    s3.meta.events.register("before-call.s3.CompleteMultipartUpload", refuse)
    try:
        with pytest.raises(StorageError, match=r"lake/large\.bin: cannot write it: EndpointConnectionError"):
            lake.put_file("large.bin", tmp_path / "large.bin")
    finally:
        s3.meta.events.unregister("before-call.s3.CompleteMultipartUpload", refuse)
    assert objects(lake) == []
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_more_objects_than_one_answer_holds_are_dropped(s3_lake: S3Lake) -> None:
    table = TableId("clean", "things")
    for n in range(1010):
        s3_lake.store.send(batch_key(table.lake_prefix, date(2026, 1, 5), f"b{n}", "x.txt"), b"")
    s3_lake.drop_batches(table, keep={"b1009"})
    assert objects(s3_lake) == [batch_key(table.lake_prefix, date(2026, 1, 5), "b1009", "x.txt")]


def test_a_run_that_lost_its_lease_changes_nothing(s3_lake: S3Lake, tmp_path: Path) -> None:
    s3_lake.put_frame(KEY, ROWS.lazy())
    s3_lake.put_text("note.txt", "x")
    before = objects(s3_lake)

    def lost() -> None:
        raise LeaseLost("lost")

    late = S3Lake(s3_lake.store, tmp_path / "late", guard=lost)
    for act in (
        lambda: late.put_frame(KEY, pl.LazyFrame({"id": [7]})),
        lambda: late.put_text("note.txt", "y"),
        lambda: late.put_file("note.txt", s3_lake.file("note.txt").path()),
        lambda: late.remove(KEY),
        lambda: late.drop_batches(TableId("clean", "things"), keep=()),
    ):
        with pytest.raises(LeaseLost):
            act()
    assert set(before) <= set(objects(s3_lake))
    assert again(s3_lake).file(KEY).scan().collect().equals(ROWS)


# Faults on the way

Answer = tuple[int, str]


@pytest.fixture
def busy(local_aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[str]]]:
    """A front before S3 that gives the answers of a list first, to requests of one method; tells what it was asked."""
    answers: list[Answer] = []
    asked: list[str] = []
    only = {"PUT"}

    class Front(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(self.command)
            if answers and self.command in only:
                status, code = answers.pop(0)
                if status == 200:
                    self._forward(body, cut=True)
                    return
                text = (
                    f"<Error><Code>{code}</Code><Message>Please wait</Message>"
                    "<AWSAccessKeyId>AKIAVERYSECRETKEYID1</AWSAccessKeyId>"
                    "<SignatureProvided>c2lnbmF0dXJl</SignatureProvided></Error>"
                ).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
                return
            self._forward(body)

        def _forward(self, body: bytes, cut: bool = False) -> None:
            import http.client

            host = local_aws.removeprefix("http://")
            connection = http.client.HTTPConnection(host)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("expect", "transfer-encoding")}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "content-length", "server", "date"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)
            self.close_connection = cut
            connection.close()

        do_PUT = do_GET = do_HEAD = do_POST = do_DELETE = _pass

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    through = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
        config=aws.client("s3").meta.config.merge(Config(s3={"addressing_style": "path"})),
    )
    monkeypatch.setattr(aws, "client", lambda service: through)

    def answering(*wanted: Answer, methods: str = "PUT") -> list[str]:
        answers.extend(wanted)
        only.clear()
        only.update(methods.split())
        return asked

    yield answering
    through.close()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_busy_s3_is_asked_again(s3_lake: S3Lake, busy: Callable[..., list[str]]) -> None:
    asked = busy((503, "SlowDown"), (503, "SlowDown"))
    s3_lake.put_frame(KEY, ROWS.lazy())
    assert asked.count("PUT") == 4
    assert again(s3_lake).file(KEY).scan().collect().equals(ROWS)


@pytest.mark.parametrize("name", ["text", "rows"])
def test_a_download_that_is_cut_off_is_made_again_and_given_up_in_the_end(
    s3_lake: S3Lake, busy: Callable[..., list[str]], name: str
) -> None:
    s3_lake.put_frame(KEY, ROWS.lazy())
    s3_lake.put_text("x.txt", "x" * 1000)
    key = KEY if name == "rows" else "x.txt"
    asked = busy(*[(200, "cut")] * 3, methods="GET")
    before = asked.count("GET")
    assert again(s3_lake).file(key).path().stat().st_size > 100
    assert asked.count("GET") - before == 3 + (2 if name == "rows" else 1)
    busy(*[(200, "cut")] * 4, methods="GET")
    with pytest.raises(StorageError, match=r"s3://.*: cannot read it: (IncompleteReadError|ResponseStreamingError)"):
        S3Lake(s3_lake.store, s3_lake._scratch.with_name("third")).file(key).paths()


@pytest.mark.parametrize("code", ["AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId"])
@pytest.mark.parametrize("act", ["frame", "file", "text", "read"])
def test_a_refusal_is_told_at_once_with_its_place_and_without_a_credential(
    s3_lake: S3Lake,
    busy: Callable[..., list[str]],
    code: str,
    act: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    s3_lake.put_frame(KEY, ROWS.lazy())
    (tmp_path / "x").write_bytes(b"x")
    asked = busy((403, code), methods="PUT GET")
    before = len(asked)
    acts: dict[str, Callable[[], object]] = {
        "frame": lambda: s3_lake.put_frame(KEY.replace("b1", "b2"), ROWS.lazy()),
        "file": lambda: s3_lake.put_file("x.bin", tmp_path / "x"),
        "text": lambda: s3_lake.put_text("x.txt", "x"),
        "read": lambda: again(s3_lake).file(KEY).paths(),
    }
    with caplog.at_level(logging.DEBUG), pytest.raises(StorageError) as caught:
        acts[act]()
    assert caught.value.code == code
    assert str(caught.value).startswith(f"s3://{s3_lake.store.bucket_of()}/some/lake/")
    assert f": cannot {'read' if act in ('read', 'frame') else 'write'} it: {code} Please wait" in str(caught.value)
    assert len(asked) - before == 1
    told = str(caught.value) + "".join(r.getMessage() for r in caplog.records if r.name.startswith(("tasks", "flows")))
    for secret in ("testing", "AKIA", "c2lnbmF0dXJl", "Signature="):
        assert secret not in told


def test_a_file_that_changes_while_it_is_read_is_found(s3_lake: S3Lake, tmp_path: Path) -> None:
    head = s3_lake.store.send_file("x.bin", _file(tmp_path / "x", b"one"))
    s3_lake.store.send("x.bin", b"two")
    with pytest.raises(ObjectChanged, match=r"x\.bin: cannot read it: PreconditionFailed"):
        s3_lake.store.fetch("x.bin", tmp_path / "y", head.etag)
    assert not (tmp_path / "y").exists()


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_each_layer_lies_in_its_bucket_and_the_rest_in_that_of_artifacts(local_aws: str) -> None:
    url = new_buckets_by_layer()
    store = Store(f"{url}/shop")
    keys = {"raw/a": "raw", "clean/a": "clean", "curated/a": "curated", "quarantine/raw/a": "quarantine",
            "_lock.json": "artifacts", "glue/a": "artifacts", "cleaner/a": "artifacts"}  # fmt: skip
    for key in keys:
        store.send(key, b"1")
    for key, bucket in keys.items():
        assert store.uri(key) == f"{url.replace('{layer}', bucket)}/shop/{key}"
        assert store.key_of(store.uri(key)) == key
        assert aws.client("s3").head_object(Bucket=store.bucket_of(key), Key=f"shop/{key}")
    assert store.key_of(f"{url.replace('{layer}', 'raw')}/shop/clean/a") is None
    assert {key for key, _ in store.listed()} == set(keys)
    assert [key for key, _ in store.listed("clean")] == ["clean/a", "cleaner/a"]
    assert [key for key, _ in store.listed("clean/")] == ["clean/a"]
    store.delete(["clean/a", "glue/a", "clean/b", "_lock.json"])
    assert {key for key, _ in store.listed()} == {"raw/a", "curated/a", "quarantine/raw/a", "cleaner/a"}
