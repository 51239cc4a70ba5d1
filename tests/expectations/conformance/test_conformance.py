"""Our engine against those of Great Expectations: success, counts, percent and values, on every frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from conformance.case import Case
from conformance.cases import CASES, NEVER_RUN
from conformance.comparison import COUNTS, Answer, Answers, DifferentAnswer, differences, plain
from conformance.differences import (
    DIFFERENCES,
    NOT_COMPARED,
    REFERENCE_RAISES,
    assert_same,
    difference,
    reference_raises,
)

ASKED = [(case, frame) for case in CASES for frame in case.frames]


def parameters() -> list[Any]:
    found = []
    for case, frame in ASKED:
        expected = difference(case, frame)
        marks = [pytest.mark.xfail(reason=expected.reason, raises=DifferentAnswer, strict=True)] if expected else []
        found.append(pytest.param(case, frame, id=f"{case.id} on {frame}", marks=marks))
    return found


@pytest.mark.parametrize(("case", "frame"), parameters())
def test_our_engine_answers_as_great_expectations_does(case: Case, frame: str, theirs: Answers, ours: Answers) -> None:
    reference, answer = theirs(frame)[case.id], ours(frame)[case.id]
    known = reference_raises(case, frame)
    assert (reference.raised is None) == (known is None), reference.raised or "the reference no longer raises"
    if known is not None:
        _assert_answer_where_the_reference_raises(answer, known.ours)
        return
    if frame == case.frames[0] and case.passes is not None:
        assert reference.success is case.passes, f"the case is not what it says it is: {reference}"
    assert_same(reference, answer, case, frame)


def _assert_answer_where_the_reference_raises(answer: Answer, expected: Mapping[str, Any] | None) -> None:
    if expected is None:
        assert answer.raised is not None, f"the reference raises, ours says {answer}"
    else:
        told = {key: plain(value) for key, value in {"success": answer.success, **answer.result}.items()}
        assert not differences(
            Answer(False, expected), Answer(False, {key: told.get(key) for key in expected}, answer.raised)
        )


def test_every_expectation_of_the_core_has_a_case_that_passes_and_one_that_fails() -> None:
    from great_expectations.expectations import core
    from great_expectations.expectations.expectation import Expectation

    shipped = {
        name for name, member in vars(core).items() if isinstance(member, type) and issubclass(member, Expectation)
    }
    by_verdict = {verdict: {case.name for case in CASES if case.passes is verdict} for verdict in (True, False)}
    for named in by_verdict.values():
        assert named == shipped - {NEVER_RUN.name}


def test_what_great_expectations_cannot_run_is_run_by_nobody(engines: Any) -> None:
    from great_expectations.exceptions import ExpectationNotFoundError

    from conformance.engines import COMPLETE

    for ask in (engines.theirs, engines.ours):
        with pytest.raises(ExpectationNotFoundError):
            ask([NEVER_RUN], NEVER_RUN.frames[0], COMPLETE)


def test_cases_have_different_names() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("listed", [*DIFFERENCES, *REFERENCE_RAISES], ids=lambda listed: listed.reason)
def test_what_is_listed_is_asked(listed: Any) -> None:
    for where in listed.where if isinstance(listed.where, tuple) else (listed.where,):
        assert any(where.holds(case, frame) for case, frame in ASKED), where


def test_fields_that_are_not_compared_differ(theirs: Answers, ours: Answers) -> None:
    failed = next(c for c in CASES if c.name == "ExpectColumnValuesToBeInSet" and c.passes is False)
    reference, answer = theirs("plain")[failed.id], ours("plain")[failed.id]
    for name in NOT_COMPARED:
        assert reference.result[name] != answer.result.get(name)


def test_great_expectations_leaves_out_counts_of_values_with_null(theirs: Answers, ours: Answers) -> None:
    failed = next(c for c in CASES if c.name == "ExpectColumnPairValuesToBeEqual" and c.passes is False)
    assert COUNTS in theirs("nulls")[failed.id].result
    assert COUNTS not in ours("nulls")[failed.id].result


_LOW = {"column": "price", "min_value": -3.0, "max_value": 100.0}


@pytest.mark.parametrize(
    ("name", "kwargs", "expected"),
    [
        ("ExpectColumnValuesToNotBeNull", {"column": "price"}, {"success": True, "unexpected_count": 0}),
        ("ExpectColumnValuesToBeBetween", _LOW, {"success": False, "unexpected_count": 1, "missing_count": 0}),
        ("ExpectColumnValuesToBeInSet", {"column": "price", "value_set": [1.5, 2.25]}, {"unexpected_count": 2}),
        ("ExpectColumnMeanToBeBetween", {"column": "price", "max_value": 13}, {"success": False}),
    ],
)
def test_nan_is_a_value(name: str, kwargs: dict[str, Any], expected: dict[str, Any], ours: Answers) -> None:
    answer = ours("nan")[Case(name, kwargs, None).id]
    assert {key: {"success": answer.success, **answer.result}[key] for key in expected} == expected
