"""The linters of infra/, which live in an environment of their own (`make .venv/ready-infra`)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from terraform import REPOSITORY


def tool(name: str) -> str:
    """The path of a linter. Raises AssertionError, with what installs it, where it is missing."""
    found = shutil.which(name, path=os.pathsep.join([str(REPOSITORY / ".venv/infra/bin"), os.environ["PATH"]]))
    assert found, f"{name} is not installed: `make .venv/ready-infra`"
    return found


def run(name: str, *arguments: str | Path, folder: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Run a linter; its exit code is the caller's to judge."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHON"))}
    command = [tool(name), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=kept, text=True, capture_output=True, timeout=600, check=False)
