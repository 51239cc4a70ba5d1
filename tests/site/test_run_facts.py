"""What the pages of runs are made of: the ledger, builds, metrics and alerts, by run."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from contracts.registry import Registry
from sql import ddl
from tasks.metrics import documents, write
from tasks.settings import Settings
from tasks.site import run_pages
from tasks.site.run_facts import RunFacts, read_runs
from tasks.warehouse.duckdb import DuckDBWarehouse

FIRST, SECOND = datetime(2026, 1, 5, 10), datetime(2026, 2, 6, 10)


def entry(run: str, at: datetime, table: str, **more: object) -> dict[str, object]:
    rest = {"source": "shop", "content_hash": "", "bytes": 1, "contract_version": "1", "excluded_rows": 0}
    rows = {"delivered_rows": 10, "loaded_rows": 7, "duplicate_rows": 1, "quarantined_rows": 2, "status": "loaded"}
    ids = {"batch_id": f"{run}{table}", "run_id": run, "table_name": table, "file_name": f"{table}.csv"}
    return {**rest, **rows, **ids, "delivery_date": at.date(), "loaded_at": at, "error": None, **more}


def read(home: Path) -> RunFacts | None:
    settings, registry = Settings(home=home), Registry.read()
    with DuckDBWarehouse(None) as warehouse:
        for statement in ddl.create_all(registry.layer("audit")):
            warehouse.execute(statement)
        if read_runs(warehouse, settings) is not None:
            pytest.fail("nothing was run yet")
        rejected = {"status": "rejected", "error": "no header", "loaded_rows": 0, "duplicate_rows": 0}
        broken = entry("second", SECOND, "raw.refunds", **rejected, delivered_rows=0, quarantined_rows=0)
        for row in (entry("first", FIRST, "raw.orders"), entry("second", SECOND, "raw.orders"), broken):
            warehouse.insert_rows("audit.load_ledger", list(row), [row])
        for run, at in (("first", FIRST), ("second", SECOND)):
            build = {"run_id": run, "table_name": "core.fact_sales", "inserted_rows": 4, "updated_rows": 1}
            rest = {"deleted_rows": 0, "staged_rows": 5, "seconds": 1.5, "definition_hash": "", "built_at": at}
            warehouse.insert_rows("audit.table_build", [*build, *rest], [{**build, **rest}])
        return read_runs(warehouse, settings)


@pytest.fixture
def found(tmp_path: Path) -> RunFacts:
    settings = Settings(home=tmp_path)
    counts = {"RunSeconds": 12.5, "RunFailures": 1, "RunWarnings": 2}
    write(settings, documents(settings, "daily", "second", SECOND, [{}], counts, {"clean": 2.0, "core": 9.0}))
    with settings.metrics_file.open("a") as file:
        file.write('{"run_id":"first","RunSeconds":')  # killed while it wrote
    alert = {"at": "2026-02-06T10:05:00+00:00", "severity": "warning", "what": "quarantined", "table": "raw.orders"}
    settings.alert_file.write_text(json.dumps({**alert, "text": "2 of 10 rows"}) + "\n")
    facts = read(tmp_path)
    assert facts is not None
    return facts


def test_a_run_has_its_rows_tables_seconds_and_alerts(found: RunFacts) -> None:
    second, first = run_pages.summaries(found).iter_rows(named=True)
    assert (second["run_id"], first["run_id"]) == ("second", "first")
    assert (second["files"], second["rejected"], second["delivered_rows"], second["quarantined_rows"]) == (2, 1, 10, 2)
    assert (second["tables"], second["build_seconds"], second["told"]) == (1, 1.5, 1)
    assert (second["flow"], second["seconds"], second["failures"], second["warnings"]) == ("daily", 12.5, 1, 2)
    assert second["stages"] == [{"stage": "clean", "seconds": 2.0}, {"stage": "core", "seconds": 9.0}]
    assert (first["flow"], first["seconds"], first["told"]) == (None, None, 0)


def test_an_alert_is_of_the_run_that_had_begun(found: RunFacts) -> None:
    assert found.alerts.select("run_id", "table", "text").rows() == [("second", "raw.orders", "2 of 10 rows")]
