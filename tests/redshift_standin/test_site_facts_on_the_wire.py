"""What the pages of quality and runs are made of, read from Redshift as from DuckDB."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path

import redshift_connector
from long_history import History

from contracts.registry import Registry
from redshift_standin import Standin
from sql import ddl
from tasks.settings import Settings
from tasks.site.quality_facts import read_quality
from tasks.site.run_facts import read_runs
from tasks.warehouse.base import Warehouse
from tasks.warehouse.duckdb import DuckDBWarehouse
from tasks.warehouse.redshift import RedshiftWarehouse

TABLES = ("raw.orders", "core.fact_sales")


def told(warehouse: Warehouse, home: Path) -> dict[str, list[str]]:
    """The facts of a short history of two tables, as text."""
    registry = Registry.read()
    for statement in ddl.create_all(registry.layer("audit")):
        warehouse.execute(statement)
    for name, frame in History(days=4).frames(registry).items():
        few = frame.filter(frame["table_name"].is_in(TABLES))
        if few.height:
            warehouse.insert_rows(f"audit.{name}", few.columns, few.to_dicts())
    quality, runs = read_quality(warehouse), read_runs(warehouse, Settings(home=home))
    assert quality is not None
    assert runs is not None
    assert quality.day > date(2026, 1, 1)
    frames = {**vars(quality), "standings": quality.standings, **vars(runs)}
    return {
        name: sorted(
            "|".join(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row) for row in f.rows()
        )
        for name, f in frames.items()
        if hasattr(f, "rows")
    }


def test_both_engines_tell_the_same(standin: Standin, tmp_path: Path) -> None:
    login = {name: getattr(standin, name) for name in ("host", "port", "user", "password", "database")}
    with RedshiftWarehouse(partial(redshift_connector.connect, **login, sslmode="verify-full")) as redshift:
        there = told(redshift, tmp_path)
    with DuckDBWarehouse(None) as duckdb:
        here = told(duckdb, tmp_path)
    assert all(here[name] for name in ("scores", "rules", "audits", "runs", "batches", "builds"))
    assert there == here
