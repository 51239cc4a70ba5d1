"""`dw contract export` and `import` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from command_line import Dw, words
from small_tree import Tree

from contracts.registry import Registry

SHOP = Tree().with_contract("core.one", "id varchar(8) key\na integer").with_contract("core.two", "id varchar(8) key")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = SHOP.write(tmp_path / "shop")
    monkeypatch.setenv("DW_REPOSITORY", str(root))
    monkeypatch.chdir(tmp_path)
    return root


def test_out_and_in_again(dw: Dw, root: Path) -> None:
    said = dw("contract", "export", "core.one", "--to", "one.odcs.yaml")
    assert (said.code, said.err) == (0, "")
    before = Registry.read(root)
    (root / "contracts/core/one.yaml").unlink()
    said = dw("contract", "import", "one.odcs.yaml")
    assert (said.code, said.err) == (0, "")
    assert "core.one 2 columns" in words(said.out)
    assert Registry.read(root).keys() == before.keys()


def test_printed_as_yaml_and_json(dw: Dw, root: Path) -> None:
    plain = dw("contract", "export", "core.one").out
    assert yaml.safe_load(plain) == json.loads(dw("contract", "export", "core.one", "--format", "json").out)
    assert yaml.safe_load(plain)["id"] == "core.one"


def test_several_go_to_a_folder_and_nothing_is_written_over(dw: Dw, root: Path) -> None:
    assert dw("contract", "export", "core.one", "core.two", "--to", "out").code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["core.one.odcs.yaml", "core.two.odcs.yaml"]
    again = dw("contract", "export", "core.one", "--to", "out")
    assert (again.code, "is there already and was left as it is" in again.err) == (1, True)
    there = dw("contract", "import", "out/core.one.odcs.yaml")
    assert (there.code, "contracts/core/one.yaml is there already" in there.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "core.one", "core.two"], "several contracts go to a folder"),
        (["export", "core.one", "core.two", "--to", "x.yaml"], "is one file, and here are 2 contracts"),
        (["export", "core.none"], "no such contract"),
        (["import", "nothing.yaml"], "does not exist"),
        (["import", "shop/contracts/core/one.yaml", "--to", "gold"], "unknown layer 'gold'"),
        (["import", "broken.yaml"], "not valid YAML"),
    ],
)
def test_wrong_uses(dw: Dw, root: Path, arguments: list[str], message: str) -> None:
    Path("broken.yaml").write_text("a: [", encoding="utf-8")
    said = dw("contract", *arguments)
    assert said.code != 0
    assert message in words(said.err)
    assert "Traceback" not in said.err
