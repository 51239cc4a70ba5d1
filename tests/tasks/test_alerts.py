"""Alerts: told once, to the right place, in words that hold nothing personal and no secret, and ended when it works."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_aws import new_bucket

from tasks import alert_sinks, alerts, aws
from tasks.alert_log import AlertLog, FolderLog, S3Log
from tasks.alerts import MOST_PER_HOUR, WINDOW, Alert, resolve, safe, tell, told
from tasks.s3 import Store
from tasks.settings import Settings

NOW = datetime(2026, 1, 5, 2, 30, tzinfo=UTC)
BLOCKED = Alert(
    severity="critical",
    what="gate-blocked",
    text="core.fact_sales is blocked: 1 rule failed on 12 rows.",
    environment="prod",
    source="shop",
    flow="daily",
    table="core.fact_sales",
    rule="core.fact_sales.order_id.not_null",
    run_id="0f3c",
    run_link="https://prefect.example/runs/flow-run/0f3c",
    next_step="dw quality --table core.fact_sales",
)


def other(number: int) -> Alert:
    return replace(BLOCKED, table=f"core.t{number}")


def lines(settings: Settings) -> list[dict[str, Any]]:
    return [json.loads(line) for line in settings.alert_file.read_text().splitlines()]


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def cloud(local_aws: str, tmp_path: Path) -> Iterator[tuple[Settings, str]]:
    """Settings of aws mode with topics by severity, and the queue that all they say arrives in."""
    sns, sqs, name = aws.client("sns"), aws.client("sqs"), new_bucket()
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics = [sns.create_topic(Name=f"{name}-{severity}")["TopicArn"] for severity in ("critical", "warning")]
    for topic in topics:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    yield (
        Settings(
            mode="aws",
            deployment="prod",
            home=tmp_path,
            inbox_url=f"s3://{name}/inbox",
            lake_url=f"s3://{name}/lake",
            glue_job="curate",
            redshift_workgroup="w",
            alert_topic=topics[0].replace("critical", "{severity}"),
        ),
        queue,
    )
    sqs.delete_queue(QueueUrl=queue)


def received(queue: str) -> list[dict[str, Any]]:
    found = aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return sorted((json.loads(m["Body"]) for m in found), key=lambda body: body["Subject"])


# Once


def test_the_same_trouble_is_told_once_in_a_window_and_again_after_it(home: Settings) -> None:
    again = replace(BLOCKED, run_id="another", text="other words")
    assert tell(home, [BLOCKED], NOW) == [BLOCKED]
    assert tell(home, [again], NOW + WINDOW / 2) == []
    assert [(t.alert, t.repeated, t.is_open) for t in told(home)] == [(BLOCKED, 1, True)]
    assert tell(home, [again], NOW + WINDOW) == [again]
    assert [line["key"] for line in lines(home)] == [BLOCKED.key] * 2


@pytest.mark.parametrize("field", ["environment", "source", "what", "table", "rule", "batch"])
def test_another_table_rule_or_batch_is_another_trouble(home: Settings, field: str) -> None:
    assert len(tell(home, [BLOCKED, replace(BLOCKED, **{field: "other"}), BLOCKED], NOW)) == 2


def test_of_runs_that_tell_at_once_one_does(tmp_path: Path, local_aws: str) -> None:
    for log in (FolderLog(tmp_path / "log"), S3Log(Store(f"s3://{new_bucket()}/lake"))):
        with ThreadPoolExecutor(8) as pool:
            claims = list(pool.map(lambda _, log=log: alerts._claim(log, BLOCKED, NOW), range(8)))
        assert sum(claims) == 1
        ((_, record),) = list(log.records())
        assert record["repeated"] == 7


def test_both_logs_keep_what_a_change_makes_of_a_record(tmp_path: Path, local_aws: str) -> None:
    logs: list[AlertLog] = [FolderLog(tmp_path), S3Log(Store(f"s3://{new_bucket()}/lake"))]
    for log in logs:
        assert log.update("a", lambda record: None if record is None else {"n": 0}) is False
        assert log.update("a", lambda record: {"n": 1} if record is None else None) is True
        assert log.update("a", lambda record: {"n": record["n"] + 1} if record else None) is True
        assert list(log.records()) == [("a", {"n": 2})]


# Storms


def test_a_storm_is_told_as_one_alert_and_kept_whole(home: Settings) -> None:
    many = [other(number) for number in range(MOST_PER_HOUR + 5)]
    *singly, storm = tell(home, many, NOW)
    assert len(singly) == MOST_PER_HOUR
    assert (storm.what, storm.severity) == ("many-alerts", "critical")
    assert storm.text.count("gate-blocked core.t") == 5
    # All of them count as known, and the storm is told once in its hour.
    assert tell(home, [*many, other(99)], NOW + timedelta(minutes=20)) == []
    assert len(told(home)) == MOST_PER_HOUR + 5 + 1 + 1
    later = NOW + timedelta(hours=1)
    assert tell(home, [other(100)], later) == [other(100)]


def test_what_is_critical_goes_before_what_warns(home: Settings) -> None:
    warnings = [replace(other(number), severity="warning") for number in range(MOST_PER_HOUR)]
    first = tell(home, [*warnings, BLOCKED], NOW)
    assert first[0] == BLOCKED
    assert len(first) == MOST_PER_HOUR + 1


# Resolved


def test_what_works_again_is_told_once_and_may_be_told_anew(home: Settings) -> None:
    tell(home, [BLOCKED], NOW)
    (over,) = resolve(home, [BLOCKED.key, "unknown"], NOW + timedelta(minutes=5))
    assert (over.what, over.severity, over.table) == ("resolved: gate-blocked", "warning", BLOCKED.table)
    assert resolve(home, [BLOCKED.key]) == []
    assert [t.is_open for t in told(home)] == [False]
    # The watcher comes by the run that failed once more; another run that fails is news.
    assert tell(home, [BLOCKED], NOW + timedelta(minutes=10)) == []
    another = replace(BLOCKED, run_id="1a2b")
    assert tell(home, [another], NOW + timedelta(minutes=15)) == [another]
    assert [t.is_open for t in told(home)] == [True]


# Sinks


def test_sns_gets_a_subject_a_text_and_attributes_on_the_topic_of_the_severity(cloud: tuple[Settings, str]) -> None:
    settings, queue = cloud
    low = replace(BLOCKED, severity="warning", what="score-low", table="mart.café_" + "x" * 120)
    assert tell(settings, [BLOCKED, low, BLOCKED], NOW) == [BLOCKED, low]
    critical, warning = received(queue)
    assert critical["TopicArn"].endswith("-critical")
    assert warning["TopicArn"].endswith("-warning")
    assert critical["Subject"] == "[prod] critical: gate-blocked core.fact_sales"
    assert warning["Subject"].startswith("[prod] warning: score-low mart.caf?_x")
    assert len(warning["Subject"]) == 100
    for said in (BLOCKED.text, BLOCKED.rule, BLOCKED.run_link, BLOCKED.next_step, "next step: "):
        assert said in critical["Message"]
    attributes = {name: value["Value"] for name, value in critical["MessageAttributes"].items()}
    assert attributes == {
        "severity": "critical",
        "what": "gate-blocked",
        "environment": "prod",
        "source": "shop",
        "flow": "daily",
        "table": "core.fact_sales",
    }
    assert {t.alert for t in told(settings)} == {BLOCKED, low}


def test_an_alert_that_nobody_took_is_told_by_the_next_run(
    home: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionError("SNS is away; password=hunter2")

    with monkeypatch.context() as patch:
        patch.setattr(alerts, "open_sinks", lambda settings: [refuse])
        assert tell(home, [BLOCKED], NOW) == []
    assert "was not sent: SNS is away" in caplog.text
    assert "hunter2" not in caplog.text
    assert tell(home, [BLOCKED], NOW + timedelta(minutes=1)) == [BLOCKED]


def test_who_cannot_remember_tells_all_the_same(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(settings: Settings) -> AlertLog:
        raise OSError("no space left")

    monkeypatch.setattr(alerts, "open_log", broken)
    assert tell(home, [BLOCKED], NOW) == [BLOCKED]
    assert lines(home)


def test_in_local_mode_the_file_has_all_that_an_alert_knows(home: Settings) -> None:
    tell(home, [BLOCKED], NOW)
    (line,) = lines(home)
    assert {**line, "at": ""} == {"at": "", "subject": BLOCKED.subject, **BLOCKED.to_dict()}
    assert len(alert_sinks.open_sinks(home)) == 1


# Nothing personal, no secret


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("value 'asha.rao+x@example.co.in' in column note", "asha.rao"),
        ("call +91 98450 12345 now", "98450"),
        ("phone 9845012345", "9845012345"),
        ("connect postgres://pipeline:s3cr3t@host/db", "s3cr3t"),
        ("password=hunter2, user=x", "hunter2"),
        ("X-Api-Key: abcdef", "abcdef"),
        ("key AKIAABCDEFGHIJKLMNOP was refused", "AKIAABCDEFGHIJKLMNOP"),
    ],
)
def test_personal_data_and_secrets_are_hidden(home: Settings, text: str, hidden: str) -> None:
    tell(home, [replace(BLOCKED, text=text)], NOW)
    assert hidden not in home.alert_file.read_text()
    assert all(hidden not in path.read_text() for path in (home.home / "alerts").glob("*.json"))


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05/orders.csv.gz: rejected. 1,234,567 of 9,876,543 rows",
        "batch 0123456789abcdef0123456789abcdef, run 1c0b9f9e-0000-4b6e-8f3b-000000000000",
        "expected 1234567.89 in 42 rows, the first 2026-01-05 INR",
        "the secret arn:aws:secretsmanager:ap-south-1:123456789012:secret:x is gone",
    ],
)
def test_figures_days_and_ids_are_left_as_they_are(text: str) -> None:
    assert safe(text) == text


@given(st.text(max_size=300), st.text(max_size=60), st.sampled_from(["prod", "dev"]))
def test_a_subject_is_one_line_of_ascii_that_sns_takes(what: str, table: str, environment: str) -> None:
    subject = Alert("critical", what, "t", environment, table=table).subject
    assert subject.isascii()
    assert 0 < len(subject) <= 100
    assert len(subject.splitlines()) == 1
    assert subject[0] == "["
