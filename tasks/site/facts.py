"""What the pages are made of, read once: contracts, SQL and rules, and what the warehouse says of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from contracts.ids import TableId
from contracts.registry import Registry
from expectations.audits import page_parts
from expectations.rules import Rule, rules_of
from sql.graph import Graph
from sql.lineage import Lineage
from tasks.lineage import read_lineage
from tasks.settings import Settings
from tasks.site.catalog_facts import TableFacts, read_tables
from tasks.site.page import audit_path
from tasks.site.quality_facts import QualityFacts, audit_pages, read_quality
from tasks.site.run_facts import RunFacts, read_runs
from tasks.warehouse import Warehouse


@dataclass(frozen=True)
class SiteFacts:
    """One source's warehouse at one instant; without a warehouse (nothing was ever run) what contracts and SQL say.

    `tables`: what the warehouse says of each table that stands in it. `lacking`: the columns of audit tables that it
    does not have, since an earlier version made it; quality and runs are not read from it then.
    """

    settings: Settings
    registry: Registry
    graph: Graph
    built_at: datetime
    has_warehouse: bool = False
    tables: Mapping[TableId, TableFacts] = field(default_factory=dict)
    quality: QualityFacts | None = None
    runs: RunFacts | None = None
    audit_pages: frozenset[str] = frozenset()
    lacking: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The repository that contracts and SQL were read from."""
        return self.settings.repository

    @cached_property
    def latest_audits(self) -> dict[TableId, list[tuple[str, str]]]:
        """Place and page in Data Docs of the latest audits of each table."""
        found: dict[TableId, list[tuple[str, str]]] = {}
        for name in sorted(self.audit_pages):
            table, place, audit = page_parts(name)
            if not audit:
                found.setdefault(table, []).append((place, audit_path(name)))
        return found

    @cached_property
    def rules(self) -> dict[TableId, tuple[Rule, ...]]:
        """Every rule of every table."""
        return {table: rules_of(contract) for table, contract in self.registry.items()}

    @cached_property
    def lineage(self) -> Lineage:
        """Lineage from the delivered columns to views and notebooks; of these, the ones that can be read."""
        return read_lineage(self.root, self.registry, self.graph, strict=False)


def read_facts(settings: Settings, warehouse: Warehouse | None, built_at: datetime) -> SiteFacts:
    """Read everything; raise ContractError or SqlError with file and line where a contract or a SELECT is wrong."""
    registry = Registry.read(settings.repository)
    graph = Graph.read(settings.repository, registry)
    if warehouse is None:
        return SiteFacts(settings, registry, graph, built_at)
    standing = warehouse.columns()
    books = (f"{c.table}.{name}" for c in registry.layer("audit") for name in c.names)
    lacking = tuple(name for name in books if name.rpartition(".")[2] not in standing.get(name.rpartition(".")[0], ()))
    return SiteFacts(
        settings,
        registry,
        graph,
        built_at,
        has_warehouse=True,
        tables=read_tables(warehouse, registry, graph, standing),
        quality=None if lacking else read_quality(warehouse),
        runs=None if lacking else read_runs(warehouse, settings),
        audit_pages=audit_pages(settings),
        lacking=lacking,
    )
