"""What a result tells in each format: as much as Great Expectations tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from conformance.cases import CASES
from conformance.differences import assert_same

_FORMATS: Mapping[str, Mapping[str, Any]] = {
    "BOOLEAN_ONLY": {"result_format": "BOOLEAN_ONLY"},
    "BASIC": {"result_format": "BASIC"},
    "SUMMARY": {"result_format": "SUMMARY"},
    "COMPLETE": {"result_format": "COMPLETE"},
    "BASIC with rows": {"result_format": "BASIC", "include_unexpected_rows": True},
    "BASIC with query": {"result_format": "BASIC", "return_unexpected_index_query": True},
    "SUMMARY of two": {"result_format": "SUMMARY", "partial_unexpected_count": 2, "include_unexpected_rows": True},
    "SUMMARY of none": {"result_format": "SUMMARY", "partial_unexpected_count": 0},
    "SUMMARY by id": {"result_format": "SUMMARY", "unexpected_index_column_names": ["id"]},
    "COMPLETE by two columns": {"result_format": "COMPLETE", "unexpected_index_column_names": ["id", "name"]},
    "COMPLETE without values": {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": ["id"],
        "exclude_unexpected_values": True,
    },
    "COMPLETE without query": {"result_format": "COMPLETE", "return_unexpected_index_query": False},
}
_FORMATTED = (
    "ExpectColumnValuesToBeInSet",
    "ExpectColumnValuesToBeUnique",
    "ExpectColumnPairValuesToBeEqual",
    "ExpectCompoundColumnsToBeUnique",
    "ExpectMulticolumnSumToEqual",
    "ExpectColumnMaxToBeBetween",
    "ExpectColumnDistinctValuesToBeInSet",
    "ExpectTableRowCountToEqual",
    "UnexpectedRowsExpectation",
    "ExpectQueryResultsToMatchComparison",
)


@pytest.mark.parametrize("result_format", _FORMATS.values(), ids=_FORMATS)
@pytest.mark.parametrize("name", _FORMATTED)
def test_results_have_the_format_that_is_asked_for(name: str, result_format: Mapping[str, Any], engines: Any) -> None:
    frame = "nulls"
    case = next(case for case in CASES if case.name == name and case.passes is False and frame in case.frames)
    reference = engines.theirs([case], frame, result_format)[case.id]
    assert reference.raised is None
    assert_same(reference, engines.ours([case], frame, result_format)[case.id], case, frame)
