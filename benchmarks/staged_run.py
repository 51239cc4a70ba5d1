"""`dw backfill` of one delivery, as the command line does it; CPU, wall and peak memory of each stage in a file.

A process of its own, with DW_HOME set: `python benchmarks/staged_run.py <file.json> <YYYY-MM-DD> <files at once>`.
Nothing of the run is left out or replaced: the stages are those that its own account counts, and a thread reads the
resident memory beside them. CPU is that of the process: what is cleaned ahead counts for the stage it runs beside.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

EVERY = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_mib() -> float:
    """MiB of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / (1 << 20)


class Stages:
    """Seconds, CPU seconds and peak resident MiB by (stage, table)."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], dict[str, float]] = {}
        self._now = ("", "")
        self._stop = threading.Event()

    @contextmanager
    def at(self, stage: str, table: object) -> Iterator[None]:
        """Count what is spent inside to a stage and table."""
        before, self._now = self._now, (stage, str(table or ""))
        found = self.of.setdefault(self._now, {"cpu_s": 0.0, "wall_s": 0.0, "peak_mib": 0.0})
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            found["cpu_s"] += time.process_time() - cpu
            found["wall_s"] += time.perf_counter() - wall
            self._now = before

    def watch(self) -> None:
        """Read the memory until `end`."""
        while not self._stop.wait(EVERY):
            if found := self.of.get(self._now):
                found["peak_mib"] = max(found["peak_mib"], resident_mib())

    def end(self) -> None:
        self._stop.set()


def main() -> int:
    started, cpu = time.perf_counter(), time.process_time()
    from flows import operate_commands
    from tasks.report import RunReport

    stages, own = Stages(), RunReport.stage

    @contextmanager
    def stage(report: RunReport, name: str, table: Any = None) -> Iterator[None]:
        with stages.at(name, table), own(report, name, table):
            yield

    RunReport.stage = stage  # type: ignore[method-assign]
    watcher = threading.Thread(target=stages.watch, daemon=True)
    watcher.start()
    day, parallel = date.fromisoformat(sys.argv[2]), int(sys.argv[3])
    failed = operate_commands.backfill("shop", day, day, None, parallel, dry_run=False, as_json=True)
    stages.end()
    watcher.join()
    whole = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - started}
    rows = [{"stage": name, "table": table, **found} for (name, table), found in stages.of.items()]
    Path(sys.argv[1]).write_text(json.dumps({"whole": whole, "stages": rows, "failed": failed}))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
