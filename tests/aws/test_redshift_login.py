"""How the aws mode gets into Redshift: the secret, temporary credentials, TLS; and that no password is ever told."""

from __future__ import annotations

import gc
import json
import logging
import uuid
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber
from redshift_standin import Standin

from tasks import aws
from tasks.settings import Settings
from tasks.warehouse import WarehouseError, has_warehouse, open_warehouse
from tasks.warehouse.redshift_login import Login, connect, login

SECRET = "hush-Hush-1"
BASE = {"mode": "aws", "inbox_url": "s3://landing", "lake_url": "s3://lake", "glue_job": "curate"}


@pytest.fixture(autouse=True, scope="module")
def _left_open() -> Iterator[None]:
    """The driver leaves the socket of a login that failed to the garbage collector."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def secret(**body: Any) -> str:
    name = f"warehouse-{uuid.uuid4().hex}"
    aws.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(body))
    return name


def settings(**more: Any) -> Settings:
    return Settings.model_validate({**BASE, **more})


@pytest.fixture
def reachable(local_aws: str, standin: Standin) -> Settings:
    """Settings that lead to the stand-in by way of a secret."""
    found = secret(username=standin.user, password=standin.password, host="elsewhere", port=1)
    place = {"redshift_host": standin.host, "redshift_port": standin.port, "redshift_database": standin.database}
    return settings(redshift_secret=found, **place)


def test_a_secret_names_user_password_and_place(local_aws: str) -> None:
    name = secret(username="loader", password=SECRET, host="cluster.example", port=5555)
    assert login(settings(redshift_secret=name)) == Login("cluster.example", 5555, "warehouse", "loader", SECRET)
    placed = settings(redshift_secret=name, redshift_host="proxy.example", redshift_user="other")
    assert login(placed) == Login("proxy.example", 5439, "warehouse", "other", SECRET)


def test_a_password_is_in_no_text_of_a_login() -> None:
    assert SECRET not in repr(Login("h", 1, "d", "u", SECRET))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f'"{SECRET}', "is not a JSON object with username and password"),
        (json.dumps({"username": "a", "pass": SECRET}), "is not a JSON object with username and password"),
        (json.dumps([SECRET]), "is not a JSON object with username and password"),
        (json.dumps({"username": "a", "password": SECRET}), "neither DW_REDSHIFT_HOST nor the secret .* names a host"),
    ],
)
def test_a_secret_of_another_form_is_told_without_what_it_holds(local_aws: str, text: str, says: str) -> None:
    name = f"warehouse-{uuid.uuid4().hex}"
    aws.client("secretsmanager").create_secret(Name=name, SecretString=text)
    with pytest.raises(WarehouseError, match=says) as told:
        login(settings(redshift_secret=name))
    assert SECRET not in repr(told.value)
    assert told.value.__context__ is None


def test_a_secret_that_is_not_there_is_told(local_aws: str) -> None:
    with pytest.raises(WarehouseError, match=r"no credentials for Redshift: .*ResourceNotFoundException"):
        login(settings(redshift_secret="nothing"))


@pytest.fixture
def stubbed(local_aws: str, request: pytest.FixtureRequest) -> Iterator[Stubber]:
    """Answers of AWS, as its API describes them, for the services that no local server has."""
    with Stubber(aws.client(request.param)) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("stubbed", ["redshift-serverless"], indirect=True)
def test_a_workgroup_gives_temporary_credentials(stubbed: Stubber) -> None:
    stubbed.add_response(
        "get_workgroup",
        {"workgroup": {"endpoint": {"address": "wg.example", "port": 5439}}},
        {"workgroupName": "sales"},
    )
    stubbed.add_response(
        "get_credentials",
        {"dbUser": "IAMR:loader", "dbPassword": SECRET},
        {"workgroupName": "sales", "dbName": "warehouse", "durationSeconds": 900},
    )
    assert login(settings(redshift_workgroup="sales")) == Login("wg.example", 5439, "warehouse", "IAMR:loader", SECRET)


@pytest.mark.parametrize("stubbed", ["redshift"], indirect=True)
def test_a_cluster_gives_temporary_credentials(stubbed: Stubber) -> None:
    endpoint = {"Clusters": [{"Endpoint": {"Address": "c.example", "Port": 5440}}]}
    stubbed.add_response("describe_clusters", endpoint, {"ClusterIdentifier": "c"})
    stubbed.add_response(
        "get_cluster_credentials_with_iam",
        {"DbUser": "IAMR:loader", "DbPassword": SECRET},
        {"ClusterIdentifier": "c", "DbName": "warehouse", "DurationSeconds": 900},
    )
    assert login(settings(redshift_cluster="c")) == Login("c.example", 5440, "warehouse", "IAMR:loader", SECRET)


@pytest.mark.parametrize("stubbed", ["redshift-serverless"], indirect=True)
def test_a_role_without_rights_is_told_by_the_words_of_aws(stubbed: Stubber) -> None:
    stubbed.add_client_error("get_workgroup", "AccessDeniedException", "not authorized to perform GetWorkgroup")
    with pytest.raises(WarehouseError, match=r"no credentials for Redshift: .*not authorized to perform GetWorkgroup"):
        login(settings(redshift_workgroup="sales"))


def test_the_settings_open_the_warehouse_over_tls(reachable: Settings) -> None:
    with open_warehouse(reachable) as warehouse:
        assert warehouse.scalar("SELECT :reporting_currency AS code") == "INR"


def test_a_warehouse_without_tables_is_not_there_yet(reachable: Settings) -> None:
    assert not has_warehouse(reachable)
    with pytest.raises(WarehouseError, match=r"there is no warehouse at Redshift localhost/dev; `dw run` makes one"):
        open_warehouse(reachable, read_only=True)


def test_a_certificate_that_nobody_vouches_for_is_refused(reachable: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(WarehouseError, match="CERTIFICATE_VERIFY_FAILED"):
        connect(reachable)


def test_a_wrong_password_is_told_and_not_shown(
    local_aws: str, standin: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    name = secret(username=standin.user, password=SECRET)
    place = {"redshift_host": standin.host, "redshift_port": standin.port, "redshift_database": standin.database}
    caplog.set_level(logging.DEBUG)
    with pytest.raises(WarehouseError, match=r"lets warehouse not in: password.*SQLSTATE 28000") as told:
        connect(settings(redshift_secret=name, **place))
    assert SECRET not in repr(told.value)
    assert told.value.__context__ is None
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith(("botocore", "moto", "werkzeug"))]
    assert not [message for message in ours if SECRET in message]
    caplog.clear()  # the driver's records hold its connection
