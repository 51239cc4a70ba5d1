"""A foreign ODCS document as contracts of ours, one a table. What is not understood is set aside, kept and named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from contracts.ids import LAYERS, TableId
from contracts.model import DIMENSION_ALIASES, DIMENSIONS, SEVERITIES, Quality
from contracts.reader import COLUMN_PROPERTIES, RELATIONSHIP_PROPERTIES, SLA_UNITS, TABLE_PROPERTIES
from contracts.source import ContractError, Document
from contracts.standard import schema_faults
from contracts.types import ColumnType
from contracts.writer import yaml_text
from expectations.rules import rules_of
from tasks.draft.document import API_VERSION, SHARED, TO_DO
from tasks.draft.drafting import read
from tasks.draft.facts import snake
from tasks.draft.relation import contract_type
from tasks.odcs.exporting import IMPLEMENTATION
from tasks.odcs.notes import Imported, Notes, unused

# The custom property of the document that keeps what was set aside.
SET_ASIDE = "setAside"
_DEFAULTS = {
    "integer": ColumnType("bigint"),
    "number": ColumnType("double precision"),
    "boolean": ColumnType("boolean"),
    "date": ColumnType("date"),
    "timestamp": ColumnType("timestamp"),
}
_MEASURED = {
    "nullValues": "completeness",
    "missingValues": "completeness",
    "duplicateValues": "uniqueness",
    "rowCount": "coverage",
}
_SEVERE = {"error": "critical", "fatal": "critical", "high": "critical", "warn": "warning", "medium": "warning"}
_LISTED = {"quality", "enum", "relationships", "members", "slaProperties", "servers", "roles", "support"}
_OF_RULES = {"verdict", "mostly", IMPLEMENTATION}


def imported(document: Document, layer: str | None = None, name: str | None = None) -> tuple[list[Imported], list[str]]:
    """The contracts of a document, in `layer` where its own id names none, and the tables that none can promise.

    Raises ContractError if it is no ODCS document, or nothing of it is a table of ours.
    """
    data = document.data
    if not isinstance(data, dict) or data.get("kind") != "DataContract":
        raise ContractError([document.fault((), "not an ODCS document: `kind: DataContract` is missing")])
    objects = data.get("schema")
    if not isinstance(objects, list) or not all(isinstance(o, dict) and o.get("name") for o in objects) or not objects:
        raise ContractError([document.fault(("schema",), "no `schema` with a name: the contract describes no table")])
    if name and len(objects) > 1:
        raise ContractError([document.fault(("schema",), f"{len(objects)} tables in one document: give a layer only")])
    own = _own_id(data) if len(objects) == 1 else None
    if own is None and layer is None:
        raise ContractError([document.fault(("id",), f"id {data.get('id')!r} names no table of ours: say the layer")])
    ids = [
        TableId(layer or (own.layer if own else ""), name or (own.name if own and not layer else snake(o["name"])))
        for o in objects
    ]
    if len(set(ids)) < len(ids):
        raise ContractError([document.fault(("schema",), "two tables of it have one name in our spelling")])
    tables = {str(o["name"]): id_ for o, id_ in zip(objects, ids, strict=True)}
    made: list[Imported] = []
    left_out: list[str] = []
    for place, table in enumerate(ids):
        try:
            made.append(_Table(document, place, table, tables).imported())
        except _NoColumns as error:
            left_out += error.faults
    if not made:
        raise ContractError(left_out)
    return made, left_out


def _own_id(data: Mapping[str, Any]) -> TableId | None:
    try:
        return TableId.parse(str(data.get("id")))
    except ValueError:
        return None


class _NoColumns(ContractError):
    """A table of which no column is one that a contract can promise."""


class _Table:
    """One object of the document's schema on its way to a contract."""

    def __init__(self, document: Document, place: int, table: TableId, tables: Mapping[str, TableId]) -> None:
        self.document, self.table, self.tables = document, table, tables
        self.at: tuple[str | int, ...] = ("schema", place)
        self.data = deepcopy({key: value for key, value in document.data.items() if key != "schema"})
        self.body: dict[str, Any] = deepcopy(document.data["schema"][place])
        self.notes = Notes(document)
        self.names: dict[str, str] = {}
        self.places: dict[str | None, tuple[str | int, ...]] = {None: self.at}

    def imported(self) -> Imported:
        self._head()
        self._columns()
        self._slas()
        self._custom(self.body, self.at, self.table.name, TABLE_PROPERTIES)
        self._relationships(self.body, self.at, self.table.name)
        self._quality_shape(self.body, self.at, self.table.name)
        self._load()
        self.data["schema"] = [self.body]
        self._by_schema()
        self._by_rules()
        kept = (f"{self.document.file}: {told}" for told in unused(self.data))
        aside = (*self.notes.aside, *kept)
        text = self._text()
        return Imported(read(text, self.table, validate=False), text, tuple(self.notes.changed), aside)

    def _head(self) -> None:
        if self.data.get("apiVersion") != API_VERSION:
            self.notes.change(("apiVersion",), f"apiVersion {self.data.get('apiVersion')} → {API_VERSION}")
        if self.data.get("id") != str(self.table):
            self.notes.set_aside(("id",), "id", self.data.get("id"), f"the contract is {self.table} here")
        if self.body["name"] != self.table.name:
            self.notes.change((*self.at, "name"), f"table {self.body['name']} → {self.table.name}")
            self.body.setdefault("physicalName", self.body["name"])
        self.body["name"] = self.table.name
        head = {"apiVersion": API_VERSION, "kind": "DataContract", "id": str(self.table)}
        self.data = {**head, **{key: value for key, value in self.data.items() if key not in head}}
        self.data.setdefault("version", "1.0.0")
        if not self.body.get("description"):
            self.body["description"] = self.body.get("businessName") or TO_DO

    def _columns(self) -> None:
        columns = []
        for place, column in enumerate(self.body.pop("properties", None) or ()):
            at = (*self.at, "properties", place)
            if (made := self._column(column, at)) is not None:
                columns.append(made)
        if not columns:
            raise _NoColumns([self.document.fault(self.at, f"{self.table}: no column that a contract can promise")])
        is_ours = any(c.get("property") == "load" for c in self.body.get("customProperties") or ())
        if self.table.layer == "clean" and not is_ours and "row_hash" not in {c["name"] for c in columns}:
            keyed = any(c.get("primaryKey") for c in columns)
            hashed = {**SHARED[0], **({} if keyed else {"primaryKey": True, "primaryKeyPosition": 1})}
            columns += [hashed, *SHARED[1:]]
            self.notes.change(self.at, "the columns that every clean table has were added")
        self.body["properties"] = columns

    def _column(self, column: dict[str, Any], at: tuple[str | int, ...]) -> dict[str, Any] | None:
        name = str(column.get("name", ""))
        logical = column.get("logicalType")
        if logical in ("array", "object", "map", "time") or column.get("properties") or column.get("items"):
            self.notes.set_aside(
                at, f"column {name}", column, f"no contract promises a column of type {logical or 'object'}"
            )
            return None
        ours = name if self.table.layer == "raw" or name == snake(name) else snake(name)
        if ours != name:
            self.notes.change(at, f"column {name} → {ours}")
            column.setdefault("physicalName", name)
        self.names[name] = column["name"] = ours
        self.places[ours] = at
        if not column.get("description"):
            column["description"] = column.get("businessName") or TO_DO
        self._type(column, at)
        self._custom(column, at, ours, COLUMN_PROPERTIES)
        self._relationships(column, at, ours)
        self._quality_shape(column, at, ours)
        return column

    def _type(self, column: dict[str, Any], at: tuple[str | int, ...]) -> None:
        """The physical type in our words, and the logical one that goes with it."""
        written, logical = column.get("physicalType"), column.get("logicalType")
        type_ = _parsed(str(written)) if written else None
        if type_ is None and logical in _DEFAULTS:
            type_ = _DEFAULTS[str(logical)]
        if type_ is None:
            type_ = ColumnType("varchar")
        if type_.is_text and type_.length is None:
            # Lengths of the standard are in characters, ours in bytes.
            most = (column.get("logicalTypeOptions") or {}).get("maxLength")
            type_ = ColumnType("varchar", length=min(4 * int(most), 65_535) if most else 65_535)
        if self.table.layer == "raw" and not type_.is_text:
            column["logicalType"] = logical = logical or type_.logical
            type_ = ColumnType("varchar", length=64)
        if str(type_) != written:
            self.notes.change(at, f"column {column['name']}: physicalType {written} → {type_}")
        column["physicalType"] = str(type_)
        if logical != type_.logical and not (self.table.layer == "raw" and logical in _DEFAULTS):
            if logical is not None:
                self.notes.change(at, f"column {column['name']}: logicalType {logical} → {type_.logical}")
            column["logicalType"] = type_.logical

    def _custom(self, owner: dict[str, Any], at: tuple[str | int, ...], name: str, known: Mapping[str, Any]) -> None:
        kept = []
        for place, entry in enumerate(owner.pop("customProperties", None) or ()):
            label = str(entry.get("property"))
            try:
                if label not in known:
                    raise ValueError("no property of ours")
                known[label].validate_python(entry.get("value"))
            except (ValueError, ValidationError) as error:
                why = " ".join(str(error).split())[:120]
                self.notes.set_aside((*at, "customProperties", place), f"{name}.{label}", entry.get("value"), why)
            else:
                kept.append(entry)
        if kept:
            owner["customProperties"] = kept

    def _relationships(self, owner: dict[str, Any], at: tuple[str | int, ...], name: str) -> None:
        kept = []
        for place, entry in enumerate(owner.pop("relationships", None) or ()):
            here = (*at, "relationships", place)
            to = [self._target(text) for text in _texts(entry.get("to"))]
            if not to or None in to:
                self.notes.set_aside(here, f"{name}.relationships", entry, "it names no table of ours")
                continue
            self._custom(entry, here, f"{name}.relationships", RELATIONSHIP_PROPERTIES)
            entry["to"] = to if isinstance(entry["to"], list) else to[0]
            if "from" in entry:
                columns = [text.rpartition(".")[2] for text in _texts(entry["from"])]
                ours = [f"{self.table.name}.{self.names.get(column, column)}" for column in columns]
                entry["from"] = ours if isinstance(entry["from"], list) else ours[0]
            kept.append(entry)
        if kept:
            owner["relationships"] = kept

    def _target(self, text: str) -> str | None:
        """`<layer>.<table>.<column>` as it is, `<table>.<column>` of the same document by our name; else None."""
        table, _, column = text.rpartition(".")
        if table in self.tables:
            return f"{self.tables[table]}.{column if self.table.layer == 'raw' else snake(column)}"
        return text if table.partition(".")[0] in LAYERS and table.count(".") == 1 else None

    def _quality_shape(self, owner: dict[str, Any], at: tuple[str | int, ...], name: str) -> None:
        """What our rules ask for beyond the standard: a dimension, a severity, an id; our own kinds are taken back."""
        for place, entry in enumerate(owner.get("quality") or ()):
            here = (*at, "quality", place)
            custom = {str(c.get("property")): c.get("value") for c in entry.get("customProperties") or ()}
            for label in [label for label in custom if label not in _OF_RULES]:
                self.notes.set_aside(here, f"{name}.quality.{label}", custom.pop(label), "no property of our rules")
            if IMPLEMENTATION in custom and entry.get("type") == "sql":
                taken = {key: value for key, value in entry.items() if key != "query" and not key.startswith("mustBe")}
                entry.clear()
                entry |= {**taken, "type": "custom", "engine": "warehouse"}
                entry["implementation"] = custom.pop(IMPLEMENTATION)
            entry.pop("customProperties", None)
            if custom:
                entry["customProperties"] = [{"property": key, "value": value} for key, value in custom.items()]
            dimension = entry.get("dimension")
            if dimension not in DIMENSIONS:
                guess = DIMENSION_ALIASES.get(str(dimension), _MEASURED.get(str(entry.get("metric")), "accuracy"))
                entry["dimension"] = "conformity" if entry.get("metric") == "invalidValues" else guess
                self.notes.change(here, f"{name}.quality: dimension {dimension} → {entry['dimension']}")
            severity = entry.get("severity")
            if severity is not None and severity not in SEVERITIES:
                entry["severity"] = _SEVERE.get(str(severity).lower(), "warning")
                self.notes.change(here, f"{name}.quality: severity {severity} → {entry['severity']}")
            if not entry.get("id") and not entry.get("name"):
                entry["id"] = snake(f"{name} {entry.get('metric') or entry.get('type', 'rule')} {place + 1}")

    def _slas(self) -> None:
        """A latency is promised of a day's rows by one of our columns, in days or hours; any other is set aside."""
        kept = []
        for place, entry in enumerate(self.data.pop("slaProperties", None) or ()):
            owner, _, column = str(entry.get("element") or "").rpartition(".")
            if entry.get("property") in ("latency", "ly"):
                is_ours = owner in ("", *self.tables) and self.tables.get(owner, self.table) == self.table
                is_span = str(entry.get("unit")) in SLA_UNITS and isinstance(entry.get("value"), int | float)
                if not (is_ours and is_span and (not column or column in self.names)):
                    name = f"slaProperties.{entry.get('element') or entry['property']}"
                    why = "no latency of a column of ours, in days or hours"
                    self.notes.set_aside(("slaProperties", place), name, entry, why)
                    continue
                if column:
                    entry["element"] = f"{self.table.name}.{self.names[column]}"
            kept.append(entry)
        if kept:
            self.data["slaProperties"] = kept

    def _load(self) -> None:
        given = {c["property"] for c in self.body.get("customProperties", ())}
        added: list[dict[str, Any]] = []
        if "load" not in given:
            keyed = any(c.get("primaryKey") and c["name"] != "row_hash" for c in self.body["properties"])
            load: dict[str, Any] = {"strategy": "replace"}
            if self.table.layer == "clean":
                load = {"strategy": "upsert" if keyed else "append"}
            elif self.table.layer != "raw":
                load["window"] = "all"
            added.append({"property": "load", "value": load})
        if self.table.layer == "raw" and "delivery" not in given:
            added.append({"property": "delivery", "value": {"file": f"{self.table.name}.csv", "format": "csv"}})
        if added:
            self.body["customProperties"] = [*added, *self.body.get("customProperties", ())]
            told = ", ".join(f"{c['property']} {c['value']}" for c in added)
            self.notes.change(self.at, f"review: {self.table} had none of our settings; taken: {told}")

    def _by_schema(self) -> None:
        """Set aside what the standard's own schema refuses, part by part, until it refuses nothing more."""
        for _ in range(50):
            found = next(iter(schema_faults(self.data)), None)
            if found is None:
                return
            path, message = found
            self._cut(path, message)
        raise ContractError([self.document.fault(self.at, f"{self.table}: too much of it is not valid ODCS")])

    def _cut(self, path: tuple[str | int, ...], message: str) -> None:
        """Take one part out of the document; a fault of all of it, or of what a table must have, is no part."""
        fixed = {(), ("schema",), ("schema", 0), ("schema", 0, "properties"), ("kind",), ("id",), ("version",)}
        at = path
        # A part of a rule or of a list's entry is the whole of it.
        for place, key in enumerate(path):
            if (
                key in ("quality", "enum", "relationships", "members", "slaProperties", "servers")
                and len(path) > place + 1
            ):
                at = path[: place + 2]
                break
        if at in fixed:
            raise ContractError([self.document.fault(self.at, f"not valid ODCS: {message}")])
        owner: Any = self.data
        for key in at[:-1]:
            owner = owner[key]
        value = owner.pop(at[-1])
        name = ".".join(str(key) for key in at)
        self.notes.set_aside(self._in_document(at), name, value, f"not valid ODCS {API_VERSION}: {message[:120]}")

    def _in_document(self, at: tuple[str | int, ...]) -> tuple[str | int, ...]:
        return (*self.at, *at[2:]) if at[:2] == ("schema", 0) else at

    def _by_rules(self) -> None:
        """Set aside each rule that no engine of ours checks."""
        bare = deepcopy(self.data)
        for owner in (bare["schema"][0], *bare["schema"][0]["properties"]):
            owner.pop("quality", None)
        contract = read(yaml_text(bare), self.table, validate=False)
        for column, owner in ((None, self.body), *((c["name"], c) for c in self.body["properties"])):
            kept = []
            for place, entry in enumerate(owner.pop("quality", None) or ()):
                try:
                    rules_of(replace(contract, quality=(Quality(column, entry, self.document.where(self.at)),)))
                except (ContractError, KeyError, TypeError) as error:
                    said = error.faults[0].partition(": ")[2] if isinstance(error, ContractError) else repr(error)
                    label = f"{column or self.table.name}.quality.{entry.get('id') or entry.get('name')}"
                    at = (*self.places.get(column, self.at), "quality", place)
                    self.notes.set_aside(at, label, entry, said)
                else:
                    kept.append(entry)
            if kept:
                owner["quality"] = kept

    def _text(self) -> str:
        if self.notes.kept:
            kept = {"property": SET_ASIDE, "value": self.notes.kept}
            self.data["customProperties"] = [*(self.data.get("customProperties") or ()), kept]
        # The tables last, as in contracts that people write.
        schema = self.data.pop("schema")
        self.data["schema"] = schema
        return yaml_text(self.data)


def _parsed(text: str) -> ColumnType | None:
    """A physical type in our words; None for one that no contract promises."""
    try:
        return ColumnType.parse(text)
    except ValueError:
        found = contract_type(text)[0]
    try:
        return found if found is None or found.length is None else ColumnType.parse(str(found))
    except ValueError:
        return None


def _texts(value: Any) -> Iterator[str]:
    yield from ([str(v) for v in value] if isinstance(value, Iterable) and not isinstance(value, str) else [str(value)])
