"""`docs/tutorial.md`, typed as it stands there: every command, every change of a file, every answer that it shows."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import Dw, words

from contracts.registry import REPOSITORY

PAGE = REPOSITORY / "docs" / "tutorial.md"
_STEP = re.compile(
    r"^```console\n(?P<typed>.*?)^```$"
    r"|^In `(?P<file>[^`]+)`, below `(?P<below>[^`]+)`, add:\n\n```\w+\n(?P<added>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass
class Typed:
    """One command, whether it says no (a line of its answer begins with `!`), and what its answer holds."""

    command: str
    says_no: bool
    answers: list[str]


def typed(block: str) -> list[Typed]:
    """The commands of a block, each with the lines below it; `…` stands for anything."""
    found: list[Typed] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Typed(line[2:], False, []))
        else:
            found[-1].says_no |= line.startswith("!")
            found[-1].answers += [part.strip() for part in line.removeprefix("!").split("…") if part.strip()]
    return found


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `git clone` gives: contracts, SQL, suites and notebooks under git, and an empty home."""
    root = tmp_path / "clone"
    for folder in ("contracts", "sql", "expectations", "notebooks"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    git = ("git", "-c", "user.name=reader", "-c", "user.email=reader@example.org", "-C", str(root))
    for words_ in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "clone")):
        subprocess.run([*git, *words_], check=True)
    monkeypatch.setenv("DW_REPOSITORY", str(root))
    monkeypatch.setenv("DW_HOME", str(root / ".warehouse"))
    monkeypatch.chdir(root)
    return root


def test_the_page_can_be_typed_from_its_first_to_its_last_command(clone: Path, dw: Dw) -> None:
    steps = list(_STEP.finditer(PAGE.read_text(encoding="utf-8")))
    commands = [each.command for step in steps if step["typed"] for each in typed(step["typed"])]
    assert len(commands) > 12
    for step in steps:
        if step["added"]:
            insert(clone / step["file"], step["below"], step["added"])
            continue
        for each in typed(step["typed"]):
            if not each.command.startswith("dw "):
                subprocess.run(each.command, shell=True, check=True, cwd=clone)
                continue
            said = dw(*shlex.split(each.command)[1:])
            assert (said.code != 0) == each.says_no, (each.command, said)
            for answer in each.answers:
                assert answer in words(said.out + said.err), (each.command, answer, said)


def insert(file: Path, below: str, added: str) -> None:
    """Add lines below the one that holds a text, which must be one."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    (at,) = (i for i, line in enumerate(lines) if below in line)
    file.write_text("".join([*lines[: at + 1], added, *lines[at + 1 :]]), encoding="utf-8")


def test_no_command_stands_outside_of_what_is_typed_but_those_that_open_a_window() -> None:
    indented = re.findall(r"^    (\S.*)$", _STEP.sub("", PAGE.read_text(encoding="utf-8")), re.MULTILINE)
    assert indented == ["dw site --open", "make notebooks", "dw ui"]
