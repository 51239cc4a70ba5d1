"""The commands that read: `dw check`, `render`, `query`, `explain`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl
import sqlglot
from rich.box import SIMPLE
from rich.markup import escape
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table

from contracts.counted import counted
from contracts.ids import TableId
from contracts.model import Column, Contract
from contracts.registry import Registry
from contracts.source import ContractError
from expectations.rules import rules_of
from flows import names
from flows.screen import console, only_json, print_json
from sql import ddl, merge, portable, semantic, views
from sql.dialect import SqlError, line_of, macros_of, to_duckdb, to_redshift, to_spark
from sql.graph import Graph
from sql.reconcile import per_day, read_checks
from tasks import sql_cache
from tasks.scaffold import unfilled
from tasks.settings import Settings
from tasks.sources import settings_for
from tasks.warehouse import Warehouse, WarehouseError

# Tables of long names are lists where the terminal is narrower.
_WIDE = 110


def check(*, write: bool, as_json: bool) -> bool:
    """Check the whole repository; prints every fault, returns whether there was one."""
    with only_json(as_json):
        faults, counts = _checked(Settings().repository, write=write)
    if as_json:
        print_json({"faults": [_located(fault) for fault in faults], **counts})
    elif faults:
        sys.stderr.write("\n".join([*faults, f"dw check: {counted(len(faults), 'fault')}"]) + "\n")
    else:
        found = f"{counted(counts['contracts'], 'contract')} with {counted(counts['rules'], 'rule')}"
        console.print(f"{found}, {counted(counts['selects'], 'SELECT')}, suites fresh: no fault.")
    return bool(faults)


def _located(fault: str) -> dict[str, object]:
    """A fault by file and line, where it names them."""
    found = re.fullmatch(r"(?P<file>[^\s:]+):(?P<line>\d+): (?P<message>.*)", fault, re.DOTALL)
    if found is None:
        return {"file": None, "line": None, "message": fault}
    return {**found.groupdict(), "line": int(found["line"])}


def _checked(root: Path, *, write: bool) -> tuple[list[str], dict[str, int]]:
    """Every fault, and how much was looked at."""
    sql_cache.use(Settings().build_cache)
    try:
        registry = Registry.read(root, validate=True)
        rules = {contract.table: rules_of(contract) for contract in registry.values()}
        graph = Graph.read(root, registry)
    except (ContractError, SqlError) as error:
        return error.faults, {}
    from expectations.compiler import stale_suites, write_suites
    from sql.consumers import read_sound, views_as_consumers
    from sql.lineage import sound_consumers
    from sql.lint import lint
    from tasks.warehouse.duckdb import DuckDBWarehouse

    with DuckDBWarehouse(None) as empty:
        for statement in ddl.create_all(registry.values()):
            empty.execute(statement)
        faults = lint(registry, graph, describe=empty.describe)
        faults += list(_reconciliation_faults(root, registry, empty))
        faults += list(_view_faults(registry, empty))
        faults += list(semantic.faults(registry, empty.describe))
    notebooks, of_notebooks = read_sound(root)
    faults += of_notebooks + sound_consumers(graph, registry, [*views_as_consumers(registry), *notebooks])[1]
    if write:
        for path in write_suites(root, registry):
            console.print(f"written: {path}")
        for name in semantic.write(root, registry):
            console.print(f"written: {root / name}")
    faults += [*stale_suites(root, registry), *semantic.stale(root, registry), *unfilled(root, registry)]
    count = sum(len(r) for r in rules.values())
    return faults, {"contracts": len(registry), "rules": count, "selects": len(graph.tables)}


def _reconciliation_faults(root: Path, registry: Registry, empty: Warehouse) -> Iterator[str]:
    for check in read_checks(root, registry):
        try:
            for arm in check.arms:
                for fault in portable.faults(arm, spark=False):
                    yield f"{check.file}:{line_of(fault.node)}: {fault.rule}: {fault.message}"
            empty.query(per_day(check), reporting_currency=Settings().reporting_currency)
        except SqlError as error:
            yield from error.faults
        except WarehouseError as error:
            yield f"{check.file}:1: {error}"


def _view_faults(registry: Registry, empty: Warehouse) -> Iterator[str]:
    shown = views.views(registry)
    if found := list(views.faults(shown)):
        yield from found
        return
    for view in shown:
        try:
            empty.query(view.text)
        except (SqlError, WarehouseError) as error:
            yield f"{view.contract.file}:1: view: {error}"


def render(name: str, engine: str, part: str) -> None:
    """Print a table's SQL for one engine."""
    registry, graph, contract = _open(name)
    texts = _statements(contract, registry, graph, part)
    if engine == "duckdb":
        for macro in macros_of("\n".join(to_duckdb(text) for text in texts)):
            _print_sql(macro + ";")
    for text in texts:
        shown = {"duckdb": to_duckdb, "spark": to_spark, "redshift": to_redshift}[engine](text)
        if engine != "redshift" or part != "select":
            shown = sqlglot.transpile(shown, read=engine, write=engine, pretty=True)[0]
        _print_sql(shown + ";")


def _statements(contract: Contract, registry: Registry, graph: Graph, part: str) -> list[str]:
    if part == "ddl":
        return [ddl.create_table(contract)]
    if part == "select":
        return [graph.text(contract.table).strip()]
    if part == "view":
        if (view := _view_of(registry, contract)) is None:
            raise ValueError(f"{contract.table} has no view: views show core and mart, but what is tagged internal")
        return [views.create_schema(), view.drop(), *view.create()]
    if contract.table in graph.tables:
        built = merge.build_stage(contract, graph, registry, full=False)
    else:
        built = [*merge.empty_stage(contract), *merge.load_stage_dedupe(contract)]
    return [s.sql for s in [*built, *merge.publish(contract, registry, graph, full=False)]]


def _view_of(registry: Registry, contract: Contract) -> views.View | None:
    return next((view for view in views.views(registry) if view.table == contract.table), None)


def _print_sql(text: str) -> None:
    if console.is_terminal:
        console.print(Syntax(text, "sql", background_color="default", word_wrap=True))
    else:
        sys.stdout.write(text + "\n")


def query(sql: str, source: str, limit: int | None) -> None:
    """Run one query in the warehouse's own dialect and print its rows."""
    from tasks.warehouse import open_warehouse

    if not sql.strip():
        raise ValueError('an empty query; for example dw query "select * from mart.executive_kpi_daily"')
    with open_warehouse(settings_for(source), read_only=True) as warehouse:
        frame = warehouse.native(sql)
    if limit is None:
        sys.stdout.write(frame.write_csv())
        return
    _print_rows(frame.head(limit))
    more = f" (the first {limit:,} are shown; --limit or --csv for more)" if frame.height > limit else ""
    console.print(f"{counted(frame.height, 'row')}{more}")


def _print_rows(frame: pl.DataFrame) -> None:
    """A table where it fits the width, else each row as a list of its columns: no value is cut."""
    cells = [["" if value is None else str(value) for value in row] for row in frame.iter_rows()]
    widths = [max(map(len, (name, *column))) for name, *column in zip(frame.columns, *cells, strict=True)]
    if sum(widths) + 3 * len(widths) + 1 <= console.width:
        table = Table(box=SIMPLE)
        for name, dtype in frame.schema.items():
            table.add_column(name, no_wrap=True, justify="right" if dtype.is_numeric() else "left")
        for row in cells:
            table.add_row(*map(escape, row))
        console.print(table)
        return
    longest = max(map(len, frame.columns))
    for number, row in enumerate(cells, start=1):
        console.print(f"[bold]row {number}[/]")
        for name, value in zip(frame.columns, row, strict=True):
            console.print(f"  {name:<{longest}}  {value}", markup=False, soft_wrap=True)


def explain(name: str, *, as_json: bool) -> None:
    """Print what a table means, how it is made, and what is checked."""
    registry, graph, contract = _open(name)
    made = contract.table in graph.tables
    if as_json:
        print_json(_story(registry, graph, contract))
        return
    console.print(f"[bold]{contract.table}[/] {contract.version} · {contract.title} · {contract.domain}")
    console.print(escape(contract.description))
    console.print(f"[bold]Grain[/]    {escape(contract.grain)}")
    console.print(f"[bold]Load[/]     {_load(contract)}")
    if made:
        console.print(f"[bold]Reads[/]    {_list(graph.upstream(contract.table))}")
    console.print(f"[bold]Read by[/]  {_list(graph.downstream(contract.table))}")
    if view := _view_of(registry, contract):
        console.print(f"[bold]In BI[/]    {view.name}: {escape(contract.business_name)}")
    console.print(f"[bold]Files[/]    {contract.file}{f', {contract.table.sql_file}' if made else ''}")
    sources = _sources(graph, registry, contract) if made else {}
    if console.width < _WIDE:
        _print_narrow(contract, sources)
        return
    columns = Table(box=SIMPLE)
    for name in ("column", "type", ""):
        columns.add_column(name, no_wrap=name != "")
    for name in ("meaning", *(["made of"] if made else [])):
        columns.add_column(name, overflow="fold")
    for column in contract.columns:
        made_of = ["\n".join(sources.get(column.name, []))] if made else []
        columns.add_row(column.name, str(column.type), _marks(column), escape(column.description), *made_of)
    console.print(columns)
    rules = Table("rule", "verdict", "dimension", "what is checked", box=SIMPLE)
    for rule in rules_of(contract):
        label = rule.id.removeprefix(f"{contract.table}.")
        rules.add_row(label, rule.verdict, rule.dimension, escape(rule.description))
    console.print(rules)


def _marks(column: Column) -> str:
    marks = (("key", column.key_position), ("required", column.required), ("PII", column.mask))
    return " ".join(mark for mark, on in marks if on)


def _print_narrow(contract: Contract, sources: Mapping[str, Sequence[str]]) -> None:
    """Columns and rules one below the other, where a terminal is too narrow for their tables."""
    for column in contract.columns:
        console.print(f"\n[bold]{column.name}[/]  {column.type}  [dim]{_marks(column)}[/]")
        made_of = ", ".join(sources.get(column.name, ()))
        for text in (column.description, made_of and f"made of {made_of}"):
            if text:
                console.print(Padding(escape(text), (0, 0, 0, 2)))
    console.print("\n[bold]Rules[/]")
    for rule in rules_of(contract):
        console.print(
            f"[bold]{rule.id.removeprefix(f'{contract.table}.')}[/]  [dim]{rule.verdict}, {rule.dimension}[/]"
        )
        console.print(Padding(escape(rule.description), (0, 0, 0, 2)))


def _story(registry: Registry, graph: Graph, contract: Contract) -> dict[str, object]:
    made = contract.table in graph.tables
    sources = _sources(graph, registry, contract) if made else {}
    view = _view_of(registry, contract)
    return {
        "table": str(contract.table),
        "view": view.name if view else None,
        "title": contract.title,
        "version": contract.version,
        "domain": contract.domain,
        "description": contract.description,
        "grain": contract.grain,
        "load": _load(contract),
        "key": list(contract.key),
        "reads": sorted(map(str, graph.upstream(contract.table))) if made else [],
        "read_by": sorted(map(str, graph.downstream(contract.table))),
        "files": [contract.file, *([str(contract.table.sql_file)] if made else [])],
        "columns": [
            {
                "name": column.name,
                "type": str(column.type),
                "is_key": bool(column.key_position),
                "is_required": column.required,
                "is_personal": bool(column.mask),
                "description": column.description,
                "made_of": sources.get(column.name, []),
            }
            for column in contract.columns
        ],
        "rules": [
            {"id": rule.id, "verdict": rule.verdict, "dimension": rule.dimension, "description": rule.description}
            for rule in rules_of(contract)
        ],
    }


def _sources(graph: Graph, registry: Registry, contract: Contract) -> dict[str, list[str]]:
    from sql.lineage import Lineage

    lineage = Lineage(graph, registry)
    return {name: [str(c) for c in sorted(lineage.sources(contract.table, name))] for name in contract.names}


def _load(contract: Contract) -> str:
    load = contract.load
    parts = [load.strategy]
    if contract.key:
        parts.append(f"by {', '.join(contract.key)}")
    if load.versioned_by:
        parts.append(f"the later {load.versioned_by} wins")
    if load.increment:
        parts.append(f"computed anew per {load.increment.key} that changed")
    if load.window:
        parts.append("computed from the whole history by each run")
    return ", ".join(parts)


def _list(tables: Iterable[TableId]) -> str:
    return ", ".join(sorted(str(t) for t in tables)) or "nothing"


def _open(name: str) -> tuple[Registry, Graph, Contract]:
    root = Settings().repository
    registry = Registry.read(root)
    return registry, Graph.read(root, registry), names.table(registry, name)
