"""Scores: the share of evaluated values that kept their rules, per table and dimension."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.ids import TableId
from expectations.verdicts import GateResult

THRESHOLDS = {"completeness": 0.95, "accuracy": 0.98, "consistency": 0.99, "conformity": 0.97}


@dataclass(frozen=True)
class Score:
    """`table` is None for a score over several tables; `threshold` is None where a dimension is only reported."""

    table: TableId | None
    dimension: str
    evaluated: int
    failed: int
    threshold: float | None

    @property
    def score(self) -> float:
        """The share that passed; with nothing evaluated nothing is known to be wrong."""
        return 1.0 if self.evaluated == 0 else (self.evaluated - self.failed) / self.evaluated

    @property
    def passed(self) -> bool:
        return self.threshold is None or self.score >= self.threshold


def score(
    table: TableId | None, dimension: str, evaluated: int, failed: int, thresholds: Mapping[str, float] | None = None
) -> Score:
    """One score; `thresholds` are what the table's contract says otherwise than the house."""
    threshold = (thresholds or {}).get(dimension, THRESHOLDS.get(dimension))
    return Score(table, dimension, evaluated, failed, threshold)


def scores(
    results: Iterable[GateResult], thresholds: Mapping[TableId, Mapping[str, float]] | None = None
) -> list[Score]:
    """Per table and dimension, over all batches: counts are added up, shares are never averaged."""
    counts: dict[tuple[TableId, str], list[int]] = defaultdict(lambda: [0, 0])
    for result in results:
        for found in result.results:
            count = counts[result.table, found.rule.dimension]
            count[0] += found.evaluated
            count[1] += found.failed
    named = thresholds or {}
    return [
        score(table, dimension, evaluated, failed, named.get(table))
        for (table, dimension), (evaluated, failed) in sorted(counts.items())
    ]


def merge(parts: Iterable[Score]) -> list[Score]:
    """The same over all tables, against the house's thresholds."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for part in parts:
        counts[part.dimension][0] += part.evaluated
        counts[part.dimension][1] += part.failed
    return [score(None, dimension, evaluated, failed) for dimension, (evaluated, failed) in sorted(counts.items())]
