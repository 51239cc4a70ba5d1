"""Audits as the gate stores them for Data Docs: a file each, the latest of a table and the last that failed.

    <folder>/results/<layer>/<table>.<place>.json             the latest, replaced by the next
    <folder>/failed/<layer>/<table>.<place>.<audit>.json      of those that failed, the last `FAILED_KEPT`

The name of an audit is its instant with the beginnings of run and batch: names alone say which audit a page is of.
Imports no Great Expectations.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.ids import LAYERS, TableId
from expectations.scorecard import Score, score

FAILED_KEPT = 5
_NAME = re.compile(r"(\d{8}T\d{6})\d{6}-(\w{0,8})-(\w{0,8})")


@dataclass(frozen=True)
class Audit:
    """One stored validation of a table: on the lake, or in the warehouse."""

    table: TableId
    place: str
    path: Path
    body: dict[str, Any]

    @property
    def run_id(self) -> str:
        return str(self.body["meta"]["run_id"].get("run_name") or "")

    @property
    def checked_at(self) -> datetime:
        """UTC, without a zone."""
        return datetime.fromisoformat(self.body["meta"]["validation_time"]).replace(tzinfo=None)

    @property
    def rules(self) -> int:
        return int(self.body["statistics"]["evaluated_expectations"])

    @property
    def failed(self) -> int:
        """How many rules something broke."""
        return int(self.body["statistics"]["unsuccessful_expectations"])

    @property
    def scores(self) -> list[Score]:
        """By dimension, against the house's thresholds."""
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for result in self.body["results"]:
            body, count = result["result"], counts[result["expectation_config"]["meta"]["dimension"]]
            is_map = "element_count" in body
            count[0] += body["element_count"] - (body.get("missing_count") or 0) if is_map else 1
            count[1] += body["unexpected_count"] if is_map else int(not result["success"])
        return [score(self.table, name, evaluated, failed) for name, (evaluated, failed) in sorted(counts.items())]


def audit_name(body: dict[str, Any]) -> str:
    """The name of an audit: names in order are audits in order."""
    meta = body["meta"]
    at = datetime.fromisoformat(meta["validation_time"])
    run, batch = str(meta["run_id"].get("run_name") or ""), meta["batch_spec"]["batch_id"]
    return f"{at:%Y%m%dT%H%M%S%f}-{_short(run)}-{_short(batch)}"


def names_of(run_id: str, batch_id: str, audit: str) -> bool:
    """Whether a name is that of the audit of a run and batch."""
    found = _NAME.fullmatch(audit)
    return found is not None and found.groups()[1:] == (_short(run_id), _short(batch_id))


def instant_of(audit: str) -> datetime | None:
    """When an audit was, by its name; None where it is no such name."""
    found = _NAME.fullmatch(audit)
    return datetime.strptime(found[1], "%Y%m%dT%H%M%S") if found else None


def page_parts(name: str) -> tuple[TableId, str, str]:
    """Table, place and audit of a page's name; the latest audit of a table has no name of its own."""
    layer, table, place, *audit = name.split(".")
    return TableId(layer, table), place, ".".join(audit)


def kept(names: Iterable[str]) -> set[str]:
    """Of the names of pages those that stay: the latest audits, and of those that failed the last of each table."""
    failed: dict[tuple[TableId, str], list[str]] = defaultdict(list)
    out = set()
    for name in sorted(names):
        table, place, audit = page_parts(name)
        if audit:
            failed[table, place].append(name)
        else:
            out.add(name)
    return out.union(*(found[-FAILED_KEPT:] for found in failed.values()))


def _short(identity: str) -> str:
    return re.sub(r"\W", "", identity)[:8]


def keep(folder: Path, table: TableId, place: str, body: dict[str, Any]) -> None:
    """Store an audit as the latest of its table, and one that failed also among those."""
    text = json.dumps(body, sort_keys=True, default=str) + "\n"
    latest = folder / "results" / table.layer / f"{table.name}.{place}.json"
    _write(latest, text)
    if body["statistics"]["unsuccessful_expectations"]:
        kept = folder / "failed" / table.layer
        _write(kept / f"{table.name}.{place}.{audit_name(body)}.json", text)
        for old in sorted(kept.glob(f"{table.name}.{place}.*.json"))[:-FAILED_KEPT]:
            old.unlink()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def latest(folder: Path) -> Iterator[Audit]:
    """The latest audit of each table and place, in order of layers."""
    for layer in LAYERS:
        for path in sorted((folder / "results" / layer).glob("*.json")):
            name, _, place = path.stem.rpartition(".")
            yield Audit(TableId(layer, name), place, path, json.loads(path.read_text(encoding="utf-8")))


def stored(folder: Path) -> dict[str, Path]:
    """The file of each stored audit by the name of its page: `<layer>.<table>.<place>[.<audit>]`."""
    return {
        f"{layer}.{path.stem}": path
        for kind in ("results", "failed")
        for layer in LAYERS
        for path in sorted((folder / kind / layer).glob("*.json"))
    }
