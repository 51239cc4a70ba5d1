"""Texts that were made of other texts before: to read and to write a statement often costs more than to run it.

Like bytecode, what is remembered follows from its inputs and from the code that made it alone; `version` tells that
code. `learn` and `remembered` carry it from one process to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import contracts

# Some four times what a run of all tables makes.
LIMIT = 8192
_KNOWN: dict[str, str] = {}  # the one used last stands last


def memoised(kind: str, *inputs: object, make: Callable[[], str]) -> str:
    """What `make` gives for these inputs (by their text), made once; where it raises, nothing is remembered."""
    key = sha256("\0".join((kind, *map(str, inputs))).encode()).hexdigest()
    text = _KNOWN.pop(key, None)
    if text is None:
        text = make()
        while len(_KNOWN) >= LIMIT:
            _KNOWN.pop(next(iter(_KNOWN)), None)
    _KNOWN[key] = text
    return text


def learn(texts: Mapping[str, str]) -> None:
    """Take over what a process of the same `version` remembered."""
    for key, text in list(texts.items())[-LIMIT:]:
        _KNOWN.setdefault(key, text)


def remembered() -> dict[str, str]:
    """What this process knows, the one used last at the end."""
    return dict(_KNOWN)


@cache
def version() -> str:
    """The code whose texts these are: sqlglot's release, and the source of `sql/` and `contracts/`."""
    told = sha256(metadata.version("sqlglot").encode())
    for folder in (Path(__file__).parent, Path(str(contracts.__file__)).parent):
        for file in sorted(folder.glob("*.py")):
            told.update(file.name.encode() + b"\0" + file.read_bytes())
    return told.hexdigest()
