"""How to get into Redshift: the password from Secrets Manager, or temporary credentials for the process's own role."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from typing import Any

import redshift_connector
from botocore.exceptions import BotoCoreError, ClientError
from redshift_connector.error import Error

from tasks import aws
from tasks.settings import Settings
from tasks.warehouse.base import WarehouseError
from tasks.warehouse.redshift_answers import LOST, Interrupted, told

_SECONDS = 900  # a login has to be made within; the session outlives it
_ANSWER = 15.0  # seconds in which the host has to answer: a firewall drops what it does not let through


@dataclass(frozen=True)
class Login:
    """Where to connect and as whom; the password is in no text of it."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)


def login(settings: Settings) -> Login:
    """Ask AWS how to get in; raise WarehouseError where it does not say."""
    try:
        if settings.redshift_secret:
            return _of_secret(settings)
        return _of_workgroup(settings) if settings.redshift_workgroup else _of_cluster(settings)
    except (BotoCoreError, ClientError) as error:
        raise WarehouseError(f"no credentials for Redshift: {error}") from error


def connect(settings: Settings) -> redshift_connector.Connection:
    """A new connection with fresh credentials, over TLS with the host's name verified."""
    to = login(settings)
    try:
        # The driver knows one time limit for connecting and for every later answer, which may take hours.
        socket.create_connection((to.host, to.port), timeout=_ANSWER).close()
        return redshift_connector.connect(
            host=to.host,
            port=to.port,
            database=to.database,
            user=to.user,
            password=to.password,
            ssl=True,
            sslmode="verify-full",
            # A peer that is gone is noticed within two minutes, however long a statement may take.
            tcp_keepalive=True,
            tcp_keepalive_idle=60,
            tcp_keepalive_interval=15,
            tcp_keepalive_count=4,
            application_name="ecommerce-warehouse",
        )
    except (Error, OSError) as error:
        failure = _failed(error, to)
    # Raised out here, so that the driver's error does not hang on it: its frames hold the password and an open socket.
    raise failure


def _failed(error: Exception, to: Login) -> WarehouseError:
    """Why there is no connection; Interrupted where it may come about later."""
    failure = told(error, "")
    place, said = f"{to.host}:{to.port}/{to.database}", str(failure).removeprefix(LOST)
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return WarehouseError(
            f"Redshift at {place} is not trusted: {said}; SSL_CERT_FILE names the authorities to trust"
        )
    if isinstance(failure, Interrupted):
        return Interrupted(f"Redshift at {place} cannot be reached: {said}", lost=True)
    return WarehouseError(f"Redshift at {place} lets {to.user} not in: {said}")


def _of_secret(settings: Settings) -> Login:
    """A secret of the form that Secrets Manager keeps for Redshift; what the settings say of the place goes first."""
    name = settings.redshift_secret
    found = aws.client("secretsmanager").get_secret_value(SecretId=name)
    try:
        secret: dict[str, Any] = json.loads(found["SecretString"])
        user, password = str(secret["username"]), str(secret["password"])
    except (KeyError, TypeError, ValueError):
        secret = {}
    if not secret:
        # Raised out here: the cause would hold what is secret.
        raise WarehouseError(f"the secret {name} is not a JSON object with username and password")
    host = settings.redshift_host or str(secret.get("host", ""))
    if not host:
        raise WarehouseError(f"neither DW_REDSHIFT_HOST nor the secret {name} names a host")
    port = settings.redshift_port if settings.redshift_host else int(secret.get("port", settings.redshift_port))
    return Login(host, port, settings.redshift_database, settings.redshift_user or user, password)


def _of_workgroup(settings: Settings) -> Login:
    serverless = aws.client("redshift-serverless")
    name, database = settings.redshift_workgroup, settings.redshift_database
    place = serverless.get_workgroup(workgroupName=name)["workgroup"]["endpoint"]
    given = serverless.get_credentials(workgroupName=name, dbName=database, durationSeconds=_SECONDS)
    host = settings.redshift_host or place["address"]
    return Login(host, int(place["port"]), database, given["dbUser"], given["dbPassword"])


def _of_cluster(settings: Settings) -> Login:
    redshift, name, database = aws.client("redshift"), settings.redshift_cluster, settings.redshift_database
    place = redshift.describe_clusters(ClusterIdentifier=name)["Clusters"][0]["Endpoint"]
    given = redshift.get_cluster_credentials_with_iam(ClusterIdentifier=name, DbName=database, DurationSeconds=_SECONDS)
    host = settings.redshift_host or place["Address"]
    return Login(host, int(place["Port"]), database, given["DbUser"], given["DbPassword"])
