"""Great Expectations' metrics as rules: what an engine can answer that knows how to measure rules, and no more.

The rules of a suite are measured together, and only those that failed are sampled, in a second pass.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from great_expectations.expectations.registry import _registered_metrics

from expectations.expressions import Unsupported
from expectations.flat_engine import MAX_SAMPLES, BatchData, FlatEngine, Metrics, found, provide
from expectations.measured import Finding, Measured
from expectations.own import METRIC
from expectations.predicates import absent
from expectations.rules import Rule

Args = Mapping[str, Any]


class RuleBatch(BatchData):
    """Data on which rules are measured."""

    @abstractmethod
    def measure(self, rules: Sequence[Rule]) -> tuple[int, list[Measured]]:
        """The number of rows, and every rule measured: one pass."""

    @abstractmethod
    def samples(self, rules: Sequence[Rule], most: int) -> list[list[dict[str, Any]]]:
        """A few broken rows of each row rule: one pass."""

    @abstractmethod
    def columns(self) -> list[str]:
        """The columns of the data; asked after `measure`."""


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


class RuleEngine(FlatEngine):
    """Resolves suites on `RuleBatch`."""

    def resolve_batch(self, data: Any, wanted: Sequence[Any]) -> Metrics:
        return _resolve(data, wanted)


def _resolve(data: RuleBatch, wanted: Sequence[Any]) -> Metrics:
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
    by_key = {m.rule.id: m for m in measured}
    failed = [m.rule for m in measured if m.failed and m.rule.id in sampled and m.rule.of_row]
    samples: dict[str, list[dict[str, Any]]] = {}
    if failed:
        samples = {r.id: rs for r, rs in zip(failed, data.samples(failed, MAX_SAMPLES), strict=True)}
    answers: Metrics = {}
    for metric in wanted:
        name = metric.metric_name
        if name == "table.row_count":
            answers[metric.id] = rows
        elif name == "table.columns":
            answers[metric.id] = columns
        else:
            key = keys[metric.id]
            finding = found(by_key[key], rows, samples.get(key, []), data)
            answers[metric.id] = finding if name == METRIC else _answer(name, finding)
    return answers


def _rule_of(metric: Any, data: RuleBatch) -> Rule | None:
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


def _register() -> None:
    names = ["table.row_count", "table.columns"]
    names += [f"{metric}.{suffix}" for metric in _MAPS for suffix in (*_COUNTS, *_LISTS)]
    for name in names:
        if name in _registered_metrics:
            provide(RuleEngine, name, (), ())


_register()
