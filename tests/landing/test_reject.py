"""What was turned away is kept with the reasons beside it, and told once."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from landing_place import Landing

from tasks import aws
from tasks.landing_functions import reject
from tasks.landing_functions.arrival import Arrival
from tasks.landing_functions.check import raw_contracts, ruling
from tasks.landing_functions.faults import PermanentFault, TemporaryFault

KEY = "inbox/2026-01-05/fx_rates.csv"
BAD = b"rate_date,from_currency_code,to_currency_code\n"


def turned_away(landing: Landing, event: dict[str, Any]) -> dict[str, Any]:
    found = ruling(Arrival.of(event), raw_contracts()).to_dict()
    return reject.turn_away(found, landing.quarantine, landing.topic, "dev")


def message(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def test_exactly_that_version_is_kept_with_the_reasons_and_told(landing: Landing) -> None:
    event = landing.deliver(KEY, BAD)
    found = ruling(Arrival.of(event), raw_contracts()).to_dict()
    landing.deliver(KEY, b"newer")
    out = reject.turn_away(found, landing.quarantine, landing.topic, "dev")
    version = event["object"]["version-id"]
    key = f"rejected/2026-01-05/{version}/fx_rates.csv"
    kept = landing.kept()
    assert kept.keys() == {key, f"{key}.reasons.json"}
    assert kept[key] == BAD
    reasons = json.loads(kept[f"{key}.reasons.json"])
    assert reasons["report"]["table"] == "raw.fx_rates"
    assert "column 'rate' is missing" in reasons["reason"]
    assert reasons["kept"] == out["file"] == f"s3://{landing.quarantine}/{key}"
    (told,) = map(message, landing.told())
    assert told["Subject"] == f"[dev] rejected: {KEY}"
    assert told["MessageAttributes"]["severity"]["Value"] == "warning"
    for words in (version, "against raw.fx_rates 1.0.0", "column 'rate' is missing", out["file"], out["reasons"]):
        assert words in told["Message"]
    assert f"delivers it again as {KEY}" in told["Message"]


def test_a_further_event_of_the_version_tells_nobody_again(landing: Landing) -> None:
    event = landing.deliver(KEY, BAD)
    assert turned_away(landing, event)["told"] is True
    before = landing.kept()
    assert len(landing.told()) == 1
    assert turned_away(landing, event)["told"] is False
    assert landing.told() == []
    assert landing.kept() == before


def test_a_try_that_failed_before_the_reasons_were_written_tells_again(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = landing.deliver(KEY, BAD)
    s3 = aws.client("s3")

    def busy(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "PutObject")

    with monkeypatch.context() as patch:
        patch.setattr(s3, "put_object", busy)
        with pytest.raises(TemporaryFault, match=r"cannot write s3://.*\.reasons\.json: SlowDown"):
            turned_away(landing, event)
    assert turned_away(landing, event)["told"] is True
    assert len(landing.told()) == 2


def test_a_version_that_is_gone_for_good_is_told_without_a_copy(landing: Landing) -> None:
    event = landing.deliver(KEY, BAD)
    found = ruling(Arrival.of(event), raw_contracts()).to_dict()
    aws.client("s3").delete_object(Bucket=landing.raw, Key=KEY, VersionId=event["object"]["version-id"])
    reject.turn_away(found, landing.quarantine, landing.topic, "dev")
    (told,) = map(message, landing.told())
    assert "Kept: no; the version is gone" in told["Message"]
    assert [key for key in landing.kept() if not key.endswith(".reasons.json")] == []


def test_broken_rules_are_told_with_counts_and_masked_samples(landing: Landing) -> None:
    event = landing.deliver("inbox/2026-01-05/nothing.csv", b"x")
    found = ruling(Arrival.of(event), raw_contracts()).to_dict()
    rule = {"id": "raw.x.email.matches", "verdict": "quarantine", "failed": 1200, "evaluated": 4000, "observed": None}
    found["report"] = {"table": "raw.x", "contract_version": "2.0.0", "rules": [rule | {"samples": ["a***@b***"] * 9}]}
    text = reject.message(found, None, "s3://q/r")
    assert "raw.x.email.matches (quarantine): 1,200 of 4,000; for example a***@b***, a***@b***, a***@b***\n" in text
    found["report"]["rules"] *= 30
    assert "… and 10 more" in reject.message(found, None, "s3://q/r")


def test_a_topic_that_refuses_is_a_fault_without_a_secret(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AuthorizationError", "Message": "AKIASECRET"}}, "Publish")

    monkeypatch.setattr(aws.client("sns"), "publish", refuse)
    with pytest.raises(PermanentFault) as told:
        turned_away(landing, landing.deliver(KEY, BAD))
    assert str(told.value) == f"cannot tell {landing.topic}: AuthorizationError"


_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=150)


@given(name=_NAMES)
def test_a_subject_is_what_sns_takes_whatever_the_name(name: str) -> None:
    said = reject.subject(Arrival("b", f"inbox/2026-01-05/{name}", "v", 1), "prod")
    assert 1 <= len(said) <= 100
    assert said.isascii()
    assert said.isprintable()


@given(name=_NAMES)
def test_a_name_cannot_smuggle_a_command_into_what_is_told_to_type(name: str) -> None:
    arrival = Arrival("b", f"inbox/2026-01-05/{name}", "v", 1)
    text = reject.message({"arrival": vars(arrival), "report": {}, "reason": "r"}, None, "x")
    command = text[text.index("aws s3 rm") :]
    assert shlex.split(command) == ["aws", "s3", "rm", str(arrival)]


@given(one=_NAMES, other=_NAMES)
def test_kept_files_and_reasons_never_share_a_key(one: str, other: str) -> None:
    keys = [
        reject.kept_key(Arrival("b", f"inbox/2026-01-05/{name}", f"v{i}", 1)) for i, name in enumerate((one, other))
    ]
    assert len({*keys, *(f"{key}.reasons.json" for key in keys)}) == 4
