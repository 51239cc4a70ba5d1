"""The engine that resolves a whole Great Expectations suite in one pass, whatever holds the data.

No metric depends on another here, so the validation graph is flat and `resolve_metrics` sees all of them at once: they
are turned back into rules, measured together, and only rules that failed are sampled in a second pass. A metric that
is not known here has no provider and stops the validation; it never passes.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import great_expectations.expectations.metrics as core_metrics
from great_expectations.core.batch import BatchMarkers
from great_expectations.core.batch_spec import RuntimeDataBatchSpec
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.expectations.metrics.metric_provider import MetricProvider
from great_expectations.expectations.registry import _registered_metrics, get_metric_provider, register_metric

from contracts.model import Mask
from expectations.expressions import Unsupported
from expectations.masking import mask, masked
from expectations.measured import Finding, Measured
from expectations.own import METRIC
from expectations.predicates import absent
from expectations.rules import Rule

MAX_SAMPLES = 20
Metrics = dict[Any, Any]
Args = Mapping[str, Any]


class BatchData(ABC):
    """Data that rules can be measured on: a frame, or a relation of the warehouse."""

    def __init__(self, masks: Mapping[str, Mask] | None = None, *, blank_is_null: bool = False) -> None:
        self.masks, self.blank_is_null = dict(masks or {}), blank_is_null
        self.rows = 0
        self.execution_engine: FlatEngine | None = None

    @abstractmethod
    def measure(self, rules: Sequence[Rule]) -> tuple[int, list[Measured]]:
        """The number of rows, and every rule measured: one pass."""

    @abstractmethod
    def samples(self, rules: Sequence[Rule], most: int) -> list[list[dict[str, Any]]]:
        """A few broken rows of each row rule: one pass."""

    @abstractmethod
    def columns(self) -> list[str]:
        """The columns of the data; asked after `measure`."""

    @abstractmethod
    def known_columns(self, promised: Sequence[str]) -> Sequence[str]:
        """Those of the promised columns that are there, as far as that can be told without a query."""


def _bounds(args: Args) -> dict[str, Any]:
    return {
        "min": args.get("min_value"),
        "max": args.get("max_value"),
        "min_exclusive": bool(args.get("strict_min")),
        "max_exclusive": bool(args.get("strict_max")),
    }


def _column(args: Args) -> tuple[str, ...]:
    return (args["column"],)


def _pair(args: Args) -> tuple[str, ...]:
    return args["column_A"], args["column_B"]


def _list(args: Args) -> tuple[str, ...]:
    return tuple(args["column_list"])


# Great Expectations' map metrics: the kind of rule, its columns, its arguments.
_MAPS: dict[str, tuple[Any, Callable[[Args], tuple[str, ...]], Callable[[Args], dict[str, Any]]]] = {
    "column_values.nonnull": ("not_null", _column, lambda a: {}),
    "column_values.in_set": ("in_set", _column, lambda a: {"values": list(a["value_set"])}),
    "column_values.match_regex": ("matches", _column, lambda a: {"pattern": a["regex"]}),
    "column_values.between": ("between", _column, _bounds),
    "column_values.value_length.between": ("length", _column, _bounds),
    "column_values.unique": ("unique", _column, lambda a: {}),
    "compound_columns.unique": ("unique", _list, lambda a: {}),
    "column_pair_values.equal": ("compare", _pair, lambda a: {"operator": "="}),
    "column_pair_values.a_greater_than_b": (
        "compare",
        _pair,
        lambda a: {"operator": ">=" if a.get("or_equal") else ">"},
    ),
}
_COUNTS = ("unexpected_count", "filtered_row_count")
_LISTS = ("unexpected_values", "unexpected_index_list", "unexpected_index_query")
# What means NULL as SQL does; Great Expectations has other modes, and other defaults.
_NULL_MODES = {"column_A": "either_value_is_missing", "column_list": "any_value_is_missing"}


class FlatEngine(ExecutionEngine[Any]):
    """Base of our engines; a subclass only names what its batches are."""

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
            assert isinstance(data, BatchData)
            mine = [m for m in wanted if m.metric_domain_kwargs.get("batch_id") == batch_id]
            answers |= _resolve(data, mine)
        return answers

    def check(self, metric_name: str) -> None:
        """Raise if the engine does not know a metric."""
        get_metric_provider(metric_name, self)

    def _refuse(self, condition: Any) -> NoReturn:
        raise Unsupported("row conditions of Great Expectations are not run here; write the rule as a condition")

    _comparison_condition_to_filter_clause = _refuse
    _nullity_condition_to_filter_clause = _refuse
    _and_condition_to_filter_clause = _refuse
    _or_condition_to_filter_clause = _refuse


def _resolve(data: BatchData, wanted: list[Any]) -> Metrics:
    rules: dict[str, Rule] = {}
    keys: dict[Any, str] = {}
    sampled: set[str] = set()
    for metric in wanted:
        rule = _rule_of(metric, data)
        if rule is not None:
            rules[rule.id], keys[metric.id] = rule, rule.id
            if metric.metric_name == METRIC or metric.metric_name.endswith(".unexpected_values"):
                sampled.add(rule.id)
    data.rows, measured = data.measure(list(rules.values()))
    rows = data.rows
    columns = data.columns()
    if missing := sorted({column for rule in rules.values() for column in absent(rule, columns)}):
        # Great Expectations would call a column without values good.
        raise Unsupported(f"the data have no column {', '.join(missing)}")
    found = {m.rule.id: m for m in measured}
    failed = [m.rule for m in measured if m.failed and m.rule.id in sampled and m.rule.of_row]
    samples: dict[str, list[Any]] = {}
    if failed:
        rows_of = data.samples(failed, MAX_SAMPLES)
        samples = {r.id: [_shown(row, data) for row in rs] for r, rs in zip(failed, rows_of, strict=True)}
    answers: Metrics = {}
    for metric in wanted:
        name = metric.metric_name
        if name == "table.row_count":
            answers[metric.id] = rows
        elif name == "table.columns":
            answers[metric.id] = columns
        else:
            key = keys[metric.id]
            finding = Finding(_masked(found[key], data), rows, samples.get(key, []))
            answers[metric.id] = finding if name == METRIC else _answer(name, finding)
    return answers


def _rule_of(metric: Any, data: BatchData) -> Rule | None:
    """The rule that a metric asks about; None for the two metrics about the table that are no rule."""
    name, arguments = metric.metric_name, {**metric.metric_domain_kwargs, **metric.metric_value_kwargs}
    if arguments.get("row_condition"):
        raise Unsupported(f"{name}: row conditions are not run here; write the rule as a condition")
    if name in ("table.row_count", "table.columns"):
        return None
    if name == METRIC:
        kind, columns, args = arguments["kind"], tuple(arguments["columns"]), dict(arguments["args"])
    else:
        kind, columns_of, args_of = _MAPS[name.rpartition(".")[0]]
        for place, mode in _NULL_MODES.items():
            if place in arguments and arguments.get("ignore_row_if") != mode:
                raise Unsupported(f"{name}: only ignore_row_if={mode!r} means NULL as SQL does")
        columns, args = columns_of(arguments), args_of(arguments)
    key = json.dumps([kind, columns, args], sort_keys=True, default=str)
    return Rule(key, kind, columns, args, blank_is_null=data.blank_is_null)


def _answer(name: str, finding: Finding) -> Any:
    _, _, what = name.rpartition(".")
    if what == "unexpected_count":
        return finding.measured.failed
    if what == "filtered_row_count":
        return finding.measured.evaluated
    # Row numbers mean nothing in a lazy frame or a relation: the samples are the values themselves.
    return finding.samples if what == "unexpected_values" else None


def _shown(row: dict[str, Any], data: BatchData) -> Any:
    """One value as it is (what JSON lacks as text), several as `a=1, b=2`; personal ones masked."""
    plain = {c: v if isinstance(v, str | int | float | bool | None) else str(v) for c, v in row.items()}
    shown = masked(plain, data.masks)
    return next(iter(shown.values())) if len(shown) == 1 else ", ".join(f"{c}={v}" for c, v in shown.items())


def _masked(measured: Measured, data: BatchData) -> Measured:
    """The least or greatest value of a personal column is a value of it."""
    how = next((data.masks[c] for c in measured.rule.columns if c in data.masks), None)
    if how is None or measured.rule.args.get("function") not in ("min", "max"):
        return measured
    return Measured(measured.rule, measured.evaluated, measured.failed, mask(measured.observed, how))


class _Provider(MetricProvider):
    """Stands in the registry for every metric that the engine answers itself; depends on nothing."""

    @classmethod
    def get_evaluation_dependencies(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {}


def _never(**kwargs: Any) -> NoReturn:
    raise Unsupported("the engine resolves metrics itself")


def _register() -> None:
    assert core_metrics  # importing them is what fills the registry
    names = ["table.row_count", "table.columns"]
    names += [f"{metric}.{suffix}" for metric in _MAPS for suffix in (*_COUNTS, *_LISTS)]
    for name in names:
        known = _registered_metrics.get(name)
        if known is not None:
            _provide(name, known["metric_domain_keys"], known["metric_value_keys"])
    _provide(METRIC, ("batch_id",), ("kind", "columns", "args"))


def _provide(name: str, domain_keys: tuple[str, ...], value_keys: tuple[str, ...]) -> None:
    keys = {"domain_keys": domain_keys, "value_keys": value_keys}
    provider = type("_Provider", (_Provider,), {**keys, "default_kwarg_values": {}})
    register_metric(name, domain_keys, value_keys, FlatEngine, provider, _never)


_register()
