"""Which errors are tried again: outages are, faults of data and refusals are not."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tasks.glue_runs import GlueFailed
from tasks.lock import LeaseLost
from tasks.reading import UnreadableFile
from tasks.s3 import ObjectChanged, ObjectMissing, StorageError
from tasks.transient import is_transient
from tasks.warehouse.base import WarehouseBusy, WarehouseError
from tasks.warehouse.redshift_answers import Interrupted, Unreachable


def answered(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "GetObject")


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    "error",
    [
        StorageError("busy", "SlowDown"),
        StorageError("busy", "503"),
        StorageError("away", "EndpointConnectionError"),
        answered("ThrottlingException"),
        EndpointConnectionError(endpoint_url="https://s3"),
        ConnectionResetError(),
        TimeoutError(),
        Interrupted("lost", lost=True),
        Unreachable("refused"),
        WarehouseBusy("another run"),
        caused(RuntimeError("the upload failed"), answered("InternalError")),
    ],
    ids=repr,
)
def test_an_outage_passes(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        StorageError("no", "AccessDenied"),
        ObjectMissing("gone", "NoSuchKey"),
        ObjectChanged("changed", "PreconditionFailed"),
        answered("ExpiredToken"),
        WarehouseError("syntax error"),
        LeaseLost("another run has it"),
        UnreadableFile("not a CSV"),
        GlueFailed("the script failed"),
        OSError(28, "No space left on device"),
        ValueError("x"),
        # What a layer calls final stays so, whatever was behind it.
        caused(WarehouseError("wrong password"), ConnectionResetError()),
        None,
    ],
    ids=repr,
)
def test_what_is_final_does_not(error: Exception | None) -> None:
    assert not is_transient(error)
