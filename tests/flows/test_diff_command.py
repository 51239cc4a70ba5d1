"""`dw diff` on small repositories of git: what it says, how it ends, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_line import Dw, words
from small_tree import Tree, commit, git

ORDERS = "order_id varchar(8) key\namount integer"
SHOP = (
    Tree()
    .with_contract("clean.orders", ORDERS)
    .with_contract("core.fact", "order_id varchar(8) key\namount integer")
    .with_select("core.fact", "SELECT order_id, amount FROM clean.orders")
)
WIDER = SHOP.with_contract("clean.orders", f"{ORDERS}\nplace varchar(8)", version="1.1.0")
BUMPED = SHOP.with_contract("clean.orders", "order_id varchar(8) key", version="2.0.0")
NARROWER = SHOP.with_contract("clean.orders", "order_id varchar(8) key", version="1.0.0")

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, tagged v1, which `dw` reads."""
    root = tmp_path / "shop"
    commit(root, SHOP)
    git(root, "tag", "v1")
    monkeypatch.setenv("DW_REPOSITORY", str(root))
    monkeypatch.chdir(tmp_path)
    return root


def test_what_is_committed_and_what_is_not(dw: Dw, root: Path) -> None:
    said = dw("diff", "HEAD")
    assert (said.code, said.err) == (0, "")
    assert "No difference" in said.out
    WIDER.write(root)
    said = dw("diff", "HEAD")
    assert said.code == 0
    assert "column place: added (varchar(8))" in words(said.out)
    assert "ALTER TABLE clean.orders ADD COLUMN place VARCHAR(8);" in words(said.out)
    commit(root, WIDER)
    assert "No difference" in dw("diff", "HEAD").out
    assert "column place: added" in words(dw("diff", "v1", "HEAD").out)
    assert "column place: removed" in words(dw("diff", "HEAD", "v1").out)


def test_the_revision_is_named_with_its_commit(dw: Dw, root: Path) -> None:
    id_ = git(root, "rev-parse", "v1")
    assert f"v1 ({id_[:10]}) → working tree" in dw("diff", "v1").out
    assert f"{id_[:10]} → working tree" in dw("diff", id_).out


def test_folders_are_compared_without_git(dw: Dw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = SHOP.write(tmp_path / "old"), WIDER.write(tmp_path / "new")
    monkeypatch.setenv("DW_REPOSITORY", str(old))
    monkeypatch.setenv("PATH", "")
    said = dw("diff", str(old), str(new))
    assert (said.code, said.err) == (0, "")
    assert "column place: added" in words(said.out)


def test_a_repository_inside_another_is_read(dw: Dw, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = root / "deep" / "inside"
    for path, text in WIDER.files.items():
        (inner / path).parent.mkdir(parents=True, exist_ok=True)
        (inner / path).write_text(text)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Inside")
    monkeypatch.setenv("DW_REPOSITORY", str(inner))
    assert "No difference" in dw("diff", "HEAD").out


def test_from_where_a_branch_left(dw: Dw, root: Path) -> None:
    git(root, "switch", "--quiet", "--create", "mine")
    commit(root, WIDER)
    git(root, "switch", "--quiet", "main")
    moved = SHOP.with_contract("clean.customers", "id varchar(8) key")
    commit(root, moved)
    git(root, "switch", "--quiet", "mine")
    whole, mine = dw("diff", "main", "HEAD").out, dw("diff", "main", "HEAD", "--merge-base").out
    assert "clean.customers" in whole
    assert "clean.customers" not in mine
    assert "column place: added" in words(mine)


@pytest.mark.parametrize(
    ("tree", "fail_on", "code"),
    [
        (SHOP, "additive", 0),
        (WIDER, None, 0),
        (WIDER, "breaking", 0),
        (WIDER, "additive", 1),
        (WIDER, "version", 0),
        (WIDER.with_contract("clean.orders", f"{ORDERS}\nplace varchar(8)", version="1.0.0"), None, 0),
        (WIDER.with_contract("clean.orders", f"{ORDERS}\nplace varchar(8)", version="1.0.0"), "version", 1),
        (NARROWER, None, 1),
        (NARROWER, "major", 1),
        (NARROWER, "never", 0),
        (NARROWER, "breaking", 1),
        (NARROWER, "additive", 1),
        (NARROWER, "version", 1),
        (SHOP.with_file("contracts/clean/orders.yaml", "id: ["), None, 1),
        (SHOP.with_file("contracts/clean/orders.yaml", "id: ["), "never", 0),
        (SHOP.with_file("contracts/clean/orders.yaml", "id: ["), "breaking", 1),
    ],
)
def test_how_it_ends(dw: Dw, root: Path, tree: Tree, fail_on: str | None, code: int) -> None:
    tree.write(root)
    said = dw("diff", "HEAD", *(["--fail-on", fail_on] if fail_on else []))
    assert (said.code, said.err) == (code, "")


def test_a_breaking_change_passes_with_a_major_version(dw: Dw, root: Path) -> None:
    with_reader = BUMPED.with_contract("core.fact", "order_id varchar(8) key", version="2.0.0")
    with_reader.with_select("core.fact", "SELECT order_id FROM clean.orders").write(root)
    assert [dw("diff", *arguments).code for arguments in ([], ["--fail-on", "breaking"])] == [0, 1]


def test_without_a_revision_the_last_commit_is_meant(dw: Dw, root: Path) -> None:
    WIDER.write(root)
    assert dw("diff").out == dw("diff", "HEAD").out


def test_a_fault_that_was_mended_does_not_fail(dw: Dw, root: Path) -> None:
    commit(root, SHOP.with_file("contracts/clean/orders.yaml", "id: ["))
    SHOP.write(root)
    said = dw("diff", "HEAD", "--fail-on", "breaking")
    assert said.code == 0
    assert "fault in base: contracts/clean/orders.yaml:2: not valid YAML" in words(said.out)


def test_json_and_markdown(dw: Dw, root: Path) -> None:
    NARROWER.write(root)
    said = dw("diff", "HEAD", "--json")
    assert said.out == dw("diff", "HEAD", "--format", "json").out
    body = json.loads(said.out)
    assert body["level"] == "breaking"
    (table,) = body["tables"]
    assert (table["table"], table["level"]) == ("clean.orders", "breaking")
    assert table["changes"][0]["verdict"] == "refused"
    assert table["version"]["wanted"] == "2.0.0"
    assert [fault["side"] for fault in body["faults"]] == ["head"]
    text = dw("diff", "HEAD", "--format", "markdown").out
    assert text == dw("diff", "HEAD", "--markdown").out
    assert text.startswith("<!-- dw diff -->\n")
    assert "| `clean.orders` |" in text


def test_wrong_uses(dw: Dw, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, message in [
        (["nowhere"], "git knows no nowhere: a branch, tag or commit"),
        (["v1", "nowhere"], "git knows no nowhere"),
        (["--", "--output=/tmp/x"], "is no revision of git"),
        (["HEAD:contracts"], "git knows no HEAD:contracts"),
    ]:
        said = dw("diff", *arguments)
        assert (said.code, said.out) == (1, ""), arguments
        assert message in said.err
        assert "Traceback" not in said.err
    both = dw("diff", "v1", "--markdown", "--json")
    assert both.code == 2
    assert "not both" in both.err
    outside = SHOP.write(tmp_path / "outside")
    monkeypatch.setenv("DW_REPOSITORY", str(outside))
    said = dw("diff", "HEAD")
    assert said.code == 1
    assert "is no repository of git" in said.err
    monkeypatch.setenv("PATH", "")
    assert "git is not installed" in dw("diff", "HEAD").err


def test_branches_without_a_common_past(dw: Dw, root: Path) -> None:
    git(root, "switch", "--quiet", "--orphan", "alone")
    commit(root, WIDER)
    said = dw("diff", "main", "--merge-base")
    assert said.code == 1
    assert "common past" in said.err


def test_a_revision_before_there_were_contracts_is_empty(
    dw: Dw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "young"
    commit(root, Tree({"README.md": "nothing yet"}))
    commit(root, SHOP)
    monkeypatch.setenv("DW_REPOSITORY", str(root))
    said = dw("diff", "HEAD^", "HEAD")
    assert said.code == 0
    assert "clean.orders additive" in words(said.out)
