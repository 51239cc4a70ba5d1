"""Two kinds of faults, told apart by name: the state machine tries again after one, and never after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from tasks.aws import error_code
from tasks.transient import is_transient


class TemporaryFault(RuntimeError):
    """Something was too busy or did not answer; another try may find it well."""


class PermanentFault(RuntimeError):
    """Another try would end the same way: a right, a setting or a name is wrong."""


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what AWS refuses into one of the two faults: what was done to what, and AWS's code, nothing signed."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        kind = TemporaryFault if is_transient(error) else PermanentFault
        raise kind(f"cannot {what}: {error_code(error) or type(error).__name__}") from None
