"""What CI's roles may do, by the file that Terraform makes them from, and by which right AWS judges a call."""

from __future__ import annotations

import re

import yaml
from terraform import INFRA, REPOSITORY

_FILE = REPOSITORY / INFRA / "modules" / "ci" / "actions.yaml"
# The provider's names of services, and IAM's.
_PREFIXES = {
    "Backup": "backup", "Budgets": "budgets", "CloudWatch": "cloudwatch", "CloudWatch Logs": "logs",
    "Cost Explorer": "ce", "EC2": "ec2", "ECR": "ecr", "ECS": "ecs", "EventBridge": "events", "Glue": "glue",
    "IAM": "iam", "KMS": "kms", "Lambda": "lambda", "Redshift": "redshift", "S3": "s3", "SFN": "states",
    "SNS": "sns", "SQS": "sqs", "Secrets Manager": "secretsmanager", "STS": "sts",
}  # fmt: skip
# Calls that AWS judges by a right of another name (service authorization reference).
_OTHERWISE = {
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "s3:DeleteBucketReplication": "s3:PutReplicationConfiguration",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutBucketNotificationConfiguration": "s3:PutBucketNotification",
    "s3:PutBucketReplication": "s3:PutReplicationConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
_READS = re.compile(r":(Describe|Get|Head|List|View)")
# Needs no right; is asked for only where the provider looks up whose account it is, and may be refused.
_FREE = {"sts:GetCallerIdentity", "iam:GetUser"}
# Empties a bucket before it is destroyed, where force_destroy lets it: an administrator's work, never a deploy's.
_BY_HAND = {"s3:DeleteObjectVersion", "s3:ListBucketVersions"}
# The landing package, an object: roles.tf (LookAtPackage; DeliverBundleAndPackage).
_PACKAGE_READ = {"s3:GetObject", "s3:GetObjectTagging"}
_PACKAGE_WRITE = {"s3:DeleteObject", "s3:PutObject", "s3:PutObjectTagging"}


def right(service: str, method: str) -> str:
    """The action by which AWS judges a call."""
    action = f"{_PREFIXES[service]}:{method}"
    if action.startswith("budgets:"):
        return "budgets:ViewBudget" if _READS.search(action) and "Tags" not in method else f"budgets:{_budget(method)}"
    return _OTHERWISE.get(action, action)


def _budget(method: str) -> str:
    return method if method.endswith(("Resource", "Tags")) else "ModifyBudget"


def allowed() -> tuple[set[str], set[str]]:
    """Actions of the role that plans, and of the role that deploys."""
    plan, deploy = set(_PACKAGE_READ), set(_PACKAGE_WRITE)
    for name, entry in yaml.safe_load(_FILE.read_text()).items():
        for kind, actions in (("read", plan), ("write", deploy)):
            listed = [*entry.get(kind, []), *entry.get(f"{kind}_any", [])]
            actions |= {f"{entry.get('service', name)}:{action}" for action in listed}
    return plan, plan | deploy


def lacking(calls: set[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Rights that a plan and a deploy would lack for these calls: those that read, and those that change."""
    needed = {right(*call) for call in calls} - _FREE - _BY_HAND
    plan, deploy = allowed()
    return sorted(n for n in needed - plan if _READS.search(n)), sorted(needed - deploy)
