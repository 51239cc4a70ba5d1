"""Great Expectations on Polars: a whole suite in one fused lazy pass over a frame.

Great Expectations has no Polars engine, and its pandas engine scans the data once per metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from contracts.model import Mask
from expectations.flat_engine import BatchData, FlatEngine
from expectations.measured import Measured
from expectations.predicates import References, measure, samples
from expectations.rules import Rule

_ROWS = Rule("", "row_count", ())


class PolarsBatch(BatchData):
    """A lazy frame, with the frames that its foreign keys refer to."""

    def __init__(
        self,
        frame: pl.LazyFrame,
        *,
        references: References | None = None,
        masks: Mapping[str, Mask] | None = None,
        blank_is_null: bool = False,
    ) -> None:
        super().__init__(masks, blank_is_null=blank_is_null)
        self.frame, self.references = frame, references

    def measure(self, rules: Sequence[Rule]) -> tuple[int, list[Measured]]:
        rows, *measured = measure(self.frame, [_ROWS, *rules], self.references)
        return int(rows.observed), measured

    def samples(self, rules: Sequence[Rule], most: int) -> list[list[dict[str, Any]]]:
        return samples(self.frame, rules, self.references, most=most)

    def columns(self) -> list[str]:
        return self.frame.collect_schema().names()

    def known_columns(self, promised: Sequence[str]) -> Sequence[str]:
        return self.columns()


class PolarsExecutionEngine(FlatEngine):
    """Resolves suites on `PolarsBatch`."""
