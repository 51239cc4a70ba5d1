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
    Drift("landing", "aws_lambda_function", "logging_config", "moto does not tell how a function logs"),
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
    Drift("warehouse", "aws_redshift_cluster", "availability_zone_relocation_enabled", "moto has no such setting"),
    Drift("warehouse", "aws_redshift_cluster", "default_iam_role_arn", "moto has no default role"),
    Drift("warehouse", "aws_redshift_cluster", "maintenance_track_name", "moto has no tracks"),
    Drift("warehouse", "aws_redshift_cluster", "manual_snapshot_retention_period", "moto keeps no such number"),
    Drift(
        "warehouse", "aws_redshift_cluster", "master_password_secret_kms_key_id", "moto makes no secret of a password"
    ),
    Drift("warehouse", "aws_redshift_snapshot_copy_grant", "tags_all", "moto tells no tags of grants"),
    Drift("orchestration", "aws_ecs_service", "availability_zone_rebalancing", "moto has no such setting"),
    Drift("cost", "aws_budgets_budget", "tags_all", "moto keeps no tags of budgets"),
)
