"""A data contract as the rest of the code sees it: one table, its columns, its load, its rules as written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.ids import TableId
from contracts.types import ColumnType

Strategy = Literal["replace", "append", "upsert", "scd2", "snapshot"]
Verdict = Literal["block", "quarantine", "warn"]
ScoreVerdict = Literal["block", "warn"]
Mask = Literal["hash", "redact", "email", "partial"]
Normaliser = Literal["trim", "collapse_space", "lower", "upper", "title", "empty_to_null", "digits"]
DIMENSIONS = ("completeness", "accuracy", "consistency", "conformity", "uniqueness", "timeliness", "coverage")
# ODCS says conformity for what most people call validity: a contract may use either word.
DIMENSION_ALIASES = {"validity": "conformity"}
SEVERITIES = ("info", "warning", "critical")


class Strict(BaseModel):
    """The value of one of our custom properties: an unknown key is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Match(Strict):
    """Rows of this table that a change of the source touches: `on` maps our columns to the source's.

    With `at`, the source is a history (scd2) and our column `at` must lie inside the interval that changed.
    `every: true` stands instead of `on`: any change of the source touches every key that we have (a calendar that
    grows, where rows of the new days cannot match since they are not there yet).
    """

    on: dict[str, str] = Field(default_factory=dict)
    at: str | None = None
    every: bool = False

    @model_validator(mode="after")
    def _on_or_every(self) -> Match:
        if self.every == bool(self.on) or (self.every and self.at):
            raise ValueError("a match has either `on` (with or without `at`) or `every: true`")
        return self


class Increment(Strict):
    """Which rows to compute anew: those whose `key` changed in a source.

    `from` names every table that the SELECT reads. A column name: that column of the source holds our key, and the
    SELECT needs only the source's rows with a changed key. A Match: its changes reach the rows of ours that match,
    and the SELECT reads it whole. null: read, but its changes never restate rows that stand.
    """

    key: str
    sources: dict[str, str | Match | None] = Field(alias="from", min_length=1)


class Deletes(Strict):
    """What a change log's row means in which the boolean `column` is true: the source has deleted the key.

    keep: nothing, the last version goes on. close: the key ends there for good. reopen: it ends there, and a later
    change opens it again.
    """

    column: str
    then: Literal["keep", "close", "reopen"]


class Load(Strict):
    """How new rows enter a table.

    replace: all rows anew. append: keys not there yet; with `sequence`, of the rows of one key the earliest by it
    stays, whatever came first. upsert: by key; `versioned_by` keeps the later row. scd2: `effective` opens a version,
    ties break by `sequence`; a change in `tracked` opens one, `overwrite` columns take the latest value in every
    version; `deletes` says what ends one. snapshot: whole `partition`s anew. `date` is joined on too, so that a merge
    touches the days of the batch only. `increment` names the rows that a change touches; a computed table without one
    says `window: all`, that each run reads the whole history.
    """

    strategy: Strategy
    versioned_by: str | None = Field(default=None, alias="versionedBy")
    date: str | None = None
    partition: str | None = None
    effective: str | None = None
    sequence: tuple[str, ...] = ()
    tracked: tuple[str, ...] = ()
    overwrite: tuple[str, ...] = ()
    deletes: Deletes | None = None
    increment: Increment | None = None
    window: Literal["all"] | None = None
    max_closed_share: float = Field(default=0.2, alias="maxClosedShare", gt=0, le=1)

    @model_validator(mode="after")
    def _complete(self) -> Load:
        if self.strategy == "scd2" and not (self.effective and self.tracked):
            raise ValueError("strategy scd2 needs `effective` and `tracked`")
        if self.strategy == "snapshot" and not self.partition:
            raise ValueError("strategy snapshot needs `partition`")
        if self.strategy != "scd2" and (self.effective or self.tracked or self.overwrite or self.deletes):
            raise ValueError("`effective`, `tracked`, `overwrite` and `deletes` belong to strategy scd2")
        if self.sequence and self.strategy not in ("scd2", "append"):
            raise ValueError("`sequence` belongs to the strategies scd2 and append")
        if self.increment and self.window:
            raise ValueError("`window: all` reads the whole history, an `increment` what a change touches: name one")
        return self


class Distribution(Strict):
    """Where Redshift keeps a row: `style` key (by `column`), all, even or auto."""

    style: Literal["key", "all", "even", "auto"] = "auto"
    column: str | None = None

    @model_validator(mode="after")
    def _column(self) -> Distribution:
        if (self.style == "key") != (self.column is not None):
            raise ValueError("`column` goes with style key, and only with it")
        return self


class Delivery(Strict):
    """How a raw table arrives: file name without folder (`orders.csv.gz`), and what a CSV needs to be read."""

    file: str
    format: Literal["csv", "jsonl", "parquet"]
    compression: Literal["none", "gzip"] = "none"
    delimiter: str = ","
    encoding: Literal["utf-8", "windows-1252"] = "utf-8"
    required: bool = False


class ControlTotals(Strict):
    """What is summed up of each batch, per business `date` and `currency` (none: quantities, under XXX)."""

    date: str
    currency: str | None = None
    amounts: tuple[str, ...] = ()


class Measure(Strict):
    """A number that reports make of a table's rows, defined once for every tool (`docs/bi.md`).

    Either `agg` over `of`, an expression of the table's columns, of the rows where `where` holds; or a `ratio` or a
    `difference` of two measures of any table, which are added up before they are divided or subtracted. `last`: never
    added up over this date, the last day of the period counts. `date`: by which a period is told, if it is not the
    table's own.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
    business_name: str = Field(alias="businessName", min_length=1)
    description: str = Field(min_length=1)
    agg: Literal["sum", "count", "count_distinct", "min", "max"] | None = None
    of: str | None = None
    where: str | None = None
    last: str | None = None
    date: str | None = None
    ratio: tuple[str, str] | None = None
    difference: tuple[str, str] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Measure:
        if sum(way is not None for way in (self.agg, self.ratio, self.difference)) != 1:
            raise ValueError("a measure has one of `agg`, `ratio` and `difference`")
        if not self.agg and (self.of or self.where or self.last or self.date):
            raise ValueError("`of`, `where`, `last` and `date` belong to `agg`")
        if self.agg and (self.agg == "count") == (self.of is not None):
            raise ValueError("`agg: count` counts rows; every other `agg` needs `of`")
        return self

    @property
    def made_of(self) -> tuple[str, ...]:
        """The measures that this one is computed from; none where rows are aggregated."""
        return self.ratio or self.difference or ()


class RuleOverride(Strict):
    """What a contract says otherwise about a rule that follows from the schema."""

    verdict: Verdict | None = None
    dimension: str | None = None
    severity: str | None = None
    mostly: float | None = Field(default=None, gt=0, le=1)


@dataclass(frozen=True)
class Latency:
    """A day's rows are here at most `after` its end (`slaProperties`, latency); `column` says which day a row is of."""

    after: timedelta
    column: str | None = None


@dataclass(frozen=True)
class Reference:
    """A foreign key: `columns` here hold values of `to_columns` of table `to`; `where` is file:line."""

    columns: tuple[str, ...]
    to: TableId
    to_columns: tuple[str, ...]
    override: RuleOverride
    where: str


@dataclass(frozen=True)
class Quality:
    """One entry of a `quality` list as written; `column` is None at table level; `where` is file:line."""

    column: str | None
    body: dict[str, Any]
    where: str


@dataclass(frozen=True)
class Column:
    """One property of the schema. `source` is the delivered column that a clean column is made of.

    `since` is the version of the contract that added the column: what was delivered before is without it.
    `business_name` is what reports call it.
    """

    name: str
    type: ColumnType
    logical: str
    description: str
    required: bool = False
    unique: bool = False
    key_position: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    enum: tuple[Any, ...] = ()
    classification: str | None = None
    mask: Mask | None = None
    encode: str | None = None
    source: str | None = None
    formats: tuple[str, ...] = ()
    normalise: tuple[Normaliser, ...] = ()
    business_date_of: str | None = None
    default: str | None = None
    since: str | None = None
    overrides: dict[str, RuleOverride] = field(default_factory=dict)
    examples: tuple[Any, ...] = ()
    business_name: str = ""
    where: str = ""

    @property
    def is_pii(self) -> bool:
        return self.mask is not None


@dataclass(frozen=True)
class Contract:
    """One table's promise. `columns` in order; `key` is the primary key; `quality` holds the rules as written.

    A score below its threshold does what `score_verdict` says; it blocks only with `score_minimum` evaluated values.
    `business_name` is what reports call the table.
    """

    table: TableId
    version: str
    status: str
    title: str
    domain: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    references: tuple[Reference, ...]
    quality: tuple[Quality, ...]
    load: Load
    delivery: Delivery | None = None
    control_totals: ControlTotals | None = None
    distribution: Distribution = field(default_factory=Distribution)
    sort_key: tuple[str, ...] = ()
    thresholds: dict[str, float] = field(default_factory=dict)
    score_verdict: ScoreVerdict = "warn"
    score_minimum: int = 100
    latency: Latency | None = None
    default_verdict: Verdict = "block"
    tags: tuple[str, ...] = ()
    owner: str = ""
    usage: str = ""
    limitations: str = ""
    business_name: str = ""
    measures: tuple[Measure, ...] = ()
    file: str = ""

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The primary key's columns in their order."""
        keyed = [c for c in self.columns if c.key_position is not None]
        return tuple(c.name for c in sorted(keyed, key=lambda c: c.key_position or 0))

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {c.name: c for c in self.columns}

    @property
    def masks(self) -> dict[str, Mask]:
        """The columns that hold personal data, and how a sample shows them."""
        return {c.name: c.mask for c in self.columns if c.mask}
