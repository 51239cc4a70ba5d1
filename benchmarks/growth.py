"""What a day costs when the history grows: the same daily batch into histories of 1, 4 and 16 times the days.

Every measurement is a process of its own on a copy of a home; the sizes take turns, so that a busy machine hurts all.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from contracts.ids import TableId
from contracts.registry import Registry
from tasks import delivery as work
from tasks.backfill import Plan, backfill
from tasks.generate import Delivery, Size, generate_delivery
from tasks.settings import Settings
from tasks.warehouse.duckdb import DuckDBWarehouse
from tasks.workspace import Workspace

LIMIT = 1.5
BUILD_EVERY = 8  # days of history that are built together: quicker, and the queues make it the same tables
AIMED = ("clean tables", "dimensions", "facts", "incremental marts")
Costs = dict[str, float]
_CUSTOMER = re.compile(rb"\bC[0-9]{7}\b")


def deliveries(folder: Path, days: int, factors: Sequence[int], orders: int) -> Delivery:
    """The files of the longest history and of one more day, the batch that is measured; written once per folder."""
    count = days * max(factors) + 1
    size = Size(
        customers=50 * orders,
        products=max(50, 2 * orders),
        orders=orders * count,
        web_events=10 * orders * count,
        days=count,
    )
    return generate_delivery(folder / "delivery", size=size)


def history(folder: Path, delivery: Delivery, days: int, factor: int) -> Path:
    """A home with the last `days * factor` days before the batch; made once per folder.

    A shorter one has fewer customers too: an equal share, and those whom its orders mention.
    """
    home = folder / f"{factor}x"
    if (home / "complete").exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    chosen = delivery.days[:-1][-days * factor :]
    inbox = home / "inbox"
    for day in chosen:
        shutil.copytree(delivery.root / day.isoformat(), inbox / day.isoformat())
    if chosen[0] != delivery.days[0]:
        before = chosen[0] - timedelta(days=1)
        _opening(delivery, chosen, inbox / before.isoformat())
        chosen = [before, *chosen]
    with opened(home) as space:
        for start in range(0, len(chosen), BUILD_EVERY):
            group = chosen[start : start + BUILD_EVERY]
            space.begin()
            report = backfill(space, Plan(tuple(group)))
            if report.failures:
                raise RuntimeError(f"{factor}x history: {report.failures[0]}")
    (home / "complete").touch()
    return home


def _opening(delivery: Delivery, chosen: Sequence[date], to: Path) -> None:
    """What stood before a history that begins later: products, stock, and as many customers as its length asks for."""
    first, to_shift = delivery.days[0], chosen[0] - timedelta(days=1) - delivery.days[0]
    to.mkdir()
    for table in ("products", "postal_codes", "fx_rates"):
        shutil.copyfile(delivery.files[first, table], to / delivery.files[first, table].name)
    stock = delivery.files[first, "inventory_movements"]
    opening = pl.scan_parquet(stock).filter(pl.col("movement_type") == "opening")
    opening.with_columns(pl.col("moved_at") + to_shift).sink_parquet(to / stock.name)
    orders = (delivery.files[day, "orders"] for day in (*chosen, delivery.days[-1]))
    mentioned = {customer for path in orders for customer in _CUSTOMER.findall(gzip.decompress(path.read_bytes()))}
    customers = delivery.files[first, "customers"]
    header, *lines = gzip.decompress(customers.read_bytes()).splitlines(keepends=True)
    share = len(chosen) / (len(delivery.days) - 1)
    kept = (line for i, line in enumerate(lines) if i < share * len(lines) or line[:8] in mentioned)
    (to / customers.name).write_bytes(gzip.compress(header + b"".join(kept)))


@contextmanager
def opened(home: Path) -> Iterator[Workspace]:
    """The workspace of a home, closed at the end."""
    space = Workspace.open(Settings(home=home))
    try:
        yield space
    finally:
        space.close()


def measured(home: Path, day: date) -> dict[str, Costs]:
    """CPU and wall seconds of each step of one delivery, by the table it makes; loads the day for good."""
    costs: dict[str, Costs] = {}
    mark = ["open", time.process_time(), time.perf_counter()]

    def step(kind: str, what: str) -> None:
        name, cpu, wall = mark
        now = (time.process_time(), time.perf_counter())
        of_step = costs.setdefault(str(name), {"cpu": 0.0, "wall": 0.0})
        of_step["cpu"] += now[0] - float(cpu)
        of_step["wall"] += now[1] - float(wall)
        mark[:] = [f"{kind} {Path(what).name.partition('.')[0] if '/' in what else what}", *now]

    with opened(home) as space:
        # The gate's imports and suites are the same for every history, and would hide what is not.
        assert space.gate
        mark[1:] = [time.process_time(), time.perf_counter()]
        warehouse = space.warehouse
        assert isinstance(warehouse, DuckDBWarehouse)
        warehouse.native("SET checkpoint_threshold = '1TB'")  # else it falls to whichever table comes at that moment
        warehouse.native("CHECKPOINT")
        space.on_step = step
        space.begin()
        step("find", "files")
        for file in work.find(space, day):
            work.ingest(space, file)
        work.curate_and_build(space, day)
        work.finish(space, day)
        step("checkpoint", "")
        warehouse.native("CHECKPOINT")
        step("end", "")
        if space.report.failures:
            raise RuntimeError(space.report.failures[0])
        if not space.report.entries:
            raise RuntimeError(f"nothing of {day} was loaded")
    return costs


def group_of(step: str, registry: Registry) -> str:
    """What kind of step it is; tables by what their contract says of how they are loaded."""
    kind, _, what = step.partition(" ")
    if kind in ("clean", "load"):
        return "reading and gates of files" if kind == "clean" else "clean tables"
    if kind not in ("curated", "core", "mart"):
        return "rest"
    table = TableId.parse(what)
    if kind == "curated" or table.name.startswith("fact_"):
        return "facts"
    if table.name.startswith("dim_"):
        return "dimensions"
    return "marts of the whole history" if registry[table].load.window == "all" else "incremental marts"


def grouped(costs: Mapping[str, Costs], registry: Registry) -> dict[str, Costs]:
    """The costs of the groups, and of all steps together."""
    out: dict[str, Costs] = {}
    for step, of_step in costs.items():
        for name in (group_of(step, registry), "all steps"):
            sums = out.setdefault(name, {"cpu": 0.0, "wall": 0.0})
            for unit, value in of_step.items():
                sums[unit] += value
    return out


def medians(rounds: Sequence[Mapping[str, Costs]]) -> dict[str, Costs]:
    """The median cost of each step over the rounds."""
    return {
        step: {unit: statistics.median(r[step][unit] for r in rounds if step in r) for unit in ("cpu", "wall")}
        for step in dict.fromkeys(s for r in rounds for s in r)
    }


def run(folder: Path, factors: Sequence[int], days: int, orders: int, rounds: int, console: Console) -> dict[int, Any]:
    """Median costs of each step per factor."""
    with console.status("Generating the delivery"):
        delivery = deliveries(folder, days, factors, orders)
    batch = delivery.days[-1]
    homes = {}
    for factor in factors:
        with console.status(f"Loading the history of {factor} x {days} days"):
            homes[factor] = history(folder, delivery, days, factor)
    found: dict[int, list[dict[str, Costs]]] = {factor: [] for factor in factors}
    for turn in range(rounds):
        for factor in factors:
            with console.status(f"Round {turn + 1} of {rounds}: the batch into {factor} x"):
                copy = folder / "copy"
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(homes[factor], copy)
                shutil.copytree(delivery.root / batch.isoformat(), copy / "inbox" / batch.isoformat())
                found[factor].append(measured_apart(copy, batch))
    return {factor: medians(turns) for factor, turns in found.items()}


def measured_apart(home: Path, day: date) -> dict[str, Costs]:
    """The same, in a process of its own; raises RuntimeError with the last that it said."""
    ended = subprocess.run(
        [sys.executable, __file__, "--measure", str(home), "--day", day.isoformat()],
        check=False,
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr.strip().splitlines()[-1] if ended.stderr.strip() else "no result")
    result: dict[str, Costs] = json.loads(ended.stdout.splitlines()[-1])
    return result


def show(costs: Mapping[int, Mapping[str, Costs]], registry: Registry, console: Console) -> bool:
    """Print steps and groups; returns whether the aimed groups grow by no more than LIMIT."""
    least, *_, most = costs
    for title, sides in (("step", costs), ("group", {f: grouped(c, registry) for f, c in costs.items()})):
        table = Table(title=f"CPU seconds per {title}")
        table.add_column(title)
        for factor in costs:
            table.add_column(f"{factor} x", justify="right")
        table.add_column(f"{most} x / {least} x", justify="right")
        for name in sides[most]:
            values = [sides[f].get(name, {"cpu": 0.0})["cpu"] for f in costs]
            ratio = f"{values[-1] / values[0]:.2f}" if values[0] else "new"
            table.add_row(name, *(f"{v:.3f}" for v in values), ratio)
        console.print(table)
    first, last = grouped(costs[least], registry), grouped(costs[most], registry)
    met = True
    for name in AIMED:
        ratio = last[name]["cpu"] / first[name]["cpu"]
        met = met and ratio <= LIMIT
        console.print(f"{'met' if ratio <= LIMIT else 'MISSED'}  {name}: {ratio:.2f} (at most {LIMIT})")
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=8, help="days of the shortest history (8)")
    parser.add_argument("--orders", type=int, default=800, help="orders per day; ten times as many events (800)")
    parser.add_argument("--factors", type=int, nargs="+", default=[1, 4, 16], help="lengths of the histories (1 4 16)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, of which the median counts (3)")
    parser.add_argument("--folder", type=Path, help="keep files and histories here (default: a temporary folder)")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--day", type=date.fromisoformat, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        sys.stdout.write(json.dumps(measured(chosen.measure, chosen.day)))
        return 0
    os.environ["DO_NOT_TRACK"] = "1"
    console = Console(width=110)
    registry = Registry.read()
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        costs = run(folder, sorted(chosen.factors), chosen.days, chosen.orders, chosen.rounds, console)
    return 0 if show(costs, registry, console) else 1


if __name__ == "__main__":
    sys.exit(main())
