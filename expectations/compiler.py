"""Contracts to Great Expectations suites; plain JSON first, so that writing and comparing them does not import GX."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from contracts.ids import TableId
from contracts.model import Contract
from contracts.polars_types import polars_schema
from contracts.source import ContractError
from expectations.conditions import parse_condition
from expectations.expressions import readable_pattern
from expectations.parsing import check_formats
from expectations.predicates_sql import parse_query
from expectations.rules import Rule, rules_of

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

GX_VERSION = "1.24.1"
Json = dict[str, Any]
_SWAPPED = {"<": ">", "<=": ">="}


def suite_json(contract: Contract) -> Json:
    """The suite of one contract, as Great Expectations writes it; nothing in it changes unless the contract does.

    Raises ContractError with file and line for a rule that no engine could run.
    """
    rules = rules_of(contract)
    if faults := [fault for rule in rules for fault in rule_faults(rule, contract)]:
        raise ContractError(faults)
    return {
        "expectations": [expectation_json(rule, contract) for rule in rules],
        "meta": {
            "contract": contract.file,
            "contract_version": contract.version,
            "great_expectations_version": GX_VERSION,
        },
        "name": str(contract.table),
    }


def rule_faults(rule: Rule, contract: Contract) -> list[str]:
    """What is wrong with a rule's own text: its condition, query, pattern, formats or arguments."""
    try:
        if rule.kind == "condition":
            parse_condition(rule.args["sql"])
        elif rule.kind == "sql":
            parse_query(rule, "core.example")
        elif rule.kind == "matches":
            re.compile(rule.args["pattern"])
            readable_pattern(rule.args["pattern"])
        elif rule.kind == "parses_as":
            check_formats(rule.args["formats"])
        elif rule.kind == "expectation":
            _check_expectation(rule, contract)
    except (ValueError, re.error) as error:
        return [f"{rule.where}: {rule.id}: {error}"]
    return []


def _check_expectation(rule: Rule, contract: Contract) -> None:
    """Raise ValueError unless Great Expectations knows the type and takes the arguments, and our engine runs it.

    It is tried on a table of the contract's columns without rows: delivered columns are all text.
    """
    # Imported for contracts that have such a rule only: it takes seconds.
    from great_expectations import ExpectationSuite
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.registry import get_expectation_impl

    from expectations.polars_engine import PolarsBatch, PolarsExecutionEngine
    from expectations.validation import PreparedSuite

    text = dict.fromkeys(contract.names, pl.String())
    empty = pl.LazyFrame(schema=text if contract.table.layer == "raw" else polars_schema(contract))

    try:
        made = get_expectation_impl(rule.args["type"])(**rule.args["kwargs"])
        PreparedSuite(ExpectationSuite(rule.id, expectations=[made]), PolarsExecutionEngine).run(PolarsBatch(empty))
    except (GreatExpectationsError, TypeError, ValueError) as error:
        raise ValueError(" ".join(str(error).split())) from error


def expectation_json(rule: Rule, contract: Contract) -> Json:
    """One rule as an expectation's configuration."""
    type_, kwargs = _expectation(rule)
    if rule.kind != "expectation":
        kwargs = {name: value for name, value in kwargs.items() if value is not None and value is not False}
    if rule.mostly < 1:
        kwargs["mostly"] = rule.mostly
    return {
        "description": rule.description or rule.id,
        "kwargs": kwargs,
        "meta": {
            "contract_version": contract.version,
            "dimension": rule.dimension,
            "rule_id": rule.id,
            "verdict": rule.verdict,
            "where": rule.where,
        },
        "severity": rule.severity,
        "type": type_,
    }


def compile_suite(contract: Contract) -> ExpectationSuite:
    """The suite of one contract as a Great Expectations object."""
    return load_suite(suite_json(contract))


def load_suite(suite: Json) -> ExpectationSuite:
    """Make the object of a suite's JSON; an expectation that Great Expectations refuses is an error."""
    from great_expectations import ExpectationSuite

    from expectations import own  # registers our own expectations

    assert own
    # The constructor only logs what it refuses, and goes on with a smaller suite.
    made = ExpectationSuite(**{**suite, "meta": dict(suite["meta"]), "expectations": suite["expectations"]})
    if len(made.expectations) != len(suite["expectations"]):
        kept = {e.meta["rule_id"] for e in made.expectations if e.meta}
        lost = [e["meta"]["rule_id"] for e in suite["expectations"] if e["meta"]["rule_id"] not in kept]
        raise ValueError(f"Great Expectations refuses the expectations of {', '.join(lost)}")
    return made


def write_suites(root: Path, registry: Mapping[TableId, Contract]) -> list[Path]:
    """Write each contract's suite below `root`, remove suites without a contract; the files that changed."""
    changed: list[Path] = []
    wanted = {root / contract.table.suite_file: _text(contract) for contract in registry.values()}
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    for path in _left_over(root, wanted):
        path.unlink()
        changed.append(path)
    return sorted(changed)


def stale_suites(root: Path, registry: Mapping[TableId, Contract]) -> list[str]:
    """What `write_suites` would change, as messages."""
    wanted = {root / contract.table.suite_file: _text(contract) for contract in registry.values()}
    faults = []
    for path, text in wanted.items():
        name = path.relative_to(root).as_posix()
        if not path.exists():
            faults.append(f"{name}:1: is missing; run `dw check --write`")
        elif path.read_text(encoding="utf-8") != text:
            faults.append(f"{name}:1: is not what its contract compiles to; run `dw check --write`")
    left = [
        f"{p.relative_to(root).as_posix()}:1: has no contract; run `dw check --write`" for p in _left_over(root, wanted)
    ]
    return sorted([*faults, *left])


def _text(contract: Contract) -> str:
    return json.dumps(suite_json(contract), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _left_over(root: Path, wanted: Mapping[Path, str]) -> list[Path]:
    return [p for p in sorted((root / "expectations" / "suites").glob("*/*.json")) if p not in wanted]


def _expectation(rule: Rule) -> tuple[str, Json]:
    args, columns = rule.args, rule.columns
    column: Json = {"column": columns[0]} if columns else {}
    match rule.kind:
        case "not_null":
            return "expect_column_values_to_not_be_null", column
        case "in_set":
            return "expect_column_values_to_be_in_set", column | {"value_set": args["values"]}
        case "matches":
            return "expect_column_values_to_match_regex", column | {"regex": args["pattern"]}
        case "between" if "logical" in args:
            read_as = {"logical": args["logical"], "formats": args["formats"]}
            return "expect_column_text_to_read_between", column | read_as | _bounds(args)
        case "between":
            return "expect_column_values_to_be_between", column | _bounds(args)
        case "length":
            return "expect_column_value_lengths_to_be_between", column | _bounds(args)
        case "unique" if len(columns) == 1:
            return "expect_column_values_to_be_unique", column
        case "unique":
            keys = {"column_list": list(columns), "ignore_row_if": "any_value_is_missing"}
            return "expect_compound_columns_to_be_unique", keys
        case "compare":
            return _comparison(columns, args["operator"])
        case "row_count":
            return "expect_table_row_count_to_be_between", _bounds(args)
        case "columns":
            return "expect_table_columns_to_match_set", {"column_set": sorted(args["names"])}
        case "parses_as":
            return "expect_column_text_to_parse_as", column | {"logical": args["logical"], "formats": args["formats"]}
        case "byte_length":
            return "expect_column_text_bytes_to_be_at_most", column | {"max_bytes": args["max"]}
        case "condition":
            return "expect_rows_to_meet_condition", {"condition": args["sql"], "columns": list(columns)}
        case "foreign_key":
            to = {"table": args["table"], "to_columns": args["to_columns"]}
            return "expect_keys_to_exist_in_table", {"columns": list(columns), **to}
        case "types":
            return "expect_table_column_types_to_be", {"types": args["types"]}
        case "aggregate":
            return "expect_column_aggregate_to_be_between", column | {"function": args["function"]} | _bounds(args)
        case "sql":
            return "expect_query_value_to_be_between", {"query": args["query"]} | _bounds(args)
        case "expectation":
            return args["type"], dict(args["kwargs"])


def _comparison(columns: tuple[str, ...], operator: str) -> tuple[str, Json]:
    left, right = columns
    if operator in _SWAPPED:
        left, right, operator = right, left, _SWAPPED[operator]
    pair: Json = {"column_A": left, "column_B": right}
    if operator == "!=":
        return "expect_column_pair_values_to_differ", pair
    pair["ignore_row_if"] = "either_value_is_missing"
    if operator == "=":
        return "expect_column_pair_values_to_be_equal", pair
    return "expect_column_pair_values_a_to_be_greater_than_b", pair | {"or_equal": operator == ">="}


def _bounds(args: Mapping[str, Any]) -> Json:
    return {
        "min_value": args.get("min"),
        "max_value": args.get("max"),
        "strict_min": args.get("min_exclusive", False),
        "strict_max": args.get("max_exclusive", False),
    }
