"""What one contract says that another does not: columns, key, load, delivery, thresholds, words.

Of a warehouse table the readers rely on what is promised, so less is breaking. A raw contract is what is asked of those
who deliver, so more is breaking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from contracts.model import Column, Contract
from expectations.scorecard import THRESHOLDS
from sql import migration
from sql.migration import AddColumn, Alteration, Breaking, Recorded, Relation, Standing
from tasks.diff.model import Change, Effect, Level, Subject, Verdict

_ASKED = "raw"
_WORDS = ("title", "domain", "description", "grain", "tags", "usage", "limitations", "status")
_VALUES = ("source", "normalise", "default", "business_date_of")
# Which settings of a load give a table other rows, not only another way to them.
_DECIDES_ROWS = {"strategy", "versionedBy", "effective", "sequence", "tracked", "overwrite", "deletes"}
_NOT_ALTERED = "standing tables are not altered (docs/limits.md)"


def contract_changes(old: Contract, new: Contract) -> list[Change]:
    """Every difference but those of rules, for which see `rule_changes`."""
    return [
        *_column_changes(old, new),
        *_key_changes(old, new),
        *_load_changes(old, new),
        *_delivery_changes(old, new),
        *_threshold_changes(old, new),
        *_latency_changes(old, new),
        *_storage_changes(old, new),
        *_word_changes(old, new),
    ]


def statements(old: Contract, new: Contract) -> list[str]:
    """What alters the table that stands, as Redshift text; none where something is refused."""
    if new.table.layer == _ASKED:
        return []
    relation, stands, changes, refused = _migrated(old, new)
    if refused or not changes:
        return []
    return [step.sql for step in Alteration(relation, stands, tuple(changes)).steps("redshift") if not step.check]


def judged(is_stronger: bool | None, contract: Contract) -> Level:
    """The level of a promise that is stronger, weaker, or of which that cannot be told (None)."""
    if is_stronger is None:
        return Level.BREAKING
    return Level.BREAKING if is_stronger == (contract.table.layer == _ASKED) else Level.ADDITIVE


def _migrated(
    old: Contract, new: Contract
) -> tuple[Relation, dict[str, Standing], list[migration.Change], list[Breaking]]:
    """A full table as the old contract has it, against the new one."""
    relation = Relation(str(new.table), new)
    stands = {c.name: Standing(c.type, nullable=not c.required) for c in old.columns}
    recorded = {c.name: Recorded(c.type, c.key_position) for c in old.columns}
    return relation, stands, *migration.compare(relation, stands, recorded, is_loaded=lambda: True)


def _column_changes(old: Contract, new: Contract) -> Iterator[Change]:
    relation, _, changes, refused = _migrated(old, new)
    is_asked = new.table.layer == _ASKED
    refusals = {} if is_asked else {r.column: r for r in refused}
    made = {} if is_asked else {c.column.name if isinstance(c, AddColumn) else c.column: c for c in changes}
    renamed = dict(_renamed(old, new))
    for column in old.columns:
        if column.name in new.by_name:
            continue
        refusal = refusals.get(column.name)
        verdict: Verdict | None = "refused" if refusal else None
        what = f"renamed to {renamed[column.name]}, it seems" if column.name in renamed else f"removed ({column.type})"
        note = refusal.remedy if refusal else "files that have it still are read, without it"
        yield Change(Level.BREAKING, "column", column.name, what, verdict, note)
    for column in new.columns:
        if column.name in old.by_name:
            verdict = None
            if (change := made.get(column.name)) is not None:
                verdict = "in place" if migration.in_place(change, relation, "redshift") else "copy"
            is_refused = column.name in refusals
            yield from _changes_of_column(old.by_name[column.name], column, new, verdict, is_refused=is_refused)
        elif column.name not in renamed.values():
            yield _added(column, new, refusals.get(column.name), made.get(column.name))


def _renamed(old: Contract, new: Contract) -> Iterator[tuple[str, str]]:
    """A column that went and one that came with its type, at its place or with its description."""
    gone = [(place, c) for place, c in enumerate(old.columns) if c.name not in new.by_name]
    came = {c.name: (place, c) for place, c in enumerate(new.columns) if c.name not in old.by_name}
    for place, column in gone:
        for name, (new_place, other) in came.items():
            if column.type == other.type and (place == new_place or column.description == other.description):
                yield column.name, name
                del came[name]
                break


def _added(column: Column, contract: Contract, refusal: Breaking | None, change: Any) -> Change:
    required = ", required" if column.required else ""
    text = f"added ({column.type}{required})"
    if contract.table.layer == _ASKED:
        if column.since:
            return Change(Level.ADDITIVE, "column", column.name, text, note="files of before may be without it")
        note = f"files without it are rejected whole; `since: {contract.version}` lets them pass"
        return Change(Level.BREAKING, "column", column.name, text, note=note)
    if refusal:
        return Change(Level.BREAKING, "column", column.name, text, "refused", f"{refusal.reason}; {refusal.remedy}")
    return Change(Level.ADDITIVE, "column", column.name, text, "in place", change.note if change else "")


def _changes_of_column(
    old: Column, new: Column, contract: Contract, verdict: Verdict | None, *, is_refused: bool
) -> Iterator[Change]:
    def change(
        level: Level, text: str, verdict: Verdict | None = None, note: str = "", effect: Effect | None = None
    ) -> Change:
        return Change(level, "column", new.name, text, verdict, note, effect)

    is_asked = contract.table.layer == _ASKED
    if old.type != new.type:
        is_wider = new.type.holds(old.type)
        note = "" if is_wider or is_asked else "take it back, or make the table anew (docs/schema-changes.md)"
        text = f"type {old.type} → {new.type} ({_room(old, new)})"
        told = "refused" if is_refused else verdict
        level = Level.ADDITIVE if is_wider else Level.BREAKING
        yield change(level, text, None if is_asked else told, note, "type")
    if old.required and not new.required:
        yield change(judged(False, contract), "may be empty now", verdict, effect="type")
    elif new.required and not old.required:
        note = "" if is_asked else "the standing table keeps the rows that it has"
        yield change(judged(True, contract), "must have a value now", note=note)
    if old.logical != new.logical and old.type == new.type:
        yield change(Level.BREAKING, f"is read as {new.logical}, not {old.logical}", effect="values")
    if set(old.formats) != set(new.formats):
        gone = set(old.formats) - set(new.formats)
        told = [*(f"-{f}" for f in sorted(gone)), *(f"+{f}" for f in sorted(set(new.formats) - set(old.formats)))]
        # None written is ISO 8601, which a list of others leaves out.
        lost = bool(gone) or not old.formats
        yield change(Level.BREAKING if lost else Level.ADDITIVE, f"formats {', '.join(told)}")
    yield from _mask_changes(old, new)
    for name in _VALUES:
        if getattr(old, name) != getattr(new, name):
            text = f"{name} {_said(getattr(old, name))} → {_said(getattr(new, name))}"
            yield change(Level.NEUTRAL, text, note="rows from now on have other values", effect="values")
    if old.since != new.since:
        # Who delivers may leave a column out that came later; a version that is later still changes nothing for them.
        asks_more = None if old.since and new.since else new.since is None
        level = judged(asks_more, contract) if is_asked and asks_more is not None else Level.NEUTRAL
        yield change(level, f"since {_said(old.since)} → {_said(new.since)}")
    if old.encode != new.encode:
        yield change(Level.NEUTRAL, f"encoding {_said(old.encode)} → {_said(new.encode)}", note=_NOT_ALTERED)


def _room(old: Column, new: Column) -> str:
    """What the room of a type means for the values that there are."""
    if not new.type.holds(old.type):
        return "not every value fits"
    rescaled = "decimal" in (old.type.kind, new.type.kind) and (old.type.scale or 0) != (new.type.scale or 0)
    return "wider, values get another scale" if rescaled else "wider"


def _mask_changes(old: Column, new: Column) -> Iterator[Change]:
    if old.mask != new.mask:
        if old.mask and new.mask:
            yield Change(Level.NEUTRAL, "column", new.name, f"mask {old.mask} → {new.mask}")
        elif new.mask:
            note = "exports leave it out from now on, samples hide it"
            yield Change(Level.BREAKING, "column", new.name, f"is personal data now (mask {new.mask})", note=note)
        else:
            note = "exports carry it and samples show it: is it personal data no longer?"
            yield Change(Level.ADDITIVE, "column", new.name, f"no longer hidden (mask {old.mask} removed)", note=note)
    if old.classification != new.classification:
        text = f"classification {_said(old.classification)} → {_said(new.classification)}"
        yield Change(Level.NEUTRAL, "column", new.name, text)


def _key_changes(old: Contract, new: Contract) -> Iterator[Change]:
    if old.key != new.key:
        text = f"({', '.join(old.key)}) → ({', '.join(new.key)})"
        verdict: Verdict | None = None if new.table.layer == _ASKED else "refused"
        yield Change(Level.BREAKING, "key", "primary key", text, verdict)


def _load_changes(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = (c.load.model_dump(by_alias=True, mode="json") for c in (old, new))
    note = "the next run computes the table whole" if migration.ddl.is_queued(new) else ""
    for name in after:
        if before[name] == after[name]:
            continue
        level = Level.NEUTRAL
        if name == "strategy" and ("scd2" in (before[name], after[name]) or new.table.layer == "clean"):
            level = Level.BREAKING
        effect: Effect | None = "rows" if name in _DECIDES_ROWS else None
        text = f"{_said(before[name])} → {_said(after[name])}"
        yield Change(level, "load", name, text, note=note, effect=effect)
    if old.control_totals != new.control_totals:
        yield Change(Level.NEUTRAL, "load", "controlTotals", "changed", note="batches from now on are summed up by it")


def _delivery_changes(old: Contract, new: Contract) -> Iterator[Change]:
    if old.delivery == new.delivery or not (old.delivery and new.delivery):
        return
    before, after = old.delivery.model_dump(), new.delivery.model_dump()
    for name, value in after.items():
        if before[name] != value:
            eased = name == "required" and not value
            level = Level.ADDITIVE if eased else Level.BREAKING
            yield Change(level, "delivery", name, f"{_said(before[name])} → {_said(value)}")


def _threshold_changes(old: Contract, new: Contract) -> Iterator[Change]:
    for dimension in sorted({*old.thresholds, *new.thresholds}):
        before, after = (c.thresholds.get(dimension, THRESHOLDS.get(dimension)) for c in (old, new))
        if before != after:
            stronger = (after or 0) > (before or 0)
            text = f"{_share(before)} → {_share(after)}"
            yield Change(judged(stronger, new), "threshold", dimension, text)
    if old.score_verdict != new.score_verdict:
        text = f"a score below its threshold: {old.score_verdict} → {new.score_verdict}"
        yield Change(judged(new.score_verdict == "block", new), "threshold", "scoreVerdict", text)
    if old.score_minimum != new.score_minimum:
        yield Change(Level.NEUTRAL, "threshold", "scoreMinimum", f"{old.score_minimum} → {new.score_minimum}")


def _latency_changes(old: Contract, new: Contract) -> Iterator[Change]:
    if old.latency == new.latency:
        return
    before, after = (f"{c.latency.after}" if c.latency else None for c in (old, new))
    stronger = not old.latency or bool(new.latency and new.latency.after < old.latency.after)
    same = bool(old.latency and new.latency and old.latency.after == new.latency.after)
    level = judged(None if same else stronger, new)
    yield Change(level, "latency", "rows are here", f"{_said(before)} → {_said(after)} after the end of their day")


def _storage_changes(old: Contract, new: Contract) -> Iterator[Change]:
    for subject, before, after in (
        ("distribution", old.distribution, new.distribution),
        ("sort key", old.sort_key, new.sort_key),
    ):
        if before != after:
            yield Change(Level.NEUTRAL, "storage", subject, f"{_said(before)} → {_said(after)}", note=_NOT_ALTERED)
    common = [[name for name in a.names if name in b.by_name] for a, b in ((old, new), (new, old))]
    if common[0] != common[1]:
        yield Change(Level.NEUTRAL, "storage", "columns", "in another order", note=_NOT_ALTERED)


def _word_changes(old: Contract, new: Contract) -> Iterator[Change]:
    for name in _WORDS:
        if getattr(old, name) != getattr(new, name):
            text = f"{old.status} → {new.status}" if name == "status" else "reworded"
            yield _words(name, text)
    pairs = [(old.by_name[c.name], c) for c in new.columns if c.name in old.by_name]
    if reworded := [c.name for before, c in pairs if _told(before) != _told(c)]:
        yield _words("columns", f"reworded: {', '.join(reworded)}")


def _words(name: str, text: str) -> Change:
    subject: Subject = "words"
    return Change(Level.NEUTRAL, subject, name, text)


def _told(column: Column) -> tuple[str, tuple[Any, ...]]:
    return column.description, column.examples


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _said(value: Any) -> str:
    if value is None or value == () or value == []:
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        told = (f"{name}: {_said(inner)}" for name, inner in value.items() if inner not in (None, [], {}, False))
        return "{" + ", ".join(told) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Iterable):
        return ", ".join(_said(v[1] if isinstance(v, tuple) and len(v) == 2 else v) for v in value)
    return str(value)
