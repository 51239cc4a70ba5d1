"""What a page family gives, and where each page lies: every link of the site follows from these addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.ids import TableId

CATALOG, LINEAGE, QUALITY, RUNS, NOTEBOOKS = (
    "index.html",
    "lineage/index.html",
    "quality/index.html",
    "runs/index.html",
    "notebooks/index.html",
)
# Rendered and pruned by what renders Data Docs, inside the site's folder.
DATA_DOCS = "data_docs"
DOCS_INDEX = f"{DATA_DOCS}/index.html"


@dataclass(frozen=True)
class Page:
    """One HTML page: `path` below the site's folder, and the template that shows `context` inside the site's shell."""

    path: str
    title: str
    template: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class File:
    """One file that no template makes: data for a script, a text to download."""

    path: str
    body: str | bytes


def table_path(table: TableId) -> str:
    """A table's page of the catalog."""
    return f"tables/{table}.html"


def lineage_path(table: TableId) -> str:
    """Where a table's columns come from and go to; `#column` shows one of them."""
    return f"lineage/{table}.html"


def quality_path(table: TableId) -> str:
    """A table's scores, measures and quarantine over time."""
    return f"quality/{table}.html"


def audit_path(name: str) -> str:
    """The page of Data Docs of an audit, by its name: `<layer>.<table>.<place>[.<audit>]`."""
    return f"{DATA_DOCS}/{name}.html"


def contract_path(table: TableId) -> str:
    """A table's contract as it is written."""
    return f"contracts/{table}.html"


def relative(path: str, start: str) -> str:
    """The link from the page at `start` to `path`, both below the site's folder."""
    return "../" * start.count("/") + path
