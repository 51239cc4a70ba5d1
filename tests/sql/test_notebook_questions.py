"""The questions of notebooks on Redshift's stand-in: what they say in one dialect, both engines answer."""

from __future__ import annotations

from sql_harness import MakeBench, RedshiftBench

from contracts.registry import REPOSITORY, Registry
from sql.consumers import read_notebooks

LAYERS = ("core", "mart", "audit")


def test_every_question_is_answered_by_redshift(redshift_bench: MakeBench) -> None:
    contracts = [c for c in Registry.read(REPOSITORY).values() if c.table.layer in LAYERS]
    bench = redshift_bench(contracts, {})
    assert isinstance(bench, RedshiftBench)
    queries = [query for consumer in read_notebooks(REPOSITORY) for query in consumer.queries]
    assert len(queries) > 20
    for query in queries:
        assert bench.warehouse.read(query.text).columns == query.select.named_selects, query.where
