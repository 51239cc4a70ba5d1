"""The aws mode on this machine: settings that lead to a bucket of the local AWS and to the Redshift stand-in."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import polars as pl
from local_aws import new_bucket
from redshift_standin import Standin
from small_shop import LAYERS, load_day, read_repository

from contracts.registry import REPOSITORY
from tasks import aws
from tasks.report import RunReport
from tasks.settings import Settings
from tasks.warehouse import open_warehouse
from tasks.workspace import Workspace


def cloud_settings(home: Path, standin: Standin, repository: Path = REPOSITORY) -> Settings:
    """Settings of aws mode with a new bucket; the password is in a secret."""
    secret, bucket = f"warehouse-{uuid.uuid4().hex}", new_bucket()
    body = json.dumps({"username": standin.user, "password": standin.password})
    aws.client("secretsmanager").create_secret(Name=secret, SecretString=body)
    return Settings(
        mode="aws",
        home=home,
        repository=repository,
        threads=1,
        inbox_url=f"s3://{bucket}/inbox",
        lake_url=f"s3://{bucket}/lake",
        glue_job="curate",
        redshift_secret=secret,
        redshift_host=standin.host,
        redshift_port=standin.port,
        redshift_database=standin.database,
    )


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables that lead a `dw` of this or another process to the same place."""
    given = settings.model_dump(exclude_unset=True)
    return {f"DW_{name.upper()}": str(value) for name, value in given.items()}


def open_cloud(settings: Settings) -> Workspace:
    return Workspace(settings, *read_repository(settings.repository))


def load_cloud(settings: Settings, inbox: Path, days: Iterable[date] | None = None) -> list[RunReport]:
    """Upload deliveries and load them; one report each."""
    space = open_cloud(settings)
    try:
        space.deliveries.take_over(inbox)
        return [load_day(space, day) for day in (days or space.deliveries.days())]
    finally:
        space.close()


def cloud_tables(settings: Settings, layers: Iterable[str] = LAYERS) -> dict[str, pl.DataFrame]:
    """Every table of the layers with all its rows, in an order that only their content decides."""
    registry, _ = read_repository(settings.repository)
    found = {}
    with open_warehouse(settings) as warehouse:
        standing = warehouse.columns()
        for contract in registry.values():
            name = str(contract.table)
            if contract.table.layer in layers and name in standing:
                columns = ", ".join(f'"{column}"' for column in standing[name])
                found[name] = warehouse.query(f"SELECT {columns} FROM {name}")
    return found
