"""Base of our execution engines of Great Expectations: all metrics of a suite are resolved together.

No metric depends on another here, so the validation graph is flat and `resolve_metrics` sees all of them at once. A
metric that is not known has no provider and stops the expectation; it never passes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import great_expectations.expectations.metrics as core_metrics
from great_expectations.core.batch import BatchMarkers
from great_expectations.core.batch_spec import RuntimeDataBatchSpec
from great_expectations.exceptions.exceptions import MetricResolutionError
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.expectations.metrics.metric_provider import MetricProvider
from great_expectations.expectations.registry import _registered_metrics, get_metric_provider, register_metric

from contracts.model import Mask
from expectations.expressions import Unsupported
from expectations.masking import shown
from expectations.measured import Finding, Measured, masked_extreme
from expectations.own import METRIC

assert core_metrics  # importing them is what fills the registry

MAX_SAMPLES = 20
Metrics = dict[Any, Any]


class Unresolved(MetricResolutionError, Unsupported):
    """Metrics that cannot be answered: Great Expectations fails the expectations that asked for them, and only these.

    It gives one message to all metrics of an error and then asks again; so the error is about those that share the
    first fault. `faults` are all of them.
    """

    def __init__(self, faults: Mapping[Any, str]) -> None:
        self.faults = tuple(dict.fromkeys(faults.values()))
        first = tuple(metric for metric, fault in faults.items() if fault == self.faults[0])
        super().__init__(message=self.faults[0], failed_metrics=first)


class BatchData(ABC):
    """Data that an engine of ours checks: a frame, or a relation of the warehouse."""

    def __init__(self, masks: Mapping[str, Mask] | None = None, *, blank_is_null: bool = False) -> None:
        self.masks, self.blank_is_null = dict(masks or {}), blank_is_null
        self.rows = 0
        self.execution_engine: FlatEngine | None = None

    @abstractmethod
    def known_columns(self, promised: Sequence[str]) -> Sequence[str]:
        """Those of the promised columns that are there, as far as that can be told without a query."""


class FlatEngine(ExecutionEngine[Any]):
    """Resolves all metrics of a batch at once; a subclass says how."""

    def get_batch_data_and_markers(self, batch_spec: Any) -> tuple[Any, BatchMarkers]:
        data = batch_spec.batch_data
        if not isinstance(batch_spec, RuntimeDataBatchSpec) or not isinstance(data, BatchData):
            raise TypeError(f"{type(self).__name__} takes data in memory, not {type(data).__name__}")
        batch_spec.batch_data = type(data).__name__
        data.execution_engine = self
        return data, BatchMarkers({"ge_load_time": datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")})

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[Any],
        metrics: Metrics | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> Metrics:
        wanted = list(metrics_to_resolve)
        answers: Metrics = {}
        for batch_id in {metric.metric_domain_kwargs.get("batch_id") for metric in wanted}:
            data = self.batch_manager.batch_data_cache[str(batch_id or self.batch_manager.active_batch_data_id)]
            mine = [m for m in wanted if m.metric_domain_kwargs.get("batch_id") == batch_id]
            answers |= self.resolve_batch(data, mine)
        return answers

    @abstractmethod
    def resolve_batch(self, data: Any, wanted: Sequence[Any]) -> Metrics:
        """Every metric asked of one batch, by its id; Unresolved names those that cannot be answered."""

    def check(self, metric_name: str) -> None:
        """Raise if the engine does not know a metric."""
        get_metric_provider(metric_name, self)

    def _refuse(self, condition: Any) -> NoReturn:
        raise Unsupported("a row condition is not a clause of this engine")

    _comparison_condition_to_filter_clause = _refuse
    _nullity_condition_to_filter_clause = _refuse
    _and_condition_to_filter_clause = _refuse
    _or_condition_to_filter_clause = _refuse


def found(measured: Measured, rows: int, samples: Sequence[Mapping[str, Any]], data: BatchData) -> Finding:
    """What `warehouse.rule` answers, personal data masked."""
    return Finding(masked_extreme(measured, data.masks), rows, [shown(row, data.masks) for row in samples])


class _Provider(MetricProvider):
    """Stands in the registry for every metric that an engine answers itself; depends on nothing."""

    @classmethod
    def get_evaluation_dependencies(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {}


def _never(**kwargs: Any) -> NoReturn:
    raise Unsupported("the engine resolves metrics itself")


def provide(
    engine: Any,
    name: str,
    domain_keys: tuple[str, ...],
    value_keys: tuple[str, ...],
    defaults: Mapping[str, Any] | None = None,
) -> None:
    """Enter a metric into Great Expectations' registry; one of its own keeps the keys that it has there."""
    if (known := _registered_metrics.get(name)) is not None:
        domain_keys, value_keys = known["metric_domain_keys"], known["metric_value_keys"]
    keys = {"domain_keys": domain_keys, "value_keys": value_keys, "default_kwarg_values": dict(defaults or {})}
    register_metric(name, domain_keys, value_keys, engine, type("_Provider", (_Provider,), keys), _never)


provide(FlatEngine, METRIC, ("batch_id",), ("kind", "columns", "args"))
