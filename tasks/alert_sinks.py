"""Where alerts go: SNS where a topic is set, else a file of the home folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tasks.settings import Settings

# (everything, subject, message, attributes); raises where it was not taken.
Sink = Callable[[Mapping[str, Any], str, str, Mapping[str, str]], None]

_SNS_LONGEST = 200_000


def open_sinks(settings: Settings) -> list[Sink]:
    """The sinks of the settings; in local mode the file is written besides the topic."""
    sinks: list[Sink] = [_topic(settings.alert_topic)] if settings.alert_topic else []
    return [*sinks, _file(settings)] if settings.mode == "local" or not sinks else sinks


def _topic(arn: str) -> Sink:
    def publish(alert: Mapping[str, Any], subject: str, message: str, attributes: Mapping[str, str]) -> None:
        from tasks import aws

        topic = arn.replace("{severity}", str(alert["severity"]))
        aws.client("sns").publish(
            TopicArn=topic,
            Subject=subject,
            Message=message[:_SNS_LONGEST],
            MessageAttributes={k: {"DataType": "String", "StringValue": v} for k, v in attributes.items()},
        )

    return publish


def _file(settings: Settings) -> Sink:
    def append(alert: Mapping[str, Any], subject: str, message: str, attributes: Mapping[str, str]) -> None:
        settings.alert_file.parent.mkdir(parents=True, exist_ok=True)
        line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "subject": subject, **alert}
        with settings.alert_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    return append
