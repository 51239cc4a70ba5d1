"""A contract as plain ODCS: what this house leaves to defaults is said, and each rule is SQL that any tool can run."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from contracts.model import Contract
from contracts.source import Document
from expectations.predicates_sql import Unsupported, query_of
from expectations.rules import Rule, rules_of

# The custom property under which a rule of ours stands beside its SQL; the import takes it back.
IMPLEMENTATION = "implementation"


def exported(document: Document, contract: Contract) -> dict[str, Any]:
    """The contract's document, standing alone. Reading it in again (`imported`) gives an equal contract."""
    data = deepcopy(document.data)
    body = data["schema"][0]
    rules = {rule.id.removeprefix(f"{contract.table}."): rule for rule in rules_of(contract)}
    for owner in (body, *body["properties"]):
        if "quality" in owner:
            owner["quality"] = [_quality(entry, rules) for entry in owner["quality"]]
    for entry in body["properties"]:
        column = contract.by_name[entry["name"]]
        entry.setdefault("logicalType", column.logical)
        entry.setdefault("required", column.required)
        if column.key_position is not None:
            entry.setdefault("primaryKeyPosition", column.key_position)
    body.setdefault("physicalName", contract.table.name)
    return data


def _quality(entry: dict[str, Any], rules: dict[str, Rule]) -> dict[str, Any]:
    """A rule of our own kind as `type: sql`; every other one is ODCS's already."""
    if entry.get("type") != "custom" or entry.get("engine") != "warehouse":
        return entry
    try:
        query, bounds = query_of(rules[str(entry.get("id") or entry.get("name"))])
    except Unsupported:
        return entry
    plain = {name: value for name, value in entry.items() if name not in ("type", "engine", "implementation")}
    own = {"property": IMPLEMENTATION, "value": entry["implementation"]}
    custom = [*plain.pop("customProperties", []), own]
    return {**plain, "type": "sql", "query": query, **bounds, "customProperties": custom}
