"""Our engines of Great Expectations: its answers, in one pass, and an error for what they cannot run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from expectation_samples import CUSTOMERS, REFERENCES, Duck, bad_orders, orders
from test_predicates import ROW_RULES, TABLE_RULES, VALUES, frame_of, references

from contracts.model import Contract
from expectations.compiler import compile_suite, expectation_json, load_suite, suite_json
from expectations.predicates import measure

SUMMARY = {"result_format": "SUMMARY", "partial_unexpected_count": 20}
# Numbers without NULL stay integers in pandas; with NULL they become floats there, which changes no count.
FRAME = pl.DataFrame(
    {
        "a": [1, 2, 2, None, 5],
        "b": [1, 1, 3, 4, None],
        "s": ["x", "yy", None, "x", "Zed"],
    }
)


@pytest.fixture(scope="module")
def contexts(gate_module: Any) -> Any:
    import great_expectations as gx

    import expectations.flat_datasource

    assert expectations.flat_datasource
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def shipped() -> list[tuple[str, dict[str, Any]]]:
    either, anyone = "either_value_is_missing", "any_value_is_missing"
    return [
        ("ExpectColumnValuesToNotBeNull", {"column": "a"}),
        ("ExpectColumnValuesToNotBeNull", {"column": "a", "mostly": 0.8}),
        ("ExpectColumnValuesToBeInSet", {"column": "s", "value_set": ["x", "yy"]}),
        ("ExpectColumnValuesToBeInSet", {"column": "s", "value_set": ["x"], "mostly": 0.5}),
        ("ExpectColumnValuesToMatchRegex", {"column": "s", "regex": "^[a-z]"}),
        ("ExpectColumnValuesToBeBetween", {"column": "a", "min_value": 1, "max_value": 2}),
        ("ExpectColumnValuesToBeBetween", {"column": "a", "min_value": 1, "strict_min": True}),
        ("ExpectColumnValueLengthsToBeBetween", {"column": "s", "min_value": 1, "max_value": 2}),
        ("ExpectColumnValuesToBeUnique", {"column": "a"}),
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["a", "s"], "ignore_row_if": anyone}),
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["b", "s"], "ignore_row_if": anyone}),
        ("ExpectColumnPairValuesToBeEqual", {"column_A": "a", "column_B": "b", "ignore_row_if": either}),
        ("ExpectColumnPairValuesAToBeGreaterThanB", {"column_A": "a", "column_B": "b", "ignore_row_if": either}),
        (
            "ExpectColumnPairValuesAToBeGreaterThanB",
            {"column_A": "a", "column_B": "b", "or_equal": True, "ignore_row_if": either},
        ),
        ("ExpectTableRowCountToBeBetween", {"min_value": 1, "max_value": 4}),
        ("ExpectTableColumnsToMatchSet", {"column_set": ["a", "b", "s"], "exact_match": True}),
        ("ExpectTableColumnsToMatchSet", {"column_set": ["a", "b"], "exact_match": True}),
    ]


@pytest.mark.parametrize("rows", [5, 1, 0])
@pytest.mark.parametrize(("name", "kwargs"), shipped())
def test_the_answers_are_those_of_great_expectations_on_pandas(
    contexts: Any, name: str, kwargs: dict[str, Any], rows: int
) -> None:
    import great_expectations.expectations as gxe
    from great_expectations.core.result_format import ResultFormat

    from expectations.polars_engine import PolarsBatch
    from expectations.warehouse_engine import RelationBatch

    frame = FRAME.head(rows)
    expectation = getattr(gxe, name)(**kwargs)
    duck = Duck(stage__t=frame)
    sources: dict[str, tuple[str, Any]] = {
        "pandas": ("add_pandas", frame.to_pandas()),
        "polars": ("add_polars", PolarsBatch(frame.lazy())),
        "warehouse": ("add_warehouse", RelationBatch("stage.t", duck.query)),
    }
    answers = {}
    for kind, (add, data) in sources.items():
        source = contexts.data_sources.all().get(kind) or getattr(contexts.data_sources, add)(kind)
        asset_of: Callable[[str], Any] = getattr(source, "add_dataframe_asset", None) or source.add_data_asset
        asset = source.get_asset("t") if "t" in source.get_asset_names() else asset_of("t")
        batch = asset.get_batch(asset.build_batch_request({"dataframe": data}))
        result = batch.validate(expectation, result_format=ResultFormat.SUMMARY)
        assert not result.exception_info["raised_exception"], result.exception_info
        counts = ("element_count", "unexpected_count", "missing_count", "unexpected_percent")
        answers[kind] = (result.success, {c: result.result.get(c) for c in counts}, result.result.get("observed_value"))
    assert answers["polars"] == answers["pandas"]
    assert answers["warehouse"] == answers["pandas"]


def test_a_prepared_suite_gives_what_the_validator_of_great_expectations_gives(
    contexts: Any, orders_contract: Contract
) -> None:
    from great_expectations.validator.validator import Validator

    from expectations.polars_engine import PolarsBatch, PolarsExecutionEngine
    from expectations.validation import PreparedSuite

    suite = compile_suite(orders_contract)
    for frame in (bad_orders(), orders(), orders().head(0)):
        data = PolarsBatch(frame, references=REFERENCES, masks=orders_contract.masks)
        source = contexts.data_sources.all().get("lake") or contexts.data_sources.add_polars("lake")
        asset = source.get_asset("t") if "t" in source.get_asset_names() else source.add_data_asset("t")
        batch = asset.get_batch(asset.build_batch_request({"dataframe": data}))
        validator = Validator(execution_engine=source.get_execution_engine(), batches=[batch], data_context=contexts)
        theirs = validator.graph_validate(
            configurations=suite.expectation_configurations,
            runtime_configuration={"result_format": SUMMARY, "catch_exceptions": False},
        )
        ours = PreparedSuite(suite, PolarsExecutionEngine).run(data)
        for mine, its in zip(ours, theirs, strict=True):
            assert (mine.success, mine.result) == (its.success, its.result)


def test_a_compiled_rule_finds_what_the_rule_itself_finds(gate_module: Any, orders_contract: Contract) -> None:
    from expectations.gate import _read
    from expectations.polars_engine import PolarsBatch, PolarsExecutionEngine
    from expectations.validation import PreparedSuite

    frame = frame_of([tuple(column[n % len(column)] for column in VALUES.values()) for n in range(24)]).lazy()
    rules = [*ROW_RULES, *TABLE_RULES]
    suite = suite_json(orders_contract) | {"expectations": [expectation_json(r, orders_contract) for r in rules]}
    data = PolarsBatch(frame, references=references())
    results = PreparedSuite(load_suite(suite), PolarsExecutionEngine).run(data)
    for result, found in zip(results, measure(frame, rules, references()), strict=True):
        read = _read(found.rule, result)
        assert (read.evaluated, read.failed, read.success) == (found.evaluated, found.failed, found.success), read


def test_a_suite_that_passes_is_one_collect_and_one_that_fails_two(
    gate_module: Any, orders_contract: Contract, collects: list[int]
) -> None:
    from expectations.polars_engine import PolarsBatch, PolarsExecutionEngine
    from expectations.validation import PreparedSuite

    suite = PreparedSuite(compile_suite(orders_contract), PolarsExecutionEngine)
    good = PolarsBatch(orders(status=["paid"] * 3), references=REFERENCES)
    assert all(r.success for r in suite.run(good))
    assert len(collects) == 1
    suite.run(PolarsBatch(bad_orders(), references=REFERENCES))
    assert len(collects) == 3


def test_a_suite_on_the_warehouse_is_one_select_and_a_second_for_samples(
    gate_module: Any, orders_contract: Contract
) -> None:
    from expectations.validation import PreparedSuite
    from expectations.warehouse_engine import RelationBatch, WarehouseExecutionEngine

    suite = PreparedSuite(compile_suite(orders_contract), WarehouseExecutionEngine)
    good = orders(status=["paid"] * 3)
    duck = Duck(stage__good=good.collect(), stage__bad=bad_orders().collect(), clean__customers=CUSTOMERS.collect())
    assert all(r.success for r in suite.run(RelationBatch("stage.good", duck.query)))
    assert len(duck.statements) == 1
    suite.run(RelationBatch("stage.bad", duck.query))
    assert len(duck.statements) == 3


@pytest.mark.parametrize(
    ("name", "kwargs", "why"),
    [
        ("ExpectColumnMedianToBeBetween", {"column": "a", "min_value": 0}, "No provider"),
        ("ExpectColumnPairValuesToBeEqual", {"column_A": "a", "column_B": "b"}, "only ignore_row_if"),
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["a", "b"]}, "only ignore_row_if"),
        ("ExpectColumnValuesToBeUnique", {"column": "a", "row_condition": True}, "row conditions are not run"),
    ],
)
def test_the_warehouse_engine_refuses_what_it_cannot_run(
    gate_module: Any, name: str, kwargs: dict[str, Any], why: str
) -> None:
    import great_expectations.expectations as gxe
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.row_conditions import Column

    from expectations.validation import PreparedSuite
    from expectations.warehouse_engine import RelationBatch, WarehouseExecutionEngine

    if "row_condition" in kwargs:
        kwargs = {**kwargs, "row_condition": Column("a") > 1}
    suite = ExpectationSuite("t", [getattr(gxe, name)(**kwargs)])
    with pytest.raises(ValueError, match=why):
        PreparedSuite(suite, WarehouseExecutionEngine).run(RelationBatch("stage.t", Duck(stage__t=FRAME).query))


def test_personal_data_are_masked_in_every_result(gate_module: Any, orders_contract: Contract) -> None:
    from expectations.polars_engine import PolarsBatch, PolarsExecutionEngine
    from expectations.validation import PreparedSuite

    data = PolarsBatch(bad_orders(), references=REFERENCES, masks=orders_contract.masks)
    results = PreparedSuite(compile_suite(orders_contract), PolarsExecutionEngine).run(data)
    text = str([r.to_json_dict() for r in results])
    assert "nobody" not in text
    assert "***dy" in text
