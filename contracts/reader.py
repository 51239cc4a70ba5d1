"""YAML (ODCS) to `Contract`: checked against the standard's JSON schema, and against what this house adds to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from contracts.ids import TableId
from contracts.model import (
    DIMENSION_ALIASES,
    DIMENSIONS,
    SEVERITIES,
    Column,
    Contract,
    ControlTotals,
    Delivery,
    Distribution,
    Latency,
    Load,
    Mask,
    Measure,
    Normaliser,
    Quality,
    Reference,
    RuleOverride,
    ScoreVerdict,
    Verdict,
)
from contracts.source import ContractError, Document, Key, read_document
from contracts.standard import schema_faults
from contracts.types import ColumnType

T = TypeVar("T")

# Custom properties that this house knows, and the shape of each: any other one is an error.
TABLE_PROPERTIES: dict[str, TypeAdapter[Any]] = {
    "load": TypeAdapter(Load),
    "delivery": TypeAdapter(Delivery),
    "controlTotals": TypeAdapter(ControlTotals),
    "distribution": TypeAdapter(Distribution),
    "sortKey": TypeAdapter(tuple[str, ...]),
    "thresholds": TypeAdapter(dict[str, Annotated[float, Field(ge=0, le=1)]]),
    "scoreVerdict": TypeAdapter(ScoreVerdict),
    "scoreMinimum": TypeAdapter(Annotated[int, Field(ge=0)]),
    "verdict": TypeAdapter(Verdict),
    "measures": TypeAdapter(tuple[Measure, ...]),
}
COLUMN_PROPERTIES: dict[str, TypeAdapter[Any]] = {
    "mask": TypeAdapter(Mask),
    "encode": TypeAdapter(str),
    "source": TypeAdapter(str),
    "formats": TypeAdapter(tuple[str, ...]),
    "normalise": TypeAdapter(tuple[Normaliser, ...]),
    "businessDateOf": TypeAdapter(str),
    "default": TypeAdapter(str),
    "since": TypeAdapter(Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]),
    "rules": TypeAdapter(dict[str, RuleOverride]),
}
SLA_UNITS = {"d": "days", "day": "days", "days": "days", "h": "hours", "hour": "hours", "hours": "hours"}
RELATIONSHIP_PROPERTIES: dict[str, TypeAdapter[Any]] = {"rule": TypeAdapter(RuleOverride)}


def read_contract(path: Path, *, file: str | None = None, validate: bool = True) -> Contract:
    """Read one contract; raise ContractError that lists every fault with file and line.

    `validate=False` leaves out the standard's JSON schema (slow, and `dw check` has run it); our own checks always run.
    """
    document = read_document(path, name=file)
    if validate and (faults := schema_faults(document.data)):
        faults.sort(key=lambda fault: document.line(fault[0]))
        raise ContractError([document.fault(at, f"not valid ODCS: {what}") for at, what in faults])
    try:
        contract = _Reader(document).contract()
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ContractError([f"{document.where()}: not the shape of a data contract ({error!r})"]) from error
    return contract


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.data: dict[str, Any] = document.data
        self.faults: list[str] = []

    def contract(self) -> Contract:
        data, fault = self.data, self._fault
        table = self._try(("id",), lambda: TableId.parse(data["id"]))
        if table is None:
            raise ContractError(self.faults)
        if len(data.get("schema", [])) != 1:
            raise ContractError([self.document.fault(("schema",), "a contract describes exactly one table")])
        at: Key = ("schema", 0)
        body = data["schema"][0]
        if body["name"] != table.name:
            fault((*at, "name"), f"schema name {body['name']!r} is not the table of id {data['id']!r}")
        properties = body.get("properties") or []
        if not properties:
            fault(at, "the table has no columns")
        custom = self._custom(body, at, TABLE_PROPERTIES)
        columns = tuple(self._column(p, (*at, "properties", i)) for i, p in enumerate(properties))
        references = tuple(self._references(body, properties, at))
        quality = tuple(self._quality(body, properties, at))
        if not any(entry["property"] == "load" for entry in body.get("customProperties") or ()):
            fault(at, "customProperties lack `load` (how new rows enter this table)")
        said: Load | None = custom.get("load")
        if said and table.layer == "clean" and said.strategy not in ("append", "upsert"):
            kept = "a clean table keeps what was accepted of all deliveries"
            fault((*at, "customProperties"), f"{kept}: strategy append or upsert, not {said.strategy}")
        contract = Contract(
            table=table,
            version=str(data["version"]),
            status=data.get("status", "draft"),
            title=data.get("name", table.name),
            domain=data.get("domain", ""),
            description=_one_line(body.get("description") or data.get("description", {}).get("purpose", "")),
            grain=_one_line(body.get("dataGranularityDescription", "")),
            columns=columns,
            references=references,
            quality=quality,
            load=custom.get("load") or Load(strategy="replace"),
            delivery=custom.get("delivery"),
            control_totals=custom.get("controlTotals"),
            distribution=custom.get("distribution") or Distribution(),
            sort_key=custom.get("sortKey", ()),
            thresholds=self._thresholds(custom.get("thresholds", {}), at),
            score_verdict=custom.get("scoreVerdict") or ("block" if table.layer in ("curated", "core") else "warn"),
            score_minimum=custom.get("scoreMinimum", Contract.score_minimum),
            latency=self._latency(data.get("slaProperties") or (), table, [c.name for c in columns]),
            default_verdict=custom.get("verdict") or ("quarantine" if table.layer in ("raw", "clean") else "block"),
            tags=tuple(data.get("tags") or ()),
            owner=_team(data.get("team")),
            usage=_one_line(data.get("description", {}).get("usage", "")),
            limitations=_one_line(data.get("description", {}).get("limitations", "")),
            business_name=body.get("businessName") or data.get("name") or _words(table.name),
            measures=custom.get("measures", ()),
            file=self.document.file,
        )
        self._cross_check(contract, at)
        if self.faults:
            raise ContractError(self.faults)
        return contract

    def _column(self, body: dict[str, Any], at: Key) -> Column:
        custom = self._custom(body, at, COLUMN_PROPERTIES)
        type_ = self._try((*at, "physicalType"), lambda: ColumnType.parse(body.get("physicalType", "")))
        logical = body.get("logicalType", type_.logical if type_ else "string")
        if type_ is None:
            type_, logical = ColumnType("varchar", length=1), "string"
        delivered_as_text = type_.is_text and logical in {"integer", "number", "boolean", "date", "timestamp"}
        if logical != type_.logical and not (delivered_as_text and self.data["id"].startswith("raw.")):
            self._fault((*at, "logicalType"), f"logical type {logical} does not go with physical type {type_}")
        if not body.get("description"):
            self._fault(at, f"column {body['name']!r} has no description")
        return Column(
            name=body["name"],
            type=type_,
            logical=logical,
            description=_one_line(body.get("description", "")),
            required=body.get("required", False) or body.get("primaryKey", False),
            unique=body.get("unique", False),
            key_position=body.get("primaryKeyPosition", 1) if body.get("primaryKey") else None,
            options=body.get("logicalTypeOptions", {}),
            enum=tuple(entry["value"] for entry in body.get("enum", ())),
            classification=body.get("classification"),
            mask=custom.get("mask"),
            encode=custom.get("encode"),
            source=custom.get("source"),
            formats=custom.get("formats", ()),
            normalise=custom.get("normalise", ()),
            business_date_of=custom.get("businessDateOf"),
            default=custom.get("default"),
            since=custom.get("since"),
            overrides=custom.get("rules", {}),
            examples=tuple(body.get("examples", ())),
            business_name=body.get("businessName") or _words(body["name"]),
            where=self.document.where(at),
        )

    def _references(self, body: dict[str, Any], properties: list[Any], at: Key) -> Iterable[Reference]:
        for i, relation in enumerate(body.get("relationships", ())):
            here: Key = (*at, "relationships", i)
            yield self._reference(_texts(relation["from"]), relation, here)
        for i, column in enumerate(properties):
            for j, relation in enumerate(column.get("relationships", ())):
                yield self._reference([column["name"]], relation, (*at, "properties", i, "relationships", j))

    def _reference(self, from_: list[str], relation: dict[str, Any], at: Key) -> Reference:
        custom = self._custom(relation, at, RELATIONSHIP_PROPERTIES)
        targets = [to.rpartition(".") for to in _texts(relation["to"])]
        tables = {table for table, _, _ in targets}
        if len(tables) != 1 or len(targets) != len(from_):
            self._fault(at, "a relationship goes from n columns to n columns of one table")
        to = self._try(at, lambda: TableId.parse(targets[0][0])) or TableId("raw", "unknown")
        columns = tuple(name.rpartition(".")[2] for name in from_)
        override = custom.get("rule") or RuleOverride()
        return Reference(columns, to, tuple(column for _, _, column in targets), override, self.document.where(at))

    def _quality(self, body: dict[str, Any], properties: list[Any], at: Key) -> Iterable[Quality]:
        lists = [((*at, "quality"), None, body)]
        lists += [((*at, "properties", i, "quality"), p["name"], p) for i, p in enumerate(properties)]
        for path, column, owner in lists:
            for i, entry in enumerate(owner.get("quality", ())):
                here = (*path, i)
                if entry.get("dimension") not in DIMENSIONS:
                    self._fault(here, f"a rule needs a dimension, one of {', '.join(DIMENSIONS)}")
                if entry.get("severity", "critical") not in SEVERITIES:
                    self._fault(here, f"severity {entry['severity']!r} is not one of {', '.join(SEVERITIES)}")
                yield Quality(column, entry, self.document.where(here))

    def _custom(self, body: dict[str, Any], at: Key, known: dict[str, TypeAdapter[Any]]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for i, entry in enumerate(body.get("customProperties") or ()):
            here: Key = (*at, "customProperties", i)
            name = entry["property"]
            if name not in known:
                self._fault(here, f"unknown custom property {name!r}; known here: {', '.join(sorted(known))}")
                continue
            try:
                out[name] = known[name].validate_python(entry["value"])
            except ValidationError as error:
                for detail in error.errors():
                    place = ".".join(str(part) for part in detail["loc"])
                    self._fault((*here, "value", *detail["loc"]), f"{name}{place and ' ' + place}: {detail['msg']}")
        return out

    def _thresholds(self, written: dict[str, float], at: Key) -> dict[str, float]:
        """The thresholds by ODCS's names of the dimensions."""
        out: dict[str, float] = {}
        for name, threshold in written.items():
            dimension = DIMENSION_ALIASES.get(name, name)
            if dimension not in DIMENSIONS:
                self._fault(at, f"threshold for unknown dimension {name!r}; one of {', '.join(DIMENSIONS)}")
            elif dimension in out:
                self._fault(at, f"threshold for {dimension} stands twice ({name} is another word for it)")
            else:
                out[dimension] = threshold
        return out

    def _latency(self, slas: Iterable[dict[str, Any]], table: TableId, names: list[str]) -> Latency | None:
        for i, sla in enumerate(slas):
            if sla["property"] not in ("latency", "ly"):
                continue
            at: Key = ("slaProperties", i)
            unit = SLA_UNITS.get(str(sla.get("unit")))
            if unit is None or not isinstance(sla["value"], int | float) or sla["value"] < 0:
                self._fault(
                    at, f"a latency is a number of d (days) or h (hours), not {sla['value']!r} {sla.get('unit')}"
                )
                return None
            owner, _, column = str(sla.get("element") or "").rpartition(".")
            if column and (owner not in (table.name, "") or column not in names):
                self._fault((*at, "element"), f"latency of {sla['element']!r}, which is no column of {table}")
            return Latency(timedelta(**{unit: sla["value"]}), column or None)
        return None

    def _cross_check(self, contract: Contract, at: Key) -> None:
        names = contract.names
        for name in {n for n in names if names.count(n) > 1}:
            self._fault(at, f"column {name!r} stands twice")
        for column in contract.columns:
            if column.since and column.key_position is not None:
                self._fault(at, f"column {column.name!r} is of the key: what was delivered before cannot be without it")
            elif column.since and _version(column.since) > _version(contract.version):
                self._fault(at, f"column {column.name!r} is since {column.since}, the contract is {contract.version}")
        load = contract.load
        used: list[str | None] = [
            load.versioned_by,
            load.date,
            load.partition,
            load.effective,
            *load.sequence,
            *load.tracked,
        ]
        used += [*load.overwrite, load.increment.key if load.increment else None]
        used += [*contract.sort_key, contract.distribution.column, *(c for r in contract.references for c in r.columns)]
        if load.strategy == "scd2":
            used = [u for u in used if u not in (load.effective, *load.sequence)]
        used += [c.business_date_of for c in contract.columns]
        used += [name for m in contract.measures for name in (m.last, m.date)]
        for name in sorted({u for u in used if u and u not in names}):
            self._fault((*at, "customProperties"), f"column {name!r} is named but the table has no such column")
        if load.strategy in ("append", "upsert", "scd2") and not contract.key:
            self._fault(at, f"load strategy {load.strategy} needs a primary key")
        for message in _control_faults(contract):
            self._fault((*at, "customProperties"), message)
        if contract.table.layer == "raw" and contract.delivery is None:
            self._fault(at, "a raw table needs the custom property `delivery` (file, format)")

    def _fault(self, path: Key, message: str) -> None:
        self.faults.append(self.document.fault(path, message))

    def _try(self, path: Key, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except ValueError as error:
            self._fault(path, str(error))
            return None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _team(team: Any) -> str:
    """The owner's name; before ODCS 3.1 a team was the list of its people, and had none."""
    return str(team.get("name") or "") if isinstance(team, dict) else ""


def _control_faults(contract: Contract) -> Iterable[str]:
    """What is wrong with `controlTotals`: an accepted row must have a day, a currency and every amount."""
    totals = contract.control_totals
    if totals is None:
        return
    if contract.table.layer != "clean":
        yield "controlTotals belongs to a clean table, whose rows have types"
    kinds: dict[str, tuple[str, ...]] = dict.fromkeys(totals.amounts, ("decimal", "smallint", "integer", "bigint"))
    kinds |= {totals.date: ("date",), **({totals.currency: ("varchar",)} if totals.currency else {})}
    for name, allowed in kinds.items():
        column = contract.by_name.get(name)
        if column is None or not column.required or column.type.kind not in allowed:
            yield f"controlTotals: {name!r} must be a required column of type {' or '.join(allowed)}"


def _words(name: str) -> str:
    """A name in words: `order_count` is Order count."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _one_line(text: str) -> str:
    return " ".join(str(text).split())


def _texts(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
