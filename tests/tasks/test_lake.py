"""The lake as a folder: a file appears whole or not at all, and the same write twice leaves the same file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from contracts.ids import TableId
from tasks.lake import FolderLake, batch_key

KEY = "clean/things/delivery_date=2026-01-05/b1/rows.parquet"


@pytest.fixture
def lake(tmp_path: Path) -> FolderLake:
    return FolderLake(tmp_path / "lake")


def files(lake: FolderLake) -> list[str]:
    return sorted(p.relative_to(lake.root).as_posix() for p in lake.root.rglob("*") if p.is_file())


def failing() -> pl.LazyFrame:
    """A frame that breaks off while it is written."""

    def break_off(values: pl.Series) -> pl.Series:
        raise RuntimeError("no more rows")

    return pl.LazyFrame({"id": [1, 2]}).select(pl.col("id").map_batches(break_off, return_dtype=pl.Int64))


def test_a_key_says_table_day_batch_and_name() -> None:
    table = TableId("clean", "things")
    assert batch_key(table.lake_prefix, date(2026, 1, 5), "b1", "rows.parquet") == KEY


def test_frames_text_and_files_are_read_back_as_written(lake: FolderLake, tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": [1, 2], "name": ["a", None]})
    assert lake.put_frame(KEY, frame.lazy()).scan().collect().equals(frame)
    assert lake.put_text("note.json", "{é}").path().read_text(encoding="utf-8") == "{é}"
    source = tmp_path / "source.bin"
    source.write_bytes(b"\x00\xff")
    assert lake.put_file("copy.bin", source).path().read_bytes() == b"\x00\xff"
    assert lake.file("copy.bin").paths() == (lake.root / "copy.bin",)


def test_a_write_that_fails_leaves_nothing_visible(lake: FolderLake) -> None:
    with pytest.raises(RuntimeError, match="no more rows"):
        lake.put_frame(KEY, failing())
    assert not lake.exists(KEY)
    assert list(lake.root.rglob("*.parquet")) == []


def test_a_write_that_fails_leaves_the_earlier_file_as_it_was(lake: FolderLake) -> None:
    lake.put_frame(KEY, pl.LazyFrame({"id": [7]}))
    before = lake.file(KEY).path().read_bytes()
    with pytest.raises(RuntimeError, match="no more rows"):
        lake.put_frame(KEY, failing())
    assert lake.file(KEY).path().read_bytes() == before


def test_what_a_killed_write_left_behind_does_not_count_and_is_overwritten(lake: FolderLake) -> None:
    part = (lake.root / KEY).with_name(".rows.parquet.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half a file")
    assert list(lake.root.rglob("*.parquet")) == []
    lake.put_frame(KEY, pl.LazyFrame({"id": [1]}))
    assert files(lake) == [KEY]


def test_the_same_write_twice_leaves_the_same_bytes(lake: FolderLake) -> None:
    frame = pl.LazyFrame({"id": list(range(1000)), "name": ["a"] * 1000})
    first = lake.put_frame(KEY, frame).path().read_bytes()
    assert lake.put_frame(KEY, frame).path().read_bytes() == first
    assert files(lake) == [KEY]


def test_what_is_removed_is_gone_and_may_be_removed_again(lake: FolderLake) -> None:
    lake.put_text("note.json", "{}")
    lake.remove("note.json")
    lake.remove("note.json")
    assert files(lake) == []


def test_where_there_are_no_rows_nothing_stays_of_an_earlier_try(lake: FolderLake) -> None:
    assert lake.put_rows(KEY, pl.DataFrame({"id": [1]})) == lake.file(KEY)
    assert lake.put_rows(KEY, pl.DataFrame({"id": []})) is None
    assert files(lake) == []


def test_batches_that_are_not_kept_go_with_all_their_files(lake: FolderLake) -> None:
    table = TableId("clean", "things")
    for batch in ("b1", "b2", "b3"):
        lake.put_text(batch_key(table.lake_prefix, date(2026, 1, 5), batch, "rows.parquet"), batch)
    (lake.root / KEY).with_name(".rows.parquet.part").write_text("b1, broken off")
    lake.put_text(KEY.replace("things", "others"), "b1")
    lake.drop_batches(table, keep={"b2", "b4"})
    assert files(lake) == [KEY.replace("things", "others"), KEY.replace("b1", "b2")]
