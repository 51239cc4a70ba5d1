"""Fixtures of the stand-in, which a conftest.py imports by name; and `code`, the SQLSTATE of a refusal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redshift_connector

from redshift_standin.server import Standin

Connect = Callable[..., redshift_connector.Connection]
_running: list[Standin] = []


def code(connection: redshift_connector.Connection, statement: str) -> str:
    """The SQLSTATE with which a statement is refused."""
    with pytest.raises(redshift_connector.Error) as caught:
        connection.run(statement)
    return str(caught.value.args[0]["C"])


@pytest.fixture(scope="session")
def running_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """One stand-in for the whole run; its authority is trusted by every client of the process."""
    # Each folder that imports this has a fixture of its own: the first one to be asked starts the stand-in for all.
    if _running:
        yield _running[0]
        return
    with Standin.start(tmp_path_factory.mktemp("redshift")) as standin, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(standin.ca_file))
        _running.append(standin)
        yield standin
        _running.clear()


@pytest.fixture
def standin(running_standin: Standin) -> Standin:
    """The stand-in, empty: no tables, no faults, no log."""
    running_standin.reset()
    return running_standin


@pytest.fixture
def connect(standin: Standin) -> Iterator[Connect]:
    """Opens connections of the driver, which are closed at the end; arguments replace those that are right."""
    opened: list[redshift_connector.Connection] = []

    def make(*, autocommit: bool = False, **replaced: Any) -> redshift_connector.Connection:
        settings = {name: getattr(standin, name) for name in ("host", "port", "user", "password", "database")}
        connection = redshift_connector.connect(**{**settings, "sslmode": "verify-full", "timeout": 60, **replaced})
        connection.autocommit = autocommit
        opened.append(connection)
        return connection

    yield make
    for connection in opened:
        with contextlib.suppress(redshift_connector.Error):
            connection.close()


@pytest.fixture
def redshift(connect: Connect) -> redshift_connector.Connection:
    """A connection with autocommit."""
    return connect(autocommit=True)
