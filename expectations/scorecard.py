"""Scores: the share of evaluated values that kept their rules, per table and dimension."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from contracts.ids import TableId
from contracts.model import Contract, ScoreVerdict

if TYPE_CHECKING:
    from expectations.verdicts import GateResult, RuleResult

THRESHOLDS = {"completeness": 0.95, "accuracy": 0.98, "consistency": 0.99, "conformity": 0.97}


def label(dimension: str) -> str:
    """A dimension as people call it, with the name that ODCS gives it."""
    return "validity (conformity)" if dimension == "conformity" else dimension


@dataclass(frozen=True)
class Score:
    """`table` is None for a score over several tables; `threshold` is None where a dimension is only reported."""

    table: TableId | None
    dimension: str
    evaluated: int
    failed: int
    threshold: float | None
    verdict: ScoreVerdict = "warn"
    minimum: int = 0

    @property
    def score(self) -> float:
        """The share that passed; with nothing evaluated nothing is known to be wrong."""
        return 1.0 if self.evaluated == 0 else (self.evaluated - self.failed) / self.evaluated

    @property
    def percent(self) -> str:
        """The score for people, rounded down: 100.00% is said only where nothing failed."""
        passed, values = (self.evaluated - self.failed, self.evaluated) if self.evaluated else (1, 1)
        return f"{passed * 10_000 // values / 100:.2f}%"

    @property
    def passed(self) -> bool:
        return self.threshold is None or self.score >= self.threshold

    @property
    def blocks(self) -> bool:
        """Whether it stops the layer: below its threshold, by the contract's verdict, on values enough to tell."""
        return not self.passed and self.verdict == "block" and self.evaluated >= self.minimum


def score(
    table: TableId | None, dimension: str, evaluated: int, failed: int, contract: Contract | None = None
) -> Score:
    """One score, against what the table's contract asks for, or else against the house's threshold."""
    if contract is None:
        return Score(table, dimension, evaluated, failed, THRESHOLDS.get(dimension))
    threshold = contract.thresholds.get(dimension, THRESHOLDS.get(dimension))
    return Score(table, dimension, evaluated, failed, threshold, contract.score_verdict, contract.score_minimum)


def scores_of(contract: Contract, results: Iterable[RuleResult]) -> tuple[Score, ...]:
    """One batch's scores by dimension: the counts of the dimension's rules are added up."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for found in results:
        counts[found.rule.dimension][0] += found.evaluated
        counts[found.rule.dimension][1] += found.failed
    return tuple(
        score(contract.table, dimension, evaluated, failed, contract)
        for dimension, (evaluated, failed) in sorted(counts.items())
    )


def scores(results: Iterable[GateResult]) -> list[Score]:
    """Per table and dimension, over all batches: counts are added up, shares are never averaged."""
    added: dict[tuple[TableId, str], Score] = {}
    for result in results:
        for part in result.scores:
            key = result.table, part.dimension
            sums = added.get(key, replace(part, evaluated=0, failed=0))
            added[key] = replace(sums, evaluated=sums.evaluated + part.evaluated, failed=sums.failed + part.failed)
    return [added[key] for key in sorted(added)]


def merge(parts: Iterable[Score]) -> list[Score]:
    """The same over all tables, against the house's thresholds."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for part in parts:
        counts[part.dimension][0] += part.evaluated
        counts[part.dimension][1] += part.failed
    return [score(None, dimension, evaluated, failed) for dimension, (evaluated, failed) in sorted(counts.items())]
