"""One suite on one batch: Great Expectations' own judgement, without what it does again for every expectation.

Its Validator asks each expectation twice for the metrics it needs, and each answer rebuilds the configuration dozens
of times: 3 to 4 ms per expectation and run. Here a suite is asked once and kept. A test holds the results against
those of the Validator; it is the gate for a new release of Great Expectations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from great_expectations import ExpectationSuite
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.core.id_dict import IDDict
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.expectations.core.expect_column_kl_divergence_to_be_less_than import (
    ExpectColumnKLDivergenceToBeLessThan,
)
from great_expectations.expectations.core.expect_column_values_to_be_null import ExpectColumnValuesToBeNull
from great_expectations.expectations.expectation import (
    BatchExpectation,
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    MulticolumnMapExpectation,
)
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration, parse_result_format
from great_expectations.expectations.registry import _registered_metrics
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validation_statistics import calc_validation_statistics

from expectations.compiler import GX_VERSION
from expectations.expressions import Unsupported
from expectations.flat_engine import MAX_SAMPLES, BatchData, FlatEngine, Unresolved
from expectations.masking import shown
from expectations.own import METRIC, RuleExpectation

RESULT_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": MAX_SAMPLES}
_BATCH = "batch"
# The expectations whose metrics depend on no argument.
_BY_CLASS = (
    BatchExpectation.get_validation_dependencies,
    ColumnMapExpectation.get_validation_dependencies,
    ColumnPairMapExpectation.get_validation_dependencies,
    MulticolumnMapExpectation.get_validation_dependencies,
    ExpectColumnValuesToBeNull.get_validation_dependencies,
    RuleExpectation.get_validation_dependencies,
)


# What each of them needs, by engine and form of the result: asked once a process, as it costs 10 ms.
_NEEDS: dict[tuple[type[FlatEngine], str], dict[type, Any]] = {}
# Ids of metrics' arguments by their text: 4,000 metrics have some 500, and to make them took half of all preparation.
_IDS: dict[str, Any] = {}


class _Arguments(IDDict):
    """Arguments of a metric, whose id is that of all others which say the same."""

    def to_id(self, id_keys: Any = None, id_ignore_keys: Any = None) -> Any:
        if id_keys is not None or id_ignore_keys is not None:
            return super().to_id(id_keys, id_ignore_keys)
        text = repr(self)
        if text not in _IDS:
            _IDS[text] = super().to_id()
        return _IDS[text]


@dataclass(frozen=True)
class _Prepared:
    expectation: Any
    configuration: ExpectationConfiguration
    metrics: dict[str, MetricConfiguration]
    result_format: dict[str, Any]


class PreparedSuite:
    """A suite whose expectations have been asked for their metrics; it can be run on any number of batches."""

    def __init__(
        self, suite: ExpectationSuite, engine: type[FlatEngine], result_format: Mapping[str, Any] = RESULT_FORMAT
    ) -> None:
        self.name = suite.name
        self._engine, self._format = engine, parse_result_format(dict(result_format))
        known = _NEEDS.setdefault((engine, repr(self._format)), {})
        # One that asks the data which metrics it needs can be prepared only where the data are.
        self._prepared = [
            None if _asks_the_data(e) else _prepared(e, engine(), known, self._format) for e in suite.expectations
        ]
        self._suite = suite.expectations

    def run(self, data: BatchData) -> list[ExpectationValidationResult]:
        """Judge every expectation, in the suite's order; raises Unsupported if one of them cannot be checked."""
        engine = self._engine()
        engine.load_batch_data(_BATCH, data)
        ready = [
            prepared or _prepared(expectation, engine, {}, self._format)
            for prepared, expectation in zip(self._prepared, self._suite, strict=True)
        ]
        metrics = {metric.id: metric for one in ready for metric in one.metrics.values()}
        try:
            found = engine.resolve_metrics(metrics.values())
        except Unresolved as error:
            raise Unsupported("; ".join(error.faults)) from error
        return [_judged(one, found, engine) for one in ready]


def _asks_the_data(expectation: Any) -> bool:
    return isinstance(expectation, ExpectColumnKLDivergenceToBeLessThan) and expectation.partition_object is None


def _prepared(expectation: Any, engine: FlatEngine, known: dict[type, Any], result_format: Any) -> _Prepared:
    # The Validator names the batch in every expectation; here the name is always the same one.
    asked = expectation.copy(update={"batch_id": _BATCH})
    # Made anew by each look at it.
    configuration = asked.configuration
    runtime = {"result_format": dict(result_format)}
    kind = type(asked)
    try:
        needs = known.get(kind) or asked.get_validation_dependencies(engine, runtime)
        for metric in () if kind in known else needs.metric_configurations.values():
            engine.check(metric.metric_name)
    except (AssertionError, GreatExpectationsError) as error:
        raise Unsupported(f"{expectation.expectation_type}: {error}") from error
    metrics = dict(needs.metric_configurations)
    if kind.get_validation_dependencies in _BY_CLASS:
        # Which metrics it needs follows from its class; what they are about, from its arguments.
        known[kind] = needs
        arguments = {**arguments_of(asked, configuration.kwargs), **runtime, "batch_id": _BATCH}
        metrics = {
            name: asked.metric() if metric.metric_name == METRIC else _metric(metric.metric_name, arguments)
            for name, metric in metrics.items()
        }
    return _Prepared(asked, configuration, metrics, needs.result_format)


def arguments_of(expectation: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """What `_get_runtime_kwargs` of Great Expectations gives without the result's form, of a configuration's kwargs."""
    names = {*expectation.runtime_keys, *expectation.success_keys, *expectation.domain_keys} - {"result_format"}
    return {name: given[name] if name in given else expectation._get_default_value(name) for name in names}


def _metric(name: str, arguments: dict[str, Any]) -> MetricConfiguration:
    """What `get_metric_kwargs` of Great Expectations does, for arguments that are at hand."""
    known = _registered_metrics[name]
    defaults = known["default_kwarg_values"]
    domain = {key: arguments.get(key) or defaults.get(key) for key in known["metric_domain_keys"]}
    values = {
        key: defaults.get(key) if arguments.get(key) is None else arguments[key] for key in known["metric_value_keys"]
    }
    return MetricConfiguration(name, _Arguments(domain), _Arguments(values))


def _judged(prepared: _Prepared, found: dict[Any, Any], engine: FlatEngine) -> ExpectationValidationResult:
    metrics = {name: found[metric.id] for name, metric in prepared.metrics.items()}
    runtime = {"result_format": dict(prepared.result_format), "catch_exceptions": False}
    # A distribution of no values is divided by their number: it fails, which says enough.
    with np.errstate(divide="ignore", invalid="ignore"):
        answer = prepared.expectation._validate(metrics=metrics, runtime_configuration=runtime, execution_engine=engine)
    if prepared.result_format["result_format"] == "BOOLEAN_ONLY":
        answer["result"] = {k: v for k, v in answer.get("result", {}).items() if k.startswith("unexpected_index_")}
    result = ExpectationValidationResult(**answer)
    result.expectation_config = prepared.configuration
    return result


def samples_of(result: ExpectationValidationResult) -> tuple[Any, ...]:
    """The unexpected values in a result, as a report shows them: of several columns `a=1, b=2`."""
    kwargs: dict[str, Any] = result.expectation_config.kwargs  # type: ignore[union-attr]
    pair = [kwargs[place] for place in ("column_A", "column_B") if place in kwargs]

    def named(value: Any) -> Any:
        if isinstance(value, tuple):
            return dict(zip(pair, value, strict=True))
        return value if isinstance(value, dict) else {"value": value}

    return tuple(shown(named(value), {}) for value in result.result.get("partial_unexpected_list") or ())


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
