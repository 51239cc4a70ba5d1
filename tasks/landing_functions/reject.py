"""What was turned away is kept beside the reasons, and those who must know are told."""

from __future__ import annotations

import json
import logging
import os
import shlex
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from tasks import aws
from tasks.landing_functions.arrival import PREFIX, Arrival
from tasks.landing_functions.faults import told

LOG = logging.getLogger(__name__)
KEPT = "rejected/"
_SHOWN = 3
_MOST_RULES = 20
_ABSENT = ("404", "NoSuchKey", "NoSuchVersion", "NotFound")


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: a ruling in; out where the file and the reasons are, and whether somebody was told just now."""
    return turn_away(event, os.environ["QUARANTINE_BUCKET"], os.environ["ALERT_TOPIC"], os.environ["ENVIRONMENT"])


def turn_away(ruling: Mapping[str, Any], bucket: str, topic: str, environment: str) -> dict[str, Any]:
    """Copy the version, tell the topic, write the reasons; raises TemporaryFault, PermanentFault.

    The reasons come last: where they are, all has been done, and a further event of the version does nothing.
    """
    arrival = Arrival(**ruling["arrival"])
    key = kept_key(arrival)
    reasons = f"{key}.reasons.json"
    out = {"file": f"s3://{bucket}/{key}", "reasons": f"s3://{bucket}/{reasons}"}
    if _is_there(bucket, reasons):
        return {**out, "told": False}
    kept = _copy(arrival, bucket, key)
    with told(f"tell {topic}"):
        aws.client("sns").publish(
            TopicArn=topic,
            Subject=subject(arrival, environment),
            Message=message(ruling, out["file"] if kept else None, out["reasons"]),
            MessageAttributes={
                "severity": {"DataType": "String", "StringValue": "warning"},
                "environment": {"DataType": "String", "StringValue": environment},
            },
        )
    body = {**ruling, "kept": out["file"] if kept else None}
    with told(f"write {out['reasons']}"):
        aws.client("s3").put_object(
            Bucket=bucket,
            Key=reasons,
            Body=json.dumps(body, indent=2, ensure_ascii=False, sort_keys=True).encode(),
            ContentType="application/json",
        )
    LOG.info("%s version %s: rejected, kept as %s", arrival, arrival.version, out["file"])
    return {**out, "told": True}


def kept_key(arrival: Arrival) -> str:
    """Where a version is kept: below its folder of the inbox, by its version."""
    folder, _, name = arrival.key.removeprefix(PREFIX).rpartition("/")
    return f"{KEPT}{folder + '/' if folder else ''}{arrival.version}/{name}"


def _is_there(bucket: str, key: str) -> bool:
    with told(f"look at s3://{bucket}/{key}"):
        try:
            aws.client("s3").head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if aws.error_code(error) not in _ABSENT:
                raise
            return False
    return True


def _copy(arrival: Arrival, bucket: str, key: str) -> bool:
    """Whether the version could be copied: it may have been removed for good since."""
    source = {"Bucket": arrival.bucket, "Key": arrival.key, "VersionId": arrival.version}
    with told(f"copy {arrival} to s3://{bucket}/{key}"):
        try:
            # In parts where it is large; without the tags, which would need a right of their own.
            aws.client("s3").copy(source, bucket, key, ExtraArgs={"TaggingDirective": "REPLACE"})
        except ClientError as error:
            if aws.error_code(error) not in _ABSENT:
                raise
            return False
    return True


def subject(arrival: Arrival, environment: str) -> str:
    """At most 100 printable ASCII characters, as SNS wants it."""
    text = f"[{environment}] rejected: {arrival.key}".encode("ascii", "replace").decode()
    return "".join(c if c.isprintable() else "?" for c in text)[:100]


def message(ruling: Mapping[str, Any], kept: str | None, reasons: str) -> str:
    """What is wrong with the file, where it is, and what to do next; personal data are masked already."""
    arrival, report = Arrival(**ruling["arrival"]), ruling["report"]
    address = shlex.quote(str(arrival))  # whoever named the file did not write this command
    against = f" against {report['table']} {report['contract_version']}" if report else ""
    parts = [
        f"{arrival}\nversion {arrival.version}, {arrival.size:,} bytes: rejected{against}. Nothing of it was loaded.",
        f"Why: {ruling['reason']}",
    ]
    broken = [_line(rule) for rule in report.get("rules", ())]
    if broken:
        more = len(broken) - _MOST_RULES
        lines = broken[:_MOST_RULES] + ([f"  … and {more} more"] if more > 0 else [])
        parts.append("Rules that failed:\n" + "\n".join(lines))
    parts += [
        f"Kept: {kept or 'no; the version is gone'}\nReasons: {reasons}",
        "What to do next:\n"
        f"  1. The file is wrong: the sender delivers it again as {arrival.key}; a new version is checked by itself.\n"
        "  2. The contract is wrong: change and deploy it, then copy the object onto itself, which makes a version:\n"
        f"     aws s3 cp {address} {address} --metadata-directive REPLACE\n"
        "  3. It does not belong here: remove it. As long as it lies there, each daily run tells of it.\n"
        f"     aws s3 rm {address}",
    ]
    return "\n\n".join(parts)[:100_000]


def _line(rule: Mapping[str, Any]) -> str:
    found = f"{rule['failed']:,} of {rule['evaluated']:,}" if rule["failed"] else f"found {rule['observed']}"
    examples = f"; for example {', '.join(map(str, rule['samples'][:_SHOWN]))}" if rule["samples"] else ""
    return f"  - {rule['id']} ({rule['verdict']}): {found}{examples}"
