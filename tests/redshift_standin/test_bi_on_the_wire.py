"""Every measure of the semantic layer, as MetricFlow asks Redshift for it, on the views of an empty warehouse."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import redshift_connector
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.redshift import RedshiftSqlPlanRenderer
from metricflow_semantic_interfaces.parsing.dir_to_model import parse_yaml_file_paths_to_semantic_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from contracts.registry import REPOSITORY, Registry
from redshift_standin import Standin
from sql import ddl, semantic, views
from tasks.warehouse.redshift import RedshiftWarehouse


class _Client:
    sql_engine_type, sql_plan_renderer = SqlEngine.REDSHIFT, RedshiftSqlPlanRenderer()


@pytest.fixture
def warehouse(standin: Standin) -> Any:
    login = {name: getattr(standin, name) for name in ("host", "port", "user", "password", "database")}
    with RedshiftWarehouse(partial(redshift_connector.connect, **login, sslmode="verify-full")) as opened:
        registry = Registry.read()
        shown = [view for view in views.views(registry) if view.contract.measures or view.name == "bi.calendar"]
        tables = [ddl.create_table(view.contract) for view in shown]
        made = [view.create()[0] for view in shown]
        for statement in (*ddl.create_schemas(), views.create_schema(), *tables, *made):
            opened.execute(statement)
        yield opened


def test_every_measure_is_asked_in_total_and_by_month(warehouse: RedshiftWarehouse) -> None:
    manifest = parse_yaml_file_paths_to_semantic_manifest([str(REPOSITORY / semantic.FILE)]).semantic_manifest
    flow = MetricFlowEngine(SemanticManifestLookup(manifest), _Client())  # type: ignore[arg-type]
    names = sorted(metric.name for metric in manifest.metrics)
    for by, rows in (([], 1), (["metric_time__month"], 0)):
        asked = MetricFlowQueryRequest.create(metric_names=names, group_by_names=by)
        found = warehouse.native(str(flow.explain(asked).sql_statement.sql))
        assert found.height == rows
        assert set(found.columns) >= set(names)
