"""The role of BI tools: it reads the views, those that a later run makes too, and nothing else; it changes nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import redshift_connector
from hand_made import contract

from contracts.ids import WAREHOUSE_LAYERS
from contracts.model import Contract
from contracts.registry import Registry
from redshift_standin import Standin
from redshift_standin.fixtures import code
from sql import access
from tasks import migrate
from tasks.migrate import HISTORY
from tasks.warehouse.redshift import RedshiftWarehouse

Login = Callable[[str], redshift_connector.Connection]
COLUMNS = ["customer_id", {"name": "email", "mask": "email"}, {"name": "order_count", "type": "bigint"}]
PIPELINE, TOOL = "IAMR:pipeline", "superset"
REFUSED = "42501"


def registry(*contracts: Contract) -> Registry:
    return Registry({c.table: c for c in (Registry.read()[HISTORY], *contracts)})


def migrated(warehouse: RedshiftWarehouse, known: Registry) -> None:
    plan = migrate.plan(warehouse, known)
    migrate.apply(warehouse, known, plan, run_id=str(len(plan.missing)), at=datetime.now(UTC).replace(tzinfo=None))


@pytest.fixture
def customers(tmp_path: Path) -> Contract:
    return contract(tmp_path, "mart.customers", COLUMNS)


@pytest.fixture
def login(standin: Standin, customers: Contract) -> Iterator[Login]:
    """Sessions as the administrator (``) or as another user, on a warehouse that the pipeline has made."""
    opened: list[redshift_connector.Connection] = []
    settings = {name: getattr(standin, name) for name in ("host", "port", "user", "password", "database")}

    def session(user: str) -> redshift_connector.Connection:
        connection = redshift_connector.connect(**settings, sslmode="verify-full")
        opened.append(connection)
        connection.autocommit = True
        if user:
            connection.run(f'SET SESSION AUTHORIZATION "{user}"')
        return connection

    administrator = session("")
    administrator.run(f'CREATE USER "{PIPELINE}" PASSWORD DISABLE')
    administrator.run(f'GRANT CREATE ON DATABASE {standin.database} TO "{PIPELINE}"')
    with RedshiftWarehouse(partial(session, PIPELINE)) as warehouse:
        migrated(warehouse, registry(customers))
        warehouse.insert_rows("mart.customers", customers.names, [{"customer_id": "c1", "email": "a@b.example"}])
        for statement in (*access.reader_role(PIPELINE), *access.reader(TOOL)):
            administrator.run(statement)
        yield session
    for connection in opened:
        with contextlib.suppress(redshift_connector.Error):
            connection.close()


def test_the_role_reads_the_views(login: Login) -> None:
    assert login(TOOL).run("SELECT * FROM bi.customers") == (["c1", None],)


def test_a_view_that_a_later_run_makes_is_read_too(login: Login, customers: Contract, tmp_path: Path) -> None:
    wider = replace(customers, business_name="Buyers", columns=customers.columns[:1])
    more = contract(tmp_path, "mart.more", ["colour"])
    with RedshiftWarehouse(partial(login, PIPELINE)) as warehouse:
        known = registry(replace(wider, columns=customers.columns), more)
        migrated(warehouse, known)
    tool = login(TOOL)
    assert tool.run("SELECT customer_id FROM bi.buyers") == (["c1"],)
    assert tool.run("SELECT * FROM bi.more") == ()
    assert code(tool, "SELECT * FROM bi.customers") == "42P01"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM mart.customers",
        "SELECT email FROM mart.customers",
        "SELECT * FROM audit.schema_change",
        "SELECT * FROM stage.pending__mart__customers",
        "INSERT INTO bi.customers (customer_id) VALUES ('x')",
        "UPDATE bi.customers SET customer_id = 'x'",
        "DELETE FROM bi.customers",
        "DELETE FROM mart.customers",
        "DROP VIEW bi.customers",
        "CREATE VIEW bi.own AS SELECT 1 AS one",
        "CREATE TABLE bi.own (id INTEGER)",
        "CREATE TABLE public.own (id INTEGER)",
        "CREATE TABLE mart.own (id INTEGER)",
        "CREATE SCHEMA own",
    ],
)
def test_nothing_else_is_read_and_nothing_is_written(login: Login, statement: str) -> None:
    refused = code(login(TOOL), statement)
    assert refused in (REFUSED, "42809"), "42809: a view of that kind takes no rows from anybody"
    assert refused == REFUSED or "bi.customers" in statement


def test_no_schema_but_that_of_the_views_may_be_used(login: Login) -> None:
    tool = login(TOOL)
    asked = [name for name in (*WAREHOUSE_LAYERS, "stage", "bi") if name in ("audit", "mart", "stage", "bi")]
    may = {name: tool.run(f"SELECT HAS_SCHEMA_PRIVILEGE('{name}', 'USAGE')")[0][0] for name in asked}
    assert may == {"audit": False, "mart": False, "stage": False, "bi": True}


def test_a_user_of_the_role_is_limited(login: Login) -> None:
    made = "\n".join(access.reader(TOOL, "dev", seconds=60, connections=5))
    assert "GRANT ROLE dev_bi_reader TO superset" in made
    assert "statement_timeout TO 60000" in made
    assert "CONNECTION LIMIT 5" in made
    config = login("").run("SELECT rolconnlimit, rolconfig FROM pg_catalog.pg_roles WHERE rolname = 'superset'")
    assert config[0][0] == 20
    assert "statement_timeout=300000" in str(config[0][1])


@pytest.mark.parametrize("name", ['a"b', "a; DROP USER b", "", "1a"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a user"):
        access.reader(name)
