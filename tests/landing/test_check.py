"""What is to be done about a file that landed: by its name, by whether it still stands, by its content."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from lambda_runtime import detail
from landing_place import Landing

from tasks import aws
from tasks.landing_functions import check, fetch
from tasks.landing_functions.arrival import Arrival, BadEvent, Misplaced, Place
from tasks.landing_functions.check import TOO_LARGE, raw_contracts, ruling
from tasks.landing_functions.faults import PermanentFault, TemporaryFault

DAY = "inbox/2026-01-05"
RATES = b"rate_date,from_currency_code,to_currency_code,rate\n2026-01-05,USD,INR,83.10\n"


def ruled(event: dict[str, Any], **more: Any) -> dict[str, Any]:
    return ruling(Arrival.of(event), raw_contracts(), **more).to_dict()


# Names


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("inbox/2026-01-05/fx_rates.csv", Place("shop", date(2026, 1, 5), "fx_rates.csv")),
        ("inbox/online-retail/2026-01-05/x.csv", Place("online-retail", date(2026, 1, 5), "x.csv")),
    ],
)
def test_a_key_says_source_day_and_file(key: str, place: Place) -> None:
    assert Place.of(key) == place


@pytest.mark.parametrize(
    "key",
    [
        "inbox/fx_rates.csv",
        "inbox/2026-1-5/fx_rates.csv",
        "inbox/2026-02-30/fx_rates.csv",
        "inbox/20260105/fx_rates.csv",
        "inbox/2026-W02-1/fx_rates.csv",
        "inbox/shop/2026-01-05/fx_rates.csv",
        "inbox/elsewhere/2026-01-05/fx_rates.csv",
        "inbox/online-retail/2026-01-05/deeper/fx_rates.csv",
        "raw/2026-01-05/fx_rates.csv",
    ],
)
def test_any_other_key_is_refused_by_name(key: str) -> None:
    with pytest.raises(Misplaced, match=r"expected|is no day|is no source"):
        Place.of(key)


@given(
    day=st.dates(),
    name=st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1),
    source=st.sampled_from(["", "online-retail/"]),
)
def test_every_day_and_name_comes_back_as_the_key_of_the_flow(day: date, name: str, source: str) -> None:
    arrival = Arrival("b", f"inbox/{source}{day.isoformat()}/{name}", "v", 1)
    place = Place.of(arrival.key)
    said = check.Ruling("start", "accept", arrival, place).to_dict()["parameters"]
    assert said == {"source": source.rstrip("/") or "shop", "key": f"{day.isoformat()}/{name}", "version": "v"}


def test_an_event_without_a_version_is_an_error_that_says_so() -> None:
    event = detail("b", "inbox/2026-01-05/x", "v", 1)
    del event["object"]["version-id"]
    with pytest.raises(BadEvent, match=r"version-id.*is versioning on"):
        Arrival.of(event)


def test_the_idempotency_key_tells_bucket_key_and_version_apart() -> None:
    arrivals = [Arrival(b, k, v, 1) for b in ("a", "b") for k in ("k", "l") for v in ("1", "2")]
    assert len({a.idempotency_key for a in arrivals}) == len(arrivals)
    assert arrivals[0].idempotency_key == hashlib.sha256(b"a/k?versionId=1").hexdigest()


def test_contracts_that_nothing_loads_expect_no_file() -> None:
    assert {"orders", "web_events"} <= {c.table.name for c in raw_contracts()}
    assert "online_retail_lines" not in {c.table.name for c in raw_contracts()}


# By name


@pytest.mark.parametrize(
    ("key", "verdict"),
    [
        (f"{DAY}/orders.control.json", "control file"),
        (f"{DAY}/orders.2.control.json", "control file"),
        (f"{DAY}/.account.1a2b3c4d.json", "no delivery"),
        (f"{DAY}/", "no delivery"),
        ("inbox/online-retail/2026-01-05/orders.1a2b3c4d.csv.gz", "mapped file"),
    ],
)
def test_what_is_no_delivery_of_its_own_starts_nothing_and_is_not_read(key: str, verdict: str) -> None:
    found = ruled(detail("no-such-bucket", key, "v", 10))
    assert (found["action"], found["verdict"]) == ("none", verdict)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (f"{DAY}/sales.xlsx", "no contract expects sales.xlsx; they expect customers.csv.gz, "),
        (f"{DAY}/orders.csv", "no contract expects orders.csv"),
        (f"{DAY}/sales.control.json", "no contract expects sales.control.json"),
        ("inbox/2026-13-01/orders.csv.gz", "'2026-13-01' is no day"),
        ("inbox/orders.csv.gz", "expected inbox/<YYYY-MM-DD>/<file>"),
        ("inbox/online-retail/2026-01-05/export.csv", "dw run --source online-retail --path FILE"),
    ],
)
def test_a_name_that_nothing_expects_is_rejected_unread(landing: Landing, key: str, why: str) -> None:
    found = ruled(landing.deliver(key, b"x"))
    assert (found["action"], found["verdict"]) == ("reject", "reject")
    assert why in found["reason"]
    assert found["report"] == {}


# By what stands


def test_a_version_that_was_replaced_since_is_left_to_the_one_that_stands(landing: Landing) -> None:
    first = landing.deliver(f"{DAY}/fx_rates.csv", b"broken")
    second = landing.deliver(f"{DAY}/fx_rates.csv", RATES)
    found = ruled(first)
    assert (found["action"], found["verdict"]) == ("none", "superseded")
    assert second["object"]["version-id"] in found["reason"]
    assert ruled(second)["verdict"] == "accept"


def test_a_file_that_was_removed_since_starts_nothing(landing: Landing) -> None:
    event = landing.deliver(f"{DAY}/fx_rates.csv", RATES)
    aws.client("s3").delete_object(Bucket=landing.raw, Key=f"{DAY}/fx_rates.csv")
    found = ruled(event)
    assert (found["action"], found["verdict"]) == ("none", "superseded")
    assert "removed" in found["reason"]


# By content


def test_a_good_file_starts_the_flow_with_its_parameters(landing: Landing) -> None:
    event = landing.deliver(f"{DAY}/fx_rates.csv", RATES)
    found = ruled(event)
    assert (found["action"], found["verdict"], found["reason"]) == ("start", "accept", "")
    version = event["object"]["version-id"]
    assert found["parameters"] == {"source": "shop", "key": "2026-01-05/fx_rates.csv", "version": version}
    assert (found["report"]["table"], found["report"]["rows"], found["report"]["rules"]) == ("raw.fx_rates", 1, [])


def test_rows_that_would_be_set_aside_do_not_stop_the_file(landing: Landing) -> None:
    found = ruled(landing.deliver(f"{DAY}/fx_rates.csv", RATES + b"2026-01-05,EUR,INR,dear\n2026-01-05,EUR\n"))
    assert (found["action"], found["verdict"]) == ("start", "accept with quarantine")
    assert (found["report"]["rows_quarantined"], found["report"]["records_malformed"]) == (1, 1)
    assert [rule["samples"] for rule in found["report"]["rules"]] == [["dear"]]


@pytest.mark.parametrize(
    ("name", "body", "why"),
    [
        ("fx_rates.csv", b"", "the file is empty"),
        (
            "fx_rates.csv",
            b"rate_date,rate\n2026-01-05,1\n",
            "column 'from_currency_code', 'to_currency_code' is missing",
        ),
        ("orders.csv.gz", b"order_id\n", "the file is not gzip but its contract says gzip"),
        ("order_items.parquet", b"PAR1 nothing", "not a Parquet file that can be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_rejected_with_the_gates_words(
    landing: Landing, name: str, body: bytes, why: str
) -> None:
    found = ruled(landing.deliver(f"{DAY}/{name}", body))
    assert (found["action"], found["verdict"]) == ("reject", "reject")
    assert why in found["reason"]


def test_a_file_above_the_limit_goes_on_unread(landing: Landing) -> None:
    found = ruled(landing.deliver(f"{DAY}/fx_rates.csv", b"broken"), most_bytes=5)
    assert (found["action"], found["verdict"], found["report"]) == ("start", TOO_LARGE, {})
    assert found["reason"].startswith("6 bytes, at most 5 are checked; the gate checks it")


@pytest.mark.parametrize("by", ["write", "reader"])
def test_a_file_that_fills_the_disk_unpacked_goes_on(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    def full(path: Path, contract: Any) -> Any:
        if by == "write":
            raise OSError(28, "No space left on device")
        return check.FileVerdict(path, contract, fault="not a Parquet file: No space left on device (os error 28)")

    monkeypatch.setattr(check, "check_file", full)
    found = ruled(landing.deliver(f"{DAY}/fx_rates.csv", RATES))
    assert (found["action"], found["verdict"]) == ("start", TOO_LARGE)


def test_the_ruling_fits_through_the_state_machine_however_much_is_wrong(landing: Landing) -> None:
    wide = "ü" * 5000
    rows = "".join(f"{wide},{wide}{n},{wide},{wide}\n" for n in range(50))
    found = ruled(landing.deliver(f"{DAY}/fx_rates.csv", RATES + rows.encode()))
    assert len(json.dumps(found, ensure_ascii=False).encode()) < 200_000
    assert all(len(sample) <= 200 for rule in found["report"]["rules"] for sample in rule["samples"])
    assert found["report"]["rules"][0]["samples"]


def test_personal_data_are_masked_in_the_ruling(landing: Landing) -> None:
    header = ",".join(next(c for c in raw_contracts() if c.table.name == "customers").names)
    row = ",".join("someone.private@nowhere" for _ in header.split(","))
    found = ruled(landing.deliver(f"{DAY}/customers.csv.gz", gzip.compress(f"{header}\n{row}\n".encode())))
    (broken,) = [rule for rule in found["report"]["rules"] if "birth_date" in rule["id"]]
    assert broken["samples"] == ["***"]


# What S3 says, and what came


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA1", "CRC32"])
def test_a_sent_checksum_is_held_against_what_was_read(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, algorithm: str
) -> None:
    event = landing.deliver(f"{DAY}/fx_rates.csv", RATES, ChecksumAlgorithm=algorithm)
    fetch.download(Arrival.of(event), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == RATES
    true = fetch.checksums
    monkeypatch.setattr(fetch, "checksums", lambda answer: {n: v[::-1] for n, v in true(answer).items() if n != "ETag"})
    with pytest.raises(TemporaryFault, match=f"Checksum{algorithm} of what came is not what S3 holds"):
        fetch.download(Arrival.of(event), tmp_path / "x")


def test_exactly_the_version_of_the_event_is_read(landing: Landing, tmp_path: Path) -> None:
    event = landing.deliver(f"{DAY}/fx_rates.csv", RATES)
    landing.deliver(f"{DAY}/fx_rates.csv", b"newer")
    fetch.download(Arrival.of(event), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == RATES


def test_only_checksums_of_the_whole_content_are_compared() -> None:
    body = b"abc"
    md5 = hashlib.md5(body, usedforsecurity=False)
    crc = zlib.crc32(body).to_bytes(4, "big")
    plain = {"ETag": f'"{md5.hexdigest()}"', "ChecksumCRC32": base64.b64encode(crc).decode()}
    assert fetch.checksums(plain) == {"ETag": md5.digest(), "ChecksumCRC32": crc}
    # An ETag under KMS is no MD5; of an object in parts there are checksums of parts.
    assert fetch.checksums(plain | {"ServerSideEncryption": "aws:kms"}) == {"ChecksumCRC32": crc}
    assert fetch.checksums({"ETag": f'"{md5.hexdigest()}-2"', "ChecksumSHA256": "eA==-2"}) == {}
    assert fetch.checksums({**plain, "ETag": '"x-2"', "ChecksumType": "COMPOSITE"}) == {}
    assert fetch.checksums({"ChecksumCRC64NVME": "AAAA"}) == {}


def test_a_download_that_is_cut_off_is_tried_again(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    event = landing.deliver(f"{DAY}/fx_rates.csv", RATES)
    s3 = aws.client("s3")
    whole = s3.get_object

    def cut(**request: Any) -> Any:
        answer = whole(**request)
        answer["ContentLength"] += 1
        return answer

    monkeypatch.setattr(s3, "get_object", cut)
    monkeypatch.setattr(fetch, "checksums", lambda _: {})
    with pytest.raises(TemporaryFault, match=r"76 bytes came, S3 holds 77"):
        fetch.download(Arrival.of(event), tmp_path / "x")


@pytest.mark.parametrize(
    ("status", "code", "fault"),
    [
        (403, "AccessDenied", PermanentFault),
        (400, "KMS.DisabledException", PermanentFault),
        (503, "SlowDown", TemporaryFault),
        (500, "InternalError", TemporaryFault),
        (429, "TooManyRequestsException", TemporaryFault),
        (400, "ThrottlingException", TemporaryFault),
    ],
)
def test_a_refusal_is_told_from_an_aws_that_is_busy(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, status: int, code: str, fault: type[Exception]
) -> None:
    def refuse(**_: Any) -> Any:
        answer = {"Error": {"Code": code, "Message": "AKIASECRET"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(answer, "HeadObject")

    monkeypatch.setattr(aws.client("s3"), "head_object", refuse)
    with pytest.raises(fault, match=f"cannot look at s3://{landing.raw}/{DAY}/fx_rates.csv: {code}$"):
        ruled(detail(landing.raw, f"{DAY}/fx_rates.csv", "v", 10))
