"""What can be searched from every page: tables, columns, the words that describe them, and the other parts by title."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tasks.site.facts import SiteFacts
from tasks.site.page import NOTEBOOKS, File, Page, table_path
from tasks.site.render import NAV, as_json

_NOTEBOOKS = NOTEBOOKS.removesuffix("index.html")
# A script that sets one variable: a page that is opened from a file may load scripts, and nothing else.
DATA = "search-data.js"


class Document(NamedTuple):
    """What can be found: `name` is shown and weighs most, `text` describes it, `url` is where it is told of."""

    url: str
    kind: str
    name: str
    title: str
    text: str


def data(facts: SiteFacts, pages: Iterable[Page]) -> File:
    """The documents of a site that has these pages."""
    return File(DATA, f"window.searchDocuments = {as_json(list(documents(facts, pages)))};\n")


def documents(facts: SiteFacts, pages: Iterable[Page]) -> Iterator[Document]:
    """One per table, per column, per notebook and per part of the site."""
    parts = {target for _, target, _ in NAV}
    for shown in pages:
        if shown.path in parts:
            yield Document(shown.path, "part", shown.title, "", "")
        elif shown.path.startswith(_NOTEBOOKS):
            yield Document(shown.path, "notebook", shown.title, "", "")
    for table, contract in facts.registry.items():
        page = table_path(table)
        yield Document(page, "table", str(table), contract.business_name, contract.description)
        for column in contract.columns:
            yield Document(
                f"{page}#{column.name}", "column", f"{table}.{column.name}", column.business_name, column.description
            )
