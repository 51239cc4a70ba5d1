"""What is prepared once for many expectations is what Great Expectations makes of each of them."""

from __future__ import annotations

import pytest
from great_expectations.validator.metric_configuration import MetricConfiguration

from contracts.model import Contract
from contracts.registry import Registry
from expectations.compiler import load_suite, suite_json
from expectations.polars_engine import PolarsExecutionEngine
from expectations.validation import RESULT_FORMAT, PreparedSuite, arguments_of
from expectations.warehouse_engine import WarehouseExecutionEngine

CONTRACTS = Registry.read().values()


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: str(contract.table))
def test_arguments_are_those_of_great_expectations(contract: Contract) -> None:
    for expectation in load_suite(suite_json(contract)).expectations:
        theirs = expectation._get_runtime_kwargs({"result_format": dict(RESULT_FORMAT)})
        assert theirs.pop("result_format")
        assert arguments_of(expectation, expectation.configuration.kwargs) == theirs


@pytest.mark.parametrize("engine", [PolarsExecutionEngine, WarehouseExecutionEngine])
def test_what_one_suite_asked_another_one_needs_too(
    engine: type[PolarsExecutionEngine | WarehouseExecutionEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    from expectations import validation

    def metrics(contract: Contract) -> list[list[tuple[str, object]]]:
        prepared = PreparedSuite(load_suite(suite_json(contract)), engine)._prepared
        return [[(name, metric.id) for name, metric in one.metrics.items()] for one in prepared if one]

    layers = {"clean", "raw"} if engine is PolarsExecutionEngine else {"clean", "core", "mart"}
    chosen = [contract for contract in CONTRACTS if contract.table.layer in layers][:12]
    together = [metrics(contract) for contract in chosen]
    for contract, found in zip(chosen, together, strict=True):
        monkeypatch.setattr(validation, "_NEEDS", {})
        assert metrics(contract) == found


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: str(c.table))
def test_the_ids_of_metrics_are_those_of_great_expectations(contract: Contract) -> None:
    prepared = PreparedSuite(load_suite(suite_json(contract)), PolarsExecutionEngine)._prepared
    for metric in (metric for one in prepared if one for metric in one.metrics.values()):
        domain, values = dict(metric.metric_domain_kwargs), dict(metric.metric_value_kwargs)
        assert metric.id == MetricConfiguration(metric.metric_name, domain, values).id
