"""What a home folder holds after a run: the state that must be the same however often a run was killed, and residue."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from small_shop import LAYERS, tables, unaccounted

# Who did something and how long it took; instants of the run are left out by their type. Nothing else may differ.
_RUN = ("run_id", "seconds", "actor")
# How often and in which run something was looked at or worked on: a crash adds to it. Scores of built tables are of
# the rows that each build looked at, in the run of the day that built them; what was delivered has one score.
_HISTORY = ("audit.quality_score", "audit.table_build")
_DELIVERED = ("raw", "clean")


def state(home: Path) -> dict[str, pl.DataFrame]:
    """Every table's rows without run ids, instants and durations of the run, and `lake`: path and hash of each file."""
    found = tables(home)
    runs = found["audit.table_build"].get_column("run_id").unique().to_list()
    out = {name: rows for name, rows in found.items() if name not in _HISTORY}
    out |= {name: _lasting(rows) for name, rows in out.items() if name.startswith("audit.")}
    if (scores := out.get("mart.data_quality_scorecard")) is not None:
        out["mart.data_quality_scorecard"] = scores.filter(pl.col("layer").is_in(_DELIVERED))
    return out | {"lake": _files(home / "lake", runs)}


def _lasting(rows: pl.DataFrame) -> pl.DataFrame:
    if {"batch_id", "rule_id", "checked_at"} <= set(rows.columns):
        rows = rows.filter(pl.col("batch_id") != "")
    kept = [name for name, type_ in rows.schema.items() if name not in _RUN and not isinstance(type_, pl.Datetime)]
    return rows.select(kept).unique().sort(kept)


def _files(lake: Path, runs: list[str]) -> pl.DataFrame:
    of_a_run = re.compile(rf"delivery_date=[^/]*/({'|'.join(runs)})/")
    found = [(of_a_run.sub("", str(p.relative_to(lake))), p) for p in lake.rglob("*") if p.is_file()]
    rows = [(name, _content(path)) for name, path in found]
    return pl.DataFrame(rows, schema=["path", "content"], orient="row").sort("path", "content")


def _content(path: Path) -> str:
    """Hash of a file; of a Parquet file, of its rows in any order."""
    content = path.read_bytes()
    if path.suffix == ".parquet":
        rows = pl.read_parquet(path).drop(_RUN, strict=False)
        content = "\n".join(sorted(rows.write_ndjson().splitlines())).encode()
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def residue(home: Path) -> list[str]:
    """What no run may leave: temporary files, stage tables, waiting keys, rows and files that nothing accounts for."""
    found = tables(home, (*LAYERS, "stage"))
    return [*_temporary(home), *_staged(found), *_unbalanced(home, found), *_orphans(home / "lake", found)]


def _temporary(home: Path) -> Iterator[str]:
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        name = path.relative_to(home)
        if name.parts[0] == "scratch" or path.suffix in (".part", ".wal", ".tmp"):
            yield f"temporary file {name}"


def _staged(found: dict[str, pl.DataFrame]) -> Iterator[str]:
    for name, rows in found.items():
        if name.startswith("stage.") and not name.startswith(("stage.pending__", "stage.taken__")):
            yield f"table {name}"
        elif name.startswith("stage.") and rows.height:
            yield f"{rows.height} keys wait in {name}"


def _unbalanced(home: Path, found: dict[str, pl.DataFrame]) -> Iterator[str]:
    ledger = found["audit.load_ledger"]
    parts = [name for name in ledger.columns if name.endswith("_rows") and name != "delivered_rows"]
    off = ledger.filter(pl.col("delivered_rows") != pl.sum_horizontal(parts))
    yield from (f"{row['file_name']}: the ledger does not balance" for row in off.iter_rows(named=True))
    for name, (recorded, stand) in unaccounted(home).items():
        yield f"{name}: builds recorded {recorded} rows, {stand} stand"


def _orphans(lake: Path, found: dict[str, pl.DataFrame]) -> Iterator[str]:
    """Files that neither a row of the ledger nor a recorded build explains."""
    batches = set(found["audit.load_ledger"].get_column("batch_id"))
    builds = set(found["audit.table_build"].select("table_name", "run_id").rows())
    for path in sorted(p for p in lake.rglob("*") if p.is_file()):
        name = path.relative_to(lake)
        zone, *_, table, _, owner, _ = name.parts
        if (f"{zone}.{table}", owner) not in builds if zone == "curated" else owner not in batches:
            yield f"nothing explains the file {name}"
