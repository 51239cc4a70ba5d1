"""Lists of unexpected rows as Great Expectations reports them: values, rows, indexes, counts of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from great_expectations.constants import MAX_RESULT_RECORDS

from contracts.model import Mask
from expectations.expressions import Unsupported
from expectations.masking import masked

ROW = "__row_number"


@dataclass(frozen=True)
class Listing:
    """One list that a result asks for, of the unexpected rows of one metric."""

    what: str
    about: tuple[str, ...]
    columns: tuple[str, ...]
    result_format: Mapping[str, Any]

    @property
    def limit(self) -> int | None:
        """How many rows are reported; None is all of them, which only COMPLETE asks for."""
        complete = self.result_format["result_format"] == "COMPLETE"
        if complete and self.what.startswith("unexpected_index"):
            return None
        return (
            MAX_RESULT_RECORDS if complete else min(self.result_format["partial_unexpected_count"], MAX_RESULT_RECORDS)
        )

    @property
    def reported(self) -> bool:
        """Whether the result shows it: Great Expectations asks for the index query and then leaves it out."""
        if self.what != "unexpected_index_query":
            return True
        asked = self.result_format.get("return_unexpected_index_query")
        return bool(asked) or (asked is None and self.result_format["result_format"] == "COMPLETE")

    @property
    def index(self) -> tuple[str, ...]:
        return tuple(self.result_format.get("unexpected_index_column_names") or ())

    def reads(self, schema: pl.Schema) -> tuple[str, ...]:
        """The columns that the list is made of."""
        if missing := [name for name in self.index if name not in schema]:
            raise Unsupported(f"unexpected_index_column_names: the data have no column {', '.join(missing)}")
        if self.what == "unexpected_rows":
            return tuple(schema.names())
        if self.what == "unexpected_index_query":
            return (ROW,)
        if self.what == "unexpected_value_counts":
            return (*self.columns, ROW)
        if self.what == "unexpected_index_list":
            return tuple(dict.fromkeys((*self.columns, *self.index))) if self.index else (ROW,)
        return self.columns

    def answer(self, found: pl.DataFrame | None, masks: Mapping[str, Mask]) -> Any:
        """The list made of the rows found (None: there are none), personal data masked."""
        if not self.reported:
            return None
        if self.what == "unexpected_index_query":
            rows = [] if found is None else found[ROW].to_list()
            return f'df.with_row_index("row").filter(pl.col("row").is_in({rows}))'
        if found is None:
            return []
        if self.what == "unexpected_index_list" and not self.index:
            return found[ROW].to_list()
        if self.what == "unexpected_rows":
            return [masked(one, masks) for one in found.drop(ROW, strict=False).iter_rows(named=True)]
        names = (*self.columns, ROW) if self.what == "unexpected_value_counts" else self.columns
        if self.what == "unexpected_index_list":
            names = tuple(dict.fromkeys((*self.columns, *self.index)))
        told = [masked(one, masks) for one in found.select(dict.fromkeys(names).keys()).iter_rows(named=True)]
        if self.what == "unexpected_index_list":
            return self._indexes(told)
        if self.what == "unexpected_value_counts":
            return [tuple(one.values()) for one in told]
        if self.about == ("column",):
            return [one[self.columns[0]] for one in told]
        return [tuple(one[name] for name in self.columns) for one in told] if "column_A" in self.about else told

    def _indexes(self, rows: Sequence[dict[str, Any]]) -> list[Any]:
        if self.result_format.get("exclude_unexpected_values") and rows:
            return [{name: [one[name] for one in rows] for name in self.index}]
        return list(rows)


def counts_of(unexpected: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """How often each unexpected value occurs, the most frequent first."""
    counted = unexpected.group_by(columns).agg(pl.len().alias(ROW))
    return counted.sort(ROW, *columns, descending=[True, *(False for _ in columns)])
