"""What a gate says: the results of one table's rules and whether the layer may go on. Imports no Great Expectations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.counted import counted
from contracts.ids import TableId
from expectations.rules import Rule
from expectations.scorecard import Score


@dataclass(frozen=True)
class RuleResult:
    """One rule checked: `samples` are up to 20 of the values (or rows) that break it, personal data masked."""

    rule: Rule
    evaluated: int
    failed: int
    success: bool
    observed: Any = None
    samples: tuple[Any, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether this result stops the layer.

        Rows that break a quarantine rule are moved aside, which stops nothing, unless the contract says (`mostly`)
        how many rows must keep the rule and fewer do.
        """
        if self.success:
            return False
        return self.rule.verdict == "block" or (self.rule.verdict == "quarantine" and self.rule.mostly < 1)


@dataclass(frozen=True)
class GateResult:
    """All rules of one table on one batch: success is Great Expectations', the verdict is ours."""

    table: TableId
    run_id: str
    batch_id: str
    rows: int
    results: tuple[RuleResult, ...]
    scores: tuple[Score, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def blocking(self) -> tuple[RuleResult, ...]:
        """The results that stop the layer."""
        return tuple(r for r in self.results if r.blocks)

    @property
    def blocking_scores(self) -> tuple[Score, ...]:
        """The scores that stop the layer."""
        return tuple(s for s in self.scores if s.blocks)

    @property
    def warnings(self) -> tuple[RuleResult, ...]:
        """The failed rules that are only told."""
        return tuple(r for r in self.results if not r.success and r.rule.verdict == "warn")

    def raise_if_blocked(self) -> None:
        """Raise GateBlocked if a rule that stops the layer failed, or a score that does is below its threshold."""
        if self.blocking or self.blocking_scores:
            raise GateBlocked(self)


class GateBlocked(RuntimeError):
    """A layer that may not go on: what failed, where it is promised, and what was found instead."""

    def __init__(self, result: GateResult) -> None:
        self.result = result
        super().__init__(blocked_message(result))

    @property
    def rules(self) -> str:
        """The ids of what failed: rules, and dimensions of scores that stop the layer."""
        return ", ".join(
            [*(r.rule.id for r in self.result.blocking), *(s.dimension for s in self.result.blocking_scores)]
        )

    def __reduce__(self) -> tuple[type[GateBlocked], tuple[GateResult]]:
        # An exception with its own arguments crosses process borders only if it says how it is made.
        return GateBlocked, (self.result,)


class RuleNotRun(RuntimeError):
    """Rules that could not be checked on the data at hand, with file and line: what is unknown never passes."""

    def __init__(self, table: TableId, faults: Sequence[str]) -> None:
        self.table, self.faults = table, tuple(faults)
        told = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(f"{table} is blocked: a rule cannot be checked, so it does not pass.\n{told}")

    def __reduce__(self) -> tuple[type[RuleNotRun], tuple[TableId, tuple[str, ...]]]:
        return RuleNotRun, (self.table, self.faults)


def blocked_message(result: GateResult) -> str:
    """The paragraph that whoever is on call reads first."""
    failed, low = result.blocking, result.blocking_scores
    many = [f"{counted(len(failed), 'rule')} failed"] if failed else []
    many += [f"{counted(len(low), 'score')} below threshold"] if low else []
    batch = f", batch {result.batch_id}" if result.batch_id else ""
    head = f"{result.table} is blocked: {' and '.join(many)} on {counted(result.rows, 'row')}{batch}."
    lines = [*map(_line, failed), *(_score_line(found, result.results) for found in low)]
    return "\n".join([head, *(f"  - {line}" for line in lines)])


def _score_line(found: Score, results: tuple[RuleResult, ...]) -> str:
    mine = [r for r in results if r.rule.dimension == found.dimension and r.failed]
    worst = sorted(mine, key=lambda r: -r.failed)[:3]
    causes = ", ".join(f"{r.rule.id} {r.failed:,}" for r in worst)
    return (
        f"{found.dimension} {found.percent} is below its threshold of {found.threshold:.2%}: "
        f"{found.failed:,} of {counted(found.evaluated, 'value')} failed; most by {causes}"
    )


def _line(found: RuleResult) -> str:
    rule = found.rule
    promise = f"{rule.description or rule.kind} [{rule.id}, {rule.where}]"
    columns = f"column {', '.join(rule.columns)}: " if rule.columns else ""
    if found.observed is not None:
        return f"{columns}{promise}: found {_short(found.observed)}"
    share = found.failed / found.evaluated if found.evaluated else 1.0
    wanted = f", {1 - rule.mostly:.2%} are allowed" if rule.mostly < 1 else ""
    shown = f"; for example {', '.join(_short(s) for s in found.samples[:5])}" if found.samples else ""
    return f"{columns}{promise}: {found.failed:,} of {found.evaluated:,} break it ({share:.2%}{wanted}){shown}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 160 else text[:157] + "..."
