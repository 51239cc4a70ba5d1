"""The part of `dw doctor` that asks AWS: who we are, and each right that a run needs, tried as a run uses it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from contracts.ids import LAKE_BUCKETS
from tasks import aws
from tasks.doctor import Finding
from tasks.s3 import Store
from tasks.settings import Settings
from tasks.warehouse import open_warehouse

_RIGHTS = "docs/aws.md lists the rights of a run's role"
_SKEW = 300.0


def cloud(settings: Settings) -> Iterator[Finding]:
    """Credentials, clock, then inbox, lake, Redshift, Glue and the topic of alerts."""
    try:
        answer = aws.client("sts").get_caller_identity()
    except Exception as error:
        remedy = "credentials of AWS's own chain: a profile (AWS_PROFILE), a role, or AWS_ACCESS_KEY_ID and its secret"
        yield Finding("AWS", "credentials", False, _said(error), remedy)
        return
    yield Finding("AWS", "credentials", True, str(answer["Arn"]))
    yield _clock(answer)
    inbox = Store(settings.inbox_url)
    yield _tried("inbox: list and read", settings.inbox_url, lambda: _readable(inbox))
    buckets = {Store(settings.lake_url).bucket_of(f"{layer}/"): layer for layer in LAKE_BUCKETS}
    for bucket, layer in buckets.items():
        store = Store(settings.lake_url, settings.kms_key)
        yield _tried(
            f"lake {bucket}: write, read, list, delete",
            store.uri(f"{layer}/"),
            lambda store=store, layer=layer: _writable(store, f"{layer}/_doctor/{uuid.uuid4().hex}"),
        )
    yield _tried("Redshift: log in, make tables", settings.warehouse_name, lambda: _redshift(settings))
    yield _tried("Glue: the job", settings.glue_job, lambda: aws.client("glue").get_job(JobName=settings.glue_job))
    if settings.alert_topic:
        yield Finding("AWS", "alerts", True, f"{settings.alert_topic}; `dw alerts test` tries it", is_needed=False)
    else:
        remedy = "DW_ALERT_TOPIC names an SNS topic; without it alerts stay in a file"
        yield Finding("AWS", "alerts", False, "no topic", remedy, is_needed=False)


def _tried(name: str, where: str, work: Callable[[], object]) -> Finding:
    try:
        work()
    except Exception as error:
        return Finding("AWS", name, False, f"{where}: {_said(error)}", _RIGHTS)
    return Finding("AWS", name, True, where)


def _said(error: Exception) -> str:
    """One line, without what an answer of AWS holds besides."""
    return aws.error_code(error) or (str(error).splitlines() or [type(error).__name__])[0]


def _clock(answer: Any) -> Finding:
    told = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    off = abs((datetime.now(UTC) - told).total_seconds())
    remedy = "set this machine's clock (NTP): AWS refuses requests that are 15 minutes off"
    return Finding("AWS", "clock", off < _SKEW, f"{off:,.0f} s from AWS's", remedy)


def _readable(store: Store) -> None:
    s3 = aws.client("s3")
    found = s3.list_objects_v2(Bucket=store.bucket_of(), Prefix=store.prefix, MaxKeys=1).get("Contents", ())
    for each in found:
        s3.get_object(Bucket=store.bucket_of(), Key=each["Key"], Range="bytes=0-0")


def _writable(store: Store, key: str) -> None:
    """A small object comes and goes, as objects of a run do."""
    store.send(key, b"doctor")
    try:
        if store.get(key)[0] != b"doctor":
            raise ValueError(f"{store.uri(key)}: other bytes came back than were written")
        aws.client("s3").list_objects_v2(Bucket=store.bucket_of(key), Prefix=f"{store.prefix}{key}", MaxKeys=1)
    finally:
        aws.client("s3").delete_object(Bucket=store.bucket_of(key), Key=f"{store.prefix}{key}")


def _redshift(settings: Settings) -> None:
    with open_warehouse(settings) as warehouse:
        may = warehouse.scalar(
            "SELECT CASE WHEN HAS_DATABASE_PRIVILEGE(:database, 'CREATE') THEN 1 ELSE 0 END",
            database=settings.redshift_database,
        )
    if not may:
        raise PermissionError("the user may not make schemas: GRANT CREATE ON DATABASE")
