"""The views for BI follow their contracts: made where they lack, anew where contract or table changed, else left alone.

`audit.schema_change` has the statements that made each view, so that a run which changes nothing asks two questions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import md5

from contracts.ids import BI_SCHEMA
from contracts.registry import Registry
from sql import views
from sql.views import View
from tasks.warehouse import Warehouse


@dataclass(frozen=True)
class ViewPlan:
    """`make`: views to make, or to make anew. `drop`: names of views that no contract has any more."""

    make: tuple[View, ...] = ()
    drop: tuple[str, ...] = ()
    standing: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.make or self.drop)

    def in_the_way(self, altered: Collection[str]) -> list[str]:
        """Statements that drop the views of tables that are to be altered; nothing alters a table below a view."""
        names = {view.name: view for view in self.make}
        gone = [n for n in sorted(self.standing) if n in self.drop or (n in names and str(names[n].table) in altered)]
        return [f"DROP VIEW {name}" for name in gone]

    def statements(self) -> list[str]:
        """Everything that is to be run, in order, in one transaction."""
        drops = [f"DROP VIEW IF EXISTS {name}" for name in self.drop]
        if not self.make:
            return drops
        made = [statement for view in self.make for statement in (view.drop(), *view.create())]
        return [views.create_schema(), *drops, *made]


def plan(
    warehouse: Warehouse, registry: Registry, recorded: Mapping[str, str], altered: Iterable[str] = ()
) -> ViewPlan:
    """What must happen so that every view is as its contract has it; reads only.

    `recorded`: MD5 of the statements that made each view, where a history is kept. `altered`: tables that are about to
    be made, or altered.
    """
    standing, touched = warehouse.views(), set(altered)
    wanted = views.views(registry)
    make = tuple(
        view
        for view in wanted
        if view.name not in standing
        or str(view.table) in touched
        or (recorded and recorded.get(view.name) != fingerprint(view))
    )
    return ViewPlan(make, tuple(sorted(standing - {view.name for view in wanted})), frozenset(standing))


def recorded_statements(view: View) -> str:
    """What the history keeps of a view."""
    return ";\n".join(view.create())


def fingerprint(view: View) -> str:
    return md5(recorded_statements(view).encode(), usedforsecurity=False).hexdigest()


def is_view(name: str) -> bool:
    return name.startswith(f"{BI_SCHEMA}.")
