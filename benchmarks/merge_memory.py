"""What a merge takes when the batch is far larger than DuckDB may hold (`DW_MEMORY_LIMIT`), and when it does not fit.

A clean batch of web events is loaded into an empty table; then a batch of as many rows, of which half replace one that
stands, is merged into it, under the limit. The rest goes to the scratch folder: what it takes there is shown.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import memory
import polars as pl

from contracts.ids import TableId
from contracts.polars_types import polars_schema
from contracts.registry import Registry
from tasks.settings import Settings
from tasks.workspace import Workspace

TABLE = TableId.parse("clean.web_events")
DAYS = 30


def write(folder: Path, rows: int, start: int) -> Path:
    """Clean rows start to start + rows, as the cleaning step leaves them; written once per folder."""
    path = folder / f"clean-{start}-{rows}.parquet"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    schema = polars_schema(Registry.read()[TABLE])
    n = pl.col("source_line")
    blocks = []
    for first in range(start, start + rows, memory.BLOCK):
        delivered = memory.events(first, min(first + memory.BLOCK, start + rows))
        numbered = delivered.with_row_index("source_line", offset=first + 1)
        day = pl.lit(memory.DAY) + pl.duration(days=n % DAYS)
        own = numbered.with_columns(
            source_line=n.cast(pl.Int64),
            event_at=pl.col("event_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us"),
            event_type=pl.lit("page_view"),
            event_date=day,
            device=pl.lit("mobile"),
            # Of another start, other rows: the half whose keys stand already says something new.
            row_hash=pl.format("{}-{}", n, pl.lit(start)).str.pad_start(32, "0"),
            delivery_date=pl.lit(memory.DAY + timedelta(days=start % 2)),
            batch_id=pl.lit(f"batch-{start}"),
        )
        blocks.append(own.select(pl.col(name).cast(type_) for name, type_ in schema.items()))
    # The event that is delivered twice is the cleaning step's to find; here each key comes once.
    part = path.with_suffix(".part")
    pl.concat(blocks).filter((n - 1) % memory.REPEATED_EVERY != 11).sink_parquet(part)
    part.replace(path)
    return path


class Spilled(threading.Thread):
    """The most that lay in a folder; looked at ten times a second."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder, self._stopped, self.most, self.held = folder, threading.Event(), 0, 0.0

    def run(self) -> None:
        while not self._stopped.wait(0.1):
            self.held = max(self.held, memory.own_memory())
            try:
                self.most = max(self.most, sum(p.stat().st_size for p in self._folder.rglob("*") if p.is_file()))
            except FileNotFoundError:
                continue  # gone between the listing and the look

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def merged(home: Path, first: Path, second: Path, limit: str) -> dict[str, Any]:
    """Load one batch, merge the other under a limit; counts, seconds, memory of the process, bytes in scratch."""
    day: date = memory.DAY
    space = Workspace.open(Settings(home=home, memory_limit=limit, threads=2))
    try:
        loader, contract = space.loader, space.registry[TABLE]
        assert space.gate
        found = []
        for number, file in enumerate((first, second)):
            spilled, started, cpu = Spilled(space.settings.scratch), time.perf_counter(), time.process_time()
            spilled.start()
            try:
                counts, _ = loader.load_batch(contract, [file], f"{day}-{number}", lambda counts: None)
            finally:
                spilled.stop()
            found.append(
                {
                    "inserted": counts.inserted,
                    "updated": counts.updated,
                    "wall": time.perf_counter() - started,
                    "cpu": time.process_time() - cpu,
                    "held": spilled.held,
                    "scratch": spilled.most,
                }
            )
        # A row count that reads a column: never the table's own idea of its size.
        rows = space.warehouse.scalar(f"SELECT COUNT(row_hash) FROM {TABLE}")
    finally:
        space.close()
    size = sum(p.stat().st_size for p in home.glob("warehouse.duckdb*"))
    return {"loads": found, "rows": rows, "warehouse": size}


def show(results: Sequence[tuple[str, int, dict[str, Any]]]) -> None:
    """The merges, as a table in Markdown."""
    head = "limit | batch rows | load s | merge s | rows per CPU s | process MiB | scratch MB | warehouse MB | ends"
    lines = [f"| {head} |", "|---" * (head.count("|") + 1) + "|"]
    for limit, rows, one in results:
        if "died" in one:
            lines.append(f"| {limit} | {rows:,} | | | | | | | {one['said'][:160]} |")
            continue
        load, merge = one["loads"]
        told = [
            limit,
            f"{rows:,}",
            f"{load['wall']:.0f}",
            f"{merge['wall']:.0f}",
            f"{(merge['inserted'] + merge['updated']) / merge['cpu']:,.0f}",
            f"{max(load['held'], merge['held']):,.0f}",
            f"{max(load['scratch'], merge['scratch']) / 1e6:,.0f}",
            f"{one['warehouse'] / 1e6:,.0f}",
            f"{merge['inserted']:,} inserted, {merge['updated']:,} replaced",
        ]
        lines.append(f"| {' | '.join(told)} |")
    sys.stdout.write("\n".join(lines) + "\n")


def run(folder: Path, rows: int, limit: str) -> dict[str, Any]:
    """`merged` in a process of its own; {"died", "said"} where the batch does not fit."""
    first, second = write(folder, rows, 0), write(folder, rows, rows // 2)
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    command = [sys.executable, __file__, "--measure", limit, str(home), str(first), str(second)]
    one = memory.child(command)
    shutil.rmtree(home, ignore_errors=True)
    return one


def main() -> int:
    if sys.argv[1:2] == ["--measure"]:
        limit, home, first, second = sys.argv[2:]
        sys.stdout.write(json.dumps(merged(Path(home), Path(first), Path(second), limit)) + "\n")
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each batch (1,000,000)")
    parser.add_argument(
        "--limit", nargs="+", default=["2GB", "512MB", "256MB", "128MB"], help="DW_MEMORY_LIMIT of each run"
    )
    parser.add_argument("--folder", type=Path, help="keep the files here (default: a temporary folder)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        show([(limit, chosen.rows, run(folder, chosen.rows, limit)) for limit in chosen.limit])
    return 0


if __name__ == "__main__":
    sys.exit(main())
