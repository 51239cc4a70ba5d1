"""How much memory cleaning a file takes, step by step, and whether it stays below a limit.

Files of web events are generated (`--rows`, `--format`) and taken through `tasks.clean.clean_batch` by a process of
their own. The limit is on the memory that is the process's own and in use (RssAnon: its heap and stacks, not the pages
of files, which the kernel takes back whenever it wants). The parent reads it from the kernel every 5 ms and kills the
process that holds more. RLIMIT_AS and RLIMIT_DATA count what allocators and threads reserve and never touch, here more
than twice what is used: they would end a process that is small. The same file, read at once, dies by the same limit.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

MIB = 1 << 20
DAY = date(2026, 1, 5)
BLOCK = 250_000
EVERY = 0.005
FORMATS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet")
# Of each BLOCK rows: an event type that the contract does not know, and a row that is delivered twice, word for word.
BAD_EVERY, REPEATED_EVERY = 1_000, 500
MALFORMED = "cut off,in,the,middle\n"
# The innermost of these functions that is at work names the step; a collect of another one counts for its caller.
STEPS = {
    "put_file": "copy to the lake",
    "_written": "decompress",
    "_read_csv": "read",
    "_read_jsonl": "read",
    "_read_parquet": "read",
    "_candidates": "parse, rules that set rows aside",
    "sift": "rows set aside",
    "check_frame": "gate",
    "duplicate_lines": "duplicates",
    "payload_part": "payloads of the quarantine",
    "of_text": "control totals",
    "put_frame": "write the clean file",
}


def expected(rows: int, form: str) -> dict[str, int]:
    """What becomes of a generated file of so many rows; the malformed records of a CSV come on top."""
    bad = -(-(rows - 7) // BAD_EVERY)
    twice = -(-(rows - 11) // REPEATED_EVERY)
    malformed = -(-rows // BLOCK) if form.startswith("csv") else 0
    return {
        "delivered": rows + malformed,
        "accepted": rows - bad - twice,
        "duplicate": twice,
        "quarantined": bad + malformed,
    }


def write(folder: Path, rows: int, form: str) -> Path:
    """The file of so many events, as `raw.web_events` promises them; written once per folder."""
    path = folder / f"web_events-{rows}" / f"web_events.{form}"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    if form == "parquet":
        import polars as pl

        blocks = [events(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK)]
        pl.concat(blocks).sink_parquet(part)
    else:
        with gzip.open(part, "wb", 1) if form.endswith(".gz") else part.open("wb") as sink:
            for start in range(0, rows, BLOCK):
                block = events(start, min(start + BLOCK, rows)).collect()
                if form.startswith("jsonl"):
                    block.write_ndjson(sink)
                else:
                    block.write_csv(sink, include_header=start == 0)
                    sink.write(MALFORMED.encode())
    part.replace(path)
    return path


def events(start: int, stop: int) -> Any:
    """Events start to stop: every key once but for the rows that come twice."""
    import polars as pl

    number = pl.int_range(start, stop, dtype=pl.Int64)
    # A row that repeats has everything of the row before it.
    number = number - (number % REPEATED_EVERY == 11).cast(pl.Int64)
    n = pl.col("n")
    kinds = ["page_view", "product_view", "add_to_cart", "checkout"]
    product = pl.format("P{}", (n % 20_011).cast(pl.String).str.zfill(6))
    return (
        pl.LazyFrame()
        .select(number.alias("n"))
        .select(
            # Multiplied by a number that shares no factor with 10: unique, and in no order that could help.
            event_id=pl.format("E{}", (n * 7_368_787 % 10**13).cast(pl.String).str.zfill(13)),
            visitor_id=pl.format("V{}", (n * 7_919 % 1_000_003).cast(pl.String).str.zfill(7)),
            customer_id=pl.when(n % 5 < 2).then(pl.format("C{}", (n % 300_007).cast(pl.String).str.zfill(7))),
            event_type=pl.when(n % BAD_EVERY == 7)
            .then(pl.lit("teleport"))
            .otherwise((n % 4).replace_strict(range(4), kinds, return_dtype=pl.String)),
            event_at=(
                pl.datetime(2026, 1, 4, 18, 30) + pl.duration(milliseconds=n * 86_399_989 % 86_400_000)
            ).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
            page_url=pl.lit("https://shop.example.com/p/") + product,
            product_id=product,
            order_id=pl.lit(None, pl.String),
            utm_source=pl.when(n % 3 == 0).then(pl.lit("google")),
            utm_medium=pl.when(n % 3 == 0).then(pl.lit("cpc")),
            utm_campaign=pl.when(n % 3 == 0).then(pl.lit("festive_sale")),
            device=pl.lit("Mobile"),
            user_agent=pl.lit("ShopApp/7.4 (iPadOS 18.1) build ") + (n % 97).cast(pl.String),
            ip_address=pl.format("203.0.{}.{}", n % 113, n % 251),
        )
    )


def plain_bytes(path: Path) -> int:
    """The bytes of a file once decompressed."""
    if path.suffix != ".gz":
        return path.stat().st_size
    with gzip.open(path, "rb") as source:
        return sum(len(chunk) for chunk in iter(lambda: source.read(8 * MIB), b""))


# In the process that is measured


class Peaks:
    """The greatest memory of this process's own (RssAnon), by step, and the seconds of each; sampled by a thread."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, float]] = {}
        self._thread = threading.main_thread().ident
        self._stop = threading.Event()

    @contextmanager
    def watching(self, every: float = EVERY) -> Iterator[None]:
        """Watch the main thread for as long as the block runs."""
        watcher = threading.Thread(target=self._watch, args=(every,), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._stop.set()
            watcher.join()

    def _watch(self, every: float) -> None:
        before = time.perf_counter()
        while not self._stop.wait(every):
            step = self._step()
            now = time.perf_counter()
            of_step = self.steps.setdefault(step, {"peak": 0.0, "seconds": 0.0})
            of_step["peak"] = max(of_step["peak"], own_memory())
            of_step["seconds"] += now - before
            before = now

    def _step(self) -> str:
        frame = sys._current_frames().get(self._thread or 0)
        while frame is not None:
            if step := STEPS.get(frame.f_code.co_name):
                return step
            frame = frame.f_back
        return "other"


def own_memory(process: int | str = "self") -> float:
    """MiB of a process's own memory that is in use; 0 when it has ended."""
    with Path(f"/proc/{process}/status").open() as lines:
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), 0.0)


def cleaned(path: Path, form: str, scratch: Path) -> dict[str, Any]:
    """Take a file through `clean_batch`; its counts, peaks by step, seconds, and the bytes that it left in the lake."""
    from contracts.ids import TableId
    from contracts.model import Delivery
    from contracts.registry import Registry
    from expectations.gate import Gate
    from tasks.batches import batch_of
    from tasks.clean import clean_batch
    from tasks.lake import FolderLake

    registry = Registry.read()
    raw, clean = registry[TableId.parse("raw.web_events")], registry[TableId.parse("clean.web_events")]
    kind, _, packed = form.partition(".")
    raw = replace(
        raw,
        delivery=Delivery(file=path.name, format=kind, compression="gzip" if packed else "none"),  # type: ignore[arg-type]
    )
    gate = Gate(registry, scratch / "gx")
    batch = batch_of(raw, DAY, path)
    before = own_memory()
    peaks, cpu, wall = Peaks(), time.process_time(), time.perf_counter()
    with peaks.watching():
        result = clean_batch(
            batch,
            clean,
            lake=FolderLake(scratch / "lake"),
            gate=gate,
            scratch=scratch / "scratch",
            timezone="Asia/Kolkata",
            run_id="benchmark",
        )
    return {
        "counts": {name: getattr(result, name) for name in ("delivered", "accepted", "duplicate", "quarantined")},
        "rules": result.broken_rules,
        "steps": peaks.steps,
        "before": before,
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "disk": sum(p.stat().st_size for p in (scratch / "lake").rglob("*") if p.is_file()),
    }


def at_once(path: Path, form: str) -> dict[str, Any]:
    """Read the same file into memory; that it dies by a limit shows that the limit bites."""
    import polars as pl

    if form.startswith("csv"):
        frame = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=True)
    elif form.startswith("jsonl"):
        frame = pl.read_ndjson(path)
    else:
        frame = pl.read_parquet(path)
    return {"rows": frame.height}


# Around it


def run(path: Path, form: str, scratch: Path, mib: int | None, *, how: str = "clean") -> dict[str, Any]:
    """`cleaned` or `at_once` in a process of its own, below so many MiB; as `child` where it did not end."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    command = [sys.executable, __file__, "--measure", how, "--file", str(path), "--format", form]
    command += ["--folder", str(scratch)]
    found = child(command, mib)
    shutil.rmtree(scratch, ignore_errors=True)
    return found


def child(command: Sequence[str], mib: int | None = None) -> dict[str, Any]:
    """What a process of its own prints last, as JSON; {"died": status, "said": its last line} where it fails.

    Killed (status -9) as soon as it holds more than `mib`; `said` is then what it held.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:
        process = subprocess.Popen(command, stdout=out, stderr=error, text=True, env=environment())
        held = 0.0
        while process.poll() is None:
            held = max(held, own_memory(process.pid))
            if mib is not None and held > mib:
                process.kill()
                process.wait()
                return {"died": process.returncode, "said": f"killed at {held:,.0f} MiB"}
            time.sleep(EVERY)
        if process.returncode:
            error.seek(0)
            said = [line for line in error if line.strip()]
            return {"died": process.returncode, "said": said[-1].strip() if said else ""}
        out.seek(0)
        found: dict[str, Any] = json.loads(out.readlines()[-1])
        return {**found, "held": held}


def environment() -> Mapping[str, str]:
    """As the caller's, with two threads to each library, so that figures do not depend on the machine's cores."""
    return {**os.environ, "POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2", "DO_NOT_TRACK": "1"}


def show(found: Sequence[tuple[str, dict[str, Any]]], mib: int) -> None:
    """Peaks by step of each file, as a table in Markdown."""
    steps = list(dict.fromkeys(step for _, one in found for step in one.get("steps", ())))
    lines = [
        "| peak MiB (seconds) | " + " | ".join(title for title, _ in found) + " |",
        "|---" * (len(found) + 1) + "|",
    ]
    for step in steps:
        cells = [one.get("steps", {}).get(step) for _, one in found]
        told = (f"{cell['peak']:,.0f} ({cell['seconds']:.1f})" if cell else "-" for cell in cells)
        lines.append(f"| {step} | " + " | ".join(told) + " |")
    totals = {
        "all steps": lambda one: f"{one['held']:,.0f} ({one['wall']:.1f})",
        "before the file is opened": lambda one: f"{one['before']:,.0f}",
        "rows per CPU second": lambda one: f"{one['counts']['delivered'] / one['cpu']:,.0f}",
        "file, plain MB": lambda one: f"{one['plain'] / 1e6:,.0f}",
        "lake, MB": lambda one: f"{one['disk'] / 1e6:,.0f}",
        f"read at once below {mib:,} MiB": lambda one: one["at_once"],
    }
    for title, told in totals.items():
        lines.append(f"| {title} | " + " | ".join(told(one) for _, one in found) + " |")
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[1_000_000, 4_000_000, 16_000_000], help="rows of each file"
    )
    parser.add_argument("--format", nargs="+", choices=FORMATS, default=["csv"], help="formats of each (csv)")
    parser.add_argument("--limit", type=int, help="MiB that the process may hold (2048)")
    parser.add_argument("--folder", type=Path, help="keep the files here (default: a temporary folder)")
    parser.add_argument("--measure", choices=("clean", "at_once"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        form = chosen.format[0]
        told = cleaned(chosen.file, form, chosen.folder) if chosen.measure == "clean" else at_once(chosen.file, form)
        sys.stdout.write(json.dumps(told) + "\n")
        return 0
    mib, found, wrong = chosen.limit or 2048, [], False
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        for form in chosen.format:
            for rows in chosen.rows:
                path = write(folder, rows, form)
                one = run(path, form, folder / "scratch", mib)
                title = f"{form}, {rows:,} rows"
                if "died" in one or one["counts"] != expected(rows, form):
                    sys.stderr.write(f"{title}: expected {expected(rows, form)}, got {one}\n")
                    wrong = True
                    continue
                whole = run(path, form, folder / "scratch", mib, how="at_once")
                one["at_once"] = whole["said"] if "died" in whole else f"fits, {whole['held']:,.0f} MiB"
                one["plain"] = plain_bytes(path)
                found.append((title, one))
    if found:
        show(found, mib)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
