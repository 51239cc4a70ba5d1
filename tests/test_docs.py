"""The documents: what they name exists, what they tell to type works, and "Add a table" adds one."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from command_line import Dw, words
from small_shop import Shop, load, query, read_repository
from typer.main import get_command

from contracts.ids import TableId
from contracts.registry import REPOSITORY, Registry
from flows.cli import app

DW: Any = get_command(app)
COMMANDS: dict[str, Any] = DW.commands
DW_OPTIONS = {option for parameter in DW.params for option in parameter.opts} | {"--help"}
TOP = {
    p.name
    for p in REPOSITORY.iterdir()
    if p.is_dir() and not p.name.startswith(".") and not p.name.endswith("egg-info")
}
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(p for folder in TOP for p in (REPOSITORY / folder).rglob("*.md"))])
FILES = {p.name for folder in TOP for p in (REPOSITORY / folder).rglob("*") if p.is_file()}
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ADDED = re.compile(r"^File `([^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def spans(document: Path) -> list[str]:
    """The words between backticks, outside of code blocks."""
    return re.findall(r"`([^`\n]+)`", _FENCE.sub("", document.read_text(encoding="utf-8")))


def typed(document: Path) -> Iterator[str]:
    """Every `dw …` that a document tells to type, in the text and in blocks."""
    for text in spans(document):
        if text.startswith("dw "):
            yield text
    for line in document.read_text(encoding="utf-8").splitlines():
        if line.startswith(("dw ", "    dw ")):
            yield line.strip()


def name(document: Path) -> str:
    return document.relative_to(REPOSITORY).as_posix()


def test_there_are_documents() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/limits.md"} <= set(map(name, DOCUMENTS))


# What documents name


def added_by_the_page() -> set[str]:
    """What a reader of CONTRIBUTING.md has made at the end of "Add a table"."""
    (suite,) = re.findall(r"writes `(expectations/suites/[^`]+)`", CONTRIBUTING)
    return {file for file, _ in _ADDED.findall(CONTRIBUTING)} | {suite}


def is_there(text: str) -> bool:
    """Whether a path below a folder of ours, or a file's name, exists; `<x>` stands for anything."""
    if text.partition("/")[0] in TOP:
        return any(REPOSITORY.glob(re.sub(r"<\w+>", "*", text).rstrip("/")))
    return text in FILES or (REPOSITORY / text).exists()


def test_every_file_that_a_document_names_exists() -> None:
    path = re.compile(rf"({'|'.join(TOP)})/[\w.<>*/-]*|[\w-]+\.(md|py|toml|lock|yaml|sql|css)")
    named = [(name(d), text) for d in DOCUMENTS for text in spans(d) if path.fullmatch(text)]
    assert len(named) > 30
    assert [(where, text) for where, text in named if text not in added_by_the_page() and not is_there(text)] == []


def test_every_link_and_picture_in_a_document_leads_somewhere() -> None:
    links = [(d, link) for d in DOCUMENTS for link in re.findall(r"\]\(([^)#]+)\)", d.read_text(encoding="utf-8"))]
    inside = [(d, link) for d, link in links if not link.startswith("http")]
    assert inside
    assert [(name(d), link) for d, link in inside if not (d.parent / link).exists()] == []


def test_every_dw_command_and_option_that_a_document_names_exists() -> None:
    told = [(name(d), text) for d in DOCUMENTS for text in typed(d)]
    assert {text.split()[1] for _, text in told} >= {"generate", "run", "query", "explain", "render", "check"}
    for where, text in told:
        command = DW if text.split()[1].startswith("--") else COMMANDS.get(text.split()[1])
        if command is DW:
            assert {word for word in text.split()[1:] if word.startswith("--")} <= DW_OPTIONS, (where, text)
            continue
        if hasattr(command, "commands") and text.split()[2:]:
            command = command.commands.get(text.split()[2])
        assert command is not None, (where, text)
        options = (option for p in command.params for option in (*p.opts, *p.secondary_opts))
        known = {*options, "--help"}
        assert {word for word in text.split() if word.startswith("--")} <= known, (where, text)


def test_every_module_and_function_that_a_document_names_exists() -> None:
    code = re.compile(r"(contracts|expectations|sql|tasks|flows)(\.[a-z_]+)+")
    named = [text for d in DOCUMENTS for text in spans(d) if code.fullmatch(text)]
    assert named
    for text in named:
        module, _, last = text.rpartition(".")
        assert hasattr(import_module(module), last) or find_spec(text), text


# Not `run` and `check`, which `make run` and `make lint` do; nor what asks, or opens a window.
_NOT_ASKED = ("run", "check", "new", "site --open", "ui")


@pytest.mark.parametrize(
    "command",
    [c for c in typed(REPOSITORY / "README.md") if not c.removeprefix("dw ").startswith(_NOT_ASKED)],
)
def test_what_the_readme_tells_to_ask_is_answered(
    dw: Dw, shop: Shop, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("DW_HOME", str(shop.home))
    said = dw(*shlex.split(command)[1:])
    assert (said.code, said.err) == (0, "")
    assert said.out


# "Add a table", to the letter

CONTRIBUTING = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository that a test may spoil; `dw` reads it."""
    root = tmp_path / "repository"
    for folder in ("contracts", "sql", "expectations/suites"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setenv("DW_REPOSITORY", str(root))
    return root


def test_add_a_table_adds_a_table(
    dw: Dw, repository: Path, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, block = (text for language, text in _FENCE.findall(CONTRIBUTING) if language == "console")
    assert dw(*shlex.split(begun)[1:]).code == 0
    marked = dw("check", "--write")
    assert marked.code == 1
    drafted = Registry.read(repository)

    files = dict(_ADDED.findall(CONTRIBUTING))
    layers = [Path(file).parts[-2:] for file in files]
    assert [Path(file).suffix for file in files] == [".yaml", ".sql", ".yaml"]
    assert len({(layer, Path(name).stem) for layer, name in layers}) == 1
    table = TableId(layers[0][0], Path(layers[0][1]).stem)
    for file, text in files.items():
        assert not (REPOSITORY / file).exists(), f"{file} is the page's to add"
        assert f"{file}:" in marked.err, "each file has a place that is marked"
        (repository / file).write_text(text, encoding="utf-8")

    # 4. Check, and generate the suite
    check, cases = block.splitlines()
    assert cases == "pytest tests/cases"
    written = dw(*shlex.split(check)[1:])
    assert (written.code, written.err) == (0, "")
    assert str(table.suite_file) in words(written.out)
    assert str(table.suite_file) in added_by_the_page()
    assert (repository / table.suite_file).exists()
    assert "no fault" in written.out
    registry, graph = read_repository(repository)
    assert table in graph.tables
    for begun_as, finished in zip(drafted[table].columns, registry[table].columns, strict=True):
        assert (begun_as.name, begun_as.type, begun_as.key_position) == (
            finished.name,
            finished.type,
            finished.key_position,
        )

    # 3. What it should give, by the functions that `pytest tests/cases` runs
    monkeypatch.syspath_prepend(REPOSITORY / "tests" / "cases")
    for module in (import_module("case_warehouse"), import_module("test_cases")):
        monkeypatch.setattr(module, "registry", lambda: registry)
        monkeypatch.setattr(module, "graph", lambda: graph)
    for case in yaml.safe_load((repository / table.case_file).read_text(encoding="utf-8")):
        import_module("test_cases").test_case(table, case)

    # "The next `dw run` that brings anything new fills the table; `dw explain …` tells its story."
    home = shop.copy(shop.after_one_day, tmp_path / "home")
    for path in (home / "inbox" / shop.last_day.isoformat()).iterdir():
        if path.name != "customers.csv.gz":
            path.unlink()
    (report,) = load(home, [shop.last_day], repository)
    assert report.failures == []
    found = query(home, f"SELECT SUM(customer_count) AS customers, SUM(opt_in_count) AS opted_in FROM {table}")
    current = (
        "SELECT COUNT(*), SUM(is_marketing_opt_in::INT) FROM core.dim_customer "
        "WHERE is_current AND customer_id <> '(unknown)'"
    )
    assert found.rows() == query(home, current).rows()
    explained = dw("explain", str(table))
    assert explained.code == 0
    assert "core.dim_customer" in words(explained.out)


def test_the_gate_of_the_docs_runs_as_it_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "gates.md").read_text(), re.S)
    monkeypatch.chdir(tmp_path)
    pl.DataFrame({"order_id": [1, 1, 2]}).write_parquet("orders.parquet")
    told: list[Any] = []
    exec(compile(first, "docs/gates.md", "exec"), {"print": told.append})
    assert told[0].success is False
    assert told[0].result["unexpected_count"] == 2
