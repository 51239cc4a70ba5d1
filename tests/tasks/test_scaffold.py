"""A drafted table is one that the reader, the linter and the cases take, once its marks are gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hand_made import colours, contract

from contracts.ids import TableId
from contracts.registry import Registry
from sql.graph import Graph
from tasks.scaffold import MARK, draft, unfilled, write

NEW = TableId("mart", "colour_of_the_day")
COLOUR = TableId("core", "colour")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return colours(tmp_path)


def test_a_draft_is_read_back_with_its_columns_key_and_load(root: Path) -> None:
    made = draft(Registry.read(root), NEW, columns=["colour", "best_count: bigint"], reads=[COLOUR])
    write(root, made)
    registry = Registry.read(root, validate=True)
    drafted = registry[NEW]
    assert {c.name: str(c.type) for c in drafted.columns} == {
        "colour": str(registry[COLOUR].by_name["colour"].type),
        "best_count": "bigint",
    }
    assert (drafted.key, drafted.load.strategy, drafted.load.window) == (("colour",), "replace", "all")
    assert drafted.by_name["colour"].description == registry[COLOUR].by_name["colour"].description
    assert Graph.read(root, registry).upstream(NEW) == {COLOUR}


def test_what_is_personal_stays_so(root: Path) -> None:
    contract(root, "core.person", [{"name": "person_id", "key": 1}, {"name": "email", "mask": "email"}])
    write(root, draft(Registry.read(root), NEW, columns=["email"], reads=[TableId("core", "person")]))
    assert Registry.read(root, validate=True)[NEW].masks == {"email": "email"}


def test_nothing_that_stands_is_overwritten(root: Path) -> None:
    made = draft(Registry.read(root), NEW, columns=["colour"], reads=[COLOUR])
    (root / NEW.sql_file).parent.mkdir(parents=True, exist_ok=True)
    (root / NEW.sql_file).write_text("SELECT 1", encoding="utf-8")
    with pytest.raises(FileExistsError, match="nothing was written"):
        write(root, made)
    assert (root / NEW.sql_file).read_text(encoding="utf-8") == "SELECT 1"
    assert not (root / NEW.contract_file).exists()


def test_each_mark_is_a_fault_with_its_line(root: Path) -> None:
    write(root, draft(Registry.read(root), NEW, columns=["colour", "best_count: bigint"], reads=[COLOUR]))
    told = list(unfilled(root, [NEW]))
    assert len(told) == 5
    for line in told:
        file, number, _ = line.split(":", 2)
        assert MARK in (root / file).read_text(encoding="utf-8").splitlines()[int(number) - 1]


@pytest.mark.parametrize(
    ("table", "columns", "key", "told"),
    [
        ("raw.x", ["a:bigint"], [], "is no table of core or mart"),
        ("mart.x", ["a"], [], "column a has no type"),
        ("mart.x", ["a:bignum"], [], "unknown physical type 'bignum'"),
        ("mart.x", ["a:bigint", "a:date"], [], "column a stands twice"),
        ("mart.x", ["a:bigint"], ["b"], "the key names b, which is no column; there are a"),
        ("mart.x", [], [], "at least one column"),
    ],
)
def test_what_makes_no_table_is_refused(root: Path, table: str, columns: list[str], key: list[str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        draft(Registry.read(root), TableId.parse(table), columns=columns, key=key)
