"""Personal data: judged as they are, and masked in everything that the Polars engine reports."""

from __future__ import annotations

import json
import pickle
from copy import deepcopy
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from polars_samples import expectations
from test_polars_metrics import COMPLETE, prepared

pytestmark = pytest.mark.usefixtures("gate_module")
SECRETS = ("ann@secret.example", "bob@secret.example", "5417", "1999")
FRAME = pl.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "email": ["ann@secret.example", "bob@secret.example", None, "ann@secret.example"],
        "pin": [5417, 5417, 5410, 5417],
        "born": [date(1999, 1, 2), date(1999, 3, 4), None, date(1999, 1, 2)],
        "seen": [datetime(1999, 1, 2), datetime(1999, 3, 4), None, datetime(1999, 1, 2)],
    }
)
MASKS = {"email": "email", "pin": "redact", "born": "redact", "seen": "hash"}


def reporting() -> list[tuple[str, dict[str, Any]]]:
    def query(text: str) -> tuple[str, dict[str, Any]]:
        return "UnexpectedRowsExpectation", {"unexpected_rows_query": text}

    return [
        ("ExpectColumnValuesToBeNull", {"column": "email"}),
        ("ExpectColumnValuesToBeUnique", {"column": "email"}),
        ("ExpectColumnValuesToBeInSet", {"column": "pin", "value_set": [1]}),
        ("ExpectColumnValuesToBeInSet", {"column": "id", "value_set": [0]}),
        ("ExpectColumnPairValuesToBeEqual", {"column_A": "id", "column_B": "pin"}),
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["email", "born"]}),
        ("ExpectColumnMaxToBeBetween", {"column": "pin", "max_value": 1}),
        ("ExpectColumnMinToBeBetween", {"column": "born", "min_value": date(2000, 1, 1)}),
        ("ExpectColumnMaxToBeBetween", {"column": "seen", "min_value": datetime(2000, 1, 1)}),
        ("ExpectColumnMedianToBeBetween", {"column": "pin", "max_value": 1}),
        ("ExpectColumnMostCommonValueToBeInSet", {"column": "email", "value_set": ["x"]}),
        ("ExpectColumnDistinctValuesToBeInSet", {"column": "email", "value_set": ["x"]}),
        ("ExpectColumnDistinctValuesToBeInSet", {"column": "born", "value_set": [date(2000, 1, 1)]}),
        query("SELECT * FROM {batch}"),
        query("SELECT email AS id FROM {batch}"),
        query("SELECT CONCAT(id, email) FROM {batch}"),
        query("SELECT UPPER(email) AS x, id FROM {batch}"),
        query("SELECT x FROM (SELECT email AS x FROM {batch}) AS t"),
        query("WITH t AS (SELECT born AS x FROM {batch}) SELECT x FROM t"),
        query("SELECT id FROM {batch} WHERE id = 0 UNION ALL SELECT pin FROM {batch}"),
        query("SELECT COLUMNS('email') AS x FROM {batch}"),
        query("SELECT * RENAME (email AS x) FROM {batch}"),
        (
            "ExpectQueryResultsToMatchComparison",
            {
                "base_query": "SELECT email FROM {batch}",
                "comparison_query": "SELECT email FROM other",
                "comparison_data_source_name": "references",
            },
        ),
    ]


@pytest.mark.parametrize(("name", "kwargs"), reporting())
def test_no_result_tells_personal_data(name: str, kwargs: dict[str, Any]) -> None:
    from expectations.polars_engine import PolarsBatch

    other = {"other": pl.LazyFrame({"email": ["eve@secret.example"] * 4})}
    suite = prepared(expectations([(name, kwargs)]), result_format=COMPLETE)
    (bare,) = suite.run(PolarsBatch(FRAME.lazy(), references=other))
    (masked,) = suite.run(PolarsBatch(FRAME.lazy(), references=other, masks=MASKS))
    assert not bare.success
    assert not masked.success
    assert any(secret in _all_texts(bare) for secret in SECRETS), "the case would show nothing anyway"
    assert not [secret for secret in (*SECRETS, "eve@") if secret in _all_texts(masked)]


def _all_texts(result: Any) -> str:
    told = result.result
    texts = (json.dumps(told, default=str), repr(told), str(deepcopy(told)), json.dumps(result.to_json_dict()))
    return " ".join(texts).lower()


def test_personal_data_are_judged_as_they_are() -> None:
    from expectations.polars_engine import PolarsBatch

    cases: list[tuple[str, dict[str, Any]]] = [
        ("ExpectColumnMaxToBeBetween", {"column": "pin", "min_value": 5417, "max_value": 5417}),
        (
            "ExpectColumnMinToBeBetween",
            {"column": "born", "min_value": date(1999, 1, 2), "max_value": date(1999, 1, 2)},
        ),
        ("ExpectColumnMostCommonValueToBeInSet", {"column": "email", "value_set": ["ann@secret.example"]}),
        (
            "ExpectQueryResultsToMatchComparison",
            {
                "base_query": "SELECT pin FROM {batch}",
                "comparison_query": "SELECT pin FROM other",
                "comparison_data_source_name": "references",
            },
        ),
    ]
    data = PolarsBatch(FRAME.lazy(), references={"other": FRAME.lazy()}, masks=MASKS)
    assert all(r.success for r in prepared(expectations(cases)).run(data))
    # All pins have one mask, and are not equal for that.
    changed = FRAME.lazy().with_columns(pin=pl.lit(1))
    data = PolarsBatch(FRAME.lazy(), references={"other": changed}, masks=MASKS)
    assert not prepared(expectations(cases[-1:])).run(data)[0].success


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        (
            "ExpectColumnKLDivergenceToBeLessThan",
            {"column": "email", "partition_object": {"values": ["x"], "weights": [1.0]}, "threshold": 1},
        ),
        ("ExpectColumnKLDivergenceToBeLessThan", {"column": "pin", "threshold": 1}),
        (
            "ExpectColumnQuantileValuesToBeBetween",
            {"column": "pin", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 2]]}},
        ),
    ],
)
def test_a_distribution_of_personal_data_is_refused(name: str, kwargs: dict[str, Any]) -> None:
    from expectations.polars_engine import PolarsBatch

    with pytest.raises(Exception, match=r"personal data|column\.partition"):
        prepared(expectations([(name, kwargs)])).run(PolarsBatch(FRAME.lazy(), masks=MASKS))


def test_a_hidden_value_is_copied_as_its_mask() -> None:
    from expectations.polars_metrics.hiding import hidden, told

    for value in ("ann", 5, date(2024, 1, 2), datetime(2024, 1, 2, 3)):
        one = hidden(value, "redact")
        assert one == value
        assert hash(one) == hash(value)
        assert {str(one), f"{one}", told(one), pickle.loads(pickle.dumps(one)), str(deepcopy(one))} == {"***"}
        assert type(told(one)) is str
    assert hidden(None, "redact") is None
    assert hidden([1, None], "redact") == [1, None]
