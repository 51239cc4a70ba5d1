"""What became of every line of a source's file: checked before anything is written, and told to the ledger later.

The mapping runs without the warehouse. So the account travels beside the mapped files, as a hidden file that the inbox
does not take for a delivery, and enters the ledger when that delivery is found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from tasks.batches import Batch
from tasks.ledger import Entry, LedgerImbalance

DUPLICATE, QUARANTINED, EXCLUDED = "duplicate", "quarantined", "excluded: "


@dataclass(frozen=True)
class AccountRow:
    """Lines of one file that became the same thing, and the sum of their signed amounts."""

    file: str
    became: str
    lines: int
    amount: Decimal


@dataclass(frozen=True)
class FileAccount:
    """One source file: its batch, its own totals, and what its lines became."""

    table: str
    batch_id: str
    contract_version: str
    delivery: date
    file: str
    content_hash: str
    bytes: int
    lines: int
    amount: Decimal
    parts: tuple[AccountRow, ...] = ()
    broken_rules: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        batch: Batch,
        lines: int,
        amount: Decimal,
        parts: dict[str, tuple[int, Decimal]],
        broken_rules: dict[str, int],
    ) -> FileAccount:
        """The account of a batch; raise LedgerImbalance when the parts are not the whole, in lines or in money."""
        name = batch.path.name
        rows = tuple(AccountRow(name, became, *parts[became]) for became in sorted(parts))
        found = sum(row.lines for row in rows), sum((row.amount for row in rows), Decimal(0))
        if found != (lines, amount):
            raise LedgerImbalance(
                f"{name}: {lines} lines of {amount} in all, but {found[0]} lines of {found[1]} are accounted for; "
                "nothing of the file was delivered"
            )
        return cls(
            str(batch.contract.table),
            batch.batch_id,
            batch.contract.version,
            batch.delivery,
            name,
            batch.content_hash,
            batch.bytes,
            lines,
            amount,
            rows,
            broken_rules,
        )

    def expect(self, became: str, rows: int, table: str) -> None:
        """Raise LedgerImbalance when a table has not exactly one row for each line that became what it holds."""
        lines = self._count(lambda other: other == became)
        if rows != lines:
            raise LedgerImbalance(
                f"{self.file}: {lines} lines became {became}, but {table} has {rows} rows; nothing of the file was "
                "delivered"
            )

    @property
    def file_name(self) -> str:
        return f".account.{self.content_hash[:8]}.json"

    def entry(self, run_id: str, source: str, loaded_at: datetime) -> Entry:
        """The file as the ledger knows it: `loaded` are the lines that were mapped into deliveries."""
        duplicate = self._count(lambda became: became == DUPLICATE)
        quarantined = self._count(lambda became: became == QUARANTINED)
        excluded = self._count(lambda became: became.startswith(EXCLUDED))
        return Entry(
            batch_id=self.batch_id,
            run_id=run_id,
            source=source,
            table_name=self.table,
            delivery_date=self.delivery,
            file_name=self.file,
            content_hash=self.content_hash,
            bytes=self.bytes,
            delivered_rows=self.lines,
            loaded_rows=self.lines - duplicate - quarantined - excluded,
            duplicate_rows=duplicate,
            quarantined_rows=quarantined,
            excluded_rows=excluded,
            status="loaded",
            error=None,
            contract_version=self.contract_version,
            loaded_at=loaded_at,
        )

    def _count(self, is_meant: Callable[[str], bool]) -> int:
        return sum(row.lines for row in self.parts if is_meant(row.became))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, default=str, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> FileAccount:
        body = json.loads(text)
        parts = tuple(AccountRow(**{**row, "amount": Decimal(row["amount"])}) for row in body.pop("parts"))
        body |= {"delivery": date.fromisoformat(body["delivery"]), "amount": Decimal(body["amount"]), "parts": parts}
        return cls(**body)


@dataclass(frozen=True)
class Account:
    """The accounts of all files of one mapping."""

    files: tuple[FileAccount, ...] = field(default=())

    def rows(self) -> list[AccountRow]:
        """One row per file and what its lines became."""
        return [row for file in self.files for row in file.parts]


def accounts_in(folder: Path) -> Iterator[FileAccount]:
    """The accounts that lie beside a delivery's files, by name."""
    for path in sorted(folder.glob(".account.*.json")):
        yield FileAccount.from_json(path.read_text(encoding="utf-8"))
