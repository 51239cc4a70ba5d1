"""`docs/reference/` says what the code says."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from contracts.registry import REPOSITORY, Registry
from expectations.rules import KINDS, Kind
from flows import reference
from tasks.settings import Settings


def test_the_pages_are_what_the_code_says() -> None:
    assert reference.stale(REPOSITORY, reference.pages(Registry.read(REPOSITORY))) == [], "run `make format`"


def test_each_command_setting_table_and_kind_of_rule_is_there() -> None:
    registry = Registry.read(REPOSITORY)
    texts = {path.stem: text for path, text in reference.pages(registry).items()}
    assert "## `dw quarantine show`" in texts["commands"]
    assert "**Commands**" not in texts["commands"]
    assert all(f"| `DW_{name.upper()}` |" in texts["settings"] for name in Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())
    assert all(f"| `{table}` |" in texts["tables"] for table in registry)
    assert KINDS.keys() == set(get_args(Kind))
    assert all(f"| `{kind}` |" in texts["rules"] for kind in KINDS)


def test_a_stale_page_is_written_anew_and_a_page_of_nothing_goes(tmp_path: Path) -> None:
    wanted = {reference.FOLDER / name: f"{name}\n" for name in ("kept.md", "changed.md", "new.md")}
    reference.write(tmp_path, wanted)
    (tmp_path / reference.FOLDER / "changed.md").write_text("old")
    (tmp_path / reference.FOLDER / "new.md").unlink()
    (tmp_path / reference.FOLDER / "gone.md").write_text("of a page that nothing writes")
    touched = [reference.FOLDER / name for name in ("changed.md", "gone.md", "new.md")]
    assert reference.stale(tmp_path, wanted) == touched
    assert reference.write(tmp_path, wanted) == touched
    assert reference.stale(tmp_path, wanted) == []
    assert not (tmp_path / reference.FOLDER / "gone.md").exists()


def test_a_choice_between_values_does_not_break_a_table() -> None:
    assert "a \\| b" in reference._table(("x",), [("a | b",)])
