"""Batches: what lies in the inbox. A batch is a table, a delivery date and the content of one file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.model import Contract, Delivery

if TYPE_CHECKING:
    from tasks.inbox import Deliveries

CONTROL = ".control.json"


@dataclass(frozen=True)
class Batch:
    """One delivered file of one table. `batch_id` follows from table, delivery date and content alone."""

    contract: Contract
    delivery: date
    path: Path
    content_hash: str
    bytes: int

    @property
    def batch_id(self) -> str:
        name = f"{self.contract.table}|{self.delivery.isoformat()}|{self.content_hash}"
        return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Inbox:
    """One delivery: its batches in the contracts' order, files that no contract expects, tables without a file."""

    batches: tuple[Batch, ...]
    unexpected: tuple[Path, ...]
    missing: tuple[str, ...]


def read_inbox(inbox: Deliveries, delivery: date, contracts: Iterable[Contract]) -> Inbox:
    """Find a delivery's files by the name that each raw contract gives (`orders.csv.gz`, also `orders.2.csv.gz`)."""
    files = sorted(p for p in inbox.folder(delivery).iterdir() if p.is_file() and not p.name.startswith("."))
    batches: list[Batch] = []
    missing: list[str] = []
    taken: set[Path] = set()
    for contract in contracts:
        if contract.delivery is None:
            continue
        mine = [p for p in files if is_delivered_as(p.name, contract.delivery)]
        batches += [batch_of(contract, delivery, p) for p in mine]
        taken.update(mine)
        if not mine:
            missing.append(contract.delivery.file)
    taken |= {control_file(p) for p in taken}
    return Inbox(tuple(batches), tuple(p for p in files if p not in taken), tuple(missing))


def control_file(path: Path) -> Path:
    """Where a source may say what is in a data file: `orders.control.json` beside `orders.csv.gz`."""
    stem = re.sub(r"\.(csv|jsonl|json|parquet)(\.gz)?$", "", path.name)
    return path.with_name(f"{stem}{CONTROL}")


def is_delivered_as(name: str, delivery: Delivery) -> bool:
    """Whether a file has the name that a raw contract gives, or one with a part of its own (`orders.2.csv.gz`)."""
    if name.endswith(CONTROL):
        return False
    stem, _, ending = delivery.file.partition(".")
    return re.fullmatch(rf"{re.escape(stem)}(\.[\w-]+)?\.{re.escape(ending)}", name) is not None


def batch_of(contract: Contract, delivery: date, path: Path) -> Batch:
    """The batch that a file is; the same bytes for the same table and day are the same batch, wherever they lie."""
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return Batch(contract, delivery, path, digest, path.stat().st_size)
