"""What a month of an environment costs, from rows, bytes and schedule: quantities by what AWS bills, times the prices.

Everything is linear or in steps, and grows with rows and bytes. Left out are taxes, free tiers, discounts, the queries
of analysts (a paused cluster that they wake costs its hours) and what costs cents (SNS, SQS, EventBridge, budgets).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.registry import Registry
from tasks.metrics import METRICS, OF_RUN, OF_TABLE
from tasks.settings import Settings
from tasks.warehouse import has_warehouse, open_warehouse

T = TypeVar("T", bound=BaseModel)
_ENVIRONMENTS = Path("infra/terraform/environments")
GB = 1e9
WEEK_HOURS, MONTH_DAYS = 168, 365 / 12
FLOWS = 6
_PART = 16 << 20
_FREE_DISK_GB = 20


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Strict):
    """USD `per` a unit (perhaps a number of them: `1000 requests`), as of a date, with the page it belongs to."""

    usd: float = Field(gt=0)
    per: str
    region: str
    date: date
    basis: Literal["quoted", "assumed"]
    source: str = Field(pattern=r"^https://")
    note: str = ""

    @property
    def unit(self) -> str:
        return self.per.split(" ")[-1]

    @property
    def usd_per_unit(self) -> float:
        count, _, unit = self.per.rpartition(" ")
        return self.usd / (int(count) if unit and count else 1)


class Prices(_Strict):
    """The price table: one file, reviewed."""

    region: str
    hours_per_month: float = Field(gt=0)
    prices: dict[str, Price]

    def __getitem__(self, name: str) -> Price:
        return self.prices[name]


class _Network(BaseModel):
    availability_zones: int = Field(ge=1)
    nat: Literal["none", "single", "per_az"]
    interface_endpoints: list[str] | None = None


class _Lake(BaseModel):
    noncurrent_days: int = Field(ge=0)
    infrequent_days: int = Field(ge=0)
    glacier_days: int = Field(ge=0)


class _Warehouse(BaseModel):
    node_type: str
    nodes: int = Field(ge=1)
    office_hours: bool


class _Glue(BaseModel):
    worker_type: Literal["G.1X", "G.2X", "G.4X", "G.8X"]
    workers: int = Field(ge=0)


class _FlowRun(BaseModel):
    cpu: int = Field(gt=0)
    memory_mib: int = Field(gt=0)
    disk_gib: int = Field(ge=0)


class Built(BaseModel):
    """What Terraform builds from an environment's own file; what costs nothing in there is left alone."""

    network: _Network
    lake: _Lake
    warehouse: _Warehouse
    glue: _Glue
    flow_run: _FlowRun
    workers: int = Field(ge=0)
    replication: bool
    backup_days: int = Field(ge=0)
    log_days: int = Field(ge=0)

    @property
    def nat_gateways(self) -> int:
        return {"none": 0, "single": 1, "per_az": self.network.availability_zones}[self.network.nat]

    @property
    def glue_dpu(self) -> int:
        return self.glue.workers * int(self.glue.worker_type[2])


class Modules(_Strict):
    """What every environment is built with."""

    interface_endpoints: int = Field(ge=0)
    worker_vcpu: float = Field(ge=0)
    worker_memory_gb: float = Field(ge=0)
    lambda_memory_mb: int = Field(gt=0)
    office_hours_per_day: float = Field(ge=0, le=24)
    office_days_per_week: float = Field(ge=0, le=7)
    alarms: int = Field(ge=0)
    dashboards: int = Field(ge=0)
    secrets: int = Field(ge=0)


class Used(_Strict):
    """How it is used; `history_days` are the days that have piled up in the month that is estimated."""

    rows_per_day: float = Field(ge=0)
    bytes_per_day: float = Field(ge=0)
    history_days: int = Field(ge=0)
    runs_per_day: float = Field(ge=0)
    files_per_day: float = Field(ge=0)
    lake_bytes_per_delivered_byte: float = Field(ge=0)
    warehouse_bytes_per_row: float = Field(ge=0)
    run_minutes: float = Field(ge=0)
    run_minutes_per_million_rows: float = Field(ge=0)
    glue_runs_per_day: float = Field(ge=0)
    glue_minutes: float = Field(ge=0)
    glue_minutes_per_million_rows: float = Field(ge=0)
    requests_put_per_run: float = Field(ge=0)
    requests_get_per_run: float = Field(ge=0)
    log_gb_per_day: float = Field(ge=0)
    image_gb: float = Field(ge=0)


@dataclass(frozen=True)
class Environment:
    """An environment: what is built of it and of all, and how it is used."""

    built: Built
    modules: Modules
    used: Used


@dataclass(frozen=True)
class Measured:
    """What a local warehouse shows: its place, delivered rows and bytes, bytes of its lake and of its own file."""

    where: str
    rows: int
    delivered_bytes: int
    lake_bytes: int
    warehouse_bytes: int


@dataclass(frozen=True)
class Line:
    """One item of the bill: a quantity of what a price is for."""

    component: str
    item: str
    quantity: float
    price: str
    unit: str
    usd: float
    is_confirmed: bool


def read_prices(root: Path) -> Prices:
    """The price table of a repository; raises ValueError with the file where it is wrong."""
    return _read(Prices, root / "infra" / "prices.yaml")


def read_environment(root: Path, name: str) -> Environment:
    """What an environment is taken to be; raises ValueError where there is none, or a file of it is wrong."""
    known = environments(root)
    if name not in known:
        raise ValueError(f"no environment {name!r} in {root / _ENVIRONMENTS}; one of {', '.join(known)}")
    return Environment(
        _read(Built, root / _ENVIRONMENTS / name / "environment.yaml"),
        _read(Modules, root / "infra" / "cost" / "modules.yaml"),
        _read(Used, root / "infra" / "cost" / f"{name}.yaml"),
    )


def environments(root: Path) -> list[str]:
    """The environments that can be estimated."""
    return sorted(path.parent.name for path in (root / _ENVIRONMENTS).glob("*/environment.yaml"))


def with_volume(used: Used, rows: float | None, delivered: float | None, measured: Measured | None) -> Used:
    """The usage at another volume, at the measured sizes if there are any.

    Of rows and bytes that are not both given, one follows from the other, by what is measured or else assumed.
    """
    if measured and measured.rows and measured.delivered_bytes:
        row_bytes = measured.delivered_bytes / measured.rows
        used = used.model_copy(
            update={
                "lake_bytes_per_delivered_byte": measured.lake_bytes / measured.delivered_bytes,
                "warehouse_bytes_per_row": measured.warehouse_bytes / measured.rows,
                "bytes_per_day": used.rows_per_day * row_bytes,
            }
        )
    else:
        row_bytes = used.bytes_per_day / used.rows_per_day if used.rows_per_day else 0.0
    if rows is None and delivered is not None:
        rows = delivered / row_bytes if row_bytes else used.rows_per_day
    elif rows is not None and delivered is None:
        delivered = rows * row_bytes
    given = {"rows_per_day": rows, "bytes_per_day": delivered}
    return used.model_copy(update={name: value for name, value in given.items() if value is not None})


def measure(settings: Settings) -> Measured | None:
    """The sizes of the local warehouse, if there is one that has loaded something."""
    if settings.mode != "local" or not has_warehouse(settings):
        return None
    with open_warehouse(settings, read_only=True) as warehouse:
        said = "SELECT SUM(delivered_rows) AS n, SUM(bytes) AS size FROM audit.load_ledger WHERE status = 'loaded'"
        rows, delivered = warehouse.query(said).row(0)
    if not rows:
        return None
    lake = sum(path.stat().st_size for path in settings.lake.rglob("*") if path.is_file())
    return Measured(str(settings.home), int(rows), int(delivered), lake, settings.warehouse_file.stat().st_size)


def metric_count(registry: Registry) -> int:
    """How many custom metrics CloudWatch keeps: what tables of each kind tell, by table and in all, and each flow."""
    of_table, of_run = (sum(metric.dimensions == kind for metric in METRICS) for kind in (OF_TABLE, OF_RUN))
    delivered = sum(1 for c in registry.layer("raw") if c.delivery)
    judged = len(registry.layer("clean"))
    # RowsLoaded, Seconds, GateBlocked, QualityScore.
    computed = 4 * sum(len(registry.layer(layer)) for layer in ("curated", "core", "mart"))
    return delivered * of_table + judged + computed + FLOWS * of_run + of_table + of_run


def estimate(environment: Environment, prices: Prices, metrics: int) -> list[Line]:
    """A month's bill, line by line."""
    if (node := f"redshift.{environment.built.warehouse.node_type}") not in prices.prices:
        raise ValueError(f"infra/prices.yaml has no price of {node}")
    return [
        _line(prices, component, item, quantity, price)
        for component, item, quantity, price in (
            *_warehouse(environment, prices.hours_per_month),
            *_lake(environment),
            *_runs(environment, prices.hours_per_month),
            *_network(environment, prices.hours_per_month),
            *_watching(environment, metrics),
        )
    ]


def by_component(lines: list[Line]) -> dict[str, float]:
    """USD per component, the dearest first."""
    found: dict[str, float] = {}
    for line in lines:
        found[line.component] = found.get(line.component, 0.0) + line.usd
    return dict(sorted(found.items(), key=lambda item: -item[1]))


_Item = tuple[str, str, float, str]


def _warehouse(env: Environment, hours: float) -> Iterator[_Item]:
    built, used, modules = env.built, env.used, env.modules
    office = modules.office_hours_per_day * modules.office_days_per_week / WEEK_HOURS
    node_hours = built.warehouse.nodes * hours * (office if built.warehouse.office_hours else 1.0)
    stored = used.rows_per_day * used.history_days * used.warehouse_bytes_per_row / GB
    daily = used.rows_per_day * used.warehouse_bytes_per_row / GB
    yield "Redshift", "nodes", node_hours, f"redshift.{built.warehouse.node_type}"
    yield "Redshift", "managed storage", stored, "redshift.storage"
    # Of RA3 each backup is billed whole, however little changed since the one before; automated snapshots cost nothing.
    yield "Backups", "of the warehouse, one a day", stored * built.backup_days, "redshift.snapshot"
    copied = 1.0 if built.replication else 0.0
    yield "Backups", "snapshot in the other region", stored * copied, "redshift.snapshot"
    yield "Backups", "transfer of snapshots", daily * MONTH_DAYS * copied, "transfer.region"


def _lake(env: Environment) -> Iterator[_Item]:
    built, used = env.built, env.used
    # The delivery stays in the inbox, and goes through the layers.
    daily = used.bytes_per_day * (1 + used.lake_bytes_per_delivered_byte) / GB
    standard = min(used.history_days, built.lake.infrequent_days)
    infrequent = max(0, min(used.history_days, built.lake.glacier_days) - built.lake.infrequent_days)
    archive = max(0, used.history_days - max(built.lake.glacier_days, built.lake.infrequent_days))
    yield "S3", "newest days", daily * standard, "s3.standard"
    yield "S3", "older days", daily * infrequent, "s3.infrequent"
    yield "S3", "archived days", daily * archive, "s3.archive"
    # What is written anew (curated files, manifests) leaves a version behind: at most a delivery's worth a day.
    yield (
        "S3",
        "earlier versions",
        used.bytes_per_day / GB * min(used.history_days, built.lake.noncurrent_days),
        "s3.standard",
    )
    runs = used.runs_per_day * MONTH_DAYS
    parts = daily * GB / _PART * MONTH_DAYS
    yield "S3", "writing requests", used.requests_put_per_run * runs + parts, "s3.put"
    yield "S3", "reading requests", used.requests_get_per_run * runs + parts, "s3.get"
    copied = daily if built.replication else 0.0
    # Of the lake a backup holds what is new.
    yield "Backups", "of the lake", daily * used.history_days if built.backup_days else 0.0, "backup.s3"
    yield "Backups", "of the lake, in the other region", copied * used.history_days, "backup.s3"
    yield "Backups", "transfer of the lake's", copied * MONTH_DAYS, "transfer.region"
    yield "Replication", "replica", copied * used.history_days, "replica.infrequent"
    yield "Replication", "within 15 minutes", copied * MONTH_DAYS, "replica.control"
    yield "Replication", "transfer to the other region", copied * MONTH_DAYS, "transfer.region"


def _runs(env: Environment, hours: float) -> Iterator[_Item]:
    built, used, modules = env.built, env.used, env.modules
    millions = used.rows_per_day / 1e6
    minutes = used.runs_per_day * used.run_minutes + millions * used.run_minutes_per_million_rows
    run_hours = minutes / 60 * MONTH_DAYS
    yield "Fargate", "runs, vCPU", run_hours * built.flow_run.cpu / 1024, "fargate.vcpu"
    yield "Fargate", "runs, memory", run_hours * built.flow_run.memory_mib / 1024, "fargate.gb"
    yield "Fargate", "runs, disk", run_hours * max(0.0, built.flow_run.disk_gib - _FREE_DISK_GB), "fargate.disk"
    yield "Fargate", "worker, vCPU", hours * built.workers * modules.worker_vcpu, "fargate.vcpu"
    yield "Fargate", "worker, memory", hours * built.workers * modules.worker_memory_gb, "fargate.gb"
    glue = used.glue_runs_per_day * used.glue_minutes + millions * used.glue_minutes_per_million_rows
    yield "Glue", "lake transforms", glue / 60 * MONTH_DAYS * built.glue_dpu, "glue.dpu"
    files = used.files_per_day * MONTH_DAYS
    # Choose, check, decide, start or turn away, end.
    yield "Landing", "transitions", files * 6, "states.transition"
    yield "Landing", "calls of functions", files * 2, "lambda.request"
    seconds = files * 3 + used.rows_per_day * MONTH_DAYS / 200_000
    yield "Landing", "time of functions", seconds * modules.lambda_memory_mb / 1024, "lambda.gb_second"
    yield "Images", "stored", used.image_gb, "ecr.stored"


def _network(env: Environment, hours: float) -> Iterator[_Item]:
    built, used = env.built, env.used
    yield "NAT", "gateways", built.nat_gateways * hours, "nat.hour"
    yield "NAT", "public addresses", built.nat_gateways * hours, "ipv4.hour"
    # S3 has a gateway endpoint: what is left are requests, logs and images.
    image_pulls = used.runs_per_day * MONTH_DAYS * 1.0
    talk = used.log_gb_per_day * MONTH_DAYS + image_pulls
    named = built.network.interface_endpoints
    endpoints = env.modules.interface_endpoints if named is None else len(named)
    yield "NAT", "data", talk if built.nat_gateways and not endpoints else 0.0, "nat.gb"
    yield "Endpoints", "interface endpoints", endpoints * built.network.availability_zones * hours, "endpoint.hour"
    yield "Endpoints", "data", talk if endpoints else 0.0, "endpoint.gb"


def _watching(env: Environment, metrics: int) -> Iterator[_Item]:
    used, modules = env.used, env.modules
    yield "CloudWatch", "metrics of tables and runs", metrics, "cloudwatch.metric"
    yield "CloudWatch", "alarms", modules.alarms, "cloudwatch.alarm"
    yield "CloudWatch", "dashboards", modules.dashboards, "cloudwatch.dashboard"
    yield "CloudWatch", "logs taken in", used.log_gb_per_day * MONTH_DAYS, "logs.ingested"
    yield "CloudWatch", "logs kept", used.log_gb_per_day * env.built.log_days, "logs.stored"
    yield "Keys and secrets", "keys", 2 if env.built.replication else 1, "kms.key"
    requests = (used.requests_put_per_run + used.requests_get_per_run) * used.runs_per_day * MONTH_DAYS
    yield "Keys and secrets", "requests of keys", requests, "kms.requests"
    yield "Keys and secrets", "secrets", modules.secrets, "secrets.secret"


def _line(prices: Prices, component: str, item: str, quantity: float, name: str) -> Line:
    price = prices[name]
    is_confirmed = price.basis == "quoted"
    return Line(component, item, quantity, name, price.unit, quantity * price.usd_per_unit, is_confirmed)


def _read(kind: type[T], path: Path) -> T:
    try:
        return kind.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        said = (
            "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            if isinstance(error, ValidationError)
            else str(error)
        )
        raise ValueError(f"{path}: {said}") from error
