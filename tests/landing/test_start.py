"""What was accepted starts one flow run per version: on a stand-in for each fault, and on Prefect's own server."""

from __future__ import annotations

import logging
import socket
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from prefect_place import Pretender, flow_runs, make_deployment, pretend
from prefect_server import serve

from tasks import aws
from tasks.landing_functions import start
from tasks.landing_functions.faults import PermanentFault, TemporaryFault
from tasks.landing_functions.start import Prefect

API_KEY = "pnu_this_is_the_key"


def ruled(version: str = "v1") -> dict[str, Any]:
    return {
        "action": "start",
        "verdict": "accept",
        "arrival": {"bucket": "b", "key": "inbox/2026-01-05/fx_rates.csv", "version": version, "size": 3},
        "parameters": {"source": "shop", "key": "2026-01-05/fx_rates.csv", "version": version},
    }


@pytest.fixture
def api() -> Iterator[Pretender]:
    with pretend() as pretender:
        yield pretender


@pytest.fixture
def secret(local_aws: str) -> str:
    name = f"prefect-{uuid.uuid4().hex}"
    arn: str = aws.client("secretsmanager").create_secret(Name=name, SecretString=f"{API_KEY}\n")["ARN"]
    return arn


@pytest.fixture
def prefect(api: Pretender, secret: str) -> Prefect:
    return Prefect(api.address, secret, "ingest/ingest")


def test_the_deployment_is_found_by_name_once_and_asked_with_the_key(api: Pretender, prefect: Prefect) -> None:
    for version in ("v1", "v2"):
        prefect.create_flow_run(start.flow_run(ruled(version)))
    bearer = f"Bearer {API_KEY}"
    assert [(method, path, key) for method, path, key, _ in api.asked] == [
        ("GET", "/api/deployments/name/ingest/ingest", bearer),
        ("POST", "/api/deployments/deployment/create_flow_run", bearer),
        ("POST", "/api/deployments/deployment/create_flow_run", bearer),
    ]
    body = api.asked[1][3]
    assert body["parameters"] == {"source": "shop", "key": "2026-01-05/fx_rates.csv", "version": "v1"}
    assert body["name"] == "shop 2026-01-05/fx_rates.csv v1"


def test_a_server_that_asks_for_no_key_gets_none(api: Pretender) -> None:
    Prefect(api.address, "", "ingest/ingest").create_flow_run(start.flow_run(ruled()))
    assert [key for _, _, key, _ in api.asked] == [None, None]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_a_prefect_that_is_busy_is_a_temporary_fault(api: Pretender, prefect: Prefect, status: int) -> None:
    api.answers = [(status, b"try later")]
    with pytest.raises(
        TemporaryFault, match=f"Prefect answered {status} to GET /deployments/name/ingest/ingest: try later"
    ):
        prefect.create_flow_run(start.flow_run(ruled()))


def test_a_prefect_that_is_away_is_a_temporary_fault(secret: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(TemporaryFault, match="no answer of Prefect to GET"):
        Prefect(f"http://127.0.0.1:{port}/api", secret, "ingest/ingest").create_flow_run(start.flow_run(ruled()))


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (403, b"forbidden", "Prefect answered 403"),
        (422, b"parameters do not fit", "parameters do not fit"),
        (409, b"", "Prefect answered 409"),
        (302, b"", "Prefect answered 302"),
        (200, b"<html>", "is no JSON"),
    ],
)
def test_any_other_answer_is_a_permanent_fault(
    api: Pretender, prefect: Prefect, status: int, body: bytes, told: str
) -> None:
    api.answers = [(status, body)]
    with pytest.raises(PermanentFault, match=told):
        prefect.create_flow_run(start.flow_run(ruled()))
    assert len(api.asked) == 1


def test_a_redirect_does_not_carry_the_key_away(api: Pretender, prefect: Prefect) -> None:
    api.answers = [(302, b"")]
    with pytest.raises(PermanentFault):
        prefect.create_flow_run(start.flow_run(ruled()))
    assert not any("elsewhere" in path for _, path, _, _ in api.asked)


def test_a_rotated_key_is_read_anew_by_a_warm_function(api: Pretender, prefect: Prefect, secret: str) -> None:
    prefect.create_flow_run(start.flow_run(ruled("v1")))
    aws.client("secretsmanager").put_secret_value(SecretId=secret, SecretString="pnu_new")
    api.answers = [(401, b"unauthorised")]
    run, is_new = prefect.create_flow_run(start.flow_run(ruled("v2")))
    assert is_new
    assert run["id"]
    assert api.asked[-1][2] == "Bearer pnu_new"


def test_a_deployment_that_was_made_anew_is_looked_up_again(api: Pretender, prefect: Prefect) -> None:
    prefect.create_flow_run(start.flow_run(ruled("v1")))
    api.answers = [(404, b"no such deployment"), (200, b'{"id": "other"}')]
    prefect.create_flow_run(start.flow_run(ruled("v2")))
    assert api.asked[-1][1] == "/api/deployments/other/create_flow_run"


def test_a_deployment_that_does_not_exist_is_named(api: Pretender, prefect: Prefect) -> None:
    api.answers = [(404, b"not found")] * 2
    with pytest.raises(PermanentFault, match="404 to GET /deployments/name/ingest/ingest: not found"):
        prefect.create_flow_run(start.flow_run(ruled()))


def test_a_secret_without_a_value_is_named(api: Pretender, local_aws: str) -> None:
    arn = aws.client("secretsmanager").create_secret(Name=f"empty-{uuid.uuid4().hex}")["ARN"]
    with pytest.raises(PermanentFault, match=f"cannot read the secret {arn}: ResourceNotFoundException"):
        Prefect(api.address, arn, "ingest/ingest").create_flow_run(start.flow_run(ruled()))


def test_the_key_is_in_no_error_no_log_and_no_text(
    api: Pretender, prefect: Prefect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="tasks")
    said = []
    for status in (500, 403):
        api.answers = [(200, b'{"id": "deployment"}'), (status, f"who sends {API_KEY}?".encode())]
        with pytest.raises((PermanentFault, TemporaryFault)) as told:
            Prefect(prefect.url, prefect.secret, prefect.deployment).create_flow_run(start.flow_run(ruled()))
        assert told.value.__cause__ is None
        assert told.value.__suppress_context__
        said.append(str(told.value))
    prefect.create_flow_run(start.flow_run(ruled()))
    assert "who sends ***?" in said[0]
    assert API_KEY not in "".join([*said, repr(prefect), caplog.text])


def test_prefects_own_server_makes_one_run_of_a_version_however_often_it_is_asked(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Prefect takes half a minute to start: all that needs it is asked here."""
    with serve(tmp_path_factory.mktemp("prefect")) as api:
        deployment = make_deployment(api)

        def ask(version: str) -> tuple[dict[str, Any], bool]:
            # As the state machine does: Prefect on SQLite answers 503 where two write at the same time.
            for _ in range(20):
                with suppress(TemporaryFault):
                    return Prefect(api, "", "ingest/ingest").create_flow_run(start.flow_run(ruled(version)))
            raise AssertionError("Prefect was busy twenty times")

        # Two events of one version at the same time, one later, and another version.
        with ThreadPoolExecutor(2) as pool:
            first = list(pool.map(ask, ["v1", "v1"]))
        later, other = ask("v1"), ask("v2")
        runs = {run["id"]: run for run in flow_runs(api)}
        assert {run["id"] for run, _ in [*first, later]} == {first[0][0]["id"]}
        assert not later[1]
        assert other[1]
        assert runs.keys() == {first[0][0]["id"], other[0]["id"]}
        mine = runs[other[0]["id"]]
        assert mine["deployment_id"] == deployment
        assert mine["parameters"] == {"source": "shop", "key": "2026-01-05/fx_rates.csv", "version": "v2"}
        assert mine["state_type"] == "SCHEDULED"
        assert {"landing", "accept"} <= set(mine["tags"])
        with pytest.raises(PermanentFault, match=r"404 to GET /deployments/name/ingest/other"):
            Prefect(api, "", "ingest/other").create_flow_run(start.flow_run(ruled("v3")))
        # Parameters that the deployment does not take are its refusal, not a fault that passes.
        wrong = start.flow_run(ruled("v4")) | {"parameters": {"key": 5}}
        with pytest.raises(PermanentFault, match=r"409|422"):
            Prefect(api, "", "ingest/ingest").create_flow_run(wrong)
