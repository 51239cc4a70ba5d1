"""The views for BI follow their contracts: made where they lack, anew where contract or table changed, else left alone.

`audit.schema_change` has the statements that made each view, so that a run which changes nothing asks two questions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

from contracts.ids import BI_SCHEMA
from contracts.registry import Registry
from sql import views
from sql.views import View
from tasks.warehouse import Warehouse, WarehouseError


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


def export(
    warehouse: Warehouse, shown: Iterable[View], target: Path, *, keep_out: Iterable[Path | str] = ()
) -> dict[str, int]:
    """Write each view's rows as a table `bi.<view>` of a DuckDB file, replaced in one step; returns rows by view.

    Raises WarehouseError on Redshift and for a file that is no such copy, ValueError for a target that may not be.
    """
    if warehouse.engine != "duckdb":
        raise WarehouseError("BI tools ask Redshift itself (`dw bi role`); a file is copied of a local warehouse only")
    target = target.expanduser().resolve()
    if kept := [place for place in keep_out if target.is_relative_to(Path(place).resolve())]:
        raise ValueError(f"{target} lies within {kept[0]}, where the warehouse keeps its own files")
    if target.stem == BI_SCHEMA:
        # DuckDB calls a file's catalogue by its name, and `bi.daily_revenue` would be of the file or of the schema.
        raise ValueError(f"a file called {target.name} hides its own schema {BI_SCHEMA}; name it otherwise")
    wanted = list(shown)
    if lacking := sorted({view.name for view in wanted} - warehouse.views()):
        raise WarehouseError(f"the warehouse lacks {', '.join(lacking)}; `dw migrate --apply` makes them")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Comments alone: the first statement of a view makes it.
    return warehouse.copy_out({view.name: view.create()[1:] for view in wanted}, target)
