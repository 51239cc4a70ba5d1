"""What can be searched from every page: tables, columns, and the words that describe them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tasks.site.facts import SiteFacts
from tasks.site.page import File, table_path
from tasks.site.render import as_json

# A script that sets one variable: a page that is opened from a file may load scripts, and nothing else.
DATA = "search-data.js"


def pages(facts: SiteFacts) -> Iterator[File]:
    """The documents of the search: one per table, one per column."""
    yield File(DATA, f"window.searchDocuments = {as_json(list(documents(facts)))};\n")


class Document(NamedTuple):
    """What can be found: `name` is shown and weighs most, `text` describes it, `url` is where it is told of."""

    url: str
    kind: str
    name: str
    title: str
    text: str


def documents(facts: SiteFacts) -> Iterator[Document]:
    """One per table and one per column."""
    for table, contract in facts.registry.items():
        page = table_path(table)
        yield Document(page, "table", str(table), contract.business_name, contract.description)
        for column in contract.columns:
            yield Document(
                f"{page}#{column.name}", "column", f"{table}.{column.name}", column.business_name, column.description
            )
