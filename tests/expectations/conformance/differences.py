"""Where our answers are honestly not those of Great Expectations, and what it cannot answer: each with a reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from conformance.case import Case, Kwargs
from conformance.cases_arguments import DECIMALS, FOREIGN, LOOK_AROUND, REFUSED, ROUNDED, UNFIT, WRITTEN
from conformance.comparison import Answer, DifferentAnswer, differences

# Fields of a result that are not compared; a test holds that they differ.
NOT_COMPARED: Mapping[str, str] = {
    "unexpected_index_query": "a text in the language of the engine: `df.filter(…)`, SQL",
}


@dataclass(frozen=True)
class Where:
    """Cases on frames: those that have one of each; what is not given is any."""

    names: Collection[str] = ()
    frames: Collection[str] = ()
    columns: Collection[str] = ()
    says: Kwargs = field(default_factory=dict)
    cases: Collection[Case] = ()

    def holds(self, case: Case, frame: str) -> bool:
        """Whether the case on the frame is meant."""
        return (
            (not self.names or case.name in self.names)
            and (not self.frames or frame in self.frames)
            and (not self.columns or bool(set(self.columns) & case.columns))
            and (not self.cases or case.id in {one.id for one in self.cases})
            and all(key in case.kwargs and case.kwargs[key] == value for key, value in self.says.items())
        )


@dataclass(frozen=True)
class Difference:
    """A strictly expected failure: where an answer becomes the same, or differs elsewhere, the test says so."""

    reason: str
    fields: Collection[str]
    where: tuple[Where, ...]


@dataclass(frozen=True)
class ReferenceRaises:
    """Great Expectations' own engine crashes; `ours` are fields of our answer, None where we raise too."""

    reason: str
    where: Where
    ours: Mapping[str, Any] | None = None


_COUNTED = (
    "success",
    "unexpected_count",
    "unexpected_percent",
    "unexpected_percent_total",
    "unexpected_percent_nonmissing",
    "missing_count",
    "missing_percent",
    "partial_unexpected_list",
    "partial_unexpected_counts",
    "partial_unexpected_index_list",
    "unexpected_list",
    "unexpected_index_list",
    "unexpected_rows",
)
_LIKE = (
    "ExpectColumnValuesToMatchLikePattern",
    "ExpectColumnValuesToMatchLikePatternList",
    "ExpectColumnValuesToNotMatchLikePattern",
    "ExpectColumnValuesToNotMatchLikePatternList",
)
_SPREAD = ("ExpectColumnValueZScoresToBeLessThan", "ExpectColumnValuesToNotBeOutliers")
_BY_VALUE = (
    "ExpectColumnValuesToNotBeNull",
    "ExpectColumnValuesToBeNull",
    "ExpectColumnValuesToBeInSet",
    "ExpectColumnValuesToBeBetween",
    "ExpectColumnValuesToBeUnique",
    "ExpectColumnValuesToBeIncreasing",
)
_NUMBERS = (
    "ExpectColumnMeanToBeBetween",
    "ExpectColumnMedianToBeBetween",
    "ExpectColumnSumToBeBetween",
    "ExpectColumnStdevToBeBetween",
)
DIFFERENCES = (
    Difference(
        "dates, instants and decimals that a suite holds as text are read as the column's type; pandas compares text",
        _COUNTED,
        (Where(cases=WRITTEN),),
    ),
    Difference(
        "a float is taken as the decimal that it is written as; to Python, 0.01 is more than Decimal('0.01')",
        _COUNTED,
        (Where(cases=ROUNDED),),
    ),
    Difference(
        "types that do not fit are refused; pandas finds nothing equal, or converts", ["raised"], (Where(cases=UNFIT),)
    ),
    Difference("Polars' regular expressions have no look-around", ["raised"], (Where(cases=LOOK_AROUND),)),
    Difference("a condition in the query language of pandas is refused", ["raised"], (Where(cases=FOREIGN),)),
    Difference(
        "on pandas the values of instants with a zone lose it, and are those of UTC",
        ("partial_unexpected_list", "partial_unexpected_counts", "unexpected_list"),
        (
            Where(
                names=["ExpectColumnPairValuesAToBeGreaterThanB"],
                columns=["seen_at"],
                says={"or_equal": True},
                frames=["plain", "nulls"],
            ),
        ),
    ),
    Difference(
        "NaN is a value to Polars and SQL, a missing one to pandas: it is counted, and no set or bounds hold it",
        _COUNTED,
        (Where(names=_BY_VALUE, columns=["price"], frames=["nan"]),),
    ),
    Difference(
        "a number that NaN went into is NaN here; pandas leaves NaN out",
        ("success", "observed_value", "details"),
        (Where(names=[*_NUMBERS, "ExpectColumnKLDivergenceToBeLessThan"], columns=["price"], frames=["nan"]),),
    ),
    Difference(
        "NaN and infinities are outliers here; in pandas they make the spread NaN, and then nothing is one",
        _COUNTED,
        (Where(names=_SPREAD, columns=["price"], frames=["nan", "infinite"]),),
    ),
    Difference(
        "half way from minus infinity is NaN in Polars' formula, minus infinity in numpy's",
        ("observed_value",),
        (
            Where(
                names=["ExpectColumnQuantileValuesToBeBetween"],
                says={"allow_relative_error": "midpoint"},
                frames=["infinite"],
            ),
        ),
    ),
    Difference(
        "pandas has no integers with NULL: their text is that of floats, 2.0",
        _COUNTED,
        (
            Where(names=["ExpectColumnValueLengthsToBeBetween"], columns=["a"], frames=["nulls"]),
            Where(names=["ExpectColumnValuesToMatchRegex"], columns=["a"], frames=["nulls"]),
        ),
    ),
    Difference(
        "a combining mark is part of a word in Polars' regular expressions (Unicode TR18), not in Python's",
        _COUNTED,
        (Where(names=["ExpectColumnValuesToMatchRegex"], says={"regex": r"^\w+$"}, frames=["unicode"]),),
    ),
    Difference(
        "SQLite's LIKE ignores the case of ASCII letters; the SQL standard's, Redshift's and ours do not",
        _COUNTED,
        (Where(names=_LIKE, says={"like_pattern": "A%"}, frames=["plain"]),),
    ),
    Difference(
        "SQLite's sum of no rows is NULL, and so is their count of unexpected values; ours is 0",
        ("unexpected_count",),
        (Where(names=_LIKE, frames=["empty"]),),
    ),
)

_HIGH, _LARGE = Decimal("99.99"), Decimal("123456789012.34")
_FLOAT = "it multiplies and adds floats and decimals, which Python refuses"
_DECIMAL = "its conversion of decimals to floats has no NULL"
_JSON = "it lets the error of the JSON parser through; text that is no JSON is unexpected here"
REFERENCE_RAISES = (
    ReferenceRaises("types do not fit, a column is not there, an argument cannot be", Where(cases=REFUSED)),
    *(
        ReferenceRaises(_FLOAT, Where(names=[name], cases=DECIMALS, frames=[frame]), ours=ours)
        for name, frame, ours in (
            ("ExpectColumnValueZScoresToBeLessThan", "plain", {"success": False, "unexpected_list": [_LARGE]}),
            ("ExpectColumnValueZScoresToBeLessThan", "nulls", {"success": True, "missing_count": 2}),
            ("ExpectColumnValuesToNotBeOutliers", "plain", {"success": False, "unexpected_list": [_HIGH, _LARGE]}),
            ("ExpectColumnValuesToNotBeOutliers", "nulls", {"success": True, "missing_count": 2}),
            ("ExpectMulticolumnSumToEqual", "plain", {"success": False, "unexpected_count": 8}),
            ("ExpectMulticolumnSumToEqual", "nulls", {"success": False, "unexpected_count": 4, "missing_count": 2}),
        )
    ),
    ReferenceRaises(
        _DECIMAL,
        Where(names=["ExpectColumnMeanToBeBetween"], columns=["amount"], frames=["nulls"]),
        ours={"success": True, "observed_value": 5.0},
    ),
    ReferenceRaises(
        _DECIMAL,
        Where(names=["ExpectColumnSumToBeBetween"], columns=["amount"], frames=["nulls"]),
        ours={"success": False, "observed_value": 20},
    ),
    ReferenceRaises(
        _DECIMAL,
        Where(names=["ExpectColumnStdevToBeBetween"], columns=["amount"], frames=["nulls"]),
        # The sample deviation of 10, 0.1, -0.1 and 10.
        ours={"success": False, "observed_value": 5.77408001330082},
    ),
    ReferenceRaises(
        _JSON,
        Where(names=["ExpectColumnValuesToMatchJsonSchema"], columns=["document"], frames=["nulls"]),
        ours={"success": False, "unexpected_count": 3, "unexpected_list": ["{", "NaN", ""], "missing_count": 2},
    ),
    ReferenceRaises(
        _JSON,
        Where(names=["ExpectColumnValuesToMatchJsonSchema"], columns=["document"], frames=["unicode"]),
        ours={"success": False, "unexpected_count": 2, "unexpected_list": ['"\\ud83d\\uded2"', "🛒"]},
    ),
)


def difference(case: Case, frame: str) -> Difference | None:
    """The difference that is expected, if one is."""
    return next((d for d in DIFFERENCES if any(where.holds(case, frame) for where in d.where)), None)


def reference_raises(case: Case, frame: str) -> ReferenceRaises | None:
    """What is known about the reference's crash there, if it is known to crash."""
    return next((r for r in REFERENCE_RAISES if r.where.holds(case, frame)), None)


def assert_same(reference: Answer, answer: Answer, case: Case, frame: str) -> None:
    """Raise `DifferentAnswer` if the answers differ, and fail if they differ in more than is expected."""
    found = differences(reference, answer, {**reference.result, **answer.result} if case.only_success else NOT_COMPARED)
    if not found:
        return
    expected = difference(case, frame)
    where = {place.partition(":")[0].partition(".")[0].partition("[")[0] for place in found}
    if expected is not None and where - set(expected.fields):
        raise AssertionError(f"differs elsewhere than in {sorted(expected.fields)}:\n" + "\n".join(found))
    raise DifferentAnswer("\n".join(found))
