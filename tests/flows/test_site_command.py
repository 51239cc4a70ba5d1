"""`dw site`: what it says, and what it opens."""

from __future__ import annotations

import os
import subprocess
import sys
import webbrowser
from pathlib import Path

import pytest
from command_line import Dw
from house_of_things import House

from contracts.registry import REPOSITORY


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """`dw` with a small repository, where nothing was loaded."""
    made = House(tmp_path)
    for name, value in {"HOME": made.home, "REPOSITORY": made.root, "THREADS": 1}.items():
        monkeypatch.setenv(f"DW_{name}", str(value))
    return made


def test_the_second_build_changes_the_index_alone(dw: Dw, house: House) -> None:
    first, second = dw("site"), dw("site")
    assert (first.code, first.err, second.code, second.err) == (0, "", 0, "")
    index = house.home / "site" / "index.html"
    assert str(index) in first.out
    # The instant of the build stands there.
    assert "1 file new or changed" in second.out or "0 files new or changed" in second.out
    assert index.exists()


def test_the_site_does_not_depend_on_the_order_of_sets(tmp_path: Path) -> None:
    """Else each build would write, and in aws mode send, pages in which nothing changed."""
    found = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DW_")}
        environment |= {"PYTHONHASHSEED": seed, "DW_HOME": str(tmp_path / "home")}
        command = [sys.executable, "-m", "flows.cli", "site", "--out", str(out)]
        subprocess.run(command, cwd=REPOSITORY, env=environment, check=True, capture_output=True)
        files = {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}
        found.append({name: body for name, body in files.items() if name != "index.html"})
    assert len(found[0]) > 200
    assert {name for name, body in found[0].items() if found[1].get(name) != body} == set()


def test_another_folder_and_what_is_no_site(dw: Dw, house: House, tmp_path: Path) -> None:
    out = tmp_path / "pages"
    assert dw("site", "--out", str(out)).code == 0
    assert (out / "tables" / "clean.things.html").exists()
    assert not (house.home / "site").exists()
    said = dw("site", "--out", str(house.root))
    assert said.code == 1
    assert "is of no site, and stays: choose a folder of its own" in said.err


@pytest.mark.parametrize("there_is_one", [True, False])
def test_the_browser_is_asked_to_show_it(
    dw: Dw, house: House, monkeypatch: pytest.MonkeyPatch, there_is_one: bool
) -> None:
    asked: list[str] = []

    def browser(url: str) -> bool:
        asked.append(url)
        return there_is_one

    monkeypatch.setattr(webbrowser, "open", browser)
    said = dw("site", "--open")
    index = house.home / "site" / "index.html"
    assert said.code == 0
    assert asked == [index.as_uri()]
    assert said.err == ("" if there_is_one else f"dw site: there is no browser here; open {index}\n")


def test_notebooks_that_were_left_out_are_told(dw: Dw, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "left out" not in dw("site").out
    monkeypatch.setattr("flows.site_command.is_installed", lambda: False)
    assert "left out; `make notebooks` installs" in dw("site").out
