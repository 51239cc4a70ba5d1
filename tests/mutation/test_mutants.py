"""The mutants themselves: each is one change that still reads, and what no test can notice is told."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import mutate
import pytest
import python_mutants
import sql_mutants
import sqlglot
from targets import PYTHON, selects

from contracts.ids import TableId
from contracts.registry import REPOSITORY

MODULE = dedent(
    '''
    """SELECT nothing WHERE a = b: a docstring stays."""
    LIMIT: int = 3


    def rows(names: list[str], more: bool = False) -> str | None:
        """One AND two."""
        if names and not more:
            raise ValueError("no rows AND no names in prose")
        found = [n for n in names if n < "b"]
        return f"SELECT MAX(x) FROM {names[0]} WHERE a IS NOT NULL AND b >= {len(found) + 1}"
    '''
)


def changes(text: str) -> set[str]:
    return {mutant.what for mutant in python_mutants.mutants(text)}


def test_python_is_changed_in_what_it_does_and_in_its_sql_but_not_in_prose() -> None:
    assert changes(MODULE) == {
        "'3' → '4'",
        "'False' → 'True'",
        "'and' → 'or'",
        "'names and not more' → 'not (names and not more)'",
        "'not' → ''",
        """'raise ValueError("no rows AND no names in prose")' → 'pass'""",
        """'n < "b"' → 'True'""",
        "'<' → '<='",
        """'f"SELECT MAX(x) FROM {names[0]} WHERE a IS NOT NULL AND b >= {len(found) + 1}"' → 'None'""",
        "'MAX(' → 'MIN('",
        "'IS NOT NULL' → 'IS NULL'",
        "'AND' → 'OR'",
        "'>=' → '>'",
        "'+' → '-'",
        "'1' → '2'",
    } | ({"'OR' → 'AND'"} & changes(MODULE))


def test_a_select_is_changed_in_each_of_its_parts() -> None:
    text = (
        "SELECT a.x, COALESCE(MAX(b.y), 0) AS y FROM core.a LEFT JOIN core.b ON b.x = a.x AND b.y > 1 "
        "WHERE NOT a.z GROUP BY a.x HAVING COUNT(DISTINCT a.k) > 2"
    )
    kinds = {mutant.what.partition(":")[0] for mutant in sql_mutants.mutants(text)}
    assert kinds == {
        "coalesce",
        "max",
        "number",
        "join",
        "eq",
        "and",
        "half",
        "gt",
        "where",
        "having",
        "not",
        "distinct",
    }


@pytest.mark.parametrize("file", [*PYTHON, *selects(REPOSITORY)])
def test_every_mutant_of_a_target_reads_and_differs_from_it_and_from_the_others(file: str) -> None:
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    found = list((sql_mutants if file.endswith(".sql") else python_mutants).mutants(text))
    assert len(found) > 5
    assert len({mutant.text for mutant in found} | {text}) == len(found) + 1
    for mutant in found[:: max(1, len(found) // 10)]:
        assert sqlglot.parse_one(mutant.text, read="redshift") if file.endswith(".sql") else ast.parse(mutant.text)


def test_every_accepted_mutant_is_one_of_its_file() -> None:
    names = {
        mutate.name_of(file, mutant)
        for file in {name.partition(":")[0] for name in mutate.accepted()}
        for mutant in (sql_mutants if file.endswith(".sql") else python_mutants).mutants(
            (REPOSITORY / file).read_text(encoding="utf-8")
        )
    }
    assert mutate.accepted() - names == set()


def test_a_row_of_constants_is_united_in_one_way() -> None:
    text = "SELECT 1 AS a UNION ALL SELECT 2 AS a UNION ALL SELECT a.a FROM core.a"
    assert sum(mutant.what.startswith("union") for mutant in sql_mutants.mutants(text)) == 1


def test_every_test_that_belongs_to_a_file_exists() -> None:
    assert [test for tests in PYTHON.values() for test in tests if not (REPOSITORY / test).exists()] == []


def test_no_test_of_a_table_needs_arguments_that_only_pytest_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[1] / "cases")])
    from cases_of import MORE

    tests = [test for more in MORE.values() for test in more]
    assert [test for test in tests if inspect.signature(test).parameters] == []


def test_a_select_that_a_case_notices_is_killed_and_its_own_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[1] / "cases")])
    from cases_of import is_killed

    table = TableId("core", "dim_channel")
    text = sql_mutants.as_written((REPOSITORY / table.sql_file).read_text(encoding="utf-8"))
    assert not is_killed(table, text)
    assert is_killed(table, text.replace("'web'", "'net'"))
    assert is_killed(table, "SELECT 1 AS nothing FROM core.dim_date")


def test_a_mutant_of_a_module_is_held_against_its_tests() -> None:
    command = [sys.executable, mutate.__file__, "sql/restate", "--sample", "1", "--jobs", "1"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 of 1 mutants killed (100.0%)" in ended.stdout
