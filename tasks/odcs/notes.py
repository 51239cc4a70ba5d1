"""What an import says of a foreign document: what was put otherwise, and what says nothing here but is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.ids import TableId
from contracts.model import Contract
from contracts.source import Document

# What our contracts read; anything else stands in them, and nothing here goes by it.
_OF_DOCUMENT = {"apiVersion", "kind", "id", "name", "version", "status", "domain", "description", "schema", "tags"}
_OF_TABLE = {"name", "physicalName", "physicalType", "logicalType", "businessName", "description"}
_OF_TABLE |= {"dataGranularityDescription", "properties", "quality", "relationships", "customProperties"}
_OF_COLUMN = {"name", "physicalName", "physicalType", "logicalType", "businessName", "description", "required"}
_OF_COLUMN |= {"unique", "primaryKey", "primaryKeyPosition", "logicalTypeOptions", "enum", "classification", "examples"}
_OF_COLUMN |= {"quality", "relationships", "customProperties"}
_OF_OPTIONS = {"pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_OF_RULE = {"id", "name", "type", "metric", "arguments", "engine", "implementation", "query", "unit", "dimension"}
_OF_RULE |= {"description", "severity", "customProperties"}


@dataclass(frozen=True)
class Imported:
    """One table's contract; `changed`: what is said otherwise now, `aside`: what is kept but says nothing here."""

    contract: Contract
    text: str
    changed: tuple[str, ...]
    aside: tuple[str, ...]

    @property
    def table(self) -> TableId:
        return self.contract.table


@dataclass
class Notes:
    """What becomes of the parts of a document that our contracts do not have."""

    document: Document
    changed: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)

    def change(self, at: tuple[str | int, ...], text: str) -> None:
        self.changed.append(self.document.fault(at, text))

    def set_aside(self, at: tuple[str | int, ...], name: str, value: Any, why: str) -> None:
        self.aside.append(self.document.fault(at, f"{name}: {why}"))
        self.kept.append({"at": name, "value": value, "why": why})


def unused(data: Mapping[str, Any]) -> Iterator[str]:
    """The keys of a document that stand in it and say nothing here, by where they stand."""
    table = data["schema"][0]
    columns = table["properties"]
    rules = [rule for owner in (table, *columns) for rule in owner.get("quality") or ()]
    options = [column.get("logicalTypeOptions") or {} for column in columns]
    apart = _OF_DOCUMENT | {"team", "slaProperties", "customProperties"}
    for what, known, places in (
        ("", apart, [data]),
        ("of the table: ", _OF_TABLE, [table]),
        ("of columns: ", _OF_COLUMN, columns),
        ("of logicalTypeOptions: ", _OF_OPTIONS, options),
        ("of rules: ", _OF_RULE, [{k: v for k, v in rule.items() if not k.startswith("mustBe")} for rule in rules]),
    ):
        if found := _others(places, known):
            yield f"kept as it is, says nothing here: {what}{', '.join(found)}"


def _others(places: Iterable[Mapping[str, Any]], known: set[str]) -> list[str]:
    return list(dict.fromkeys(key for place in places for key, value in place.items() if value and key not in known))
