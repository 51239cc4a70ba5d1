"""YAML with line numbers: every error about a contract can say file and line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

Key = tuple[str | int, ...]


class ContractError(ValueError):
    """What is wrong with a contract, as `file:line: message`; several faults come as several lines."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(self.faults))


class Document:
    """One YAML file as plain data, and the line on which each value stands."""

    def __init__(self, file: str, data: Any, lines: dict[Key, int]) -> None:
        self.file, self.data, self._lines = file, data, lines

    def where(self, path: Iterable[str | int] = ()) -> str:
        """`file:line` of the value at path, or of its nearest parent that has a line."""
        return f"{self.file}:{self.line(path)}"

    def line(self, path: Iterable[str | int] = ()) -> int:
        """The line that `where` names."""
        key = tuple(path)
        while key and key not in self._lines:
            key = key[:-1]
        return self._lines.get(key, 1)

    def fault(self, path: Iterable[str | int], message: str) -> str:
        return f"{self.where(path)}: {message}"


def read_document(path: Path, *, name: str | None = None) -> Document:
    """Parse one YAML file; raise ContractError on bad syntax, wrong encoding, duplicate keys or an empty file."""
    file = name or str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContractError([f"{file}:1: not UTF-8 text ({error.reason} at byte {error.start})"]) from error
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContractError([f"{file}:{line}: not valid YAML: {error.problem}"]) from error
    except yaml.YAMLError as error:
        raise ContractError([f"{file}:1: not valid YAML: {' '.join(str(error).split())}"]) from error
    if node is None:
        raise ContractError([f"{file}:1: the file is empty"])
    lines: dict[Key, int] = {}
    faults: list[str] = []
    data = _plain(node, (), lines, faults, file, yaml.CSafeLoader(""))
    if faults:
        raise ContractError(faults)
    return Document(file, data, lines)


def _plain(node: yaml.Node, at: Key, lines: dict[Key, int], faults: list[str], file: str, loader: Any) -> Any:
    lines[at] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in out:
                faults.append(f"{file}:{key_node.start_mark.line + 1}: key {key!r} stands twice")
            out[key] = _plain(value_node, (*at, key), lines, faults, file, loader)
            lines[(*at, key)] = key_node.start_mark.line + 1
        return out
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*at, i), lines, faults, file, loader) for i, item in enumerate(node.value)]
    # All else stays text: ODCS knows dates as text only, and YAML would make objects that JSON Schema refuses.
    if node.tag.rpartition(":")[2] not in ("null", "bool", "int", "float"):
        return node.value
    try:
        return loader.construct_object(node)
    except (ValueError, KeyError):  # tagged as what it is not
        return node.value
