"""The full-size delivery, generated once: 400 daily folders, and the first 399 of them as one export of the history."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

import polars as pl

from tasks.generate import Size, generate_delivery

_CHUNK = 1 << 20


@dataclass(frozen=True)
class FullDelivery:
    """`export`: the folder of one delivery that holds all days but the last; `last_day`: that of the last day.

    `daily`: all day folders. `rows` of all files, and the CPU and wall seconds it took to write them.
    """

    export: Path
    last_day: Path
    daily: tuple[Path, ...]
    rows: int
    cpu_s: float
    wall_s: float


def full_delivery(folder: Path, days: int | None = None) -> FullDelivery:
    """Generate it below `folder`, or take what lies there; `days`: as many of the full size's, for a trial."""
    said, days_folder = folder / "generated.json", folder / "daily"
    if not said.exists():
        shutil.rmtree(folder, ignore_errors=True)
        said.parent.mkdir(parents=True)
        cpu, wall = time.process_time(), time.perf_counter()
        delivery = generate_delivery(days_folder, size=_size(days))
        spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
        daily = sorted(path for path in days_folder.iterdir() if path.is_dir())
        _export(daily[:-1], folder / "export" / daily[-2].name)
        said.write_text(json.dumps({"rows": sum(delivery.rows.values()), **spent}))
    daily = sorted(path for path in days_folder.iterdir() if path.is_dir())
    known = json.loads(said.read_text())
    return FullDelivery(folder / "export" / daily[-2].name, daily[-1], tuple(daily), **known)


def _size(days: int | None) -> Size:
    full = Size.full()
    if days is None:
        return full
    share = days / full.days
    counts = {name: max(1, round(getattr(full, name) * share)) for name in ("customers", "products", "orders")}
    return replace(full, **counts, web_events=round(full.web_events * share), days=days)


def _export(days: list[Path], out: Path) -> None:
    """The files of many days, one behind the other, in one file per table."""
    out.mkdir(parents=True)
    for name in sorted({path.name for day in days for path in day.iterdir()}):
        files = [day / name for day in days if (day / name).exists()]
        if name.endswith(".parquet"):
            pl.scan_parquet(files).sink_parquet(out / name, compression="zstd", compression_level=1)
            continue
        with _opened(out / name, "wb") as sink:
            for number, file in enumerate(files):
                with _opened(file, "rb") as source:
                    if ".csv" in name and number:
                        source.readline()
                    shutil.copyfileobj(source, sink, _CHUNK)


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[IO[bytes]]:
    with path.open(mode) as plain:
        if path.suffix != ".gz":
            yield plain
            return
        with gzip.GzipFile(fileobj=plain, mode=mode, compresslevel=1) as packed:
            yield cast(IO[bytes], packed)


def inbox_of(home: Path, *days: Path) -> None:
    """Give a new home an inbox with these day folders, by links."""
    (home / "inbox").mkdir(parents=True, exist_ok=True)
    for day in days:
        (home / "inbox" / day.name).symlink_to(day, target_is_directory=True)


if __name__ == "__main__":
    full_delivery(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
