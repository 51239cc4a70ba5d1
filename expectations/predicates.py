"""Rules over a Polars frame: measure them all in one pass, or split the frame into rows kept and rows broken."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import polars as pl

from contracts.polars_types import polars_type
from contracts.types import ColumnType
from expectations.expressions import (
    References,
    Schema,
    Unsupported,
    anti_join,
    broken,
    evaluated,
    mark_missing,
    read,
    summable,
)
from expectations.measured import Measured, of_columns, of_missing_column, of_table, of_types
from expectations.rules import Rule

__all__ = [
    "Marks",
    "Measured",
    "References",
    "Split",
    "Unsupported",
    "broken",
    "evaluated",
    "mark",
    "mark_broken",
    "measure",
    "samples",
    "split",
]

BROKEN_RULES = "broken_rules"
_BITS = 63
_TABLE = "gated"


@dataclass(frozen=True)
class Split:
    """The rows that keep every quarantine rule, and the others with the ids of the rules that they break."""

    kept: pl.LazyFrame
    broken: pl.LazyFrame

    def collect(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Both halves, from one pass over the frame."""
        kept, broken_ = pl.collect_all([self.kept, self.broken], engine="streaming")
        return kept, broken_


@dataclass(frozen=True)
class Marks:
    """Which of some rules the rows of a frame break: integer columns, each with the ids that its bits stand for.

    The ids are written out for the broken rows only, because lists of text on every row cost four to seven times the
    pass itself.
    """

    ids: Mapping[str, Sequence[str]]

    @property
    def columns(self) -> list[str]:
        """The columns that hold the marks."""
        return list(self.ids)

    @property
    def any(self) -> pl.Expr:
        """Whether a row breaks any of the rules."""
        return pl.any_horizontal(pl.lit(False), *(pl.col(name) != 0 for name in self.ids))

    @property
    def broken(self) -> pl.Expr:
        """The ids of the rules that a row breaks, in the order of the rules."""
        bits = [(name, bit, id_) for name, part in self.ids.items() for bit, id_ in enumerate(part)]
        found = [pl.when(pl.col(name) & (1 << bit) != 0).then(pl.lit(id_)) for name, bit, id_ in bits]
        return pl.concat_list(found).list.drop_nulls() if found else pl.lit([], dtype=pl.List(pl.String))


def mark(frame: pl.LazyFrame, flags: Sequence[tuple[str, pl.Expr]], name: str) -> tuple[pl.LazyFrame, Marks]:
    """Put beside each row which flags (an id, a boolean) are true in it; `name` begins the names of their columns."""
    parts = {f"__{name}_{at // _BITS}": flags[at : at + _BITS] for at in range(0, len(flags), _BITS)}
    bits = (_bits([flag for _, flag in part]).alias(column) for column, part in parts.items())
    return frame.with_columns(bits), Marks({column: [id_ for id_, _ in part] for column, part in parts.items()})


def mark_broken(
    frame: pl.LazyFrame, rules: Iterable[Rule], name: str, references: References | None = None
) -> tuple[pl.LazyFrame, Marks]:
    """Put beside each row which of the rules it breaks whose verdict is quarantine; other rules are left out.

    A foreign key leaves a column of its own beside the marks.
    """
    schema = frame.collect_schema()
    flags: list[tuple[str, pl.Expr]] = []
    for place, rule in enumerate(rule for rule in rules if rule.verdict == "quarantine"):
        _present(rule, schema)
        if rule.kind == "foreign_key":
            missing = f"__missing_{place}"
            frame = mark_missing(rule, frame, references or {}, missing)
            flags.append((rule.id, pl.col(missing)))
        else:
            flags.append((rule.id, broken(rule, schema)))
    return mark(frame, flags, name)


def split(frame: pl.LazyFrame, rules: Iterable[Rule], references: References | None = None) -> Split:
    """Divide the rows by the rules whose verdict is quarantine; other rules are left out."""
    columns = frame.collect_schema().names()
    marked, marks = mark_broken(frame, rules, "mask", references)
    rejected = marked.filter(marks.any).select(*columns, marks.broken.alias(BROKEN_RULES))
    return Split(marked.filter(~marks.any).select(columns), rejected)


def _bits(flags: Sequence[pl.Expr]) -> pl.Expr:
    return reduce(operator.or_, (flag.cast(pl.Int64) * (1 << bit) for bit, flag in enumerate(flags)))


def _present(rule: Rule, schema: Schema) -> None:
    if missing := absent(rule, schema):
        raise Unsupported(f"{rule.id} ({rule.where}): the data have no column {', '.join(missing)}")


def measure(frame: pl.LazyFrame, rules: Iterable[Rule], references: References | None = None) -> list[Measured]:
    """Count, for every rule, the rows it says something about and those that break it: one collect for all of them."""
    rules, plan = list(rules), Plan(frame, references)
    for place, rule in enumerate(rules):
        plan.add(str(place), rule)
    plan.run()
    return [plan.measured(str(place), rule) for place, rule in enumerate(rules)]


class Plan:
    """What is asked of a frame in one collect: expressions fused into one select, and frames that stand apart."""

    def __init__(self, frame: pl.LazyFrame, references: References | None = None) -> None:
        self.frame, self.schema, self.references = frame, frame.collect_schema(), references or {}
        self.fused: dict[str, pl.Expr] = {"rows": pl.len()}
        self.apart: dict[str, pl.LazyFrame] = {}
        self.values: dict[str, Any] = {}
        self.frames: dict[str, pl.DataFrame] = {}

    @property
    def rows(self) -> int:
        """The number of rows of the frame; known once the plan has run."""
        return int(self.values["rows"])

    def add(self, key: str, rule: Rule) -> None:
        """Ask for everything that `measured` needs; a rule about columns that are not there asks for nothing."""
        if absent(rule, self.schema):
            return
        if rule.kind == "unique":
            # Apart, over the key alone: a sort would hold every column of the fused pass in memory.
            keys = self.frame.select(rule.columns)
            counts = evaluated(rule, self.schema).alias("evaluated")
            self.apart[key] = keys.select(counts, broken(rule, self.schema).sum().alias("failed"))
        elif rule.kind == "foreign_key":
            self.fused[f"{key}.evaluated"] = evaluated(rule, self.schema)
            self.apart[key] = anti_join(rule, self.frame, self.references).select(pl.len().alias("failed"))
        elif rule.of_row:
            self.fused[f"{key}.evaluated"] = evaluated(rule, self.schema)
            self.fused[f"{key}.failed"] = broken(rule, self.schema).sum()
        elif rule.kind == "aggregate":
            self.fused[f"{key}.observed"] = _aggregate(rule, self.schema)
        elif rule.kind == "sql":
            self.apart[key] = _queried(rule, self.frame).rename(lambda _: "observed")

    def run(self) -> None:
        """Answer everything that was asked."""
        fused = self.frame.select(expression.alias(name) for name, expression in self.fused.items())
        values, *frames = pl.collect_all([fused, *self.apart.values()], engine="streaming")
        self.values = values.row(0, named=True)
        self.frames = dict(zip(self.apart, frames, strict=True))

    def measured(self, key: str, rule: Rule) -> Measured:
        """What was found out about a rule that was added under this key."""
        if missing := absent(rule, self.schema):
            return of_missing_column(rule, self.rows, missing)
        if rule.of_row:
            return Measured(rule, self._found(key, "evaluated"), self._found(key, "failed"))
        if rule.kind == "columns":
            return of_columns(rule, self.schema.names())
        if rule.kind == "types":
            return of_types(rule, other_types(rule, self.schema))
        return of_table(rule, self.rows if rule.kind == "row_count" else self._found(key, "observed"))

    def _found(self, key: str, what: str) -> Any:
        if (name := f"{key}.{what}") in self.values:
            return self.values[name]
        frame = self.frames[key]
        if frame.height != 1:
            raise Unsupported(f"a query over {_TABLE} gave {frame.height} rows instead of one")
        return frame[what][0]


def other_types(rule: Rule, schema: Schema) -> dict[str, str]:
    """The columns whose Polars type is not the promised one (columns that are missing are the columns rule's)."""
    promised = {name: (text, polars_type(ColumnType.parse(text))) for name, text in rule.args["types"].items()}
    return {
        name: f"{schema[name]}, not {text}"
        for name, (text, dtype) in promised.items()
        if name in schema and schema[name] != dtype
    }


def _aggregate(rule: Rule, schema: Schema) -> pl.Expr:
    value = read(rule, rule.columns[0], schema)
    functions: dict[str, Callable[[], pl.Expr]] = {
        # The sum of no values is NULL in SQL and 0 in Polars.
        "sum": lambda: pl.when(value.count() > 0).then(summable(value, schema.get(rule.columns[0])).sum()),
        "mean": lambda: value.cast(pl.Float64).mean(),
        "min": value.min,
        "max": value.max,
        "stddev": lambda: value.cast(pl.Float64).std(),
        "distinct_count": lambda: value.drop_nulls().n_unique(),
    }
    return functions[rule.args["function"]]()


def _queried(rule: Rule, frame: pl.LazyFrame) -> pl.LazyFrame:
    import sqlglot

    text = rule.args["query"].replace("${table}", _TABLE)
    try:
        postgres = sqlglot.transpile(text, read="redshift", write="postgres")[0]
        answer = pl.SQLContext({_TABLE: frame}).execute(postgres, eager=False)
        answer.collect_schema()
        return answer
    except (sqlglot.errors.SqlglotError, pl.exceptions.PolarsError) as error:
        raise Unsupported(f"{rule.id} ({rule.where}): Polars cannot run this query over a file: {error}") from error


def samples(
    frame: pl.LazyFrame, rules: Iterable[Rule], references: References | None = None, *, most: int = 20
) -> list[list[dict[str, Any]]]:
    """Up to `most` broken rows of each row rule, with the columns that it reads: one collect for all of them."""
    schema = frame.collect_schema()
    frames = [sampled(frame, schema, rule, references or {}, most) for rule in rules]
    return [found.to_dicts() for found in pl.collect_all(frames, engine="streaming")]


def sampled(frame: pl.LazyFrame, schema: Schema, rule: Rule, references: References, most: int) -> pl.LazyFrame:
    """Up to `most` rows that break a row rule, with the columns that it reads."""
    columns = [column for column in rule_columns(rule) if column in schema]
    if absent(rule, schema):
        return frame.select(columns).head(0)
    if rule.kind == "foreign_key":
        return anti_join(rule, frame, references).select(columns).head(most)
    return frame.select(columns).filter(broken(rule, schema)).head(most)


def absent(rule: Rule, columns: Collection[str]) -> list[str]:
    """The columns that a rule reads and that are not there."""
    return [column for column in rule_columns(rule) if column not in columns]


def rule_columns(rule: Rule) -> tuple[str, ...]:
    """The columns that a rule reads; those of a condition stand in its SQL."""
    if rule.kind == "condition":
        from expectations.conditions import columns_read

        return columns_read(rule.args["sql"])
    return rule.columns
