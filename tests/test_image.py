"""The image, read as text and copied as its COPY lines say: who it runs as, what is in it, and that `dw` works there.

No Docker is at hand in tests: that it builds is shown where CI builds it.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from contracts.registry import REPOSITORY
from flows import healthcheck

TEXT = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
IGNORED = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]


def instructions() -> list[tuple[int, str, str]]:
    """(stage, instruction, arguments) of each line, continued lines joined; stage 0 comes before the first FROM."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE))
    found, stage = [], 0
    for line in filter(str.strip, joined.splitlines()):
        word, _, rest = line.strip().partition(" ")
        stage += word == "FROM"
        found.append((stage, word, " ".join(rest.split())))
    return found


LINES = instructions()
LAST = max(stage for stage, _, _ in LINES)


def of(word: str, stage: int | None = None) -> list[str]:
    return [rest for n, name, rest in LINES if name == word and stage in (None, n)]


def copied() -> list[tuple[list[str], str]]:
    """Sources in the repository and target of each COPY from it."""
    parts = [rest.split() for rest in of("COPY") if not rest.startswith("--from")]
    return [(part[:-1], part[-1]) for part in parts]


def is_ignored(path: str) -> bool:
    """What .dockerignore says: the last line that fits decides; a line of a folder fits what is in it."""
    ignored = False
    for line in IGNORED:
        pattern = line.removeprefix("!")
        names = [path, *map(str, Path(path).parents)]
        if any(
            fnmatch.fnmatch(name, p) for name in names if name != "." for p in (pattern, pattern.removeprefix("**/"))
        ):
            ignored = not line.startswith("!")
    return ignored


def test_it_runs_as_a_numbered_user_and_never_as_root_again() -> None:
    assert of("USER", LAST) == ["10001:10001"]
    after = [word for n, word, _ in LINES if n == LAST]
    assert not {"RUN", "COPY", "ADD"} & set(after[after.index("USER") :])
    (volumes,) = of("VOLUME", LAST)
    assert volumes == '["/tmp", "/var/lib/warehouse"]'


def test_bases_are_chosen_by_one_argument_that_ci_pins_by_digest() -> None:
    assert of("ARG") == ["PYTHON_IMAGE=python:3.11-slim"]
    assert [rest.split()[0] for rest in of("FROM")] == ["${PYTHON_IMAGE}"] * 2


def test_packages_come_from_the_lock_and_nowhere_else() -> None:
    installs = re.findall(r"pip install ([^&]+)", " ".join(of("RUN")))
    assert [text.strip() for text in installs] == ["--no-deps -r /tmp/requirements.lock", "--no-deps --editable /app"]
    assert not of("ADD")
    assert "requirements.lock" in {source for sources, _ in copied() for source in sources}
    # Without dependencies, the lock has to be whole: uv wrote it from pyproject.toml.
    lock = (REPOSITORY / "requirements.lock").read_text()
    assert all(re.fullmatch(r"[\w.-]+==[\w.!+]+( ;.*)?", line) for line in lock.splitlines())


def test_bytecode_is_compiled_as_nobody_can_write_it_later() -> None:
    assert len(re.findall(r"compileall -q -j 0 (/opt/venv/lib|/app)", " ".join(of("RUN", 1)))) == 2


def test_no_secret_is_in_it() -> None:
    names = re.findall(r"([A-Z_]+)=", " ".join([*of("ENV"), *of("ARG")]))
    assert not [name for name in names if re.search(r"KEY|SECRET|TOKEN|PASSWORD", name)]
    for path in ("infra/terraform/environments/prod/terraform.tfvars", ".env", "flows/.env.prod", ".git/config"):
        assert is_ignored(path), path
    for path in (".warehouse/warehouse.duckdb", "tests/conftest.py", "tasks/__pycache__/s3.pyc", "sql/a.pem"):
        assert is_ignored(path), path


def test_a_command_is_not_hidden_behind_an_entrypoint() -> None:
    assert not of("ENTRYPOINT")
    assert of("CMD", LAST) == ['["dw", "--help"]']
    (check,) = of("HEALTHCHECK", LAST)
    assert check.endswith('CMD ["python", "-m", "flows.healthcheck"]')


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """/app of the image: what the COPY lines take, without what is ignored."""
    root = tmp_path_factory.mktemp("image")
    for sources, target in copied():
        for source in sources:
            if not target.startswith("/app"):
                continue
            assert not is_ignored(source), f"{source} is copied and ignored"
            place = root / target.removeprefix("/app").strip("/")
            if (REPOSITORY / source).is_dir():
                shutil.copytree(REPOSITORY / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(REPOSITORY / source, place)
    return root


def test_what_is_in_it_is_enough_for_contracts_sql_and_deployments(app: Path, tmp_path: Path) -> None:
    code = (
        "from flows import cli, deploy; from contracts.registry import REPOSITORY; "
        f"assert str(REPOSITORY) == {str(app)!r}, REPOSITORY; assert deploy.faults(REPOSITORY) == []; cli.main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(app), "DW_HOME": str(tmp_path), "PREFECT_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code, "check"],
        cwd=app,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# Its health


@pytest.mark.parametrize(("status", "is_well"), [(200, True), (503, False)])
def test_a_worker_is_well_where_its_port_says_so(status: int, is_well: bool) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    command = b"prefect\0worker\0start\0--pool\0warehouse\0--with-healthcheck\0"
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        port = str(server.server_port)
        if is_well:
            healthcheck.check(command, port)
        else:
            with pytest.raises(OSError, match="503"):
                healthcheck.check(command, port)
        thread.join()
    with pytest.raises(OSError, match=r"refused"):
        healthcheck.check(command, port)


def test_a_flow_runs_container_is_well_where_its_settings_are(monkeypatch: pytest.MonkeyPatch) -> None:
    healthcheck.check(b"python\0-m\0prefect.engine\0", "1")
    monkeypatch.setenv("DW_SHOP_TIMEZONE", "Asia/Atlantis")
    with pytest.raises(ValueError, match="is not a time zone"):
        healthcheck.check(b"python\0-m\0prefect.engine\0", "1")
