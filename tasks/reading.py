"""A delivered file to a frame of text columns: each readable row with its line, each malformed one with the reason."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import chain, islice
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from contracts.model import Contract, Delivery

LINE = "source_line"
_CHUNK = 8 << 20
# JSON lines: what becomes one file of scratch, what the fast reader is given at once, what it is not tried on again.
_BLOCK, _PIECE, _FEW = 32 << 20, 1 << 20, 128 << 10
# How many of the first records say which columns a file of JSON lines has.
_FIRST = 1000
_END = "\x04"


class UnreadableFile(ValueError):
    """The file as a whole cannot be taken in; the message says which file, what is wrong and what was expected."""


@dataclass(frozen=True)
class Delivered:
    """What a file holds.

    `rows`: `source_line` and the contract's columns as text. `malformed`: source_line, text, reason.
    `source_line` counts records from 1, a CSV's header included. `ignored`: columns that the contract does not have.
    `absent`: columns that came with a later version of the contract, which the file has not; they are NULL.
    """

    rows: pl.LazyFrame
    malformed: pl.DataFrame
    ignored: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def read_delivered(path: Path, contract: Contract, scratch: Path) -> Delivered:
    """Read a file as its raw contract says; raise UnreadableFile when it is not such a file at all.

    Memory stays bounded: text is streamed into `scratch`, and the frame scans what lies there.
    """
    delivery = contract.delivery
    if delivery is None:
        raise UnreadableFile(f"{contract.table} is not a delivered table")
    if path.stat().st_size == 0:
        raise UnreadableFile(f"{path.name}: the file is empty (0 bytes); {_expected(contract)}")
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        if delivery.format == "parquet":
            return _read_parquet(path, contract, scratch)
        chunks = _plain(path, contract, delivery)
        if delivery.format == "csv":
            return _read_csv(_written(chunks, scratch / f"{path.name}.txt"), path.name, contract, scratch)
        return _read_jsonl(chunks, path.name, contract, scratch)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFile(
            f"{path.name}: the gzip stream is broken or cut off ({error}); nothing of it was loaded, deliver it again"
        ) from error


def _expected(contract: Contract) -> str:
    delivery = contract.delivery
    return f"expected {delivery.format if delivery else '?'} with {', '.join(contract.names)} ({contract.file})"


def _plain(path: Path, contract: Contract, delivery: Delivery) -> Iterator[bytes]:
    """The file piece by piece as plain UTF-8 without a byte order mark; bad UTF-8 is found by whoever reads it."""
    with path.open("rb") as probe:
        is_gzip = probe.read(2) == b"\x1f\x8b"
    if is_gzip != (delivery.compression == "gzip"):
        is_, said = ("gzip", "plain") if is_gzip else ("not gzip", "gzip")
        raise UnreadableFile(f"{path.name}: the file is {is_} but its contract says {said} ({contract.file})")
    chunks = _unpacked(path) if is_gzip else _read(path)
    if delivery.encoding != "utf-8":
        yield from (text.encode() for text in _decoded(chunks, path.name, contract))
        return
    first = next(chunks, b"").removeprefix(codecs.BOM_UTF8)
    if not first:
        raise UnreadableFile(f"{path.name}: the file is empty once decompressed; {_expected(contract)}")
    yield first
    yield from chunks


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        yield from iter(partial(source.read, _CHUNK), b"")


def _unpacked(path: Path) -> Iterator[bytes]:
    """What a gzip file holds. Arrow is twice as fast as Python; where it gives up, Python goes on or says why."""
    taken = 0
    try:
        with pa.CompressedInputStream(pa.OSFile(str(path)), "gzip") as source:
            for chunk in iter(partial(source.read, _CHUNK), b""):
                taken += len(chunk)
                yield chunk
        return
    except OSError:
        pass
    with gzip.open(path, "rb") as again:
        again.seek(taken)
        yield from iter(partial(again.read, _CHUNK), b"")


def _written(chunks: Iterator[bytes], target: Path) -> Path:
    with target.open("wb") as sink:
        sink.writelines(chunks)
    return target


def _decoded(chunks: Iterator[bytes], name: str, contract: Contract) -> Iterator[str]:
    """The text of bytes in the contract's encoding, piece by piece; raise UnreadableFile at the first bad byte."""
    encoding = contract.delivery.encoding if contract.delivery else "utf-8"
    decoder, before = codecs.getincrementaldecoder(encoding)(), 0
    for chunk in chain(chunks, [b""]):
        held = len(decoder.getstate()[0])
        try:
            yield decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise UnreadableFile(
                f"{name}: not {encoding} text: byte 0x{error.object[error.start]:02x} at offset "
                f"{before - held + error.start}; set `encoding` in {contract.file} or deliver {encoding}"
            ) from error
        before += len(chunk)


def _read_csv(plain: Path, name: str, contract: Contract, scratch: Path) -> Delivered:
    delivery = contract.delivery
    assert delivery is not None
    malformed: list[tuple[int, str, str]] = []

    def keep(row: pa_csv.InvalidRow) -> str:
        reason = f"{row.actual_columns} fields where the header has {row.expected_columns}"
        malformed.append((row.number or 0, row.text, reason))
        return "skip"

    header = _csv_header(plain, name, contract, delivery)
    ignored, absent = _check_header(header, name, contract)
    # One field too many, so Arrow hands it to `keep`; if it does not, a quote that nothing closes has swallowed it.
    end = delivery.delimiter.join([_END] * (len(header) + 1))
    with plain.open("ab") as handle:
        handle.write(f"\n{end}\n".encode())
    text = scratch / f"{name}.parquet"
    options = {
        "read_options": pa_csv.ReadOptions(use_threads=False, block_size=_CHUNK),
        "parse_options": pa_csv.ParseOptions(
            delimiter=delivery.delimiter, newlines_in_values=True, invalid_row_handler=keep
        ),
        "convert_options": pa_csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False, quoted_strings_can_be_null=False
        ),
    }
    schema = pa.schema([pa.field(column, pa.string()) for column in header])
    try:
        rows = 0
        with pa_csv.open_csv(plain, **options) as reader, pa_parquet.ParquetWriter(text, schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
                rows += batch.num_rows
    except pa.ArrowInvalid as error:
        _check_text(plain, name, contract)
        raise UnreadableFile(f"{name}: not a CSV that can be read: {error}; {_expected(contract)}") from error
    if not malformed or malformed[-1][1] != end:
        last = 1 + rows + len(malformed)
        raise UnreadableFile(f"{name}: record {last} opens a quote that nothing closes; {_expected(contract)}")
    bad = _malformed(malformed[:-1])
    columns = (pl.lit(None, pl.String).alias(c) if c in absent else pl.col(c) for c in contract.names)
    return Delivered(_numbered(pl.scan_parquet(text).select(columns), bad, first=2), bad, ignored, absent)


def _csv_header(plain: Path, name: str, contract: Contract, delivery: Delivery) -> list[str]:
    with plain.open("rb") as handle:
        line = handle.readline(1 << 20)
    try:
        header = next(csv.reader([line.decode("utf-8")], delimiter=delivery.delimiter), [])
    except (UnicodeDecodeError, csv.Error) as error:
        _check_text(plain, name, contract)
        raise UnreadableFile(f"{name}: the header cannot be read: {error}; {_expected(contract)}") from error
    if any("\n" in field for field in header):
        raise UnreadableFile(f"{name}: the header has a line break inside a column's name; {_expected(contract)}")
    return header


def _check_text(plain: Path, name: str, contract: Contract) -> None:
    """Raise UnreadableFile at the first byte that is no text; other encodings were checked when they were decoded."""
    if contract.delivery and contract.delivery.encoding == "utf-8":
        for _ in _decoded(_read(plain), name, contract):
            pass


def _check_header(header: list[str], name: str, contract: Contract) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that the contract has not, and those that a file from before they came has not."""
    lacking = [c for c in contract.columns if c.name not in header]
    missing = [c.name for c in lacking if c.since is None]
    if missing:
        # A file without a header begins with a row, and a row may be about a person: it is not told.
        found = f"found {', '.join(header)[:300]}" if _is_header(header, contract) else "its first line is no header"
        raise UnreadableFile(
            f"{name}: column {', '.join(map(repr, missing))} is missing; {found}; {_expected(contract)}"
        )
    doubled = sorted({field for field in header if header.count(field) > 1})
    if doubled:
        raise UnreadableFile(f"{name}: the header names column {doubled[0]!r} twice; {_expected(contract)}")
    return tuple(c for c in header if c not in contract.names), tuple(c.name for c in lacking)


def _is_header(fields: list[str], contract: Contract) -> bool:
    """Whether half of the promised names stand in a line, be it in other letters or with another delimiter.

    Parquet has its columns' names in a place of their own.
    """
    if contract.delivery and contract.delivery.format == "parquet":
        return True
    words = set(re.findall(r"\w+", " ".join(fields).lower()))
    return 2 * len(words & {column.lower() for column in contract.names}) >= len(contract.names)


def _read_jsonl(chunks: Iterator[bytes], name: str, contract: Contract, scratch: Path) -> Delivered:
    """JSON lines, piece by piece; what was read of each block becomes one file in `scratch`."""
    schema = dict.fromkeys(contract.names, pl.String)
    parts: list[Path] = []
    records, malformed = 0, list[tuple[int, str, str]]()
    found: dict[str, None] = {}

    def write(frames: list[pl.DataFrame]) -> None:
        parts.append(scratch / f"{name}.{len(parts)}.parquet")
        pl.concat(frames).write_parquet(parts[-1], compression="lz4", statistics=False)

    try:
        frames, held = list[pl.DataFrame](), 0
        for piece in _pieces_of_lines(chunks):
            if held >= _BLOCK:
                write(frames)
                frames, held = [], 0
            if records < _FIRST:
                found |= _keys(piece, _FIRST - records)
            for frame, broken in _json_rows(piece, schema, _PIECE):
                malformed += [(records + number, text, reason) for number, text, reason in broken]
                records += frame.height + len(broken)
                frames.append(frame)
            held += len(piece)
        write(frames)
    except pl.exceptions.PolarsError as error:
        raise UnreadableFile(f"{name}: not JSON lines that can be read: {error}; {_expected(contract)}") from error
    if malformed and len(malformed) == records:
        raise UnreadableFile(f"{name}: no line is a JSON object; the first: {malformed[0][2]}; {_expected(contract)}")
    if not found.keys() & set(contract.names):
        raise UnreadableFile(f"{name}: no column is there; found {', '.join(found)[:300]}; {_expected(contract)}")
    ignored = tuple(c for c in found if c not in contract.names)
    absent = tuple(c.name for c in contract.columns if c.since is not None and c.name not in found)
    bad = _malformed(malformed)
    return Delivered(_numbered(pl.scan_parquet(parts), bad, first=1), bad, ignored, absent)


def _pieces_of_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of about _PIECE that end with a line, at least one."""
    held: list[bytes] = []
    for chunk in chunks:
        held.append(chunk)
        if b"\n" in chunk:
            lines, start = b"".join(held), 0
            while end := lines.find(b"\n", start + _PIECE) + 1:
                yield lines[start:end]
                start = end
            held = [lines[start:]]
    yield b"".join(held)


def _json_rows(
    lines: bytes, schema: dict[str, type[pl.String]], most: int
) -> Iterator[tuple[pl.DataFrame, list[tuple[int, str, str]]]]:
    """Rows, and malformed records by their number among them, piece by piece, at least one.

    The fast reader gives up on a whole piece: one that it refuses is cut smaller, and what is left is read by the line.
    """
    start = 0
    while start < len(lines) or not start:
        end = lines.find(b"\n", start + most) + 1 or len(lines)
        piece = lines[start:end]
        try:
            yield pl.read_ndjson(piece, schema=schema), []
        except pl.exceptions.PolarsError:
            yield from _json_rows(piece, schema, most // 8) if most > _FEW else [_sifted(piece, schema)]
        start = max(end, 1)


def _sifted(lines: bytes, schema: dict[str, type[pl.String]]) -> tuple[pl.DataFrame, list[tuple[int, str, str]]]:
    good, malformed = [], []
    # Blank lines are no records: the fast reader does not count them either.
    for number, line in enumerate((line for line in BytesIO(lines) if line.strip()), start=1):
        try:
            _record(line)
            good.append(line)
        except ValueError as error:
            malformed.append((number, line.decode("utf-8", "replace").rstrip("\r\n"), str(error)))
    return pl.read_ndjson(b"".join(good), schema=schema), malformed


def _keys(lines: bytes, most: int) -> dict[str, None]:
    """The keys of the first records, in their order."""
    found: dict[str, None] = {}
    for line in islice((line for line in BytesIO(lines) if line.strip()), most):
        with suppress(ValueError):
            found |= dict.fromkeys(_record(line))
    return found


def _record(line: bytes) -> dict[str, object]:
    """The JSON object of a line; a ValueError says why it is none."""
    try:
        record = json.loads(line, parse_constant=_no_number, parse_float=_finite)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"a JSON {type(record).__name__}, not an object")
    return record


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _no_number(text)


def _read_parquet(path: Path, contract: Contract, scratch: Path) -> Delivered:
    text = scratch / f"{path.name}.text"
    try:
        frame = pl.scan_parquet(path)
        schema = frame.collect_schema()
        ignored, absent = _check_header(schema.names(), path.name, contract)
        # Read here and now: a damaged page, or a column that is no text, is this file's fault and told as such.
        texts = (_as_text(name, schema.get(name)).alias(name) for name in contract.names)
        frame.select(texts).sink_parquet(text, compression="lz4")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UnreadableFile(
            f"{path.name}: not a Parquet file that can be read: {' '.join(str(error).split())[:200]}; "
            f"{_expected(contract)}"
        ) from error
    none = _malformed([])
    return Delivered(_numbered(pl.scan_parquet(text), none, first=1), none, ignored, absent)


def _as_text(name: str, type_: pl.DataType | None) -> pl.Expr:
    if type_ is None:
        return pl.lit(None, pl.String)
    column = pl.col(name)
    if isinstance(type_, pl.Datetime):
        instant = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if type_.time_zone else column
        return instant.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return column.cast(pl.String)


def _malformed(records: list[tuple[int, str, str]]) -> pl.DataFrame:
    schema = {LINE: pl.Int64, "text": pl.String, "reason": pl.String}
    return pl.DataFrame(records, schema=schema, orient="row").sort(LINE)


def _numbered(rows: pl.LazyFrame, malformed: pl.DataFrame, *, first: int) -> pl.LazyFrame:
    """Put each row's number in the file beside it; `first` is the number of the first record."""
    rows = rows.with_row_index(LINE).with_columns(pl.col(LINE).cast(pl.Int64) + first)
    if malformed.is_empty():
        return rows
    # The k-th malformed record (from 0) has its number less k as its place among the good rows: each good row at or
    # behind that place moves on by one.
    places = malformed.get_column(LINE) - pl.Series(range(malformed.height), dtype=pl.Int64)

    def moved(numbers: pl.Series) -> pl.Series:
        return numbers + places.search_sorted(numbers, side="right").cast(pl.Int64)

    return rows.with_columns(pl.col(LINE).map_batches(moved, return_dtype=pl.Int64, is_elementwise=True))
