"""The package of the landing functions: their code, the contracts they read, and libraries, as one zip for Lambda.

    python -m tasks.landing_package build/landing.zip

Libraries are those of requirements.lock, made for Lambda's system and Python, without what is not needed there.
The same sources, lock and tools give the same bytes.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from contracts.registry import REPOSITORY

HANDLERS = tuple(f"tasks.landing_functions.{name}" for name in ("check", "start", "reject"))
# Lambda's Python 3.11 and older run on Amazon Linux 2, whose glibc (2.26) cannot load PyArrow, which asks for 2.28.
# From 3.12 on it is Amazon Linux 2023 with 2.34.
PYTHON = "3.13"
PLATFORM = "x86_64-manylinux_2_34"
MOST_BYTES = 262_144_000  # unpacked, says Lambda
# With what they depend on. boto3 is Lambda's own; NumPy is not there, and neither Polars nor PyArrow insists on it.
LIBRARIES = ("polars", "pyarrow", "pydantic", "pyyaml")
_OURS = ("contracts", "expectations", "sql", "tasks")
# Of PyArrow: what reads CSV and writes Parquet, and the libraries with which that is linked.
_ARROW_MODULES = ("lib", "_csv", "_parquet", "_fs")
_ARROW_LIBRARY = re.compile(r"lib(arrow(_python|_compute|_acero|_dataset|_substrait)?|parquet)\.so\.\d+")
_LEFT_OUT = ("tests", "include", "includes", "src", "testing", "benchmarks", "bin", "__pycache__")


class PackageError(RuntimeError):
    """The package cannot be made, or Lambda would not take it; the message says why."""


class Package(NamedTuple):
    """A zip and its size, packed and unpacked; `bytecode`: whether modules are compiled in it."""

    path: Path
    bytes: int
    unpacked: int
    bytecode: bool


def build(target: Path, python: str = PYTHON) -> Package:
    """Make the zip; raises PackageError where a tool is missing or the outcome is nothing that Lambda loads."""
    with tempfile.TemporaryDirectory(prefix="landing-package-") as scratch:
        folder = Path(scratch) / "package"
        compiled = assemble(folder, python)
        unpacked = sum(path.stat().st_size for path in _files(folder))
        if unpacked > MOST_BYTES:
            largest = sorted(_files(folder), key=lambda p: -p.stat().st_size)[:5]
            named = ", ".join(f"{p.relative_to(folder)} {p.stat().st_size:,}" for p in largest)
            raise PackageError(f"{unpacked:,} bytes unpacked, Lambda takes {MOST_BYTES:,}; the largest: {named}")
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        _zip(folder, part)
        part.replace(target)
    return Package(target, target.stat().st_size, unpacked, compiled)


def assemble(folder: Path, python: str = PYTHON) -> bool:
    """Put everything into an empty folder as Lambda will see it; returns whether bytecode is there too."""
    _install(folder, python)
    for path in sorted(_files(folder)):
        if not is_needed(path.relative_to(folder)):
            path.unlink()
    _remove_empty(folder)
    objects = [path for path in _files(folder) if ".so" in path.name]
    _run(_tool("strip"), "--strip-unneeded", *map(str, objects))
    if lacking := sorted(_lacking(objects)):
        raise PackageError(f"a library is linked with what the package leaves out: {', '.join(lacking)}")
    for source in our_files():
        copy = folder / source.relative_to(REPOSITORY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    return _compile(folder, python)


def _install(folder: Path, python: str) -> None:
    lock = REPOSITORY / "requirements.lock"
    versions = dict(re.findall(r"^([\w.-]+)==(\S+)$", lock.read_text(encoding="utf-8"), re.MULTILINE))
    if missing := sorted(set(LIBRARIES) - set(versions)):
        raise PackageError(f"{lock.name} has no {', '.join(missing)}")
    # Not hard links into uv's cache: `strip` changes files where they are.
    options = [
        "--link-mode",
        "copy",
        "--only-binary",
        ":all:",
        "--python-platform",
        PLATFORM,
        "--python-version",
        python,
    ]
    pinned = [f"{name}=={versions[name]}" for name in LIBRARIES]
    _run(_tool("uv"), "pip", "install", "--quiet", "--target", str(folder), *options, "-c", str(lock), *pinned)


def is_needed(file: Path) -> bool:
    """Whether a file of a library, by its path below the package, is needed to run."""
    top, name = file.parts[0], file.name
    if top.endswith(".dist-info") or top.startswith(".") or set(file.parts[:-1]) & set(_LEFT_OUT):
        return False
    if ".so" in name and top == "pyarrow":
        return name.partition(".")[0] in _ARROW_MODULES or _ARROW_LIBRARY.fullmatch(name) is not None
    return name.endswith(".py") or ".so" in name


def our_files() -> list[Path]:
    """What is ours in the package: the handlers, the modules they import, and contracts of raw and clean tables."""
    found: dict[str, Path] = {}
    waiting = list(HANDLERS)
    while waiting:
        module = waiting.pop()
        path = _source(module)
        if path is None or module in found:
            continue
        found[module] = path
        waiting += [module.rpartition(".")[0], *_imported(path)]
    contracts = [*(REPOSITORY / "contracts").glob("raw/*.yaml"), *(REPOSITORY / "contracts").glob("clean/*.yaml")]
    return sorted([*found.values(), *contracts])


def _source(module: str) -> Path | None:
    """The file of one of our modules, None for anything else."""
    if module.partition(".")[0] not in _OURS:
        return None
    path = REPOSITORY.joinpath(*module.split("."))
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _imported(path: Path) -> Iterator[str]:
    """The names that a module imports, wherever in it; not those for the type checker only."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting += ast.iter_child_nodes(node)


def _lacking(objects: Sequence[Path]) -> set[str]:
    """Libraries of PyArrow that an object needs and the package has not; all others are the system's."""
    there = {path.name for path in objects}
    said = _run(_tool("readelf"), "--dynamic", *map(str, objects))
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", said))
    return {name for name in needed if name.startswith(("libarrow", "libparquet"))} - there


def _compile(folder: Path, python: str) -> bool:
    """Compile modules, if a Python of that version is here: Lambda cannot keep bytecode that it makes itself."""
    interpreter = interpreter_of(python)
    if interpreter is None:
        return False
    # By hash, not by time, so that the bytes stay the same; unchecked, since nobody edits a package.
    options = ["-q", "-j", "1", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", "/var/task"]
    _run(interpreter, "-I", "-m", "compileall", *options, str(folder), env={**os.environ, "PYTHONHASHSEED": "0"})
    return True


def interpreter_of(python: str) -> str | None:
    """A Python of that version on this machine, this one or `python3.13` on the path; None if there is none."""
    if python == ".".join(map(str, sys.version_info[:2])):
        return sys.executable
    found = shutil.which(f"python{python}")
    if found is None:
        return None
    # A version manager's stand-in may be there without the version; where it is there, its own address is asked for.
    asked = [found, "-I", "-c", "import sys; print(sys.executable)"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _zip(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(_files(folder)):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = (0o100755 if ".so" in path.name else 0o100644) << 16
            archive.writestr(entry, path.read_bytes())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _remove_empty(folder: Path) -> None:
    for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def _tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        where = "`make landing` installs it" if name == "uv" else "it comes with binutils (apt-get install binutils)"
        raise PackageError(f"{name} is needed to make the package; {where}")
    return found


def _run(*command: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        raise PackageError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def main() -> None:
    """The command line: makes the zip and tells its size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--python", default=PYTHON, help=f"version of Lambda's Python (default {PYTHON})")
    given = parser.parse_args()
    try:
        made = build(given.target, given.python)
    except PackageError as error:
        sys.exit(f"landing package: {error}")
    compiled = "with bytecode" if made.bytecode else f"without bytecode (no python{given.python} here)"
    sys.stdout.write(
        f"{made.path}: {made.bytes:,} bytes, {made.unpacked:,} unpacked of {MOST_BYTES:,}, "
        f"Python {given.python}, {compiled}\n"
    )


if __name__ == "__main__":
    main()
