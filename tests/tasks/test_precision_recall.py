"""The gates find every planted defect, by the rule that is meant to find it, and hardly anything else.

`pytest -rP` shows the table; `python tests/detection.py --seeds 20` makes it over more seeds.
"""

from __future__ import annotations

import sys

import polars as pl
import pytest
from detection import ROW_LAYERS, Found, detect, scored, shown

from tasks.generate.defects import DEFECTS, REPETITIONS

SEEDS = (3, 20, 2026)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return scored(detect(tmp_path_factory.mktemp(f"seed_{seed}"), seed) for seed in SEEDS)


def test_every_planted_defect_is_found_by_its_rule(table: pl.DataFrame) -> None:
    sys.stdout.write(shown(table))
    missed = table.filter(pl.col("recall") != 1, pl.col("planted") > 0)
    assert missed.is_empty(), shown(missed)


def test_hardly_anything_is_found_that_was_not_planted(table: pl.DataFrame) -> None:
    wrong = table.filter((pl.col("precision") < 0.99) | (pl.col("planted") == 0))
    assert wrong.is_empty(), shown(wrong)


def test_every_kind_of_defect_that_a_row_can_show_was_planted(table: pl.DataFrame) -> None:
    wanted = {(d.table, d.rule) for d in DEFECTS if d.rule and d.rule.split(".")[0] in ROW_LAYERS}
    wanted |= {(name, f"clean.{name}.key.unique") for repetition in REPETITIONS for name in repetition.counts}
    assert wanted <= set(table.filter(pl.col("planted") > 0).select("table", "rule").rows())


# The scores themselves

LABELS = pl.DataFrame(
    [("lost", "things", "a.csv", line, "quarantined", "raw.things.id.not_null") for line in (2, 3, 4)]
    + [("late", "things", "a.csv", 5, "warned", "clean.things.at.between")],
    schema=["kind", "table", "file", "line", "expected", "rule"],
    orient="row",
)


def became(*rows: tuple[int, str, list[str]]) -> pl.DataFrame:
    of_file = [("things", "a.csv", *row) for row in rows]
    return pl.DataFrame(of_file, schema=["table", "file", "line", "outcome", "rules"], orient="row")


def told(failed: int, rule: str = "clean.things.at.between") -> pl.DataFrame:
    return pl.DataFrame({"file": ["a.csv"], "rule": [rule], "failed": [failed]})


def counts(rows: pl.DataFrame, warned: pl.DataFrame) -> list[tuple[str, int, int, int, int]]:
    out = scored([Found(LABELS, rows, warned)])
    return sorted(out.select("kind", "planted", "found", "wrong", "missed").rows())


def test_a_record_counts_as_found_only_where_its_rule_found_it() -> None:
    rule, other = "raw.things.id.not_null", "raw.things.name.byte_length"
    rows = became(
        (2, "quarantined", [rule, other]),
        (3, "quarantined", [other]),
        (7, "quarantined", [rule]),
        (8, "duplicate", ["k"]),
    )
    assert counts(rows, told(1)) == [
        ("(nothing planted)", 0, 0, 1, 0),
        ("late", 1, 1, 0, 0),
        ("lost", 3, 1, 1, 2),
    ]


def test_a_warning_is_held_against_the_number_of_labels_of_its_file() -> None:
    rows = became(*((line, "quarantined", ["raw.things.id.not_null"]) for line in (2, 3, 4)))
    nothing = told(0).clear()
    more = pl.concat([told(3), told(2, "clean.things.other")])
    assert counts(rows, nothing) == [("late", 1, 0, 0, 1), ("lost", 3, 3, 0, 0)]
    assert counts(rows, more) == [("(nothing planted)", 0, 0, 2, 0), ("late", 1, 1, 2, 0), ("lost", 3, 3, 0, 0)]
