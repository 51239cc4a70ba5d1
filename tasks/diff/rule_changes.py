"""Rules that came, went or became stricter or weaker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from contracts.model import Contract
from expectations.rules import Rule
from sql.meaning import is_same_expression
from tasks.diff.contract_changes import judged
from tasks.diff.model import Change, Effect, Level

# Rules that say again what columns, types and keys say: a change of those tells it.
_SAID_BY_COLUMNS = ("columns", "types", "byte_length", "not_null", "parses_as")
_BOUNDS = ("min", "max", "min_exclusive", "max_exclusive")
_SHARE_OF_VERDICT = {"warn": 0, "quarantine": 1, "block": 1}


def rule_changes(old: Contract, new: Contract, before: Sequence[Rule], after: Sequence[Rule]) -> list[Change]:
    """Every difference between the rules of two contracts, by their ids."""
    return list(_changes(old, new, {r.id: r for r in before}, {r.id: r for r in after}))


def is_stricter(old: Rule, new: Rule) -> bool | None:
    """Whether fewer values keep the new rule; None if that cannot be told. Both check something different."""
    if old.kind != new.kind or set(old.columns) != set(new.columns):
        return None
    before, after = old.args, new.args
    if new.kind == "in_set":
        known, wanted = ({repr(v) for v in args["values"]} for args in (before, after))
        return wanted < known if wanted < known or known < wanted else None
    if new.kind == "compare" and old.columns == new.columns:
        strict = {("<=", "<"): True, (">=", ">"): True, ("<", "<="): False, (">", ">="): False}
        return strict.get((before["operator"], after["operator"]))
    if _without_bounds(before) == _without_bounds(after):
        return _is_narrower(before, after)
    return None


def _changes(old: Contract, new: Contract, before: dict[str, Rule], after: dict[str, Rule]) -> Iterator[Change]:
    renamed = _renamed(before, after)
    for id_, name in renamed.items():
        text = f"is called {_label(after[name], new)} now; its results go on under that name"
        yield Change(Level.NEUTRAL, "rule", _label(before[id_], old), text)
    before = {id_: rule for id_, rule in before.items() if id_ not in renamed}
    after = {id_: rule for id_, rule in after.items() if id_ not in renamed.values()}
    for id_, rule in before.items():
        if id_ not in after and not _follows(rule, old, new):
            level = _of_presence(rule, new, came=False)
            text = f"removed ({_told(rule)})"
            yield Change(level, "rule", _label(rule, old), text, effect=_of_rows(rule))
    for id_, rule in after.items():
        if id_ not in before:
            if not _follows(rule, new, old):
                level = _of_presence(rule, new, came=True)
                text = f"added ({_told(rule)})"
                yield Change(level, "rule", _label(rule, new), text, None, _effect(rule), _of_rows(rule))
        elif (change := _changed(before[id_], rule, new)) is not None:
            yield change


def _renamed(before: dict[str, Rule], after: dict[str, Rule]) -> dict[str, str]:
    """The rules that went, and those that came with the same check, verdict and share: one rule by another name."""
    came = {id_: rule for id_, rule in after.items() if id_ not in before}
    renamed: dict[str, str] = {}
    for id_, rule in before.items():
        if id_ in after:
            continue
        for name, other in came.items():
            same = (rule.verdict, rule.mostly) == (other.verdict, other.mostly)
            if same and name not in renamed.values() and _is_same_check(rule, other):
                renamed[id_] = name
                break
    return renamed


def _follows(rule: Rule, own: Contract, other: Contract) -> bool:
    """Whether a rule goes or comes with a column, or says what the columns say."""
    if rule.kind in _SAID_BY_COLUMNS and rule.id.startswith(f"{own.table}.") and not _is_written(rule, own):
        return True
    if rule.kind == "unique" and rule.id == f"{own.table}.key.unique":
        return True
    return any(column not in other.by_name for column in rule.columns) and not _is_written(rule, own)


def _is_written(rule: Rule, contract: Contract) -> bool:
    labels = {str(q.body.get("id") or q.body.get("name")) for q in contract.quality}
    return rule.id.removeprefix(f"{contract.table}.") in labels


def _changed(old: Rule, new: Rule, contract: Contract) -> Change | None:
    told: list[str] = []
    levels: list[Level] = []
    note = ""
    if old.verdict != new.verdict:
        told.append(f"verdict {old.verdict} → {new.verdict}")
        weight = _SHARE_OF_VERDICT[new.verdict] - _SHARE_OF_VERDICT[old.verdict]
        # Between block and quarantine no bad row is published either way.
        levels.append(judged(weight > 0, contract) if weight else Level.ADDITIVE)
        note = _effect(new)
    if old.mostly != new.mostly:
        told.append(f"must hold for {old.mostly:.6g} → {new.mostly:.6g}")
        levels.append(judged(new.mostly > old.mostly, contract))
    is_said = new.kind in _SAID_BY_COLUMNS and not _is_written(new, contract)
    if not is_said and new.id != f"{contract.table}.key.unique" and not _is_same_check(old, new):
        stricter = is_stricter(old, new)
        word = {True: "stricter", False: "weaker", None: "changed"}[stricter]
        told.append(f"{word}: {_check(old)} → {_check(new)}")
        levels.append(judged(stricter, contract))
        if stricter is None:
            note = "whether it is stricter cannot be told, so it is taken as breaking"
    if not told:
        if (old.severity, old.dimension, old.description) == (new.severity, new.dimension, new.description):
            return None
        words = [w for w in ("severity", "dimension", "description") if getattr(old, w) != getattr(new, w)]
        if is_said and words == ["description"]:
            return None
        told = [
            "other description" if word == "description" else f"{word} {getattr(old, word)} → {getattr(new, word)}"
            for word in words
        ]
        return Change(Level.NEUTRAL, "rule", _label(new, contract), "; ".join(told))
    return Change(max(levels), "rule", _label(new, contract), "; ".join(told), None, note, _of_rows(old, new))


def _is_same_check(old: Rule, new: Rule) -> bool:
    if old.kind != new.kind:
        return False
    if (old.columns, old.args) == (new.columns, new.args):
        return True
    if new.kind == "in_set":
        values = [{repr(v) for v in rule.args["values"]} for rule in (old, new)]
        return old.columns == new.columns and values[0] == values[1]
    if new.kind == "compare":
        return _turned(old) == _turned(new)
    for name in ("sql", "query"):
        if name in old.args and name in new.args:
            rest = [{k: v for k, v in rule.args.items() if k != name} for rule in (old, new)]
            texts = [str(rule.args[name]).replace("${table}", "this_table") for rule in (old, new)]
            return rest[0] == rest[1] and is_same_expression(*texts)
    return False


def _turned(rule: Rule) -> tuple[str, ...]:
    """A comparison with its columns in the order of their names: `a <= b` and `b >= a` are one."""
    operator = rule.args["operator"]
    if rule.columns == tuple(sorted(rule.columns)):
        return (*rule.columns, operator)
    return (*sorted(rule.columns), {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator))


def _of_presence(rule: Rule, contract: Contract, *, came: bool) -> Level:
    """Of a rule that only warns nobody is let down by its absence, nor held to it."""
    return Level.NEUTRAL if rule.verdict == "warn" else judged(came, contract)


def _of_rows(*rules: Rule) -> Effect | None:
    """Rows that are set aside are rows that readers do not get."""
    return "rows" if any(rule.verdict == "quarantine" for rule in rules) else None


def _effect(rule: Rule) -> str:
    if rule.verdict == "warn":
        return "only told"
    what = "rows that break it are set aside" if rule.verdict == "quarantine" else "a table that breaks it is stopped"
    return f"{what}, also where they passed before" if rule.verdict == "quarantine" else f"{what}"


def _is_narrower(before: dict[str, Any], after: dict[str, Any]) -> bool | None:
    """Of two intervals, whether the second lies within the first; None if neither lies within the other."""
    try:
        low, high = _edge(before, after, "min"), _edge(after, before, "max")
    except TypeError:
        return None
    if low >= 0 and high >= 0:
        return True
    return False if low <= 0 and high <= 0 else None


def _edge(one: dict[str, Any], other: dict[str, Any], name: str) -> int:
    """1 if the second's bound lies higher, -1 if lower, 0 if they are one; no bound is endless."""
    first, second = one.get(name), other.get(name)
    endless = 1 if name == "max" else -1
    if first is None or second is None:
        return 0 if first is second else (-endless if second is not None else endless)
    if first != second:
        return 1 if second > first else -1
    closed = [not bool(args.get(f"{name}_exclusive")) for args in (one, other)]
    if closed[0] == closed[1]:
        return 0
    return -endless if closed[0] else endless


def _without_bounds(args: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in args.items() if name not in _BOUNDS}


def _label(rule: Rule, contract: Contract) -> str:
    return rule.id.removeprefix(f"{contract.table}.")


def _told(rule: Rule) -> str:
    share = f", for {rule.mostly:.6g}" if rule.mostly < 1 else ""
    return f"{rule.verdict}{share}: {rule.description or _check(rule)}"


def _check(rule: Rule) -> str:
    args = {name: value for name, value in rule.args.items() if value not in (None, False)}
    told = ", ".join(f"{name} {_short(value)}" for name, value in args.items())
    return f"{rule.kind}({', '.join(rule.columns)}{'; ' if rule.columns and told else ''}{told})"


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else " ".join(str(value).split())
    return text if len(text) <= 160 else f"{text[:159]}…"
