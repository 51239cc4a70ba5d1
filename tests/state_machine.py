"""The definition of the landing's state machine, for who runs it and who lints it."""

from __future__ import annotations

import json
import re
from typing import Any

from contracts.registry import REPOSITORY

ASL = REPOSITORY / "infra/terraform/modules/landing/state_machine.asl.json"
NAMES = ("check", "start", "reject")


def definition(**values: str) -> dict[str, Any]:
    """The state machine as Terraform renders it."""
    numbers = {f"{name}_seconds": "300" for name in NAMES}
    given = {"partition": "aws", **{f"{name}_arn": name for name in NAMES}, "dlq_url": "q", **numbers, **values}
    rendered: dict[str, Any] = json.loads(re.sub(r"\$\{(\w+)\}", lambda found: given[found[1]], ASL.read_text()))
    return rendered
