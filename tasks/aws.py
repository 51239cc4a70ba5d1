"""Clients of AWS: the one place that makes them. Endpoint, region and credentials come from the standard chain."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

# A request went out, or did not, and no answer came: what it asked for may have been done.
UNANSWERED: tuple[type[Exception], ...] = (HTTPClientError, ConnectionError)


@lru_cache(maxsize=16)
def client(service: str, attempts: int = 8) -> Any:
    """A client that waits and tries again where AWS is busy; one per service and process, safe between threads.

    `attempts` 1 is for requests that must not be sent twice.
    """
    # "standard" retries throttling, time-outs and 5xx answers with a growing, jittered pause.
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=10,
        read_timeout=120,
        user_agent_extra="ecommerce-warehouse",
    )
    return boto3.client(service, config=config)


def error_code(error: Exception) -> str:
    """What AWS calls an error, for example `ThrottlingException`; empty where it is none of AWS's."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
