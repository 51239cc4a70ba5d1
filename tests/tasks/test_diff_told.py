"""The version that a change asks for, and the comment on a pull request."""

from __future__ import annotations

import re

import pytest
from diff_shop import AMOUNTS, ORDERS, SHOP, Told
from small_tree import Tree

from tasks.diff.markdown import LONGEST, MARKER, markdown
from tasks.diff.model import Level
from tasks.diff.version import advice


@pytest.mark.parametrize(
    ("old", "new", "level", "wanted", "is_fault"),
    [
        ("1.2.3", "1.2.3", Level.BREAKING, "2.0.0", True),
        ("1.2.3", "1.3.0", Level.BREAKING, "2.0.0", True),
        ("1.2.3", "2.0.0", Level.BREAKING, "2.0.0", False),
        ("1.2.3", "3.0.0", Level.BREAKING, "2.0.0", False),
        ("1.2.3", "1.2.4", Level.ADDITIVE, "1.3.0", True),
        ("1.2.3", "1.3.0", Level.ADDITIVE, "1.3.0", False),
        ("1.2.3", "1.2.3", Level.NEUTRAL, None, False),
        ("1.2.3", "1.2.2", Level.NONE, "1.2.3", True),
        ("1.9.0", "1.10.0", Level.ADDITIVE, "1.10.0", False),
        ("one", "1.0.0", Level.NONE, None, True),
    ],
)
def test_which_version_a_change_asks_for(old: str, new: str, level: Level, wanted: str | None, is_fault: bool) -> None:
    told = advice(old, new, level)
    assert (told.wanted, bool(told.fault)) == (wanted, is_fault)


def test_a_contract_that_was_not_bumped_is_told(diff: Told) -> None:
    late, bumped = (
        SHOP.with_contract("clean.orders", ORDERS + "\nplace varchar(8)", version=version)
        for version in ("1.0.0", "1.1.0")
    )
    assert [str(t.table) for t in diff(SHOP, late).unbumped] == ["clean.orders"]
    assert diff(SHOP, bumped).unbumped == []


def test_a_comment_has_one_marker_first_and_closes_what_it_opens(diff: Told) -> None:
    new = SHOP.with_contract("clean.orders", ORDERS.replace("amount integer required", "amount smallint"))
    text = markdown(diff(SHOP, new))
    assert text.startswith(f"{MARKER}\n")
    assert text.count(MARKER) == 1
    assert text.count("<details>") == text.count("</details>") > 0
    assert "⛔" in text
    assert "2.0.0" in text


def test_words_of_a_contract_make_no_mark_up(diff: Told) -> None:
    evil = "</details> <img src=x> @someone | **bold** `code` [x](http://y) ```\n# Title"
    rule = {
        "id": "checked",
        "type": "custom",
        "engine": "warehouse",
        "implementation": AMOUNTS,
        "description": evil,
    }
    text = markdown(diff(SHOP, SHOP.with_contract("clean.orders", ORDERS, quality=(rule,))))
    outside = re.sub(r"`[^`]*`", "", text)
    assert "<img" not in outside.replace("\\<img", "")
    assert "@someone" not in outside
    assert "</details>" in text
    assert text.count("<details>") == len(re.findall(r"(?<!\\)</details>", text))
    assert not re.search(r"^# Title", text, re.MULTILINE)


def test_a_fence_is_longer_than_what_it_holds(diff: Told) -> None:
    path = "sql/core/fact.sql"
    text = markdown(diff(SHOP, SHOP.with_file(path, SHOP.files[path].replace("note IS NULL", "note = '```'"))))
    assert "````diff" in text


@pytest.mark.parametrize("size", [20, 400, 4000])
def test_a_comment_is_never_longer_than_github_takes(diff: Told, size: int) -> None:
    columns = "id varchar(8) key\n" + "\n".join(
        f"column_{n}_😀".replace("😀", "x") + " varchar(8)" for n in range(size // 20)
    )
    many = Tree()
    for n in range(20):
        many = many.with_contract(f"clean.table_{n}", columns)
    old = Tree()
    for n in range(20):
        old = old.with_contract(f"clean.table_{n}", "id varchar(8) key")
    text = markdown(diff(old, many))
    assert len(text.encode("utf-16-le")) // 2 <= LONGEST < 65_536
    assert text.startswith(MARKER)
    assert text.count("<details>") == text.count("</details>")
