"""Puts tables into a delivery's files: one folder per day, one file per table, the same bytes for the same rows."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from tasks.generate.plan import Plan

EXTENSIONS = {
    "customers": "csv.gz",
    "products": "jsonl",
    "orders": "csv.gz",
    "order_items": "parquet",
    "payments": "csv",
    "refunds": "jsonl.gz",
    "inventory_movements": "parquet",
    "web_events": "jsonl.gz",
    "fx_rates": "csv",
    "postal_codes": "csv",
}
# What the folder was made of; its presence is what allows a second run into the same folder.
MANIFEST = "delivery.json"
LABELS = "defects.parquet"
GZIP_LEVEL = 1
_DAY_FOLDER = re.compile(r"\d{4}-\d{2}-\d{2}")


def file_name(table: str, day: date) -> str:
    """Path of a table's file below the root of the delivery."""
    return f"{day.isoformat()}/{table}.{EXTENSIONS[table]}"


def prepare(root: Path, plan: Plan, *, overwrite: bool) -> None:
    """Claims the folder for this plan; refuses one that holds anything else."""
    wanted = {"seed": plan.seed, "first_day": plan.first_day.isoformat(), "size": asdict(plan.size)}
    manifest = root / MANIFEST
    if root.exists() and any(root.iterdir()):
        found = json.loads(manifest.read_text()) if manifest.is_file() else None
        if found != wanted:
            if not overwrite:
                held = f"the delivery {json.dumps(found)}" if found else "files that are no delivery"
                asked = json.dumps(wanted)
                how = "take another folder, or overwrite it (--overwrite, overwrite=True)"
                raise ValueError(f"{root} holds {held}, not {asked}: {how}")
            _clear(root)
    root.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps(wanted, indent=2) + "\n")


def _clear(root: Path) -> None:
    """Removes what a delivery writes, and nothing else that may lie in the folder."""
    for folder in root.iterdir():
        if folder.is_dir() and _DAY_FOLDER.fullmatch(folder.name):
            for table, extension in EXTENSIONS.items():
                (folder / f"{table}.{extension}").unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()
    (root / LABELS).unlink(missing_ok=True)


def by_day(frame: pl.DataFrame, extra: pl.DataFrame | None, days: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """The rows of each delivery day that has any: the frame's (sorted by `_day`), then the further ones."""
    edges = np.searchsorted(frame["_day"].to_numpy(), np.arange(days + 1))
    # Taken off once, not file by file.
    frame = frame.drop("_day")
    further = {} if extra is None else extra.partition_by("_day", maintain_order=True, include_key=False, as_dict=True)
    for day in range(days):
        rows = frame.slice(int(edges[day]), int(edges[day + 1] - edges[day]))
        if (day,) in further:
            rows = pl.concat([rows, further[day,]], rechunk=True)
        if rows.height:
            yield day, rows


def write_file(path: Path, rows: pl.DataFrame, malformed: Sequence[int] = ()) -> None:
    """Writes the rows in the format the file's name says; the records `malformed` (from 1) are broken ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.name
    if name.endswith(".parquet"):
        rows.write_parquet(path, compression="zstd", compression_level=1)
        return
    buffer = io.BytesIO()
    if ".csv" in name:
        # Polars spells empty text as "" and null as nothing; shops deliver nothing.
        rows.with_columns(pl.when(pl.col(pl.String) != "").then(pl.col(pl.String))).write_csv(buffer)
    else:
        rows.write_ndjson(buffer)
    payload = _broken(buffer.getvalue(), name, malformed) if malformed else buffer.getvalue()
    # A gzip header carries the time of writing: zero keeps the bytes the same.
    path.write_bytes(gzip.compress(payload, GZIP_LEVEL, mtime=0) if name.endswith(".gz") else payload)


def _broken(payload: bytes, name: str, records: Sequence[int]) -> bytes:
    """The text with some records broken: a CSV's has a delimiter too many, a JSON line is cut off in the middle."""
    lines = payload.split(b"\n")
    for record in records:
        if ".csv" in name:
            lines[record] = lines[record].replace(b",", b",,", 1)
        else:
            lines[record - 1] = lines[record - 1][: len(lines[record - 1]) // 2]
    return b"\n".join(lines)


def labels(plan: Plan, planted: pl.DataFrame) -> pl.DataFrame:
    """The labels with the delivery date, the file, and the line (a CSV's header counts) each row stands in."""
    day_date = pl.Series("delivery_date", plan.dates, dtype=pl.Date).gather(planted["_day"].to_numpy())
    extension = pl.col("table").replace_strict(EXTENSIONS, return_dtype=pl.String)
    return (
        planted.with_columns(day_date)
        .with_columns(file=pl.format("{}/{}.{}", pl.col("delivery_date").cast(pl.String), "table", extension))
        .with_columns(line=pl.col("record") + pl.col("file").str.contains(".csv", literal=True))
        .select("kind", "table", "delivery_date", "file", "line", "key", "column", "value", "expected", "rule")
        .sort("kind", "table", "file", "line")
    )
