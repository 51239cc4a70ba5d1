"""The Glue job of all lake transforms: Spark SQL from the bundle over the files that a plan names.

    glue_job.py --bundle s3://…/bundle --plan s3://…/plan.json [--table curated.web_sessions]

Runs alone on Glue 5 (Spark 3.5, Python 3.11): it imports nothing of this project. The plan (`tasks/glue.py` writes it)
gives the table, the hash of the bundle's entry, the Parquet files of each source, the file of taken keys and the
output's folder. Parts are written under the name of this attempt; `rows.manifest` names them and is written last.
Rows are never logged, only counts. Job bookmarks are not used: the plan says what to read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col, lit

# What makes Spark mean what Redshift and DuckDB mean: errors instead of NULLs, UTC, one calendar, exact names.
SESSION: dict[str, str] = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.caseSensitive": "true",
    # A decimal that does not fit is an error, not rounded.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    # Without these, dates before 1582 are refused or moved.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    # Microseconds as in all files of the lake, not INT96; text as text where a writer did not mark it.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.parquet.binaryAsString": "true",
    "spark.sql.parquet.writeLegacyFormat": "false",
    # Else a file that a rule of the bucket removed would be read as no rows.
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    # The manifest says what is whole, no marker beside the parts.
    "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}
# Files whose footers are asked for at once, by the driver.
_AT_ONCE = 16


def session() -> SparkSession:
    """The session of this process, under `SESSION`."""
    spark = SparkSession.builder.appName("curate").getOrCreate()
    for name, value in SESSION.items():
        spark.conf.set(name, value)
    return spark


def transform(sources: Mapping[str, DataFrame], taken: DataFrame, taken_view: str, sql: str) -> DataFrame:
    """The rows that the SQL makes of its sources, by the names of their views, and of the taken keys."""
    for name, frame in {**sources, taken_view: taken}.items():
        frame.createOrReplaceTempView(name)
    return taken.sparkSession.sql(sql)


def read(spark: SparkSession, files: Sequence[str], columns: Mapping[str, str]) -> DataFrame:
    """The rows of Parquet files as columns of these names and types; NULL where a file is from before a column."""
    if not files:
        return spark.createDataFrame([], ", ".join(f"`{name}` {_inside(type_)}" for name, type_ in columns.items()))
    # One reader takes one schema, and does not widen an int that became a bigint: a reader per schema does.
    groups: dict[str, list[str]] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for file, schema in zip(files, pool.map(lambda file: _schema_text(spark, file), files), strict=True):
            groups.setdefault(schema, []).append(file)
    frames = []
    for group in groups.values():
        frame = spark.read.parquet(*group)
        known = set(frame.columns)
        cells = [(col(f"`{name}`") if name in known else lit(None), name, type_) for name, type_ in columns.items()]
        frames.append(frame.select(*(cell.cast(_inside(type_)).alias(name) for cell, name, type_ in cells)))
    return reduce(DataFrame.unionAll, frames)


def typed(frame: DataFrame, columns: Mapping[str, str]) -> DataFrame:
    """The frame with exactly these types; ValueError where its names are not these in this order."""
    if frame.columns != list(columns):
        raise ValueError(f"the SQL gives ({', '.join(frame.columns)}), the contract has ({', '.join(columns)})")
    return frame.select(*(col(f"`{name}`").cast(type_).alias(name) for name, type_ in columns.items()))


def run(spark: SparkSession, plan: Mapping[str, Any], bundle: str, attempt: str) -> dict[str, Any]:
    """Do what a plan says; returns counts. ValueError where the bundle is of another version than the plan."""
    started = time.monotonic()
    text = read_text(spark, f"{bundle.rstrip('/')}/{plan['table'].replace('.', '/')}.json")
    found = hashlib.sha256(text.encode()).hexdigest()
    if found != plan["bundle_hash"]:
        raise ValueError(
            f"{plan['table']}: the bundle at {bundle} is not of the version that made the plan; deploy it again "
            "(dw glue bundle)"
        )
    entry = json.loads(text)
    sql = read_text(spark, f"{bundle.rstrip('/')}/{plan['table'].replace('.', '/')}.spark.sql")
    if hashlib.sha256(sql.encode()).hexdigest() != entry["sql_hash"]:
        raise ValueError(f"{plan['table']}: the SQL at {bundle} does not belong to the bundle; deploy it again")
    sources = {view: read(spark, plan["sources"][view], columns) for view, columns in entry["sources"].items()}
    taken = read(spark, [plan["taken"]], entry["taken"]["columns"])
    rows = typed(transform(sources, taken, entry["taken"]["view"], sql), entry["output"])
    folder = f"{plan['output'].rstrip('/')}/rows/{attempt}"
    # "errorifexists": an attempt's name is its own.
    rows.write.mode("errorifexists").parquet(folder)
    parts = parquet_files(spark, folder)
    counted = spark.read.schema(rows.schema).parquet(*parts).count()
    manifest = {
        "entries": [{"url": url, "mandatory": True, "meta": {"content_length": size}} for url, size in parts.items()]
    }
    write_text(spark, f"{plan['output'].rstrip('/')}/rows.manifest", json.dumps(manifest, indent=1))
    return {
        "table": plan["table"],
        "attempt": attempt,
        "source_files": {view: len(files) for view, files in plan["sources"].items()},
        "taken_keys": taken.count(),
        "rows": counted,
        "parts": len(parts),
        "bytes": sum(parts.values()),
        "seconds": round(time.monotonic() - started, 1),
    }


def read_text(spark: SparkSession, url: str) -> str:
    """The text of a small file, from whatever file system the address names."""
    system, path = _at(spark, url)
    stream = system.open(path)
    try:
        content: bytes = spark._jvm.org.apache.commons.io.IOUtils.toByteArray(stream)
    finally:
        stream.close()
    return bytes(content).decode("utf-8")


def write_text(spark: SparkSession, url: str, text: str) -> None:
    """Write a small file in place of an earlier one; on S3 it is there whole, once the stream is closed."""
    system, path = _at(spark, url)
    stream = system.create(path, True)
    stream.write(bytearray(text.encode("utf-8")))
    stream.close()


def parquet_files(spark: SparkSession, folder: str) -> dict[str, int]:
    """Address to bytes of the Parquet files of a folder, by name."""
    system, path = _at(spark, folder)
    found = {status.getPath().getName(): int(status.getLen()) for status in system.listStatus(path)}
    return {f"{folder}/{name}": size for name, size in sorted(found.items()) if name.endswith(".parquet")}


def _schema_text(spark: SparkSession, file: str) -> str:
    """The schema in a file's footer; read here, as Spark would start a job for each file."""
    _, path = _at(spark, file)
    parquet = spark._jvm.org.apache.parquet.hadoop
    reader = parquet.ParquetFileReader.open(
        parquet.util.HadoopInputFile.fromPath(path, spark._jsc.hadoopConfiguration())
    )
    try:
        return str(reader.getFileMetaData().getSchema().toString())
    finally:
        reader.close()


def _at(spark: SparkSession, url: str) -> tuple[Any, Any]:
    path = spark._jvm.org.apache.hadoop.fs.Path(url)
    return path.getFileSystem(spark._jsc.hadoopConfiguration()), path


def _inside(type_: str) -> str:
    # Spark's functions of time make TIMESTAMP; in a session whose zone is UTC it holds the same instant.
    return "timestamp" if type_ == "timestamp_ntz" else type_


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--plan", required=True)
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--table", default="")
    parser.add_argument("--JOB_RUN_ID", default="")
    # Glue adds arguments of its own: --JOB_NAME, --enable-metrics, --TempDir …
    return parser.parse_known_args(given)[0]


def main(given: Sequence[str]) -> None:
    """Read the plan, carry it out, print the counts as one line of JSON."""
    arguments = _arguments(given)
    spark = session()
    plan = json.loads(read_text(spark, arguments.plan))
    if arguments.table and arguments.table != plan["table"]:
        raise ValueError(f"--table is {arguments.table}, the plan is for {plan['table']}")
    # A plan may be run more than once: each time under a name of its own, which begins with the plan's.
    attempt = "-".join(part for part in (plan["plan"], arguments.JOB_RUN_ID, uuid.uuid4().hex[:8]) if part)
    sys.stdout.write(json.dumps(run(spark, plan, arguments.bundle, attempt)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
