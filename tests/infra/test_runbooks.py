"""Each alarm has its runbook in docs/operations.md, and each runbook its alarm."""

from __future__ import annotations

import re

import monitoring
from terraform import REPOSITORY

# The lights of a severity, which alarms.tf makes of all alarms.
_LIGHTS = {"critical", "warning"}
_ALARMS = re.compile(r"^## Alarms\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^### ([a-z-]+)\n(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)


def _runbooks() -> dict[str, str]:
    found = _ALARMS.search((REPOSITORY / "docs" / "operations.md").read_text())
    assert found, "docs/operations.md has no part '## Alarms'"
    return {key: text.strip() for key, text in _SECTION.findall(found[1])}


def test_alarms_and_runbooks_are_the_same() -> None:
    expected = monitoring.alarms().keys() | _LIGHTS
    assert _runbooks().keys() == expected, sorted(_runbooks().keys() ^ expected)


def test_a_runbook_says_what_to_look_at_and_what_to_do() -> None:
    thin = [
        key
        for key, text in _runbooks().items()
        if key not in _LIGHTS and not all(f"**{part}**" in text for part in ("Look at", "Do"))
        and "**do** as under" not in text
    ]  # fmt: skip
    assert not thin, thin


def test_a_severity_is_one_of_the_two_topics() -> None:
    odd = {key: alarm["severity"] for key, alarm in monitoring.alarms().items() if alarm["severity"] not in _LIGHTS}
    assert not odd, odd
