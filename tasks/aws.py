"""Clients of AWS: the one place that makes them. Endpoint, region and credentials come from the standard chain."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config

# "standard" retries throttling, time-outs and 5xx answers with a growing, jittered pause.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 8},
    connect_timeout=10,
    read_timeout=120,
    user_agent_extra="ecommerce-warehouse",
)


@lru_cache(maxsize=16)
def client(service: str) -> Any:
    """A client that waits and tries again where AWS is busy; one per service and process, safe between threads."""
    return boto3.client(service, config=_CONFIG)
