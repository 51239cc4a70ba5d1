"""Rows set aside: the payload as delivered, the rules it broke, where it came from, and what was done with it since.

The lake keeps the rows, the warehouse says which file of them counts: `audit.quarantine` is what is open now,
`audit.quarantine_action` what was done and when. A file that neither names was never committed.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import pwd
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from importlib.metadata import version
from typing import Literal

import polars as pl

from contracts.counted import counted
from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from expectations.masking import REDACTED, masked
from expectations.predicates import rule_columns
from expectations.rules import rules_of
from tasks.batches import Batch
from tasks.lake import LakeFile
from tasks.ledger import LedgerImbalance
from tasks.preprocess import SHARED
from tasks.reading import LINE
from tasks.warehouse import Warehouse

OPEN = "audit.quarantine"
ACTIONS = "audit.quarantine_action"
MALFORMED = "malformed"
FIRST = 1

# `observed` stands beside `rule_ids`, one text for each. `attempt` and `fingerprint` are those of the row's last try.
SCHEMA = pl.Schema(
    {
        "table_name": pl.String(),
        "batch_id": pl.String(),
        "run_id": pl.String(),
        "contract_version": pl.String(),
        "file_name": pl.String(),
        LINE: pl.Int64(),
        "attempt": pl.Int64(),
        "fingerprint": pl.String(),
        "rule_ids": pl.List(pl.String()),
        "observed": pl.List(pl.String()),
        "payload": pl.String(),
    }
)


# The rows, as the lake keeps them


def quarantined(
    batch: Batch, run_id: str, parts: list[pl.DataFrame], *, attempt: int = FIRST, fingerprint: str | None = None
) -> pl.DataFrame:
    """One row per delivered row set aside, by line, from parts of source_line, rule_ids, observed, payload."""
    if not parts:
        return pl.DataFrame(schema=SCHEMA)
    origin = {
        "table_name": str(batch.contract.table),
        "batch_id": batch.batch_id,
        "run_id": run_id,
        "contract_version": batch.contract.version,
        "file_name": batch.path.name,
        "attempt": attempt,
        "fingerprint": fingerprint,
    }
    rows = pl.concat([p.select(LINE, "rule_ids", "observed", "payload") for p in parts]).sort(LINE)
    return rows.with_columns(pl.lit(v).alias(k) for k, v in origin.items()).select(SCHEMA.names()).cast(SCHEMA)


def read(file: LakeFile) -> pl.DataFrame:
    """The rows of one quarantine file; files from before `observed` and `attempt` read as a first attempt."""
    rows = pl.scan_parquet(list(file.paths()), schema=SCHEMA, missing_columns="insert").collect()
    return rows.with_columns(pl.col("attempt").fill_null(FIRST))


def malformed_rule(table: TableId) -> str:
    """The id under which records stand that are no row at all."""
    return f"{table}.{MALFORMED}"


def malformed_part(contract: Contract, malformed: pl.DataFrame) -> pl.DataFrame:
    """Records that are no row at all: the text as delivered; what is observed is why it is none."""
    return malformed.select(
        LINE,
        pl.concat_list(pl.lit(malformed_rule(contract.table))).alias("rule_ids"),
        pl.concat_list("reason").alias("observed"),
        pl.col("text").alias("payload"),
    )


def payload_part(
    delivered: pl.LazyFrame, contract: Contract, broken: pl.DataFrame, columns_of: Mapping[str, Sequence[str]]
) -> pl.DataFrame:
    """Rows that broke rules (`source_line`, `rule_ids`), with what was delivered on that line as JSON and per rule."""
    payload = pl.struct(contract.names).struct.json_encode().alias("payload")
    lines = broken.get_column(LINE).implode()
    wanted = delivered.filter(pl.col(LINE).is_in(lines)).select(LINE, *contract.names, payload)
    found = wanted.collect(engine="streaming")
    return observed(broken, found, columns_of).join(found.select(LINE, "payload"), on=LINE, how="left")


def observed(broken: pl.DataFrame, found: pl.DataFrame, columns_of: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """`broken` with `observed`: for each of a row's rules the values that it reads, `a=1, b=2` ('' if unknown)."""
    each = broken.select(LINE, "rule_ids").explode("rule_ids").join(found, on=LINE, how="left", maintain_order="left")
    known = [rule for rule in each.get_column("rule_ids").unique() if columns_of.get(rule)]
    texts = [pl.when(pl.col("rule_ids") == rule).then(_values(columns_of[rule])) for rule in known]
    text = pl.coalesce(*texts, pl.lit("")).alias("observed")
    return each.select(LINE, "rule_ids", text).group_by(LINE, maintain_order=True).agg("rule_ids", "observed")


def _values(columns: Sequence[str]) -> pl.Expr:
    return pl.concat_str([pl.lit(f"{c}=") + pl.col(c).fill_null("NULL") for c in columns], separator=", ")


def delivered_columns(raw: Contract, clean: Contract | None = None) -> dict[str, tuple[str, ...]]:
    """The delivered columns that each rule of both contracts reads, by rule id; a clean column's type is a rule too."""
    found = {rule.id: rule_columns(rule) for rule in rules_of(raw)}
    if clean is None:
        return found
    own = [c for c in clean.columns if c.name not in SHARED]
    origin = {c.name: c.source or c.name for c in own}
    origin |= {c.name: origin[c.business_date_of] for c in own if c.business_date_of is not None}
    for rule in rules_of(clean):
        found[rule.id] = tuple(dict.fromkeys(origin[c] for c in rule_columns(rule) if c in origin))
    return found | {type_rule(clean.table, name): (delivered,) for name, delivered in origin.items()}


def type_rule(table: TableId, column: str) -> str:
    """The id under which rows stand whose text reads well but does not fit the clean column's type."""
    return f"{table}.{column}.types"


def descriptions(raw: Contract, clean: Contract | None) -> dict[str, str]:
    """What each rule that may set a row aside asks for, in the contracts' words, by rule id."""
    told = {malformed_rule(raw.table): "The record can be read"}
    if clean is not None:
        told |= {type_rule(clean.table, c.name): f"{c.name} fits {c.type}" for c in clean.columns}
    return told | {rule.id: rule.description for contract in (raw, clean) if contract for rule in rules_of(contract)}


def clean_of(registry: Registry, raw: TableId) -> Contract | None:
    """The clean table that a delivered one becomes; None for the file of a mapped source."""
    return next((c for c in registry.layer("clean") if c.table.name == raw.name), None)


def samples(rows: pl.DataFrame, raw: Contract, clean: Contract | None) -> pl.DataFrame:
    """Some rows of one batch as they may be shown: payload and observed with the personal columns masked.

    Where there are personal columns, what no contract knows (any more) is hidden: malformed text, columns, rules.
    """
    masks = dict(raw.masks)
    masks |= {c.source or c.name: c.mask for c in (clean.columns if clean else ()) if c.mask}
    is_malformed = pl.col("rule_ids").list.contains(malformed_rule(raw.table))
    unread, read_ = rows.filter(is_malformed), rows.filter(~is_malformed)
    payloads = [json.loads(text) for text in read_.get_column("payload")]
    if masks:
        unread = unread.with_columns(pl.lit(REDACTED).alias("payload"))
        gone = {column for payload in payloads for column in payload} - set(raw.names)
        masks |= dict.fromkeys(gone, "redact")
    shown = [masked(payload, masks) for payload in payloads]
    schema = {LINE: pl.Int64(), **dict.fromkeys(raw.names, pl.String())}
    values = [(line, *(row.get(c) for c in raw.names)) for line, row in zip(read_[LINE], shown, strict=True)]
    found = pl.DataFrame(values, schema=schema, orient="row")
    seen = observed(read_, found, delivered_columns(raw, clean)).select(LINE, "observed")
    texts = pl.Series("payload", [json.dumps(row, ensure_ascii=False) for row in shown], dtype=pl.String)
    read_ = read_.drop("observed").with_columns(texts).join(seen, on=LINE, how="left").select(SCHEMA.names())
    return pl.concat([unread, read_]).sort(LINE)


def per_rule(rows: pl.DataFrame) -> dict[str, int]:
    """Quarantined rows by the rule they broke; a row that broke two rules counts for each."""
    exploded = rows.select(pl.col("rule_ids").explode()).drop_nulls()
    return dict(exploded.group_by("rule_ids").len().sort("rule_ids").iter_rows())


def fingerprint(raw: Contract, clean: Contract) -> str:
    """MD5 of what decides whether a row passes: rules, columns, reading, code; not wording or line numbers."""
    rules = [replace(rule, where="", description="") for contract in (raw, clean) for rule in rules_of(contract)]
    columns = [replace(c, where="", description="") for contract in (raw, clean) for c in contract.columns]
    text = f"{version('ecommerce-warehouse')}|{raw.delivery}|{clean.load}|{columns}|{rules}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


# What is open, as the warehouse says


@dataclass(frozen=True)
class OpenBatch:
    """What is open of one batch: rows by rule, the lake file that holds them, since when, after how many actions.

    `label` names the delivered file, `2026-01-05/orders.csv.gz`.
    """

    batch_id: str
    table: TableId
    label: str
    attempt: int
    file_path: str
    since: datetime
    rules: Mapping[str, int]


@dataclass(frozen=True)
class Selection:
    """Which open rows are meant; a part that is None means any. `table` is the delivered one, `raw.<name>`."""

    table: TableId | None = None
    rule: str | None = None
    batch: str | None = None

    def batches(self, warehouse: Warehouse) -> list[OpenBatch]:
        """The batches that have such rows open, oldest first."""
        return [
            b
            for b in _open_batches(warehouse)
            if self.table in (None, b.table)
            and self.batch in (None, b.batch_id)
            and (self.rule is None or self.rule in b.rules)
        ]

    @property
    def rows(self) -> pl.Expr:
        """Of the rows of such a batch, those that are meant."""
        return pl.lit(True) if self.rule is None else pl.col("rule_ids").list.contains(self.rule)


class UnknownName(ValueError):
    """No such table, rule or batch; `option` is which of these was asked for."""

    def __init__(self, option: str, name: str, names: Iterable[str]) -> None:
        known = sorted(names)
        self.option = option
        if many := [id_ for id_ in known if option == "batch" and name and id_.startswith(name)]:
            super().__init__(f"{name!r} begins {len(many)} ids of batches: {', '.join(many[:10])}")
            return
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known[:5]) or 'none'}"
        super().__init__(f"unknown {option} {name!r}; {hint}{' …' if not near and len(known) > 5 else ''}")


def whole_id(start: str, batches: Iterable[str]) -> str:
    """The batch whose id begins so; raise UnknownName where there is none, or more than one."""
    known = set(batches)
    fitting = [start] if start in known else sorted(id_ for id_ in known if start and id_.startswith(start))
    if len(fitting) == 1:
        return fitting[0]
    raise UnknownName("batch", start, fitting or known)


def select(
    registry: Registry, warehouse: Warehouse, table: str | None, rule: str | None, batch: str | None
) -> Selection:
    """What the names mean; raise UnknownName, with those that come near, for one that nothing has."""
    raws = {str(contract.table): contract for contract in registry.layer("raw")}
    delivered = table and f"raw.{table.removeprefix('clean.')}" if table not in raws else table
    if table is not None and delivered not in raws:
        raise UnknownName("table", table, raws)
    if rule is not None:
        rules = {id_ for raw in raws.values() for id_ in descriptions(raw, clean_of(registry, raw.table))}
        rules |= {id_ for b in _open_batches(warehouse) for id_ in b.rules}
        if rule not in rules:
            raise UnknownName("rule", rule, rules)
    if batch is not None:
        batches = set(warehouse.query("SELECT batch_id FROM audit.load_ledger").get_column("batch_id"))
        batch = whole_id(batch, batches)
    return Selection(TableId.parse(delivered) if delivered else None, rule, batch)


def _open_batches(warehouse: Warehouse) -> list[OpenBatch]:
    found = warehouse.query(
        f"SELECT rows_open.*, files.delivery_date, files.file_name FROM {OPEN} AS rows_open "
        "LEFT JOIN audit.load_ledger AS files ON files.batch_id = rows_open.batch_id "
        "ORDER BY rows_open.quarantined_at, rows_open.batch_id, rows_open.rule_id"
    )
    # A warehouse that no run has brought up to date yet has no such column.
    attempt = pl.col("attempt") if "attempt" in found.columns else pl.lit(None, dtype=pl.Int64)
    batches: dict[str, OpenBatch] = {}
    for row in found.with_columns(attempt.fill_null(FIRST).alias("attempt")).iter_rows(named=True):
        first = batches.get(row["batch_id"])
        batches[row["batch_id"]] = OpenBatch(
            row["batch_id"],
            TableId.parse(row["table_name"]),
            f"{row['delivery_date']}/{row['file_name']}",
            row["attempt"],
            row["file_path"],
            row["quarantined_at"],
            {**(first.rules if first else {}), row["rule_id"]: row["row_count"]},
        )
    return list(batches.values())


# What was done


@dataclass(frozen=True)
class Action:
    """One thing done with a batch's quarantined rows: `before = loaded + duplicate + discarded + left`."""

    batch_id: str
    attempt: int
    table_name: str
    action: Literal["quarantined", "redriven", "discarded"]
    before_rows: int
    left_rows: int
    quarantine_file: str | None
    raw_contract_version: str
    run_id: str
    acted_at: datetime
    loaded_rows: int = 0
    duplicate_rows: int = 0
    discarded_rows: int = 0
    clean_file: str | None = None
    discarded_file: str | None = None
    clean_contract_version: str | None = None
    fingerprint: str | None = None
    reason: str | None = None


def record(
    warehouse: Warehouse, action: Action, rules: Mapping[str, int], *, since: datetime, actor: str | None = None
) -> None:
    """Write an action, and the rows by rule that it leaves open in place of what was open; part of a transaction.

    Raises LedgerImbalance when rows that were open are unaccounted for.
    """
    done = action.loaded_rows + action.duplicate_rows + action.discarded_rows
    if action.before_rows != done + action.left_rows or bool(rules) != bool(action.left_rows):
        raise LedgerImbalance(
            f"{action.table_name}, batch {action.batch_id}: {counted(action.before_rows, 'row was', 'rows were')} "
            f"in quarantine, but {action.loaded_rows} loaded + {action.duplicate_rows} duplicate + "
            f"{action.discarded_rows} discarded + "
            f"{action.left_rows} left are accounted for; nothing was changed"
        )
    warehouse.execute(f"DELETE FROM {OPEN} WHERE batch_id = :batch_id", batch_id=action.batch_id)
    rows = [
        {
            "batch_id": action.batch_id,
            "run_id": action.run_id,
            "table_name": action.table_name,
            "rule_id": rule_id,
            "row_count": count,
            "file_path": action.quarantine_file,
            "attempt": action.attempt,
            "quarantined_at": since,
        }
        for rule_id, count in sorted(rules.items())
    ]
    if rows:
        warehouse.insert_rows(OPEN, list(rows[0]), rows)
    done_by = {**asdict(action), "actor": actor or operating_user()}
    warehouse.insert_rows(ACTIONS, list(done_by), [done_by])


def operating_user() -> str:
    """The user of the operating system, as it knows them: variables of the environment do not count."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def redriven_files(warehouse: Warehouse, table_name: str) -> list[str]:
    """Keys in the lake of the clean rows that redrives of a delivered table have added, in the order they came."""
    found = warehouse.query(
        f"SELECT clean_file FROM {ACTIONS} WHERE table_name = :table_name AND clean_file IS NOT NULL "
        "ORDER BY acted_at, batch_id, attempt",
        table_name=table_name,
    )
    return found.get_column("clean_file").to_list()
