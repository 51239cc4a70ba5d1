"""The semantic layer: what can be measured, by what, joined how; MetricFlow's YAML over the views, made of contracts.

MetricFlow's form, since it says what a tool must know to add up rightly: ratios of sums, distinct counts, figures that
are never added up over days, and joins by entities, of which one side is unique. Its own library reads the file and
writes the SQL of any question (`docs/bi.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from sqlglot import exp

from contracts.ids import TableId, physical_schema
from contracts.model import Column, Contract, Measure
from contracts.registry import Registry
from sql import portable
from sql.dialect import SqlError, parse_select, to_duckdb
from sql.views import View, views

FILE = "sql/semantic_model.yaml"
_HEAD = (
    "# Made of contracts by `dw check --write`; not to be edited. MetricFlow's YAML: docs/bi.md says how to use it.\n"
)
_CALENDAR = TableId("core", "dim_date")
_KEYED = ("_key", "_id", "_date")
_ADDED_UP = ("sum", "count", "count_distinct")


def semantic_model(registry: Registry, environment: str = "") -> str:
    """The whole file: a time spine, a semantic model a view, a metric a measure."""
    shown = views(registry)
    entities = {view.table: _entity(view.contract) for view in shown if len(view.contract.key) == 1}
    ids = [view.contract for view in shown if view.table in entities and view.contract.key[0].endswith("_id")]
    keys = {contract.key[0]: entities[contract.table] for contract in ids}
    documents: list[dict[str, Any]] = []
    if calendar := next((view for view in shown if view.table == _CALENDAR), None):
        spine = {
            "node_relation": _relation(calendar, environment),
            "primary_column": {"name": calendar.contract.key[0], "time_granularity": "day"},
        }
        documents.append({"project_configuration": {"time_spines": [spine]}})
    documents += [{"semantic_model": _model(view, entities, keys, environment)} for view in shown]
    documents += [{"metric": _metric(m)} for view in shown for m in view.contract.measures]
    dumped = (yaml.safe_dump(d, sort_keys=False, width=118, allow_unicode=True) for d in documents)
    return _HEAD + "---\n".join(dumped)


def stale(root: Path, registry: Registry) -> list[str]:
    """The fault that the committed file is not what the contracts make; where nothing is measured none is needed."""
    if not _is_wanted(root, registry) or _committed(root) == semantic_model(registry):
        return []
    return [f"{FILE}:1: is not what the contracts make; run `dw check --write`"]


def write(root: Path, registry: Registry) -> list[str]:
    """Write the file anew where it is stale; returns what was written."""
    if not stale(root, registry):
        return []
    (root / FILE).write_text(semantic_model(registry), encoding="utf-8")
    return [FILE]


def _is_wanted(root: Path, registry: Registry) -> bool:
    return (root / FILE).exists() or any(contract.measures for contract in registry.values())


def _committed(root: Path) -> str:
    path = root / FILE
    return path.read_text(encoding="utf-8") if path.exists() else ""


def aggregate(measure: Measure) -> str:
    """A measure of rows as one SQL expression over its view."""
    assert measure.agg is not None
    inner = expression(measure)
    if measure.agg == "count_distinct":
        return f"COUNT(DISTINCT {inner})"
    return f"{measure.agg.upper()}({inner})"


def expression(measure: Measure) -> str:
    """What is aggregated: rows that do not count give NULL."""
    value = measure.of or "1"
    return f"CASE WHEN {measure.where} THEN {value} END" if measure.where else value


def faults(registry: Registry, run: Callable[[str], object]) -> Iterator[str]:
    """Measures whose name is not their own, that are made of none, or whose SQL is not sound; `run` plans a query."""
    owners: dict[str, Contract] = {}
    shown = {view.table: view for view in views(registry)}
    defined = {m.name: m for c in registry.values() for m in c.measures}
    for contract in registry.values():
        at = f"{contract.file}:1: measure:"
        if contract.measures and contract.table not in shown:
            yield f"{at} {contract.table} is shown to nobody; measures belong to tables of core and mart"
            continue
        for measure in contract.measures:
            if measure.name in owners:
                yield f"{at} {measure.name} is defined by {owners[measure.name].table} already"
            owners[measure.name] = contract
            for part in measure.made_of:
                if part not in defined or defined[part].made_of:
                    yield f"{at} {measure.name} is made of {part}, which is no measure of rows"
            if measure.agg:
                view = shown[contract.table]
                yield from (f"{at} {measure.name}: {message}" for message in _sql_faults(view, measure, run))


def _sql_faults(view: View, measure: Measure, run: Callable[[str], object]) -> Iterator[str]:
    if _time_column(view, measure) is None:
        yield f"{view.table} has no date by which a period could be told; name one with `date`"
    text = f"SELECT {aggregate(measure)} AS {measure.name} FROM (\n{view.text}\n) AS shown"
    try:
        tree = parse_select(text, view.contract.file)
        yield from (f"{fault.rule}: {fault.message}" for fault in portable.faults(tree, spark=False))
        if tree.find(exp.Select) is None or any(s is not tree for s in _within(tree)):
            yield "an expression of the table's columns reads no other table"
        run(to_duckdb(text))
    except SqlError as error:
        yield "; ".join(error.faults)
    except Exception as error:
        yield " ".join(str(error).split())[:300]


def _within(tree: exp.Query) -> Iterator[exp.Query]:
    """The queries inside of a measure's expressions; the view's own stands in FROM."""
    for projection in tree.selects:
        yield from projection.find_all(exp.Query)


def _model(view: View, entities: Mapping[TableId, str], keys: Mapping[str, str], environment: str) -> dict[str, Any]:
    contract = view.contract
    linked = _links(view, entities, keys)
    own = entities.get(view.table)
    model: dict[str, Any] = {
        "name": _plain(view),
        "label": contract.business_name,
        "description": f"{contract.description} {contract.grain}".strip(),
        "node_relation": _relation(view, environment),
    }
    if (time := _time_column(view)) is not None:
        model["defaults"] = {"agg_time_dimension": time}
    # Of tables with the same key one is the table of its entity; a row of the others is joined to one of its rows.
    is_owner = next((table for table, entity in sorted(entities.items()) if entity == own), None) == view.table
    if not is_owner:
        model["primary_entity"] = _plain(view)
    mine = [{"name": own, "type": "primary" if is_owner else "unique", "expr": contract.key[0]}] if own else []
    joins = [{"name": name, "type": "foreign", "expr": column} for name, column in linked.items() if name != own]
    model["entities"] = [*mine, *joins]
    joined = {*linked.values(), *(contract.key if own else ())}
    model["dimensions"] = [d for c in view.columns if (d := _dimension(c, contract, joined))]
    model["measures"] = [_measure(m, view) for m in contract.measures if m.agg]
    return {name: value for name, value in model.items() if value not in ([], "")}


def _plain(view: View) -> str:
    return view.name.partition(".")[2]


def _relation(view: View, environment: str) -> dict[str, str]:
    schema, _, name = view.name.partition(".")
    return {"alias": name, "schema_name": physical_schema(schema, environment)}


def _dimension(column: Column, contract: Contract, keys: set[str]) -> dict[str, Any] | None:
    told = {"label": column.business_name, "description": column.description}
    if column.type.kind in ("date", "timestamp"):
        return {"name": column.name, "type": "time", **told, "type_params": {"time_granularity": "day"}}
    if column.name in keys:
        return None
    is_number = column.type.kind not in ("varchar", "boolean")
    # Numbers of a calendar are names of days, those of other tables are figures.
    if is_number and contract.table != _CALENDAR:
        return None
    return {"name": column.name, "type": "categorical", **told}


def _measure(measure: Measure, view: View) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": measure.name,
        "label": measure.business_name,
        "description": measure.description,
        "agg": measure.agg,
        "expr": expression(measure),
    }
    if measure.date:
        out["agg_time_dimension"] = measure.date
    if measure.last:
        out["non_additive_dimension"] = {"name": measure.last, "window_choice": "max"}
    return out


def _metric(measure: Measure) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": measure.name,
        "label": measure.business_name,
        "description": measure.description,
    }
    if measure.ratio:
        over, under = measure.ratio
        return {**out, "type": "ratio", "type_params": {"numerator": {"name": over}, "denominator": {"name": under}}}
    if measure.difference:
        less, more = measure.difference
        parts = [{"name": less}, {"name": more}]
        return {**out, "type": "derived", "type_params": {"expr": f"{less} - {more}", "metrics": parts}}
    of: dict[str, Any] = {"name": measure.name}
    if measure.agg in _ADDED_UP and not measure.last:
        # A day without rows has none of it, which is not unknown.
        of["fill_nulls_with"] = 0
    return {**out, "type": "simple", "type_params": {"measure": of}}


def _time_column(view: View, measure: Measure | None = None) -> str | None:
    """The date by which periods are told: the measure's, else the one that the table is merged or replaced by."""
    load, shown = view.contract.load, {c.name: c for c in view.columns}
    dates = [c.name for c in view.columns if c.type.kind == "date"]
    required = [name for name in dates if shown[name].required]
    named = (measure.date if measure else None, load.date, load.partition, *required, *dates)
    found = next((name for name in named if name in shown), None)
    if found is None and measure is None:
        return next((m.date for m in view.contract.measures if m.date in shown), None)
    return found


def _entity(contract: Contract) -> str:
    """What one row of a table is, by the one column of its key: `customer`, of a history `customer_version`."""
    (key,) = contract.key
    stem = next((key.removesuffix(ending) for ending in _KEYED if key.endswith(ending)), "")
    if contract.load.strategy == "scd2":
        return f"{stem}_version"
    return key if portable.is_reserved(stem) else stem or contract.table.name


def _links(view: View, entities: Mapping[TableId, str], keys: Mapping[str, str]) -> dict[str, str]:
    """Entities and the columns by which their tables are joined: many rows of ours to one of theirs, or one to one.

    By the contract's relationships, the first to each table; and by columns named as a key, such as `customer_id`.
    """
    names = {c.name for c in view.columns}
    linked: dict[str, str] = {}
    for reference in view.contract.references:
        if reference.to in entities and len(reference.columns) == 1 and reference.columns[0] in names:
            linked.setdefault(entities[reference.to], reference.columns[0])
    for column, entity in keys.items():
        if column in names:
            linked.setdefault(entity, column)
    return linked
