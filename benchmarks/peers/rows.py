"""What a contender made, as JSON: of each table what must be the same for all.

`python rows.py build <database>`: rows and the sum of the hashes of all rows, by table, in the contract's columns.
`python rows.py load <database>`: rows that were read from the files, by raw table; dlt's or this warehouse's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from peer_projects import tables_of

from contracts.ids import TableId
from contracts.registry import REPOSITORY, Registry
from sql.graph import Graph
from tasks.quarantine import malformed_rule
from tasks.warehouse.duckdb import DuckDBWarehouse

_READ = (
    "SELECT table_name, SUM(delivered_rows) AS delivered_rows FROM audit.load_ledger "
    "WHERE status = 'loaded' GROUP BY table_name"
)


def built(database: DuckDBWarehouse, registry: Registry) -> dict[str, str]:
    """Count and checksum of every table that all contenders build."""
    found = {}
    for table in tables_of(registry, Graph.read(REPOSITORY, registry)):
        columns = ", ".join(registry[table].names)
        answer = database.native(f"SELECT COUNT(h) AS n, SUM(h) AS s FROM (SELECT hash({columns}) AS h FROM {table})")
        count, total = answer.row(0)
        found[str(table)] = f"{count} rows, sum of hashes {total}"
    return found


def read(database: DuckDBWarehouse, registry: Registry) -> dict[str, str]:
    """Rows of each raw table; records that are no row (a CSV's with a field too many, a broken JSON line) are none."""
    tables = [raw.table for raw in registry.layer("raw") if TableId("clean", raw.table.name) in registry]
    if not database.has_table("audit.load_ledger"):
        counts = {}
        for table in tables:
            counts[table] = database.native(f"SELECT COUNT(hash(t)) AS n FROM {table} AS t").item()
    else:
        counts = {TableId.parse(name): int(count) for name, count in database.query(_READ).iter_rows()}
        for table in tables:
            rule = malformed_rule(table)
            broken = database.query(f"SELECT SUM(row_count) AS n FROM audit.quarantine WHERE rule_id = '{rule}'").item()
            counts[table] -= int(broken or 0)
    return {str(table): f"{counts[table]} rows" for table in tables}


if __name__ == "__main__":
    with DuckDBWarehouse(Path(sys.argv[2]), read_only=True) as opened:
        what = {"build": built, "load": read}[sys.argv[1]]
        sys.stdout.write(json.dumps(what(opened, Registry.read())))
