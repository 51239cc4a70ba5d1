"""The rule record: what stands between a contract and every engine that checks it.

One `Rule` compiles to a GX expectation (compiler), to a Polars predicate (predicates) and to SQL (predicates_sql).
NULL means what it means in SQL everywhere: a comparison with NULL is neither kept nor broken, so only `not_null`
and `condition`s that ask for it can fail on NULL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from contracts.ids import LAYERS
from contracts.model import Column, Contract, Quality, Reference, RuleOverride, Verdict
from contracts.source import ContractError
from expectations.written_kinds import written_kind

Kind = Literal[
    "not_null",
    "parses_as",
    "in_set",
    "matches",
    "between",
    "length",
    "byte_length",
    "compare",
    "condition",
    "foreign_key",
    "unique",
    "row_count",
    "columns",
    "types",
    "aggregate",
    "sql",
    "expectation",
]


@dataclass(frozen=True)
class KindOfRule:
    """What rules of one kind are about, for whoever writes or reads one.

    `of_row`: single rows break it, so that `verdict: quarantine` may move them aside; else it is about the whole table.
    `columns` is how many it names, `args` what else it says; `dimension` is of those that follow from the schema.
    """

    of_row: bool
    columns: str
    args: str
    meaning: str
    dimension: str = "conformity"


KINDS: dict[Kind, KindOfRule] = {
    "not_null": KindOfRule(True, "1", "", "there is a value", "completeness"),
    "parses_as": KindOfRule(True, "1", "logical, formats", "text that reads as a value of the logical type"),
    "in_set": KindOfRule(True, "1", "values", "one of the values"),
    "matches": KindOfRule(
        True, "1", "pattern", "the pattern is found anywhere in the text, as GX and SQL `~` do; anchor it yourself"
    ),
    "between": KindOfRule(
        True,
        "1",
        "min, max, min_exclusive, max_exclusive; of text also logical, formats",
        "inside the bounds; text is compared as it reads",
    ),
    "length": KindOfRule(True, "1", "min, max", "so many characters"),
    "byte_length": KindOfRule(True, "1", "max", "at most so many bytes of UTF-8"),
    "compare": KindOfRule(True, "2", "operator", "one column is `<`, `<=`, `>`, `>=`, `=` or `!=` another"),
    "condition": KindOfRule(
        True, "those it reads", "sql", "a boolean expression in the portable subset of SQL; broken where it is false"
    ),
    "foreign_key": KindOfRule(
        True, "n", "table, to_columns", "the other table has a row of these values", "consistency"
    ),
    "unique": KindOfRule(True, "n", "", "no other row has these values; each row of a group breaks it", "uniqueness"),
    "row_count": KindOfRule(False, "", "min, max", "so many rows"),
    "columns": KindOfRule(False, "", "names", "exactly these columns, in any order"),
    "types": KindOfRule(False, "", "types", "each column has its physical type"),
    "aggregate": KindOfRule(
        False, "1", "function, min, max", "sum, mean, min, max, stddev or distinct_count inside the bounds"
    ),
    "sql": KindOfRule(False, "", "query, min, max", "one number over `${table}` inside the bounds"),
    "expectation": KindOfRule(
        False, "those it names", "type, kwargs", "any expectation of Great Expectations, of files only"
    ),
}


_OTHER_TABLE = re.compile(rf"\b({'|'.join(LAYERS)})\.\w")


@dataclass(frozen=True)
class Rule:
    """One checkable promise. `id` is stable: `<layer>.<table>.<column>.<kind>` or the id that the contract gives.

    `mostly` is the share of evaluated rows (non-null where NULL is neither) that must keep the rule.
    `blank_is_null`: empty text counts as NULL (raw tables; a delivered CSV knows no NULL).
    """

    id: str
    kind: Kind
    columns: tuple[str, ...]
    args: dict[str, Any] = field(default_factory=dict)
    dimension: str = "conformity"
    severity: str = "critical"
    verdict: Verdict = "block"
    mostly: float = 1.0
    description: str = ""
    where: str = ""
    blank_is_null: bool = False

    @property
    def needs_warehouse(self) -> bool:
        """Whether it looks at other tables, so that a file alone cannot answer it."""
        return self.kind == "foreign_key" or (self.kind == "sql" and bool(_OTHER_TABLE.search(self.args["query"])))

    @property
    def of_row(self) -> bool:
        """Whether single rows break this rule (and can be quarantined), rather than the table as a whole."""
        return KINDS[self.kind].of_row


def rules_of(contract: Contract) -> tuple[Rule, ...]:
    """Every rule that a contract makes: those that follow from the schema first, then those written as `quality`.

    Raises ContractError on an unknown rule, a verdict that the rule cannot have, a doubled id, or no rule at all.
    """
    faults: list[str] = []
    rules = [*_schema_rules(contract)]
    for quality in contract.quality:
        try:
            rules.append(_written_rule(contract, quality))
        except ValueError as error:
            faults.append(f"{quality.where}: {error}")
    ids: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in ids:
            faults.append(f"{rule.where}: rule id {rule.id} stands twice (also at {ids[rule.id].where})")
        if rule.verdict == "quarantine" and not rule.of_row:
            faults.append(
                f"{rule.where}: {rule.id}: a {rule.kind} rule is about the whole table; only rules about "
                "rows may quarantine"
            )
        for column in rule.columns:
            if column not in contract.names:
                faults.append(f"{rule.where}: {rule.id}: no column {column!r} in {contract.table}")
        ids[rule.id] = rule
    if not rules:
        faults.append(f"{contract.file}:1: {contract.table} has no rule; a gate that checks nothing is an error")
    if faults:
        raise ContractError(faults)
    if contract.table.layer == "raw":
        rules = [replace(rule, blank_is_null=True) for rule in rules]
    return tuple(rules)


def _schema_rules(contract: Contract) -> Iterator[Rule]:
    table = str(contract.table)
    where = f"{contract.file}:1"
    yield Rule(
        f"{table}.columns",
        "columns",
        (),
        {"names": list(contract.names)},
        "conformity",
        where=where,
        description="The table has exactly the columns of its contract",
    )
    if contract.table.layer != "raw":
        types = {c.name: str(c.type) for c in contract.columns}
        yield Rule(
            f"{table}.types",
            "types",
            (),
            {"types": types},
            "conformity",
            where=where,
            description="Each column has the type of its contract",
        )
    for column in contract.columns:
        yield from (_with_override(rule, column, contract) for rule in _column_rules(contract, column))
    if contract.key and contract.table.layer != "raw":
        yield Rule(
            f"{table}.key.unique",
            "unique",
            contract.key,
            {},
            "uniqueness",
            where=where,
            description=f"One row per {', '.join(contract.key)}",
        )
    for reference in contract.references:
        yield _reference_rule(contract, reference)


def _column_rules(contract: Contract, column: Column) -> Iterator[Rule]:
    def rule(kind: Kind, text: str, /, **args: Any) -> Rule:
        return Rule(
            f"{contract.table}.{column.name}.{kind}",
            kind,
            (column.name,),
            args,
            KINDS[kind].dimension,
            where=column.where,
            description=text,
        )

    options, name = column.options, column.name
    read_as: dict[str, Any] = {}
    if contract.table.layer == "raw" and column.logical != column.type.logical:
        read_as = {"logical": column.logical, "formats": list(column.formats)}
    if column.required:
        yield rule("not_null", f"{name} is always there")
    if column.type.is_text:
        yield rule("byte_length", f"{name} fits {column.type} (bytes)", max=column.type.length)
    if read_as:
        yield rule("parses_as", f"{name} reads as {column.logical}", **read_as)
    if column.enum:
        yield rule("in_set", f"{name} is one of the known values", values=list(column.enum))
    if "pattern" in options:
        yield rule("matches", f"{name} has the form {options['pattern']}", pattern=options["pattern"])
    if {"minLength", "maxLength"} & options.keys():
        yield rule(
            "length", f"{name} has an allowed length", min=options.get("minLength"), max=options.get("maxLength")
        )
    if {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} & options.keys():
        low = options.get("minimum", options.get("exclusiveMinimum"))
        high = options.get("maximum", options.get("exclusiveMaximum"))
        yield rule(
            "between",
            f"{name} lies in its range",
            min=low,
            max=high,
            min_exclusive="exclusiveMinimum" in options,
            max_exclusive="exclusiveMaximum" in options,
            **read_as,
        )
    if column.unique:
        yield rule("unique", f"{name} is unique")


def _with_override(rule: Rule, column: Column, contract: Contract) -> Rule:
    return _overridden(rule, column.overrides.get(rule.kind), contract)


def _overridden(rule: Rule, override: RuleOverride | None, contract: Contract) -> Rule:
    override = override or RuleOverride()
    verdict = override.verdict or contract.default_verdict
    return Rule(
        rule.id,
        rule.kind,
        rule.columns,
        rule.args,
        override.dimension or rule.dimension,
        override.severity or ("warning" if verdict == "warn" else "critical"),
        verdict,
        override.mostly or 1.0,
        rule.description,
        rule.where,
    )


def _reference_rule(contract: Contract, reference: Reference) -> Rule:
    columns = ", ".join(reference.columns)
    rule = Rule(
        f"{contract.table}.{'_'.join(reference.columns)}.foreign_key",
        "foreign_key",
        reference.columns,
        {"table": str(reference.to), "to_columns": list(reference.to_columns)},
        "consistency",
        where=reference.where,
        description=f"{columns} exists in {reference.to}",
    )
    return _overridden(rule, reference.override, contract)


def _written_rule(contract: Contract, quality: Quality) -> Rule:
    body = quality.body
    custom = {entry["property"]: entry["value"] for entry in body.get("customProperties", ())}
    unknown = custom.keys() - {"verdict", "mostly"}
    if unknown:
        raise ValueError(f"unknown custom property {sorted(unknown)[0]!r} of a rule; known: verdict, mostly")
    kind, columns, args, mostly = written_kind(quality, contract)
    label = body.get("id") or body.get("name")
    if not label:
        raise ValueError("a written rule needs an `id`")
    verdict = custom.get("verdict") or (contract.default_verdict if KINDS[kind].of_row else "block")
    if verdict not in ("block", "quarantine", "warn"):
        raise ValueError(f"unknown verdict {verdict!r}; one of block, quarantine, warn")
    mostly = float(custom.get("mostly", mostly))
    if not 0 < mostly <= 1:
        raise ValueError(f"mostly {mostly} is not a share: more than 0, at most 1")
    if mostly < 1 and not KINDS[kind].of_row:
        raise ValueError(f"a {kind} rule is about the whole table: it cannot hold for a share of it (mostly)")
    return Rule(
        f"{contract.table}.{label}",
        kind,
        columns,
        args,
        body["dimension"],
        body.get("severity", "warning" if verdict == "warn" else "critical"),
        verdict,
        mostly,
        " ".join(str(body.get("description", "")).split()),
        quality.where,
    )
