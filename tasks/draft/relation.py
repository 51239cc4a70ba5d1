"""A draft from a table that stands in a warehouse: what its catalogue declares, and counts made by two queries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from contracts.ids import TableId
from contracts.types import ColumnType
from tasks.draft.document import Draft
from tasks.draft.facts import EARLIEST, FEW_ROWS, MOST_VALUES, Facts, room
from tasks.warehouse.base import CatalogColumn, CatalogTable, Warehouse, WarehouseError

_INTEGERS = {
    "tinyint": "smallint",
    "utinyint": "smallint",
    "int1": "smallint",
    "smallint": "smallint",
    "int2": "smallint",
    "usmallint": "integer",
    "integer": "integer",
    "int": "integer",
    "int4": "integer",
    "uinteger": "bigint",
    "bigint": "bigint",
    "int8": "bigint",
}
_TEXTS = {
    "varchar",
    "character varying",
    "text",
    "char",
    "character",
    "bpchar",
    "nvarchar",
    "uuid",
    "json",
    "enum",
}
_INSTANTS = {"timestamp", "timestamp without time zone", "datetime", "timestamp_s", "timestamp_ms", "timestamp_ns"}
_ZONED = {"timestamp with time zone", "timestamptz"}
_DOUBLES = {"double precision", "double", "float8", "real", "float", "float4"}


def contract_type(text: str) -> tuple[ColumnType | None, str]:
    """An engine's type as one of ours, and what is lost by it; None where no contract can promise it."""
    kind, inside = _parts(text)
    numbers = [int(number) for number in re.findall(r"\d+", inside)]
    if kind in _INTEGERS:
        return ColumnType(_INTEGERS[kind]), "" if _INTEGERS[kind] == kind else f"declared {text}"
    if kind in ("numeric", "decimal"):
        precision, scale = (*numbers, 0)[:2] if numbers else (18, 0)
        return ColumnType("decimal", precision=precision, scale=scale), "" if numbers else f"declared {text}"
    if kind in ("hugeint", "ubigint"):
        return ColumnType("decimal", precision=38, scale=0), f"declared {text}"
    if kind in _TEXTS:
        length = numbers[0] if numbers and kind != "enum" else None
        known = kind in ("varchar", "character varying")
        return ColumnType("varchar", length=length), "" if known and length else f"declared {text}"
    if kind in _INSTANTS:
        return ColumnType("timestamp"), ""
    if kind in _ZONED:
        return ColumnType("timestamp"), f"declared {text}; ours is the same instant in UTC, without a zone"
    if kind in _DOUBLES:
        return ColumnType("double precision"), "" if kind.startswith("double") else f"declared {text}"
    if kind in ("boolean", "bool"):
        return ColumnType("boolean"), ""
    return (ColumnType("date"), "") if kind == "date" else (None, "")


def _parts(text: str) -> tuple[str, str]:
    """`timestamp(6) with time zone` is (timestamp with time zone, 6); of nested types the whole is the kind."""
    lower = " ".join(text.lower().split())
    if lower.endswith("[]") or lower.startswith(("struct", "map", "union")):
        return lower, ""
    match = re.fullmatch(r"([a-z_0-9 ]+?)\s*(?:\((.*)\))?\s*((?:with|without) time zone)?", lower)
    if match is None:
        return lower, ""
    return " ".join(part for part in (match[1], match[3]) if part), match[2] or ""


def draft_table(warehouse: Warehouse, name: str, table: TableId) -> Draft:
    """A draft of a table or view, by its name in the warehouse; raises WarehouseError if there is none."""
    found = warehouse.catalogued(name)
    if found is None:
        raise WarehouseError(f"the warehouse has no table {name}")
    types = {column.name: contract_type(column.type) for column in found.columns}
    able = [column for column in found.columns if types[column.name][0] is not None]
    left_out = [f"column {c.name}: no contract promises the type {c.type}" for c in found.columns if c not in able]
    if not able:
        raise WarehouseError(f"{name}: no column has a type that a contract can promise; {'; '.join(left_out)}")
    kinds = {column.name: type_ for column in able if (type_ := types[column.name][0]) is not None}
    counted = warehouse.query(_counts(name, kinds)).row(0, named=True)
    facts = tuple(_facts(c, types[c.name], found, counted, place) for place, c in enumerate(able))
    facts = tuple(_with_values(warehouse, name, facts))
    key = found.key if all(column in kinds for column in found.key) else ()
    note = f"the table declares the key ({', '.join(found.key)})" if key else _key_note(facts)
    return Draft(table, name, facts, key, note, comment=found.comment, left_out=tuple(left_out))


def _counts(name: str, kinds: Mapping[str, ColumnType]) -> str:
    parts = ["COUNT(*) AS row_count"]
    for place, (column, type_) in enumerate(kinds.items()):
        quoted = f'"{column}"'
        parts += [f"COUNT({quoted}) AS filled_{place}", f"COUNT(DISTINCT {quoted}) AS distinct_{place}"]
        if type_.is_text:
            parts.append(f"MAX(OCTET_LENGTH({quoted})) AS bytes_{place}")
            parts.append(f"COUNT(CASE WHEN {quoted} LIKE '%_@_%._%' THEN 1 END) AS emails_{place}")
        elif type_.kind in ("date", "timestamp"):
            parts.append(f"COUNT(CASE WHEN {quoted} < CAST('{EARLIEST}' AS DATE) THEN 1 END) AS early_{place}")
        elif type_.kind != "boolean":
            parts += [f"MIN({quoted}) AS least_{place}", f"MAX({quoted}) AS most_{place}"]
    return f"SELECT {', '.join(parts)} FROM {_quoted(name)}"


def _facts(
    column: CatalogColumn,
    type_: tuple[ColumnType | None, str],
    table: CatalogTable,
    counted: dict[str, Any],
    place: int,
) -> Facts:
    kind, note = type_
    assert kind is not None
    longest = int(counted.get(f"bytes_{place}") or 0)
    if kind.is_text and kind.length is None:
        kind = ColumnType("varchar", length=room(longest))
    filled, rows, distinct = (int(counted[name]) for name in (f"filled_{place}", "row_count", f"distinct_{place}"))
    position = table.key.index(column.name) + 1 if column.name in table.key else None
    return Facts(
        column.name,
        rows,
        filled,
        kind,
        kind.logical,
        distinct=distinct,
        is_unique=1 < rows == distinct,
        least=counted.get(f"least_{place}"),
        most=counted.get(f"most_{place}"),
        is_early=bool(counted.get(f"early_{place}")),
        emails=int(counted.get(f"emails_{place}") or 0),
        comment=" ".join(column.comment.split()),
        is_required=not column.nullable,
        key_position=position,
        notes=tuple(n for n in (note, "" if column.nullable else "declared NOT NULL") if n),
        other={"bytes": longest},
    )


def _with_values(warehouse: Warehouse, name: str, facts: tuple[Facts, ...]) -> Iterator[Facts]:
    for one in facts:
        few = 0 < (one.distinct or 0) <= MOST_VALUES and one.rows >= FEW_ROWS
        if few and one.logical == "string" and one.personal is None:
            quoted = f'"{one.name}"'
            found = warehouse.query(
                f"SELECT DISTINCT {quoted} AS found FROM {_quoted(name)} WHERE {quoted} IS NOT NULL ORDER BY 1"
            )
            one = replace(one, values=tuple(found["found"].to_list()))
        yield one


def _key_note(facts: tuple[Facts, ...]) -> str:
    unique = [f.name for f in facts if f.is_unique and f.has_all]
    return f"review: no value stands twice in {', '.join(unique)}: which of them names a row?" if unique else ""


def _quoted(name: str) -> str:
    schema, _, table = name.rpartition(".")
    return f'{schema}."{table}"' if schema else f'"{table}"'
