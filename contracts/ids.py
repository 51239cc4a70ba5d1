"""Names: the one place that builds the name of anything that belongs to a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

LAYERS = ("raw", "clean", "curated", "core", "mart", "audit")
# Raw tables stay in the lake; RAW is a reserved word of Redshift besides.
WAREHOUSE_LAYERS = LAYERS[1:]
# What can lie in a bucket of its own; the last takes all that is of no layer: the lease, plans of Glue jobs.
LAKE_BUCKETS = ("raw", "clean", "curated", "quarantine", "artifacts")
STAGE_SCHEMA = "stage"
# Views for reports: no layer, since nothing is made of them.
BI_SCHEMA = "bi"
# What reads tables and makes none: checks of figures, views for BI tools, notebooks.
Consumes = Literal["reconciliation", "bi", "notebook"]
CONSUMERS: tuple[Consumes, ...] = ("reconciliation", "bi", "notebook")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, order=True, slots=True)
class TableId:
    """A table's name, `<layer>.<table>`; contract, SQL, suite, stage table and lake prefix all follow from it."""

    layer: str
    name: str

    def __post_init__(self) -> None:
        if self.layer not in LAYERS:
            raise ValueError(f"unknown layer {self.layer!r} in {self.layer}.{self.name}: one of {', '.join(LAYERS)}")
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"table name {self.name!r} is not snake_case")

    @classmethod
    def parse(cls, text: str) -> TableId:
        """Read `core.fact_sales`; raise ValueError with the layers that exist."""
        layer, dot, name = text.partition(".")
        if not dot:
            raise ValueError(f"{text!r} is not <layer>.<table>, for example core.fact_sales")
        return cls(layer, name)

    def __str__(self) -> str:
        return f"{self.layer}.{self.name}"

    @property
    def contract_file(self) -> PurePosixPath:
        return PurePosixPath("contracts", self.layer, f"{self.name}.yaml")

    @property
    def sql_file(self) -> PurePosixPath:
        return PurePosixPath("sql", self.layer, f"{self.name}.sql")

    @property
    def suite_file(self) -> PurePosixPath:
        return PurePosixPath("expectations", "suites", self.layer, f"{self.name}.json")

    @property
    def case_file(self) -> PurePosixPath:
        return PurePosixPath("tests", "cases", self.layer, f"{self.name}.yaml")

    @property
    def stage(self) -> str:
        """The table in which new rows wait for their audit."""
        return f"{STAGE_SCHEMA}.{self.layer}__{self.name}"

    @property
    def pending(self) -> str:
        """The queue of increment keys whose rows must be computed anew."""
        return f"{STAGE_SCHEMA}.pending__{self.layer}__{self.name}"

    @property
    def taken(self) -> str:
        """The keys that a build has taken out of the queue and that the publish of that build will settle."""
        return f"{STAGE_SCHEMA}.taken__{self.layer}__{self.name}"

    @property
    def changes(self) -> str:
        """Before and after images of the rows that one merge touches."""
        return f"{STAGE_SCHEMA}.changes__{self.layer}__{self.name}"

    @property
    def lake_prefix(self) -> str:
        return f"{self.layer}/{self.name}"

    @property
    def quarantine_prefix(self) -> str:
        return f"quarantine/{self.layer}/{self.name}"


@dataclass(frozen=True, order=True, slots=True)
class ConsumerId:
    """The name of something that reads tables and makes none, `<layer>.<name>`: `notebook.05_inventory`."""

    layer: Consumes
    name: str

    def __str__(self) -> str:
        return f"{self.layer}.{self.name}"


Node = TableId | ConsumerId


def by_layer(node: Node) -> tuple[int, str]:
    """The order in which rows flow: by layer, from the delivered tables to who reads, then by name."""
    return (*LAYERS, *CONSUMERS).index(node.layer), node.name


@dataclass(frozen=True, slots=True)
class ColumnId:
    """One column of a table, or of what a view or notebook makes of tables; in the order of `by_layer`."""

    table: Node
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"

    def __lt__(self, other: ColumnId) -> bool:
        return (by_layer(self.table), self.column) < (by_layer(other.table), other.column)


def physical_schema(schema: str, environment: str = "") -> str:
    """The schema's name in an environment: `core` in production, `dev_core` in `dev`."""
    return f"{environment}_{schema}" if environment else schema


def physical_schema_of(schema: str, environment: str = "") -> str:
    """The same of any schema: one that is not ours has the same name in every environment."""
    ours = (*WAREHOUSE_LAYERS, STAGE_SCHEMA, BI_SCHEMA)
    return physical_schema(schema, environment) if schema in ours else schema


def lake_bucket(key: str) -> str:
    """Which of the buckets holds a key of the lake: that of its first part."""
    layer = key.partition("/")[0]
    return layer if layer in LAKE_BUCKETS else LAKE_BUCKETS[-1]
