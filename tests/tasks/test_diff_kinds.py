"""Every kind of change to a contract, one a row: how much it matters to readers, or to those who deliver, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from diff_shop import Told
from small_tree import Tree

from tasks.diff.model import Level

BREAKING, ADDITIVE, NEUTRAL = Level.BREAKING, Level.ADDITIVE, Level.NEUTRAL


def rule(name: str = "checked", verdict: str = "block", **implementation: Any) -> dict[str, Any]:
    """A written rule over the columns of the table."""
    body = {"id": name, "type": "custom", "engine": "warehouse", "implementation": implementation}
    return {**body, "description": "Checked.", "customProperties": [{"property": "verdict", "value": verdict}]}


def tree(layer: str, spec: Any) -> Tree:
    """One table. A text is the second column; a mapping says more of it (`of_a`) or of the table."""
    more: dict[str, Any] = dict(spec) if isinstance(spec, Mapping) else {"a": spec}
    columns = f"id varchar(8) {'required' if layer == 'raw' else 'key'}"
    for line in (more.pop("a", "varchar(10)"), *more.pop("more", ())):
        columns += f"\n{line if ' of ' in line else f'a {line}'}".replace(" of ", " ") if line else ""
    of_a = more.pop("of_a", None)
    if "rules" in more:
        more["quality"] = tuple(more.pop("rules"))
    return Tree().with_contract(f"{layer}.t", columns, **({"of_columns": {"a": of_a}} if of_a else {}), **more)


def options(**given: Any) -> dict[str, Any]:
    return {"a": "integer", "of_a": {"logicalTypeOptions": given}}


def enum(*values: str) -> dict[str, Any]:
    return {"of_a": {"enum": [{"value": value} for value in values]}}


def custom(**given: Any) -> dict[str, Any]:
    return {"of_a": {"custom": given}}


def rules(*some: dict[str, Any]) -> dict[str, Any]:
    return {"a": "integer", "more": ["b of integer"], "rules": some}


BELOW = {"rule": "compare", "columns": ["a", "b"]}
KINDS = {
    # types: length, precision, scale
    "longer text": ("varchar(10)", "varchar(20)", ADDITIVE, "type varchar(10) → varchar(20) (wider)"),
    "shorter text": ("varchar(20)", "varchar(10)", BREAKING, "not every value fits"),
    "more digits": ("decimal(10,2)", "decimal(12,2)", ADDITIVE, "(wider)"),
    "fewer digits": ("decimal(12,2)", "decimal(10,2)", BREAKING, "not every value fits"),
    "more decimals in the same room": ("decimal(10,2)", "decimal(10,4)", BREAKING, "not every value fits"),
    "more decimals and more room": ("decimal(10,2)", "decimal(12,4)", ADDITIVE, "wider, values get another scale"),
    "fewer decimals": ("decimal(10,2)", "decimal(10,1)", BREAKING, "not every value fits"),
    "integer to bigint": ("integer", "bigint", ADDITIVE, "(wider)"),
    "bigint to integer": ("bigint", "integer", BREAKING, "not every value fits"),
    "smallint to integer": ("smallint", "integer", ADDITIVE, "(wider)"),
    "integer to decimal with room": ("integer", "decimal(12,0)", ADDITIVE, "(wider)"),
    "integer to decimal with decimals": ("integer", "decimal(12,2)", ADDITIVE, "another scale"),
    "bigint to decimal without room": ("bigint", "decimal(18,0)", BREAKING, "not every value fits"),
    "integer to boolean": ("integer", "boolean", BREAKING, "not every value fits"),
    "decimal to integer": ("decimal(9,0)", "integer", ADDITIVE, "(wider)"),
    "date to timestamp": ("date", "timestamp", BREAKING, "not every value fits"),
    "text to number": ("varchar(10)", "integer", BREAKING, "not every value fits"),
    # presence
    "required": ("integer", "integer required", ADDITIVE, "must have a value now"),
    "no longer required": ("integer required", "integer", BREAKING, "may be empty now"),
    "column added": ({}, {"more": ["b of integer"]}, ADDITIVE, "added (integer)"),
    "column removed": ({"more": ["b of integer"]}, {}, BREAKING, "removed (integer)"),
    "column renamed": (
        {"more": ["b of integer"]},
        {"more": ["c of integer"]},
        BREAKING,
        "renamed to c, it seems",
    ),
    "columns in another order": (
        {"more": ["b of integer", "c of integer"]},
        {"more": ["c of integer", "b of integer"]},
        NEUTRAL,
        "in another order",
    ),
    "key grown": ("varchar(10)", "varchar(10) key", BREAKING, "(id) → (id, a)"),
    # enums, ranges, patterns
    "enum came": ({}, enum("x", "y"), ADDITIVE, "added"),
    "enum went": (enum("x", "y"), {}, BREAKING, "removed"),
    "enum grown": (enum("x", "y"), enum("x", "y", "z"), BREAKING, "weaker"),
    "enum shrunk": (enum("x", "y"), enum("x"), ADDITIVE, "stricter"),
    "enum changed": (enum("x", "y"), enum("x", "z"), BREAKING, "changed"),
    "enum in another order": (enum("x", "y"), enum("y", "x"), None, ""),
    "minimum raised": (options(minimum=0), options(minimum=1), ADDITIVE, "stricter"),
    "minimum lowered": (options(minimum=1), options(minimum=0), BREAKING, "weaker"),
    "minimum exclusive": (options(minimum=0), options(exclusiveMinimum=0), ADDITIVE, "stricter"),
    "range moved": (options(minimum=0, maximum=5), options(minimum=1, maximum=6), BREAKING, "changed"),
    "pattern changed": (
        {"of_a": {"logicalTypeOptions": {"pattern": "^a"}}},
        {"of_a": {"logicalTypeOptions": {"pattern": "^b"}}},
        BREAKING,
        "changed",
    ),
    "unique": ({}, {"of_a": {"unique": True}}, ADDITIVE, "added"),
    "no longer unique": ({"of_a": {"unique": True}}, {}, BREAKING, "removed"),
    # written rules
    "rule came": (rules(), rules(rule(**BELOW, operator="<=")), ADDITIVE, "added"),
    "rule that only warns went": (rules(rule(verdict="warn", **BELOW, operator="<=")), rules(), NEUTRAL, "removed"),
    "comparison stricter": (
        rules(rule(**BELOW, operator="<=")),
        rules(rule(**BELOW, operator="<")),
        ADDITIVE,
        "stricter",
    ),
    "comparison the other way round": (
        rules(rule(**BELOW, operator="<=")),
        rules(rule(rule="compare", columns=["b", "a"], operator=">=")),
        None,
        "",
    ),
    "comparison turned": (
        rules(rule(**BELOW, operator="<=")),
        rules(rule(**BELOW, operator=">=")),
        BREAKING,
        "changed",
    ),
    "rule by another name": (
        rules(rule("one", **BELOW, operator="<=")),
        rules(rule("two", **BELOW, operator="<=")),
        NEUTRAL,
        "is called two now",
    ),
    "rule by another name that lets pass": (
        rules(rule("one", **BELOW, operator="<=")),
        rules(rule("two", "warn", **BELOW, operator="<=")),
        BREAKING,
        "removed",
    ),
    "verdict weaker": (
        rules(rule(**BELOW, operator="<=")),
        rules(rule(verdict="warn", **BELOW, operator="<=")),
        BREAKING,
        "verdict block → warn",
    ),
    "severity": (
        rules({**rule(**BELOW, operator="<="), "severity": "critical"}),
        rules({**rule(**BELOW, operator="<="), "severity": "warning"}),
        NEUTRAL,
        "severity critical → warning",
    ),
    "a required column only warns": (
        {"a": "integer required"},
        {"a": "integer required", "of_a": {"custom": {"rules": {"not_null": {"verdict": "warn"}}}}},
        BREAKING,
        "verdict quarantine → warn",
    ),
    "a share is enough": (
        {"of_a": {"enum": [{"value": "x"}]}},
        {"of_a": {"enum": [{"value": "x"}], "custom": {"rules": {"in_set": {"mostly": 0.9}}}}},
        BREAKING,
        "must hold for 1 → 0.9",
    ),
    # personal data, words, storage, values
    "hidden": ({}, custom(mask="hash"), BREAKING, "personal data now"),
    "hidden no longer": (custom(mask="hash"), {}, ADDITIVE, "no longer hidden"),
    "hidden otherwise": (custom(mask="hash"), custom(mask="redact"), NEUTRAL, "mask hash → redact"),
    "normalised": ({}, custom(normalise=["trim"]), NEUTRAL, "normalise none → trim"),
    "encoding": ({}, custom(encode="zstd"), NEUTRAL, "encoding"),
    "description": ({}, {"of_a": {"description": "Other words."}}, NEUTRAL, "reworded: a"),
    "status": ({}, {"description": {"usage": "Ask first."}}, NEUTRAL, "reworded"),
}
ASKED = {
    "longer text": ("varchar(10)", "varchar(20)", ADDITIVE, "wider"),
    "shorter text": ("varchar(20)", "varchar(10)", BREAKING, "not every value fits"),
    "required": ("varchar(10)", "varchar(10) required", BREAKING, "must have a value now"),
    "no longer required": ("varchar(10) required", "varchar(10)", ADDITIVE, "may be empty now"),
    "column asked for": ({}, {"more": ["b of varchar(8)"]}, BREAKING, "files without it are rejected whole"),
    "column asked for no longer": ({"more": ["b of varchar(8)"]}, {}, BREAKING, "removed"),
    "enum grown": (enum("x", "y"), enum("x", "y", "z"), ADDITIVE, "weaker"),
    "enum shrunk": (enum("x", "y"), enum("x"), BREAKING, "stricter"),
    "may be left out": ({}, custom(since="1.0.0"), ADDITIVE, "since none → 1.0.0"),
    "may be left out no longer": (custom(since="1.0.0"), {}, BREAKING, "since 1.0.0 → none"),
    "format more": (
        {"of_a": {"logicalType": "date", "custom": {"formats": ["%Y-%m-%d"]}}},
        {"of_a": {"logicalType": "date", "custom": {"formats": ["%Y-%m-%d", "%d/%m/%Y"]}}},
        ADDITIVE,
        "formats +%d/%m/%Y",
    ),
    "format less": (
        {"of_a": {"logicalType": "date", "custom": {"formats": ["%Y-%m-%d", "%d/%m/%Y"]}}},
        {"of_a": {"logicalType": "date", "custom": {"formats": ["%Y-%m-%d"]}}},
        BREAKING,
        "formats -%d/%m/%Y",
    ),
    "read as a number": ({}, {"of_a": {"logicalType": "number"}}, BREAKING, "is read as number, not string"),
}
CASES = [
    pytest.param(layer, *case, id=f"{layer}: {name}")
    for layer, cases in (("clean", KINDS), ("raw", ASKED))
    for name, case in cases.items()
]


@pytest.mark.parametrize(("layer", "old", "new", "level", "text"), CASES)
def test_a_change_matters_as_much_as_it_lets_someone_down(
    diff: Told, layer: str, old: Any, new: Any, level: Level | None, text: str
) -> None:
    found = diff(tree(layer, old), tree(layer, new))
    assert found.faults == ()
    if level is None:
        assert found.is_empty
        return
    told = [f"{change.text}; {change.note}" for table in found.tables for change in table.changes]
    assert found.level is level, told
    assert any(text in one for one in told), told


def test_what_is_taken_back_is_judged_the_other_way_round(diff: Told) -> None:
    """Of a pair of additive and breaking, one is the other's way back; both additive would lose something unseen."""
    for name, (old, new, level, _) in KINDS.items():
        if level is ADDITIVE:
            assert diff(tree("clean", new), tree("clean", old)).level is BREAKING, name


def test_a_table_that_goes_says_so_one_version_before(diff: Told) -> None:
    gone = Tree().with_contract("clean.other", "id varchar(8) key")
    for status, is_fault in (("active", True), ("deprecated", False), ("draft", False)):
        old = gone.with_file(
            "contracts/clean/t.yaml",
            tree("clean", {}).files["contracts/clean/t.yaml"].replace("status: active", f"status: {status}"),
        )
        found = diff(old, gone)
        assert found.level is BREAKING
        assert bool(found.unbumped) is is_fault, status
