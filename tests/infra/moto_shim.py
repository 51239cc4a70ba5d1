"""What moto lacks or answers wrongly, of what the modules call: filled here, for tests only.

`SHIMS` is the whole list of calls, `MENDS` of single values, each with why it is needed. They are put over moto's own
classes while the server runs; what is kept lies in moto's backend of service, account and region, and is gone when
that is emptied.
"""

from __future__ import annotations

import copy
import fnmatch
import inspect
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from moto.awslambda.responses import LambdaResponse
from moto.backends import get_backend
from moto.backup import urls as backup_urls
from moto.backup.responses import BackupResponse
from moto.budgets.responses import BudgetsResponse
from moto.ce.responses import CostExplorerResponse
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores, utcnow
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.glue.models import FakeConnection
from moto.glue.responses import GlueResponse
from moto.iam.access_control import IAMPolicy
from moto.logs.responses import LogsResponse
from moto.redshift.models import Cluster
from moto.redshift.responses import RedshiftResponse
from moto.s3.models import FakeBucket, FakeDeleteMarker
from moto.sqs.models import Queue
from moto.stepfunctions.responses import StepFunctionResponse

ABSENT = "moto has no such call"
Memory = dict[str, dict[str, dict[str, Any]]]
Answer = Callable[[dict[str, Any], Memory, Any], dict[str, Any]]


@dataclass(frozen=True)
class Shim:
    """One call of AWS, of the class that answers it in moto, and why moto's own answer does not do."""

    owner: type
    call: str
    answer: Answer
    why: str

    @property
    def method(self) -> str:
        return camelcase_to_underscores(self.call)


@dataclass(frozen=True)
class Mend:
    """One attribute of a class of moto's that is missing or wrong, and what follows from that."""

    owner: type
    attribute: str
    value: Any
    why: str


class _Fault(ServiceException):
    """An error as AWS would answer it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _method(shim: Shim) -> Callable[[BaseResponse], ActionResult]:
    def answer(self: BaseResponse) -> ActionResult:
        self.parse_parameters(self.normalized_request)
        backends = get_backend(str(self.service_name))[self.current_account]
        backend = backends[self.region if self.region in backends else self.partition]
        memory: Memory = backend.__dict__.setdefault("_shim", {})
        return ActionResult(shim.answer(dict(self.params), memory, self))

    return answer


@contextmanager
def over_moto() -> Iterator[None]:
    """Let moto answer the calls of SHIMS."""
    with pytest.MonkeyPatch.context() as patch:
        for shim in SHIMS:
            patch.setattr(shim.owner, shim.method, _method(shim), raising=False)
        for path in _PATHS:
            patch.setitem(backup_urls.url_paths, path, BackupResponse.dispatch)
        for mend in MENDS:
            patch.setattr(mend.owner, mend.attribute, mend.value, raising=False)
        yield


def _things(memory: Memory, kind: str) -> dict[str, dict[str, Any]]:
    return memory.setdefault(kind, {})


def _chosen(memory: Memory, kind: str, name: str | None, fault: str) -> list[dict[str, Any]]:
    found = _things(memory, kind)
    if name is None:
        return list(found.values())
    if name not in found:
        raise _Fault(fault, f"{name} does not exist")
    return [found[name]]


# Redshift: parameters of a group, schedules of snapshots, scheduled pauses, roles of a cluster.


def _modify_parameters(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    group = _things(memory, "parameters").setdefault(given["ParameterGroupName"], {})
    for parameter in given["Parameters"]:
        name = parameter["ParameterName"]
        group[name] = {"ParameterName": name, "ParameterValue": parameter["ParameterValue"], "Source": "user"}
    return {"ParameterGroupName": given["ParameterGroupName"], "ParameterGroupStatus": "applied"}


def _describe_parameters(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    return {"Parameters": list(_things(memory, "parameters").get(given["ParameterGroupName"], {}).values())}


def _create_snapshot_schedule(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    schedule = {
        "ScheduleIdentifier": given["ScheduleIdentifier"],
        "ScheduleDescription": given.get("ScheduleDescription", ""),
        "ScheduleDefinitions": list(given["ScheduleDefinitions"]),
        "Tags": list(given.get("Tags") or []),
        "AssociatedClusters": [],
    }
    _things(memory, "schedules")[given["ScheduleIdentifier"]] = schedule
    return schedule


def _describe_snapshot_schedules(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    found = copy.deepcopy(list(_things(memory, "schedules").values()))
    if name := given.get("ScheduleIdentifier"):
        found = [schedule for schedule in found if schedule["ScheduleIdentifier"] == name]
    if cluster := given.get("ClusterIdentifier"):
        found = [s for s in found if cluster in {c["ClusterIdentifier"] for c in s["AssociatedClusters"]}]
    return {"SnapshotSchedules": found}


def _delete_snapshot_schedule(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    _things(memory, "schedules").pop(given["ScheduleIdentifier"], None)
    return {}


def _modify_cluster_snapshot_schedule(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    (schedule,) = _chosen(memory, "schedules", given["ScheduleIdentifier"], "SnapshotScheduleNotFound")
    cluster = {"ClusterIdentifier": given["ClusterIdentifier"], "ScheduleAssociationState": "ACTIVE"}
    schedule["AssociatedClusters"] = [] if given.get("DisassociateSchedule") else [cluster]
    return {}


def _put_scheduled_action(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    actions = _things(memory, "actions")
    action = actions.get(given["ScheduledActionName"], {}) | {k: v for k, v in given.items() if k != "Enable"}
    action["State"] = "DISABLED" if given.get("Enable") is False else "ACTIVE"
    actions[given["ScheduledActionName"]] = action
    return action


def _describe_scheduled_actions(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    return {"ScheduledActions": _chosen(memory, "actions", given.get("ScheduledActionName"), "ScheduledActionNotFound")}


def _delete_scheduled_action(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    _things(memory, "actions").pop(given["ScheduledActionName"], None)
    return {}


def _modify_cluster_iam_roles(given: dict[str, Any], _: Memory, response: Any) -> dict[str, Any]:
    cluster = response.redshift_backend.describe_clusters(given["ClusterIdentifier"])[0]
    kept = set(cluster.iam_roles_arn or []) - set(given.get("RemoveIamRoles") or [])
    cluster.iam_roles_arn = sorted(kept | set(given.get("AddIamRoles") or []))
    return {"Cluster": cluster}


def _enable_snapshot_copy(given: dict[str, Any], _: Memory, response: Any) -> dict[str, Any]:
    named = {
        "cluster_identifier": given["ClusterIdentifier"], "destination_region": given["DestinationRegion"],
        "retention_period": given.get("RetentionPeriod", 7),
        "snapshot_copy_grant_name": given.get("SnapshotCopyGrantName"),
    }  # fmt: skip
    cluster = response.redshift_backend.enable_snapshot_copy(**named)
    cluster.cluster_snapshot_copy_status["ManualSnapshotRetentionPeriod"] = given.get(
        "ManualSnapshotRetentionPeriod", -1
    )
    return {"Cluster": cluster}


def _credentials_with_iam(given: dict[str, Any], _: Memory, response: Any) -> dict[str, Any]:
    (cluster,) = response.redshift_backend.describe_clusters(given["ClusterIdentifier"])
    until = utcnow() + timedelta(seconds=given.get("DurationSeconds") or 900)
    return {"DbUser": "IAMR:task", "DbPassword": f"for {cluster.cluster_identifier}", "Expiration": until}


# Budgets: the addresses of a notification.


def _describe_subscribers(given: dict[str, Any], _: Memory, response: Any) -> dict[str, Any]:
    budget = response.backend.budgets[given["AccountId"]][given["BudgetName"]]
    wanted = {key: given["Notification"][key] for key in ("NotificationType", "ComparisonOperator", "Threshold")}
    for notification in budget.notifications:
        if {key: notification.details[key] for key in wanted} == wanted:
            return {"Subscribers": notification.subscribers}
    raise _Fault("NotFoundException", "no such notification")


def _no_tags(given: dict[str, Any], _: Memory, __: Any) -> dict[str, Any]:
    return {"ResourceTags": []}


# Cost Explorer: anomalies.


def _create_anomaly_monitor(given: dict[str, Any], memory: Memory, response: Any) -> dict[str, Any]:
    return {"MonitorArn": _keep_cost(given, memory, response, "AnomalyMonitor", "MonitorArn", "anomalymonitor")}


def _create_anomaly_subscription(given: dict[str, Any], memory: Memory, response: Any) -> dict[str, Any]:
    kind = "AnomalySubscription"
    return {"SubscriptionArn": _keep_cost(given, memory, response, kind, "SubscriptionArn", "anomalysubscription")}


def _keep_cost(given: dict[str, Any], memory: Memory, response: Any, kind: str, name: str, path: str) -> str:
    arn = f"arn:aws:ce::{response.current_account}:{path}/{len(_things(memory, kind))}"
    _things(memory, kind)[arn] = {**given[kind], name: arn}
    tags = {tag["Key"]: tag["Value"] for tag in given.get("ResourceTags") or []}
    response.ce_backend.tag_resource(arn, [{"Key": key, "Value": value} for key, value in tags.items()])
    return arn


def _get_anomaly_monitors(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    wanted = given.get("MonitorArnList") or []
    found = _things(memory, "AnomalyMonitor")
    return {"AnomalyMonitors": [monitor for arn, monitor in found.items() if not wanted or arn in wanted]}


def _get_anomaly_subscriptions(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    wanted = given.get("SubscriptionArnList") or []
    found = _things(memory, "AnomalySubscription")
    return {"AnomalySubscriptions": [one for arn, one in found.items() if not wanted or arn in wanted]}


def _delete_anomaly_monitor(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    _things(memory, "AnomalyMonitor").pop(given["MonitorArn"], None)
    return {}


def _delete_anomaly_subscription(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    _things(memory, "AnomalySubscription").pop(given["SubscriptionArn"], None)
    return {}


def _update_cost_tags(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    for entry in given["CostAllocationTagsStatus"]:
        _things(memory, "tags")[entry["TagKey"]] = {**entry, "Type": "UserDefined"}
    return {"Errors": []}


def _list_cost_tags(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    wanted = given.get("TagKeys") or []
    return {"CostAllocationTags": [tag for key, tag in _things(memory, "tags").items() if not wanted or key in wanted]}


# CloudWatch: composite alarms; kept apart, and told beside moto's own.


def _put_composite_alarm(given: dict[str, Any], memory: Memory, response: Any) -> dict[str, Any]:
    name = given["AlarmName"]
    for named in re.findall(r'(?:ALARM|OK|INSUFFICIENT_DATA)\("?([^")]+)"?\)', given["AlarmRule"]):
        if named not in response.cloudwatch_backend.alarms and named not in _things(memory, "composite"):
            raise _Fault("ValidationError", f"the rule of {name} names no alarm: {named}")
    alarm = {key: value for key, value in given.items() if key != "Tags"} | {"StateValue": "OK"}
    alarm["AlarmArn"] = f"arn:aws:cloudwatch:{response.region}:{response.current_account}:alarm:{name}"
    alarm.setdefault("ActionsEnabled", True)
    _things(memory, "composite")[name] = alarm
    response.cloudwatch_backend.tagger.tag_resource(alarm["AlarmArn"], list(given.get("Tags") or []))
    return {}


_describe_metric_alarms = CloudWatchResponse.describe_alarms
_delete_metric_alarms = CloudWatchResponse.delete_alarms


def _describe_alarms(given: dict[str, Any], memory: Memory, response: Any) -> dict[str, Any]:
    found: Any = _describe_metric_alarms(response).result
    names = given.get("AlarmNames") or []
    composite = [alarm for name, alarm in _things(memory, "composite").items() if not names or name in names]
    return {"MetricAlarms": found["MetricAlarms"], "CompositeAlarms": composite}


def _delete_alarms(given: dict[str, Any], memory: Memory, response: Any) -> dict[str, Any]:
    for name in given.get("AlarmNames") or []:
        _things(memory, "composite").pop(name, None)
    _delete_metric_alarms(response)
    return {}


# CloudWatch Logs: saved queries.


def _put_query_definition(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    name = given.get("queryDefinitionId") or f"00000000-0000-0000-0000-{len(_things(memory, 'queries')):012}"
    _things(memory, "queries")[name] = {**given, "queryDefinitionId": name}
    return {"queryDefinitionId": name}


def _describe_query_definitions(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    prefix = given.get("queryDefinitionNamePrefix") or ""
    return {"queryDefinitions": [q for q in _things(memory, "queries").values() if q["name"].startswith(prefix)]}


def _delete_query_definition(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    return {"success": _things(memory, "queries").pop(given["queryDefinitionId"], None) is not None}


# Lambda and Step Functions.


def _invoke_dry(given: dict[str, Any], _: Memory, __: Any) -> dict[str, Any]:
    if given.get("InvocationType") != "DryRun":
        raise _Fault("ServiceException", "functions are not run here")
    return {"StatusCode": 204}


def _validate_state_machine(given: dict[str, Any], _: Memory, __: Any) -> dict[str, Any]:
    return {"result": "OK", "diagnostics": [], "truncated": False}


def _no_versions(given: dict[str, Any], _: Memory, __: Any) -> dict[str, Any]:
    return {"stateMachineVersions": []}


# Glue.


def _delete_connection(given: dict[str, Any], _: Memory, response: Any) -> dict[str, Any]:
    response.glue_backend.connections.pop(given["ConnectionName"], None)
    return {}


_connection_as_dict = FakeConnection.as_dict


def _whole_connection(self: FakeConnection, hide_password: bool = False) -> dict[str, Any]:
    return {**self.connection_input, **_connection_as_dict(self, hide_password)}


# AWS Backup: what a plan takes, and restore testing, whose paths moto does not know either.


def _create_selection(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    plan, name = given["BackupPlanId"], f"00000000-0000-0000-0000-{len(_things(memory, 'selections')):012}"
    selection = {"BackupPlanId": plan, "SelectionId": name, "CreationDate": utcnow()}
    _things(memory, "selections")[name] = {**selection, "BackupSelection": given["BackupSelection"]}
    return selection


def _get_selection(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    (found,) = _chosen(memory, "selections", given["SelectionId"], "ResourceNotFoundException")
    return found


def _delete_selection(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    _things(memory, "selections").pop(given["SelectionId"], None)
    return {}


def _backup_tags(given: dict[str, Any], _: Memory, response: Any) -> dict[str, Any]:
    return {"Tags": response.backup_backend.list_tags(given["ResourceArn"])}


def _create_testing_plan(given: dict[str, Any], memory: Memory, response: Any) -> dict[str, Any]:
    plan = given["RestoreTestingPlan"]
    name = plan["RestoreTestingPlanName"]
    arn = f"arn:aws:backup:{response.region}:{response.current_account}:restore-testing-plan:{name}"
    made = {"CreationTime": utcnow(), "RestoreTestingPlanArn": arn, "RestoreTestingPlanName": name}
    _things(memory, "testing")[name] = {**plan, **made}
    response.backup_backend.tagger.tag_resource(
        arn, [{"Key": k, "Value": v} for k, v in (given.get("Tags") or {}).items()]
    )
    return made


def _get_testing_plan(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    (plan,) = _chosen(memory, "testing", given["RestoreTestingPlanName"], "ResourceNotFoundException")
    return {"RestoreTestingPlan": plan}


def _delete_testing_plan(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    _things(memory, "testing").pop(given["RestoreTestingPlanName"], None)
    return {}


def _create_testing_selection(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    (plan,) = _chosen(memory, "testing", given["RestoreTestingPlanName"], "ResourceNotFoundException")
    selection = given["RestoreTestingSelection"]
    made = {
        "CreationTime": utcnow(),
        "RestoreTestingPlanArn": plan["RestoreTestingPlanArn"],
        "RestoreTestingPlanName": given["RestoreTestingPlanName"],
        "RestoreTestingSelectionName": selection["RestoreTestingSelectionName"],
    }
    _things(memory, "tested")[selection["RestoreTestingSelectionName"]] = {**selection, **made}
    return made


def _get_testing_selection(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    name = given["RestoreTestingSelectionName"]
    (found,) = _chosen(memory, "tested", name, "ResourceNotFoundException")
    return {"RestoreTestingSelection": found}


def _delete_testing_selection(given: dict[str, Any], memory: Memory, _: Any) -> dict[str, Any]:
    _things(memory, "tested").pop(given["RestoreTestingSelectionName"], None)
    return {}


# Security groups and buckets.


def _rule_description(self: SecurityGroupRule) -> str | None:
    found = self.ip_range.get("Description") or self.source_group.get("Description")
    return found or self.__dict__.get("_prefix_list_description")


_make_rule = SecurityGroupRule.__init__


def _rule_with_prefix_list(self: SecurityGroupRule, *arguments: Any, **named: Any) -> None:
    _make_rule(self, *arguments, **named)
    given = inspect.signature(_make_rule).bind(self, *arguments, **named).arguments.get("prefix_list_id")
    if given:
        self.__dict__["_prefix_list_description"] = given.get("Description")


_told_attributes = Queue.attributes.fget


def _attributes_as_sent(self: Queue) -> dict[str, Any]:
    told = dict(_told_attributes(self))
    if told.get("RedrivePolicy"):
        told["RedrivePolicy"] = json.dumps(json.loads(told["RedrivePolicy"]), separators=(",", ":"))
    return {name: value for name, value in told.items() if name != "RedriveAllowPolicy" or value}


def _logs_may_be_written(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
    wanted = f"arn:aws:s3:::{target_bucket.name}/{target_prefix or ''}x"
    for statement in json.loads(target_bucket.policy or b'{"Statement": []}')["Statement"]:
        principal = statement.get("Principal", {})
        if statement["Effect"] == "Allow" and principal == {"Service": "logging.s3.amazonaws.com"}:
            patterns = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            if any(fnmatch.fnmatchcase(wanted, pattern) for pattern in patterns):
                return True
    return False


def _permission_over_tls(self: FakeBucket, action: str, resource: str) -> Any:
    """What the bucket's policy says of a request over TLS: each of AWS is one, each of a test stands for one."""
    policy = json.loads(self.policy or b'{"Statement": []}')
    over_tls = [s for s in policy["Statement"] if s.get("Condition") != {"Bool": {"aws:SecureTransport": "false"}}]
    return IAMPolicy(json.dumps({**policy, "Statement": over_tls})).is_action_permitted(action, resource)


_PATHS = (r"{0}/restore-testing/plans/?$", r"{0}/restore-testing/plans/(?P<rest>.+)$")

MENDS = (
    Mend(Queue, "BASE_ATTRIBUTES", [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"], "taken, but not told again"),
    Mend(Queue, "attributes", property(_attributes_as_sent), "redrive policies: other white space; told when empty"),
    Mend(Queue, "redrive_allow_policy", None, "what is told of a queue that was given none"),
    Mend(Cluster, "cluster_availability_status", "Available", "missing; Terraform waits for it"),
    Mend(Cluster, "availability_zone_relocation_status", "disabled", "missing; no cluster is read without it"),
    Mend(Cluster, "multi_az", "Disabled", "missing; no cluster is read without it"),
    Mend(FakeConnection, "as_dict", _whole_connection, "type and other inputs of a connection are left out"),
    Mend(SecurityGroupRule, "description", property(_rule_description), "told only of rules on addresses"),
    Mend(SecurityGroupRule, "__init__", _rule_with_prefix_list, "the description of a rule on a prefix list is lost"),
    Mend(FakeDeleteMarker, "dispose", lambda _: None, "missing; no bucket is emptied whose versioning was suspended"),
    Mend(FakeBucket, "get_permission", _permission_over_tls, "a condition on TLS is not read: everything is denied"),
    Mend(
        FakeBucket, "_log_permissions_enabled_policy", staticmethod(_logs_may_be_written),
        "the policy of a bucket of logs is compared by its text: a narrower prefix is not seen to hold",
    ),
)  # fmt: skip

SHIMS = (
    Shim(RedshiftResponse, "ModifyClusterParameterGroup", _modify_parameters, ABSENT),
    Shim(RedshiftResponse, "DescribeClusterParameters", _describe_parameters, "moto tells defaults, not what was set"),
    Shim(RedshiftResponse, "CreateSnapshotSchedule", _create_snapshot_schedule, ABSENT),
    Shim(RedshiftResponse, "DescribeSnapshotSchedules", _describe_snapshot_schedules, ABSENT),
    Shim(RedshiftResponse, "DeleteSnapshotSchedule", _delete_snapshot_schedule, ABSENT),
    Shim(RedshiftResponse, "ModifyClusterSnapshotSchedule", _modify_cluster_snapshot_schedule, ABSENT),
    Shim(RedshiftResponse, "CreateScheduledAction", _put_scheduled_action, ABSENT),
    Shim(RedshiftResponse, "ModifyScheduledAction", _put_scheduled_action, ABSENT),
    Shim(RedshiftResponse, "DescribeScheduledActions", _describe_scheduled_actions, ABSENT),
    Shim(RedshiftResponse, "DeleteScheduledAction", _delete_scheduled_action, ABSENT),
    Shim(RedshiftResponse, "ModifyClusterIamRoles", _modify_cluster_iam_roles, ABSENT),
    Shim(RedshiftResponse, "GetClusterCredentialsWithIAM", _credentials_with_iam, ABSENT),
    Shim(RedshiftResponse, "EnableSnapshotCopy", _enable_snapshot_copy, "moto forgets how long manual copies are kept"),
    Shim(BackupResponse, "ListTags", _backup_tags, "moto finds a resource by a path that ends in a slash only"),
    Shim(BackupResponse, "CreateBackupSelection", _create_selection, ABSENT),
    Shim(BackupResponse, "GetBackupSelection", _get_selection, ABSENT),
    Shim(BackupResponse, "DeleteBackupSelection", _delete_selection, ABSENT),
    Shim(BackupResponse, "CreateRestoreTestingPlan", _create_testing_plan, ABSENT),
    Shim(BackupResponse, "GetRestoreTestingPlan", _get_testing_plan, ABSENT),
    Shim(BackupResponse, "DeleteRestoreTestingPlan", _delete_testing_plan, ABSENT),
    Shim(BackupResponse, "CreateRestoreTestingSelection", _create_testing_selection, ABSENT),
    Shim(BackupResponse, "GetRestoreTestingSelection", _get_testing_selection, ABSENT),
    Shim(BackupResponse, "DeleteRestoreTestingSelection", _delete_testing_selection, ABSENT),
    Shim(BudgetsResponse, "DescribeSubscribersForNotification", _describe_subscribers, ABSENT),
    Shim(BudgetsResponse, "ListTagsForResource", _no_tags, ABSENT),
    Shim(CostExplorerResponse, "CreateAnomalyMonitor", _create_anomaly_monitor, ABSENT),
    Shim(CostExplorerResponse, "GetAnomalyMonitors", _get_anomaly_monitors, ABSENT),
    Shim(CostExplorerResponse, "DeleteAnomalyMonitor", _delete_anomaly_monitor, ABSENT),
    Shim(CostExplorerResponse, "CreateAnomalySubscription", _create_anomaly_subscription, ABSENT),
    Shim(CostExplorerResponse, "GetAnomalySubscriptions", _get_anomaly_subscriptions, ABSENT),
    Shim(CostExplorerResponse, "DeleteAnomalySubscription", _delete_anomaly_subscription, ABSENT),
    Shim(CostExplorerResponse, "UpdateCostAllocationTagsStatus", _update_cost_tags, ABSENT),
    Shim(CostExplorerResponse, "ListCostAllocationTags", _list_cost_tags, ABSENT),
    Shim(GlueResponse, "DeleteConnection", _delete_connection, ABSENT),
    Shim(CloudWatchResponse, "PutCompositeAlarm", _put_composite_alarm, ABSENT),
    Shim(CloudWatchResponse, "DescribeAlarms", _describe_alarms, "moto knows no composite alarms"),
    Shim(CloudWatchResponse, "DeleteAlarms", _delete_alarms, "moto knows no composite alarms"),
    Shim(LogsResponse, "PutQueryDefinition", _put_query_definition, ABSENT),
    Shim(LogsResponse, "DescribeQueryDefinitions", _describe_query_definitions, ABSENT),
    Shim(LogsResponse, "DeleteQueryDefinition", _delete_query_definition, ABSENT),
    Shim(
        StepFunctionResponse, "ValidateStateMachineDefinition", _validate_state_machine,
        "moto has no such call; the definition is linted by the tests of landing",
    ),
    Shim(LambdaResponse, "Invoke", _invoke_dry, "moto runs functions in Docker only; the tests of landing run them"),
    Shim(StepFunctionResponse, "ListStateMachineVersions", _no_versions, ABSENT),
)  # fmt: skip
# Looked at before any of them is put over moto.
OUTLIVED = [shim.call for shim in SHIMS if shim.why == ABSENT and hasattr(shim.owner, shim.method)]
