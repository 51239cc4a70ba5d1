"""What a gate of 25 expectations costs: this warehouse's engine beside the limit and beside other libraries.

Every measurement is a process of its own; the contenders take turns, so that a busy machine hurts all of them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from contenders import CONTENDERS
from rich.console import Console
from rich.table import Table
from web_events import CHECKS, planted

HERE = Path(__file__).parent
LIBRARIES = ("polars", "great-expectations", "pandas", "pyarrow", "pandera", "pointblank")
LIMIT, OURS, GX = "hand-fused", "warehouse", "gx-pandas"
Costs = dict[str, float]


class Aim(NamedTuple):
    """What was aimed at, what came out, and whether that is good enough."""

    text: str
    value: float
    met: bool


class BenchmarkError(RuntimeError):
    """A contender ended with an error, or counted other rows than were planted."""


def wrong_counts(name: str, counts: Mapping[str, int], expected: Mapping[str, int]) -> list[str]:
    """Where a contender did not find what was planted."""
    return [
        f"{name}: {check}: found {counts.get(check, 'nothing')}, planted {expected.get(check, 'nothing')}"
        for check in {**expected, **counts}
        if counts.get(check) != expected.get(check)
    ]


def medians(measured: Sequence[Mapping[str, float]]) -> Costs:
    """The median of each cost."""
    return {cost: statistics.median(m[cost] for m in measured) for cost in measured[0]}


def aims(costs: Mapping[str, Costs]) -> list[Aim]:
    """What the engine is held to, as far as the contenders that ran can tell."""
    found = []
    if {OURS, LIMIT} <= costs.keys():
        ratio = costs[OURS]["cpu"] / costs[LIMIT]["cpu"]
        found.append(Aim(f"at most 1.5 x the CPU of {LIMIT}", ratio, ratio <= 1.5))
    if {OURS, GX} <= costs.keys():
        ratio = costs[GX]["cpu"] / costs[OURS]["cpu"]
        found.append(Aim(f"{GX} takes at least 10 x the CPU", ratio, ratio >= 10))
        ratio = costs[OURS]["peak_mb"] / costs[GX]["peak_mb"]
        found.append(Aim(f"at most 1/2 of the peak memory of {GX}", ratio, ratio <= 0.5))
    return found


def run(names: Sequence[str], folder: Path, rows: int, repeats: int, console: Console) -> dict[str, list[Costs]]:
    """Measure each contender `repeats` times; raises BenchmarkError if one fails or counts wrongly."""
    _python("web_events.py", str(folder), str(rows))
    expected = planted(rows)
    measured: dict[str, list[Costs]] = {name: [] for name in names}
    for turn in range(repeats):
        wrong = []
        for name in names:
            with console.status(f"Round {turn + 1} of {repeats}: {name}"):
                found: dict[str, Any] = json.loads(
                    _python("contenders.py", name, str(folder), str(rows)).split("\n")[-2]
                )
            wrong += wrong_counts(name, found.pop("counts"), expected)
            measured[name].append(found)
        if wrong:
            raise BenchmarkError("\n".join(wrong))
    return measured


def _python(script: str, *arguments: str) -> str:
    """What a script of this folder prints.

    The data are written so, too: this process stays small, as Linux starts a child's peak memory at its parent's.
    """
    environment = {**os.environ, "DO_NOT_TRACK": "1", "GX_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise BenchmarkError(f"{' '.join([script, *arguments])} ended with {done.returncode}:\n{last}")
    return done.stdout


def figures(measured: Mapping[str, Sequence[Costs]], rows: int) -> list[dict[str, Any]]:
    """The medians as the other benchmarks write them, ratios to this warehouse where it ran."""
    costs = {name: medians(each) for name, each in measured.items()}
    ours = costs.get(OURS)
    return [
        {
            "bench": f"gates, {rows:,} rows",
            "contender": name,
            "cpu_s": round(cost["cpu"], 2),
            "wall_s": round(cost["wall"], 2),
            "peak_mb": round(cost["peak_mb"]),
            "ratio_cpu": round(cost["cpu"] / ours["cpu"], 2) if ours else None,
            "ratio_wall": round(cost["wall"] / ours["wall"], 2) if ours else None,
        }
        for name, cost in costs.items()
    ]


def table(measured: Mapping[str, Sequence[Costs]]) -> Table:
    """Medians, with the least and greatest CPU, and ratios to the limit where that ran."""
    costs = {name: medians(each) for name, each in measured.items()}
    limit = costs.get(LIMIT)
    shown = Table(title="Medians; imports are not in CPU and wall, but in the peak")
    for head in (
        "contender",
        "CPU s",
        "(range)",
        "wall s",
        "peak MB",
        "CPU x",
        "wall x",
        "peak x",
        "imports CPU s, MB",
    ):
        shown.add_column(head, justify="left" if head == "contender" else "right")
    for name, cost in costs.items():
        every = [m["cpu"] for m in measured[name]]
        ratios = [f"{cost[c] / limit[c]:.2f}" if limit else "" for c in ("cpu", "wall", "peak_mb")]
        shown.add_row(
            name,
            f"{cost['cpu']:.2f}",
            f"{min(every):.2f}-{max(every):.2f}",
            f"{cost['wall']:.2f}",
            f"{cost['peak_mb']:,.0f}",
            *ratios,
            f"{cost['imports_cpu']:.1f}, {cost['imports_mb']:,.0f}",
        )
    return shown


def setting(rows: int, repeats: int) -> str:
    """Where and with what this was measured."""
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    machine = f"{os.cpu_count()} cores ({platform.machine()}){load}"
    return (
        f"{rows:,} web events x 12 columns, {len(CHECKS)} checks, {repeats} rounds, {machine}\n"
        f"Python {platform.python_version()}, {', '.join(f'{name} {_version(name)}' for name in LIBRARIES)}"
    )


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 if every contender found what was planted, whatever it cost."""
    parser = argparse.ArgumentParser(description="What a gate of 25 expectations costs, beside other libraries.")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", action="append", choices=list(CONTENDERS), help="repeatable; default: all")
    parser.add_argument("--data", type=Path, help="folder that keeps the generated files; default: a temporary one")
    parser.add_argument("--json", type=Path, help="write the medians to this file, too")
    chosen = parser.parse_args(arguments)
    console = Console()
    console.width = max(console.width, 110)
    console.print(setting(chosen.rows, chosen.repeats), highlight=False)
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.data or Path(temporary)
        try:
            measured = run(chosen.only or list(CONTENDERS), folder, chosen.rows, chosen.repeats, console)
        except BenchmarkError as error:
            console.print(f"[bold red]Nothing is compared:[/] {error}", highlight=False)
            return 1
    console.print(table(measured))
    if chosen.json:
        chosen.json.write_text(json.dumps(figures(measured, chosen.rows), indent=2) + "\n")
    for aim in aims({name: medians(each) for name, each in measured.items()}):
        console.print(f"{'met    ' if aim.met else 'NOT MET'}  {aim.text}: {aim.value:.2f}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
