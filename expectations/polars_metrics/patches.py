"""Four expectations that Great Expectations 1.24 ships and that no engine but its own can run as they are.

Types are judged by the class of the engine: for one that it does not know, `ExpectColumnTypeToBe` falls through to its
pandas branch ("Unrecognized pandas type: 'String'"), `…ToBeOfType` and `…ToBeInTypeList` return nothing ("Unable to
build EVR"). So their `_validate` gets a branch for ours. It may go when Great Expectations asks the engine.

`ExpectColumnQuantileValuesToBeBetween` puts its quantiles into the metric after the metric's id is made of them: two
of one column in a suite share the id, and the second is judged by the quantiles of the first ("list index out of
range", or nothing at all). So the metric is made anew. It may go when a suite with two of them gets two answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any

import numpy as np
import polars as pl
from great_expectations.expectations.core.expect_column_quantile_values_to_be_between import (
    ExpectColumnQuantileValuesToBeBetween,
)
from great_expectations.expectations.core.expect_column_type_to_be import ExpectColumnTypeToBe
from great_expectations.expectations.core.expect_column_values_to_be_in_type_list import (
    ExpectColumnValuesToBeInTypeList,
)
from great_expectations.expectations.core.expect_column_values_to_be_of_type import ExpectColumnValuesToBeOfType
from great_expectations.validator.metric_configuration import MetricConfiguration

from expectations.expressions import Unsupported
from expectations.polars_metrics.registry import FrameEngine

_POLARS = {
    name for name, kind in vars(pl.datatypes).items() if isinstance(kind, type) and issubclass(kind, pl.DataType)
}


def names_of(dtype: pl.DataType) -> set[str]:
    """What a type may be called: as Polars writes it, by its class alone, by Python's type, by numpy's."""
    base = type(dtype)
    names = {str(dtype), base.__name__, *(n for n in _POLARS if getattr(pl.datatypes, n) is base)}
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return names
    names.add(dtype.to_python().__name__)
    if (dtype.is_numeric() and not dtype.is_decimal()) or isinstance(dtype, pl.Boolean):
        names.add(base.__name__.lower() if dtype.is_numeric() else "bool")
    if isinstance(dtype, pl.Datetime):
        names |= {"datetime64", f"datetime64[{dtype.time_unit}]"}
    if isinstance(dtype, pl.Duration):
        names |= {"timedelta64", f"timedelta64[{dtype.time_unit}]"}
    return names


def _known(name: str) -> bool:
    if name.partition("(")[0] in _POLARS or name in (
        "int",
        "float",
        "str",
        "bytes",
        "list",
        "dict",
        "date",
        "datetime",
    ):
        return True
    if name in ("time", "timedelta", "Decimal"):
        return True
    try:
        np.dtype(name)
    except TypeError:
        return False
    return True


def _judged(column: str, wanted: Sequence[str] | None, types: Sequence[dict[str, Any]]) -> dict[str, Any]:
    dtype = next((one["type"] for one in types if one["name"] == column), None)
    if dtype is None:
        raise Unsupported(f"the data have no column {column}")
    if unknown := [name for name in wanted or () if not _known(name)]:
        raise Unsupported(f"column {column}: no type is called {', '.join(unknown)}")
    success = wanted is None or bool(names_of(dtype).intersection(wanted))
    return {"success": success, "result": {"observed_value": str(dtype)}}


def _patch_types(expectation: Any, argument: str) -> None:
    theirs = expectation._validate

    @wraps(theirs)
    def _validate(self: Any, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        if not isinstance(execution_engine, FrameEngine):
            return theirs(self, metrics, runtime_configuration, execution_engine)
        wanted = getattr(self, argument)
        names = [wanted] if isinstance(wanted, str) else wanted
        return _judged(self.column, names, metrics["table.column_types"])

    expectation._validate = _validate


def _patch_quantiles() -> None:
    expectation: Any = ExpectColumnQuantileValuesToBeBetween
    theirs = expectation.get_validation_dependencies

    @wraps(theirs)
    def get_validation_dependencies(self: Any, execution_engine: Any = None, runtime_configuration: Any = None) -> Any:
        needs = theirs(self, execution_engine, runtime_configuration)
        for name, metric in list(needs.metric_configurations.items()):
            made = MetricConfiguration(metric.metric_name, metric.metric_domain_kwargs, metric.metric_value_kwargs)
            needs.set_metric_configuration(name, made)
        return needs

    expectation.get_validation_dependencies = get_validation_dependencies


_patch_types(ExpectColumnTypeToBe, "type_")
_patch_types(ExpectColumnValuesToBeOfType, "type_")
_patch_types(ExpectColumnValuesToBeInTypeList, "type_list")
_patch_quantiles()
