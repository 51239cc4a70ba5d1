"""The process of Prefect's server: how it is waited for, and that it never outlives who started it.

What it records is asked in test_daily.py, that a killed run leaves none behind in tests/torture.
"""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import Dw

from contracts.registry import REPOSITORY
from flows import prefect_defaults
from flows.prefect_server import PrefectServer
from tasks.lock import is_held


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A program in the server's place: it reads its input to the end, and then says so in a file."""
    program = tmp_path / "stand_in"
    program.write_text(f"#!/bin/sh\ncat\necho ended > {tmp_path}/ended\n")
    program.chmod(0o755)
    return program


def test_a_server_that_does_not_start_is_told_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho no room on the disk >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    server = PrefectServer(tmp_path / "prefect")
    with pytest.raises(RuntimeError, match=r"did not start \(.*server\.log\): no room on the disk$"):
        server.ready()
    server.stop()


def test_a_server_is_waited_for_when_it_is_ended(
    tmp_path: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(stand_in))
    server = PrefectServer(tmp_path / "prefect")
    assert not (tmp_path / "ended").exists()
    server.stop()
    assert (tmp_path / "ended").read_text() == "ended\n"


def test_a_server_ends_when_the_process_that_started_it_is_killed(tmp_path: Path, stand_in: Path) -> None:
    code = (
        "import sys, pathlib, os, signal; from flows.prefect_server import PrefectServer\n"
        f"sys.executable = {str(stand_in)!r}; PrefectServer(pathlib.Path({str(tmp_path / 'prefect')!r}))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False)
    end = time.monotonic() + 60
    while not (tmp_path / "ended").exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_server_is_not_made_to_spin() -> None:
    """Prefect cuts the seconds between two writes down to whole ones; none would keep a processor busy."""
    assert int(float(prefect_defaults._DEFAULTS["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL"])) > 0


# What `dw ui` refuses; its pages are looked at in test_daily.py


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a history, such as it is."""
    monkeypatch.setenv("DW_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "prefect.db").touch()
    return tmp_path


def test_without_a_run_there_are_no_pages(dw: Dw, history: Path) -> None:
    (history / "prefect" / "prefect.db").unlink()
    said = dw("ui", "--no-open")
    assert (said.code, said.err) == (1, f"dw: no run is recorded in {history / 'prefect'}; `dw run` makes one\n")


def test_a_port_that_is_taken_is_told_with_another(dw: Dw, history: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = dw("ui", "--no-open", "--port", str(port))
    assert said.code == 1
    assert f"port {port} cannot be used (Address already in use); `dw ui --port {port + 1}`" in said.err


@pytest.mark.parametrize(
    ("api", "told"),
    [("https://prefect.example.org/api", "open https://prefect.example.org"), ("", "PREFECT_API_URL does not say")],
)
def test_runs_of_another_server_are_shown_there(
    dw: Dw, history: Path, monkeypatch: pytest.MonkeyPatch, api: str, told: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", api)
    said = dw("ui", "--no-open")
    assert said.code == 1
    assert told in said.err


def test_a_run_that_is_under_way_is_noticed_and_left_alone(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with (tmp_path / "run.lock").open("a+") as handle:
        assert not is_held(tmp_path)
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
