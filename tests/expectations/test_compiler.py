"""Suites follow from contracts, byte for byte, and Great Expectations reads them as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from expectation_samples import ORDERS, contract_of

from contracts.model import Contract
from contracts.registry import REPOSITORY, Registry
from contracts.source import ContractError
from expectations.compiler import compile_suite, load_suite, stale_suites, suite_json, write_suites
from expectations.rules import rules_of


def test_every_rule_is_one_expectation_with_its_id(orders_contract: Contract) -> None:
    expectations = suite_json(orders_contract)["expectations"]
    assert [e["meta"]["rule_id"] for e in expectations] == [r.id for r in rules_of(orders_contract)]
    [found] = [e for e in expectations if e["meta"]["rule_id"] == "clean.orders.tax.between"]
    assert found == {
        "description": "tax lies in its range",
        "kwargs": {"column": "tax", "max_value": 50, "min_value": 0, "strict_max": True},
        "meta": {
            "contract_version": "1.2.0",
            "dimension": "conformity",
            "rule_id": "clean.orders.tax.between",
            "verdict": "quarantine",
            "where": found["meta"]["where"],
        },
        "severity": "critical",
        "type": "expect_column_values_to_be_between",
    }
    assert found["meta"]["where"].startswith("contracts/clean/orders.yaml:")


def test_great_expectations_reads_the_json_as_the_same_suite(
    gate_module: Any, orders_contract: Contract, raw_contract: Contract
) -> None:
    from great_expectations.core.expectation_suite import expectationSuiteSchema

    for contract in (orders_contract, raw_contract):
        written = suite_json(contract)
        read = expectationSuiteSchema.load(json.loads(json.dumps(written)))
        suite = compile_suite(contract)
        again = suite.to_json_dict()
        assert [e.type for e in suite.expectation_configurations] == [e["type"] for e in read["expectations"]]
        for ours, theirs in zip(written["expectations"], again["expectations"], strict=True):
            assert {k: theirs[k] for k in ours} == ours


def test_an_expectation_that_great_expectations_refuses_is_an_error(
    gate_module: Any, orders_contract: Contract
) -> None:
    suite = suite_json(orders_contract)
    suite["expectations"][2]["kwargs"]["colum"] = "order_id"
    with pytest.raises(Exception, match=r"order_id\.not_null|colum"):
        load_suite(suite)


def test_suites_are_written_once_and_stale_ones_are_told(tmp_path: Path, orders_contract: Contract) -> None:
    registry = Registry({orders_contract.table: orders_contract})
    file = tmp_path / "expectations/suites/clean/orders.json"
    assert stale_suites(tmp_path, registry) == [
        "expectations/suites/clean/orders.json:1: is missing; run `dw check --write`"
    ]
    assert write_suites(tmp_path, registry) == [file]
    assert write_suites(tmp_path, registry) == []
    assert stale_suites(tmp_path, registry) == []
    assert file.read_text().endswith("}\n")
    left = file.with_name("gone.json")
    left.write_text("{}")
    file.write_text("{}")
    assert len(stale_suites(tmp_path, registry)) == 2
    assert write_suites(tmp_path, registry) == [left, file]
    assert not left.exists()


def test_the_suites_of_the_repository_are_fresh() -> None:
    assert stale_suites(REPOSITORY, Registry.read()) == []


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ("total >= tax OR status = 'void'", "total >= other(tax)", "not in the portable subset"),
        ("SELECT SUM(total) - SUM(tax) FROM ${table}", "SELECT (", "not SQL"),
        ("^O[0-9]+$", "^O[0-9+$", "unterminated character set"),
        ("^O[0-9]+$", "^O(?=[0-9])", "look-around"),
    ],
)
def test_a_rule_that_cannot_be_run_is_told_with_file_and_line(
    tmp_path: Path, was: str, becomes: str, message: str
) -> None:
    contract = contract_of(ORDERS.replace(was, becomes), tmp_path)
    with pytest.raises(ContractError, match=rf"contracts/clean/orders.yaml:\d+: clean.orders\..*{message}"):
        suite_json(contract)


def test_the_engines_are_proven_for_the_release_that_suites_name(gate_module: Any) -> None:
    import great_expectations

    from expectations.compiler import GX_VERSION

    assert great_expectations.__version__ == GX_VERSION


@pytest.mark.parametrize("module", ["predicates", "verdicts", "scorecard", "compiler"])
def test_what_a_lambda_or_a_check_imports_does_not_load_great_expectations(module: str) -> None:
    code = f"import sys, expectations.{module}; print('great_expectations' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
