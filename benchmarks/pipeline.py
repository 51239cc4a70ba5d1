"""The whole pipeline at full size: delivered files to marts and gates, beside a bare script of the same reads.

Each round is a `dw backfill` of an empty home, a fresh process; the bare script takes turns with it. The last home
stays, for the benchmarks that ask a full warehouse.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import processes
from full_delivery import FullDelivery, full_delivery, inbox_of
from processes import Cost
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
AIM_RATE, AIM_WALL_S, AIM_PEAK_MIB, AIM_OVERHEAD = 300_000, 60, 4_096, 2.0
ROUNDS, PARALLEL = 3, 2
MEMORY_LIMIT = "2GB"  # of DuckDB; without it, it takes what the machine has


def piped(delivery: FullDelivery, home: Path, parallel: int) -> tuple[Cost, list[dict[str, Any]]]:
    """The export loaded into an empty home: the process's cost, and that of each stage and table."""
    shutil.rmtree(home, ignore_errors=True)
    inbox_of(home, delivery.export)
    said = home / "stages.json"
    command = [sys.executable, str(HERE / "staged_run.py"), str(said), delivery.export.name, str(parallel)]
    settings = {"DW_HOME": str(home), "DW_MEMORY_LIMIT": MEMORY_LIMIT, "DO_NOT_TRACK": "1"}
    cost = processes.measured(command, env=settings, log=home / "run.log")
    stages: list[dict[str, Any]] = json.loads(said.read_text())["stages"]
    return cost, stages


def bare(delivery: FullDelivery, home: Path) -> Cost:
    """One run of the bare script."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    command = [sys.executable, str(HERE / "bare.py"), str(delivery.export), str(home)]
    cost = processes.measured(command, log=home / "bare.log")
    shutil.rmtree(home)
    return cost


def rows_of(home: Path) -> dict[str, dict[str, int]]:
    """Rows and bytes by table: of a raw table what was delivered, of a computed one what was written."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        files = connection.execute(
            "SELECT table_name, SUM(delivered_rows), SUM(bytes) FROM audit.load_ledger GROUP BY ALL"
        ).fetchall()
        built = connection.execute(
            "SELECT table_name, SUM(inserted_rows + updated_rows), 0 FROM audit.table_build GROUP BY ALL"
        ).fetchall()
    return {table: {"rows": int(rows), "bytes": int(size)} for table, rows, size in [*files, *built]}


def by_stage(rounds: Iterable[list[dict[str, Any]]], sizes: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Medians over the rounds per stage and table, with rows and bytes per second, and a line per stage."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for stages in rounds:
        of_round: dict[tuple[str, str], dict[str, float]] = {}
        for part in stages:
            for key in {(part["stage"], part["table"]), (part["stage"], "")}:
                sums = of_round.setdefault(key, {"cpu_s": 0.0, "wall_s": 0.0, "peak_mib": 0.0})
                sums["cpu_s"] += part["cpu_s"]
                sums["wall_s"] += part["wall_s"]
                sums["peak_mib"] = max(sums["peak_mib"], part["peak_mib"])
        for key, sums in of_round.items():
            found.setdefault(key, []).append(sums)
    out = []
    for (stage, table), costs in found.items():
        cost = processes.median([Cost(**each) for each in costs])
        tables = [table] if table else [of for name, of in found if name == stage and of]
        rows = sum(sizes.get(of, {}).get("rows", 0) for of in tables)
        size = sum(sizes.get(of, {}).get("bytes", 0) for of in tables) if stage == "clean" else 0
        out.append({"stage": stage, "table": table, **asdict(cost), "rows": rows, "bytes": size})
    return sorted(out, key=lambda part: (_order(part["stage"], out), bool(part["table"]), -part["cpu_s"]))


def _order(stage: str, parts: list[dict[str, Any]]) -> int:
    return list(dict.fromkeys(part["stage"] for part in parts)).index(stage)


def run(folder: Path, days: int | None, rounds: int, parallel: int, console: Console) -> dict[str, Any]:
    """Everything measured, as one document; the last home is `folder/home`."""
    with console.status("Generating the full-size delivery"):
        delivery = full_delivery(folder / "delivery", days)
    ours, theirs, stages = [], [], []
    for turn in range(rounds):
        with console.status(f"Round {turn + 1} of {rounds}: the pipeline"):
            cost, of_stages = piped(delivery, folder / "home", parallel)
            ours.append(cost)
            stages.append(of_stages)
        with console.status(f"Round {turn + 1} of {rounds}: the bare script"):
            theirs.append(bare(delivery, folder / "bare"))
    whole = processes.median(ours)
    parts = by_stage(stages, rows_of(folder / "home"))
    work = sum(part["wall_s"] for part in parts if not part["table"] and part["stage"] != "start")
    return {
        "bench": "pipeline",
        "machine": processes.machine(),
        "load": os.getloadavg()[1],
        "rounds": rounds,
        "parallel": parallel,
        "generated": {"rows": delivery.rows, "cpu_s": delivery.cpu_s, "wall_s": delivery.wall_s},
        "delivered_bytes": sum(path.stat().st_size for path in delivery.export.iterdir()),
        "pipeline": {**asdict(whole), "orchestration_s": whole.wall_s - work, "each": [asdict(c) for c in ours]},
        "bare": {**asdict(processes.median(theirs)), "each": [asdict(c) for c in theirs]},
        "stages": parts,
    }


def show(found: Mapping[str, Any], console: Console) -> bool:
    """Print the tables; returns whether every aim is met."""
    table = Table(title=f"Stages, medians of {found['rounds']}; {found['machine']}, load {found['load']:.1f}")
    for name in ("stage", "table", "s", "CPU s", "rows", "rows/s", "MB/s", "peak MiB"):
        table.add_column(name, justify="left" if name in ("stage", "table") else "right")
    for part in found["stages"]:
        if part["table"] and part["cpu_s"] < 0.5:
            continue
        wall, rows, size = part["wall_s"], part["rows"], part["bytes"]
        figures = (
            f"{wall:.2f}",
            f"{part['cpu_s']:.2f}",
            f"{rows:,}" if rows else "",
            f"{rows / wall:,.0f}" if rows else "",
            f"{size / wall / 1e6:.1f}" if size else "",
            f"{part['peak_mib']:,.0f}",
        )
        table.add_row(part["stage"], part["table"], *figures, style=None if part["table"] else "bold")
    console.print(table)
    for aim in aims(found):
        console.print(f"{aim.verdict} {aim.name}: {aim.told}")
    return all(aim.is_met for aim in aims(found))


@dataclass(frozen=True)
class Aim:
    """Something that is to be reached; one without a verdict is told only."""

    name: str
    told: str
    is_met: bool = True
    verdict: str = "      "

    @classmethod
    def of(cls, name: str, told: str, *, is_met: bool) -> Aim:
        return cls(name, told, is_met, "met   " if is_met else "MISSED")


def aims(found: Mapping[str, Any]) -> list[Aim]:
    """What was to be reached, and what was."""
    whole, script, made = found["pipeline"], found["bare"], found["generated"]
    wall, cpu, peak = whole["wall_s"], whole["cpu_s"], whole["peak_mib"]
    rate, ratio = made["rows"] / made["wall_s"], wall / script["wall_s"]
    rest = whole["orchestration_s"]
    over = f"{ratio:.2f} x its {script['wall_s']:.1f} s, {cpu / script['cpu_s']:.2f} x its {script['cpu_s']:.1f} CPU s"
    return [
        Aim.of("generated", f"{rate:,.0f} rows/s ({made['rows']:,} rows; aim {AIM_RATE:,})", is_met=rate >= AIM_RATE),
        Aim.of(
            "files to marts and gates",
            f"{wall:.1f} s, {cpu:.1f} CPU s (aim {AIM_WALL_S} s)",
            is_met=wall < AIM_WALL_S,
        ),
        Aim.of("peak memory", f"{peak:,.0f} MiB (aim {AIM_PEAK_MIB:,})", is_met=peak < AIM_PEAK_MIB),
        Aim.of("over the bare script", f"{over} (aim {AIM_OVERHEAD})", is_met=ratio <= AIM_OVERHEAD),
        Aim("orchestration", f"{rest:.1f} s, {rest / wall:.0%}: process start, imports, Prefect, what no stage counts"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="keep delivery and home here (default: a temporary folder)")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"runs of each, of which the median counts ({ROUNDS})"
    )
    parser.add_argument("--parallel", type=int, default=PARALLEL, help=f"files cleaned at once ({PARALLEL})")
    parser.add_argument("--days", type=int, help="only so many days of the full size's 400, for a trial")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    chosen = parser.parse_args()
    console = Console(width=140)
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.folder or Path(scratch)
        found = run(folder.resolve(), chosen.days, chosen.rounds, chosen.parallel, console)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2))
    show(found, console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
