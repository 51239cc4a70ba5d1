"""Which errors pass by themselves: those of the way to a service, or of a service that is busy; never those of data."""

from __future__ import annotations

from typing import Any

# What AWS answers, and what boto3 raises where no answer came.
_CODES = {
    *("429", "500", "502", "503", "504", "InternalError", "InternalFailure", "InternalServerError"),
    *("InternalServerException", "InternalServiceException", "OperationAborted", "PriorRequestNotComplete"),
    *("RequestLimitExceeded", "RequestThrottled", "RequestTimeout", "RequestTimeoutException"),
    *("ServiceUnavailable", "ServiceUnavailableException", "SlowDown", "Throttling", "ThrottlingException"),
    *("ThrottledException", "TooManyRequestsException", "ConnectTimeoutError", "ConnectionClosedError"),
    *("ConnectionError", "EndpointConnectionError", "HTTPClientError", "IncompleteReadError"),
    *("ProxyConnectionError", "ReadTimeoutError", "ResponseStreamingError", "FlexibleChecksumError"),
    *("RequestTimeTooSkewed", "KMSThrottlingException"),
}
_STATUSES = (429, 500, 502, 503, 504)


def is_transient(error: BaseException | None) -> bool:
    """Whether the same work may succeed a minute later, judged by the error and what caused it.

    Layers below have tried again for seconds already (docs/aws.md): what comes through is an outage, or final.
    """
    while error is not None:
        is_passing = getattr(error, "is_transient", None)
        if is_passing is not None:
            return bool(is_passing)
        if isinstance(error, ConnectionError | TimeoutError) or _code(error) in _CODES or _status(error) in _STATUSES:
            return True
        error = error.__cause__
    return False


def _status(error: BaseException) -> int:
    """The HTTP status of what AWS answered, 0 for anything else: a service may have names of its own for its faults."""
    response: Any = getattr(error, "response", None)
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) if isinstance(response, dict) else 0


def _code(error: BaseException) -> str:
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    return str(getattr(error, "code", "") or type(error).__name__)
