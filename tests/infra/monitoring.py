"""What module monitoring says, read from its two files of data: alarms.yaml and dashboard.json.tftpl."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from terraform import INFRA, REPOSITORY

FOLDER = REPOSITORY / INFRA / "modules" / "monitoring"
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")
_SEARCH = re.compile(r"SEARCH\('\{Warehouse,([\w,]+)\} MetricName=\"(\w+)\"")


@dataclass(frozen=True)
class Use:
    """A metric of ours as an alarm or a widget uses it."""

    where: str
    name: str
    dimensions: tuple[str, ...]
    namespace: str = "Warehouse"


def alarms() -> dict[str, dict[str, Any]]:
    """Alarms by key; placeholders of Terraform stand as the text `0`."""
    return dict(yaml.safe_load(_PLACEHOLDER.sub("0", (FOLDER / "alarms.yaml").read_text())))


def widgets() -> list[dict[str, Any]]:
    """Widgets of the dashboard; a placeholder inside of a text is `0`, one that stands for a list is empty."""
    text = re.sub(r"\$\{jsonencode\(\w+\)\}", "[]", (FOLDER / "dashboard.json.tftpl").read_text())
    return list(json.loads(_PLACEHOLDER.sub("0", text))["widgets"])


def used_by_alarms() -> Iterator[Use]:
    """Metrics that alarms look at, of all namespaces."""
    for key, alarm in alarms().items():
        for metric in alarm.get("metrics", [alarm.get("metric")]):
            yield Use(f"alarm {key}", metric["name"], tuple(metric.get("dimensions", {})), metric["namespace"])


def used_by_dashboard() -> Iterator[Use]:
    """Our own metrics on the dashboard."""
    for widget in widgets():
        properties = widget["properties"]
        for entry in properties.get("metrics", []):
            found = _SEARCH.match(entry[0]["expression"]) if isinstance(entry[0], dict) else None
            if found:
                yield Use(f"widget {properties['title']!r}", found[2], tuple(found[1].split(",")))
