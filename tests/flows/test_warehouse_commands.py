"""`dw export` and `dw maintain` on DuckDB; tests/aws/test_commands_aws.py has them on Redshift."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from command_line import Dw, Said, words
from hand_made import DAY
from house_of_things import COLOURS, HEADER, House
from small_shop import Shop, query

from contracts.registry import REPOSITORY
from tasks.warehouse import WarehouseError
from tasks.warehouse.duckdb import DuckDBWarehouse

OWNER = {"name": "owner", "mask": "email"}
LINES = ("a,red,1,,a@example.net", "b,blue,2,,b@example.net")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """`dw` with a small warehouse that a test may change."""
    made = House(tmp_path)
    made.allow(COLOURS, 0, OWNER)
    made.run(0, *LINES, header=HEADER.replace("\n", ",owner\n"))
    for name, value in {"HOME": made.home, "REPOSITORY": made.root, "THREADS": 1}.items():
        monkeypatch.setenv(f"DW_{name}", str(value))
    return made


def fails(said: Said, told: str) -> None:
    assert said.code == 1
    assert said.err.startswith("dw: ")
    assert told in said.err


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# export


def test_an_export_has_every_row_and_no_personal_data(dw: Dw, house: House, tmp_path: Path) -> None:
    out = tmp_path / "out" / "things"
    said = dw("export", "clean.things", "--to", str(out))
    assert (said.code, said.err) == (0, "")
    assert "2 rows of clean.things, 8 columns" in said.out
    assert "personal data: owner." in said.out
    assert names(out) == ["rows.parquet"]
    found = pl.read_parquet(out / "rows.parquet").sort("thing_id")
    assert "owner" not in found.columns
    assert found.select("thing_id", "colour", "size", "delivery_date").rows() == [
        ("a", "red", 1, DAY),
        ("b", "blue", 2, DAY),
    ]


def test_an_export_is_replaced_only_when_told(dw: Dw, house: House, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert dw("export", "clean.things", "--to", str(out)).code == 0
    before = (out / "rows.parquet").read_bytes()
    fails(dw("export", "core.colour", "--to", str(out)), f"{out} is not empty; --overwrite replaces what lies there")
    assert (out / "rows.parquet").read_bytes() == before
    said = dw("export", "clean.things", "--to", str(out), "--overwrite", "--with-personal-data")
    assert (said.code, said.err) == (0, "")
    assert "Left out" not in said.out
    assert sorted(pl.read_parquet(out / "rows.parquet")["owner"]) == ["a@example.net", "b@example.net"]


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_what_no_export_wrote_stays(dw: Dw, house: House, tmp_path: Path, overwrite: list[str]) -> None:
    (tmp_path / "mine.parquet").write_bytes(b"mine")
    fails(
        dw("export", "core.colour", "--to", str(tmp_path), *overwrite),
        "is from no export, and stays: choose a folder of its own",
    )
    assert (tmp_path / "mine.parquet").read_bytes() == b"mine"
    assert not (tmp_path / "rows.parquet").exists()


def test_wrong_exports_are_told_and_make_nothing(dw: Dw, house: House, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fails(dw("export", "raw.things", "--to", str(out)), "raw.things is not in the warehouse: the lake keeps its files")
    unknown = dw("export", "core.nothing", "--to", str(out))
    assert (unknown.code, unknown.out) == (2, "")
    assert "no table is called 'core.nothing'" in unknown.err
    fails(dw("export", "core.colour", "--to", "s3://bucket/out"), "DuckDB exports to a folder, not to s3://bucket/out")
    for place in ("lake", "lake/clean/things/../things", "inbox/2026-01-05"):
        to = house.home / place
        fails(dw("export", "core.colour", "--to", str(to), "--overwrite"), "where the warehouse keeps its own files")
    assert not out.exists()
    assert not Path("s3:").exists()


def test_an_export_that_fails_leaves_the_earlier_one(
    dw: Dw, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert dw("export", "core.colour", "--to", str(out)).code == 0
    before = (out / "rows.parquet").read_bytes()
    # The last row cannot be computed, when many are written already.
    failing = "SELECT 10 / (2000000 - n.range) AS share FROM range(2000001) AS n"
    monkeypatch.setattr(DuckDBWarehouse, "_transpiled", lambda self, text: failing)
    with DuckDBWarehouse(None) as empty, pytest.raises(WarehouseError, match="zero"):
        empty.export("SELECT 1 AS one", str(out), overwrite=True)
    assert names(out) == ["rows.parquet"]
    assert (out / "rows.parquet").read_bytes() == before


_SLOW = """
import sys
from tasks.warehouse.duckdb import DuckDBWarehouse
with DuckDBWarehouse(None, threads=1) as warehouse:
    warehouse._transpiled = lambda text: "SELECT md5(n.range::VARCHAR) AS text FROM range(100000000) AS n"
    warehouse.export("SELECT 1", sys.argv[1])
"""


def test_a_killed_export_shows_nothing_and_the_next_one_takes_its_place(dw: Dw, house: House, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", _SLOW, str(out)], cwd=REPOSITORY)
    part = out / ".rows.parquet.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert names(out) == [part.name]
    assert list(out.glob("*.parquet")) == []
    said = dw("export", "core.colour", "--to", str(out))
    assert (said.code, said.err) == (0, "")
    assert names(out) == ["rows.parquet"]
    assert sorted(pl.read_parquet(out / "rows.parquet").rows()) == [("blue", 1), ("red", 1)]


def test_every_column_of_a_real_table_is_exported_or_named_as_left_out(
    dw: Dw, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DW_HOME", str(shop.home))
    said = dw("export", "core.dim_customer", "--to", str(tmp_path / "out"))
    left_out = re.findall(r"personal data: (.*)\. --with", words(said.out))[0].split(", ")
    found = pl.read_parquet(tmp_path / "out" / "rows.parquet")
    standing = query(shop.home, "SELECT * FROM core.dim_customer")
    assert {"email", "phone", "last_name"} <= set(left_out)
    assert sorted([*found.columns, *left_out]) == sorted(standing.columns)
    assert found.sort("customer_key").equals(standing.select(found.columns).sort("customer_key"))


# maintain


def test_maintain_does_every_table_that_stands(dw: Dw, house: House) -> None:
    said = dw("maintain")
    assert (said.code, said.err) == (0, "")
    standing = query(house.home, "SELECT count(*) FROM information_schema.tables WHERE table_schema <> 'stage'").item()
    (count,) = re.findall(r"(\d+) tables vacuumed and analysed in", said.out)
    assert 5 < int(count) <= standing


def test_maintain_goes_on_after_a_table_that_fails(dw: Dw, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    real = DuckDBWarehouse.maintain

    def maintain(self: DuckDBWarehouse, table: str) -> None:
        real(self, "core.gone" if table == "clean.things" else table)
        done.append(table)

    monkeypatch.setattr(DuckDBWarehouse, "maintain", maintain)
    said = dw("maintain")
    assert said.code == 1
    assert "core.colour" in done
    assert "clean.things" not in done
    assert f"{len(done)} tables vacuumed" in said.out
    assert "failed clean.things: " in words(said.out)


def test_maintain_needs_a_warehouse_and_waits_for_no_run(
    dw: Dw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    space = house.open()
    space.lock()
    try:
        fails(dw("maintain"), "another run holds")
    finally:
        space.close()
    monkeypatch.setenv("DW_HOME", str(tmp_path / "nowhere"))
    fails(dw("maintain"), "there is no warehouse at")
