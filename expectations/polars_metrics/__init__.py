"""Every metric of Great Expectations that the Polars engine answers, a module per kind of subject."""

from expectations.polars_metrics import (
    column_pairs,
    column_values,
    columns,
    multicolumn,
    patches,
    queries,
    tables,
)

__all__ = ["column_pairs", "column_values", "columns", "multicolumn", "patches", "queries", "tables"]
