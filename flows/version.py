"""`dw --version`: which code this is, and which engine it talks to."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tasks.settings import Settings

PACKAGE = "ecommerce-warehouse"


def told() -> str:
    """Version, commit (where the code is a checkout of git), engine and Python on one line."""
    settings = Settings()
    engine = f"DuckDB {version('duckdb')}" if settings.mode == "local" else f"Redshift ({settings.warehouse_name})"
    commit = commit_of(Path(__file__).parent)
    parts = [f"dw {own_version()}", *([f"commit {commit}"] if commit else [])]
    return ", ".join([*parts, engine, f"Python {platform.python_version()}"])


def own_version() -> str:
    """The installed package's version; a checkout that nobody installed has none."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "not installed"


def commit_of(folder: Path) -> str:
    """The short commit that a folder stands at, with a + where files were changed since; empty where git knows none."""
    command = ["git", "-C", str(folder), "describe", "--always", "--exclude=*", "--dirty=+"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
