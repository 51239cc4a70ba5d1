"""What `dw doctor` finds: each thing that a machine may lack is told with the way to get it."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest
from command_line import Dw
from hand_made import colours
from small_shop import Shop

from contracts.registry import REPOSITORY
from tasks.doctor import Finding, examine, is_ready
from tasks.lock import FileLock
from tasks.settings import Settings


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def of(found: list[Finding], name: str) -> Finding:
    (one,) = [each for each in found if each.name == name]
    return one


def test_a_new_machine_is_ready_before_there_is_a_warehouse(tmp_path: Path) -> None:
    found = examine(Settings(home=tmp_path / "home"))
    assert is_ready(found), [each for each in found if each.is_needed and not each.is_ok]
    assert of(found, "warehouse").remedy == "`dw generate` and `dw run` make one"
    assert of(found, "DW_HOME").found == f"{tmp_path / 'home'} will be made"
    assert not (tmp_path / "home").exists()
    assert all(each.remedy for each in found if not each.is_ok)


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = examine(Settings(home=tmp_path / "file" / "home"))
    assert not of(found, "DW_HOME").is_ok
    assert "cannot be written to" in of(found, "DW_HOME").found
    assert not is_ready(found)


def test_a_package_of_the_lock_that_is_missing_is_needed_another_version_is_told(tmp_path: Path) -> None:
    root = colours(tmp_path / "repository")
    (root / "requirements.lock").write_text("no-such-package==1.0\ntyper==0.0.1\nduckdb==" + version("duckdb") + "\n")
    found = examine(Settings(home=tmp_path, repository=root))
    assert of(found, "packages").found == "not installed: no-such-package"
    assert (of(found, "packages").is_ok, of(found, "packages").is_needed) == (False, True)
    assert of(found, "versions").found == f"other than locked: typer {version('typer')} (locked: 0.0.1)"
    assert not of(found, "versions").is_needed
    assert not is_ready(found)


def test_a_broken_contract_is_told_by_file_and_line(tmp_path: Path) -> None:
    root = colours(tmp_path / "repository")
    (root / "contracts" / "core" / "colour.yaml").write_text("a: [")
    found = examine(Settings(home=tmp_path, repository=root))
    assert of(found, "contracts").found.startswith("contracts/core/colour.yaml:2: ")


def test_who_holds_the_home_is_told(tmp_path: Path) -> None:
    import os

    lock = FileLock(tmp_path)
    assert of(examine(Settings(home=tmp_path)), "run under way").found == "none"
    lock.acquire("a run")
    try:
        assert of(examine(Settings(home=tmp_path)), "run under way").found == f"yes: process {os.getpid()}"
    finally:
        lock.release()
    assert of(examine(Settings(home=tmp_path)), "run under way").found == "none"


def test_tables_that_wait_for_a_change_are_told(shop: Shop, tmp_path: Path) -> None:
    root = tmp_path / "repository"
    for folder in ("contracts", "sql"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = root / "contracts" / "clean" / "refunds.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("physicalType: varchar(64)", "physicalType: varchar(128)", 1), encoding="utf-8")
    told = of(examine(Settings(home=shop.home, repository=root)), "schema")
    assert (told.is_ok, told.is_needed) == (False, False)
    assert told.found == "1 change of contracts waits"
    path.write_text(text.replace("physicalType: varchar(64)", "physicalType: varchar(8)", 1), encoding="utf-8")
    told = of(examine(Settings(home=shop.home, repository=root)), "schema")
    assert (told.is_ok, told.is_needed) == (False, True)
    assert "refused" in told.found
    assert "clean.refunds" in told.found


def test_a_file_that_is_no_warehouse_is_told(tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_text("something else")
    found = examine(Settings(home=tmp_path))
    assert not of(found, "warehouse").is_ok
    assert not is_ready(found)


def test_local_mode_asks_nobody_over_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("a network call")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example/api")
    found = examine(Settings(home=tmp_path))
    assert of(found, "server").found == "https://prefect.example/api (not asked in local mode)"
    assert [each for each in found if each.group == "Checks"] == []


class _Server(BaseHTTPRequestHandler):
    says = ""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/admin/version" else 404)
        self.end_headers()
        self.wfile.write(json.dumps(self.says).encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Server) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}/api"
        serving.shutdown()
        thread.join()


def test_a_prefect_server_is_of_the_version_that_is_installed(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", server)
    for says, is_ok in ((version("prefect"), True), ("2.20.1", False)):
        monkeypatch.setattr(_Server, "says", says)
        found = of(examine(Settings(home=tmp_path)), "server")
        assert (found.is_ok, found.found) == (is_ok, f"{server}: Prefect {says}; here {version('prefect')}")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert of(examine(Settings(home=tmp_path)), "server").found == "http://127.0.0.1:9/api: ConnectError"


def test_the_command_ends_with_1_only_where_something_needed_is_missing(
    dw: Dw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DW_THREDS", "2")
    monkeypatch.setenv("PATH", "")
    said = dw("doctor")
    assert said.code == 0
    for part in ("Terraform", "not found", "did you mean DW_THREADS?", "Ready: all that is needed is there."):
        assert part in said.out
    (tmp_path / "home").touch()
    assert dw("doctor").code == 1
    body = json.loads(dw("doctor", "--json").out)
    assert not body["is_ready"]
    assert {"group", "name", "is_ok", "found", "remedy", "is_needed"} == body["checks"][0].keys()
