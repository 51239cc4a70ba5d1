"""One suite on one batch: Great Expectations' own judgement, without what it does again for every expectation.

Its Validator asks each expectation twice for the metrics it needs, and each answer rebuilds the configuration dozens
of times: 3 to 4 ms per expectation and run. Here a suite is asked once and kept. A test holds the results against
those of the Validator; it is the gate for a new release of Great Expectations.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from great_expectations import ExpectationSuite
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.registry import _registered_metrics
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validation_statistics import calc_validation_statistics

from expectations.compiler import GX_VERSION
from expectations.flat_engine import MAX_SAMPLES, BatchData, FlatEngine
from expectations.own import METRIC

RESULT_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": MAX_SAMPLES}
_BATCH = "batch"


@dataclass(frozen=True)
class _Prepared:
    expectation: Any
    configuration: ExpectationConfiguration
    metrics: dict[str, MetricConfiguration]
    result_format: dict[str, Any]


class PreparedSuite:
    """A suite whose expectations have been asked for their metrics; it can be run on any number of batches."""

    def __init__(self, suite: ExpectationSuite, engine: type[FlatEngine]) -> None:
        self.name = suite.name
        self._engine = engine
        known: dict[type, Any] = {}
        self._expectations = [_prepared(e, engine(), known) for e in suite.expectations]
        every = [metric for e in self._expectations for metric in e.metrics.values()]
        self._metrics = list({metric.id: metric for metric in every}.values())

    def run(self, data: BatchData) -> list[ExpectationValidationResult]:
        """Judge every expectation, in the suite's order; raises if one of them cannot be checked."""
        engine = self._engine()
        engine.load_batch_data(_BATCH, data)
        found = engine.resolve_metrics(self._metrics)
        return [_judged(e, found, engine) for e in self._expectations]


def _prepared(expectation: Any, engine: FlatEngine, known: dict[type, Any]) -> _Prepared:
    # The Validator names the batch in every expectation; here the name is always the same one.
    asked = expectation.copy(update={"batch_id": _BATCH})
    runtime = {"result_format": dict(RESULT_FORMAT)}
    if type(asked) not in known:
        # Which metrics an expectation needs follows from its class; what they are about, from its arguments.
        known[type(asked)] = asked.get_validation_dependencies(engine, runtime)
        for metric in known[type(asked)].metric_configurations.values():
            engine.check(metric.metric_name)
    needs = known[type(asked)]
    arguments = asked._get_runtime_kwargs(runtime) | {"batch_id": _BATCH}
    metrics = {
        name: asked.metric() if metric.metric_name == METRIC else _metric(metric.metric_name, arguments)
        for name, metric in needs.metric_configurations.items()
    }
    return _Prepared(asked, asked.configuration, metrics, needs.result_format)


def _metric(name: str, arguments: dict[str, Any]) -> MetricConfiguration:
    """What `get_metric_kwargs` of Great Expectations does, for arguments that are at hand."""
    known = _registered_metrics[name]
    defaults = known["default_kwarg_values"]
    domain = {key: arguments.get(key) or defaults.get(key) for key in known["metric_domain_keys"]}
    values = {
        key: defaults.get(key) if arguments.get(key) is None else arguments[key] for key in known["metric_value_keys"]
    }
    return MetricConfiguration(name, domain, values)


def _judged(prepared: _Prepared, found: dict[Any, Any], engine: FlatEngine) -> ExpectationValidationResult:
    metrics = {name: found[metric.id] for name, metric in prepared.metrics.items()}
    runtime = {"result_format": dict(prepared.result_format), "catch_exceptions": False}
    answer = prepared.expectation._validate(metrics=metrics, runtime_configuration=runtime, execution_engine=engine)
    result = ExpectationValidationResult(**answer)
    result.expectation_config = prepared.configuration
    return result


def uncheckable(configuration: dict[str, Any], why: str) -> ExpectationValidationResult:
    """The result of an expectation whose columns are not there: failed, with the reason in place of a number."""
    return ExpectationValidationResult(
        success=False,
        expectation_config=ExpectationConfiguration(**configuration),
        result={},
        exception_info={"raised_exception": True, "exception_message": why, "exception_traceback": ""},
    )


def stored_result(
    name: str, results: list[ExpectationValidationResult], *, run_id: str, batch_id: str, source: str
) -> dict[str, Any]:
    """The results as Great Expectations stores and renders them (its own `to_json_dict` takes ten times as long)."""
    counted = calc_validation_statistics(results)
    now = datetime.now(UTC)
    return {
        "id": None,
        "meta": {
            "active_batch_definition": {
                "batch_identifiers": {"batch_id": batch_id},
                "data_asset_name": name,
                "data_connector_name": "fluent",
                "datasource_name": source,
            },
            "batch_markers": {"ge_load_time": now.strftime("%Y%m%dT%H%M%S.%fZ")},
            "batch_spec": {"batch_id": batch_id, "data_asset_name": f"{name} ({source})"},
            "great_expectations_version": GX_VERSION,
            "run_id": {"run_name": run_id, "run_time": now.isoformat()},
            "validation_time": now.isoformat(),
        },
        "results": [_stored(result) for result in results],
        "statistics": {
            "evaluated_expectations": counted.evaluated_expectations,
            "success_percent": counted.success_percent,
            "successful_expectations": counted.successful_expectations,
            "unsuccessful_expectations": counted.unsuccessful_expectations,
        },
        "success": counted.success,
        "suite_name": name,
        "suite_parameters": {},
    }


def _stored(result: ExpectationValidationResult) -> dict[str, Any]:
    asked: Any = result.expectation_config
    return {
        "exception_info": result.exception_info,
        "expectation_config": {
            "description": asked.description,
            "kwargs": asked.kwargs,
            "meta": asked.meta,
            "severity": str(getattr(asked.severity, "value", asked.severity)),
            "type": asked.type,
        },
        "meta": {},
        "result": result.result,
        "success": bool(result.success),
    }
