"""What a second plan would change after an apply to moto, by moto's fault and not by ours: each with its reason.

An entry that no longer occurs fails the test of its module, so that the list does not outlive a fault.
"""

from __future__ import annotations

from typing import NamedTuple


class Drift(NamedTuple):
    """An attribute of a resource type that moto answers otherwise than it was told."""

    module: str
    type: str
    attribute: str
    reason: str


KNOWN = (
    Drift("lake", "aws_s3_bucket_logging", "target_object_key_format", "moto forgets the format of the logs' keys"),
    Drift(
        "lake", "aws_s3_bucket_notification", "eventbridge", "moto takes the empty EventBridgeConfiguration for none"
    ),
    Drift(
        "lake",
        "aws_s3_bucket_replication_configuration",
        "rule",
        "moto forgets filter, metrics and encryption of rules",
    ),
    Drift("cost", "aws_budgets_budget", "tags_all", "moto keeps no tags of budgets"),
)
