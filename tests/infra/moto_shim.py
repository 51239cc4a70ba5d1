"""What moto lacks or answers wrongly, of what the modules call: filled here, for tests only.

`SHIMS` is the whole list: the call, what is answered, and why. Each is put over moto's own class while the server runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Shim:
    """One call that moto does not answer as AWS does."""

    service: str
    call: str
    why: str
    owner: type
    method: str
    answer: Callable[..., Any]


SHIMS: tuple[Shim, ...] = ()


@contextmanager
def over_moto() -> Iterator[None]:
    """Let moto answer the calls of SHIMS."""
    with pytest.MonkeyPatch.context() as patch:
        for shim in SHIMS:
            patch.setattr(shim.owner, shim.method, shim.answer, raising=False)
        yield
