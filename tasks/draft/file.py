"""A draft from a file: how it is delivered is found out, then it is read as the gate reads it."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO, Literal

import polars as pl

from contracts.ids import TableId
from contracts.model import Column, Contract, Delivery, Load
from contracts.types import ColumnType
from expectations.parsing import blank_to_null, parse
from tasks.draft.document import Draft
from tasks.draft.facts import Facts, room, snake
from tasks.draft.text import key_pair, profile
from tasks.reading import UnreadableFile, read_delivered

_CHUNK = 8 << 20
_GZIP, _PARQUET, _ZSTD, _ZIP = b"\x1f\x8b", b"PAR1", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_DELIMITERS = (",", ";", "\t", "|")


def table_of(path: Path) -> TableId:
    """The raw table that a file's name speaks of: `Orders 2024.csv.gz` is raw.orders_2024."""
    return TableId("raw", snake(path.name.partition(".")[0]))


def draft_file(path: Path, table: TableId, scratch: Path) -> tuple[Draft, pl.LazyFrame]:
    """A draft, and the file's rows in the draft's columns and types (of a raw table: as text).

    Raises UnreadableFile for what is no CSV, JSON lines or Parquet. Memory stays bounded: text lies in `scratch`.
    """
    delivery = delivery_of(path)
    names = _names(path, delivery)
    column = ColumnType("varchar", length=65_535)
    columns = tuple(Column(name, column, "string", "") for name in names)
    load = Load(strategy="replace")
    raw = Contract(table_of(path), "1.0.0", "draft", "", "", "", "", columns, (), (), load, delivery, file=path.name)
    delivered = read_delivered(path, raw, scratch)
    facts = profile(delivered.rows, names)
    left_out = []
    if not delivered.malformed.is_empty():
        count = delivered.malformed.height
        left_out.append(f"{count:,} record{'s' if count > 1 else ''} with another number of fields than the header")
    if table.layer == "raw":
        note = _key_note([f.name for f in facts if f.is_unique], key_pair(delivered.rows, facts))
        draft = Draft(table, path.name, tuple(facts), (), note, delivery, left_out=tuple(left_out))
        return draft, delivered.rows.select(names)
    return _typed(path, table, delivered.rows, facts, tuple(left_out))


def delivery_of(path: Path) -> Delivery:
    """How a file is written: format, compression, delimiter, encoding."""
    with path.open("rb") as handle:
        magic = handle.read(4)
    if not magic:
        raise UnreadableFile(f"{path.name}: the file is empty (0 bytes)")
    if magic == _PARQUET:
        return Delivery(file=path.name, format="parquet")
    for known, name in ((_ZSTD, "zstd"), (_ZIP, "zip")):
        if magic == known:
            raise UnreadableFile(f"{path.name}: {name} is not read; unpack it, or deliver it as gzip")
    compression: Literal["gzip", "none"] = "gzip" if magic.startswith(_GZIP) else "none"
    encoding: Literal["utf-8", "windows-1252"] = "utf-8" if _is_utf8(path, compression) else "windows-1252"
    with _plain(path, compression) as handle:
        first = handle.readline(1 << 20).removeprefix(codecs.BOM_UTF8).decode(encoding, "replace")
    if first.lstrip().startswith("{"):
        return Delivery(file=path.name, format="jsonl", compression=compression)
    delimiter = max(_DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))
    return Delivery(file=path.name, format="csv", compression=compression, delimiter=delimiter, encoding=encoding)


def _names(path: Path, delivery: Delivery) -> list[str]:
    """The names of the columns as delivered; UnreadableFile where there are none."""
    try:
        if delivery.format == "parquet":
            return pl.scan_parquet(path).collect_schema().names()
        with _plain(path, delivery.compression) as handle:
            if delivery.format == "jsonl":
                lines = (line for line in islice(handle, 1000) if line.strip())
                return list(dict.fromkeys(key for line in lines for key in json.loads(line)))
            line = handle.readline(1 << 20).removeprefix(codecs.BOM_UTF8).decode(delivery.encoding)
    except (pl.exceptions.PolarsError, ValueError, OSError, EOFError) as error:
        raise UnreadableFile(
            f"{path.name}: its columns cannot be read: {' '.join(str(error).split())[:200]}"
        ) from error
    names = next(csv.reader([line], delimiter=delivery.delimiter), [])
    if not names or not all(name.strip() for name in names):
        raise UnreadableFile(f"{path.name}: a column of the header has no name")
    return names


@contextmanager
def _plain(path: Path, compression: str) -> Iterator[IO[bytes]]:
    with gzip.open(path, "rb") if compression == "gzip" else path.open("rb") as handle:
        yield handle  # type: ignore[misc]


def _is_utf8(path: Path, compression: str) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with _plain(path, compression) as handle:
            while chunk := handle.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    except (EOFError, OSError) as error:
        raise UnreadableFile(f"{path.name}: the gzip stream is broken or cut off ({error})") from error
    return True


def _key_note(unique: list[str], pair: tuple[str, str] | None) -> str:
    if unique:
        return f"review: no value stands twice in {', '.join(unique)}: which of them names a row?"
    return f"review: {pair[0]} and {pair[1]} together stand nowhere twice: do they name a row?" if pair else ""


def _typed(
    path: Path, table: TableId, rows: pl.LazyFrame, facts: list[Facts], left_out: tuple[str, ...]
) -> tuple[Draft, pl.LazyFrame]:
    """A table of values: columns by our names, text read by the types that were found."""
    pair = key_pair(rows, facts)
    unique = next((f.name for f in facts if f.is_unique), None)
    key = (unique,) if unique else pair or ()
    if table.layer == "clean" and not key:
        note = "review: no column and no pair of columns names a row, so equal rows are one (key row_hash)"
    else:
        note = f"review: {', '.join(key)}: no two of {facts[0].rows:,} rows have the same" if key else ""
    ours = _our_names([f.name for f in facts])
    values = rows.select(_value(f).alias(ours[f.name]) for f in facts)
    named = tuple(
        replace(
            f,
            name=ours[f.name],
            source=f.name if ours[f.name] != f.name else None,
            type=f.type if not f.type.is_text else ColumnType("varchar", length=room(int(f.other["bytes"]))),
        )
        for f in facts
    )
    return Draft(table, path.name, named, tuple(ours[name] for name in key), note, left_out=left_out), values


def _value(facts: Facts) -> pl.Expr:
    text = blank_to_null(pl.col(facts.name))
    return text if facts.logical == "string" else parse(text, facts.logical, facts.formats, facts.type)


def _our_names(names: list[str]) -> dict[str, str]:
    ours: dict[str, str] = {}
    for name in names:
        wanted, number = snake(name), 2
        while wanted in ours.values():
            wanted, number = f"{snake(name)}_{number}", number + 1
        ours[name] = wanted
    return ours
