"""What one process wrote of SQL, the next one reads: the same texts, and nothing where anything is wrong."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlglot
from command_line import Dw

from contracts.ids import TableId
from contracts.registry import REPOSITORY, Registry
from sql import dialect, memo, merge
from sql.dialect import SqlError, to_duckdb
from sql.graph import Graph
from sql.lake import lake_select, lake_text
from sql.reconcile import read_checks, touched
from tasks import sql_cache
from tasks.settings import Settings

STATEMENT = "SELECT CAST(a AS DECIMAL(18, 2)) / NULLIF(b, 0) AS share FROM core.t WHERE day = :day"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.read(REPOSITORY)


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that knows nothing yet."""
    new_process(monkeypatch)


def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "_KNOWN", {})
    monkeypatch.setattr(sql_cache, "_USED", {})
    monkeypatch.setattr(sql_cache.atexit, "register", lambda *_: None)


def file_in(folder: Path) -> Path:
    return folder / f"sql-{memo.version()[:20]}.json"


def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are parsed from now on."""
    seen: list[str] = []
    parse = sqlglot.parse
    monkeypatch.setattr(dialect.sqlglot, "parse", lambda text, **rest: (seen.append(text), parse(text, **rest))[1])
    return seen


def test_the_next_process_parses_nothing_again(
    process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    def texts() -> list[str]:
        graph = Graph.read(REPOSITORY, registry)
        built = [
            statement.sql
            for table in graph.tables
            for full in (False, True)
            for statement in merge.build_stage(registry[table], graph, registry, full=full)
        ]
        lake = [lake_text(table, registry, graph) for table in graph.tables if table.layer == "curated"]
        asked = [touched(check, t) for check in read_checks(REPOSITORY, registry) for t in graph.tables]
        return [*map(to_duckdb, [STATEMENT, *built, *lake]), *map(str, asked)]

    seen = parses(monkeypatch)
    sql_cache.use(tmp_path)
    first = texts()
    assert seen
    sql_cache.save(file_in(tmp_path))
    new_process(monkeypatch)
    seen.clear()
    sql_cache.use(tmp_path)
    assert texts() == first
    assert seen == []


def test_processes_share_the_file(tmp_path: Path) -> None:
    code = "import sqlglot, sys; from pathlib import Path\n"
    code += "from tasks import sql_cache; from sql.dialect import to_duckdb\n"
    code += "sql_cache.use(Path(sys.argv[1])); sqlglot.parse = (sqlglot.parse if sys.argv[2] == 'first' else None)\n"
    code += f"print(to_duckdb({STATEMENT!r}))"
    said = [
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path), which], check=True, capture_output=True, text=True
        ).stdout
        for which in ("first", "second")
    ]
    assert said[0] == said[1] != ""
    assert stat.S_IMODE(file_in(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '{"a": 1}', "\x00\x00\x00"])
def test_a_file_that_is_broken_counts_as_none_and_is_written_anew(content: str, process: None, tmp_path: Path) -> None:
    file_in(tmp_path).write_text(content)
    sql_cache.use(tmp_path)
    text = to_duckdb(STATEMENT)
    sql_cache.save(file_in(tmp_path))
    assert text in json.loads(file_in(tmp_path).read_text()).values()


def test_a_folder_that_cannot_be_written_stops_nothing(process: None, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sql_cache.use(tmp_path / "file" / "below")
    to_duckdb(STATEMENT)
    sql_cache.save(file_in(tmp_path / "file" / "below"))
    sql_cache.use(None)


def test_what_another_process_wrote_meanwhile_stays(
    process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql_cache.use(tmp_path)
    to_duckdb(STATEMENT)
    file_in(tmp_path).write_text(json.dumps({"theirs": "SELECT 1"}))
    sql_cache.save(file_in(tmp_path))
    kept = json.loads(file_in(tmp_path).read_text())
    assert kept.pop("theirs") == "SELECT 1"
    assert list(kept.values()) == [to_duckdb(STATEMENT)]


def test_nothing_is_written_where_nothing_is_new(
    process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql_cache.use(tmp_path)
    to_duckdb(STATEMENT)
    sql_cache.save(file_in(tmp_path))
    before = file_in(tmp_path).stat().st_ino
    new_process(monkeypatch)
    sql_cache.use(tmp_path)
    to_duckdb(STATEMENT)
    sql_cache.save(file_in(tmp_path))
    assert file_in(tmp_path).stat().st_ino == before


def test_another_version_has_another_file_and_old_ones_go(
    process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, recent = tmp_path / "sql-0000.json", tmp_path / "sql-1111.json"
    for file in (old, recent):
        file.write_text("{}")
    long_ago = time.time() - 40 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    monkeypatch.setattr(memo, "version", lambda: "2" * 64)
    sql_cache.use(tmp_path)
    to_duckdb(STATEMENT)
    sql_cache.save(file_in(tmp_path))
    assert {file.name for file in tmp_path.iterdir()} == {recent.name, f"sql-{'2' * 20}.json"}


def test_a_memo_is_bounded_and_keeps_what_was_used_last(process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "LIMIT", 3)
    made: list[str] = []

    def text(name: str) -> str:
        return memo.memoised("test", name, make=lambda: made.append(name) or name)  # type: ignore[func-returns-value]

    for name in ("a", "b", "c", "a", "d", "a", "b"):
        assert text(name) == name
    assert made == ["a", "b", "c", "d", "b"]


def test_a_fault_is_found_each_time(process: None) -> None:
    for _ in range(2):
        with pytest.raises(SqlError):
            to_duckdb("SELECT FROM FROM")


def test_a_stage_is_written_anew_for_another_contract(process: None, registry: Registry) -> None:
    graph, table = Graph.read(REPOSITORY, registry), TableId.parse("core.fact_sales")
    contract = registry[table]

    def insert(of: object) -> str:
        return merge.build_stage(of, graph, registry, full=False)[-1].sql  # type: ignore[arg-type]

    by_key = insert(contract)
    whole = insert(replace(contract, load=contract.load.model_copy(update={"increment": None, "window": "all"})))
    assert contract.table.taken in by_key
    assert contract.table.taken not in whole


def test_the_text_of_a_lake_transform_is_its_select(process: None, registry: Registry) -> None:
    graph, table = Graph.read(REPOSITORY, registry), TableId.parse("curated.web_sessions")
    assert lake_text(table, registry, graph) == dialect.to_redshift(lake_select(table, registry, graph))


def test_a_check_uses_it_too(process: None, dw: Dw) -> None:
    assert dw("check").code == 0
    assert Settings().build_cache in sql_cache._USED
