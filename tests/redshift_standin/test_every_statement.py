"""Everything that the warehouse sends to Redshift, on empty tables over the wire: each statement runs without error."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
import redshift_connector

import tasks
from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import REPOSITORY, Registry
from expectations.predicates_sql import suite_select
from expectations.rules import rules_of
from sql import ddl, merge, queues
from sql.dialect import binds_of, parse_statement, to_redshift
from sql.graph import Graph
from sql.migration import AddColumn, Alteration, Standing, WidenType, relations
from sql.reconcile import per_day, per_key, read_checks, touched
from sql.views import create_schema, views

REGISTRY = Registry.read()
GRAPH = Graph.read(REPOSITORY, REGISTRY)
IN_WAREHOUSE = [c for c in REGISTRY.values() if c.table.layer != "raw"]
CHECKS = read_checks(REPOSITORY, REGISTRY)


class Runner:
    """Runs statements as the adapter would: binds by name, only those that a statement has."""

    def __init__(self, connection: redshift_connector.Connection) -> None:
        self.cursor = connection.cursor()
        self.cursor.paramstyle = "named"

    def __call__(self, statement: str) -> list[Any]:
        names = binds_of(parse_statement(statement)) if re.search(r":[a-z]", statement) else set()
        try:
            self.cursor.execute(to_redshift(statement), {name: _value(name) for name in names} or None)
        except redshift_connector.Error as error:
            raise AssertionError(f"{error.args[0]}\n{statement}") from error
        return list(self.cursor.fetchall()) if self.cursor.description else []


def _value(name: str) -> object:
    if name == "run_at":
        return datetime(2026, 1, 2, 3, 4, 5)
    return date(2026, 1, 2) if name in ("day", "since") or name.endswith(("_day", "_date")) else "INR"


@pytest.fixture(scope="module")
def run(running_standin: Any) -> Iterator[Runner]:
    """All tables of the warehouse, empty."""
    running_standin.reset()
    settings = {name: getattr(running_standin, name) for name in ("host", "port", "user", "password", "database")}
    with redshift_connector.connect(**settings) as connection:
        connection.autocommit = True
        run = Runner(connection)
        for statement in ddl.create_all(REGISTRY.values()):
            run(statement)
        yield run


def test_the_tables_of_all_contracts_stand_with_the_types_that_they_promise(run: Runner) -> None:
    found: dict[str, list[str]] = {}
    for schema, table, column, kind, length, precision, scale in run(
        "SELECT table_schema, table_name, column_name, data_type, character_maximum_length, numeric_precision, "
        "numeric_scale FROM information_schema.columns ORDER BY table_schema, table_name, ordinal_position"
    ):
        sizes = {"character varying": f"varchar({length})", "numeric": f"decimal({precision},{scale})"}
        told = sizes.get(kind, kind.removesuffix(" without time zone"))
        found.setdefault(f"{schema}.{table}", []).append(f"{column} {told}")
    for contract in IN_WAREHOUSE:
        assert found[str(contract.table)] == [f"{c.name} {c.type}" for c in contract.columns]


@pytest.mark.parametrize("contract", IN_WAREHOUSE, ids=lambda c: str(c.table))
def test_a_table_is_commented(run: Runner, contract: Contract) -> None:
    for statement in ddl.comments(contract):
        run(statement)


def test_every_view_for_bi_is_made_commented_and_asked(run: Runner) -> None:
    shown = views(REGISTRY)
    run(create_schema())
    for view in shown:
        for statement in (view.drop(), *view.create()):
            run(statement)
        assert run(f"SELECT * FROM {view.name}") == []
    found = run("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'bi'")
    assert sorted(map(tuple, found)) == sorted((v.name[3:], c.name) for v in shown for c in v.columns)
    # Each test of this file has tables without views on them.
    for view in shown:
        run(view.drop())


@pytest.mark.parametrize("contract", IN_WAREHOUSE, ids=lambda c: str(c.table))
@pytest.mark.parametrize(
    ("full", "first"), [(True, True), (True, False), (False, False)], ids=["first", "full", "increment"]
)
def test_a_table_is_built_audited_and_published(run: Runner, contract: Contract, full: bool, first: bool) -> None:
    if contract.table in GRAPH.tables:
        run(queues.queue_length(contract))
        staged = merge.build_stage(contract, GRAPH, REGISTRY, full=full, first=first)
    else:
        staged = [] if first else [*merge.empty_stage(contract), *merge.load_stage_dedupe(contract)]
    for statement in staged:
        run(statement.sql)
    rows = merge.filled(contract.table, first=first)
    run(suite_select(rules_of(contract), rows).text)
    run(merge.count_rows(rows, contract.names[0]))
    run(merge.any_row(contract))
    for statement in merge.publish(contract, REGISTRY, GRAPH, full=full, first=first):
        if statement.step == "enqueue":
            for check in CHECKS:
                if (days := touched(check, contract.table, merge.images(contract.table, first=first))) is not None:
                    run(days)
        found = run(statement.sql)
        if statement.step == "check":
            assert found[0][0] == 0


@pytest.mark.parametrize("contract", REGISTRY.layer("raw"), ids=lambda c: str(c.table))
def test_the_rules_of_a_delivered_table_are_asked_of_its_text(run: Runner, contract: Contract) -> None:
    columns = ", ".join(f"{c.name} VARCHAR(2000)" for c in contract.columns)
    run(f"CREATE TABLE {contract.table.stage} ({columns})")
    run(suite_select([rule for rule in rules_of(contract) if rule.kind != "foreign_key"], contract.table.stage).text)
    run(f"DROP TABLE {contract.table.stage}")


@pytest.mark.parametrize("table", sorted(GRAPH.tables), ids=str)
def test_a_select_gives_the_columns_of_its_contract(run: Runner, table: TableId) -> None:
    contract = REGISTRY[table]
    if table.layer == "curated":
        pytest.skip("made in the lake")
    run(GRAPH.text(table))
    names = [column[0] for column in run.cursor.description]
    assert set(names) >= set(contract.names) or contract.load.strategy == "scd2"


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.name)
def test_a_reconciliation_is_asked_for_days_and_keys(run: Runner, check: Any) -> None:
    for between in (False, True):
        for queued in (False, True):
            assert run(per_day(check, between=between, queued=queued)) == []
            assert run(per_key(check, between=between, queued=queued, limit=5)) == []


def _constants() -> Iterator[tuple[str, str]]:
    """The statements that stand as constants in the code of tasks."""
    for module in pkgutil.walk_packages(tasks.__path__, "tasks."):
        # The Glue job runs on Spark alone, and is imported where that is installed.
        if module.name.startswith(("tasks.generate", "tasks.sources", "tasks.warehouse", "tasks.glue_job")):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, str) and re.match(r"\s*(SELECT|INSERT|DELETE|UPDATE|WITH|CREATE)\b", value):
                yield f"{module.name}.{name}", value


@pytest.mark.parametrize(("name", "statement"), sorted(_constants()), ids=lambda v: v if v.startswith("tasks.") else "")
def test_a_statement_of_the_code_runs(run: Runner, name: str, statement: str) -> None:
    run(statement)


def test_a_table_is_altered_in_place_and_by_a_copy(run: Runner) -> None:
    for contract in IN_WAREHOUSE:
        relation = relations(contract)[0]
        column = contract.columns[-1]
        stands = {c.name: Standing(c.type, not c.required or c is column) for c in contract.columns}
        shorter = {name: standing for name, standing in stands.items() if name != column.name}
        run(f"ALTER TABLE {relation.name} DROP COLUMN {column.name}")
        for change, standing in ((AddColumn(relation.name, column), shorter), (_widened(contract), stands)):
            for step in Alteration(relation, standing, (change,)).steps("redshift"):
                rows = run(step.sql)
                assert not step.check or rows == [[0]]


def _widened(contract: Contract) -> WidenType:
    column = contract.columns[0]
    return WidenType(str(contract.table), column.name, column.type, column.type)
