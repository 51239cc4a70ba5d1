"""A draft as the YAML of a contract: what is sure as rules, what is not as comments for the person who finishes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.ids import TableId
from contracts.model import Delivery
from contracts.types import ColumnType
from contracts.writer import yaml_text
from tasks.draft.facts import Facts, room

API_VERSION = "v3.2.0"
TO_DO = "To be described."
_EXPLICIT = ("minimum", "maximum")


@dataclass(frozen=True)
class Draft:
    """A contract that nobody has read yet: where its data came from, its columns, and what was left out.

    `key`: the columns that name a row, if any do. `left_out`: what no contract can promise, with the reason.
    """

    table: TableId
    source: str
    columns: tuple[Facts, ...]
    key: tuple[str, ...] = ()
    key_note: str = ""
    delivery: Delivery | None = None
    comment: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def is_raw(self) -> bool:
        return self.table.layer == "raw"


def text_of(draft: Draft) -> str:
    """The contract as text; it reads back as a valid one."""
    table = draft.table
    rows = draft.columns[0].rows if draft.columns else 0
    header = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": str(table),
        "name": table.name.replace("_", " ").capitalize(),
        "version": "1.0.0",
        "status": "draft",
        "description": {"purpose": draft.comment or TO_DO},
    }
    body = {
        "name": table.name,
        "physicalName": table.name,
        "physicalType": "table",
        "description": draft.comment or TO_DO,
        "dataGranularityDescription": _grain(draft),
        "customProperties": [{"property": name, "value": value} for name, value in _properties(draft)],
    }
    out = [
        f"# Drafted from {draft.source}: {rows:,} rows, {len(draft.columns)} columns.\n",
        "# A person decides: read what is marked `review`, describe table and columns, then set status: active.\n",
        *(f"# Left out: {one}\n" for one in draft.left_out),
        yaml_text(header),
        "schema:\n",
        yaml_text([body], 2),
        *([f"    # {draft.key_note}\n"] if draft.key_note else []),
        "    properties:\n",
    ]
    for column in draft.columns:
        out += [f"      # {line}\n" for line in _comments(column, draft)]
        out.append(yaml_text([_column(column, draft)], 6))
    if draft.table.layer == "clean":
        hashed, *others = SHARED
        keyed = {} if draft.key else {"primaryKey": True, "primaryKeyPosition": 1}
        out += [yaml_text([column], 6) for column in ({**hashed, **keyed}, *others)]
    return "".join(out)


def _grain(draft: Draft) -> str:
    if draft.is_raw:
        return "One row per record of the delivered file."
    return f"One row per {', '.join(draft.key)}." if draft.key else "To be said: what one row is."


def _properties(draft: Draft) -> Iterator[tuple[str, Any]]:
    if draft.is_raw:
        yield "load", {"strategy": "replace"}
        if draft.delivery:
            given = draft.delivery.model_dump(exclude_defaults=True)
            yield "delivery", {"file": draft.delivery.file, "format": draft.delivery.format, **given}
    elif draft.table.layer == "clean":
        yield "load", {"strategy": "upsert" if draft.key else "append"}
    else:
        yield "load", {"strategy": "replace", "window": "all"}


def _comments(column: Facts, draft: Draft) -> Iterator[str]:
    """What the guesses were seen from, in counts: no value of the data is told."""
    if column.source is not None:
        yield f"called {column.source!r} in the source"
    seen = f"{column.filled:,} of {column.rows:,} rows have a value" if column.rows else "no row was seen"
    differ = f", {'' if column.is_unique else 'about '}{column.distinct:,} of them different" if column.distinct else ""
    yield f"{seen}{differ}"
    yield from column.notes
    if column.is_unique and column.name not in draft.key:
        yield "no value stands twice: it may be a key"
    if column.personal:
        mask, why = column.personal
        yield f"review: {why}, so it is taken for personal data (mask {mask}, no values here)"
    if column.is_listed:
        yield f"review: only {len(column.values)} different values in {column.filled:,}; is that all there can be?"
    if column.range:
        bounds = " and ".join(f"{name} {column.range[name]}" for name in _EXPLICIT if name in column.range)
        yield f"review: {bounds}: all {column.filled:,} values keep it"


def _column(column: Facts, draft: Draft) -> dict[str, Any]:
    body: dict[str, Any] = {"name": column.name}
    if draft.is_raw:
        length = column.type.length if column.type.is_text else room(int(column.other.get("bytes", 0)))
        body |= {"logicalType": column.logical, "physicalType": f"varchar({length})"}
    else:
        body |= {"logicalType": column.type.logical, "physicalType": str(column.type)}
    if not draft.is_raw and column.name in draft.key:
        body |= {"primaryKey": True, "primaryKeyPosition": draft.key.index(column.name) + 1}
    if column.has_all or column.is_required or column.name in draft.key:
        body["required"] = True
    body["description"] = column.comment or TO_DO
    if column.range:
        body["logicalTypeOptions"] = column.range
    if column.is_listed:
        body["enum"] = [{"value": value} for value in column.values]
    custom = []
    if column.personal:
        body["classification"] = "confidential"
        custom.append({"property": "mask", "value": column.personal[0]})
    if draft.is_raw and column.formats:
        custom.append({"property": "formats", "value": list(column.formats)})
    if draft.table.layer == "clean" and column.source is not None:
        custom.append({"property": "source", "value": column.source})
    if custom:
        body["customProperties"] = custom
    return body


def _shared(name: str, kind: str, description: str, **more: Any) -> dict[str, Any]:
    logical = ColumnType.parse(kind).logical
    return {
        "name": name,
        "logicalType": logical,
        "physicalType": kind,
        **more,
        "required": True,
        "description": description,
    }


# Last in each clean contract (docs/architecture.md).
SHARED: Sequence[dict[str, Any]] = (
    _shared("row_hash", "varchar(32)", "MD5 of the business columns; two rows with the same hash say the same."),
    _shared("delivery_date", "date", "Delivery day of the file in which this row arrived."),
    _shared("batch_id", "varchar(32)", "Batch that brought this row; joins to audit.load_ledger."),
    _shared("source_line", "bigint", "Record of the delivered file that this row was, counted from 1."),
)
