"""What DuckDB would let pass and Redshift would not, and rare rows: found by mutants that no other test noticed."""

from __future__ import annotations

from datetime import datetime

from sql_harness import Bench, contract
from sqlglot import exp, parse_one

from sql import merge, scd2

LOG = contract("clean.log", "item_id varchar(8)\nchanged_at timestamp\nsize bigint\nis_deleted boolean")
HISTORY = contract(
    "core.dim_item",
    """
    item_key bigint key
    item_id varchar(8) required
    size bigint
    effective_from timestamp required
    effective_to timestamp required
    is_current boolean required
    """,
    {
        "strategy": "scd2",
        "effective": "changed_at",
        "tracked": ["size"],
        "deletes": {"column": "is_deleted", "then": "close"},
        "increment": {"key": "item_id", "from": {"clean.log": "item_id"}},
    },
)
SELECT = "WITH a AS (SELECT item_id, changed_at, is_deleted, size FROM clean.log) SELECT * FROM a"


def test_a_key_that_is_no_text_is_cast_before_it_is_hashed_and_text_is_not() -> None:
    assert "CAST(item_id AS VARCHAR(64)) || '|'" in scd2.surrogate("item_id", is_text=False)
    assert scd2.surrogate("item_id", is_text=True).startswith("STRTOL(SUBSTRING(MD5(item_id || '|'")


def test_a_log_with_ctes_is_put_in_without_a_with_inside_a_cte() -> None:
    log = parse_one(SELECT.replace("*", "item_id, changed_at, is_deleted, size"), read="redshift")
    assert isinstance(log, exp.Query)
    versions = scd2.versions(log, HISTORY)
    names = [cte.alias for cte in versions.args["with_"].expressions]
    assert names[:2] == ["a", "scd2_log"]
    assert len(list(versions.find_all(exp.With))) == 1


def test_a_deletion_wins_over_a_change_at_the_same_instant() -> None:
    text = "SELECT item_id, changed_at, is_deleted, size FROM clean.log"
    bench = Bench([LOG, HISTORY], {"core.dim_item": text})
    first, then = datetime(2024, 1, 1), datetime(2024, 1, 2)
    bench.insert("clean.log", [("i", first, 1, False), ("i", then, 9, False), ("i", then, 1, True)])
    bench.stage("core.dim_item", full=True)
    assert bench.rows(HISTORY.table.stage, "size, effective_to, is_current") == [(1, then, False)]


def test_a_table_without_a_key_has_no_duplicates_and_every_row_is_counted() -> None:
    assert merge.load_stage_dedupe(LOG) == []
    bench = Bench([LOG], {})
    bench.insert("clean.log", [("i", None, 1, None), (None, None, 1, None), (None, None, 2, None)])
    assert bench.run(merge.count_rows("clean.log", "item_id")) == [(3,)]
