"""This warehouse beside dbt, SQLMesh and dlt: the same data, the same run, the same tables at the end.

`build`: clean Parquet files to clean, curated, core and mart tables. `load`: delivered files to tables. Every
measurement is a process of its own on an empty folder; contenders take turns, so that a busy machine hurts all alike.
Tables that differ between contenders end the comparison with status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import Cost, ProcessFailed, machine, measured, median
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
OURS = "warehouse"
# Days of one export, at the rate of the full size: 12,500 web events and 1,250 orders a day.
DAYS = {"dev": 3, "tenth": 40, "fifth": 80, "full": 399}
QUIET = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}
# Only our own scripts may find this repository's packages: `sql` and `tasks` are names that others have, too.
OUR_PATH = {"PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}{os.pathsep}{HERE / 'peers'}"}
NO_PATH = {"PYTHONPATH": ""}


class Disagreement(RuntimeError):
    """Contenders made different tables: their costs are not to be compared."""


@dataclass(frozen=True)
class Data:
    """What all contenders start from: the inbox, the folder of clean files, the folder that holds everything."""

    folder: Path
    inbox: Path
    clean: Path
    rows: int


@dataclass(frozen=True)
class Contender:
    """A tool: its command, given the data and an empty folder of its own, and where Python finds code."""

    name: str
    command: Callable[[Data, Path], list[str]]
    path: Mapping[str, str]


def _ours(what: str) -> Callable[[Data, Path], list[str]]:
    def command(data: Data, work: Path) -> list[str]:
        source = data.inbox if what == "load" else data.clean
        return [sys.executable, str(HERE / "peers" / "warehouse.py"), what, str(source), str(work)]

    return command


def _program(name: str, program: str) -> str:
    return str(HERE.parent / ".venv" / f"peers-{name}" / "bin" / program)


def _dbt(data: Data, work: Path) -> list[str]:
    shutil.copytree(data.folder / "projects" / "dbt-duckdb", work)
    folders = ["--project-dir", str(work), "--profiles-dir", str(work)]
    return [_program("dbt", "dbt"), "build", *folders, "--no-use-colors", "--no-version-check"]


def _sqlmesh(data: Data, work: Path) -> list[str]:
    shutil.copytree(data.folder / "projects" / "sqlmesh", work)
    told = ["--paths", str(work), "--log-file-dir", str(work / "logs")]
    return [_program("sqlmesh", "sqlmesh"), *told, "plan", "--auto-apply", "--no-prompts", "--skip-tests"]


def _dlt(data: Data, work: Path) -> list[str]:
    work.mkdir()
    return [_program("dlt", "python"), str(HERE / "peers" / "load_dlt.py"), str(data.inbox), str(work)]


BENCHES: dict[str, tuple[Contender, ...]] = {
    "build": (
        Contender(OURS, _ours("build"), OUR_PATH),
        Contender("dbt-duckdb", _dbt, NO_PATH),
        Contender("sqlmesh", _sqlmesh, NO_PATH),
    ),
    "load": (Contender(OURS, _ours("load"), OUR_PATH), Contender("dlt", _dlt, NO_PATH)),
}


def prepared(folder: Path, days: int, home: Path | None) -> Data:
    """Write or take the data of `days`, or of a loaded home; raises ProcessFailed."""
    source = ["--home", str(home)] if home else ["--days", str(days)]
    command = [sys.executable, str(HERE / "peers" / "prepare.py"), str(folder), *source]
    measured(command, env={**QUIET, **OUR_PATH}, log=_log(folder, "prepare"))
    said = json.loads((folder / "prepared.json").read_text())
    return Data(folder, Path(said["inbox"]), Path(said["clean"]), said["rows"])


def disagreements(made: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Where a contender's tables differ from ours, a line each."""
    ours = made[OURS]
    return [
        f"{table}: {name} has {found.get(table, 'no such table')}, {OURS} has {ours.get(table, 'no such table')}"
        for name, found in made.items()
        for table in {**ours, **found}
        if found.get(table) != ours.get(table)
    ]


def run(bench: str, data: Data, rounds: int, console: Console) -> dict[str, list[Cost]]:
    """The costs of each contender and round; raises ProcessFailed, or Disagreement where tables differ."""
    costs: dict[str, list[Cost]] = {contender.name: [] for contender in BENCHES[bench]}
    for turn in range(rounds):
        made = {}
        for contender in BENCHES[bench]:
            work = data.folder / "work" / contender.name
            shutil.rmtree(work.parent, ignore_errors=True)
            work.parent.mkdir()
            # As cold a start as that of the others: nothing that an earlier round has transpiled.
            environment = {**QUIET, **contender.path, "DW_BUILD_CACHE": str(work.parent / "build_cache")}
            with console.status(f"{bench}, round {turn + 1} of {rounds}: {contender.name}"):
                command = contender.command(data, work)
                log = _log(data.folder, f"{bench}-{contender.name}")
                costs[contender.name].append(measured(command, env=environment, log=log))
                made[contender.name] = rows_of(bench, work / "warehouse.duckdb")
        shutil.rmtree(work.parent)
        if wrong := disagreements(made):
            raise Disagreement("\n".join(wrong))
    return costs


def rows_of(bench: str, database: Path) -> dict[str, str]:
    """What a contender made, by table; read by a process of its own, as memory of this one would be in the peaks."""
    command = [sys.executable, str(HERE / "peers" / "rows.py"), bench, str(database)]
    done = subprocess.run(command, env={**os.environ, **OUR_PATH}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProcessFailed(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr[-3000:]}")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _log(folder: Path, name: str) -> Path:
    path = folder / "logs" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def figures(bench: str, costs: Mapping[str, Sequence[Cost]]) -> list[dict[str, Any]]:
    """A row per contender: medians, and how many times ours they are; `bench` says the task and its size."""
    medians = {name: median(each) for name, each in costs.items()}
    ours = medians[OURS]
    return [
        {
            "bench": bench,
            "contender": name,
            "cpu_s": round(cost.cpu_s, 2),
            "wall_s": round(cost.wall_s, 2),
            "peak_mb": round(cost.peak_mib),
            "ratio_cpu": round(cost.cpu_s / ours.cpu_s, 2),
            "ratio_wall": round(cost.wall_s / ours.wall_s, 2),
        }
        for name, cost in medians.items()
    ]


def gates(rows: int, rounds: int, log: Path) -> list[dict[str, Any]]:
    """The figures of `gates.py` for our gate and that of Great Expectations on pandas; raises ProcessFailed."""
    target = log.with_name("gates.json")
    only = ["--only", OURS, "--only", "gx-pandas"]
    command = [sys.executable, str(HERE / "gates.py"), "--rows", str(rows), "--repeats", str(rounds), *only]
    measured([*command, "--json", str(target)], env={**QUIET, **OUR_PATH}, log=log)
    found: list[dict[str, Any]] = json.loads(target.read_text())
    return found


def table(found: Sequence[Mapping[str, Any]], title: str) -> Table:
    """The figures as people read them."""
    shown = Table(title=title)
    for head in ("bench", "contender", "CPU s", "wall s", "peak MiB", "CPU x ours", "wall x ours"):
        shown.add_column(head, justify="left" if head in ("bench", "contender") else "right")
    for row in found:
        shown.add_row(
            row["bench"],
            row["contender"],
            f"{row['cpu_s']:.1f}",
            f"{row['wall_s']:.1f}",
            f"{row['peak_mb']:,}",
            f"{row['ratio_cpu']:.2f}",
            f"{row['ratio_wall']:.2f}",
        )
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 if all contenders made the same tables, whatever it cost."""
    parser = argparse.ArgumentParser(description="This warehouse beside dbt, SQLMesh and dlt, on the same data.")
    parser.add_argument("--size", choices=list(DAYS), default="tenth", help="3, 40 (default), 80 or 399 days")
    parser.add_argument("--home", type=Path, help="take inbox and clean tables of this home, which is loaded, instead")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians count (3)")
    parser.add_argument("--only", choices=list(BENCHES), help="one of the two")
    parser.add_argument("--folder", type=Path, help="keep data and logs here (default: a temporary folder)")
    parser.add_argument("--gates", type=int, metavar="ROWS", help="gx-pandas as the gate of so many rows, too")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    chosen = parser.parse_args(arguments)
    named = "own home" if chosen.home else f"{DAYS[chosen.size]} days"
    console = Console()
    console.width = max(console.width, 100)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (chosen.folder or Path(temporary)).resolve()
        try:
            with console.status("Preparing the data"):
                data = prepared(folder, DAYS[chosen.size], chosen.home)
            size = f"{chosen.home or named}: {data.rows:,} clean rows, {chosen.rounds} rounds"
            console.print(f"{size}, {machine()}, load average {os.getloadavg()[0]:.1f}", highlight=False)
            found: list[dict[str, Any]] = []
            for bench in [chosen.only] if chosen.only else list(BENCHES):
                found += figures(f"{bench}, {named}", run(bench, data, chosen.rounds, console))
            if chosen.gates:
                found += gates(chosen.gates, chosen.rounds, _log(folder, "gates"))
        except (ProcessFailed, Disagreement) as error:
            console.print(f"[bold red]Nothing is compared:[/] {error}", highlight=False)
            return 1
    console.print(table(found, f"Medians of whole processes, imports included; {size}"))
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
