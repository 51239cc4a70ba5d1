"""Benches on both engines: DuckDB, and Redshift's stand-in by the adapter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import pytest
import redshift_connector
from redshift_standin import Standin
from redshift_standin.fixtures import running_standin
from sql_harness import Bench, MakeBench, RedshiftBench

from contracts.model import Contract
from tasks.warehouse.redshift import RedshiftWarehouse

__all__ = ["running_standin"]


@pytest.fixture(scope="module")
def redshift_bench(running_standin: Standin) -> Iterator[MakeBench]:
    """Makes a bench on Redshift; each one empties the stand-in first."""
    opened: list[RedshiftWarehouse] = []

    def make(contracts: Sequence[Contract], texts: Mapping[str, str]) -> Bench:
        while opened:
            opened.pop().close()
        running_standin.reset()
        login = {name: getattr(running_standin, name) for name in ("host", "port", "user", "password", "database")}
        opened.append(RedshiftWarehouse(partial(redshift_connector.connect, **login, sslmode="verify-full")))
        return RedshiftBench(contracts, texts, opened[-1])

    yield make
    for warehouse in opened:
        warehouse.close()


@pytest.fixture(params=["duckdb", "redshift"])
def make_bench(request: pytest.FixtureRequest) -> MakeBench:
    """Makes a bench on the engine that the test is at."""
    if request.param == "duckdb":
        return lambda contracts, texts: Bench(contracts, texts)
    made: MakeBench = request.getfixturevalue("redshift_bench")
    return made
