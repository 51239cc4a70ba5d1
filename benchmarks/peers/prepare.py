"""What all contenders start from, written once below a folder: delivered files, clean Parquet files, their projects.

`python prepare.py <folder> --days N | --home <home>`. An own delivery is one export of N days at the rate of the full
size; with a home, its inbox and the clean tables of its warehouse are taken. A process of its own: the peak memory of a
contender starts at that of the process which starts it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

import peer_projects
import warehouse
from full_delivery import full_delivery

from contracts.registry import REPOSITORY, Registry
from sql.graph import Graph
from tasks.settings import Settings
from tasks.warehouse.duckdb import DuckDBWarehouse


def inbox_of(folder: Path, days: int) -> Path:
    """An inbox with one export of so many days."""
    inbox = folder / "inbox"
    export = full_delivery(folder / "delivery", days + 1).export
    inbox.mkdir(exist_ok=True)
    if not (inbox / export.name).exists():
        (inbox / export.name).symlink_to(export, target_is_directory=True)
    return inbox


def loaded(inbox: Path, home: Path) -> Path:
    """A home with the clean tables of an inbox, and no others."""
    done = home / "loaded"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        if warehouse.main("load", inbox, home):
            raise SystemExit(f"{inbox}: the files could not all be loaded")
        done.touch()
    return home


def export_clean(home: Path, clean: Path, registry: Registry) -> int:
    """One Parquet file per clean table; how many rows they hold."""
    with DuckDBWarehouse(Settings(home=home).warehouse_file, read_only=True) as source:
        return sum(
            source.export(f"SELECT {', '.join(c.names)} FROM {c.table}", str(clean / c.table.name), overwrite=True)
            for c in registry.layer("clean")
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int)
    parser.add_argument("--home", type=Path)
    chosen = parser.parse_args()
    folder: Path = chosen.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    inbox = chosen.home.resolve() / "inbox" if chosen.home else inbox_of(folder, chosen.days)
    home = chosen.home or loaded(inbox, folder / "loaded")
    registry = Registry.read()
    graph = Graph.read(REPOSITORY, registry)
    clean, projects, work = folder / "clean", folder / "projects", folder / "work"
    rows = export_clean(home, clean, registry)
    shutil.rmtree(projects, ignore_errors=True)
    database = {name: work / name / "warehouse.duckdb" for name in ("dbt-duckdb", "sqlmesh")}
    threads = len(os.sched_getaffinity(0))
    dbt = peer_projects.dbt_project(registry, graph, clean, database["dbt-duckdb"], threads)
    peer_projects.write(dbt, projects / "dbt-duckdb")
    mesh = peer_projects.sqlmesh_project(registry, graph, clean, database["sqlmesh"])
    peer_projects.write(mesh, projects / "sqlmesh")
    said = {"inbox": str(inbox), "clean": str(clean), "rows": rows}
    (folder / "prepared.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
