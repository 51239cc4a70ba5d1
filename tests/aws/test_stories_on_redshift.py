"""The stories of `tests/cases/late_data` on Redshift: the same tables, rows touched and broken rules as on DuckDB."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redshift_connector
from local_aws import new_bucket
from redshift_standin import Standin

sys.path.insert(0, str(Path(__file__).parents[1] / "cases"))

from case_warehouse import REPORTING_CURRENCY, CaseWarehouse
from redshift_cases import RedshiftCases
from test_late_data import all_rows, outcome, read_stories, tell

from tasks.lake.s3 import S3Lake
from tasks.s3 import Store
from tasks.warehouse.redshift import RedshiftWarehouse


@pytest.fixture(scope="module")
def on_duckdb() -> Iterator[CaseWarehouse]:
    """Every table of an empty shop, built once."""
    warehouse = CaseWarehouse()
    warehouse.build_all(full=True)
    yield warehouse
    warehouse.connection.close()


@pytest.fixture(scope="module")
def on_redshift(
    running_standin: Standin, local_aws: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedshiftCases]:
    """The same on Redshift."""
    running_standin.reset()
    connect = partial(
        redshift_connector.connect,
        **{name: getattr(running_standin, name) for name in ("host", "port", "user", "password", "database")},
        sslmode="verify-full",
    )
    lake = S3Lake(Store(f"s3://{new_bucket()}/lake"), tmp_path_factory.mktemp("scratch"))
    with RedshiftWarehouse(connect, binds={"reporting_currency": REPORTING_CURRENCY}) as opened:
        warehouse = RedshiftCases(opened, lake)
        warehouse.build_all(full=True)
        yield warehouse


@pytest.mark.parametrize(("story", "steps"), list(read_stories()))
def test_a_story_goes_as_on_duckdb(
    on_redshift: RedshiftCases, on_duckdb: CaseWarehouse, story: str, steps: list[dict[str, Any]]
) -> None:
    expected = outcome(on_duckdb, story, steps)
    with on_redshift.undone():
        assert [(run.touched, run.broken) for run in tell(on_redshift, steps)] == expected.runs
        found = all_rows(on_redshift)
    assert [str(table) for table, rows in found.items() if rows != expected.rows[table]] == []
