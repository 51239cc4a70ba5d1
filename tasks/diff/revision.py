"""Contracts and SQL as they stood at a revision of git, or as they lie in a folder."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from contracts.ids import TableId
from contracts.model import Contract
from contracts.registry import Registry
from contracts.source import ContractError
from expectations.rules import Rule, rules_of
from sql.consumers import Consumer, read_sound, views_as_consumers
from sql.dialect import SqlError
from sql.graph import SQL_LAYERS, Graph, read_by
from sql.lineage import Lineage, sound_consumers
from sql.meaning import Meaning, meaning
from sql.qualified import qualified
from sql.reconcile import FOLDER, Check

# All that is compared; a revision has more, and it may be large.
_READ = ("contracts/", "sql/", "notebooks/", "tests/cases/", "prefect.yaml")


class RevisionError(ValueError):
    """A revision that cannot be read: no git, no repository, no such name."""


@dataclass(frozen=True)
class Revision:
    """What a revision says, as far as it can be read; `faults` are told, `unread` tables are not compared."""

    name: str
    registry: Registry
    graph: Graph
    rules: dict[TableId, tuple[Rule, ...]]
    meanings: dict[TableId, Meaning]
    checks: dict[str, Check]
    consumers: tuple[Consumer, ...]
    deployments: dict[str, dict[str, Any]]
    tests: frozenset[str]
    faults: tuple[str, ...] = ()
    unread: frozenset[TableId] = field(default=frozenset())

    def contract(self, table: TableId) -> Contract | None:
        """The table's contract, if there is one that can be read."""
        with suppress(ContractError):
            return self.registry[table]
        return None

    @cached_property
    def lineage(self) -> Lineage:
        """Lineage of what can be read."""
        tables = [table for table in self.meanings if table in self.registry]
        return Lineage(self.graph, self.registry, self.consumers, tables=tables)

    @classmethod
    def read(cls, root: Path, name: str, validate: Callable[[str], bool] = lambda file: True) -> Revision:
        """Read a folder; what is faulty in it is left out and told. `validate`: which contracts, by their files."""
        registry, faults = Registry.read_sound(root, validate=validate)
        unread = set(_ids(root, "contracts", "yaml", ("raw", "clean", "audit", *SQL_LAYERS))) - set(registry)
        rules: dict[TableId, tuple[Rule, ...]] = {}
        for contract in registry.values():
            try:
                rules[contract.table] = rules_of(contract)
            except ContractError as error:
                faults += error.faults
            except (KeyError, TypeError, AttributeError) as error:  # a file that was not validated
                faults.append(f"{contract.file}:1: not the shape of a data contract ({error!r})")
        texts: dict[TableId, str] = {}
        for table in _ids(root, "sql", "sql", SQL_LAYERS):
            text = (root / table.sql_file).read_text(encoding="utf-8", errors="replace")
            try:
                Graph({table: text})
            except SqlError as error:
                faults += error.faults
                unread.add(table)
                continue
            texts[table] = text
            if table not in registry and table not in unread:
                faults.append(f"{table.sql_file}:1: {table} has no contract")
        graph = Graph(texts)
        meanings: dict[TableId, Meaning] = {}
        for table in graph.tables:
            try:
                meanings[table] = meaning(qualified(graph, registry, table))
            except SqlError as error:
                # Of a table whose contract is faulty that fault is told.
                faults += error.faults if not graph.upstream(table) & unread else []
        checks: dict[str, Check] = {}
        for path in sorted((root / FOLDER).glob("*.sql")):
            try:
                checks[path.stem] = _check(path)
            except SqlError as error:
                faults += error.faults
        notebooks, of_notebooks = read_sound(root)
        consumers, of_their_sql = sound_consumers(
            graph, registry, [*views_as_consumers(registry), *notebooks], unread=unread
        )
        faults += of_notebooks + of_their_sql
        deployments: dict[str, dict[str, Any]] = {}
        try:
            deployments = _deployments(root / "prefect.yaml")
        except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
            faults.append(f"prefect.yaml:1: not a file of deployments: {' '.join(str(error).split())}")
        tests = frozenset(path.relative_to(root).as_posix() for path in (root / "tests/cases").glob("*/*.yaml"))
        return cls(
            name,
            registry,
            graph,
            rules,
            meanings,
            checks,
            consumers,
            deployments,
            tests,
            tuple(faults),
            frozenset(unread),
        )


def read_revisions(root: Path, base: str, head: str | None) -> tuple[Revision, Revision]:
    """Two revisions of git by any name that it knows, folders that hold contracts, or (None) what lies in `root`.

    Raises RevisionError.
    """
    with _folder(root, base) as (old, old_name), _folder(root, head) as (new, new_name):
        return read_folders((old, old_name), (new, new_name))


def read_folders(*sides: tuple[Path, str]) -> tuple[Revision, Revision]:
    """Two folders, each with the name to tell; contracts that are equal to the letter are not validated."""
    (old, _), (new, _) = sides

    def differs(file: str) -> bool:
        pair = [root / file for root in (old, new)]
        return not all(path.exists() for path in pair) or pair[0].read_bytes() != pair[1].read_bytes()

    first, second = (Revision.read(root, name, differs) for root, name in sides)
    return first, second


@contextmanager
def _folder(root: Path, text: str | None) -> Iterator[tuple[Path, str]]:
    """Where a revision's files lie, and its name."""
    if text is None:
        yield root, "working tree"
    elif (Path(text) / "contracts").is_dir():
        yield Path(text), text
    else:
        commit = resolve(root, text)
        with _unpacked(root, commit) as folder:
            yield folder, text[:10] if commit.startswith(text) else f"{text} ({commit[:10]})"


def resolve(root: Path, text: str) -> str:
    """The commit that a name stands for; raises RevisionError."""
    if text.startswith("-"):
        raise RevisionError(f"{text!r} is no revision of git")
    return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}", wanted=text)


def merge_base(root: Path, base: str, head: str) -> str:
    """The commit at which two revisions parted; raises RevisionError."""
    commits = resolve(root, base), resolve(root, head)
    return _git(root, "merge-base", *commits, wanted=f"{base} and {head} (have they a common past?)")


@contextmanager
def _unpacked(root: Path, commit: str) -> Iterator[Path]:
    """A folder with the files of a commit that are compared."""
    top = _git(root, "rev-parse", "--show-toplevel", wanted=commit)
    prefix = root.resolve().relative_to(Path(top).resolve()).as_posix()
    at = f"{commit}:{prefix}" if prefix != "." else commit
    archive = _run(Path(top), "archive", "--format=tar", at)
    if archive.returncode:
        raise RevisionError(f"{commit} cannot be read: {archive.stderr.decode(errors='replace').strip()}")
    with TemporaryDirectory(prefix="dw-diff-") as name, tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        wanted = [member for member in tar if member.isfile() and member.name.startswith(_READ)]
        for member in wanted:
            file, content = Path(name) / member.name, tar.extractfile(member)
            assert content is not None
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.read())
        yield Path(name)


def _git(root: Path, *arguments: str, wanted: str) -> str:
    answer = _run(root, *arguments)
    if answer.returncode:
        said = answer.stderr.decode(errors="replace").strip()
        if "not a git repository" in said:
            raise RevisionError(f"{root} is no repository of git: give two folders, or run it in a clone")
        raise RevisionError(
            f"git knows no {wanted}: a branch, tag or commit of this clone, or a folder that holds contracts/ "
            "(a shallow clone has no past: `git fetch --unshallow`)"
        )
    return answer.stdout.decode().strip()


def _run(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise RevisionError("git is not installed: install it, or give two folders") from error


def _ids(root: Path, folder: str, suffix: str, layers: tuple[str, ...]) -> Iterator[TableId]:
    """The tables whose files lie in a folder; names that no table can have were told by whoever read the contract."""
    for layer in layers:
        for path in sorted((root / folder / layer).glob(f"*.{suffix}")):
            try:
                yield TableId(layer, path.stem)
            except ValueError:
                continue


def _check(path: Path) -> Check:
    """A reconciliation check; SqlError where its SELECTs are not what one is made of."""
    file = f"{FOLDER}/{path.name}"
    check = Check(path.stem, path.read_text(encoding="utf-8", errors="replace"), file)
    for arm in check.arms:
        read_by(arm, file)
    return check


def _deployments(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    body = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {str(deployment["name"]): dict(deployment) for deployment in body.get("deployments") or ()}
