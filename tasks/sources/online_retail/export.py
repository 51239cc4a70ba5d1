"""One export of the shop, whatever its dress: find columns, format and encoding, and read it as text columns."""

from __future__ import annotations

import codecs
import csv
import gzip
import re
import zlib
from dataclasses import replace
from io import BufferedIOBase
from pathlib import Path
from typing import Literal

import polars as pl

from contracts.model import Contract, Delivery
from tasks.reading import Delivered, UnreadableFile, read_delivered

# Our column, and the names that exports give it; case, spaces and signs do not count.
NAMES: dict[str, tuple[str, ...]] = {
    "invoice": ("Invoice", "InvoiceNo"),
    "stock_code": ("StockCode",),
    "description": ("Description",),
    "quantity": ("Quantity",),
    "invoiced_at": ("InvoiceDate",),
    "price": ("Price", "UnitPrice"),
    "customer_id": ("Customer ID", "CustomerID"),
    "country": ("Country",),
}
_CHUNK = 8 << 20
# A first number that is no month: one such date is dirt, many mean that the file writes the day first.
_DAY_FIRST = r"^(1[3-9]|2[0-9]|3[01])/"
_MOST_DAY_FIRST = 0.1


def read_export(path: Path, contract: Contract, scratch: Path) -> Delivered:
    """The export's lines under the contract's column names; raise UnreadableFile when it is no such export."""
    if path.stat().st_size == 0:
        raise UnreadableFile(f"{path.name}: the file is empty (0 bytes)")
    delivery, header = _recognised(path)
    found = _columns(path.name, header)
    # The contract as this file would have it: its own names, format and encoding.
    own = replace(contract, delivery=delivery, columns=tuple(replace(c, name=found[c.name]) for c in contract.columns))
    delivered = read_delivered(path, own, scratch)
    rows = delivered.rows.rename({theirs: ours for ours, theirs in found.items()})
    _refuse_day_first(path.name, rows)
    return replace(delivered, rows=rows)


def _recognised(path: Path) -> tuple[Delivery, list[str]]:
    """How the file is written, and its column names."""
    with path.open("rb") as probe:
        magic = probe.read(4)
    if magic == b"PAR1":
        return Delivery(file=path.name, format="parquet"), _parquet_header(path)
    if magic[:2] == b"PK":
        raise UnreadableFile(f"{path.name}: an Excel workbook (or another zip); save the sheet as CSV UTF-8 first")
    is_gzip = magic[:2] == b"\x1f\x8b"
    try:
        with gzip.open(path, "rb") if is_gzip else path.open("rb") as text:
            encoding = _encoding(path.name, text)
            text.seek(0)
            first = text.readline(1 << 20)
    except (EOFError, OSError, zlib.error) as error:
        raise UnreadableFile(f"{path.name}: cannot be read ({error}); nothing of it was loaded") from error
    line = first.decode("utf-8-sig" if encoding == "utf-8" else "cp1252", "replace")
    delimiter = max(",;\t", key=line.count)
    header = next(csv.reader([line], delimiter=delimiter), [])
    delivery = Delivery(
        file=path.name,
        format="csv",
        compression="gzip" if is_gzip else "none",
        delimiter=delimiter,
        encoding=encoding,
    )
    return delivery, header


def _parquet_header(path: Path) -> list[str]:
    try:
        schema = pl.scan_parquet(path).collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UnreadableFile(f"{path.name}: not a Parquet file that can be read: {str(error)[:200]}") from error
    zoned = [name for name, type_ in schema.items() if isinstance(type_, pl.Datetime) and type_.time_zone]
    if zoned:
        raise UnreadableFile(f"{path.name}: {zoned[0]} has a time zone; the export has the shop's clock, without one")
    return schema.names()


def _encoding(name: str, text: BufferedIOBase) -> Literal["utf-8", "windows-1252"]:
    """UTF-8 if the whole file is, else windows-1252 (what Excel writes in this shop's country) if that reads it."""
    utf8, cp1252 = codecs.getincrementaldecoder("utf-8")(), codecs.getincrementaldecoder("cp1252")()
    possible: dict[Literal["utf-8", "windows-1252"], codecs.IncrementalDecoder] = {
        "utf-8": utf8,
        "windows-1252": cp1252,
    }
    while possible:
        chunk = text.read(_CHUNK)
        if b"\x00" in chunk:
            raise UnreadableFile(f"{name}: holds zero bytes: binary, or UTF-16; save it as CSV UTF-8")
        for encoding, decoder in list(possible.items()):
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError:
                del possible[encoding]
        if not chunk:
            break
    if not possible:
        raise UnreadableFile(f"{name}: neither UTF-8 nor windows-1252 text")
    return next(iter(possible))


def _columns(name: str, header: list[str]) -> dict[str, str]:
    """Our column to the file's; raise UnreadableFile for one that is missing or stands twice."""
    found: dict[str, str] = {}
    for ours, names in NAMES.items():
        known = {_plain(n) for n in names}
        candidates = [theirs for theirs in header if _plain(theirs) in known]
        if len(candidates) != 1:
            fault = "two columns" if candidates else "no column"
            raise UnreadableFile(
                f"{name}: not an Online Retail export: {fault} for {' or '.join(names)}; "
                f"found {', '.join(header)[:300] or 'no header'}"
            )
        found[ours] = candidates[0]
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _refuse_day_first(name: str, rows: pl.LazyFrame) -> None:
    """`3/4/10` is no date until one knows who wrote it: a file that puts the day first must not be read silently."""
    share = rows.select(pl.col("invoiced_at").str.contains(_DAY_FIRST).mean()).collect().item()
    if share is not None and share > _MOST_DAY_FIRST:
        raise UnreadableFile(
            f"{name}: the dates put the day first (such as 31/12/2010); export them as 2010-12-31 08:26 "
            "or month first, as 12/31/2010 8:26"
        )
