"""The workflows by two linters: GitHub's schema, and what lets a stranger in."""

from __future__ import annotations

from pathlib import Path

import linters
import pytest
from terraform import REPOSITORY

GITHUB = REPOSITORY / ".github"


@pytest.mark.parametrize(
    ("schema", "files"),
    [("github-workflows", sorted(GITHUB.glob("workflows/*.yml"))), ("dependabot", [GITHUB / "dependabot.yml"])],
)
def test_files_follow_githubs_schema(schema: str, files: list[Path]) -> None:
    assert files
    said = linters.run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
    assert said.returncode == 0, said.stdout + said.stderr


def test_zizmor_finds_nothing() -> None:
    said = linters.run("zizmor", "--offline", "--no-progress", "--persona", "pedantic", GITHUB)
    assert said.returncode == 0, said.stdout + said.stderr


def test_zizmor_does_look(tmp_path: Path) -> None:
    """A title of a pull request in a script is told."""
    (tmp_path / "evil.yml").write_text(
        "on: pull_request_target\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n"
        "      - run: echo ${{ github.event.pull_request.title }}\n"
    )
    said = linters.run("zizmor", "--offline", "--no-progress", tmp_path / "evil.yml")
    assert said.returncode != 0
    assert "template-injection" in said.stdout
