"""What the gates find of what the generator planted: precision and recall per kind of defect.

`python tests/detection.py --seeds 20` prints the table over twenty seeds.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from small_shop import SIZE, open_home

from contracts.ids import TableId
from contracts.registry import REPOSITORY
from tasks import delivery as work
from tasks.generate import Size, generate_delivery
from tasks.lake import batch_key
from tasks.workspace import Workspace

# Rules of the core layer need all tables; test_end_to_end holds what they tell against the labels, order by order.
ROW_LAYERS = ("raw", "clean")


@dataclass(frozen=True)
class Found:
    """What became of a delivery.

    `rows`: every delivered record that was not loaded, by table, file, line, with the `rules` that it broke (a
    duplicate: the key's). `told`: the rows that broke each warning rule, by file and rule.
    """

    labels: pl.DataFrame
    rows: pl.DataFrame
    told: pl.DataFrame


def detect(home: Path, seed: int, size: Size = SIZE, repository: Path = REPOSITORY) -> Found:
    """Generate a delivery and take its files through the gates into the clean tables, day by day."""
    generated = generate_delivery(home / "inbox", size=size, seed=seed)
    space = open_home(home, repository)
    rows, told = [], []
    try:
        for day in generated.days:
            space.begin()
            for file in work.find(space, day):
                entry = work.ingest(space, file)
                if entry is None or entry.status != "loaded":
                    raise AssertionError(f"{day}/{file}: {space.report.failures}")
                rows.append(_not_loaded(space, f"{day}/{file}", entry.batch_id, entry.delivered_rows))
            names = {entry.batch_id: f"{day}/{entry.file_name}" for entry in space.report.entries}
            told += [
                {"file": names[gate.batch_id], "rule": result.rule.id, "failed": result.failed}
                for gate in space.report.gates
                for result in gate.warnings
            ]
    finally:
        space.close()
    schema = {"file": pl.String, "rule": pl.String, "failed": pl.Int64}
    return Found(pl.read_parquet(generated.root / "defects.parquet"), pl.concat(rows), pl.DataFrame(told, schema))


def _not_loaded(space: Workspace, file: str, batch_id: str, delivered: int) -> pl.DataFrame:
    """The lines of a file that did not reach the clean table: in quarantine, or else a duplicate."""
    batch = next(b for b in space.inbox.batches if b.batch_id == batch_id)
    raw = batch.contract.table
    clean = TableId("clean", raw.name)
    first = 2 if ".csv" in file else 1
    lines = pl.DataFrame({"line": pl.int_range(first, first + delivered, eager=True)})
    loaded = space.warehouse.query(f"SELECT source_line AS line FROM {clean} WHERE batch_id = :batch", batch=batch_id)
    key = batch_key(raw.quarantine_prefix, batch.delivery, batch_id, "rows.parquet")
    aside = pl.DataFrame(schema={"line": pl.Int64, "rules": pl.List(pl.String)})
    if space.lake.exists(key):
        aside = space.lake.file(key).scan().collect().select(line="source_line", rules="rule_ids")
    rest = lines.join(loaded, on="line", how="anti").join(aside, on="line", how="left")
    is_aside = pl.col("rules").is_not_null()
    return rest.select(
        table=pl.lit(raw.name),
        file=pl.lit(file),
        line="line",
        outcome=pl.when(is_aside).then(pl.lit("quarantined")).otherwise(pl.lit("duplicate")),
        rules=pl.when(is_aside).then("rules").otherwise(pl.concat_list(pl.lit(f"{clean}.key.unique"))),
    )


def scored(found: Iterable[Found]) -> pl.DataFrame:
    """Per kind of defect and table: planted, found by the expected rule, missed, wrongly found; precision, recall.

    Wrongly found is a record that broke the kind's rule though nothing was planted in it. Records that broke a rule for
    which nothing is planted stand under the kind `(nothing planted)`. Warning rules tell how many rows of a file broke
    them, not which: they are held against the labels file by file.
    """
    by_seed = list(enumerate(found))
    labels, rows, told = (
        pl.concat([getattr(one, name).with_columns(seed=pl.lit(n)) for n, one in by_seed])
        for name in ("labels", "rows", "told")
    )
    layer = pl.col("rule").str.extract(r"^(\w+)")
    labels = labels.filter(pl.col("expected") != "loaded", layer.is_in(ROW_LAYERS))
    is_row = pl.col("expected").is_in(["quarantined", "duplicate"])
    out = pl.concat([_of_rows(labels.filter(is_row), rows), _of_counts(labels.filter(~is_row), told)])
    return out.with_columns(
        precision=pl.col("found") / (pl.col("found") + pl.col("wrong")), recall=pl.col("found") / pl.col("planted")
    ).sort("expected", "kind", "table", "rule", descending=[True, False, False, False])


_GROUP = ("kind", "table", "expected", "rule")


def _of_rows(labels: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    broken = rows.explode("rules").rename({"rules": "rule", "outcome": "expected"})
    hit = labels.join(broken, on=["seed", "table", "file", "line", "expected", "rule"], how="semi")
    unplanted = broken.join(labels, on=["seed", "table", "file", "line", "expected"], how="anti")
    planted = (
        labels.group_by(_GROUP)
        .agg(planted=pl.len())
        .join(hit.group_by(_GROUP).agg(found=pl.len()), on=_GROUP, how="left", nulls_equal=True)
    )
    wrong = unplanted.group_by("table", "expected", "rule").agg(wrong=pl.len())
    joined = planted.join(wrong, on=["table", "expected", "rule"], how="full", coalesce=True)
    return _counted(joined.with_columns(pl.col("kind").fill_null("(nothing planted)")))


def _of_counts(labels: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Kinds that share a rule stand in one line: a count does not tell them apart."""
    planted = labels.group_by("seed", "file", "rule").agg(
        pl.col("kind").unique().sort().str.join(", "), pl.col("table").first(), planted=pl.len()
    )
    both = planted.join(told, on=["seed", "file", "rule"], how="full", coalesce=True)
    both = both.with_columns(pl.col("planted", "failed").fill_null(0)).with_columns(
        pl.col("table").fill_null(pl.col("rule").str.extract(r"^\w+\.(\w+)")),
        found=pl.min_horizontal("planted", "failed"),
        wrong=pl.max_horizontal(pl.lit(0), pl.col("failed").cast(pl.Int64) - pl.col("planted")),
    )
    kinds = pl.col("kind").drop_nulls().str.split(", ").explode().unique().sort().str.join(", ")
    summed = both.group_by("table", "rule").agg(kinds.alias("kind"), pl.col("planted", "found", "wrong").sum())
    named = summed.with_columns(
        pl.when(pl.col("kind") != "").then("kind").otherwise(pl.lit("(nothing planted)")).alias("kind")
    )
    return _counted(named.with_columns(expected=pl.lit("told")))


def _counted(frame: pl.DataFrame) -> pl.DataFrame:
    counts = frame.with_columns(pl.col("planted", "found", "wrong").fill_null(0).cast(pl.Int64))
    return counts.select("expected", "kind", "table", "rule", "planted", "found", "wrong").with_columns(
        missed=pl.col("planted") - pl.col("found")
    )


def shown(table: pl.DataFrame) -> str:
    """The table as text, whole."""
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=240, fmt_str_lengths=80, tbl_hide_dataframe_shape=True):
        return str(table.with_columns(pl.col("precision", "recall").round(4)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds, counted from 1")
    parser.add_argument("--dev", action="store_true", help="the size of `dw generate` instead of a small one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        # The gate keeps its latest results in the home folder: not in the developer's own.
        os.environ["DW_HOME"] = str(Path(scratch) / "home")
        size = Size.dev() if asked.dev else SIZE
        table = scored([detect(Path(scratch) / str(seed), seed, size) for seed in range(1, asked.seeds + 1)])
    sys.stdout.write(shown(table) + "\n")


if __name__ == "__main__":
    main()
