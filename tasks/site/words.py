"""What contracts say in words that a reader who knows no YAML understands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from contracts.model import Contract
from expectations.rules import Rule

LAYERS = {
    "raw": ("As delivered", "Files as they came, kept for good in the lake."),
    "clean": ("Checked", "Typed, checked and free of duplicates: everything that was accepted."),
    "curated": ("Prepared", "Computed on the lake, before the warehouse."),
    "core": ("The star", "Dimensions with their history, and facts at their finest grain."),
    "mart": ("Answers", "One table per question of a department; charts and reports read these."),
    "audit": ("The books", "What the warehouse knows of itself: loads, checks, scores, builds."),
}
VERDICTS = {
    "block": "the table is not published",
    "quarantine": "the row is moved aside",
    "warn": "it is told, and goes on",
}


def load_words(contract: Contract) -> str:
    """How new rows enter a table, as sentences."""
    load, key = contract.load, _list(contract.key)
    by_key = f" by {key}" if key else ""
    said = {
        "replace": "Each load puts the whole table anew; rows that stay the same are left alone.",
        "append": f"New rows are added, one per {key}; rows that stand are never changed.",
        "upsert": f"Rows are added or replaced{by_key}.",
        "scd2": "Keeps every version of a row with the time in which it held (SCD type 2).",
        "snapshot": f"Each load puts whole days of {load.partition} anew.",
    }[load.strategy]
    more = []
    if load.versioned_by:
        more.append(f"Of two rows of one key the one with the later {load.versioned_by} stays.")
    if load.strategy == "append" and load.sequence:
        more.append(f"Of several rows of one key the earliest by {_list(load.sequence)} stays.")
    if load.strategy == "scd2":
        more.append(f"A change of {_list(load.tracked)} opens a version.")
        if load.overwrite:
            more.append(f"{_list(load.overwrite)} take the latest value in every version.")
        if load.deletes:
            more.append(
                {
                    "keep": "A key that the source deletes stays.",
                    "close": "A key that the source deletes ends for good.",
                    "reopen": "A key that the source deletes ends until it changes again.",
                }[load.deletes.then]
            )
    if load.increment:
        more.append(f"Only what changed is computed anew, per {load.increment.key}.")
    if load.window:
        more.append("Each run computes it from the whole history.")
    return " ".join([said, *more])


def latency_words(contract: Contract) -> str:
    """How fresh a table promises to be; empty where it promises nothing."""
    if contract.latency is None:
        return ""
    of_column = f" (by {contract.latency.column})" if contract.latency.column else ""
    return f"A day's rows are here within {_duration(contract.latency.after)} of its end{of_column}."


def _duration(after: timedelta) -> str:
    hours = after.total_seconds() / 3600
    count, unit = (hours / 24, "day") if hours >= 24 and hours % 24 == 0 else (hours, "hour")
    return f"{count:g} {unit}{'' if count == 1 else 's'}"


def rule_words(rule: Rule) -> str:
    """What a rule of one column asks, in few words; empty where its column's type, `required` or reference says it."""
    args = rule.args
    if rule.kind == "in_set":
        return f"one of {', '.join(map(_value, args['values']))}"
    if rule.kind == "matches":
        return f"has the form {args['pattern']}"
    if rule.kind == "between":
        return _bounds(args)
    if rule.kind == "length":
        low, high = args.get("min"), args.get("max")
        return f"{low} characters" if low == high else f"{_range(low, high)} characters"
    if rule.kind == "unique":
        return "unique"
    if rule.kind == "parses_as":
        return f"reads as {args['logical']}"
    if rule.kind in ("not_null", "byte_length", "foreign_key"):
        return ""
    return rule.description


def _bounds(args: dict[str, Any]) -> str:
    parts = []
    if args.get("min") is not None:
        parts.append(f"{'>' if args.get('min_exclusive') else '≥'} {_value(args['min'])}")
    if args.get("max") is not None:
        parts.append(f"{'<' if args.get('max_exclusive') else '≤'} {_value(args['max'])}")
    return " and ".join(parts)


def _range(low: Any, high: Any) -> str:
    if low is None or high is None:
        return f"at most {high}" if low is None else f"at least {low}"
    return f"{low} to {high}"


def _value(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _list(names: tuple[str, ...]) -> str:
    *first, last = names or ("",)
    return f"{', '.join(first)} and {last}" if first else last
