"""Metrics that are SQL over the batch, run by Polars: `{batch}` is its frame, other tables come from `references`."""

from __future__ import annotations

from typing import Any

import polars as pl
import sqlglot
from great_expectations.constants import MAX_RESULT_RECORDS
from great_expectations.data_context.data_context.context_factory import project_manager
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics.query_metrics.query_data_source_table.query_data_source_table import (
    QueryDataSourceTable,
)
from sqlglot import exp

from contracts.model import Mask
from expectations.expressions import Unsupported
from expectations.polars_metrics.registry import Table, frame

# The data source whose tables are the frames that the batch brought along.
REFERENCES = "references"
_BATCH = "batch"


def _count(rows: list[dict[str, Any]], _: Any) -> int:
    return int(rows[0]["rows"])


@frame("unexpected_rows_query.table", query="unexpected_rows_query")
def unexpected_rows(table: Table, *, unexpected_rows_query: str) -> pl.LazyFrame:
    return run(unexpected_rows_query, table).head(MAX_RESULT_RECORDS)


@frame("unexpected_rows_query.row_count", personal=False, read=_count)
def unexpected_row_count(table: Table, *, unexpected_rows_query: str) -> pl.LazyFrame:
    return run(unexpected_rows_query, table).select(rows=pl.len())


@frame("query.table", query="query")
def query_table(table: Table, *, query: str, fetch_all: bool = False) -> pl.LazyFrame:
    found = run(query, table)
    return found if fetch_all else found.head(MAX_RESULT_RECORDS)


@frame("query.row_count", personal=False, read=_count)
def query_row_count(table: Table, *, query: str) -> pl.LazyFrame:
    return run(query, table).select(rows=pl.len())


@frame("base_query.table", query="base_query")
def base_query(table: Table, *, base_query: str) -> pl.LazyFrame:
    """Whole: two results that were cut could not be compared."""
    return run(base_query, table)


@frame("comparison_query.data_source_table", query="comparison_query")
def comparison_query(table: Table, *, comparison_query: str, comparison_data_source_name: str) -> pl.LazyFrame:
    """Over the frames given with the batch, or over the SQL data source of that name in the context."""
    if comparison_data_source_name == REFERENCES:
        return run(comparison_query, table)
    sources = project_manager.get_datasources()
    source = sources.get(comparison_data_source_name)
    engine = source.get_execution_engine() if source else None
    if not isinstance(engine, SqlAlchemyExecutionEngine):
        raise Unsupported(
            f"compares with {comparison_data_source_name!r}, which is neither {REFERENCES!r} (the frames given with "
            "the batch) nor a SQL data source"
        )
    rows = QueryDataSourceTable._get_sqlalchemy_records_from_substituted_batch_subquery(
        substituted_batch_subquery=comparison_query, execution_engine=engine, fetch_all=True
    )
    return pl.LazyFrame(rows, infer_schema_length=None)


def run(query: str, table: Table) -> pl.LazyFrame:
    """The result of a query; raises Unsupported for what Polars' SQL cannot run."""
    try:
        text = query.format(batch=_BATCH)
        answer = pl.SQLContext({**table.references, _BATCH: table.frame}).execute(text, eager=False)
        answer.collect_schema()
    except (pl.exceptions.PolarsError, KeyError, IndexError, ValueError) as error:
        raise Unsupported(f"Polars cannot run the query {query!r}: {error}") from error
    return answer


def masks_of(query: str, table: Table, found: pl.Schema) -> dict[str, Mask]:
    """How the columns of a result are to be masked: each that could show a value of a personal column.

    Where that cannot be read off the query (derived tables, set operations, a result without a name of its own), all
    are redacted.
    """
    if not table.masks:
        return {}
    masks = {name.casefold(): how for name, how in table.masks.items()}
    shown: dict[str, Mask] = {name: masks[name.casefold()] for name in found if name.casefold() in masks}
    try:
        projections = _projections(query.format(batch=_BATCH))
    except (sqlglot.errors.SqlglotError, KeyError, IndexError, ValueError):
        return dict.fromkeys(found, "redact")
    for projection in projections:
        if projection.is_star:
            continue
        personal = [masks[c.name.casefold()] for c in projection.find_all(exp.Column) if c.name.casefold() in masks]
        if personal and not isinstance(projection, exp.Alias | exp.Column):
            return dict.fromkeys(found, "redact")
        if personal:
            shown[projection.alias_or_name] = personal[0] if len(personal) == 1 else "redact"
    return shown


def _projections(query: str) -> list[exp.Expr]:
    """What a SELECT over the tables themselves selects; raises ValueError for any other query."""
    tree = sqlglot.parse_one(query, read="postgres")
    sources = [source.this for source in tree.find_all(exp.From, exp.Join)]
    if not isinstance(tree, exp.Select) or tree.find(exp.CTE) or not all(isinstance(s, exp.Table) for s in sources):
        raise ValueError("not a SELECT over tables")
    if any(alias.args.get("columns") for alias in tree.find_all(exp.TableAlias)):
        raise ValueError("columns are renamed with their table")
    if tree.find(exp.Columns):
        raise ValueError("columns that are chosen by a pattern")
    if any(one.is_star and not one.sql().endswith("*") for one in tree.selects):
        raise ValueError("a star that leaves out or renames columns")
    return list(tree.selects)
