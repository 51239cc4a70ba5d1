"""COPY and UNLOAD of Parquet with S3 on a moto server: what goes in comes out, and each thing that is refused."""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redshift_connector

from redshift_standin import Standin
from redshift_standin.fixtures import Connect
from tasks import aws

ROLE = "IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse'"
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("small", pa.int16()),
        ("whole", pa.int32()),
        ("big", pa.int64()),
        ("amount", pa.decimal128(18, 2)),
        ("ratio", pa.float64()),
        ("day", pa.date32()),
        ("instant", pa.timestamp("us")),
        ("yes", pa.bool_()),
    ]
)
CREATE = (
    "CREATE TABLE t (id VARCHAR(40), small SMALLINT, whole INTEGER, big BIGINT, amount DECIMAL(18, 2), "
    "ratio DOUBLE PRECISION, day DATE, instant TIMESTAMP, yes BOOLEAN)"
)
ROWS: list[list[Any]] = [
    ['मुंबई, "quoted"\nline \' \\ |', -3, 2**31 - 1, 2**62, Decimal("-0.05"), 1e-9, date(2024, 2, 29), None, True],
    ["", 0, 0, 0, Decimal("12345678901234.56"), -0.5, date(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), False],
    [None] * 9,
]


def put(bucket: str, key: str, table: pa.Table) -> int:
    out = io.BytesIO()
    pq.write_table(table, out)
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=out.getvalue())
    return len(out.getvalue())


def rows(values: list[list[Any]] = ROWS, schema: pa.Schema = SCHEMA) -> pa.Table:
    columns = zip(zip(*values, strict=True), schema.types, strict=True)
    return pa.table([pa.array(list(column), type_) for column, type_ in columns], schema=schema)


def manifest(bucket: str, entries: list[dict[str, Any]], key: str = "m.manifest") -> str:
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps({"entries": entries}).encode())
    return f"COPY t FROM 's3://{bucket}/{key}' {ROLE} FORMAT AS PARQUET MANIFEST"


def detail(connection: redshift_connector.Connection, statement: str) -> str:
    with pytest.raises(redshift_connector.Error) as caught:
        connection.run(statement)
    assert caught.value.args[0]["C"] == "XX000"
    return str(caught.value.args[0]["M"]) + str(caught.value.args[0].get("D", ""))


@pytest.fixture
def loaded(redshift: redshift_connector.Connection, bucket: str) -> redshift_connector.Connection:
    redshift.run(CREATE)
    put(bucket, "in/a.parquet", rows())
    return redshift


def test_what_is_copied_and_unloaded_is_what_was_there(loaded: redshift_connector.Connection, bucket: str) -> None:
    loaded.run(f"COPY t FROM 's3://{bucket}/in/' {ROLE} FORMAT AS PARQUET")
    assert [list(row) for row in loaded.run("SELECT * FROM t ORDER BY small")] == ROWS
    assert loaded.run("SELECT pg_last_copy_count()") == ([3],)
    loaded.run(
        f"UNLOAD ('SELECT * FROM t WHERE id IS NULL OR id <> ''none''') TO 's3://{bucket}/out/' {ROLE} "
        "FORMAT AS PARQUET MANIFEST VERBOSE"
    )
    s3 = aws.client("s3")
    told = json.loads(s3.get_object(Bucket=bucket, Key="out/manifest")["Body"].read())
    (entry,) = told["entries"]
    key = entry["url"].removeprefix(f"s3://{bucket}/")
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert entry["meta"] == {"content_length": len(body), "record_count": 3}
    assert [e["name"] for e in told["schema"]["elements"]] == SCHEMA.names
    back = pq.read_table(io.BytesIO(body))
    assert back.schema.equals(SCHEMA)
    assert sorted(back.to_pylist(), key=str) == sorted(rows().to_pylist(), key=str)
    # What was unloaded with a manifest can be loaded by it.
    loaded.run(f"COPY t FROM 's3://{bucket}/out/manifest' {ROLE} FORMAT AS PARQUET MANIFEST")
    assert loaded.run("SELECT COUNT(*) FROM t") == ([6],)


def test_a_frame_of_the_lake_goes_in(redshift: redshift_connector.Connection, bucket: str) -> None:
    redshift.run("CREATE TABLE t (a VARCHAR(4), n BIGINT)")
    out = io.BytesIO()
    pl.DataFrame({"a": ["x", None], "n": [1, 2]}).write_parquet(out)
    aws.client("s3").put_object(Bucket=bucket, Key="f.parquet", Body=out.getvalue())
    redshift.run(f"COPY t FROM 's3://{bucket}/f.parquet' IAM_ROLE default PARQUET STATUPDATE OFF")
    assert redshift.run("SELECT * FROM t ORDER BY n") == (["x", 1], [None, 2])


def test_columns_go_by_place_and_a_list_says_which(redshift: redshift_connector.Connection, bucket: str) -> None:
    redshift.run("CREATE TABLE t (a BIGINT, b BIGINT, c BIGINT)")
    put(bucket, "a.parquet", pa.table({"a": [1], "b": [2]}))
    redshift.run(f"COPY t (c, a) FROM 's3://{bucket}/a.parquet' {ROLE} FORMAT PARQUET")
    assert redshift.run("SELECT a, b, c FROM t") == ([2, None, 1],)
    assert "Table columns: 3, Data columns: 2" in detail(
        redshift, f"COPY t FROM 's3://{bucket}/a.parquet' {ROLE} FORMAT PARQUET"
    )


@pytest.mark.parametrize(
    ("column", "type_"),
    [
        ("small", pa.int32()),
        ("whole", pa.int64()),
        ("big", pa.int32()),
        ("amount", pa.decimal128(18, 3)),
        ("amount", pa.decimal128(38, 2)),
        ("amount", pa.float64()),
        ("ratio", pa.float32()),
        ("day", pa.string()),
        ("day", pa.timestamp("us")),
        ("instant", pa.date32()),
        ("instant", pa.timestamp("ns")),
        ("yes", pa.int32()),
        ("id", pa.int64()),
    ],
)
def test_a_file_of_another_type_is_refused(
    loaded: redshift_connector.Connection, bucket: str, column: str, type_: pa.DataType
) -> None:
    place = SCHEMA.get_field_index(column)
    schema = SCHEMA.set(place, pa.field(column, type_))
    put(bucket, "other.parquet", rows([[None] * 9], schema))
    told = detail(loaded, f"COPY t FROM 's3://{bucket}/other.parquet' {ROLE} FORMAT AS PARQUET")
    assert "incompatible Parquet schema" in told
    assert column in told
    assert loaded.run("SELECT COUNT(*) FROM t") == ([0],)


def test_text_that_is_too_long_is_refused_by_its_bytes(redshift: redshift_connector.Connection, bucket: str) -> None:
    redshift.run("CREATE TABLE t (a VARCHAR(3))")
    put(bucket, "a.parquet", pa.table({"a": ["abc", "éé"]}))
    told = detail(redshift, f"COPY t FROM 's3://{bucket}/a.parquet' {ROLE} FORMAT AS PARQUET")
    assert "Table: 3, Data: 4" in told


def test_a_value_that_is_required_is_asked_for(redshift: redshift_connector.Connection, bucket: str) -> None:
    redshift.run("CREATE TABLE t (a BIGINT NOT NULL)")
    put(bucket, "a.parquet", pa.table({"a": pa.array([None], pa.int64())}))
    with pytest.raises(redshift_connector.Error, match="violates not-null"):
        redshift.run(f"COPY t FROM 's3://{bucket}/a.parquet' {ROLE} FORMAT AS PARQUET")
    assert redshift.run("SELECT COUNT(*) FROM t") == ([0],)


def test_a_manifest_says_which_files_and_how_long_they_are(loaded: redshift_connector.Connection, bucket: str) -> None:
    size = put(bucket, "b.parquet", rows())
    here, gone = f"s3://{bucket}/b.parquet", f"s3://{bucket}/gone.parquet"
    good = {"url": here, "mandatory": True, "meta": {"content_length": size}}
    absent = {"url": gone, "mandatory": False, "meta": {"content_length": 4}}
    loaded.run(manifest(bucket, [good, absent]))
    assert loaded.run("SELECT COUNT(*) FROM t") == ([3],)
    for entries, words in (
        ([{**good, "meta": {"content_length": size - 1}}], "content_length"),
        ([{"url": here, "mandatory": True}], "does not have 'meta' key"),
        ([{**good, "meta": {}}], "does not have 'content_length' key"),
        ([good, {**absent, "mandatory": True}], "gone.parquet"),
    ):
        assert words in detail(loaded, manifest(bucket, entries))
    assert "manifest" in detail(loaded, manifest(bucket, [good]).replace("m.manifest", "b.parquet"))
    assert loaded.run("SELECT COUNT(*) FROM t") == ([3],)


def test_a_prefix_without_files_is_an_error(loaded: redshift_connector.Connection, bucket: str) -> None:
    told = detail(loaded, f"COPY t FROM 's3://{bucket}/nothing/' {ROLE} FORMAT AS PARQUET")
    assert told.startswith("The specified S3 prefix 'nothing/' does not exist")


def test_a_copy_is_part_of_its_transaction(connect: Connect, bucket: str) -> None:
    connection = connect()
    connection.run(CREATE)
    connection.commit()
    put(bucket, "a.parquet", rows())
    connection.run(f"COPY t FROM 's3://{bucket}/a.parquet' {ROLE} FORMAT AS PARQUET")
    assert connection.run("SELECT COUNT(*) FROM t") == ([3],)
    connection.rollback()
    assert connection.run("SELECT COUNT(*) FROM t") == ([0],)
    detail(connection, f"COPY t FROM 's3://{bucket}/gone' {ROLE} FORMAT AS PARQUET")
    with pytest.raises(redshift_connector.Error, match="25P02"):
        connection.run("SELECT 1")
    connection.rollback()
    with pytest.raises(redshift_connector.Error, match="42P01"):
        connection.run(f"COPY no_such FROM 's3://{bucket}/a.parquet' {ROLE} FORMAT AS PARQUET")


def test_an_unload_overwrites_only_when_it_is_told_to(loaded: redshift_connector.Connection, bucket: str) -> None:
    unload = f"UNLOAD ('SELECT 1::BIGINT AS one') TO 's3://{bucket}/out/x_' {ROLE} FORMAT AS PARQUET"
    loaded.run(unload)
    assert "not empty" in detail(loaded, unload)
    loaded.run(f"{unload} ALLOWOVERWRITE")
    loaded.run(f"/* who */ {unload} CLEANPATH MANIFEST KMS_KEY_ID 'arn:aws:kms:eu-west-1:123456789012:key/1' ENCRYPTED")


def test_an_unload_without_rows_writes_nothing(loaded: redshift_connector.Connection, bucket: str) -> None:
    loaded.run(f"UNLOAD ('SELECT big FROM t') TO 's3://{bucket}/out/' {ROLE} FORMAT AS PARQUET MANIFEST VERBOSE")
    assert aws.client("s3").list_objects_v2(Bucket=bucket, Prefix="out/")["KeyCount"] == 0


def test_a_connection_that_breaks_after_a_copy_has_loaded_it(standin: Standin, connect: Connect, bucket: str) -> None:
    put(bucket, "a.parquet", rows())
    connection = connect(autocommit=True)
    connection.run(CREATE)
    standin.faults.drop_connection(matching="^copy", when="after")
    with pytest.raises(redshift_connector.InterfaceError):
        connection.run(f"/* who */ COPY t FROM 's3://{bucket}/a.parquet' {ROLE} FORMAT AS PARQUET")
    assert connect().run("SELECT COUNT(*) FROM t") == ([3],)
