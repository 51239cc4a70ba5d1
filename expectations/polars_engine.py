"""Great Expectations on Polars: a whole suite in one fused lazy pass over a frame.

Great Expectations has no Polars engine, and its pandas engine scans the data once per metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from contracts.model import Mask
from expectations import polars_metrics
from expectations.expressions import References
from expectations.flat_engine import BatchData, Metrics
from expectations.polars_metrics.registry import FrameEngine
from expectations.polars_metrics.resolution import Resolution

assert polars_metrics  # importing them registers them


class PolarsBatch(BatchData):
    """A lazy frame, with the frames that its foreign keys and queries refer to."""

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

    def known_columns(self, promised: Sequence[str]) -> Sequence[str]:
        return self.frame.collect_schema().names()


class PolarsExecutionEngine(FrameEngine):
    """Resolves suites on `PolarsBatch`."""

    def resolve_batch(self, data: Any, wanted: Sequence[Any]) -> Metrics:
        return Resolution(data, data.frame, data.references).run(wanted)
