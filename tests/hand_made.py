"""Small contracts written as YAML and read as any other, and the files that they promise."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from contracts.model import Contract
from contracts.reader import read_contract
from contracts.types import ColumnType
from tasks.batches import Batch, read_inbox
from tasks.inbox import FolderInbox

DAY = date(2026, 1, 5)

# The four columns that every clean contract ends with.
SHARED_COLUMNS = (
    {"name": "row_hash", "type": "varchar(32)"},
    {"name": "delivery_date", "type": "date"},
    {"name": "batch_id", "type": "varchar(32)"},
    {"name": "source_line", "type": "bigint"},
)
_WHOLE = {"strategy": "replace", "window": "all"}
_LOADS = {"raw": {"strategy": "replace"}, "clean": {"strategy": "upsert"}}


def contract(
    folder: Path,
    table: str,
    columns: Iterable[str | dict[str, Any]],
    *,
    load: dict[str, Any] | None = None,
    delivery: dict[str, Any] | None = None,
    quality: list[dict[str, Any]] | None = None,
    control_totals: dict[str, Any] | None = None,
) -> Contract:
    """A contract of these columns: a name alone is a `varchar(64)`; `type` is the physical type, `key` its place in
    the key, other keys stand as in ODCS, and those that ODCS does not have become custom properties. A clean
    table is keyed by its first column unless another is said to be the key."""
    layer, _, name = table.partition(".")
    custom: list[dict[str, Any]] = [{"property": "load", "value": load or _LOADS.get(layer, _WHOLE)}]
    if control_totals:
        custom.append({"property": "controlTotals", "value": control_totals})
    if delivery:
        custom.append({"property": "delivery", "value": delivery})
    properties = [_column(c) for c in columns]
    if layer == "clean" and properties and not any("primaryKey" in p for p in properties):
        properties[0] |= {"primaryKey": True, "primaryKeyPosition": 1}
    body = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": table,
        "name": name,
        "version": "1.0.0",
        "status": "active",
        "schema": [
            {
                "name": name,
                "physicalType": "table",
                "customProperties": custom,
                "properties": properties,
                **({"quality": quality} if quality else {}),
            }
        ],
    }
    path = folder / "contracts" / layer / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(body, sort_keys=False), encoding="utf-8")
    return read_contract(path, file=f"contracts/{layer}/{name}.yaml", validate=False)


_CUSTOM = ("source", "formats", "normalise", "businessDateOf", "default", "since", "encode", "mask", "rules")


def _column(column: str | dict[str, Any]) -> dict[str, Any]:
    spec = {"name": column} if isinstance(column, str) else dict(column)
    type_ = spec.pop("type", "varchar(64)")
    logical = ColumnType.parse(type_).logical
    out = {"physicalType": type_, "logicalType": logical, "description": "As the test says.", **spec}
    if (place := out.pop("key", None)) is not None:
        out |= {"primaryKey": True, "primaryKeyPosition": place}
    custom = [{"property": name, "value": out.pop(name)} for name in _CUSTOM if name in out]
    return {**out, **({"customProperties": custom} if custom else {})}


def raw_things(folder: Path, *columns: str | dict[str, Any], **delivery: Any) -> Contract:
    """`raw.things`, a CSV of id and name unless said otherwise."""
    wanted = {"file": "things.csv", "format": "csv", **delivery}
    return contract(folder, "raw.things", columns or ("id", "name"), delivery=wanted)


def deliver(inbox: Path, raw: Contract, content: bytes | str, day: date = DAY) -> Batch:
    """Put the contract's file into the inbox, as it comes; returns its batch."""
    assert raw.delivery is not None
    path = inbox / day.isoformat() / raw.delivery.file
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data, mtime=0) if raw.delivery.compression == "gzip" else data)
    (batch,) = read_inbox(FolderInbox(inbox), day, [raw]).batches
    return batch


def colours(root: Path) -> Path:
    """A repository of three tables: things are delivered, cleaned, and counted by colour."""
    contract(root, "raw.things", ["thing_id", "colour"], delivery={"file": "things.csv", "format": "csv"})
    columns = [{"name": "thing_id", "key": 1, "required": True}, "colour", *SHARED_COLUMNS]
    contract(root, "clean.things", columns, load={"strategy": "upsert"})
    contract(root, "core.colour", [{"name": "colour", "key": 1}, {"name": "thing_count", "type": "bigint"}])
    sql = root / "sql" / "core" / "colour.sql"
    sql.parent.mkdir(parents=True)
    sql.write_text("SELECT\n    colour,\n    COUNT(thing_id) AS thing_count\nFROM clean.things\nGROUP BY colour\n")
    return root
