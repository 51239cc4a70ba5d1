"""What landed is held against its raw contract, by the same compiled rules as the gate; nothing is written."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from contracts.ids import TableId
from contracts.model import Contract
from contracts.reader import read_contract
from contracts.registry import REPOSITORY
from tasks import aws
from tasks.batches import CONTROL, is_delivered_as
from tasks.landing import FileVerdict, check_file, contract_of
from tasks.landing_functions.arrival import Arrival, Misplaced, Place, Ruling
from tasks.landing_functions.faults import told
from tasks.landing_functions.fetch import download
from tasks.sources import DEFAULT

LOG = logging.getLogger(__name__)
# 256 MiB as delivered: what a function's disk of 10 GB holds ten times unpacked, twice, and its time allows.
MOST_BYTES = 256 << 20
TOO_LARGE = "too large to be checked here"
_REPORT = 120_000  # bytes: the state machine hands on 262,144
_ABSENT = ("404", "NoSuchKey", "NoSuchVersion", "NotFound", "MethodNotAllowed", "405")


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: `detail` of an event in, a ruling out; raises TemporaryFault, PermanentFault, BadEvent."""
    arrival = Arrival.of(event)
    found = ruling(arrival, raw_contracts(), int(os.environ.get("LANDING_MOST_BYTES", MOST_BYTES)))
    LOG.info("%s version %s: %s, %s", arrival, arrival.version, found.verdict, found.action)
    return found.to_dict()


@cache
def raw_contracts(root: Path = REPOSITORY) -> tuple[Contract, ...]:
    """The contracts of tables that are delivered and loaded: those that have a clean table."""
    found = []
    for path in sorted((root / "contracts" / "raw").glob("*.yaml")):
        if (root / TableId("clean", path.stem).contract_file).exists():
            found.append(read_contract(path, file=path.relative_to(root).as_posix(), validate=False))
    return tuple(found)


def ruling(arrival: Arrival, contracts: Sequence[Contract], most_bytes: int = MOST_BYTES) -> Ruling:
    """What is to be done about an arrival: by its name, by whether it still stands, by its content."""
    if arrival.name == "" or arrival.name.startswith("."):
        return Ruling("none", "no delivery", arrival, reason="hidden files and folder marks are no deliveries")
    place, fault = _placed(arrival)
    if place is not None and place.source == DEFAULT and _is_control(place.file, contracts):
        return Ruling("none", "control file", arrival, place, "it is compared when its data file is loaded")
    contract = contract_of(arrival.name, contracts)
    if place is not None and place.source != DEFAULT and contract is not None:
        return Ruling("none", "mapped file", arrival, place, "the run that mapped it loads it")
    if newest := _superseded(arrival):
        return Ruling("none", "superseded", arrival, place, newest)
    if place is None:
        return Ruling("reject", "reject", arrival, reason=fault)
    if place.source != DEFAULT:
        hint = f"a file of {place.source} is mapped first: dw run --source {place.source} --path FILE"
        return Ruling("reject", "reject", arrival, place, f"{place.file} is no raw table; {hint}")
    if contract is None:
        names = ", ".join(c.delivery.file for c in contracts if c.delivery)
        return Ruling("reject", "reject", arrival, place, f"no contract expects {place.file}; they expect {names}")
    if arrival.size > most_bytes:
        return _unchecked(arrival, place, f"{arrival.size:,} bytes, at most {most_bytes:,} are checked")
    return _by_content(arrival, place, contract)


def _placed(arrival: Arrival) -> tuple[Place | None, str]:
    try:
        return Place.of(arrival.key), ""
    except Misplaced as error:
        return None, str(error)


def _is_control(name: str, contracts: Sequence[Contract]) -> bool:
    """Whether a control file's data file would have a name that a contract gives."""
    if not name.endswith(CONTROL):
        return False
    stem = name.removesuffix(CONTROL)
    endings = ((c.delivery, c.delivery.file.partition(".")[2]) for c in contracts if c.delivery)
    return any(is_delivered_as(f"{stem}.{ending}", delivery) for delivery, ending in endings)


def _superseded(arrival: Arrival) -> str:
    """Why this version is not the one that a run would read; empty if it is."""
    with told(f"look at {arrival}"):
        try:
            now = aws.client("s3").head_object(Bucket=arrival.bucket, Key=arrival.key).get("VersionId")
        except ClientError as error:
            if aws.error_code(error) not in _ABSENT:
                raise
            return "it was removed since; nobody would find it"
    return "" if now == arrival.version else f"version {now} took its place since, and has an event of its own"


def _unchecked(arrival: Arrival, place: Place, why: str) -> Ruling:
    return Ruling("start", TOO_LARGE, arrival, place, f"{why}; the gate checks it when it is loaded")


def _by_content(arrival: Arrival, place: Place, contract: Contract) -> Ruling:
    with tempfile.TemporaryDirectory(prefix="arrival-") as folder:
        path = Path(folder) / place.file
        try:
            download(arrival, path)
            found = check_file(path, contract)
        except OSError as error:
            if not _is_full(error):
                raise
            return _unchecked(arrival, place, "unpacked it does not fit on the disk here")
    # A reader may have taken the full disk for the file's fault.
    if _is_full(found.fault):
        return _unchecked(arrival, place, "unpacked it does not fit on the disk here")
    action = "reject" if found.verdict == "reject" else "start"
    return Ruling(action, found.verdict, arrival, place, found.reason[:4000], report_of(found, arrival))


def _is_full(what: object) -> bool:
    return "No space left on device" in str(what)


def report_of(found: FileVerdict, arrival: Arrival) -> dict[str, Any]:
    """The verdict as JSON has it, without rules that hold, and with as many samples as the state machine can carry."""
    report = found.to_dict() | {"file": str(arrival)}
    del report["verdict"], report["reason"]
    report["columns_ignored"] = report["columns_ignored"][:50]
    for most in (10, 3, 1, 0):
        report["malformed"] = [m | {"reason": m["reason"][:200]} for m in report["malformed"][:most]]
        report["rules"] = [
            rule | {"samples": [_short(s) for s in rule["samples"][:most]], "observed": _short(rule["observed"])}
            for rule in report["rules"]
            if not rule["success"]
        ]
        if len(json.dumps(report, ensure_ascii=False).encode()) <= _REPORT:
            break
    return report


def _short(value: Any) -> Any:
    text = value if isinstance(value, int | float | bool | None) else str(value)
    return f"{text[:197]}..." if isinstance(text, str) and len(text) > 200 else text
