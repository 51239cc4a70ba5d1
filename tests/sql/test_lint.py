"""Each rule of the lint, with a fault that it alone is to find, and text beside it that is in order."""

from __future__ import annotations

import duckdb
import pytest
from sql_harness import contract, graph, registry

from contracts.ids import TableId
from contracts.model import Contract
from sql import lint
from sql.dialect import SESSION

ORDERS = contract(
    "clean.orders",
    """
    order_id varchar(8) key
    sku varchar(8)
    ordered_at timestamp required
    order_date date required
    quantity integer
    amount decimal(18,2)
    is_gift boolean
    """,
    {"strategy": "append"},
)
OTHER = contract("clean.products", "sku varchar(8) key\nname varchar(20)", {"strategy": "append"})
KINDS = {
    "varchar": "varchar(20)",
    "integer": "integer",
    "decimal": "decimal(18,2)",
    "double": "double precision",
    "timestamp": "timestamp",
    "date": "date",
    "boolean": "boolean",
}


def run(text: str, columns: str, *, engine: bool = True, table: str = "core.fact_x") -> list[str]:
    """The faults of one SELECT over `clean.orders` and `clean.products`, made into a table of the given columns."""
    made = contract(table, columns)
    contracts = registry(ORDERS, OTHER, made)
    connection = duckdb.connect(":memory:", config={"threads": 1})
    for statement in (*SESSION, *lint.probe_tables(contracts)):
        connection.execute(statement)

    def describe(select: str) -> list[tuple[str, str]]:
        return [(row[0], row[1]) for row in connection.execute(f"DESCRIBE {select}").fetchall()]

    return lint.lint(contracts, graph({table: text}), describe=describe if engine else None)


def of(expression: str, kind: str = "integer", tail: str = "FROM clean.orders AS o") -> list[str]:
    return run(f"SELECT\n  {expression} AS x\n{tail}", f"x {KINDS[kind]}")


IN_ORDER = [
    ("COUNT(*)", "integer"),
    ("CAST(o.amount AS DOUBLE PRECISION) / NULLIF(o.quantity, 0)", "double"),
    ("o.amount / CAST(o.quantity AS DOUBLE PRECISION)", "double"),
    ("CAST(SUM(o.amount * CAST(0.5 AS DOUBLE PRECISION)) / 2 AS DECIMAL(18,2))", "decimal"),
    ("CAST(CAST(o.amount AS DECIMAL(18,4)) / o.quantity AS DECIMAL(18,2))", "decimal"),
    ("CAST(o.quantity AS INTEGER) / 7", "integer"),
    ("AVG(CAST(o.amount AS DOUBLE PRECISION))", "double"),
    ("SUM(o.quantity) OVER (PARTITION BY o.sku)", "integer"),
    ("SUM(o.quantity) OVER (ORDER BY o.ordered_at ROWS UNBOUNDED PRECEDING)", "integer"),
    ("LAG(o.quantity) OVER (ORDER BY o.ordered_at)", "integer"),
    ("TO_CHAR(o.ordered_at, 'YYYY-MM-DD HH24:MI:SS.US')", "varchar"),
    ("DATEDIFF(day, o.ordered_at, :run_at)", "integer"),
    ("LISTAGG(o.sku, ',') WITHIN GROUP (ORDER BY o.sku)", "varchar"),
    ("CASE WHEN o.is_gift THEN 'yes' ELSE 'no' END", "varchar"),
    ("CONVERT_TIMEZONE('UTC', 'Asia/Kolkata', o.ordered_at)", "timestamp"),
    ("CAST(NULL AS DECIMAL(18,2))", "decimal"),
    ("EXTRACT(dow FROM o.order_date)", "integer"),
]


@pytest.mark.parametrize(("expression", "kind"), IN_ORDER, ids=[e for e, _ in IN_ORDER])
def test_in_order(expression: str, kind: str) -> None:
    assert of(expression, kind) == []


@pytest.mark.parametrize(
    ("expression", "kind", "rule", "told"),
    [
        ("o.quantity / 2", "integer", "division", "cast one side"),
        ("o.amount / NULLIF(o.quantity, 0)", "decimal", "division", "cast one side"),
        ("CAST(o.amount AS DECIMAL(18,4)) / o.quantity", "double", "division", "right around the quotient"),
        (
            "CAST(COALESCE(CAST(o.amount AS DECIMAL(18,4)) / o.quantity, 0) AS DECIMAL(18,2))",
            "decimal",
            "division",
            "right around the quotient",
        ),
        (
            "CAST(CAST(o.amount AS DECIMAL(18,4)) / 2 - CAST(o.amount AS DECIMAL(18,2)) AS DECIMAL(18,2))",
            "decimal",
            "division",
            "right around the quotient",
        ),
        (
            "CAST(CAST(CAST(o.amount AS DECIMAL(18,4)) / 2 AS DOUBLE PRECISION) AS DECIMAL(18,2))",
            "decimal",
            "division",
            "right around the quotient",
        ),
        ("ROUND(CAST(o.amount AS DECIMAL(18,4)) / 2, 2)", "decimal", "division", "right around the quotient"),
        (
            "CAST(CAST(o.amount AS DECIMAL(38,4)) / o.quantity AS DECIMAL(18,2))",
            "decimal",
            "division",
            "Redshift may keep 4 decimals",
        ),
        (
            "CAST(CAST(o.amount AS DECIMAL(18,8)) / o.quantity AS DECIMAL(18,2))",
            "decimal",
            "division",
            "at most 6 decimals",
        ),
        ("CASE WHEN CAST(o.quantity AS INTEGER) > 1 THEN 1 END / o.quantity", "integer", "division", "cast one side"),
        ("AVG(o.quantity)", "double", "average", "DOUBLE PRECISION"),
        ("AVG(CAST(o.amount AS DECIMAL(18,4)))", "double", "average", "DOUBLE PRECISION"),
        ("GETDATE()", "timestamp", "function", ":run_at"),
        ("SYSDATE", "timestamp", "function", ":run_at"),
        ("CURRENT_DATE", "date", "function", ":run_at"),
        ("RANDOM()", "double", "function", "another one every time"),
        ("CONCAT(o.sku, 'x')", "varchar", "function", "write ||"),
        ("REGEXP_REPLACE(o.sku, 'a', 'b')", "varchar", "function", "DuckDB the first"),
        ("o.sku SIMILAR TO 'a%'", "boolean", "function", "SIMILAR TO"),
        ("o.sku IS DISTINCT FROM 'a'", "boolean", "function", "IS DISTINCT FROM"),
        ("SUM(o.quantity) FILTER (WHERE o.is_gift)", "integer", "function", "FILTER"),
        ("ANY_VALUE(o.sku)", "varchar", "function", "MIN or MAX"),
        ("MEDIAN(o.quantity)", "double", "function", "sql/portable.py"),
        ("DATEDIFF(week, o.ordered_at, o.ordered_at)", "integer", "function", "DATEDIFF(WEEK)"),
        ("EXTRACT(week FROM o.order_date)", "integer", "function", "EXTRACT(WEEK)"),
        ("TO_CHAR(o.ordered_at, 'Mon')", "varchar", "function", "TO_CHAR"),
        ("LISTAGG(o.sku, ',')", "varchar", "function", "any order"),
        (":today", "date", "function", "unknown bind :today"),
        ("SUM(o.quantity) OVER (ORDER BY o.ordered_at)", "integer", "window", "needs a frame"),
        ("LAST_VALUE(o.sku) IGNORE NULLS OVER (ORDER BY o.sku)", "varchar", "window", "needs a frame"),
        (
            "SUM(o.quantity) OVER (ORDER BY o.quantity RANGE BETWEEN 1 PRECEDING AND CURRENT ROW)",
            "integer",
            "window",
            "ROWS only",
        ),
        ("COUNT(DISTINCT o.sku) OVER (PARTITION BY o.order_date)", "integer", "window", "DISTINCT"),
        ("ROW_NUMBER() OVER (PARTITION BY o.sku)", "integer", "window", "without ORDER BY"),
        ("CAST(o.is_gift AS VARCHAR(5))", "varchar", "cast", "write CASE"),
        ("o.colour", "varchar", "column", "colour"),
        ("(SELECT MAX(p.name) FROM clean.products AS p WHERE p.sku = o.sku)", "varchar", "subquery", "write a join"),
        ("o.sku", "integer", "type", "VARCHAR, the contract has integer"),
        ("NULL", "varchar", "type", "CAST(NULL AS varchar(20))"),
        ("o.amount * o.amount", "decimal", "type", "would round"),
        ("CAST(o.amount AS DOUBLE PRECISION)", "decimal", "type", "DOUBLE, the contract has decimal"),
        ("o.ordered_at", "date", "type", "TIMESTAMP, the contract has date"),
        ("o.sku + 1 > DATE '2024-01-01'", "boolean", "engine", "Error"),
    ],
)
def test_faults_of_one_expression(expression: str, kind: str, rule: str, told: str) -> None:
    found = of(expression, kind)
    assert len(found) == 1, found
    place, rule_told, message = found[0].split(": ", 2)
    assert rule_told == rule
    assert told in message
    assert place.rpartition(":")[0] == "sql/core/fact_x.sql"
    if rule not in ("engine",):
        assert place.endswith(":2"), found


@pytest.mark.parametrize(
    ("text", "rule", "told"),
    [
        ("SELECT * FROM clean.products", "star", "name the columns"),
        ("SELECT p.* FROM clean.products AS p", "star", "name the columns"),
        ("SELECT sku, name FROM clean.products LIMIT 3", "limit", "any rows"),
        ("SELECT DISTINCT ON (sku) sku, name FROM clean.products", "limit", "DISTINCT ON"),
        ("SELECT p.sku, p.name FROM clean.products AS p, clean.orders AS o", "join", "CROSS JOIN"),
        ("SELECT p.sku, p.name FROM clean.products AS p JOIN clean.orders AS o", "join", "CROSS JOIN"),
        ("SELECT p.sku, p.name FROM clean.products AS p NATURAL JOIN clean.orders AS o", "join", "NATURAL"),
        (
            "SELECT p.sku, p.name FROM clean.products AS p FULL JOIN clean.orders AS o ON p.sku < o.sku",
            "join",
            "equality only",
        ),
        (
            "SELECT sku, name FROM clean.products WHERE sku NOT IN (SELECT sku FROM clean.orders)",
            "not-in",
            "NOT EXISTS",
        ),
        ("SELECT tag.sku, tag.name FROM clean.products AS tag", "name", "reserved word"),
        ("SELECT P.sku, P.name FROM clean.products AS P", "name", "snake_case"),
        ("SELECT clean.products.sku, name FROM clean.products", "name", "alias"),
        ("SELECT name, sku FROM clean.products", "output", "another order"),
        ("SELECT sku, name, sku AS twice FROM clean.products", "output", "not in the contract twice"),
        ("SELECT sku FROM clean.products", "output", "missing name"),
        ("SELECT p.sku, q.name FROM clean.products AS p", "column", "q"),
        ("SELECT sku, name FROM clean.missing", "column", "clean.missing has no contract"),
        ("SELECT sku, MAX(name) AS name FROM clean.products", "engine", "GROUP BY"),
    ],
)
def test_faults_of_a_select(text: str, rule: str, told: str) -> None:
    found = run(text, "sku varchar(8)\nname varchar(20)")
    mine = [fault for fault in found if f": {rule}: " in fault]
    assert mine, found
    assert told in mine[0]


def test_joins_in_order() -> None:
    joined = "SELECT p.sku, p.name FROM clean.products AS p {} clean.orders AS o {}"
    for kind, condition in (("CROSS JOIN", ""), ("LEFT JOIN", "ON p.sku = o.sku"), ("INNER JOIN", "USING (sku)")):
        assert run(joined.format(kind, condition), "sku varchar(8)\nname varchar(20)") == []


def test_a_curated_table_must_run_on_spark_too() -> None:
    text = "SELECT EXTRACT(dow FROM order_date) AS x FROM clean.orders"
    assert run(text, "x integer", table="core.fact_x") == []
    assert ["counts from 1 on Spark" in f for f in run(text, "x integer", table="curated.x")] == [True]


def test_without_an_engine_the_other_rules_still_hold() -> None:
    assert (
        run("SELECT sku, MAX(name) AS name FROM clean.products", "sku varchar(8)\nname varchar(20)", engine=False) == []
    )
    assert run("SELECT sku FROM clean.products", "sku varchar(8)\nname varchar(20)", engine=False) != []


def faults_of(made: Contract, text: str) -> list[str]:
    return lint.lint(registry(ORDERS, OTHER, made), graph({str(made.table): text}))


def test_the_increment_must_name_what_is_read() -> None:
    load = {"strategy": "upsert", "increment": {"key": "sku", "from": {"clean.products": "sku"}}}
    made = contract("core.fact_x", "sku varchar(8) key", load)
    assert faults_of(made, "SELECT sku FROM clean.products") == []
    [fault, other] = faults_of(made, "SELECT sku FROM clean.orders")
    assert fault.startswith("sql/core/fact_x.sql:1: increment: the SELECT reads clean.orders")
    assert "names clean.products" in other


def test_a_matched_source_is_joined_left() -> None:
    load = {
        "strategy": "upsert",
        "increment": {
            "key": "order_id",
            "from": {"clean.orders": "order_id", "clean.products": {"on": {"sku": "sku"}}},
        },
    }
    columns = "order_id varchar(8) key\nsku varchar(8)\nname varchar(20)"
    text = "SELECT o.order_id, o.sku, p.name FROM clean.orders AS o {} JOIN clean.products AS p ON p.sku = o.sku"
    made = contract("core.fact_x", columns, load)
    assert faults_of(made, text.format("LEFT")) == []
    [fault] = faults_of(made, text.format("INNER"))
    assert "join it LEFT" in fault
    load["increment"]["from"]["clean.products"] = {"every": True}  # type: ignore[index]
    assert faults_of(contract("core.fact_x", columns, load), text.format("INNER")) == []


def test_a_history_gives_its_log_and_is_one() -> None:
    load = {
        "strategy": "scd2",
        "effective": "ordered_at",
        "tracked": ["quantity"],
        "increment": {"key": "sku", "from": {"clean.orders": "sku"}},
    }
    columns = """
        sku_key bigint key
        sku varchar(8) required
        quantity integer
        effective_from timestamp
        effective_to timestamp
        is_current boolean
    """
    made = contract("core.dim_sku", columns, load)
    assert faults_of(made, "SELECT quantity, ordered_at, sku FROM clean.orders") == []
    [fault] = faults_of(made, "SELECT sku, quantity FROM clean.orders")
    assert "the change log gives (sku, quantity), not (sku, ordered_at, quantity)" in fault
    [fault] = faults_of(
        contract("core.dim_sku", columns + "colour varchar(8)", load),
        "SELECT sku, quantity, ordered_at FROM clean.orders",
    )
    assert fault.startswith("contracts/core/dim_sku.yaml:1: scd2: column colour is neither")


def test_the_date_that_is_merged_by_is_required() -> None:
    made = contract(
        "core.fact_x",
        "sku varchar(8) key\norder_date date",
        {"strategy": "upsert", "date": "order_date", "window": "all"},
    )
    [fault] = faults_of(made, "SELECT sku, order_date FROM clean.orders")
    assert "merge: order_date is merged by, so it must be required" in fault


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("paid_at date", "_at is timestamp"),
        ("due_date timestamp", "_date is date"),
        ("net_amount double precision", "_amount is decimal"),
        ("order_count varchar(3)", "_count is smallint or integer or bigint"),
        ("is_open varchar(3)", "boolean"),
        ("tag varchar(3)", "reserved word"),
    ],
)
def test_names_promise_types(column: str, told: str) -> None:
    [fault] = lint.naming(contract("core.x", column))
    assert fault.startswith("contracts/x.yaml:1: naming: ")
    assert told in fault
    assert list(lint.naming(contract("raw.x", column))) == []


def test_probe_tables_are_those_of_the_contracts() -> None:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    for statement in lint.probe_tables(registry(ORDERS, contract("mart.y", "a integer"))):
        connection.execute(statement)
    assert connection.execute("SELECT sku FROM clean.orders").fetchall() == []
    assert connection.execute(f"SELECT pending_key FROM {TableId.parse('mart.y').pending}").fetchall() == []
