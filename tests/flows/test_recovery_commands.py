"""`dw backup` and `dw restore`, as people use them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import Dw
from small_shop import Shop


@pytest.fixture
def home(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DW_HOME", str(tmp_path / "home"))
    return Path(shutil.copytree(shop.home, tmp_path / "home"))


def test_a_warehouse_that_was_lost_comes_back(dw: Dw, shop: Shop, home: Path) -> None:
    said = dw("backup", "--keep", "2")
    (folder,) = home.with_name("home-backups").iterdir()
    assert said.code == 0
    assert f"Backed up to {folder}: " in said.out
    assert f"deliveries up to {shop.last_day}" in said.out
    assert str(folder) in dw("backup", "--list").out

    lost = "SELECT COUNT(*) AS n FROM core.fact_sales"
    before = dw("query", lost, "--csv").out
    (home / "warehouse.duckdb").unlink()
    said = dw("restore")
    assert said.code == 1
    assert "--overwrite replaces them" in said.err
    assert dw("restore", "--overwrite").code == 0
    assert dw("query", lost, "--csv").out == before

    said = dw("restore", "--undo")
    assert said.code == 0
    assert "stands again" in said.out
    assert dw("status").code == 1
    assert dw("restore", "--undo").code == 0
    assert dw("query", lost, "--csv").out == before


def test_a_damaged_backup_is_one_clear_paragraph(dw: Dw, home: Path, tmp_path: Path) -> None:
    assert dw("backup", "--to", str(tmp_path / "there")).code == 0
    (folder,) = (tmp_path / "there").iterdir()
    (folder / "warehouse.duckdb").write_bytes(b"x")
    said = dw("restore", str(folder), "--overwrite")
    assert said.code == 1
    assert said.err.startswith(f"dw: {folder}/warehouse.duckdb was changed")


def test_wrong_uses_are_told(dw: Dw, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no backup in" in dw("restore", str(tmp_path / "nowhere")).err
    assert "--undo stands alone" in dw("restore", "--undo", "--overwrite").err
    assert "holds nothing that a restore moved aside" in dw("restore", "--undo").err
    assert "No backup in" in dw("backup", "--list").out
    monkeypatch.setenv("DW_HOME", str(tmp_path / "empty"))
    assert "`dw run` makes one" in dw("backup").err
