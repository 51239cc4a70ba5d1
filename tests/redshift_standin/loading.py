"""COPY of Parquet files from S3: the clauses, the manifest, the strict match of columns, and the rows as CSV."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from redshift_standin.errors import RedshiftError, load_error, syntax, unsupported
from tasks import aws

_NAME = r'(?:[\w$]+|"[^"]+")(?:\.(?:[\w$]+|"[^"]+"))?'
_COPY = re.compile(rf"(?is)COPY\s+({_NAME})\s*(?:\(([^()]*)\))?\s*FROM\s+'s3://([^/']+)/?([^']*)'(.*)")
ROLE = r"IAM_ROLE\s+(?:default|'arn:aws[\w-]*:iam::\d{12}:role/[^']+')"
_ROLE = re.compile(rf"(?is)\b{ROLE}")
_FORMAT = re.compile(r"(?is)\b(?:FORMAT\s+(?:AS\s+)?)?PARQUET\b")


@dataclass(frozen=True)
class Column:
    """A column of the target as the catalogue has it."""

    name: str
    type: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    def __str__(self) -> str:
        sizes = [str(n) for n in (self.length, self.precision, self.scale) if n is not None]
        return f"{self.type.upper()}({', '.join(sizes)})" if sizes else self.type.upper()


@dataclass(frozen=True)
class CopyFrom:
    """A COPY that was read: the target, its columns if named, and where the files are."""

    table: str
    columns: tuple[str, ...]
    bucket: str
    key: str
    manifest: bool

    @property
    def target_text(self) -> str:
        names = f" ({', '.join(self.columns)})" if self.columns else ""
        return f"COPY {self.table}{names} FROM STDIN (FORMAT csv)"

    def names(self, columns: Sequence[Column]) -> list[Column]:
        """The columns that are filled, in the order in which the file has them."""
        if not self.columns:
            return list(columns)
        known = {c.name: c for c in columns}
        wanted = [name.strip('"').lower() for name in self.columns]
        for name in wanted:
            if name not in known:
                raise RedshiftError("42703", f'column "{name}" of relation "{self.table}" does not exist')
        return [known[name] for name in wanted]


def parse_copy(text: str) -> CopyFrom:
    """Read a COPY; raise RedshiftError for what Redshift has not, or the stand-in has not."""
    match = _COPY.fullmatch(text)
    if match is None:
        raise syntax(text.split()[1] if len(text.split()) > 1 else "COPY")
    table, columns, bucket, key, rest = match.groups()
    if _ROLE.search(rest) is None:
        raise RedshiftError(
            "0A000",
            "COPY command requires credentials: must specify a credentials clause",
        )
    rest = _ROLE.sub(" ", rest)
    if _FORMAT.search(rest) is None:
        raise unsupported("the stand-in has COPY of Parquet only")
    rest = _FORMAT.sub(" ", rest)
    manifest = re.search(r"(?i)\bMANIFEST\b", rest) is not None
    rest = re.sub(r"(?i)\bMANIFEST\b|\bSTATUPDATE(?:\s+(?:ON|OFF|TRUE|FALSE))?\b", " ", rest).strip()
    if rest:
        raise unsupported(f"{rest.split()[0].upper()} argument is not supported for PARQUET based COPY")
    names = tuple(name.strip() for name in columns.split(",")) if columns else ()
    return CopyFrom(table, names, bucket, key, manifest)


def read(copy: CopyFrom, columns: Sequence[Column]) -> Iterator[bytes]:
    """The rows of every file as CSV, a piece at a time; raise RedshiftError at the first file that does not fit."""
    for bucket, key, expected in _files(copy):
        body = _get(bucket, key)
        if expected is not None and expected != len(body):
            raise load_error(
                15007, f"File 's3://{bucket}/{key}' has {len(body)} bytes, the manifest says content_length {expected}"
            )
        yield from _rows(body, columns, f"s3://{bucket}/{key}")


def _files(copy: CopyFrom) -> Iterator[tuple[str, str, int | None]]:
    if not copy.manifest:
        pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=copy.bucket, Prefix=copy.key)
        found = [item["Key"] for page in _asked(pages) for item in page.get("Contents", [])]
        if not found:
            raise load_error(8001, "", f"The specified S3 prefix '{copy.key}' does not exist")
        yield from ((copy.bucket, key, None) for key in found)
        return
    try:
        entries = json.loads(_get(copy.bucket, copy.key))["entries"]
    except (ValueError, KeyError, TypeError) as error:
        raise load_error(8001, f"s3://{copy.bucket}/{copy.key}", "Problem reading manifest file") from error
    for entry in entries:
        if "meta" not in entry:
            raise load_error(15003, "", "File entry does not have 'meta' key.")
        if "content_length" not in entry["meta"]:
            raise load_error(15003, "", "File entry does not have 'content_length' key.")
        match = re.fullmatch(r"s3://([^/]+)/(.+)", entry["url"])
        if match is None:
            raise load_error(8001, entry["url"], "Problem reading manifest file")
        bucket, key = match.groups()
        if not _exists(bucket, key):
            if entry.get("mandatory", False):
                raise load_error(8001, f"S3 object s3://{bucket}/{key}", "Mandatory url is not present in manifest")
            continue
        yield bucket, key, int(entry["meta"]["content_length"])


def _asked(pages: Any) -> Iterator[Any]:
    try:
        yield from pages
    except Exception as error:
        raise load_error(8001, str(error), "S3ServiceException") from error


def _exists(bucket: str, key: str) -> bool:
    return any(
        item["Key"] == key
        for page in _asked([aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)])
        for item in page.get("Contents", [])
    )


def _get(bucket: str, key: str) -> bytes:
    try:
        return bytes(aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    except Exception as error:
        raise load_error(8001, f"s3://{bucket}/{key}: {error}", "S3ServiceException") from error


def _rows(body: bytes, columns: Sequence[Column], url: str) -> Iterator[bytes]:
    try:
        file = pq.ParquetFile(io.BytesIO(body))
    except pa.ArrowInvalid as error:
        raise load_error(15001, f"File '{url}' has an invalid Parquet file: {error}") from error
    schema = file.schema_arrow
    if len(schema) != len(columns):
        raise load_error(
            15007,
            "Unmatched number of columns between table and file. "
            f"Table columns: {len(columns)}, Data columns: {len(schema)}, File name: {url}",
        )
    for place, (field, column) in enumerate(zip(schema, columns, strict=True)):
        if not _fits(field.type, file.schema.column(place).physical_type, column):
            raise load_error(
                15007,
                f"File '{url}' has an incompatible Parquet schema for column '{url}.{field.name}'. "
                f"Column type: {column}, Parquet schema:\n{field.type} {field.name}",
            )
    options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in file.iter_batches():
        for column, values in zip(columns, batch.columns, strict=True):
            _check_length(column, values, url)
        out = io.BytesIO()
        pa_csv.write_csv(pa.record_batch([_plain(v) for v in batch.columns], names=_numbered(columns)), out, options)
        yield out.getvalue()


def _numbered(columns: Sequence[Column]) -> list[str]:
    return [f"c{n}" for n in range(len(columns))]


def _plain(values: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(values.type):
        return values.cast(pa.timestamp("us"))
    return values.cast(pa.string()) if pa.types.is_decimal(values.type) else values


def _check_length(column: Column, values: pa.Array, url: str) -> None:
    if column.length is None or not len(values):
        return
    longest = pc.max(pc.binary_length(values)).as_py()
    if longest is not None and longest > column.length:
        raise load_error(
            15001,
            f"The length of the data column {column.name} is longer than the length defined in the table. "
            f"Table: {column.length}, Data: {longest}, File name: {url}",
        )


_EXACT = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}


def _fits(found: pa.DataType, physical: str, column: Column) -> bool:
    """Whether Redshift reads a Parquet column of that type into the column: it widens and converts nothing."""
    if column.type in _EXACT:
        return bool(found == _EXACT[column.type])
    if column.type == "numeric":
        return pa.types.is_decimal(found) and (found.precision, found.scale) == (column.precision, column.scale)
    if column.type.startswith("timestamp"):
        return pa.types.is_timestamp(found) and (physical == "INT96" or found.unit in ("ms", "us"))
    return column.type in ("character varying", "character") and (
        pa.types.is_string(found) or pa.types.is_large_string(found)
    )
