"""Asking the engines through the public API of Great Expectations: theirs, the reference, and ours."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import polars as pl

import expectations.flat_datasource
from conformance.case import Case
from conformance.comparison import Answer, answer
from conformance.conditions import conditions
from conformance.frames import SQL_COLUMNS, frames
from expectations.polars_engine import PolarsBatch, PolarsExecutionEngine
from expectations.validation import PreparedSuite

assert expectations.flat_datasource  # importing it is what adds `add_polars`

COMPLETE: Mapping[str, Any] = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": ["id"],
    "include_unexpected_rows": True,
}
# In one suite, all quantiles of a column get the answer of the first of them: the id of their metric, by which answers
# are kept, is made before the quantiles are put into it (great_expectations 1.24.1).
ALONE = ("ExpectColumnQuantileValuesToBeBetween",)
# Frames that are further tables.
OTHERS = ("plain", "one_row")


class Engines:
    """One context for all tests: making one takes seconds."""

    def __init__(self, folder: Path) -> None:
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        self._folder = folder
        self._pandas = self._context.data_sources.add_pandas("pandas").add_dataframe_asset("t")
        self._polars = self._context.data_sources.add_polars("polars").add_data_asset("t")
        _write(folder / "comparison.sqlite", {other: other for other in OTHERS})
        self._add_sqlite("comparison")
        self._their_batch, self.our_batch = cache(self._make_their_batch), cache(self._make_our_batch)

    def theirs(self, cases: Iterable[Case], frame: str, result_format: Mapping[str, Any]) -> dict[str, Answer]:
        """The answers of the reference by case."""
        return _answers(self._their_batch, cases, frame, result_format, ours=False)

    def ours(self, cases: Iterable[Case], frame: str, result_format: Mapping[str, Any]) -> dict[str, Answer]:
        """Our answers by case."""
        return _answers(self.our_batch, cases, frame, result_format, ours=True)

    def _add_sqlite(self, name: str) -> Any:
        url = f"sqlite:///{self._folder / name}.sqlite"
        return self._context.data_sources.add_sqlite(name, connection_string=url)

    def _make_their_batch(self, reference: str, frame: str) -> Any:
        if reference == "pandas":
            return self._pandas.get_batch(self._pandas.build_batch_request({"dataframe": frames(frame).pandas}))
        _write(self._folder / f"{frame}.sqlite", {"t": frame} | {other: other for other in OTHERS})
        table = self._add_sqlite(frame).add_table_asset("t", table_name="t")
        return table.add_batch_definition_whole_table("whole").get_batch()

    def _make_our_batch(self, reference: str, frame: str) -> Any:
        return self._polars.get_batch(self._polars.build_batch_request({"dataframe": our_data(reference, frame)}))


def our_data(reference: str, frame: str) -> PolarsBatch:
    """Our data: the columns that the reference has."""
    made = frames(frame).polars
    if reference == "sqlite":
        made = made.select(SQL_COLUMNS)
    return PolarsBatch(made.lazy(), references={other: frames(other).polars.lazy() for other in OTHERS})


def prepared(cases: Iterable[Case], frame: str) -> dict[str, Answer]:
    """The answers of a prepared suite by case, in the format that is always its own."""
    together = list(cases)
    asked = gx.ExpectationSuite("conformance", [_expectation(case, ours=True) for case in together])
    suite = PreparedSuite(asked, PolarsExecutionEngine)
    with _their_warnings():
        results = suite.run(our_data("pandas", frame))
    return {case.id: answer(result) for case, result in zip(together, results, strict=True)}


def _answers(
    batch_of: Any, cases: Iterable[Case], frame: str, result_format: Mapping[str, Any], *, ours: bool
) -> dict[str, Answer]:
    """Asked in one suite, which takes half as long as one by one; what raises there is asked again, alone."""
    suites: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        suites.setdefault((case.reference, case.id if case.apart or case.name in ALONE else ""), []).append(case)
    found: dict[str, Answer] = {}
    for (reference, _), together in suites.items():
        batch = batch_of(reference, frame)
        found |= validated(batch, together, result_format, ours=ours)
        for case in together:
            if found[case.id].raised is not None and len(together) > 1:
                found |= validated(batch, [case], result_format, ours=ours)
    return found


def validated(batch: Any, cases: Iterable[Case], result_format: Mapping[str, Any], *, ours: bool) -> dict[str, Answer]:
    """The answers to one suite by case."""
    suite = gx.ExpectationSuite("conformance", [_expectation(case, ours=ours) for case in cases])
    with _their_warnings():
        validation = batch.validate(suite, result_format=dict(result_format))
    return {result.expectation_config.meta["case"]: answer(result) for result in validation.results}


def _expectation(case: Case, *, ours: bool) -> Any:
    kwargs = {**case.kwargs, **case.ours} if ours else case.kwargs
    condition = {"row_condition": conditions()[case.condition]} if case.condition else {}
    return getattr(gxe, case.name)(**kwargs, **condition, meta={"case": case.id})


@contextmanager
def _their_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        # numpy under pandas and Great Expectations: deviations of infinities, shares of nothing.
        warnings.filterwarnings("ignore", "invalid value encountered", RuntimeWarning)
        # pandas, about what Great Expectations does with instants that have a zone.
        warnings.filterwarnings("ignore", "Series.values returning an ndarray", DeprecationWarning)
        yield


def _write(file: Path, tables: Mapping[str, str]) -> None:
    types = {pl.Int64: "INTEGER", pl.Float64: "REAL", pl.String: "TEXT"}
    connection = sqlite3.connect(file)
    for table, name in tables.items():
        frame = frames(name).polars.select(SQL_COLUMNS)
        declared = ", ".join(f"{column} {types[dtype.base_type()]}" for column, dtype in frame.schema.items())
        connection.execute(f"CREATE TABLE {table} ({declared})")
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * frame.width)})", frame.rows())
    connection.commit()
    connection.close()
