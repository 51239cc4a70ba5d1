"""The projects that build this warehouse's tables with dbt or SQLMesh, rendered from its contracts and SELECTs.

Both get the same statements: the SELECT of each table in DuckDB's text, of a history the SELECT that makes its versions
from the whole change log, each column cast to the type that its contract names. Their checks are those that both know
without packages: not null, unique, one of the values, exists in the other table. A rule that only warns here, or
that is kept by setting rows aside, warns there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from sqlglot import exp

from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from expectations.rules import Rule, rules_of
from sql import scd2
from sql.dialect import SESSION, to_duckdb
from sql.graph import Graph

# Marts of the audit tables, which only this warehouse writes.
LEFT_OUT = frozenset({TableId("mart", "data_freshness"), TableId("mart", "data_quality_scorecard")})
CHECKED = ("not_null", "unique", "in_set", "foreign_key")
_BINDS = {"run_at": "CAST('2027-02-10 00:00:00' AS TIMESTAMP)", "reporting_currency": "'INR'"}
_SCAN = re.compile(r"\bscan__([a-z]+)__(\w+)")
Files = Mapping[str, str]


def tables_of(registry: Registry, graph: Graph) -> list[TableId]:
    """The tables that every contender makes: those loaded from clean files, then those computed, parents first."""
    loaded = [contract.table for contract in registry.layer("clean")]
    return [*loaded, *(table for table in graph.order() if table not in LEFT_OUT)]


def checked(contract: Contract) -> list[Rule]:
    """The rules of a contract that become a test or an audit."""
    return [rule for rule in rules_of(contract) if rule.kind in CHECKED]


def model_select(
    table: TableId, registry: Registry, graph: Graph, clean: Path, reference: Callable[[TableId], str]
) -> str:
    """The rows of a table as one SELECT in DuckDB's text; `reference` says how the tool names another table."""
    contract = registry[table]
    if table in graph:
        select = graph.select(table)
        if contract.load.strategy == "scd2":
            select = scd2.versions(select, contract)
        for bind in list(select.find_all(exp.Placeholder)):
            bind.replace(exp.maybe_parse(_BINDS[bind.name]))
        for scan in list(select.find_all(exp.Table)):
            if scan.db:
                alias = exp.TableAlias(this=exp.to_identifier(scan.alias_or_name))
                scan.replace(exp.Table(this=exp.to_identifier(f"scan__{scan.db}__{scan.name}"), alias=alias))
    else:
        select = exp.select(*contract.names).from_("clean_files")
    columns = [exp.cast(exp.column(c.name), str(c.type), dialect="redshift").as_(c.name) for c in contract.columns]
    text = to_duckdb(exp.select(*columns).from_(select.subquery("model")))
    if table not in graph:
        return text.replace("clean_files", f"read_parquet('{clean / table.name}/*.parquet')")
    return _SCAN.sub(lambda found: reference(TableId(found[1], found[2])), text)


def settings() -> dict[str, Any]:
    """What a session of DuckDB is set to, by name: the same that the warehouse sets."""
    found = (re.fullmatch(r"SET (\w+) = '?(\w+)'?", text) for text in SESSION)
    return {m[1]: m[2] for m in found if m}


def macros() -> list[str]:
    """The macros that transpiled SELECTs call, kept in the database, as each session of a tool needs them."""
    return [text.replace(" TEMP MACRO ", " MACRO ") for text in SESSION if " MACRO " in text]


# dbt

_DBT_SCHEMA = """{% macro generate_schema_name(custom_schema_name, node) %}{{ custom_schema_name }}{% endmacro %}
"""
_DBT_UNIQUE = """{% test unique_together(model, columns) %}
SELECT {{ columns | join(', ') }} FROM {{ model }} GROUP BY {{ columns | join(', ') }} HAVING COUNT(*) > 1
{% endtest %}
"""


def dbt_project(registry: Registry, graph: Graph, clean: Path, database: Path, threads: int) -> dict[str, str]:
    """The files of a dbt project, by path: a table per contract, its checks as data tests, a profile for DuckDB."""
    files = {
        "dbt_project.yml": _yaml(
            {
                "name": "peer",
                "version": "1.0.0",
                "profile": "peer",
                "models": {"peer": {"+materialized": "table"}},
                "on-run-start": macros(),
                "flags": {"send_anonymous_usage_stats": False},
            }
        ),
        "profiles.yml": _yaml(
            {
                "peer": {
                    "target": "bench",
                    "outputs": {
                        "bench": {
                            "type": "duckdb",
                            "path": str(database),
                            "schema": "main",
                            "threads": threads,
                            "settings": settings(),
                        }
                    },
                }
            }
        ),
        "macros/generate_schema_name.sql": _DBT_SCHEMA,
        "tests/generic/unique_together.sql": _DBT_UNIQUE,
    }
    for table in tables_of(registry, graph):
        select = model_select(table, registry, graph, clean, _dbt_reference)
        files[f"models/{table.layer}/{table.name}.sql"] = f"{{{{ config(schema='{table.layer}') }}}}\n{select}\n"
        files[f"models/{table.layer}/{table.name}.yml"] = _yaml(_dbt_properties(registry[table]))
    return files


def _dbt_reference(table: TableId) -> str:
    return f"{{{{ ref('{table.name}') }}}}"


def _dbt_properties(contract: Contract) -> dict[str, Any]:
    of_table: list[Any] = []
    of_column: dict[str, list[Any]] = {}
    for rule in checked(contract):
        name, arguments = _dbt_test(rule)
        config = {} if rule.verdict == "block" else {"severity": "warn"}
        test = {name: {**({"arguments": arguments} if arguments else {}), **({"config": config} if config else {})}}
        if len(rule.columns) > 1:
            of_table.append(test)
        else:
            of_column.setdefault(rule.columns[0], []).append(test)
    columns = [{"name": name, "data_tests": tests} for name, tests in of_column.items()]
    return {"version": 2, "models": [{"name": contract.table.name, "data_tests": of_table, "columns": columns}]}


def _dbt_test(rule: Rule) -> tuple[str, dict[str, Any]]:
    if rule.kind == "in_set":
        return "accepted_values", {"values": rule.args["values"]}
    if rule.kind == "foreign_key":
        to, field = _referred(rule)
        return "relationships", {"to": f"ref('{to.name}')", "field": field}
    if rule.kind == "unique" and len(rule.columns) > 1:
        return "unique_together", {"columns": list(rule.columns)}
    return rule.kind, {}


# SQLMesh


def sqlmesh_project(registry: Registry, graph: Graph, clean: Path, database: Path) -> dict[str, str]:
    """The files of a SQLMesh project, by path: a FULL model per contract with its audits, a gateway for DuckDB."""
    gateway = {"connection": {"type": "duckdb", "database": str(database), "connector_config": settings()}}
    config = {
        "gateways": {"bench": gateway},
        "default_gateway": "bench",
        "model_defaults": {"dialect": "duckdb", "start": "2026-01-01"},
        "before_all": macros(),
        "disable_anonymized_analytics": True,
    }
    files = {"config.yaml": _yaml(config)}
    for table in tables_of(registry, graph):
        contract = registry[table]
        audits = ",\n    ".join(_sqlmesh_audits(contract))
        select = model_select(table, registry, graph, clean, str)
        references = [rule for rule in checked(contract) if rule.kind == "foreign_key"]
        # SQLMesh reads dependencies from the query, and not from the audits.
        after = ", ".join(sorted({str(_referred(rule)[0]) for rule in references}))
        depends_on = f"  depends_on ({after}),\n" if after else ""
        files[f"models/{table.layer}/{table.name}.sql"] = (
            f"MODEL (\n  name {table},\n  kind FULL,\n  dialect duckdb,\n{depends_on}"
            f"  audits (\n    {audits}\n  )\n);\n\n{select}\n"
        )
        files |= {f"audits/{_audit_name(rule)}.sql": _sqlmesh_reference(rule) for rule in references}
    return files


def _sqlmesh_audits(contract: Contract) -> Iterator[str]:
    for rule in checked(contract):
        columns, tells_only = ", ".join(rule.columns), "" if rule.verdict == "block" else "_non_blocking"
        if rule.kind == "not_null":
            yield f"not_null{tells_only}(columns := ({columns}))"
        elif rule.kind == "unique" and len(rule.columns) > 1:
            yield f"unique_combination_of_columns{tells_only}(columns := ({columns}))"
        elif rule.kind == "unique":
            yield f"unique_values{tells_only}(columns := ({columns}))"
        elif rule.kind == "in_set":
            values = ", ".join(exp.convert(value).sql("duckdb") for value in rule.args["values"])
            yield f"accepted_values{tells_only}(column := {columns}, is_in := ({values}))"
        else:
            yield _audit_name(rule)


def _sqlmesh_reference(rule: Rule) -> str:
    to, field = _referred(rule)
    (column,) = rule.columns
    head = f"AUDIT (\n  name {_audit_name(rule)},\n  dialect duckdb{_not_blocking(rule)}\n);\n\n"
    return (
        f"{head}SELECT child.{column} FROM @this_model AS child\n"
        f"LEFT JOIN {to} AS parent ON child.{column} = parent.{field}\n"
        f"WHERE child.{column} IS NOT NULL AND parent.{field} IS NULL\n"
    )


def _not_blocking(rule: Rule) -> str:
    return "" if rule.verdict == "block" else ",\n  blocking false"


def _audit_name(rule: Rule) -> str:
    return rule.id.replace(".", "__")


def _referred(rule: Rule) -> tuple[TableId, str]:
    (field,) = rule.args["to_columns"]
    return TableId.parse(rule.args["table"]), field


def _yaml(body: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(body), sort_keys=False, width=1_000))


def write(files: Files, folder: Path) -> None:
    """Write the files of a project below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
