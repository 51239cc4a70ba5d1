"""What is deployed for Glue: the job's script and, for each curated table, its Spark SQL and the schemas around it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from contracts.ids import TableId
from contracts.registry import Registry
from contracts.spark_types import spark_schema, spark_type
from sql.ddl import queue_column
from sql.graph import Graph
from sql.lake import flat, lake_view, spark_select

SCRIPT = Path(__file__).with_name("glue_job.py")
LAYER = "curated"


@dataclass(frozen=True)
class Entry:
    """A table's part of the bundle: the SQL, and as JSON the views it reads, the taken keys and the output, typed.

    `hash` stands for both: the job refuses a plan that was made for another bundle.
    """

    table: TableId
    sql: str
    schemas: str

    @property
    def hash(self) -> str:
        return _hash(self.schemas)

    @property
    def files(self) -> dict[str, str]:
        """Path below the bundle's folder to text."""
        stem = f"{self.table.layer}/{self.table.name}"
        return {f"{stem}.spark.sql": self.sql, f"{stem}.json": self.schemas}


def entry(table: TableId, registry: Registry, graph: Graph) -> Entry:
    """The bundle's part for a table; SqlError where Spark cannot say its SELECT."""
    contract = registry[table]
    key, type_ = queue_column(contract)
    head = f"-- Made of {table.sql_file} and its contract by `dw glue bundle`; do not change it here.\n"
    sql = f"{head}{spark_select(table, registry, graph)}\n"
    schemas = {
        "table": str(table),
        "sql_hash": _hash(sql),
        "sources": {flat(lake_view(s)): spark_schema(registry[s]) for s in sorted(graph.upstream(table))},
        "taken": {"view": flat(table.taken), "columns": {key: spark_type(type_)}},
        "output": spark_schema(contract),
    }
    return Entry(table, sql, json.dumps(schemas, indent=1) + "\n")


def write_bundle(folder: Path, registry: Registry, graph: Graph) -> list[Path]:
    """Write script and entries below a folder; files of tables that are gone are removed. Returns what it wrote."""
    texts = {SCRIPT.name: SCRIPT.read_text(encoding="utf-8")}
    for table in graph.tables:
        if table.layer == LAYER:
            texts |= entry(table, registry, graph).files
    for pattern in ("*.spark.sql", "*.json"):
        for stale in (folder / LAYER).glob(pattern):
            if stale.relative_to(folder).as_posix() not in texts:
                stale.unlink()
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
