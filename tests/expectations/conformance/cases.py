"""For each expectation that Great Expectations ships: what passes and what fails on the frame `plain`.

On the other frames the reference says what is right.
"""

from __future__ import annotations

from conformance.case import Case
from conformance.cases_arguments import ARGUMENTS
from conformance.cases_column_values import COLUMN_VALUES
from conformance.cases_columns import COLUMNS
from conformance.cases_rows import COLUMN_PAIRS, CONDITIONED, MULTICOLUMN
from conformance.cases_tables import QUERIES, TABLES, TYPES

CASES = (*COLUMN_VALUES, *COLUMN_PAIRS, *MULTICOLUMN, *COLUMNS, *TABLES, *TYPES, *QUERIES, *CONDITIONED, *ARGUMENTS)

# Great Expectations lists it and cannot run it: it is abstract there, so not in the registry of expectations.
NEVER_RUN = Case("ExpectMulticolumnValuesToBeUnique", {"column": "a", "column_list": ["a", "b"]}, False, ("plain",))


def asked_on(frame: str) -> list[Case]:
    """The cases that are asked of a frame."""
    return [case for case in CASES if frame in case.frames]
