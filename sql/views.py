"""Views for BI: `bi.daily_revenue` shows `mart.finance_daily_revenue`, without personal data; made of contracts alone.

They are bound to their tables (no `WITH NO SCHEMA BINDING`): Redshift takes no comment on a column of a late-binding
view and lists none of its columns in `information_schema`, where BI tools look. Publishing never replaces a table; a
migration that copies one drops its view before and makes it anew after. Names are plain: Redshift folds even quoted
ones to lower case, unless a cluster is told otherwise, and a name with blanks is to be quoted in each query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contracts.ids import BI_SCHEMA, TableId
from contracts.model import Column, Contract
from contracts.registry import Registry
from sql import ddl, portable
from sql.dialect import parse_select

SHOWN_LAYERS = ("core", "mart")
# A contract's tag: of those layers, what the warehouse keeps for itself.
INTERNAL = "internal"


@dataclass(frozen=True)
class View:
    """One view, `bi.<name in words>`, of one table; `columns` are the table's without those that are personal."""

    name: str
    contract: Contract

    @property
    def table(self) -> TableId:
        return self.contract.table

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(c for c in self.contract.columns if not c.is_pii)

    @property
    def text(self) -> str:
        """The SELECT, in Redshift's dialect."""
        names = ",\n".join(f"    {c.name}" for c in self.columns)
        return f"SELECT\n{names}\nFROM {self.table}"

    def create(self) -> list[str]:
        """The statements that make the view, with what it and its columns are called and mean."""
        contract = self.contract
        told = [f"COMMENT ON VIEW {self.name} IS {ddl.literal(_sentence(contract.business_name, view_meaning(self)))}"]
        told += [
            f"COMMENT ON COLUMN {self.name}.{c.name} IS {ddl.literal(_sentence(c.business_name, c.description))}"
            for c in self.columns
        ]
        return [f"CREATE VIEW {self.name} AS\n{self.text}", *told]

    def drop(self) -> str:
        return f"DROP VIEW IF EXISTS {self.name}"


def views(registry: Registry) -> tuple[View, ...]:
    """The views of every table that is shown, by name."""
    shown = (c for layer in SHOWN_LAYERS for c in registry.layer(layer) if INTERNAL not in c.tags)
    return tuple(sorted((View(view_name(c), c) for c in shown), key=lambda view: view.name))


def view_name(contract: Contract) -> str:
    """The name of a table's view: what reports call the table, in snake_case."""
    return f"{BI_SCHEMA}.{_slug(contract.business_name) or contract.table.name}"


def view_meaning(view: View) -> str:
    """What the rows are, and what one of them stands for."""
    return " ".join(part for part in (view.contract.description, view.contract.grain) if part)


def create_schema() -> str:
    return next(iter(ddl.create_schemas([BI_SCHEMA])))


def faults(shown: Iterable[View]) -> Iterator[str]:
    """Names that are no names, or of two tables; SELECTs that are not portable."""
    seen: dict[str, Contract] = {}
    for view in shown:
        at, name = f"{view.contract.file}:1", view.name.partition(".")[2]
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or portable.is_reserved(name):
            yield f"{at}: view: {view.contract.business_name!r} makes no name for a view: {name!r}"
        elif view.name in seen:
            yield f"{at}: view: {view.name} is that of {seen[view.name].table} already; their businessName is the same"
        seen.setdefault(view.name, view.contract)
        if not view.columns:
            yield f"{at}: view: {view.name} has no column, as all of {view.table} are personal; tag it {INTERNAL}"
            continue
        for fault in portable.faults(parse_select(view.text, view.contract.file), spark=False):
            yield f"{at}: view: {fault.rule}: {fault.message}"


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def _sentence(name: str, meaning: str) -> str:
    """`Orders. Orders that are revenue.`, or what there is of the two."""
    return f"{name}. {meaning}" if name and meaning else name or meaning
