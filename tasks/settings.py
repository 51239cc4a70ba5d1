"""Settings: read once from `DW_*` at the edge (command line, flow entry) and handed down; nothing else reads them."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.ids import LAKE_BUCKETS
from contracts.registry import REPOSITORY


class Settings(BaseSettings):
    """Where data lie and what the shop's clock and money are.

    `home` holds everything that local mode writes, and the scratch files of aws mode. `*_url` are `s3://bucket/prefix`.
    No setting is a secret: Redshift's password is read from Secrets Manager (`redshift_secret`), or temporary
    credentials are asked for with the process's own role (`redshift_workgroup` or `redshift_cluster`).
    """

    model_config = SettingsConfigDict(env_prefix="DW_", frozen=True, extra="ignore")

    mode: Literal["local", "aws"] = Field("local", description="`local`: folder and DuckDB; `aws`: S3, Redshift, Glue")
    environment: str = Field("", description="prefix of all schemas: `dev` gives `dev_core`, `dev_mart`, …")
    deployment: str = Field(
        "",
        description="what alerts and metrics call it, like `prod`; without it `DW_ENVIRONMENT`, or the mode",
    )
    repository: Path = Field(REPOSITORY, description="where contracts and SQL are read from")
    home: Path = Field(
        REPOSITORY / ".warehouse",
        description="everything of local mode; in aws mode scratch files, the copy of the inbox, Prefect's database",
    )
    build_cache: Path | None = Field(
        Path("~/.cache/ecommerce-warehouse"),
        description="what is made once for all homes: SQL as engines read it, Prefect's empty database; may be removed",
    )
    source: str = Field(
        "shop", description="whose data; commands and flows set it by their option `--source`, their parameter `source`"
    )
    shop_timezone: str = Field("Asia/Kolkata", description="whose midnight ends a business day")
    reporting_currency: str = Field("INR", description="the currency of totals")
    threads: int | None = Field(None, description="threads of DuckDB; without it all cores")
    memory_limit: str | None = Field(None, description="memory of DuckDB, for example `2GB`")
    inbox_url: str = Field("", description="aws: `s3://bucket/prefix` of deliveries, `<YYYY-MM-DD>/<file>`")
    lake_url: str = Field(
        "",
        description="aws: `s3://bucket/prefix` of the lake; with `{layer}` in the bucket's name a bucket for each",
    )
    site_url: str = Field(
        "",
        description="aws: `s3://bucket/prefix` of the site, Data Docs in `data_docs`; without it `<DW_LAKE_URL>/site`",
    )
    kms_key: str = Field(
        "",
        description="aws: the key (ARN) that encrypts each object written; without it the bucket's own setting does",
    )
    redshift_host: str = Field(
        "",
        description="aws: the host, before what secret, workgroup or cluster say; its name must be in the certificate",
    )
    redshift_port: int = Field(5439, description="aws: the port that goes with `DW_REDSHIFT_HOST`")
    redshift_database: str = Field("warehouse", description="aws: the database")
    redshift_user: str = Field("", description="aws: the user, before the secret's")
    redshift_secret: str = Field(
        "",
        description="aws, one of three: a secret, JSON with `username`, `password`, and `host`, `port` if not set",
    )
    redshift_workgroup: str = Field(
        "", description="aws, one of three: a Serverless workgroup, for temporary credentials of the process's own role"
    )
    redshift_cluster: str = Field("", description="aws, one of three: a provisioned cluster, likewise")
    redshift_role: str = Field(
        "default",
        description="aws: ARN of the role of COPY and UNLOAD; `default` is the warehouse's own default",
    )
    statement_timeout: int = Field(3600, description="aws: seconds that one statement may take on Redshift")
    glue_job: str = Field("", description="aws: name of the Glue job")
    glue_timeout: int = Field(
        3600, description="aws: seconds that one lake transform may take, with waiting and retries"
    )
    alert_topic: str = Field(
        "",
        description="SNS topic (ARN) of alerts, `{severity}` in it stands for critical or warning; without it a file",
    )

    @field_validator("home", "repository")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("build_cache")
    @classmethod
    def _somewhere(cls, value: Path | None) -> Path | None:
        # A user may have no home folder, and then no cache.
        found = os.path.expanduser(value or "~")
        return None if found.startswith("~") else Path(found)

    @field_validator("shop_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{value!r} is not a time zone, for example Asia/Kolkata") from error
        return value

    @field_validator("environment")
    @classmethod
    def _prefix(cls, value: str) -> str:
        if value and not value.isidentifier():
            raise ValueError(f"environment {value!r} becomes a schema prefix: letters, digits and _ only")
        return value.lower()

    @field_validator("deployment")
    @classmethod
    def _called(cls, value: str, info: ValidationInfo) -> str:
        value = value or info.data.get("environment") or info.data.get("mode") or ""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
            raise ValueError(f"{value!r} is said in alerts and metrics: letters, digits, - and _ only")
        return value

    @field_validator("alert_topic")
    @classmethod
    def _topic(cls, value: str) -> str:
        if value and not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:([A-Za-z0-9_-]|{severity})+", value):
            raise ValueError(f"{value!r} is not the ARN of an SNS topic")
        return value

    @field_validator("inbox_url", "site_url")
    @classmethod
    def _s3(cls, value: str) -> str:
        if value and not re.fullmatch(r"s3://[a-z0-9.-]{3,63}(/[^/]+)*/?", value):
            raise ValueError(f"{value!r} is not s3://bucket/prefix")
        return value.rstrip("/")

    @field_validator("lake_url")
    @classmethod
    def _s3_by_layer(cls, value: str) -> str:
        cls._s3(value.replace("{layer}", "raw", 1))
        return value.rstrip("/")

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        if self.mode == "local":
            return self
        missing = [f"DW_{name.upper()}" for name in ("inbox_url", "lake_url", "glue_job") if not getattr(self, name)]
        ways = [self.redshift_secret, self.redshift_workgroup, self.redshift_cluster]
        if sum(map(bool, ways)) != 1:
            missing.append("one of DW_REDSHIFT_SECRET, DW_REDSHIFT_WORKGROUP, DW_REDSHIFT_CLUSTER")
        if missing:
            raise ValueError(f"mode aws needs {', '.join(missing)}")
        return self

    def for_source(self, source: str, *, shop_timezone: str, reporting_currency: str) -> Settings:
        """The same place and mode for another source: its own folder, warehouse, clock and money.

        A warehouse of its own is a file in local mode; in aws mode it is schemas and prefixes with the source's name.
        """
        update: dict[str, object] = {
            "source": source,
            "home": self.home / source,
            "shop_timezone": shop_timezone,
            "reporting_currency": reporting_currency,
        }
        if self.mode == "aws":
            urls = {name: getattr(self, name) for name in ("inbox_url", "lake_url", "site_url")}
            update |= {name: f"{url}/{source}" for name, url in urls.items() if url}
            update["environment"] = f"{self.environment}_{source}" if self.environment else source
        return self.model_copy(update=update)

    def day_end(self, day: date, after: timedelta = timedelta()) -> datetime:
        """The instant (UTC) at which a day of the shop is over, or `after` has gone by on its clock since then."""
        end = datetime.combine(day, time()) + timedelta(days=1) + after
        return end.replace(tzinfo=ZoneInfo(self.shop_timezone)).astimezone(UTC).replace(tzinfo=None)

    @property
    def inbox(self) -> Path:
        """Delivered files: `<inbox>/<YYYY-MM-DD>/<file>`."""
        return self.home / "inbox"

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def scratch(self) -> Path:
        return self.home / "scratch"

    @property
    def cache(self) -> Path:
        """Copies of what lies elsewhere, kept from run to run."""
        return self.home / "cache"

    @property
    def metrics_file(self) -> Path:
        """Where runs tell their metrics that no log keeps."""
        return self.home / "metrics.jsonl"

    @property
    def warehouse_file(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def alert_file(self) -> Path:
        """Where alerts are told without a topic, a line of JSON each."""
        return self.home / "alerts.jsonl"

    @property
    def site_at(self) -> str:
        """Where aws mode publishes the site."""
        return self.site_url or f"{self.lake_url}/site"

    @property
    def docs_at(self) -> str:
        """Where aws mode publishes Data Docs: inside the site, so that both link to each other."""
        return f"{self.site_at}/data_docs"

    @property
    def warehouse_name(self) -> str:
        """Where the warehouse is, as people are told."""
        if self.mode == "local":
            return str(self.warehouse_file)
        place = self.redshift_workgroup or self.redshift_cluster or self.redshift_host or self.redshift_secret
        schemas = f", schemas {self.environment}_*" if self.environment else ""
        return f"Redshift {place}/{self.redshift_database}{schemas}"

    @property
    def own_places(self) -> tuple[str, ...]:
        """Folders and prefixes that runs write to, and nobody else may."""
        if self.mode == "local":
            return str(self.inbox), str(self.lake)
        return self.inbox_url, *dict.fromkeys(self.lake_url.replace("{layer}", own) for own in LAKE_BUCKETS)

    @property
    def site(self) -> Path:
        """Where the static site is built."""
        return (self.scratch if self.mode == "aws" else self.home) / "site"

    @property
    def data_docs(self) -> Path:
        """Where Data Docs are rendered, inside the site; aws mode publishes them at `docs_at`."""
        return self.site / "data_docs"

    @property
    def audits(self) -> Path:
        """Where gates keep what they found, for Data Docs: on a machine that is new with each run, only this run's."""
        return (self.scratch if self.mode == "aws" else self.home) / "gx"
