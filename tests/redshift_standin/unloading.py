"""UNLOAD to Parquet files in S3: the clauses, the files that stand, the rows from CSV, and the manifest."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from redshift_standin.errors import RedshiftError, syntax, unsupported
from redshift_standin.loading import ROLE
from tasks import aws

_UNLOAD = re.compile(
    r"(?is)UNLOAD\s*\(\s*(?:'((?:[^'\\]|\\.|'')*)'|\$\$(.*?)\$\$)\s*\)\s*TO\s+'s3://([^/']+)/([^']*)'(.*)"
)
# Options that change nothing here.
_OPTIONS = re.compile(
    r"(?is)\b(?:FORMAT\s+(?:AS\s+)?)?PARQUET\b|\bPARALLEL\s+\w+|\bMAXFILESIZE\s+[\d.]+\s*[MG]B\b"
    r"|\bKMS_KEY_ID\s+'[^']*'|\bENCRYPTED\b|\bEXTENSION\s+'[^']*'|\bREGION\s+'[^']*'"
)


@dataclass(frozen=True)
class Unload:
    """An UNLOAD that was read: the SELECT, where to, and what is to be done with what stands there."""

    select: str
    bucket: str
    prefix: str
    overwrite: bool
    cleanpath: bool
    manifest: bool
    verbose: bool


def parse_unload(text: str) -> Unload:
    """Read an UNLOAD; raise RedshiftError for what Redshift has not, or the stand-in has not."""
    match = _UNLOAD.fullmatch(text)
    if match is None:
        raise syntax("UNLOAD")
    quoted, dollars, bucket, prefix, rest = match.groups()
    if re.search(rf"(?is)\b{ROLE}", rest) is None:
        raise unsupported("UNLOAD command requires credentials: must specify a credentials clause")
    rest = re.sub(rf"(?is)\b{ROLE}", " ", rest)
    if re.search(r"(?i)\bPARQUET\b", rest) is None:
        raise unsupported("the stand-in has UNLOAD to Parquet only")
    words = _OPTIONS.sub(" ", rest)
    options = set(words.upper().split())
    if unknown := options - {"ALLOWOVERWRITE", "CLEANPATH", "MANIFEST", "VERBOSE"}:
        raise syntax(min(unknown))
    if {"ALLOWOVERWRITE", "CLEANPATH"} <= options:
        raise unsupported("UNLOAD: ALLOWOVERWRITE and CLEANPATH cannot be specified together")
    select = dollars if dollars is not None else re.sub(r"\\(.)", r"\1", quoted.replace("''", "'"))
    return Unload(
        select,
        bucket,
        prefix,
        "ALLOWOVERWRITE" in options,
        "CLEANPATH" in options,
        "MANIFEST" in options,
        "VERBOSE" in options,
    )


def prepare(unload: Unload) -> None:
    """Refuse a prefix under which files stand, or clear it, as the statement says."""
    s3 = aws.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=unload.bucket, Prefix=unload.prefix)
    standing = [item["Key"] for page in pages for item in page.get("Contents", [])]
    if standing and unload.cleanpath:
        for key in standing:
            s3.delete_object(Bucket=unload.bucket, Key=key)
    elif standing and not unload.overwrite:
        raise RedshiftError(
            "XX000",
            f"Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, "
            f"manually removing the target files in S3, or using the ALLOWOVERWRITE option. ({standing[0]})",
        )


def write(unload: Unload, csv: bytes, columns: Sequence[tuple[str, int, int]]) -> int:
    """Write the file and the manifest, neither where there are no rows; the number of rows."""
    schema = pa.schema([(name, _arrow(oid, modifier)) for name, oid, modifier in columns])
    table = _table(csv, schema)
    if not table.num_rows:
        return 0
    out = io.BytesIO()
    pq.write_table(table, out)
    body, key = out.getvalue(), f"{unload.prefix}0000_part_00.parquet"
    s3 = aws.client("s3")
    s3.put_object(Bucket=unload.bucket, Key=key, Body=body)
    if unload.manifest:
        meta = {"content_length": len(body), "record_count": table.num_rows}
        told: dict[str, object] = {"entries": [{"url": f"s3://{unload.bucket}/{key}", "meta": meta}]}
        if unload.verbose:
            elements = [{"name": f.name, "type": {"base": str(f.type)}} for f in schema]
            told |= {"schema": {"elements": elements}, "meta": meta, "author": {"name": "Amazon Redshift"}}
        s3.put_object(Bucket=unload.bucket, Key=f"{unload.prefix}manifest", Body=json.dumps(told).encode())
    return table.num_rows


def _table(csv: bytes, schema: pa.Schema) -> pa.Table:
    if not csv:
        return schema.empty_table()
    numbered = [f"c{n}" for n in range(len(schema))]
    read = pa_csv.read_csv(
        io.BytesIO(csv),
        read_options=pa_csv.ReadOptions(column_names=numbered, block_size=max(len(csv) + 1, 1 << 20)),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict(zip(numbered, schema.types, strict=True)),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    return read.rename_columns(schema.names)


_ARROW = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    700: pa.float32(),
    701: pa.float64(),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
}


def _arrow(oid: int, modifier: int) -> pa.DataType:
    if oid == 1700:
        precision, scale = ((modifier - 4) >> 16, (modifier - 4) & 0x7FF) if modifier > 4 else (38, 10)
        return pa.decimal128(precision, scale)
    return _ARROW.get(oid, pa.string())
