"""What is left in the local AWS after a destroy, by the tags that Terraform gave it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError


def standing(client: Callable[..., Any]) -> list[str]:
    """ARNs of what Terraform made and nobody has deleted."""
    ours = [{"Key": "ManagedBy", "Values": ["terraform"]}]
    pages = client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=ours)
    tagged = [found["ResourceARN"] for page in pages for found in page["ResourceTagMappingList"]]
    return [arn for arn in tagged if not _is_gone(arn, client)]


def _is_gone(arn: str, client: Callable[..., Any]) -> bool:
    """Whether what still has tags is none the less deleted, for those that AWS goes on to tell of for a while."""
    if ":kms:" in arn:  # deleted after a waiting time, which Terraform does not wait for
        return True
    if ":natgateway/" in arn:
        gateways = client("ec2").describe_nat_gateways(NatGatewayIds=[arn.rpartition("/")[2]])["NatGateways"]
        return all(each["State"] == "deleted" for each in gateways)
    if ":glue:" in arn:  # moto keeps the tags
        kind, _, name = arn.rpartition(":")[2].partition("/")
        key = "JobName" if kind == "job" else "Name"
        try:
            getattr(client("glue"), f"get_{kind}")(**{key: name})
        except ClientError as error:
            return error.response["Error"]["Code"] == "EntityNotFoundException"
        return False
    if ":cluster/" in arn:
        found = client("ecs").describe_clusters(clusters=[arn])["clusters"]
    elif ":service/" in arn:
        found = client("ecs").describe_services(cluster=arn.split("/")[1], services=[arn])["services"]
    elif ":task-definition/" in arn:
        found = [client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]]
    else:
        return False
    return all(each["status"] == "INACTIVE" for each in found)
