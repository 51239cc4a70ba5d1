"""Glue, and a whole daily run on AWS beside the same run on this machine."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import polars as pl
from small_shop import load, load_day, read_repository, tables
from smoke_steps import Place

from tasks import aws
from tasks.generate import Size, generate_delivery
from tasks.glue_bundle import write_bundle
from tasks.s3 import Store
from tasks.warehouse import open_warehouse
from tasks.workspace import Workspace

SIZE = Size(customers=40, products=20, orders=80, web_events=600, days=2)
# Ids of runs and instants of loading differ from run to run; what reads the audit tables does too.
LAYERS = ("clean", "curated", "core", "mart")


def bundle(place: Place) -> str:
    """The bundle that the job reads is the one of this code."""
    job = aws.client("glue").get_job(JobName=place.settings.glue_job)["Job"]
    url = job.get("DefaultArguments", {}).get("--bundle", "")
    assert url, f"job {place.settings.glue_job} has no default argument --bundle"
    folder, deployed = place.folder / "bundle", Store(url)
    registry, graph = read_repository(place.settings.repository)
    written = write_bundle(folder, registry, graph)
    for path in written:
        name = path.relative_to(folder).as_posix()
        assert deployed.head(name), f"{deployed.uri(name)} is not there: dw glue bundle, then copy it"
        assert deployed.get(name)[0] == path.read_bytes(), f"{deployed.uri(name)} is of another version"
    return f"{len(written)} files at {url}"


def daily(place: Place) -> str:
    """Two days, hash for hash; the curated table comes from Glue, and from DuckDB on this machine."""
    settings = place.settings
    made = generate_delivery(place.folder / "made", size=SIZE)
    home = place.folder / "local"
    shutil.copytree(made.root, home / "inbox")
    local = load(home, repository=settings.repository)
    runs: dict[str, str] = {}
    space = Workspace(settings, *read_repository(settings.repository))
    try:
        space.deliveries.take_over(made.root)
        for day, beside in zip(space.deliveries.days(), local, strict=True):
            report = load_day(space, day)
            assert report.failures == beside.failures, report.failures
            runs |= report.glue_runs
    finally:
        space.close()
    assert "curated.web_sessions" in runs.values(), "no transform ran on Glue"
    ours, theirs = (dict(hashes(found)) for found in (tables(home, LAYERS).items(), _on_redshift(place)))
    of_runs = {str(table) for table, up in _upstream(place) if any(u.layer == "audit" for u in up)}
    differing = sorted(t for t in ours.keys() | theirs.keys() if t not in of_runs and ours.get(t) != theirs.get(t))
    assert not differing, f"differ from local mode: {', '.join(differing)}"
    equal = len(ours.keys() - of_runs)
    return f"{equal} tables of {len(made.days)} days equal local mode; Glue runs: {len(runs)}"


def hashes(found: Iterable[tuple[str, pl.DataFrame]]) -> Iterator[tuple[str, str]]:
    """Table and a hash of its columns and rows, whatever their order and the engine's width of numbers."""
    for name, frame in found:
        columns = sorted(frame.columns)
        rows = sorted(repr([_plain(value) for value in row]) for row in frame.select(columns).iter_rows())
        yield name, hashlib.sha256("\n".join([*columns, *rows]).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.12g}"
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value


def _on_redshift(place: Place) -> Iterator[tuple[str, pl.DataFrame]]:
    registry, _ = read_repository(place.settings.repository)
    with open_warehouse(place.settings) as warehouse:
        standing = warehouse.columns()
        for contract in registry.values():
            name = str(contract.table)
            if contract.table.layer in LAYERS and name in standing:
                columns = ", ".join(f'"{column}"' for column in standing[name])
                yield name, warehouse.query(f"SELECT {columns} FROM {name}")


def _upstream(place: Place) -> Iterator[tuple[Any, Any]]:
    _, graph = read_repository(place.settings.repository)
    for table in graph.tables:
        yield table, graph.upstream(table)
