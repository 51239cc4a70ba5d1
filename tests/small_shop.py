"""A small shop: two days of a generated delivery, loaded by plain functions into homes of their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from contracts.registry import REPOSITORY, Registry
from sql.graph import Graph
from tasks import delivery as work
from tasks.generate import Delivery, Size
from tasks.report import RunReport
from tasks.settings import Settings
from tasks.warehouse import open_warehouse
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from expectations.gate import Gate

SIZE = Size(customers=120, products=60, orders=400, web_events=3_000, days=2)
LAYERS = ("clean", "curated", "core", "mart", "audit")


@dataclass(frozen=True)
class Shop:
    """The delivery, the home that holds all of it, and a copy of that home as it was after the first day."""

    delivery: Delivery
    home: Path
    after_one_day: Path
    reports: tuple[RunReport, ...]

    @property
    def last_day(self) -> date:
        return self.delivery.days[-1]

    def copy(self, home: Path, to: Path) -> Path:
        """A home that a test may change, with the whole delivery in its inbox."""
        shutil.copytree(home, to, dirs_exist_ok=True)
        shutil.copytree(self.delivery.root, to / "inbox", dirs_exist_ok=True)
        return to


@cache
def read_repository(root: Path = REPOSITORY) -> tuple[Registry, Graph]:
    """Contracts and SQL, read once for all homes."""
    registry = Registry.read(root)
    return registry, Graph.read(root, registry)


@cache
def _gate(repository: Path) -> Gate:
    from expectations.gate import Gate

    return Gate(read_repository(repository)[0], Settings().home / "gx")


def open_home(home: Path, repository: Path = REPOSITORY) -> Workspace:
    space = Workspace(Settings(home=home, repository=repository, threads=1), *read_repository(repository))
    # All homes share one gate: it takes seconds to ask every rule of every table what it needs.
    space.gate = _gate(repository)
    return space


def load(home: Path, days: Iterable[date] | None = None, repository: Path = REPOSITORY) -> list[RunReport]:
    """Load deliveries in the given order (default: all, oldest first); one report each."""
    space = open_home(home, repository)
    try:
        return [load_day(space, day) for day in (days or space.deliveries.days())]
    finally:
        space.close()


def load_day(space: Workspace, day: date) -> RunReport:
    """What the daily flow does, without Prefect."""
    space.begin()
    for file in work.find(space, day):
        work.ingest(space, file)
    work.curate_and_build(space, day)
    work.finish(space, day)
    return space.report


def query(home: Path, sql: str) -> pl.DataFrame:
    """Ask a home's warehouse in DuckDB's own words."""
    with open_warehouse(Settings(home=home), read_only=True) as warehouse:
        return warehouse.native(sql)


def tables(home: Path, layers: Iterable[str] = LAYERS) -> dict[str, pl.DataFrame]:
    """Every table of the layers with all its rows, in an order that only their content decides."""
    with open_warehouse(Settings(home=home), read_only=True) as warehouse:
        names = warehouse.native(
            "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables ORDER BY 1"
        )
        wanted = [n for n in names.get_column("name") if n.partition(".")[0] in set(layers)]
        return {name: warehouse.native(f"SELECT * FROM {name} ORDER BY ALL") for name in wanted}


def built(home: Path) -> dict[str, pl.DataFrame]:
    """Curated, core and mart tables, but for marts about the runs themselves: those read the audit tables."""
    _, graph = read_repository()
    of_runs = {str(t) for t in graph.tables if any(u.layer == "audit" for u in graph.upstream(t))}
    return {name: rows for name, rows in tables(home, ("curated", "core", "mart")).items() if name not in of_runs}


def unaccounted(home: Path) -> dict[str, tuple[int, int]]:
    """Computed tables whose rows are not what the recorded builds inserted less what they deleted: (recorded, rows)."""
    sums = query(home, "SELECT table_name, SUM(inserted_rows - deleted_rows)::INT FROM audit.table_build GROUP BY 1")
    recorded = dict(sums.iter_rows())
    rows = {name: frame.height for name, frame in tables(home, ("curated", "core", "mart")).items()}
    return {name: (recorded.get(name, 0), count) for name, count in rows.items() if recorded.get(name, 0) != count}


def differences(left: dict[str, pl.DataFrame], right: dict[str, pl.DataFrame]) -> dict[str, str]:
    """Tables whose rows are not the same, with the first rows that only one side has; empty where all are equal."""
    out = dict.fromkeys(left.keys() ^ right.keys(), "only on one side")
    for name in left.keys() & right.keys():
        if left[name].equals(right[name]):
            continue
        sides = (left[name], right[name]), (right[name], left[name])
        lost, new = (a.join(b, on=a.columns, how="anti", nulls_equal=True) for a, b in sides)
        out[name] = f"{left[name].height} and {right[name].height} rows; lost {lost.rows()[:2]}, new {new.rows()[:2]}"
    return out
