"""Cold and warm start of the landing functions, and what the check of a larger file takes, package by package.

The package is unpacked and run as Lambda runs it: a process of its own that finds the package and what Lambda's Python
brings, driven by AWS's runtime client; S3 and Secrets Manager are moto, Prefect is a stand-in.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import memory
from lambda_runtime import Function, brought, detail
from local_aws import moto, new_bucket
from prefect_place import pretend

from tasks import aws, landing_package

DAY = "inbox/2026-01-05"
RATES = b"rate_date,from_currency_code,to_currency_code,rate\n2026-01-05,USD,INR,83.10\n"
NAMES = ("check", "start", "reject")
MINE = ".".join(map(str, sys.version_info[:2]))


class Start(NamedTuple):
    """One function of one package: seconds from its event to its answer."""

    function: str
    bytecode: bool
    cold: float
    warm: float


def starts(
    package: Path,
    beside: Path,
    work: Path,
    environment: Mapping[str, str],
    rounds: int,
    names: Sequence[str] = NAMES,
) -> Iterator[Start]:
    """Cold and warm start of each function; medians of the rounds, with bytecode and without."""
    bare = work / "bare"
    shutil.copytree(package, bare, ignore=shutil.ignore_patterns("__pycache__"))
    events = _events()
    for name in names:
        found: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        # In turns, so that what else the machine does falls on both; the first round fills the page cache.
        for number in range(rounds + 1):
            for bytecode, folder in ((True, package), (False, bare)):
                log = work / f"{name}.log"
                function = Function(
                    f"tasks.landing_functions.{name}.handler", folder, beside, sys.executable, environment, log
                )
                try:
                    answers = [function.invoke(events[name]()) for _ in range(4)]
                finally:
                    function.close()
                if not all(answer.ok for answer in answers):
                    raise SystemExit(f"{name}: {next(answer.body for answer in answers if not answer.ok)}")
                if number:
                    found[bytecode].append((answers[0].seconds, median(a.seconds for a in answers[1:])))
        for bytecode, seconds in found.items():
            yield Start(name, bytecode, median(s[0] for s in seconds), median(s[1] for s in seconds))


def _events() -> dict[str, Any]:
    """For each function what makes its next event: a good file, its ruling, and a ruling of a bad one."""
    raw = new_bucket()
    aws.client("s3").put_bucket_versioning(Bucket=raw, VersioningConfiguration={"Status": "Enabled"})

    def put(name: str, body: bytes) -> dict[str, Any]:
        key = f"{DAY}/{name}"
        version = aws.client("s3").put_object(Bucket=raw, Key=key, Body=body)["VersionId"]
        return detail(raw, key, version, len(body))

    def ruling(name: str) -> dict[str, Any]:
        found = put(name, b"x")
        arrival = {"bucket": raw, "key": found["object"]["key"], "version": found["object"]["version-id"], "size": 1}
        parameters = {"source": "shop", "key": f"2026-01-05/{name}", "version": arrival["version"]}
        return {"verdict": "v", "reason": "r", "arrival": arrival, "report": {}, "parameters": parameters}

    good = put("fx_rates.csv", RATES)
    return {
        "check": lambda: good,
        "start": lambda: ruling(uuid.uuid4().hex),
        "reject": lambda: ruling(uuid.uuid4().hex),
    }


class Check(NamedTuple):
    """The check of one file of web events."""

    rows: int
    packed: int
    plain: int
    seconds: float
    peak_mib: float
    verdict: str


def check(package: Path, beside: Path, work: Path, environment: Mapping[str, str], rows: int) -> Check:
    """What a warm function takes for a file of so many events, and the most memory that its process had."""
    path = memory.write(work, rows, "jsonl.gz")
    raw = new_bucket()
    aws.client("s3").put_bucket_versioning(Bucket=raw, VersioningConfiguration={"Status": "Enabled"})
    key = f"{DAY}/web_events.jsonl.gz"
    with path.open("rb") as body:
        version = aws.client("s3").put_object(Bucket=raw, Key=key, Body=body)["VersionId"]
    event = detail(raw, key, version, path.stat().st_size)
    log = work / "large.log"
    function = Function("tasks.landing_functions.check.handler", package, beside, sys.executable, environment, log)
    try:
        function.invoke(_events()["check"]())
        answer = function.invoke(event, patience=1800)
        if not answer.ok:
            raise SystemExit(f"check: {answer.body}")
        peak = function.peak_mib()
    finally:
        function.close()
    return Check(rows, path.stat().st_size, memory.plain_bytes(path), answer.seconds, peak, answer.body["verdict"])


@contextmanager
def surroundings(archive: Path, work: Path) -> Iterator[tuple[Path, Path, dict[str, str]]]:
    """The package unpacked, what Lambda brings, and the environment of the functions."""
    package = work / "package"
    with zipfile.ZipFile(archive) as found:
        found.extractall(package)
    with moto() as address, pretend() as prefect:
        topic = aws.client("sns").create_topic(Name="landing")["TopicArn"]
        secret = aws.client("secretsmanager").create_secret(Name=f"prefect-{uuid.uuid4().hex}", SecretString="key")[
            "ARN"
        ]
        region = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
        account = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_ENDPOINT_URL": address}
        api = {"PREFECT_API_URL": prefect.address, "PREFECT_SECRET": secret, "PREFECT_DEPLOYMENT": "ingest/ingest"}
        own = {"QUARANTINE_BUCKET": new_bucket(), "ALERT_TOPIC": topic, "ENVIRONMENT": "dev"}
        yield package, brought(work / "brought"), {**region, **account, **api, **own}


def show(started: list[Start], checked: list[Check]) -> None:
    """Two tables, as docs/landing.md has them."""
    lines = ["| function | bytecode | cold, s | warm, s |", "|---|---|--:|--:|"]
    lines += [f"| {s.function} | {'yes' if s.bytecode else 'no'} | {s.cold:.2f} | {s.warm:.3f} |" for s in started]
    lines += ["", "| events | MB packed | MB plain | s | MiB at most |", "|--:|--:|--:|--:|--:|"]
    lines += [
        f"| {c.rows:,} | {c.packed / 1e6:.1f} | {c.plain / 1e6:.1f} | {c.seconds:.1f} | {c.peak_mib:,.0f} |"
        for c in checked
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, help=f"a package for Python {MINE}; without it one is made")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-landing-") as folder:
        work = Path(folder)
        archive = given.package or landing_package.build(work / "landing.zip", MINE).path
        packed = archive.stat().st_size
        with surroundings(archive, work) as (package, beside, environment):
            unpacked = sum(path.stat().st_size for path in package.rglob("*") if path.is_file())
            head = f"Python {MINE}, package {packed:,} bytes, unpacked {unpacked:,} of {landing_package.MOST_BYTES:,}"
            sys.stdout.write(f"{time.strftime('%Y-%m-%d')}, {head}, load {load()}\n\n")
            show(
                list(starts(package, beside, work, environment, given.rounds)),
                [check(package, beside, work, environment, rows) for rows in given.rows],
            )
    return 0


def load() -> str:
    """The machine's load average of a minute."""
    return Path("/proc/loadavg").read_text().split()[0] if Path("/proc/loadavg").exists() else "unknown"


if __name__ == "__main__":
    sys.exit(main())
