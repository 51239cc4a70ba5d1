"""The Polars engine of Great Expectations: one pass, nothing unsupported passes, one function per expectation.

What each expectation answers is held against Great Expectations' own engines in `conformance/`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars_samples import FRAME, REFERENCES, expectations, failing

pytestmark = pytest.mark.usefixtures("gate_module")  # importing Great Expectations takes seconds: once for all
COMPLETE = {"result_format": "COMPLETE", "unexpected_index_column_names": ["id"], "include_unexpected_rows": True}


@pytest.fixture(scope="module")
def validate(gate_module: Any) -> Any:
    """Through the public API: a function of an expectation or suite, and of the batch."""
    import great_expectations as gx

    import expectations.flat_datasource

    assert expectations.flat_datasource
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_polars("polars_metrics").add_data_asset("t")

    def validated(asked: Any, data: Any, result_format: Any = "COMPLETE") -> Any:
        batch = asset.get_batch(asset.build_batch_request({"dataframe": data}))
        return batch.validate(asked, result_format=result_format)

    return validated


def batch(frame: pl.LazyFrame | None = None, **more: Any) -> Any:
    from expectations.polars_engine import PolarsBatch

    return PolarsBatch(FRAME.lazy() if frame is None else frame, references=REFERENCES, **more)


def prepared(asked: list[Any], **options: Any) -> Any:
    from great_expectations import ExpectationSuite

    from expectations.polars_engine import PolarsExecutionEngine
    from expectations.validation import PreparedSuite

    return PreparedSuite(ExpectationSuite("t", asked), PolarsExecutionEngine, **options)


def test_a_suite_of_every_kind_is_one_collect_and_a_second_for_what_failed(collects: list[int]) -> None:
    from great_expectations.expectations.row_conditions import Column

    condition = {"row_condition": Column("id") <= 3}
    conditioned = expectations([c for c in failing() if "Column" in c[0] and "column" in c[1]], **condition)
    suite = prepared([*expectations(failing()), *conditioned])
    assert not any(result.success for result in suite.run(batch())[: len(failing())])
    assert len(collects) == 2
    suite.run(batch(FRAME.clear().lazy()))
    assert len(collects) == 3


def test_a_file_answers_as_a_frame_in_memory_does(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "t.parquet")
    suite = prepared(expectations(failing()), result_format=COMPLETE)
    scanned = suite.run(batch(pl.scan_parquet(tmp_path / "t.parquet")))
    assert [r.result for r in scanned] == [r.result for r in suite.run(batch())]


@pytest.mark.parametrize("level", ["BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE"])
def test_a_prepared_suite_gives_what_the_validator_gives(validate: Any, level: str) -> None:
    from great_expectations import ExpectationSuite

    asked = expectations(failing(), severity="warning")
    asked += expectations([("ExpectColumnKLDivergenceToBeLessThan", {"column": "a", "threshold": 0.1})])
    result_format = {**COMPLETE, "result_format": level}
    theirs = validate(ExpectationSuite("s", asked), batch(), result_format).results
    ours = prepared(asked, result_format=result_format).run(batch())
    by_config = {_asked(r): r for r in theirs}
    for mine in ours:
        its = by_config[_asked(mine)]
        assert not its.exception_info["raised_exception"], its.exception_info
        assert (mine.success, str(mine.result)) == (its.success, str(its.result))
        assert mine.expectation_config.severity == its.expectation_config.severity


def _asked(result: Any) -> str:
    config = result.expectation_config
    return json.dumps([config.type, config.kwargs | {"batch_id": ""}], default=str)


def test_a_new_expectation_is_one_class_and_one_function(validate: Any) -> None:
    from great_expectations.expectations.expectation import ColumnMapExpectation

    from expectations.polars_metrics.registry import Column, row

    class ExpectColumnValuesToDivideBy(ColumnMapExpectation):
        """Every value divides by a number."""

        map_metric = "column_values.divide_by"
        success_keys = ("divisor", "mostly")
        divisor: int = 2

    @row("column_values.divide_by")
    def divide_by(column: Column, *, divisor: int) -> pl.Expr:
        return column.value % divisor != 0

    result = validate(ExpectColumnValuesToDivideBy(column="a", divisor=2), batch(), COMPLETE)
    assert result.result["unexpected_list"] == [1, 5, 9]
    assert result.result["unexpected_index_list"][0] == {"a": 1, "id": 1}
    assert result.result["missing_count"] == 1
    assert validate(ExpectColumnValuesToDivideBy(column="a", divisor=2, mostly=0.4), batch()).success
    assert prepared([ExpectColumnValuesToDivideBy(column="id", divisor=1)]).run(batch())[0].success


def test_an_aggregate_of_ones_own(validate: Any) -> None:
    from great_expectations.expectations.expectation import ColumnAggregateExpectation

    from expectations.polars_metrics.registry import Column, aggregate

    class ExpectColumnRangeToBeAtMost(ColumnAggregateExpectation):
        """The greatest less the least value."""

        metric_dependencies = ("column.range",)
        success_keys = ("most",)
        most: float = 0

        def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
            return {"success": metrics["column.range"] <= self.most, "result": {"observed_value": metrics}}

    @aggregate("column.range")
    def value_range(column: Column) -> pl.Expr:
        return column.value.max() - column.value.min()

    assert validate(ExpectColumnRangeToBeAtMost(column="a", most=8), batch()).success
    assert not validate(ExpectColumnRangeToBeAtMost(column="a", most=7), batch()).success


def test_an_expectation_whose_metric_is_unknown_raises_and_fails_alone(validate: Any) -> None:
    import great_expectations.expectations as gxe
    from great_expectations import ExpectationSuite
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.expectations.expectation import ColumnMapExpectation
    from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial

    class ColumnValuesMadeUp(ColumnMapMetricProvider):
        condition_metric_name = "column_values.made_up"

        @column_condition_partial(engine=PandasExecutionEngine)
        def _pandas(cls, column: Any, **kwargs: Any) -> Any:
            return column == column

    class ExpectColumnValuesToBeMadeUp(ColumnMapExpectation):
        """Has a metric on pandas alone."""

        map_metric = "column_values.made_up"

    with pytest.raises(ValueError, match=r"expect_column_values_to_be_made_up: No provider found for .*made_up"):
        prepared([ExpectColumnValuesToBeMadeUp(column="a")])
    good = gxe.ExpectTableRowCountToEqual(value=6)
    results = validate(ExpectationSuite("s", [good, ExpectColumnValuesToBeMadeUp(column="a")]), batch()).results
    assert {r.expectation_config.type: r.success for r in results} == {
        "expect_table_row_count_to_equal": True,
        "expect_column_values_to_be_made_up": False,
    }


@pytest.mark.parametrize(
    ("name", "kwargs", "why"),
    [
        ("ExpectColumnValuesToBeUnique", {"column": "nowhere"}, "no column nowhere"),
        ("ExpectColumnMeanToBeBetween", {"column": "name", "min_value": 0}, "column name is String, not a number"),
        ("ExpectColumnValuesToMatchRegex", {"column": "name", "regex": "(?=a)"}, "look-ahead"),
        ("ExpectColumnValuesToBeInSet", {"column": "a", "value_set": ["x"]}, "'x' is not a value of Int64"),
        ("ExpectColumnValuesToBeBetween", {"column": "name", "min_value": 1}, "String, not a number"),
        ("ExpectColumnValuesToBeIncreasing", {"column": "name"}, "not a number, date or instant"),
        ("ExpectColumnPairValuesToBeEqual", {"column_A": "a", "column_B": "name"}, "column_pair_values.equal"),
        ("ExpectColumnValuesToMatchJsonSchema", {"column": "name", "json_schema": {"type": "x"}}, "not valid under"),
        ("ExpectColumnValuesToBeOfType", {"column": "a", "type_": "Quux"}, "no type is called Quux"),
        ("ExpectTableRowCountToEqualOtherTable", {"other_table_name": "gone"}, "not given with the batch"),
        ("UnexpectedRowsExpectation", {"unexpected_rows_query": "SELECT gone FROM {batch}"}, "cannot run the query"),
        (
            "ExpectQueryResultsToMatchComparison",
            {
                "base_query": "SELECT 1 AS one FROM {batch}",
                "comparison_query": "SELECT 1 AS one",
                "comparison_data_source_name": "gone",
            },
            "neither 'references'",
        ),
        ("ExpectColumnDistinctValuesToBeInSet", {"column": "day", "value_set": ["no day"]}, "not a value of Date"),
    ],
)
def test_what_cannot_be_run_raises_and_is_named(validate: Any, name: str, kwargs: dict[str, Any], why: str) -> None:
    (asked,) = expectations([(name, kwargs)])
    with pytest.raises(ValueError, match=why):
        prepared([asked]).run(batch())
    result = validate(asked, batch())
    assert not result.success
    assert why in json.dumps(result.exception_info)


def test_one_expectation_that_cannot_be_collected_does_not_take_the_others_along(validate: Any) -> None:
    import great_expectations.expectations as gxe
    from great_expectations import ExpectationSuite

    bad = gxe.ExpectColumnValuesToMatchRegex(column="name", regex="(?=a)")
    results = validate(ExpectationSuite("s", [gxe.ExpectTableRowCountToEqual(value=6), bad]), batch()).results
    assert sorted(r.success for r in results) == [False, True]


def test_each_expectation_that_cannot_be_run_says_why_itself(validate: Any) -> None:
    import great_expectations.expectations as gxe
    from great_expectations import ExpectationSuite

    asked = [gxe.ExpectColumnMeanToBeBetween(column=column) for column in ("gone", "lost")]
    for result in validate(ExpectationSuite("s", asked), batch()).results:
        mine, other = sorted(("gone", "lost"), key=lambda c: c != result.expectation_config.kwargs["column"])
        message = json.dumps([info["exception_message"] for info in result.exception_info.values()])
        assert mine in message
        assert other not in message
    with pytest.raises(ValueError, match=r"gone.*lost"):
        prepared(asked).run(batch())


@pytest.mark.filterwarnings("ignore:.*row_condition:DeprecationWarning", "ignore:.*condition_parser:DeprecationWarning")
def test_the_old_text_of_a_row_condition_is_read_and_pandas_text_is_refused() -> None:
    import great_expectations.expectations as gxe

    old = gxe.ExpectTableRowCountToEqual(
        value=2, row_condition='col("name") == "ann"', condition_parser="great_expectations"
    )
    assert prepared([old]).run(batch())[0].success
    pandas = gxe.ExpectTableRowCountToEqual(value=2, row_condition='name == "ann"', condition_parser="pandas")
    with pytest.raises(ValueError, match="text for another engine"):
        prepared([pandas]).run(batch())


def test_a_row_condition_holds_for_pairs_in_a_set() -> None:
    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    asked = {"column_A": "id", "column_B": "name", "value_pairs_set": [(1, "ann")]}
    where = gxe.ExpectColumnPairValuesToBeInSet(**asked, row_condition=Column("id") == 1)
    assert [r.success for r in prepared([where]).run(batch())] == [True]


def test_the_index_query_finds_the_unexpected_rows() -> None:
    import great_expectations.expectations as gxe

    asked = gxe.ExpectColumnValuesToBeBetween(column="a", max_value=2)
    (result,) = prepared([asked], result_format={"result_format": "COMPLETE"}).run(batch())
    assert result.result["unexpected_index_list"] == [4, 5]
    found = eval(result.result["unexpected_index_query"], {"df": FRAME, "pl": pl})
    assert found["a"].to_list() == result.result["unexpected_list"] == [5, 9]


def test_lists_are_cut_where_great_expectations_cuts_them(collects: list[int]) -> None:
    import great_expectations.expectations as gxe

    frame = pl.LazyFrame({"a": range(1000)})
    asked = gxe.ExpectColumnValuesToBeNull(column="a")
    for level, values, indexes in (("SUMMARY", 7, None), ("COMPLETE", 200, 1000)):
        result_format = {"result_format": level, "partial_unexpected_count": 7}
        (result,) = prepared([asked], result_format=result_format).run(batch(frame))
        assert len(result.result["partial_unexpected_list"]) == 7
        if indexes:
            assert len(result.result["unexpected_list"]) == values
            assert len(result.result["unexpected_index_list"]) == indexes


def test_values_left_out_of_a_result_stand_nowhere_in_it() -> None:
    import great_expectations.expectations as gxe

    result_format = {"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]}
    asked = gxe.ExpectColumnValuesToBeInSet(column="name", value_set=["ann"])
    (result,) = prepared([asked], result_format={**result_format, "exclude_unexpected_values": True}).run(batch())
    assert result.result["unexpected_index_list"] == [{"id": [2, 5, 6]}]
    assert "bob" not in str(result.result)


def test_a_sum_is_wider_than_its_values() -> None:
    import great_expectations.expectations as gxe

    from expectations.own import ExpectColumnAggregateToBeBetween

    frame = pl.LazyFrame({"a": [2_000_000_000, 2_000_000_000]}, schema={"a": pl.Int32})
    theirs = gxe.ExpectColumnSumToBeBetween(column="a", min_value=4e9, max_value=4e9)
    ours = ExpectColumnAggregateToBeBetween(column="a", function="sum", min_value=4e9)
    assert [r.success for r in prepared([theirs, ours]).run(batch(frame))] == [True, True]


def test_blank_text_of_a_raw_table_is_missing() -> None:
    import great_expectations.expectations as gxe

    frame = pl.LazyFrame({"a": ["x", " ", "", None]})
    asked = [gxe.ExpectColumnValuesToNotBeNull(column="a"), gxe.ExpectColumnValuesToMatchRegex(column="a", regex="x")]
    null, text = prepared(asked).run(batch(frame, blank_is_null=True))
    assert null.result["unexpected_count"] == 3
    assert (text.success, text.result["missing_count"]) == (True, 3)


def test_a_function_about_nothing_known_is_refused() -> None:
    from expectations.polars_metrics.registry import aggregate, row

    with pytest.raises(TypeError, match="a metric is about one of"):
        row("column_values.odd")(lambda colum: colum)
    with pytest.raises(TypeError, match="also gives min_value"):
        row("column_values.between")(lambda column, *, max_value=None, strict_min=False, strict_max=False: column)
    with pytest.raises(TypeError, match="also gives quantiles"):
        aggregate("column.quantile_values")(lambda column, *, allow_relative_error=False: column)


def test_two_quantiles_of_a_column_are_each_judged_by_their_own(validate: Any) -> None:
    import great_expectations.expectations as gxe
    from great_expectations import ExpectationSuite

    def quantile(share: float, value: int) -> Any:
        ranges = {"quantiles": [share], "value_ranges": [[value, value]]}
        return gxe.ExpectColumnQuantileValuesToBeBetween(column="id", quantile_ranges=ranges)

    asked = [quantile(0, 1), quantile(1, 6), quantile(1, 1)]
    assert [r.success for r in prepared(asked).run(batch())] == [True, True, False]
    results = validate(ExpectationSuite("s", asked), batch()).results
    assert sorted(r.success for r in results) == [False, True, True]
