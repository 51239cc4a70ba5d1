"""Start and end of the process: garbage is left alone while modules are imported, and nothing is taken apart."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from flows.start_up import without_collections


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_nothing_is_collected_meanwhile_and_what_came_is_left_out_afterwards() -> None:
    with without_collections():
        assert not gc.isenabled()
        came = [object()]
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert not any(found is came for found in gc.get_objects())


def test_garbage_is_collected_again_after_a_failure() -> None:
    with pytest.raises(ImportError), without_collections():
        raise ImportError
    assert gc.isenabled()


def test_a_process_ends_without_a_word() -> None:
    code = "from flows.start_up import without_collections\nwith without_collections():\n    import duckdb.sqltypes"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == ""


def _ended(body: str) -> subprocess.CompletedProcess[str]:
    """What a process whose `dw` does this ends with."""
    code = f"import atexit, sys\nfrom flows import cli\ndef main():\n    {body}\ncli.main = main\ncli.command()"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_the_process_is_left_once_all_is_written_and_not_taken_apart() -> None:
    apart = "cli.kept = type('Kept', (), {'__del__': lambda self: print('apart')})()"
    ended = _ended(f"print('done'); atexit.register(print, 'last'); {apart}")
    assert (ended.stdout.splitlines(), ended.stderr, ended.returncode) == (["done", "last"], "", 0)


@pytest.mark.parametrize(
    ("end", "status"), [("sys.exit(2)", 2), ("sys.exit()", 0), ("sys.exit('no')", 1), ("1 / 0", 1)]
)
def test_the_status_is_that_of_the_command(end: str, status: int) -> None:
    ended = _ended(end)
    assert ended.returncode == status
    assert ("ZeroDivisionError" in ended.stderr) == (end == "1 / 0")
