"""Expectations of our own: what Great Expectations lacks, or decides by the class of engine, or fails on empty tables.

Each asks its engine for one metric, `warehouse.rule`, whose arguments are the rule itself; only our engines answer it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validator import ValidationDependencies

from expectations.measured import Finding
from expectations.rules import Kind

METRIC = "warehouse.rule"
_MAX_SAMPLES = 20


class RuleExpectation(BatchExpectation):
    """One of our rules as an expectation; subclasses say of which kind, and how their fields are its arguments."""

    kind: ClassVar[Kind]

    @classmethod
    def is_abstract(cls) -> bool:
        return not hasattr(cls, "kind")

    def rule_columns(self) -> list[str]:
        """The columns that the rule reads."""
        return [self.column] if hasattr(self, "column") else []

    def rule_args(self) -> dict[str, Any]:
        """The arguments of the rule record."""
        raise NotImplementedError

    def get_validation_dependencies(
        self, execution_engine: ExecutionEngine[Any] | None = None, runtime_configuration: dict[str, Any] | None = None
    ) -> ValidationDependencies:
        found = super().get_validation_dependencies(execution_engine, runtime_configuration)
        found.set_metric_configuration(METRIC, self.metric())
        return found

    def metric(self) -> MetricConfiguration:
        """The one metric that the expectation asks for."""
        arguments = {"kind": self.kind, "columns": self.rule_columns(), "args": self.rule_args()}
        return MetricConfiguration(METRIC, {"batch_id": self.batch_id}, arguments)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine[Any] | None = None,
    ) -> dict[str, Any]:
        finding: Finding = metrics[METRIC]
        if not finding.measured.rule.of_row:
            observed = finding.measured.observed
            return {"success": finding.measured.failed == 0, "result": {"observed_value": observed}}
        return _counted(finding, getattr(self, "mostly", 1.0))


def _counted(finding: Finding, mostly: float) -> dict[str, Any]:
    """The result that Great Expectations' own map expectations give (format SUMMARY)."""
    rows, evaluated, failed = finding.rows, finding.measured.evaluated, finding.measured.failed
    counts = Counter(finding.samples).most_common(_MAX_SAMPLES)
    return {
        "success": failed == 0 or (evaluated - failed) / evaluated >= mostly,
        "result": {
            "element_count": rows,
            "unexpected_count": failed,
            "unexpected_percent": failed / evaluated * 100 if evaluated else None,
            "partial_unexpected_list": finding.samples,
            "missing_count": rows - evaluated,
            "missing_percent": (rows - evaluated) / rows * 100 if rows else None,
            "unexpected_percent_total": failed / rows * 100 if rows else None,
            "unexpected_percent_nonmissing": failed / evaluated * 100 if evaluated else None,
            "partial_unexpected_counts": [{"value": value, "count": count} for value, count in counts],
        },
    }


class _RowExpectation(RuleExpectation):
    mostly: float = pydantic.Field(default=1.0, gt=0, le=1)
    success_keys: ClassVar[tuple[str, ...]] = ("mostly",)


class ExpectColumnTextToParseAs(_RowExpectation):
    """Expect delivered text to read as a value of a logical type."""

    kind: ClassVar[Kind] = "parses_as"
    column: str
    logical: str
    formats: list[str] = pydantic.Field(default_factory=list)

    def rule_args(self) -> dict[str, Any]:
        return {"logical": self.logical, "formats": self.formats}


class ExpectColumnTextToReadBetween(_RowExpectation):
    """Expect delivered text to lie in a range once it is read as a value of a logical type."""

    kind: ClassVar[Kind] = "between"
    column: str
    logical: str
    formats: list[str] = pydantic.Field(default_factory=list)
    min_value: Any = None
    max_value: Any = None
    strict_min: bool = False
    strict_max: bool = False

    def rule_args(self) -> dict[str, Any]:
        return {"logical": self.logical, "formats": self.formats, **_bounds(self)}


class ExpectColumnTextBytesToBeAtMost(_RowExpectation):
    """Expect text to fit a number of bytes (UTF-8): Redshift counts bytes, not characters."""

    kind: ClassVar[Kind] = "byte_length"
    column: str
    max_bytes: int

    def rule_args(self) -> dict[str, Any]:
        return {"max": self.max_bytes}


class ExpectColumnPairValuesToDiffer(_RowExpectation):
    """Expect two columns to hold different values in every row where both hold one."""

    kind: ClassVar[Kind] = "compare"
    column_A: str
    column_B: str

    def rule_columns(self) -> list[str]:
        return [self.column_A, self.column_B]

    def rule_args(self) -> dict[str, Any]:
        return {"operator": "!="}


class ExpectRowsToMeetCondition(_RowExpectation):
    """Expect a boolean SQL expression not to be false for any row."""

    kind: ClassVar[Kind] = "condition"
    condition: str
    columns: list[str] = pydantic.Field(default_factory=list)

    def rule_columns(self) -> list[str]:
        return self.columns

    def rule_args(self) -> dict[str, Any]:
        return {"sql": self.condition}


class ExpectKeysToExistInTable(_RowExpectation):
    """Expect each complete key to stand in another table."""

    kind: ClassVar[Kind] = "foreign_key"
    columns: list[str]
    table: str
    to_columns: list[str]

    def rule_columns(self) -> list[str]:
        return self.columns

    def rule_args(self) -> dict[str, Any]:
        return {"table": self.table, "to_columns": self.to_columns}


class ExpectTableColumnTypesToBe(RuleExpectation):
    """Expect each column to have its physical type."""

    kind: ClassVar[Kind] = "types"
    types: dict[str, str]

    def rule_args(self) -> dict[str, Any]:
        return {"types": self.types}


class ExpectColumnAggregateToBeBetween(RuleExpectation):
    """Expect sum, mean, min, max, stddev or distinct_count to lie in a range; a column without values says nothing."""

    kind: ClassVar[Kind] = "aggregate"
    column: str
    function: str
    min_value: Any = None
    max_value: Any = None
    strict_min: bool = False
    strict_max: bool = False

    def rule_args(self) -> dict[str, Any]:
        return {"function": self.function, **_bounds(self)}


class ExpectQueryValueToBeBetween(RuleExpectation):
    """Expect the one number of a query over the table to lie in a range; NULL says nothing."""

    kind: ClassVar[Kind] = "sql"
    query: str
    min_value: Any = None
    max_value: Any = None
    strict_min: bool = False
    strict_max: bool = False

    def rule_args(self) -> dict[str, Any]:
        return {"query": self.query, **_bounds(self)}


def _bounds(expectation: Any) -> dict[str, Any]:
    return {
        "min": expectation.min_value,
        "max": expectation.max_value,
        "min_exclusive": expectation.strict_min,
        "max_exclusive": expectation.strict_max,
    }
