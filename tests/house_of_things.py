"""A house of things: a small repository, a home, and deliveries whose rows break rules that a test can mend."""

from __future__ import annotations

import hashlib
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hand_made import DAY, SHARED_COLUMNS, contract
from small_shop import load_day, tables

from contracts.registry import REPOSITORY
from tasks import quarantine, redrive
from tasks.lake import LakeFile
from tasks.quarantine import Selection
from tasks.redrive import Outcome
from tasks.settings import Settings
from tasks.warehouse import open_warehouse
from tasks.workspace import Workspace

COUNT = "SELECT\n    colour,\n    COUNT(thing_id) AS thing_count\nFROM clean.things\nGROUP BY colour\n"
HEADER = "thing_id,colour,size,changed_at\n"
COLOURS, SMALLEST = ("red", "blue"), 0
COLOUR, SIZE = "clean.things.colour.in_set", "clean.things.size.between"


class House:
    """A repository, and a home that its deliveries are loaded into. What a rule allows can be changed at any time."""

    def __init__(self, folder: Path) -> None:
        self.root, self.home = folder / "repository", folder / "home"
        shutil.copytree(REPOSITORY / "contracts" / "audit", self.root / "contracts" / "audit")
        sql = self.root / "sql" / "core" / "colour.sql"
        sql.parent.mkdir(parents=True)
        sql.write_text(COUNT)
        contract(self.root, "core.colour", [{"name": "colour", "key": 1}, {"name": "thing_count", "type": "bigint"}])
        self.allow()

    def allow(
        self, colours: tuple[str, ...] = COLOURS, smallest: int = SMALLEST, *more: Any, quality: Any = None
    ) -> None:
        """Write the contracts anew: colours and sizes that are allowed, columns and rules besides."""
        size = {"name": "size", "logicalType": "integer"}
        changed = {"name": "changed_at", "logicalType": "timestamp"}
        wanted = {"file": "things.csv", "format": "csv"}
        contract(self.root, "raw.things", ["thing_id", "colour", size, changed, *more], delivery=wanted)
        enum = [{"value": c, "description": f"The colour {c}"} for c in colours]
        columns = [
            {"name": "thing_id", "key": 1, "required": True},
            {"name": "colour", "enum": enum},
            {"name": "size", "type": "integer", "logicalTypeOptions": {"minimum": smallest}},
            {"name": "changed_at", "type": "timestamp"},
            *more,
            *SHARED_COLUMNS,
        ]
        load = {"strategy": "upsert", "versionedBy": "changed_at"}
        contract(self.root, "clean.things", columns, load=load, quality=quality)

    def deliver(self, number: int, *lines: str, header: str = HEADER) -> None:
        """The file of the day that is `number` days after the first."""
        folder = self.home / "inbox" / (DAY + timedelta(days=number)).isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "things.csv").write_text(header + "".join(f"{line}\n" for line in lines))

    def open(self) -> Workspace:
        return Workspace.open(Settings(home=self.home, repository=self.root, threads=1))

    def run(self, number: int, *lines: str, header: str = HEADER) -> None:
        self.deliver(number, *lines, header=header)
        space = self.open()
        try:
            report = load_day(space, DAY + timedelta(days=number))
        finally:
            space.close()
        assert report.failures == []

    def redrive(self, **chosen: Any) -> list[Outcome]:
        space = self.open()
        try:
            space.begin()
            return redrive.redrive(space, Selection(**chosen))
        finally:
            space.close()

    def discard(self, reason: str = "not ours", **chosen: Any) -> list[Outcome]:
        space = self.open()
        try:
            space.begin()
            return redrive.discard(space, Selection(**chosen), reason)
        finally:
            space.close()

    def rows(self, table: str, *columns: str, where: str = "1 = 1") -> list[tuple[Any, ...]]:
        with open_warehouse(Settings(home=self.home), read_only=True) as warehouse:
            return warehouse.query(f"SELECT {', '.join(columns)} FROM {table} WHERE {where} ORDER BY 1, 2").rows()

    def ledger(self) -> list[tuple[int, int, int, int]]:
        """Loaded, duplicate, quarantined, discarded of each day, which together are what was delivered."""
        parts = "loaded_rows", "duplicate_rows", "quarantined_rows", "discarded_rows"
        found = self.rows("audit.load_ledger", "delivery_date", "delivered_rows", *parts)
        assert all(delivered == sum(counts) for _, delivered, *counts in found)
        return [tuple(counts) for _, _, *counts in found]

    def things(self) -> dict[str, tuple[Any, ...]]:
        return {row[0]: row[1:] for row in self.rows("clean.things", "thing_id", "colour", "size")}

    def counted(self) -> dict[str, int]:
        return dict(self.rows("core.colour", "colour", "thing_count"))

    def quarantine(self) -> dict[str, dict[str, int]]:
        """File that is open (its name) to open rows by rule."""
        found: dict[str, dict[str, int]] = {}
        for path, rule, count in self.rows("audit.quarantine", "file_path", "rule_id", "row_count"):
            found.setdefault(path.rpartition("/")[2], {})[rule] = count
        return found

    def open_rows(self) -> pl.DataFrame:
        """The rows in the files that are open."""
        paths = {path for path, _ in self.rows("audit.quarantine", "file_path", "rule_id")}
        files = [quarantine.read(LakeFile.local(self.home / "lake" / path)) for path in sorted(paths)]
        return pl.concat([pl.DataFrame(schema=quarantine.SCHEMA), *files]).sort("batch_id", "source_line")

    def everything(self) -> tuple[dict[str, list[Any]], dict[str, str]]:
        """All tables, and all files of the lake by their content."""
        lake = self.home / "lake"
        files = {
            path.relative_to(lake).as_posix(): hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            for path in sorted(lake.rglob("*"))
            if path.is_file()
        }
        return {name: frame.rows() for name, frame in tables(self.home).items()}, files


def at(root: Path, home: Path) -> House:
    """The house of a repository and a home that are there."""
    there = object.__new__(House)
    there.root, there.home = root, home
    return there
