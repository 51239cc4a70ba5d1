"""What was accepted starts the deployment `ingest`, once per version however often its event comes."""

from __future__ import annotations

import http.client
import json
import logging
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks import aws
from tasks.landing_functions.arrival import Arrival
from tasks.landing_functions.faults import PermanentFault, TemporaryFault, told

LOG = logging.getLogger(__name__)
_TIMEOUT = 20
_CREATED = 201


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The API key goes to the host of the setting and to no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


class _Answer(Exception):
    """Prefect answered, and not with success."""

    def __init__(self, status: int, what: str, said: str) -> None:
        super().__init__(f"Prefect answered {status} to {what}: {said}".rstrip(": "))
        self.status = status


@dataclass
class Prefect:
    """Prefect's API, for one deployment. Its id and the API key are kept while the function is warm.

    `secret`: a secret of Secrets Manager whose text is the API key; empty for a server that asks for none.
    """

    url: str
    secret: str
    deployment: str
    _key: str | None = field(default=None, repr=False)
    _id: str | None = field(default=None, repr=False)

    def create_flow_run(self, body: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """The flow run of the body's idempotency key, and whether it is new; raises TemporaryFault, PermanentFault."""
        for is_last in (False, True):
            try:
                if self._id is None:
                    self._id = str(
                        self._call("GET", f"/deployments/name/{urllib.parse.quote(self.deployment)}")[0]["id"]
                    )
                run, status = self._call("POST", f"/deployments/{self._id}/create_flow_run", body)
                return run, status == _CREATED
            except _Answer as answer:
                if is_last or answer.status not in (401, 404):
                    raise PermanentFault(str(answer)) from None
                # While this function was warm the key may have been rotated, or the deployment made anew.
                self._key = self._id = None
        raise AssertionError("not reached")

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], int]:
        request = urllib.request.Request(
            self.url.rstrip("/") + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Accept": "application/json", "Content-Type": "application/json", **self._authorisation()},
        )
        what = f"{method} {path}"
        try:
            with _OPENER.open(request, timeout=_TIMEOUT) as answer:
                return json.loads(answer.read()), int(answer.status)
        except urllib.error.HTTPError as error:
            said = self._without_key(error.read(300).decode("utf-8", "replace"))
            if error.code >= 500 or error.code in (408, 425, 429):
                raise TemporaryFault(f"Prefect answered {error.code} to {what}: {said}") from None
            raise _Answer(error.code, what, said) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            kind = PermanentFault if isinstance(reason, ssl.SSLCertVerificationError) else TemporaryFault
            raise kind(f"no answer of Prefect to {what}: {reason!r}") from None
        except ValueError:
            raise PermanentFault(f"Prefect's answer to {what} is no JSON; is PREFECT_API_URL its API?") from None

    def _authorisation(self) -> dict[str, str]:
        if not self.secret:
            return {}
        if self._key is None:
            with told(f"read the secret {self.secret}"):
                answer = aws.client("secretsmanager").get_secret_value(SecretId=self.secret)
            self._key = str(answer["SecretString"]).strip()
        return {"Authorization": f"Bearer {self._key}"}

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


_PREFECT: dict[tuple[str, str, str], Prefect] = {}


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: a ruling in, the flow run out: `flow_run_id`, `flow_run_name`, `is_new`."""
    place = os.environ["PREFECT_API_URL"], os.environ.get("PREFECT_SECRET", ""), os.environ["PREFECT_DEPLOYMENT"]
    prefect = _PREFECT.setdefault(place, Prefect(*place))
    run, is_new = prefect.create_flow_run(flow_run(event))
    LOG.info("%s: flow run %s, %s", event["arrival"]["key"], run["id"], "new" if is_new else "there before")
    return {"flow_run_id": run["id"], "flow_run_name": run["name"], "is_new": is_new}


def flow_run(ruling: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked of Prefect: the same for each event of a version, name included."""
    arrival, parameters = Arrival(**ruling["arrival"]), ruling["parameters"]
    return {
        "name": f"{parameters['source']} {parameters['key']} {arrival.version[:8]}",
        "parameters": parameters,
        "idempotency_key": arrival.idempotency_key,
        "tags": ["landing", ruling["verdict"]],
    }
