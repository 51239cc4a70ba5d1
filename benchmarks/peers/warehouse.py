"""This warehouse as a contender, on a home of its own.

`python warehouse.py load <inbox> <home>`: delivered files to clean tables: control totals, gates, quarantine, ledger.
`python warehouse.py build <clean files> <home>`: clean files to clean tables to all others, with gates, queues, ledger.
"""

from __future__ import annotations

import hashlib
import sys
from datetime import date
from functools import partial
from pathlib import Path

from contracts.ids import TableId
from contracts.model import Contract
from tasks import delivery as work
from tasks import ledger
from tasks.lake import LakeFile, batch_key
from tasks.load import Counts
from tasks.settings import Settings
from tasks.workspace import Workspace


def load(space: Workspace, inbox: Path) -> None:
    """Take every file of an inbox to its clean table."""
    (space.settings.home / "inbox").symlink_to(inbox, target_is_directory=True)
    for day in space.deliveries.days():
        for file in work.find(space, day):
            work.ingest(space, file)


def build(space: Workspace, clean: Path) -> None:
    """Load one clean file per table, then make every other table."""
    day = date.today()
    for raw in work.delivered_order(space.registry):
        contract = space.registry[TableId("clean", raw.table.name)]
        source = clean / contract.table.name / "rows.parquet"
        batch_id = hashlib.md5(f"{contract.table}".encode(), usedforsecurity=False).hexdigest()
        # The lake's copy is for the lake transforms; its folder says a delivery date, which is not that of all rows.
        space.lake.put_file(batch_key(contract.table.lake_prefix, day, batch_id, source.name), source)
        publish = partial(_record, space, raw, source, batch_id, day)
        space.loader.load_batch(contract, [LakeFile.local(source)], batch_id, publish)
    space.loader.delivery = day
    work.curate_and_build(space, day)


def _record(space: Workspace, raw: Contract, file: Path, batch_id: str, day: date, counts: Counts) -> None:
    entry = ledger.Entry(
        batch_id=batch_id,
        run_id=space.run_id,
        source=space.settings.source,
        table_name=str(raw.table),
        delivery_date=day,
        file_name=file.name,
        content_hash=batch_id,
        bytes=file.stat().st_size,
        delivered_rows=counts.staged,
        loaded_rows=counts.loaded,
        duplicate_rows=counts.duplicate,
        quarantined_rows=0,
        excluded_rows=0,
        status="loaded",
        error=None,
        contract_version=raw.version,
        loaded_at=space.loader.run_at,
    )
    ledger.record(space.warehouse, entry)


def main(what: str, source: Path, home: Path) -> int:
    home.mkdir(parents=True)
    space = Workspace.open(Settings(home=home))
    try:
        space.begin()
        {"load": load, "build": build}[what](space, source)
        for failure in space.report.failures:
            sys.stderr.write(f"{failure}\n")
        return 1 if space.report.failures else 0
    finally:
        space.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
