"""What commands cost before they do anything: `dw --help`, `dw check`, and `dw run` until it opens the first file.

Every measurement is a process of its own; the first one of each warms caches and does not count. An audit hook of
Python ends `dw run` where it opens a delivered file, so that nothing of it is left out or replaced.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import measured
from rich.console import Console
from rich.table import Table

from tasks.generate import Size, generate_delivery

SIZE = Size(customers=50, products=20, orders=50, web_events=200, days=1)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Taken:
    """Wall and CPU seconds of one start; `server`: CPU seconds of Prefect's server, a process beside."""

    wall: float
    cpu: float
    server: float = 0.0


def command(*words: str) -> list[str]:
    """A `dw` command line in this interpreter."""
    return [sys.executable, "-c", "from flows.cli import command; command()", *words]


def whole(words: Sequence[str], home: Path) -> Taken:
    """A command from start to end."""
    cost = measured(command(*words), env={"DW_HOME": str(home)})
    return Taken(cost.wall_s, cost.cpu_s)


def until_first_file(home: Path) -> Taken:
    """`dw run` until it opens a file of its inbox, where it is ended: what the home holds stays as it is."""
    found = home / "start.json"
    found.unlink(missing_ok=True)
    environment = {"DW_HOME": str(home), "DO_NOT_TRACK": "1"}
    started = time.time()
    measured([sys.executable, __file__, "--stop-at", str(home / "inbox"), "--to", str(found)], env=environment)
    taken = json.loads(found.read_text())
    return Taken(taken["at"] - started, taken["cpu"], taken["server"])


def stop_at(inbox: Path, to: Path) -> None:
    """Run `dw run`, and end this process where it opens a file below `inbox`."""
    below = f"{inbox}{os.sep}"

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and str(arguments[0]).startswith(below) and os.path.isfile(str(arguments[0])):
            cpu, at = time.process_time(), time.time()
            to.write_text(json.dumps({"at": at, "cpu": cpu, "server": children_cpu()}))
            os._exit(0)

    sys.addaudithook(hook)
    sys.argv = ["dw", "run"]
    from flows.cli import main as dw

    dw()
    raise RuntimeError("`dw run` opened no file of its inbox")


def children_cpu() -> float:
    """CPU seconds of the processes that this one started and that still run."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == os.getpid():
            total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def medians(start: Callable[[], Taken], rounds: int) -> Taken:
    """The median of each figure over the rounds, after one that warms caches."""
    start()
    taken = [start() for _ in range(rounds)]
    return Taken(*(statistics.median(getattr(t, figure) for t in taken) for figure in ("wall", "cpu", "server")))


def figures(folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Every figure with its aim, as {bench, name, value, unit, aim}."""
    out: list[dict[str, Any]] = []

    def told(name: str, value: float, aim: float | None = None) -> None:
        out.append({"bench": "startup", "name": name, "value": round(value, 3), "unit": "s", "aim": aim})

    for words, aim in ((["--help"], 0.3), (["check"], 5.0)):
        taken = medians(lambda words=words: whole(words, folder), rounds)
        told(f"`dw {' '.join(words)}`", taken.wall, aim)
        told(f"`dw {' '.join(words)}`, CPU", taken.cpu)
    home = folder / "home"
    generate_delivery(home / "inbox", size=SIZE)

    def fresh() -> Taken:
        for name in ("warehouse.duckdb", "prefect/prefect.db", "prefect/prefect.db-wal", "prefect/prefect.db-shm"):
            (home / name).unlink(missing_ok=True)
        return until_first_file(home)

    for name, start in (("a new home", fresh), ("a home with a warehouse", lambda: until_first_file(home))):
        taken = medians(start, rounds)
        told(f"`dw run` before the first byte, {name}", taken.wall)
        told(f"`dw run` before the first byte, {name}, CPU", taken.cpu)
        told(f"`dw run` before the first byte, {name}, CPU of Prefect's server beside it", taken.server)
    return out


def show(found: Sequence[dict[str, Any]], console: Console) -> bool:
    """Print the figures; returns whether every aim is met."""
    table = Table("what", title="Start-up: medians")
    for head in ("seconds", "aim"):
        table.add_column(head, justify="right")
    for row in found:
        table.add_row(row["name"], f"{row['value']:.2f}", f"< {row['aim']}" if row["aim"] else "")
    console.print(table)
    return all(row["aim"] is None or row["value"] < row["aim"] for row in found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each, of which the median counts (7)")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--stop-at", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.stop_at:
        stop_at(chosen.stop_at, chosen.to)
    with tempfile.TemporaryDirectory() as scratch:
        found = figures(Path(scratch), chosen.rounds)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2) + "\n")
    show(found, Console(width=110))
    return 0


if __name__ == "__main__":
    sys.exit(main())
