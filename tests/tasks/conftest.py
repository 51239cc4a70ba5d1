"""What tests of tasks share: the difference of two small trees."""

from __future__ import annotations

from pathlib import Path

import pytest
from diff_shop import Told
from small_tree import Tree

from tasks.diff.compare import compare
from tasks.diff.model import Diff
from tasks.diff.revision import read_folders


@pytest.fixture
def diff(tmp_path: Path) -> Told:
    """The difference of two trees."""

    def told(old: Tree, new: Tree) -> Diff:
        return compare(*read_folders((old.write(tmp_path / "old"), "old"), (new.write(tmp_path / "new"), "new")))

    return told
