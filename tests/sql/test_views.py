"""Views for BI: what they show, what they hide, what they are called, and what is wrong with one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from hand_made import contract

from contracts.ids import TableId
from contracts.registry import Registry
from sql import ddl, views
from sql.dialect import to_duckdb, to_redshift
from sql.views import View

COLUMNS = ["customer_id", {"name": "email", "mask": "email"}, {"name": "order_count", "type": "bigint"}]


@pytest.fixture
def view(tmp_path: Path) -> View:
    made = contract(tmp_path, "core.dim_customer", COLUMNS)
    return View(
        "bi.customers", replace(made, business_name="Customers", description="Who buys.", grain="One row each.")
    )


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.read()


def test_a_view_shows_all_columns_but_personal_ones(view: View) -> None:
    assert view.text == "SELECT\n    customer_id,\n    order_count\nFROM core.dim_customer"
    assert not any("email" in statement for statement in view.create())


def test_a_view_tells_what_it_and_its_columns_are_called_and_mean(view: View) -> None:
    with duckdb.connect() as engine:
        for statement in (*ddl.create_all([view.contract]), views.create_schema(), view.drop(), *view.create()):
            engine.execute(to_duckdb(statement))
        engine.execute("INSERT INTO core.dim_customer VALUES ('c1', 'a@b.example', 3)")
        assert engine.execute("SELECT * FROM bi.customers").fetchall() == [("c1", 3)]
        told = engine.execute("SELECT comment FROM duckdb_views() WHERE schema_name = 'bi'").fetchall()
        assert told == [("Customers. Who buys. One row each.",)]
        columns = "SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = 'bi' ORDER BY column_index"
        assert engine.execute(columns).fetchall() == [
            ("customer_id", "Customer id. As the test says."),
            ("order_count", "Order count. As the test says."),
        ]


def test_a_view_is_made_in_the_schema_of_its_environment(view: View) -> None:
    for statement in (views.create_schema(), view.drop(), *view.create()):
        for render in (to_redshift, to_duckdb):
            text = render(statement, "dev")
            assert "dev_bi" in text
            assert "FROM" not in text or "FROM dev_core.dim_customer" in text


def test_no_personal_data_and_nothing_of_other_layers_is_shown(registry: Registry) -> None:
    shown = {view.table: view for view in views.views(registry)}
    assert {table.layer for table in shown} == {"core", "mart"}
    assert set(registry) - set(shown) >= {TableId("core", "fact_inventory_totals"), TableId("clean", "customers")}
    customers = shown[TableId("core", "dim_customer")]
    hidden = set(customers.contract.names) - {c.name for c in customers.columns}
    assert hidden == {"street", "postal_code", "first_name", "last_name", "email", "phone", "birth_date"}
    assert not any(c.mask for view in shown.values() for c in view.columns)


def test_every_view_of_the_repository_is_sound_and_its_name_its_own(registry: Registry) -> None:
    shown = views.views(registry)
    assert list(views.faults(shown)) == []
    assert len({view.name for view in shown}) == len(shown)
    assert {"bi.daily_revenue", "bi.sales_lines", "bi.customer_versions", "bi.calendar"} <= {v.name for v in shown}


def test_what_is_wrong_with_a_view_is_told_with_the_file(view: View) -> None:
    made = view.contract
    twin = replace(made, table=TableId("mart", "customer_360"), file="contracts/mart/customer_360.yaml")
    (twice,) = views.faults([view, View(view.name, twin)])
    assert twice == (
        "contracts/mart/customer_360.yaml:1: view: bi.customers is that of core.dim_customer already; "
        "their businessName is the same"
    )
    (reserved,) = views.faults([View("bi.order", replace(made, business_name="Order"))])
    assert "'Order' makes no name for a view: 'order'" in reserved
    (empty,) = views.faults([View(view.name, replace(made, columns=(made.by_name["email"],)))])
    assert "has no column, as all of core.dim_customer are personal" in empty
