"""Great Expectations on the warehouse: a whole suite in one SELECT, and one more for samples if something failed.

The batch brings its own `query`, which takes Redshift's dialect: so one engine serves Redshift and DuckDB, without
SQLAlchemy (whose Redshift driver is psycopg2 alone, and whose DuckDB results are fetched after closing).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from contracts.model import Mask
from expectations.measured import Measured
from expectations.predicates_sql import Named, read_samples, sample_select, suite_select
from expectations.rule_metrics import RuleBatch, RuleEngine
from expectations.rules import Rule

Query = Callable[[str], pl.DataFrame]


class RelationBatch(RuleBatch):
    """A relation by name, and the function that runs SELECTs; `name_of` names the relations of other tables.

    `blank_is_null`: the relation holds text as delivered, all its columns are VARCHAR.
    """

    def __init__(
        self,
        relation: str,
        query: Query,
        *,
        masks: Mapping[str, Mask] | None = None,
        blank_is_null: bool = False,
        name_of: Named = str,
    ) -> None:
        super().__init__(masks, blank_is_null=blank_is_null)
        self.relation, self.query, self.name_of = relation, query, name_of
        self._schema = pl.Schema()

    def measure(self, rules: Sequence[Rule]) -> tuple[int, list[Measured]]:
        select = suite_select(rules, self.relation, name_of=self.name_of)
        rows, measured, self._schema = select.read(self.query(select.text))
        return rows, measured

    def samples(self, rules: Sequence[Rule], most: int) -> list[list[dict[str, Any]]]:
        booleans = {name for name, dtype in self._schema.items() if dtype == pl.Boolean}
        select = sample_select(rules, self.relation, booleans=booleans, most=most, name_of=self.name_of)
        return read_samples(rules, self.query(select))

    def columns(self) -> list[str]:
        return self._schema.names()

    def known_columns(self, promised: Sequence[str]) -> Sequence[str]:
        # A column that is not there makes the SELECT fail, and with it the gate.
        return promised


class WarehouseExecutionEngine(RuleEngine):
    """Resolves suites on `RelationBatch`."""
