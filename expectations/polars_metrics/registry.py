"""Great Expectations' metrics on Polars: one decorated function each, whose signature is its registration.

The first parameters say what a metric is about, in Great Expectations' words: `column`, `column_A` and `column_B`,
`column_list`, or `table`; those after `*` are its arguments. A function of a name that Great Expectations does not
know serves an expectation of one's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import polars as pl
from great_expectations.expectations.registry import _registered_metrics

from contracts.model import Mask
from expectations.expressions import References, Unsupported, broken, read_column
from expectations.flat_engine import FlatEngine, provide
from expectations.rules import Kind, Rule

# What Great Expectations asks of a metric about rows, beside the number of rows that are unexpected.
LISTS = (
    "unexpected_values",
    "unexpected_rows",
    "unexpected_index_list",
    "unexpected_index_query",
    "unexpected_value_counts",
)
_SUBJECTS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("column",): ("column",),
    ("column_A", "column_B"): ("column_A", "column_B", "ignore_row_if"),
    ("column_list",): ("column_list", "ignore_row_if"),
    ("table",): (),
    ("schema",): (),
    (): (),
}
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Column:
    """A column of the batch as a metric sees it: `value` is its expression, `rows` the number of rows in question.

    `condition` holds in the rows that an aggregate is about; outside of them `value` is NULL.
    """

    name: str
    dtype: pl.DataType
    blank_is_null: bool = False
    condition: pl.Expr | None = None

    @property
    def value(self) -> pl.Expr:
        value = read_column(self.name, self.dtype, blank_is_null=self.blank_is_null)
        return value if self.condition is None else pl.when(self.condition).then(value)

    @property
    def rows(self) -> pl.Expr:
        return pl.len() if self.condition is None else self.condition.sum()

    def needs(self, kind: str, *, holds: bool) -> None:
        """Raise Unsupported unless the type of the column will do."""
        if not holds:
            raise Unsupported(f"column {self.name} is {self.dtype}, not {kind}")

    def broken(self, kind: Kind, **args: Any) -> pl.Expr:
        """True where the value breaks a rule of the contracts: the one meaning that it has in contracts too."""
        rule = Rule("argument", kind, (self.name,), args, blank_is_null=self.blank_is_null)
        return broken(rule, {self.name: self.dtype})


@dataclass(frozen=True)
class Table:
    """The rows in question of a batch, and the frames that it brought along."""

    frame: pl.LazyFrame
    references: References
    masks: Mapping[str, Mask]


@dataclass(frozen=True)
class Metric:
    """A registered function: how its answer comes about, what it is about, and its arguments with their defaults."""

    name: str
    kind: Literal["row", "aggregate", "frame", "schema"]
    function: Callable[..., Any]
    about: tuple[str, ...]
    arguments: Mapping[str, Any]
    apart: bool = False
    sees_null: bool = False
    personal: bool = True
    whole: bool = False
    query: str = ""
    read: Callable[..., Any] | None = None

    def given(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that a suite gave, and the defaults of the others."""
        wanted = {n: values[n] if values.get(n) is not None else default for n, default in self.arguments.items()}
        if missing := [name for name, value in wanted.items() if value is inspect.Parameter.empty]:
            raise Unsupported(f"needs {', '.join(missing)}")
        return wanted


METRICS: dict[str, Metric] = {}


class FrameEngine(FlatEngine):
    """Under its name the metrics stand in Great Expectations' registry."""


def row(name: str, *, apart: bool = False, sees_null: bool = False) -> Callable[[_F], _F]:
    """Register an expression that is true in each unexpected row; counts, values and rows follow from it.

    NULL in the column is not asked about unless `sees_null`. An expression that looks at more than one row at once
    (an order, a mean, duplicates) is computed `apart`: over its own columns alone, and the rows in question.
    """
    return _register(name, "row", apart=apart, sees_null=sees_null)


def aggregate(
    name: str,
    *,
    apart: bool = False,
    personal: bool = True,
    whole: bool = False,
    read: Callable[[Any, Mapping[str, Any]], Any] | None = None,
) -> Callable[[_F], _F]:
    """Register an expression of one value over the rows in question, fused into the one select.

    What must hold a column whole (a sort, distinct values) is computed `apart`, and may give more than one value.
    `read` makes the answer of the value (of what is apart: of the list of values) and of the arguments, to which the
    column's `dtype` is added. `personal=False`: the answer (a count, a mean) shows no value of a personal column.
    `whole`: it shows so many of them, or so used, that it is refused for a personal column.
    """
    return _register(name, "aggregate", apart=apart, personal=personal, whole=whole, read=read)


def frame(
    name: str,
    *,
    query: str = "",
    personal: bool = True,
    read: Callable[[list[dict[str, Any]], Mapping[str, Any]], Any] | None = None,
) -> Callable[[_F], _F]:
    """Register a lazy frame made of a Table; `read` makes the answer of its rows and of the arguments.

    `query` names the argument that is SQL, so that it can be told which columns show personal data.
    """
    return _register(name, "frame", query=query, personal=personal, read=read)


def schema(name: str) -> Callable[[_F], _F]:
    """Register what follows from the schema of the batch, without its data."""
    return _register(name, "schema", personal=False)


def _register(name: str, kind: Any, **how: Any) -> Callable[[_F], _F]:
    def entered(function: _F) -> _F:
        parameters = inspect.signature(function).parameters.values()
        about = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
        arguments = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        if about not in _SUBJECTS:
            raise TypeError(f"{name}: a metric is about one of {', '.join(map(str, _SUBJECTS))}, not {about}")
        metric = Metric(name, kind, function, about, arguments, **how)
        _enter(metric)
        METRICS[name] = metric
        return function

    return entered


def _enter(metric: Metric) -> None:
    domain = ("batch_id", "table", *_SUBJECTS[metric.about], "row_condition", "condition_parser")
    values, defaults = tuple(metric.arguments), _given(metric.arguments)
    if metric.kind != "row":
        _provide(metric.name, domain, values, defaults)
        return
    counts = ["unexpected_count"] if metric.about == ("column",) else ["unexpected_count", "filtered_row_count"]
    for suffix in counts:
        _provide(f"{metric.name}.{suffix}", domain, values, defaults)
    for suffix in LISTS:
        _provide(f"{metric.name}.{suffix}", domain, (*values, "result_format"), defaults)


def _provide(name: str, domain: tuple[str, ...], values: tuple[str, ...], defaults: dict[str, Any]) -> None:
    if (known := _registered_metrics.get(name)) is not None:
        if ignored := set(known["metric_value_keys"]) - {*values, "result_format"}:
            raise TypeError(f"{name}: Great Expectations also gives {', '.join(sorted(ignored))}")
        # It leaves the row condition out of the domain of one metric (pairs in a set) and would check all rows.
        missing = {"row_condition", "condition_parser"} - set(known["metric_domain_keys"])
        known["metric_domain_keys"] = (*known["metric_domain_keys"], *sorted(missing))
    provide(FrameEngine, name, domain, values, defaults)


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not inspect.Parameter.empty}
