"""Garbage is left alone while modules are imported, and collected again afterwards, whatever happens."""

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
