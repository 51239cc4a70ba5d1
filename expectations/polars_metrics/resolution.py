"""All metrics that are asked of one frame, in one collect; and the rows behind what failed, in a second one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from typing import Any

import polars as pl

from contracts.model import Mask
from expectations.expressions import References, Unsupported
from expectations.flat_engine import MAX_SAMPLES, BatchData, Metrics, Unresolved, found
from expectations.own import METRIC
from expectations.polars_metrics.hiding import hidden
from expectations.polars_metrics.queries import masks_of
from expectations.polars_metrics.registry import METRICS, Column, Metric, Table
from expectations.polars_metrics.row_conditions import in_question, not_ignored
from expectations.polars_metrics.unexpected import ROW, Listing, counts_of
from expectations.predicates import Plan, absent, sampled
from expectations.rules import Rule


@dataclass
class _Rows:
    """A metric about rows: which of them are in question (`scope`), and which are unexpected."""

    columns: tuple[str, ...]
    scope: pl.Expr | None
    unexpected: pl.Expr
    apart: bool

    def within(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """The rows in question."""
        return frame if self.scope is None else frame.filter(self.scope)

    def flag(self) -> pl.Expr:
        """Whether a row is in question and unexpected, of the whole frame."""
        return self.unexpected if self.scope is None else self.unexpected & self.scope

    def select(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """The unexpected rows."""
        if not self.apart:
            return frame.filter(self.flag())
        # In two steps, so that no optimizer can let the expression see other rows than those in question.
        flag = f"{ROW}_flag"
        return self.within(frame).with_columns(self.unexpected.alias(flag)).filter(flag).drop(flag)


@dataclass
class _Asked:
    """One metric as it was asked: what answers it once the plan has run."""

    metric: Any
    key: str
    spec: Metric | None = None
    what: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    masks: Mapping[str, Mask] = field(default_factory=dict)
    answer: Any = None
    listing: Listing | None = None
    rule: Rule | None = None

    @property
    def group(self) -> tuple[str, int | None, bool]:
        """What shares its rows with other lists: the same metric, cut at the same length, counted or not."""
        limit = None if self.listing is None else self.listing.limit
        return self.key, limit, self.what == "unexpected_value_counts"


class Resolution:
    """The metrics of one batch: `ask` each, then `run`."""

    def __init__(self, data: BatchData, frame: pl.LazyFrame, references: References | None) -> None:
        self.data, self.frame, self.references = data, frame, references or {}
        self.plan = Plan(frame, references)
        self.schema = self.plan.schema
        self.asked: list[_Asked] = []
        self.rows: dict[str, _Rows] = {}

    def run(self, wanted: Sequence[Any]) -> Metrics:
        """The answers, by the metrics' ids; Unresolved names the metrics that cannot be answered."""
        faults = {}
        for metric in wanted:
            try:
                self.asked.append(self._ask(metric))
            except Exception as error:  # also what a metric's function raised
                faults[metric] = f"{_named(metric)}: {error}"
        if faults:
            raise Unresolved(faults)
        try:
            self.plan.run()
        except Exception as error:  # also what a Python function in an expression raised
            raise Unresolved(self._culprits() or {one.metric: str(error) for one in self.asked}) from error
        self.data.rows = self.plan.rows
        try:
            listed = self._lists()
        except Exception as error:
            raise Unresolved({one.metric: f"the rows behind what failed: {error}" for one in self.asked}) from error
        return {one.metric.id: self._answer(one, listed) for one in self.asked}

    def _ask(self, metric: Any) -> _Asked:
        name, domain, values = metric.metric_name, metric.metric_domain_kwargs, metric.metric_value_kwargs
        if name == METRIC:
            return self._ask_rule(metric)
        spec, what = METRICS.get(name), ""
        if spec is None:
            base, _, what = name.rpartition(".")
            spec = METRICS[base]
        given = spec.given(values)
        about = {k: v for k, v in domain.items() if k != "batch_id" and v is not None}
        key = f"{spec.name} {about!r} {given!r}"
        if spec.kind == "schema":
            return _Asked(metric, key, spec, answer=spec.function(self.schema, **given))
        table = domain.get("table")
        if table and spec.name != "table.row_count":
            raise Unsupported(f"is about table {table}; only rows can be counted in another table")
        condition = in_question(domain.get("row_condition"), domain.get("condition_parser"), self._column)
        if spec.kind == "row":
            return self._ask_rows(metric, spec, what, key, condition, given)
        if spec.kind == "frame":
            frame = self.frame if condition is None else self.frame.filter(condition)
            return self._ask_frame(metric, spec, key, frame, given)
        if table:
            return self._ask_other(metric, spec, key, table)
        return self._ask_aggregate(metric, spec, key, condition, given)

    def _ask_rule(self, metric: Any) -> _Asked:
        asked = metric.metric_value_kwargs
        key = f"{METRIC} {asked['kind']} {asked['columns']!r} {asked['args']!r}"
        columns, args = tuple(asked["columns"]), dict(asked["args"])
        rule = Rule(key, asked["kind"], columns, args, blank_is_null=self.data.blank_is_null)
        if missing := absent(rule, self.schema):
            raise Unsupported(f"the data have no column {', '.join(missing)}")
        self.plan.add(key, rule)
        return _Asked(metric, key, rule=rule)

    def _ask_rows(
        self, metric: Any, spec: Metric, what: str, key: str, condition: pl.Expr | None, given: Mapping[str, Any]
    ) -> _Asked:
        columns = self._columns(spec, metric)
        if key not in self.rows:
            scopes = [condition]
            if spec.about != ("column",):
                scopes.append(not_ignored(metric.metric_domain_kwargs.get("ignore_row_if"), columns))
            elif not spec.sees_null:
                scopes.append(columns[0].value.is_not_null())
            subject: Sequence[Any] = (list(columns),) if spec.about == ("column_list",) else columns
            parts = [scope for scope in scopes if scope is not None]
            scope = reduce(and_, parts) if parts else None
            names = tuple(dict.fromkeys(column.name for column in columns))
            rows = self.rows[key] = _Rows(names, scope, spec.function(*subject, **given), spec.apart)
            if spec.apart:
                alone = rows.within(self.frame).select(names)
                self.plan.apart[key] = alone.select(rows.unexpected.sum().alias("found"))
            else:
                self.plan.fused[key] = rows.flag().sum()
        rows = self.rows[key]
        if what == "filtered_row_count" and rows.scope is not None:
            self.plan.fused[f"{key} in question"] = rows.scope.sum()
        listing = None
        if what.startswith("unexpected_") and what != "unexpected_count":
            listing = Listing(
                what,
                spec.about,
                _subjects(spec, metric.metric_domain_kwargs),
                metric.metric_value_kwargs["result_format"],
            )
            listing.reads(self.schema)
        return _Asked(metric, key, spec, what, listing=listing)

    def _ask_aggregate(
        self, metric: Any, spec: Metric, key: str, condition: pl.Expr | None, given: Mapping[str, Any]
    ) -> _Asked:
        columns = self._columns(spec, metric, None if spec.apart else condition)
        masks = {c.name: self.data.masks[c.name] for c in columns if c.name in self.data.masks and spec.personal}
        if masks and spec.whole:
            raise Unsupported(f"would show the values of {', '.join(masks)}, which are personal data")
        expression = spec.function(*columns, **given)
        if spec.apart or (condition is not None and not columns):
            alone = self.frame if condition is None else self.frame.filter(condition)
            alone = alone.select([column.name for column in columns]) if columns else alone
            self.plan.apart[key] = alone.select(expression.alias("found"))
        elif columns:
            self.plan.fused[key] = expression
        else:
            key = "rows"
        typed = {**given, "dtype": columns[0].dtype} if columns else given
        return _Asked(metric, key, spec, given=typed, masks=masks)

    def _ask_other(self, metric: Any, spec: Metric, key: str, table: str) -> _Asked:
        if table not in self.references:
            raise Unsupported(f"counts the rows of {table}, which was not given with the batch")
        self.plan.apart[key] = self.references[table].select(spec.function().alias("found"))
        return _Asked(metric, key, spec)

    def _ask_frame(self, metric: Any, spec: Metric, key: str, frame: pl.LazyFrame, given: Mapping[str, Any]) -> _Asked:
        table = Table(frame, self.references, self.data.masks)
        made = self.plan.apart[key] = spec.function(table, **given)
        masks: Mapping[str, Mask] = self.data.masks if spec.personal else {}
        if masks and spec.query:
            masks = masks_of(given[spec.query], table, made.collect_schema())
        return _Asked(metric, key, spec, given=given, masks=masks)

    def _column(self, name: str, condition: pl.Expr | None = None) -> Column:
        if name not in self.schema:
            # Great Expectations would call a column without values good.
            raise Unsupported(f"the data have no column {name}")
        return Column(name, self.schema[name], self.data.blank_is_null, condition)

    def _columns(self, spec: Metric, metric: Any, condition: pl.Expr | None = None) -> tuple[Column, ...]:
        return tuple(self._column(name, condition) for name in _subjects(spec, metric.metric_domain_kwargs))

    def _lists(self) -> dict[Any, pl.DataFrame]:
        """The rows behind each list that is reported and has any, and behind each rule that was broken."""
        reads: dict[Any, dict[str, None]] = {}
        frames: dict[Any, pl.LazyFrame] = {}
        for one in self.asked:
            if one.listing is not None and one.listing.reported and one.listing.limit != 0 and self._found(one.key):
                reads.setdefault(one.group, {}).update(dict.fromkeys(one.listing.reads(self.schema)))
            elif one.rule is not None and one.rule.of_row and self.plan.measured(one.key, one.rule).failed:
                frames[one.group] = sampled(self.frame, self.schema, one.rule, self.references, MAX_SAMPLES)
        for (key, limit, counted), names in reads.items():
            numbered = self.frame.with_row_index(ROW) if ROW in names and not counted else self.frame
            rows = self.rows[key].select(numbered)
            rows = counts_of(rows, self.rows[key].columns) if counted else rows.select(self._ordered(names))
            frames[key, limit, counted] = rows if limit is None else rows.head(limit)
        # Shared sub-plans would be held whole in memory, and no `head` could stop its scan early.
        apart = pl.QueryOptFlags(comm_subplan_elim=False)
        collected = pl.collect_all(list(frames.values()), engine="streaming", optimizations=apart) if frames else []
        return dict(zip(frames, collected, strict=True))

    def _ordered(self, names: Collection[str]) -> list[str]:
        """As they stand in the data: rows are reported whole."""
        return [name for name in (*self.schema, ROW) if name in names]

    def _answer(self, one: _Asked, listed: Mapping[Any, pl.DataFrame]) -> Any:
        if one.rule is not None:
            samples = listed[one.group].to_dicts() if one.group in listed else []
            return found(self.plan.measured(one.key, one.rule), self.plan.rows, samples, self.data)
        assert one.spec is not None
        if one.listing is not None:
            return one.listing.answer(listed.get(one.group), self.data.masks)
        if one.spec.kind == "schema":
            return one.answer
        if one.spec.kind == "frame":
            return self._answer_frame(one, one.spec)
        if one.what == "filtered_row_count":
            return self.plan.values.get(f"{one.key} in question", self.plan.rows)
        if one.spec.read is not None:
            values = self.plan.frames[one.key]["found"].to_list() if one.spec.apart else self._found(one.key)
            answer = one.spec.read(values, one.given)
        else:
            answer = self._found(one.key)
        return hidden(answer, next(iter(one.masks.values()), None))

    def _answer_frame(self, one: _Asked, spec: Metric) -> Any:
        made = self.plan.frames[one.key].iter_rows(named=True)
        rows = [{name: hidden(value, one.masks.get(name)) for name, value in row.items()} for row in made]
        return spec.read(rows, one.given) if spec.read else rows

    def _found(self, key: str) -> Any:
        return self.plan.values[key] if key in self.plan.values else self.plan.frames[key]["found"][0]

    def _culprits(self) -> dict[Any, str]:
        """What cannot be collected, each by itself: asked only after the one collect failed."""
        faults = {}
        for one in self.asked:
            fused = [e.alias("found") for k, e in self.plan.fused.items() if k in (one.key, f"{one.key}.failed")]
            for alone in (*([self.frame.select(fused)] if fused else []), self.plan.apart.get(one.key)):
                try:
                    _ = None if alone is None else alone.collect(engine="streaming")
                except Exception as error:
                    faults[one.metric] = f"{_named(one.metric)}: {error}"
        return faults


def _subjects(spec: Metric, domain: Mapping[str, Any]) -> tuple[str, ...]:
    if spec.about == ("column_list",):
        return tuple(domain["column_list"])
    return tuple(domain[name] for name in spec.about)


def _named(metric: Any) -> str:
    name, domain = metric.metric_name, metric.metric_domain_kwargs
    base = name if name in METRICS else name.rpartition(".")[0]
    names = [domain.get(one) for one in ("column", "column_A", "column_B")] + list(domain.get("column_list") or ())
    columns = ", ".join(one for one in names if one)
    return f"{base if base in METRICS else name}{f' (column {columns})' if columns else ''}"
