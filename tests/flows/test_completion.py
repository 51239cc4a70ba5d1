"""Completion: what a shell is offered, as each shell asks for it, without a heavy import."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.registry import REPOSITORY, Registry
from expectations.rules import rules_of
from flows.commands import complete
from sql.reconcile import read_checks

# What one key press may not wait for.
HEAVY = {"pydantic", "polars", "yaml", "sqlglot", "duckdb", "prefect", "rich.console", "boto3"}
_DW = """
import atexit, sys
atexit.register(lambda: sys.stderr.write(" ".join(sys.modules)))
sys.argv = ["dw"]
from flows.cli import main
main()
"""


def asked(shell: str, line: str, home: Path) -> tuple[list[str], set[str]]:
    """What a shell gets for a line, and the modules that were imported for it."""
    words = line.split(" ")
    environment = {
        "_DW_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "DW_HOME": str(home),
    }
    done = subprocess.run(
        [sys.executable, "-c", _DW],
        env={**os.environ, **environment},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines(), set(done.stderr.split())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for day in ("2026-01-05", "2026-01-06", "2026-02-01"):
        (tmp_path / "inbox" / day).mkdir(parents=True)
    (tmp_path / "inbox" / "delivery.json").touch()
    return tmp_path


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_offered_tables_quickly(shell: str, home: Path) -> None:
    offered, imported = asked(shell, "dw explain core.dim_c", home)
    assert {"core.dim_channel", "core.dim_customer"} <= {word for text in offered for word in text.split('"')}
    assert "core.dim_date" not in "".join(offered)
    assert imported & HEAVY == set()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("dw rec", ["reconcile"]),
        ("dw run --day 2026-01", ["2026-01-05", "2026-01-06"]),
        ("dw run --source on", ["online-retail"]),
        ("dw quarantine list --rule clean.orders.status.in", ["clean.orders.status.in_set"]),
        ("dw render core.dim_channel --engine ", ["redshift", "duckdb", "spark"]),
        ("dw cost --environment p", ["prod"]),
    ],
)
def test_words_and_values_are_offered(home: Path, line: str, offered: list[str]) -> None:
    assert asked("bash", line, home)[0] == offered


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_script_for_bash_works_in_bash(home: Path, tmp_path: Path) -> None:
    # As it is installed: the program's name is what it is called by.
    (tmp_path / "dw").write_text(
        f"#!{sys.executable}\nimport sys\nsys.argv[0] = 'dw'\nfrom flows.cli import main\nmain()\n"
    )
    (tmp_path / "dw").chmod(0o755)
    script = (
        'eval "$(_DW_COMPLETE=source_bash dw)"; complete -p dw; '
        'COMP_WORDS=(dw explain core.dim_c); COMP_CWORD=2; _dw_completion dw; echo "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert "complete -o default -F _dw_completion dw" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["core.dim_channel", "core.dim_customer"]


def test_what_is_offered_is_what_there_is() -> None:
    registry = Registry.read(REPOSITORY)
    assert set(complete.tables()("")) == {str(table) for table in registry}
    assert set(complete.checks("")) == {check.name for check in read_checks(REPOSITORY, registry)}
    for contract in registry.layer("clean"):
        offered = set(complete.rules(f"{contract.table}."))
        assert offered == {rule.id for rule in rules_of(contract)}
        assert set(complete.places(f"{contract.table}.")) == {f"{contract.table}.{name}" for name in contract.names}
