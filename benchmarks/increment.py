"""What one more day costs at the end of a long history, step by step, beside the same day after a few days.

The warehouse is copied before each round. The steps are those of `dw run`, in a process of their own; a whole `dw run`
of the day is measured beside them, and what it takes more is its start: process, imports, Prefect and Data Docs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import growth
from full_delivery import inbox_of
from processes import Cost, measured, median
from rich.console import Console
from rich.table import Table
from startup import command

from contracts.registry import Registry
from tasks.backfill import Plan, backfill

AIM, FEW = 10.0, 8
_LEAST = 0.1  # seconds of a step that is told by itself


def few_days(folder: Path, delivery: Path, days: int = FEW) -> Path:
    """A home with the first day of the shop, which has its whole catalogue, and the last days before the delivery."""
    before = sorted(path for path in delivery.parent.iterdir() if path.is_dir() and path.name < delivery.name)
    chosen = list(dict.fromkeys([*before[:1], *before[-days:]]))
    inbox_of(folder, *chosen)
    with growth.opened(folder) as space:
        space.begin()
        report = backfill(space, Plan(tuple(date.fromisoformat(path.name) for path in chosen)))
        if report.failures:
            raise RuntimeError(f"history of {len(chosen)} days: {report.failures[0]}")
    return folder


def copied(home: Path, delivery: Path, to: Path) -> Path:
    """A copy of a home with the delivery in its inbox; the lake's files, which nothing changes, are linked."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(home, to, symlinks=True, ignore=shutil.ignore_patterns("lake", "scratch", "inbox"))
    shutil.copytree(home / "lake", to / "lake", copy_function=_linked)
    (to / "inbox").mkdir()
    for day in (home / "inbox").iterdir():
        (to / "inbox" / day.name).symlink_to(day.resolve(), target_is_directory=day.is_dir())
    inbox_of(to, delivery)
    return to


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def increment(home: Path, delivery: Path, scratch: Path, rounds: int) -> tuple[growth.Costs, dict[str, Any], Cost]:
    """The costs of a whole day, of its steps, and of a whole `dw run`: medians."""
    day, steps, runs = date.fromisoformat(delivery.name), [], []
    for _ in range(rounds):
        steps.append(growth.measured_apart(copied(home, delivery, scratch), day))
        words = ("run", "--day", delivery.name)
        environment = {"DW_HOME": str(copied(home, delivery, scratch)), "DO_NOT_TRACK": "1"}
        runs.append(measured(command(*words), env=environment, log=scratch.with_suffix(".log")))
    shutil.rmtree(scratch)
    found = growth.medians(steps)
    return growth.grouped(found, Registry.read())["all steps"], found, median(runs)


def rows(name: str, whole: growth.Costs, steps: Mapping[str, growth.Costs], run: Cost) -> list[dict[str, Any]]:
    """Figures as {bench, name, value, unit, aim}; the aim is for the steps."""
    figures: list[tuple[str, float, str, float | None]] = [
        (f"{name}: all steps", whole["wall"], "s", AIM),
        (f"{name}: all steps, CPU", whole["cpu"], "s", None),
        (f"{name}: whole `dw run`", run.wall_s, "s", None),
        (f"{name}: whole `dw run`, CPU", run.cpu_s, "s", None),
        (f"{name}: peak memory of `dw run`", run.peak_mib, "MiB", None),
    ]
    longest = sorted(steps.items(), key=lambda item: -item[1]["cpu"])
    figures += [(f"{name}: {step}, CPU", cost["cpu"], "s", None) for step, cost in longest if cost["cpu"] >= _LEAST]
    return [
        {"bench": "increment", "name": what, "value": round(value, 3), "unit": unit, "aim": aim}
        for what, value, unit, aim in figures
    ]


def show(sides: Mapping[str, tuple[growth.Costs, Mapping[str, growth.Costs], Cost]], console: Console) -> None:
    """Print the steps side by side."""
    table = Table("CPU seconds", title="One more day")
    for name in sides:
        table.add_column(name, justify="right")
    ordered = sorted(
        {s for side in sides.values() for s in side[1]}, key=lambda s: -_cpu(next(iter(sides.values())), s)
    )
    for step in ordered:
        table.add_row(step, *(f"{_cpu(side, step):.2f}" for side in sides.values()))
    for what, value in (
        ("all steps", lambda side: side[0]["cpu"]),
        ("all steps, wall", lambda side: side[0]["wall"]),
        ("whole `dw run`", lambda side: side[2].cpu_s),
        ("whole `dw run`, wall", lambda side: side[2].wall_s),
    ):
        table.add_row(what, *(f"{value(side):.2f}" for side in sides.values()))
    console.print(table)


def _cpu(side: tuple[growth.Costs, Mapping[str, growth.Costs], Cost], step: str) -> float:
    return side[1].get(step, {"cpu": 0.0})["cpu"]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="the warehouse of a long history; it stays as it is")
    parser.add_argument("--delivery", type=Path, required=True, help="the folder of the next day, beside those before")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, of which the median counts (3)")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    chosen = parser.parse_args(arguments)
    home, delivery = chosen.home.resolve(), chosen.delivery.resolve()
    os.environ["DO_NOT_TRACK"] = "1"
    with tempfile.TemporaryDirectory(dir=home.parent) as made:
        folder = Path(made)
        short = few_days(folder / "few", delivery)
        sides = {
            name: increment(of, delivery, folder / "copy", chosen.rounds)
            for name, of in (("whole history", home), ("few days", short))
        }
    show(sides, Console(width=110))
    if chosen.json:
        found = [row for name, side in sides.items() for row in rows(name, *side)]
        chosen.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
