"""A new home gets the empty database that another one's first start made, or makes its own."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from contracts.registry import REPOSITORY
from flows import prefect_database
from flows.prefect_database import NAME, prepare

PREPARE = """
import sys; from pathlib import Path; from flows.prefect_database import prepare
prepare(*map(Path, sys.argv[1:])); print("alembic" in sys.modules)
"""


def schema(database: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(database)) as read:
        found = read.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        return [*found, *read.execute("SELECT version_num FROM alembic_version").fetchall()]


def prepared(home: Path, cache: Path) -> str:
    """Whether a process that prepares a home migrates a database."""
    home.mkdir()
    environment = {**os.environ, "PREFECT_HOME": str(home), "DO_NOT_TRACK": "1"}
    return subprocess.run(
        [sys.executable, "-c", PREPARE, str(home), str(cache)],
        cwd=REPOSITORY,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def test_the_second_home_gets_the_database_that_the_first_one_migrated(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert prepared(tmp_path / "first", cache) == "True"
    assert prepared(tmp_path / "second", cache) == "False"
    assert schema(tmp_path / "first" / NAME) == schema(tmp_path / "second" / NAME)
    assert ("flow_run",) in [row[:1] for row in schema(tmp_path / "second" / NAME)]
    assert [file.name for file in (tmp_path / "second").iterdir()] == [NAME]
    assert len(list(cache.iterdir())) == 1


@pytest.fixture
def migrated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Homes whose database is migrated, with a migration that takes no time."""
    homes: list[Path] = []

    async def migrate() -> None:
        home = tmp_path / "home"
        homes.append(home)
        with closing(sqlite3.connect(home / NAME)) as made:
            made.execute("CREATE TABLE alembic_version (version_num)")
            made.execute("INSERT INTO alembic_version VALUES ('1')")
            made.commit()

    monkeypatch.setattr(prefect_database, "_migrate", migrate)
    monkeypatch.setattr(prefect_database, "_is_used", lambda _: True)
    (tmp_path / "home").mkdir()
    return homes


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00" + bytes(5000)])
def test_a_broken_empty_database_is_made_anew(content: bytes, migrated: list[Path], tmp_path: Path) -> None:
    home, cache = tmp_path / "home", tmp_path / "cache"
    prepare(home, cache)
    (empty,) = cache.iterdir()
    empty.write_bytes(content)
    (home / NAME).unlink()
    prepare(home, cache)
    assert migrated == [home, home]
    assert schema(empty) == schema(home / NAME)


def test_a_database_that_stands_is_left_alone(migrated: list[Path], tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / NAME).write_text("its history")
    prepare(home, tmp_path / "cache")
    assert (migrated, (home / NAME).read_text()) == ([], "its history")


def test_a_log_without_its_database_gets_no_database(migrated: list[Path], tmp_path: Path) -> None:
    (tmp_path / "home" / f"{NAME}-wal").touch()
    prepare(tmp_path / "home", tmp_path / "cache")
    assert (migrated, (tmp_path / "home" / NAME).exists()) == ([], False)


def test_where_nothing_can_be_kept_the_home_has_its_database(migrated: list[Path], tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    prepare(tmp_path / "home", tmp_path / "cache")
    assert schema(tmp_path / "home" / NAME)


def test_a_database_elsewhere_is_prefects_own_matter(tmp_path: Path) -> None:
    # The session's PREFECT_HOME is another one.
    prepare(tmp_path, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []
