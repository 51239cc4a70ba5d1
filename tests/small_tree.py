"""A small repository of contracts and SELECTs that a test writes, changes and compares."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from contracts.ids import TableId
from contracts.types import ColumnType


def contract_text(
    table: str,
    columns: str,
    *,
    version: str = "1.0.0",
    quality: tuple[Mapping[str, Any], ...] = (),
    custom: Mapping[str, Any] | None = None,
    of_columns: Mapping[str, Mapping[str, Any]] | None = None,
    **more: Any,
) -> str:
    """A contract of columns `name type [key] [required]`, one a line; `custom`: the table's own properties.

    `of_columns` adds keys of ODCS to a column; a key `custom` of them adds custom properties.
    """
    id_ = TableId.parse(table)
    properties = []
    for line in columns.strip().splitlines():
        name, kind, *flags = line.split()
        added = dict((of_columns or {}).get(name, {}))
        own = {"customProperties": [*map(_property, added.pop("custom", {}).items())]}
        body: dict[str, Any] = {
            "name": name,
            "physicalType": kind,
            "logicalType": ColumnType.parse(kind).logical,
            "description": f"The {name}.",
            "required": "required" in flags or "key" in flags,
        }
        if "key" in flags:
            body |= {"primaryKey": True, "primaryKeyPosition": 1 + sum("primaryKey" in p for p in properties)}
        properties.append({**body, **(own if own["customProperties"] else {}), **added})
    load = {"strategy": "upsert"} if id_.layer == "clean" else {"strategy": "replace", "window": "all"}
    settings: dict[str, Any] = {"load": load, **(custom or {})}
    if id_.layer == "raw":
        settings.setdefault("delivery", {"file": f"{id_.name}.csv", "format": "csv"})
    return yaml.safe_dump(
        {
            "apiVersion": "v3.2.0",
            "kind": "DataContract",
            "id": table,
            "name": table,
            "version": version,
            "status": "active",
            **more,
            "schema": [
                {
                    "name": id_.name,
                    "description": f"All of {table}.",
                    "customProperties": [*map(_property, settings.items())],
                    "properties": properties,
                    "quality": [{"dimension": "accuracy", **entry} for entry in quality],
                }
            ],
        },
        sort_keys=False,
    )


def _property(entry: tuple[str, Any]) -> dict[str, Any]:
    return {"property": entry[0], "value": entry[1]}


@dataclass(frozen=True)
class Tree:
    """Files by their path; `with_…` give a changed copy."""

    files: Mapping[str, str] = field(default_factory=dict)

    def with_contract(self, table: str, columns: str, **more: Any) -> Tree:
        path = TableId.parse(table).contract_file.as_posix()
        return self.with_file(path, contract_text(table, columns, **more))

    def with_select(self, table: str, text: str) -> Tree:
        return self.with_file(TableId.parse(table).sql_file.as_posix(), text)

    def with_file(self, path: str, text: str) -> Tree:
        return replace(self, files={**self.files, path: text})

    def without(self, *paths: str) -> Tree:
        return replace(self, files={path: text for path, text in self.files.items() if path not in paths})

    def write(self, root: Path) -> Path:
        """The files below `root`, and nothing else of ours."""
        for old in [*root.rglob("*.yaml"), *root.rglob("*.sql")]:
            old.unlink()
        for path, text in self.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        (root / "contracts").mkdir(parents=True, exist_ok=True)
        return root


def git(root: Path, *arguments: str) -> str:
    """One git command in a repository that no setting of the developer reaches."""
    names = {f"GIT_{who}_{what}": "someone" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    alone = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": "/usr/bin:/bin:/usr/local/bin"}
    answer = subprocess.run(
        ["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True, env=names | alone
    )
    return answer.stdout.strip()


def commit(root: Path, tree: Tree) -> str:
    """A commit of a tree; makes the repository if there is none. Returns its id."""
    root.mkdir(parents=True, exist_ok=True)
    if not (root / ".git").exists():
        git(root, "init", "--quiet", "--initial-branch", "main")
    tree.write(root)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "A state")
    return git(root, "rev-parse", "HEAD")
