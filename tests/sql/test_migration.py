"""A table against its contract: each difference judged, the statements on Redshift, and what they make of the rows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

import duckdb
import pytest
from sql_harness import contract

from contracts.model import Contract, Distribution
from contracts.types import ColumnType
from sql import ddl
from sql.dialect import SESSION, to_duckdb
from sql.migration import (
    Alteration,
    Recorded,
    Relation,
    Standing,
    compare,
    definition,
    read_definition,
    relations,
    reported,
)

OLD = """
order_id varchar(8) key
city varchar(16) encode=zstd
code varchar(4) encode=bytedict
size smallint required
amount decimal(9,2)
note varchar(9)
"""
ORDERS = contract(
    "core.orders",
    OLD,
    {"strategy": "upsert", "increment": {"key": "order_id", "from": {"clean.orders": "order_id"}}},
    distribution=Distribution(style="key", column="order_id"),
    sort_key=("note",),
)


def changed(columns: str, of: Contract = ORDERS, **fields: Any) -> Contract:
    load = of.load.model_dump(by_alias=True)
    made = contract(str(of.table), columns, load, distribution=of.distribution, sort_key=of.sort_key)
    return replace(made, **fields)


def as_it_is(old: Contract) -> dict[str, Standing]:
    return {c.name: Standing(c.type, not c.required) for c in old.columns}


def found(new: Contract, old: Contract = ORDERS, *, is_loaded: bool = True) -> tuple[list[str], list[str]]:
    """What is altered, and what is refused, in words; the engine knows all types, the record the key."""
    recorded = read_definition(definition(old))
    relation = Relation(str(new.table), new)
    changes, refused = compare(relation, as_it_is(old), recorded, is_loaded=lambda: is_loaded)
    return [str(c).partition(": ")[2] for c in changes], [f"{r.column}: {r.reason}" for r in refused]


def steps(new: Contract, engine: Literal["duckdb", "redshift"] = "redshift", old: Contract = ORDERS) -> list[str]:
    relation = Relation(str(new.table), new)
    changes, refused = compare(relation, as_it_is(old), {}, is_loaded=lambda: True)
    assert refused == []
    made = Alteration(relation, as_it_is(old), tuple(changes)).steps(engine)
    return [("alone: " if s.alone else "check: " if s.check else "") + " ".join(s.sql.split()) for s in made]


# What each difference is


def test_what_is_as_it_should_be_asks_for_nothing() -> None:
    assert found(ORDERS) == ([], [])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("city varchar(16)", "city varchar(17)", "column city widened from varchar(16) to varchar(17)"),
        ("size smallint", "size integer", "column size widened from smallint to integer"),
        ("size smallint", "size bigint", "column size widened from smallint to bigint"),
        ("size smallint", "size decimal(7,2)", "column size widened from smallint to decimal(7,2)"),
        ("amount decimal(9,2)", "amount decimal(10,2)", "column amount widened from decimal(9,2) to decimal(10,2)"),
        ("amount decimal(9,2)", "amount decimal(10,3)", "column amount widened from decimal(9,2) to decimal(10,3)"),
        ("amount decimal(9,2)", "amount decimal(11,4)", "column amount widened from decimal(9,2) to decimal(11,4)"),
        ("size smallint required", "size smallint", "column size may be empty now"),
        ("note varchar(9)", "note varchar(9)\nnickname varchar(64)", "column nickname varchar(64) added"),
        ("note varchar(9)", "note varchar(9)\nrank integer required", "column rank integer added"),
    ],
)
def test_what_loses_nothing_is_done(old: str, new: str, told: str) -> None:
    assert found(changed(OLD.replace(old, new))) == ([told], [])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("note varchar(9)", "", "note: core.orders has the column note in the warehouse, but not in contracts/core/"),
        (
            "city varchar(16)",
            "city varchar(15)",
            "city: core.orders has another type in the warehouse than in contracts",
        ),
        ("size smallint", "size varchar(9)", "size: core.orders has another type"),
        ("amount decimal(9,2)", "amount decimal(9,3)", "amount: core.orders has another type"),
        ("amount decimal(9,2)", "amount decimal(11,1)", "amount: core.orders has another type"),
        ("amount decimal(9,2)", "amount double precision", "amount: core.orders has another type"),
        (
            "note varchar(9)",
            "note varchar(9)\nline integer key",
            "line: contracts/core/orders.yaml adds the column line",
        ),
        (
            "order_id varchar(8) key",
            "order_id varchar(8)",
            ": core.orders is keyed by (order_id) in the warehouse, but",
        ),
        ("city varchar(16)", "city varchar(16) key", "order_id, city: core.orders is keyed by (order_id)"),
    ],
)
def test_what_would_lose_something_is_refused(old: str, new: str, told: str) -> None:
    columns = OLD.replace(old, new)
    made = changed(columns, sort_key=() if "note" not in columns else ORDERS.sort_key)
    _, refused = found(made)
    assert len(refused) == 1
    assert refused[0].startswith(told)


def test_a_refusal_says_what_to_do() -> None:
    new = changed(OLD.replace("note varchar(9)", ""), sort_key=())
    (refusal,) = compare(Relation("core.orders", new), as_it_is(ORDERS), {}, is_loaded=lambda: True)[1]
    assert str(refusal).endswith(
        "take it back, or drop the table there: the next run computes it whole (docs/schema-changes.md)"
    )
    clean = contract("clean.orders", "a integer key\nb integer")
    (refusal,) = compare(
        Relation("clean.orders", contract("clean.orders", "a integer key")),
        as_it_is(clean),
        {},
        is_loaded=lambda: True,
    )[1]
    assert str(refusal).endswith("take it back, or make the table anew: docs/schema-changes.md")


def test_a_required_column_of_a_delivered_table_needs_an_empty_table() -> None:
    old, new = (contract("clean.orders", f"a integer key{more}") for more in ("", "\nb integer required"))
    assert found(new, old, is_loaded=False) == (["column b integer added"], [])
    altered, refused = found(new, old)
    assert altered == []
    assert refused[0].startswith(
        "b: contracts/clean/orders.yaml adds the required column b to clean.orders, whose rows"
    )


def test_a_column_of_a_delivered_table_should_say_since_when_it_is() -> None:
    old, new = (contract("clean.orders", f"a integer key{more}") for more in ("", "\nb integer"))
    relation = Relation("clean.orders", new)
    ((without,), _) = compare(relation, as_it_is(old), {}, is_loaded=lambda: True)
    assert without.note.startswith("rows that are delivered again count as changed; `since: 1.0.0` on the column")
    marked = replace(new, columns=(new.columns[0], replace(new.columns[1], since="1.0.0")))
    ((with_it,), _) = compare(Relation("clean.orders", marked), as_it_is(old), {}, is_loaded=lambda: True)
    assert with_it.note == ""


def test_more_decimals_in_a_delivered_table_are_told_since_its_hashes_change() -> None:
    old, new = (contract("clean.orders", f"a integer key\nb {type_}") for type_ in ("decimal(9,2)", "decimal(12,4)"))
    ((change,), _) = compare(Relation("clean.orders", new), as_it_is(old), {}, is_loaded=lambda: True)
    assert "delivered again count as changed" in change.note
    wider = contract("clean.orders", "a bigint key\nb decimal(18,2)")
    changes, _ = compare(Relation("clean.orders", wider), as_it_is(old), {}, is_loaded=lambda: True)
    assert [change.note for change in changes] == ["", ""]


def test_without_lengths_and_without_a_record_texts_are_as_they_should_be() -> None:
    stands = as_it_is(ORDERS) | {"city": Standing(ColumnType("varchar"), nullable=True)}
    for length in (1, 16, 99):
        new = changed(OLD.replace("city varchar(16)", f"city varchar({length})"))
        assert compare(Relation("core.orders", new), stands, {}, is_loaded=lambda: True) == ([], [])


def test_the_record_says_how_long_a_text_is_where_the_engine_does_not() -> None:
    stands = as_it_is(ORDERS) | {"city": Standing(ColumnType("varchar"), nullable=True)}
    recorded = {"city": Recorded(ColumnType("varchar", 16), None), "order_id": Recorded(ColumnType("varchar", 8), 1)}

    def compared(length: int) -> tuple[list[str], list[str]]:
        new = changed(OLD.replace("city varchar(16)", f"city varchar({length})"))
        changes, refused = compare(Relation("core.orders", new), stands, recorded, is_loaded=lambda: True)
        return [str(c) for c in changes], [r.column for r in refused]

    assert compared(16) == ([], [])
    assert compared(32) == (["core.orders: column city widened from varchar(16) to varchar(32)"], [])
    assert compared(8) == ([], ["city"])


def test_what_the_engine_says_counts_more_than_the_record() -> None:
    recorded = {"size": Recorded(ColumnType("bigint"), None), "order_id": Recorded(ColumnType("varchar", 8), 1)}
    new = changed(OLD.replace("size smallint", "size integer"))
    changes, _ = compare(Relation("core.orders", new), as_it_is(ORDERS), recorded, is_loaded=lambda: True)
    assert [str(c) for c in changes] == ["core.orders: column size widened from smallint to integer"]


def test_a_definition_reads_as_it_was_written() -> None:
    assert definition(ORDERS).startswith("order_id varchar(8) key 1, city varchar(16), ")
    assert read_definition(definition(ORDERS)) == {
        c.name: Recorded(c.type, 1 if c.name == "order_id" else None) for c in ORDERS.columns
    }


@pytest.mark.parametrize(
    ("said", "type_"),
    [
        (("VARCHAR", None, None, None), "varchar"),
        (("character varying", 64, None, None), "varchar(64)"),
        (("DECIMAL(18,2)", None, 18, 2), "decimal(18,2)"),
        (("numeric", None, 18, 2), "decimal(18,2)"),
        (("BIGINT", None, 64, 0), "bigint"),
        (("integer", None, 32, 0), "integer"),
        (("DOUBLE", None, 53, None), "double precision"),
        (("timestamp without time zone", None, None, None), "timestamp"),
        (("HUGEINT", None, 128, 0), "hugeint"),
    ],
)
def test_both_engines_words_for_a_type_are_read(said: Any, type_: str) -> None:
    assert str(reported(*said)) == type_


# Queues


def test_a_queue_is_widened_with_its_key_and_made_anew_for_another_key() -> None:
    _, pending, taken = relations(ORDERS)
    assert (pending.name, taken.name) == (ORDERS.table.pending, ORDERS.table.taken)

    def compared(**stands: str) -> list[str]:
        standing = {name: Standing(ColumnType.parse(type_), nullable=False) for name, type_ in stands.items()}
        changes, refused = compare(pending, standing, {}, is_loaded=lambda: True)
        assert refused == []
        return [str(c) for c in changes]

    assert compared(order_id="varchar(8)") == []
    assert compared(order_id="varchar(4)") == [f"{pending.name}: column order_id widened from varchar(4) to varchar(8)"]
    assert compared(pending_key="varchar(16)") == [f"{pending.name}: made anew for the key order_id"]


# Statements


def test_on_redshift_a_column_is_added_and_a_text_lengthened_outside_of_the_transaction() -> None:
    new = changed(OLD.replace("city varchar(16)", "city varchar(32)") + "nickname varchar(64) encode=lzo\n")
    assert steps(new) == [
        "alone: ALTER TABLE core.orders ALTER COLUMN city TYPE VARCHAR(32)",
        "ALTER TABLE core.orders ADD COLUMN nickname VARCHAR(64) ENCODE lzo",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("order_id varchar(8)", "order_id varchar(16)"),  # key and distribution
        ("note varchar(9)", "note varchar(10)"),  # sort key
        ("code varchar(4)", "code varchar(5)"),  # an encoding that cannot be altered
        ("size smallint", "size integer"),
        ("amount decimal(9,2)", "amount decimal(12,4)"),
        ("size smallint required", "size smallint"),
    ],
)
def test_on_redshift_what_cannot_be_altered_is_copied_in_one_transaction(old: str, new: str) -> None:
    made = changed(OLD.replace(old, new))
    texts = steps(made)
    assert [text.partition(" core.")[0] for text in texts] == [
        "DROP TABLE IF EXISTS",
        "CREATE TABLE IF NOT EXISTS",
        "INSERT INTO",
        "check: SELECT stood.row_count - copied.row_count AS row_count FROM (SELECT COALESCE(SUM(CASE WHEN order_id IS "
        "NULL THEN 1 ELSE 1 END), 0) AS row_count FROM",
        "DROP TABLE",
        "ALTER TABLE",
    ]
    assert texts[-1] == "ALTER TABLE core.orders__copy RENAME TO orders"
    assert "DISTKEY (order_id) COMPOUND SORTKEY (note)" in texts[1]


# What they make of the rows

WIDER = """
order_id varchar(16) key
city varchar(32) encode=zstd
nickname varchar(64)
code varchar(4) encode=bytedict
size bigint
amount decimal(20,4)
note varchar(9)
"""
ROWS = [
    ("o1", "Pune", "x", 32_767, Decimal("9999999.99"), None),
    ("o2", None, None, -32_768, Decimal("-0.01"), "é" * 4),
    ("o3", "", "y", 0, None, "z"),
]


@pytest.mark.parametrize("engine", ["redshift", "duckdb"])
@pytest.mark.parametrize("environment", ["", "dev"])
def test_every_value_is_what_it_was_by_either_engines_statements(
    engine: Literal["duckdb", "redshift"], environment: str
) -> None:
    connection = duckdb.connect(":memory:", config={"threads": 2})
    schema = f"{environment}_core" if environment else "core"

    def run(sql: str) -> Any:
        return connection.execute(to_duckdb(sql, environment=environment))

    def rows(columns: str) -> list[Any]:
        return connection.execute(f"SELECT {columns} FROM {schema}.orders ORDER BY 1").fetchall()

    for setting in SESSION:
        connection.execute(setting)
    for sql in (*ddl.create_schemas(), ddl.create_table(ORDERS)):
        run(sql)
    names = ", ".join(ORDERS.names)
    for row in ROWS:
        connection.execute(f"INSERT INTO {schema}.orders VALUES (?, ?, ?, ?, ?, ?)", row)

    new = changed(WIDER)
    relation = Relation("core.orders", new)
    changes, refused = compare(relation, as_it_is(ORDERS), {}, is_loaded=lambda: True)
    assert (len(changes), refused) == (6, [])
    for step in Alteration(relation, as_it_is(ORDERS), tuple(changes)).steps(engine):
        found = run(step.sql)
        assert not step.check or found.fetchone() == (0,)

    assert rows(names) == ROWS
    assert rows("nickname") == [(None,)] * 3
    told = connection.execute(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_name = 'orders' AND table_schema = ? ORDER BY 1",
        [schema],
    ).fetchall()
    assert told == [
        ("amount", "DECIMAL(20,4)", "YES"),
        ("city", "VARCHAR", "YES"),
        ("code", "VARCHAR", "YES"),
        ("nickname", "VARCHAR", "YES"),
        ("note", "VARCHAR", "YES"),
        ("order_id", "VARCHAR", "NO"),
        ("size", "BIGINT", "YES"),
    ]
    assert connection.execute("SELECT COUNT(*) FROM information_schema.tables").fetchall() == [(1,)]


def test_a_copy_keeps_a_column_that_may_be_empty_though_the_contract_requires_it() -> None:
    new = changed(OLD.replace("city varchar(16)", "city varchar(16) required").replace("size smallint", "size integer"))
    (create,) = [text for text in steps(new) if text.startswith("CREATE")]
    assert "city VARCHAR(16) ENCODE zstd," in create
    assert "size INTEGER NOT NULL," in create
