"""What a process costs as a whole, and the machine that it ran on."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """CPU seconds (user and system, all threads, children it waited for), wall seconds, peak resident MiB."""

    cpu_s: float
    wall_s: float
    peak_mib: float


class ProcessFailed(RuntimeError):
    """A measured process ended with another status than 0; the message is the end of what it said."""


def measured(command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path | None = None) -> Cost:
    """Run a command to its end; what it says goes to `log`. Raises ProcessFailed."""
    target = log or Path(os.devnull)
    with target.open("wb") as said:
        started = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        told = target.read_text(errors="replace")[-3000:] if log else ""
        raise ProcessFailed(f"{' '.join(command)} ended with {process.returncode}\n{told}")
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure by itself."""
    return Cost(
        statistics.median(c.cpu_s for c in costs),
        statistics.median(c.wall_s for c in costs),
        statistics.median(c.peak_mib for c in costs),
    )


def machine() -> str:
    """Cores, memory, processor, system and Python, in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    names = {line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")}
    processor = ", ".join(sorted(names)) or platform.machine()
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores ({processor}), {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
